"""Look for what is wrong between this site and Blesta, and say how to mend it."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS
from django.utils.translation import gettext as _

from django_blesta import conf, doctor, management
from django_blesta.doctor import Finding, Grade

SIGNS = {Grade.GOOD: "✓", Grade.NOTE: "·", Grade.WARNING: "!", Grade.BAD: "✕", Grade.SKIPPED: "–"}


class Command(BaseCommand):
    help = "Check one thing after the other, from the setting to the scheduler. Asks Blesta; changes nothing there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="Alias of the installation in BLESTA.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object per finding, a line each.")

    def handle(self, *args: Any, **options: Any) -> None:
        using = options["database"]
        if conf.aliases() and using not in conf.aliases():
            facts = {"name": repr(using), "known": ", ".join(conf.aliases())}
            raise CommandError(_("BLESTA has no installation named %(name)s; there are: %(known)s.") % facts)
        management.ensure_migrated(using)
        found = []
        for finding in doctor.examine(using):
            found.append(finding)
            self._print(finding, as_json=options["json"])
        if any(one.grade is Grade.BAD for one in found):
            self.stdout.flush()
            sys.exit(2)
        if any(one.grade is Grade.WARNING for one in found):
            sys.exit(1)

    def _print(self, one: Finding, *, as_json: bool) -> None:
        if as_json:
            facts = {"check": one.check, "grade": one.grade.value, "saw": one.saw, "fix": one.fix}
            self.stdout.write(json.dumps(facts, ensure_ascii=False))
            return
        style = {Grade.GOOD: self.style.SUCCESS, Grade.WARNING: self.style.WARNING, Grade.BAD: self.style.ERROR}
        paint = style.get(one.grade, str)
        self.stdout.write(f"{paint(SIGNS[one.grade])} {one.label}: {one.saw}")
        if one.fix:
            self.stdout.write(f"    {one.fix}")
