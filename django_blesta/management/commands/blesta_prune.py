"""Delete what is kept for a time only, as the daily task does."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS
from django.utils.translation import gettext as _

from django_blesta import management
from django_blesta.exceptions import NotConfigured
from django_blesta.sync.forgetting import forget_old


class Command(BaseCommand):
    help = "Delete history, runs, calls and signs of life that are older than the setting says."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="Alias of the installation in BLESTA.")

    def handle(self, *args: Any, **options: Any) -> None:
        using = options["database"]
        management.ensure_migrated(using)
        try:
            deleted = forget_old(using)
        except NotConfigured as error:
            raise CommandError(str(error)) from None
        for name, count in deleted.items():
            self.stdout.write(_("%(name)s: %(count)d deleted") % {"name": name, "count": count})
