"""The demo site with the example of a mirror of its own."""

from __future__ import annotations

from testproject.settings import *  # noqa: F403  (a settings module is a namespace)
from testproject.settings import INSTALLED_APPS as WITHOUT_IT

INSTALLED_APPS = ["testproject.uptime", *WITHOUT_IT]
