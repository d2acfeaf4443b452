"""How Sphinx builds the documentation: `make docs`."""

from __future__ import annotations

import re
from pathlib import Path

_INIT = Path(__file__).resolve().parent.parent / "django_blesta" / "__init__.py"
_VERSION = re.search(r'^__version__ = "(.+)"$', _INIT.read_text(encoding="utf-8"), re.MULTILINE)
assert _VERSION  # noqa: S101  (no version, no documentation)

project = "django-blesta"
author = "The django-blesta maintainers"
project_copyright = "The django-blesta maintainers"
release = version = _VERSION[1]

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"django-blesta {release}"
html_copy_source = False
html_show_sphinx = False
