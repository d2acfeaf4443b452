"""`manage.py blesta_sync`: bring the mirror up to date, show how it goes, and end with what came of it."""

from __future__ import annotations

import shutil
from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS
from django.utils.translation import gettext as _

from django_blesta import conf, management, sync
from django_blesta.exceptions import BlestaError
from django_blesta.models import QuarantinedRow, SyncRun, mirror_named


class Command(BaseCommand):
    help = "Mirror Blesta's resources into this database. Ends with 1 unless every resource is complete."
    # Mistakes in the BLESTA setting get one sentence below instead of a page of checks.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "resources", nargs="*", help="Mirrors by name (client, invoice, myapp.widget); default: all."
        )
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="Which installation of BLESTA, by its alias.")
        parser.add_argument("--company", type=int, action="append", help="Only this company's id; may be repeated.")
        parser.add_argument(
            "--rows-only",
            action="store_true",
            help="Only what listings show: no request per changed row, none per parent (contacts, numbers, payments).",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        using = options["database"]
        try:
            chosen = [mirror_named(name) for name in options["resources"]] or None
        except LookupError as error:
            raise CommandError(str(error)) from None
        bar = Bar(self)
        management.ensure_migrated(using)
        try:
            conf.installation(using)
            runs = sync.run(
                chosen,
                using=using,
                company_ids=options["company"],
                details=not options["rows_only"],
                scoped=not options["rows_only"],
                progress=bar,
            )
        except BlestaError as error:
            bar.clear()
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            bar.clear()
            raise CommandError(_("Interrupted. What was stored stays; run again to go on."), returncode=130) from None
        self._print_table(runs)
        self._print_quarantined(runs, using)
        incomplete = [run for run in runs if run.state != SyncRun.State.COMPLETE]
        if incomplete:
            lines = [f"  {run.resource.partition('.')[2]}: {run.error}" for run in incomplete]
            raise CommandError("\n".join([_("Not complete:"), *lines]))

    def _print_table(self, runs: list[SyncRun]) -> None:
        heads = ["resource", "company", "state", "rows", "created", "changed", "unchanged", "quarantined", "requests"]
        rows = [
            [
                run.resource.partition(".")[2],
                str(run.company_id),
                str(run.state),
                str(run.fetched),
                str(run.created),
                str(run.changed),
                str(run.unchanged),
                str(run.quarantined),
                str(run.requests),
            ]
            for run in runs
        ]
        sums = [str(sum(int(row[i]) for row in rows)) for i in range(3, len(heads))]
        rows.append(["total", "", "", *sums])
        widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
        for row in [heads, *rows]:
            cells = [
                cell.ljust(w) if i < 3 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
            ]
            self.stdout.write("  ".join(cells).rstrip())

    def _print_quarantined(self, runs: list[SyncRun], using: str) -> None:
        labels = {run.resource for run in runs if run.quarantined}
        for row in (
            QuarantinedRow.objects.using(using).filter(resource__in=labels).order_by("resource", "remote_id")[:20]
        ):
            self.stderr.write(f"quarantined: {row.resource} {row.remote_id}: {row.column or 'row'}: {row.sentence}")


class Bar:
    """A line that redraws itself on a terminal, and one plain line per resource elsewhere."""

    def __init__(self, command: BaseCommand) -> None:
        self._out = command.stdout
        self._live = command.stdout.isatty()
        self._title, self._done, self._drawn = "", 0, 0.0
        self._expected: int | None = None

    def begin(self, run: SyncRun, title: str, expected: int | None) -> None:
        self._title, self._done, self._expected, self._drawn = title, 0, expected, 0.0
        self._draw()

    def advance(self, run: SyncRun, rows: int) -> None:
        self._done += rows
        self._draw()

    def end(self, run: SyncRun) -> None:
        self.clear()
        if not self._live:
            self._out.write(f"{self._title or run.resource}: {run.fetched} rows, {run.state}")

    def clear(self) -> None:
        if self._live:
            self._out.write("\r\033[K", ending="")
            self._out.flush()

    def _draw(self) -> None:
        now = monotonic()
        if not self._live or (now - self._drawn < 0.05 and self._done != self._expected):
            return
        self._drawn = now
        width = max(10, min(40, shutil.get_terminal_size().columns - 50))
        if self._expected:
            filled = min(width, width * self._done // self._expected)
            gauge = f"[{'#' * filled}{'.' * (width - filled)}] {self._done}/{self._expected}"
        else:
            gauge = f"{self._done}"
        self._out.write(f"\r\033[K{self._title:<24.24} {gauge}", ending="")
        self._out.flush()
