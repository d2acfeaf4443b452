"""Blesta, the billing platform, as ordinary Django models, with writes that tell the truth."""

from __future__ import annotations

__version__ = "0.1.0.dev0"
