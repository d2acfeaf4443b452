"""`manage.py blesta_verify`: compare Blesta with the mirror, store certificates, and end with 1 on any difference."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS
from django.utils.translation import gettext as _

from django_blesta import conf, management
from django_blesta.exceptions import BlestaError
from django_blesta.management.tables import aligned
from django_blesta.models import Certificate, mirror_named
from django_blesta.resources import resource_of
from django_blesta.sync.verify import MAX_LISTED, Finding, verify

PRINTED = 20


class Command(BaseCommand):
    help = "Compare Blesta with this database, row by row. Ends with 1 on any difference, and when it cannot finish."
    # Mistakes in the BLESTA setting get one sentence below instead of a page of checks.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("resources", nargs="*", help="Mirrors by name (client, invoice); default: all.")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="Which installation of BLESTA, by its alias.")
        parser.add_argument("--company", type=int, action="append", help="Only this company's id; may be repeated.")
        depth = parser.add_mutually_exclusive_group()
        depth.add_argument(
            "--sample",
            type=_at_least(1),
            metavar="N",
            help="The cheap way: compare counts, and N random rows (of contacts, numbers and payments: N parents).",
        )
        depth.add_argument(
            "--detail",
            type=_at_least(0),
            metavar="N",
            help="Compare N random rows whole too, children included: a request for each. 0: all of them.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        using = options["database"]
        try:
            chosen = [mirror_named(name) for name in options["resources"]] or None
        except LookupError as error:
            raise CommandError(str(error)) from None
        for model in chosen or []:
            if parent := resource_of(model).embedded_in.partition(".")[0]:
                words = {"child": model.__name__, "parent": parent}
                raise CommandError(_("%(child)s comes inside %(parent)s: verify that, with --detail.") % words)
        findings: list[Finding] = []
        failure = ""
        management.ensure_migrated(using)
        try:
            conf.installation(using)
            for finding in verify(
                chosen,
                using=using,
                company_ids=options["company"],
                sample=options["sample"],
                detail=options["detail"],
            ):
                findings.append(finding)
        except BlestaError as error:
            failure = str(error)
        except KeyboardInterrupt:
            raise CommandError(_("Interrupted. Certificates that were stored stay."), returncode=130) from None
        self._print_table(findings)
        for finding in findings:
            self._print_differences(finding.certificate)
        if failure:
            raise CommandError(failure)
        failed = [finding.certificate for finding in findings if not finding.certificate.holds]
        if failed:
            raise CommandError("\n".join([_("Not certified:"), *(f"  {_what(one)}: {_why(one)}" for one in failed)]))

    def _print_table(self, findings: list[Finding]) -> None:
        heads = ["resource", "company", "result", "in Blesta", "here", "compared", "missing", "extra", "different"]
        heads.append("in motion")
        rows: list[list[str]] = []
        for finding in findings:
            one = finding.certificate
            lists = [_length(entries) for entries in (one.missing, one.extra, one.different)]
            remote = "" if one.remote_count is None else str(one.remote_count)
            counts = [remote, str(one.local_count), str(one.compared), *lists, str(finding.in_motion)]
            rows.append([_what(one), str(one.company_id), _result(one), *counts])
            for word, figures in one.statuses.items():
                theirs = figures["counted"] if figures["shown"] is None else figures["shown"]
                there = "" if theirs is None else str(theirs)
                rows.append([f"  {word or '(none)'}", "", "", there, str(figures["here"]), *[""] * 5])
        if findings:
            for line in aligned(heads, rows, left=3):
                self.stdout.write(line)

    def _print_differences(self, one: Certificate) -> None:
        name = _what(one)
        for label, ids in ((_("only in Blesta"), one.missing), (_("only here"), one.extra)):
            if ids:
                rest = _(" and more") if len(ids) > PRINTED else ""
                self.stderr.write(f"{name}: {label}: {', '.join(map(str, ids[:PRINTED]))}{rest}")
        for entry in one.different[:PRINTED]:
            columns = ", ".join(entry["columns"])
            if "unfit" in entry:
                text = _("fits into no row here (%(rule)s)") % {"rule": entry["unfit"]}
                self.stderr.write(f"{name} {entry['id']}: {columns or 'row'}: {text}")
                continue
            note = _(" (changed here, not by the sync: refresh the row)") if entry.get("edited_here") else ""
            self.stderr.write(f"{name} {entry['id']}: {columns}{note}")


def _at_least(least: int) -> Any:
    def whole(text: str) -> int:
        number = int(text)
        if number < least:
            raise ArgumentTypeError(f"{number} is less than {least}")
        return number

    return whole


def _what(one: Certificate) -> str:
    return one.resource.partition(".")[2]


def _result(one: Certificate) -> str:
    if one.error:
        return _("unfinished")
    return _("holds") if one.holds else _("differs")


def _why(one: Certificate) -> str:
    if one.error:
        return one.error
    parts = [
        (_("%(n)s only in Blesta"), one.missing),
        (_("%(n)s only here"), one.extra),
        (_("%(n)s different"), one.different),
    ]
    return ", ".join(text % {"n": _length(entries)} for text, entries in parts if entries) or _("the counts differ")


def _length(entries: list[Any]) -> str:
    return f"{len(entries)}+" if len(entries) >= MAX_LISTED else str(len(entries))
