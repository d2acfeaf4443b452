"""Who is at work: Celery's workers and scheduler, and Blesta's own cron."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from django_blesta.models import Heartbeat, Vital
from django_blesta.status._troubles import Level, Trouble
from django_blesta.sync import is_at_work
from django_blesta.sync.surroundings import CRON, VERSION

CRON_LATE_AFTER = timedelta(hours=1)
"""Blesta wants its cron every five minutes."""
KEPT_ON_THE_PAGE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sign:
    """The last sign of life of one worker or scheduler."""

    kind: str
    label: str
    name: str
    seen_at: datetime
    worked_at: datetime | None
    period: timedelta
    is_lost: bool


@dataclass(frozen=True, slots=True)
class Presence:
    """Empty where no worker or scheduler of this installation was ever heard of: cron jobs may do their work."""

    workers: tuple[Sign, ...]
    beats: tuple[Sign, ...]

    @property
    def is_known(self) -> bool:
        return bool(self.workers or self.beats)

    @property
    def alive(self) -> tuple[Sign, ...]:
        return tuple(one for one in self.workers if not one.is_lost)

    @property
    def ticked_at(self) -> datetime | None:
        """When any worker last took a task of the scheduler's."""
        return max((one.worked_at for one in self.workers if one.worked_at), default=None)

    @property
    def beat(self) -> Sign | None:
        """The scheduler that was heard of last."""
        return max(self.beats, key=lambda one: one.seen_at, default=None)


@dataclass(frozen=True, slots=True)
class Fact:
    """What Blesta says of itself; `error` says why it is not known, or not any more."""

    value: str = ""
    moment: datetime | None = None
    told_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Vitals:
    version: Fact
    cron: Fact


def presence_of(using: str, now: datetime) -> Presence:
    signs = [
        Sign(
            one.kind,
            str(one.get_kind_display()),
            one.name,
            one.seen_at,
            one.worked_at,
            timedelta(seconds=one.period),
            one.is_lost(now),
        )
        for one in Heartbeat.objects.using(using)
    ]
    workers = [one for one in signs if one.kind == Heartbeat.Kind.WORKER]
    beats = [one for one in signs if one.kind == Heartbeat.Kind.BEAT]
    # Of the lost ones, those that stood in for nobody: a machine that was replaced is old news after a day.
    fresh = [one for one in workers if now - one.seen_at < KEPT_ON_THE_PAGE]
    return Presence(tuple(fresh or workers), tuple(beats))


def about_presence(presence: Presence, now: datetime, using: str) -> list[Trouble]:
    if not presence.is_known:
        return []
    found: list[Trouble] = []
    beat = presence.beat
    if beat is not None and beat.is_lost:
        sentence = _("The scheduler (Celery’s beat) has been silent for %(time)s.")
        advice = _("Nothing is started by itself until it runs again: start “celery beat”, once, and see its log.")
        found.append(Trouble(Level.BAD, "beat-stopped", sentence % {"time": timesince(beat.seen_at, now)}, advice))
    lost = [one for one in presence.workers if one.is_lost]
    if lost and not presence.alive:
        last = max(one.seen_at for one in lost)
        sentence = _("No Celery worker has been heard of for %(time)s.") % {"time": timesince(last, now)}
        advice = _("Start the worker and read the end of its log. What waits is kept in the database.")
        found.append(Trouble(Level.BAD, "workers-lost", sentence, advice))
        return found
    if not presence.workers:
        sentence = _("The scheduler sends tasks, and no worker was ever heard of.")
        advice = _("Start a Celery worker that listens to the queue of these tasks.")
        return [*found, Trouble(Level.BAD, "workers-lost", sentence, advice)]
    for one in lost:
        sentence = _("The worker %(name)s has not been heard of for %(time)s.")
        facts = {"name": one.name, "time": timesince(one.seen_at, now)}
        advice = _(
            "It ended without saying so, or it lost its broker. Others go on; look at its log and start it again."
        )
        found.append(Trouble(Level.WARNING, "worker-lost", sentence % facts, advice))
    if beat is not None and not beat.is_lost and _is_deaf(presence, beat, now) and not is_at_work(using):
        sentence = _("Workers are running, and none has taken a task for %(time)s.")
        since = presence.ticked_at or min(one.seen_at for one in presence.alive)
        advice = _(
            "They may listen to another queue or broker than the scheduler sends to, or be stuck in other work:"
            " compare the settings of both, and look at what the workers are doing."
        )
        found.append(Trouble(Level.BAD, "workers-deaf", sentence % {"time": timesince(since, now)}, advice))
    return found


def _is_deaf(presence: Presence, beat: Sign, now: datetime) -> bool:
    if presence.ticked_at is None:
        return True
    return now - presence.ticked_at > 2 * beat.period


def vitals_of(using: str) -> Vitals:
    held = {one.name: one for one in Vital.objects.using(using)}
    return Vitals(_fact(held.get(VERSION)), _fact(held.get(CRON)))


def _fact(held: Vital | None) -> Fact:
    return Fact(held.value, held.moment, held.told_at, held.error) if held else Fact()


def about_vitals(vitals: Vitals) -> list[Trouble]:
    """The cron is judged as of when Blesta told of it: what is told seldom is not late for that."""
    cron = vitals.cron
    if cron.moment is None or cron.told_at is None or cron.error or cron.told_at - cron.moment <= CRON_LATE_AFTER:
        return []
    sentence = _("Blesta’s own cron last ran %(time)s before Blesta was asked.")
    advice = _(
        "Until it runs, Blesta makes no invoices, sends no mail and suspends nothing:"
        " see Settings, System, Automation in Blesta."
    )
    facts = {"time": timesince(cron.moment, cron.told_at)}
    return [Trouble(Level.WARNING, "cron-late", sentence % facts, advice)]
