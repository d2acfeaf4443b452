"""Remove one client's personal data from every local table."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS
from django.utils.translation import gettext as _

from django_blesta import management, sync
from django_blesta.exceptions import BlestaError
from django_blesta.models import Client
from django_blesta.sync.erase import erase


class Command(BaseCommand):
    help = "Remove a client and everything that speaks of the person from this site's tables. Blesta is left alone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("client", type=int, help="Blesta's id of the client.")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="Alias of the installation in BLESTA.")
        parser.add_argument(
            "--anyway", action="store_true", help="Do not ask Blesta first; what it still has comes back with a sync."
        )
        parser.add_argument("--no-input", action="store_false", dest="interactive", help="Do not ask for a yes.")

    def handle(self, *args: Any, **options: Any) -> None:
        using, client_id = options["database"], options["client"]
        management.ensure_migrated(using)
        if not options["anyway"]:
            self._see_that_blesta_is_done(client_id, using)
        if options["interactive"]:
            answer = input(_("Remove client %(id)d from this site for good? Type its id: ") % {"id": client_id})
            if answer.strip() != str(client_id):
                raise CommandError(_("Nothing was removed."))
        try:
            counted = erase(client_id, using=using)
        except BlestaError as error:
            raise CommandError(str(error)) from None
        for name, count in sorted(counted.items()):
            self.stdout.write(f"{name}: {count}")
        if not counted:
            self.stdout.write(_("Nothing of client %(id)d is left here.") % {"id": client_id})

    def _see_that_blesta_is_done(self, client_id: int, using: str) -> None:
        try:
            row = sync.ask(Client, client_id, using=using)
        except BlestaError as error:
            sentence = _("Blesta could not be asked whether it still has this client: %(error)s Use --anyway to go on.")
            raise CommandError(sentence % {"error": error}) from None
        if row is not None:
            sentence = _(
                "Blesta still has this client, so the next sync would bring it back. Delete or make it anonymous"
                " there first, or use --anyway."
            )
            raise CommandError(sentence)
