"""How Blesta answered lately: calls, failures and time taken, per five minutes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from django_blesta.models import CallTally
from django_blesta.status._connection import Connected, ConnectionStatus
from django_blesta.status._troubles import Level, Trouble

WATCHED = timedelta(hours=24)
LATELY = timedelta(minutes=15)
SLOW = 2000
"""Milliseconds per call, on average, from which Blesta counts as slow."""
FEWEST_CALLS = 10
FAILING_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Stretch:
    """All calls of one stretch of time together; `average` and `slowest` are in milliseconds."""

    begins_at: datetime
    calls: int
    failed: int
    milliseconds: int
    slowest: int

    @property
    def average(self) -> int:
        return round(self.milliseconds / self.calls) if self.calls else 0


@dataclass(frozen=True, slots=True)
class Traffic:
    """The last 24 hours, oldest first, without stretches in which nothing was called; `lately` is the last quarter."""

    stretches: tuple[Stretch, ...]
    lately: Stretch

    @property
    def calls(self) -> int:
        return sum(one.calls for one in self.stretches)

    @property
    def failed(self) -> int:
        return sum(one.failed for one in self.stretches)

    @property
    def average(self) -> int:
        return round(sum(one.milliseconds for one in self.stretches) / self.calls) if self.calls else 0

    @property
    def is_slow(self) -> bool:
        return self.lately.calls >= FEWEST_CALLS and self.lately.average >= SLOW

    @property
    def is_failing(self) -> bool:
        return self.lately.calls >= FEWEST_CALLS and self.lately.failed >= FAILING_SHARE * self.lately.calls


def traffic_of(using: str, now: datetime) -> Traffic:
    tallies = CallTally.objects.using(using).filter(begins_at__gte=now - WATCHED).order_by("begins_at")
    stretches = tuple(
        Stretch(one.begins_at, one.calls, one.failed, one.milliseconds, one.slowest) for one in tallies if one.calls
    )
    late = [one for one in stretches if one.begins_at >= now - LATELY]
    lately = Stretch(
        now - LATELY,
        sum(one.calls for one in late),
        sum(one.failed for one in late),
        sum(one.milliseconds for one in late),
        max((one.slowest for one in late), default=0),
    )
    return Traffic(stretches, lately)


def about_traffic(traffic: Traffic, connection: ConnectionStatus) -> list[Trouble]:
    """Silent where the runs say already that nothing gets through."""
    if connection.state not in (Connected.OK, Connected.SLOW):
        return []
    found = []
    if traffic.is_failing:
        sentence = _("Of the last %(calls)d calls to Blesta, %(failed)d failed.")
        facts = {"calls": traffic.lately.calls, "failed": traffic.lately.failed}
        advice = _("The list of calls says which and how; failures of one method point at Blesta’s own error log.")
        found.append(Trouble(Level.WARNING, "calls-failing", sentence % facts, advice))
    if traffic.is_slow:
        sentence = _("Blesta takes %(seconds)s seconds to answer, on average of the last quarter of an hour.")
        advice = _("Look at the load of Blesta’s server and database. REQUESTS_PER_SECOND limits what comes from here.")
        found.append(
            Trouble(Level.WARNING, "slow", sentence % {"seconds": f"{traffic.lately.average / 1000:.1f}"}, advice)
        )
    return found
