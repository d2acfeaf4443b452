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
from django_blesta.management.tables import aligned, shown
from django_blesta.models import Mirror, QuarantinedRow, SyncRun, mirror_named
from django_blesta.sync import identity
from django_blesta.sync.comparison import NOTHING, Difference
from django_blesta.sync.plan import scopes
from django_blesta.sync.preview import Forecast, Step, Verb, preview

# What a dry run calls the steps that it foresees.
VERBS: dict[Verb, str] = {
    "create": "created",
    "change": "changed",
    "detail": "detail changed",
    "return": "back",
    "rewrite": "rewritten",
    "ask": "not shown",
    "remove": "removed",
    "quarantine": "quarantined",
}


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
        instead = parser.add_mutually_exclusive_group()
        instead.add_argument(
            "--dry-run",
            action="store_true",
            help="Write nothing; print what a run would create, change and ask about, column by column.",
        )
        instead.add_argument(
            "--accept-identity",
            action="store_true",
            help="Take this Blesta for the right one although its rows are not those that were remembered.",
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
            if options["dry_run"]:
                return self._preview(chosen, options)
            if options["accept_identity"]:
                self._accept_identity(options)
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
        if chosen is None and not options["rows_only"]:
            sync.look_around(using)
        self._print_table(runs)
        self._print_quarantined(runs, using)
        incomplete = [run for run in runs if run.state not in (SyncRun.State.COMPLETE, SyncRun.State.ABSENT)]
        if incomplete:
            lines = [f"  {run.resource.partition('.')[2]}: {run.error}" for run in incomplete]
            raise CommandError("\n".join([_("Not complete:"), *lines]))

    def _preview(self, chosen: list[type[Mirror]] | None, options: dict[str, Any]) -> None:
        forecasts: list[Forecast] = []
        wanted = not options["rows_only"]
        for one in preview(
            chosen, using=options["database"], company_ids=options["company"], details=wanted, scoped=wanted
        ):
            if isinstance(one, Forecast):
                forecasts.append(one)
            else:
                self.stdout.write(f"{one.resource.partition('.')[2]} {one.row}: {_told(one)}")
        heads = ["resource", "company", "rows", *VERBS.values(), "unchanged"]
        rows = [
            [
                one.resource.partition(".")[2],
                str(one.company_id),
                str(one.rows),
                *(str(one.verbs.get(verb, 0)) for verb in VERBS),
                str(one.unchanged),
            ]
            for one in forecasts
        ]
        for line in aligned(heads, rows, left=2):
            self.stdout.write(line)
        self.stdout.write(_("Nothing was written."))
        unfinished = [f"  {one.resource.partition('.')[2]}: {one.notice}" for one in forecasts if one.notice]
        if unfinished:
            raise CommandError("\n".join([_("A run would not be complete:"), *unfinished]))

    def _accept_identity(self, options: dict[str, Any]) -> None:
        for scope in scopes(options["database"], options["company"]):
            lines = identity.accept(scope)
            for line in lines or [_("the remembered rows are the same")]:
                self.stdout.write(_("company %(id)s: %(line)s") % {"id": scope.company_id, "line": line})

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
        for line in aligned(heads, rows, left=3):
            self.stdout.write(line)

    def _print_quarantined(self, runs: list[SyncRun], using: str) -> None:
        labels = {run.resource for run in runs if run.quarantined}
        for row in (
            QuarantinedRow.objects.using(using).filter(resource__in=labels).order_by("resource", "remote_id")[:20]
        ):
            self.stderr.write(f"quarantined: {row.resource} {row.remote_id}: {row.column or 'row'}: {row.sentence}")


def _told(step: Step) -> str:
    changes = ", ".join(map(_difference, step.differences))
    return f"{VERBS[step.verb]}: {changes or step.reason}" if changes or step.reason else VERBS[step.verb]


def _difference(one: Difference) -> str:
    if one.here is NOTHING:
        return f"{one.column} added"
    if one.there is NOTHING:
        return f"{one.column} removed"
    return f"{one.column} {shown(one.here)} → {shown(one.there)}"


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
