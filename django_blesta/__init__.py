"""Blesta, the billing platform, as ordinary Django models, with writes that tell the truth."""

from __future__ import annotations

import logging

__version__ = "0.1.0.dev0"

# On a site that sets no LOGGING, Python would print our warnings as a second, bare line on stderr.
logging.getLogger("django_blesta").addHandler(logging.NullHandler())
