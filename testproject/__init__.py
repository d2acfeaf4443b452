"""The demo site, which is also the project that the tests run in: a small site that bills with Blesta."""

from __future__ import annotations

from testproject.celery import app as celery_app

__all__ = ["celery_app"]
