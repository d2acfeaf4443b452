"""The figures on top of the status page: each one thing, its level, and where it leads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_blesta.admin._charts import Chart, calls_chart, latency_chart
from django_blesta.models import Certificate, Delivery, LoggedCall, Operation, QuarantinedRow, SyncRun
from django_blesta.status import Connected, Level, Snapshot, lasting


@dataclass(frozen=True, slots=True)
class Tile:
    """`level` is a word too, in `mark`; nothing is told by colour alone."""

    name: str
    title: str
    value: str
    note: str = ""
    level: Level = Level.GOOD
    link: str = ""
    chart: Chart | None = None

    @property
    def mark(self) -> str:
        return {Level.GOOD: "", Level.WARNING: "!", Level.BAD: "✕"}[self.level]


Link = Callable[..., str]
OPEN = (
    Operation.State.UNKNOWN,
    Operation.State.NEEDS_HUMAN,
    Operation.State.RECONCILING,
    Operation.State.SENDING,
    Operation.State.QUEUED,
    Operation.State.PENDING,
)


def tiles_of(found: Snapshot, link: Link) -> list[Tile]:
    every = [_connection, _speed, _calls, _freshness, _quarantine, _operations, _hints, _workers, _blesta, _certificate]
    return [tile for make in every if (tile := make(found, link)) is not None]


def _level(found: Snapshot, *codes: str) -> Level:
    return max((one.level for one in found.troubles if one.code in codes), default=Level.GOOD)


def _connection(found: Snapshot, link: Link) -> Tile:
    connection = found.connection
    since = _("for %(time)s") % {"time": lasting(connection.since, found.taken_at)} if connection.since else ""
    level = Level.GOOD if connection.state is Connected.OK else Level.WARNING
    told = {Connected.OK, Connected.SLOW, Connected.MAINTENANCE, Connected.THROTTLED, Connected.NEVER}
    if connection.state not in told:
        level = Level.BAD
    return Tile("connection", _("Connection"), str(connection.state.label), since, level, link(SyncRun))


def _speed(found: Snapshot, link: Link) -> Tile | None:
    traffic = found.traffic
    if traffic is None or not traffic.calls:
        return None
    slowest = max(one.slowest for one in traffic.stretches)
    note = _("on average; slowest %(seconds)s s") % {"seconds": f"{slowest / 1000:.1f}"}
    value = _("%(ms)d ms") % {"ms": traffic.average}
    chart = latency_chart(traffic, found.taken_at)
    return Tile("speed", _("Time per call"), value, note, _level(found, "slow"), link(LoggedCall, "kind=slow"), chart)


def _calls(found: Snapshot, link: Link) -> Tile | None:
    traffic = found.traffic
    if traffic is None:
        return None
    note = ngettext("%(failed)d failed, 24 hours", "%(failed)d failed, 24 hours", traffic.failed)
    told = note % {"failed": traffic.failed}
    query = "outcome=~ok" if traffic.failed else ""
    chart = calls_chart(traffic, found.taken_at) if traffic.calls else None
    level = _level(found, "calls-failing")
    return Tile("calls", _("Calls to Blesta"), f"{traffic.calls:,}", told, level, link(LoggedCall, query), chart)


def _freshness(found: Snapshot, link: Link) -> Tile | None:
    run = [one for one in found.resources if not one.arrives_with and one.complete_at and one.age is not None]
    if not run:
        return None
    late = [one for one in found.resources if one.late]
    oldest = max(run, key=lambda one: one.age or found.taken_at - found.taken_at)
    value = lasting(oldest.complete_at or found.taken_at, found.taken_at)
    note = capfirst(oldest.label)
    if late:
        note = ngettext("%(count)d mirror is late", "%(count)d mirrors are late", len(late)) % {"count": len(late)}
    return Tile("freshness", _("Oldest mirror"), value, note, _level(found, "late"), link(SyncRun))


def _quarantine(found: Snapshot, link: Link) -> Tile:
    level = _level(found, "quarantined")
    note = _("rows that fit nowhere") if found.quarantined else _("every row fits")
    return Tile("quarantine", _("In quarantine"), f"{found.quarantined:,}", note, level, link(QuarantinedRow))


def _operations(found: Snapshot, link: Link) -> Tile:
    open_ones = [one for one in found.operations if one.state in OPEN and one.count]
    note = ", ".join(f"{one.label} {one.count}" for one in open_ones) or _("none is open")
    level = _level(found, "operations-unknown", "operations-human", "operations-sending")
    query = f"state__exact={open_ones[0].state}" if open_ones else ""
    count = sum(one.count for one in open_ones)
    return Tile("operations", _("Open changes"), f"{count:,}", note, level, link(Operation, query))


def _hints(found: Snapshot, link: Link) -> Tile | None:
    hints = found.hints
    if not (hints.received or hints.waiting or hints.quarantined or hints.feeds):
        return None
    level = _level(found, "webhooks-silent", "hints-waiting", "hints-quarantined")
    last = hints.last_received_at
    value = _("%(time)s ago") % {"time": lasting(last, found.taken_at)} if last else _("none")
    note = _("in a week: %(received)d; rows that wait: %(waiting)d")
    facts = {"received": hints.received, "waiting": hints.waiting + hints.pending}
    return Tile("hints", _("Last webhook"), value, note % facts, level, link(Delivery))


def _workers(found: Snapshot, link: Link) -> Tile | None:
    presence = found.presence
    if not presence.is_known:
        return None
    level = _level(found, "workers-lost", "worker-lost", "workers-deaf", "beat-stopped")
    value = ngettext("%(count)d worker", "%(count)d workers", len(presence.alive)) % {"count": len(presence.alive)}
    beat = presence.beat
    if beat is None:
        note = _("no scheduler was heard of")
    elif beat.is_lost:
        note = _("scheduler silent for %(time)s") % {"time": lasting(beat.seen_at, found.taken_at)}
    else:
        note = _("scheduler at work")
    return Tile("workers", _("At work"), value, note, level)


def _blesta(found: Snapshot, link: Link) -> Tile | None:
    vitals = found.vitals
    if not (vitals.version.value or vitals.cron.moment):
        return None
    note = ""
    if vitals.cron.moment:
        note = _("its cron ran %(time)s ago") % {"time": lasting(vitals.cron.moment, found.taken_at)}
    return Tile("blesta", _("Blesta"), vitals.version.value or _("version unknown"), note, _level(found, "cron-late"))


def _certificate(found: Snapshot, link: Link) -> Tile:
    proof = found.certified
    if proof.finished_at is None:
        return Tile("certificate", _("Certificate"), _("none yet"), _("“manage.py blesta_verify” makes one"))
    value = _("holds") if proof.holds else _("differs") if proof.differing else _("unfinished")
    note = _("%(time)s ago") % {"time": lasting(proof.finished_at, found.taken_at)}
    return Tile("certificate", _("Certificate"), value, note, _level(found, "differs"), link(Certificate))
