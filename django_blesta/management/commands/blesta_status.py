"""What an operator should know, from local tables only: quick, also when Blesta is down."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from django_blesta import conf, management, status
from django_blesta.management.tables import aligned
from django_blesta.status import Level
from django_blesta.status.report import as_dict

EXIT = {Level.GOOD: 0, Level.WARNING: 1, Level.BAD: 2}
"""As monitoring plugins have it: 0 fine, 1 warning, 2 critical."""


class Command(BaseCommand):
    help = "Say how the mirror is: what is fresh, what is late, what is wrong, and what to do. Blesta is not asked."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="Alias of the installation in BLESTA.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object instead of text.")
        parser.add_argument("--brief", action="store_true", help="Print the verdict and the troubles alone.")

    def handle(self, *args: Any, **options: Any) -> None:
        using = options["database"]
        if using not in conf.aliases():
            known = ", ".join(conf.aliases()) or _("none")
            sentence = _("BLESTA has no installation named %(name)s; there are: %(known)s.")
            raise CommandError(sentence % {"name": repr(using), "known": known})
        management.ensure_migrated(using)
        found = status.snapshot(using)
        if options["json"]:
            self.stdout.write(json.dumps(as_dict(found), ensure_ascii=False, indent=1))
        else:
            self._print(found, brief=options["brief"])
        if code := EXIT[found.verdict]:
            self.stdout.flush()
            sys.exit(code)

    def _print(self, found: status.Snapshot, *, brief: bool) -> None:
        style = {Level.GOOD: self.style.SUCCESS, Level.WARNING: self.style.WARNING, Level.BAD: self.style.ERROR}
        say = self.stdout.write
        say(style[found.verdict](str(found.verdict.label)))
        for trouble in found.troubles:
            say(f"  {style[trouble.level]('!' if trouble.level is Level.WARNING else '✕')} {trouble.sentence}")
            say(f"    {trouble.advice}")
        if brief:
            return
        say("")
        say(_("Connection: %(state)s") % {"state": found.connection.state.label})
        if found.traffic and found.traffic.calls:
            facts = {"calls": found.traffic.calls, "failed": found.traffic.failed, "average": found.traffic.average}
            say(_("Calls, last 24 hours: %(calls)d, %(failed)d failed, %(average)d ms on average") % facts)
        if found.vitals.version.value:
            say(_("Blesta: %(version)s") % {"version": found.vitals.version.value})
        for one in (*found.presence.workers, *found.presence.beats):
            who = {"kind": capfirst(one.label), "name": one.name, "time": timesince(one.seen_at)}
            line = (
                _("%(kind)s %(name)s: lost, last seen %(time)s ago") if one.is_lost else _("%(kind)s %(name)s: alive")
            )
            say(line % who)
        waiting = [f"{one.label} {one.count}" for one in found.operations if one.count]
        if waiting:
            say(_("Changes asked of Blesta: %(counts)s") % {"counts": ", ".join(waiting)})
        say("")
        heads = ["mirror", "last complete run", "last run", "rows", "gone", "orphans", "quarantined"]
        rows = [_row(one) for one in found.resources]
        for line in aligned(heads, rows, left=3):
            say(line)


def _row(one: status.ResourceStatus) -> list[str]:
    if one.arrives_with:
        told = [_("with %(parent)s") % {"parent": one.arrives_with}, ""]
    else:
        since = timesince(one.complete_at, timezone.now()) if one.complete_at else ""
        done = _("%(time)s ago") % {"time": since} if since else _("never")
        told = [done + (_(" (late)") if one.late else ""), one.state_label]
    return [one.label, *told, *map(str, (one.rows, one.gone, one.orphans, one.quarantined))]
