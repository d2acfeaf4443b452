"""Faces for the command line."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connections
from django.utils.translation import gettext as _


def ensure_migrated(using: str) -> None:
    """Raise CommandError while a migration of this app is not applied to that database: its tables may be missing."""
    if using not in settings.DATABASES:
        return
    # Reads every migration of the site, so not before a command asks.
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connections[using])
    wanted = [node for node in executor.loader.graph.leaf_nodes() if node[0] == "django_blesta"]
    if any(migration.app_label == "django_blesta" for migration, _backwards in executor.migration_plan(wanted)):
        option = "" if using == "default" else f" --database {using}"
        sentence = _("The tables of django_blesta are not up to date: run “manage.py migrate%(option)s” first.")
        raise CommandError(sentence % {"option": option})
