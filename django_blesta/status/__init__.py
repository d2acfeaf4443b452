"""What an operator should know, from local tables only: Blesta is never asked, so this is quick when Blesta is down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Count, Max, Q
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_blesta import conf, operations, sync
from django_blesta.exceptions import NotConfigured
from django_blesta.models import Mirror, Operation, QuarantinedRow, SyncRun, mirrors
from django_blesta.status._connection import (
    Connected,
    ConnectionStatus,
    connection_status,
    lasting,
    slowed,
    troubles_of,
)
from django_blesta.status._hints import EventCount, FeedStatus, FreshnessStatus, HintStatus, about_hints, hint_status
from django_blesta.status._numbers import Numbers, numbers_of
from django_blesta.status._presence import (
    Fact,
    Presence,
    Sign,
    Vitals,
    about_presence,
    about_vitals,
    presence_of,
    vitals_of,
)
from django_blesta.status._proofs import Certified, about_certificates, certified
from django_blesta.status._rows import Drift, about_drift, about_links, drift_of, orphans
from django_blesta.status._silence import about_silence
from django_blesta.status._traffic import Stretch, Traffic, about_traffic, traffic_of
from django_blesta.status._troubles import Level, Trouble, in_order

__all__ = [
    "Certified",
    "Connected",
    "ConnectionStatus",
    "Drift",
    "EventCount",
    "Fact",
    "FeedStatus",
    "FreshnessStatus",
    "HintStatus",
    "Level",
    "OperationCount",
    "Presence",
    "ResourceStatus",
    "Sign",
    "Snapshot",
    "Stretch",
    "Traffic",
    "Trouble",
    "Vitals",
    "drift_of",
    "lasting",
    "snapshot",
]

LATE_AFTER = timedelta(hours=24)
STUCK_AFTER = timedelta(hours=6)
SETTLED_LATELY = timedelta(days=7)
# What a look back over the runs reads at most; a streak that is older than this is dated by its oldest run within.
LOOK_BACK = 600

_State = SyncRun.State
_NOBODY = Presence((), ())
_UNTOLD = Vitals(Fact(), Fact())
_NEVER_CERTIFIED = Certified(None, 0, (), ())


@dataclass(frozen=True, slots=True)
class ResourceStatus:
    """One mirror. The figures of the last run are those of all companies' last runs together.

    `orphans` are rows that name a parent which is not here, counted at the end of the last complete run; `drift` is the
    number of things that Blesta's rows have otherwise than declared. `complete_at` is the end of the last complete run,
    of the company that is furthest behind; `arrives_with` is the label of the mirror whose rows bring these, which then
    have no runs of their own. `counted_at` is set where the numbers are not of this moment; `coverage` is the share of
    rows with detail at the last count, where there is detail.
    """

    name: str
    label: str
    rows: int
    gone: int
    complete_at: datetime | None
    age: timedelta | None
    state: str
    state_label: str
    started_at: datetime | None
    created: int
    changed: int
    quarantined: int
    error: str
    orphans: int = 0
    drift: int = 0
    late: bool = False
    arrives_with: str = ""
    level: Level = Level.GOOD
    target: timedelta | None = None
    coverage: float | None = None
    counted_at: datetime | None = None

    @property
    def percent(self) -> int | None:
        """The coverage, rounded down: 100 means every row."""
        return None if self.coverage is None else int(self.coverage * 100)


@dataclass(frozen=True, slots=True)
class OperationCount:
    """Operations in one state; of the settled ones, those of the last seven days."""

    state: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One installation at one moment; troubles and operations come worst first."""

    using: str
    taken_at: datetime
    problems: tuple[conf.Problem, ...]
    connection: ConnectionStatus
    resources: tuple[ResourceStatus, ...]
    operations: tuple[OperationCount, ...]
    quarantined: int
    troubles: tuple[Trouble, ...]
    drift: tuple[Drift, ...] = ()
    traffic: Traffic | None = None
    presence: Presence = _NOBODY
    vitals: Vitals = _UNTOLD
    certified: Certified = _NEVER_CERTIFIED
    hints: HintStatus = field(default_factory=HintStatus)

    @property
    def headline(self) -> Trouble | None:
        """The one thing to do first; None where all is well."""
        return self.troubles[0] if self.troubles else None

    @property
    def verdict(self) -> Level:
        return max((trouble.level for trouble in self.troubles), default=Level.GOOD)

    @property
    def rows(self) -> int:
        return sum(resource.rows for resource in self.resources)


def snapshot(using: str = DEFAULT_DB_ALIAS, *, late_after: timedelta = LATE_AFTER) -> Snapshot:
    """`late_after` is how old the last complete run of a mirror may become before that is a trouble."""
    now = timezone.now()
    problems = tuple(problem for problem in conf.problems() if problem.alias in ("", using))
    if using not in settings.DATABASES:
        troubles = tuple(_configuration(problems))
        return Snapshot(using, now, problems, connection_status(problems, []), (), (), 0, troubles)
    runs = _Runs(using)
    quarantined = _quarantined(using)
    left_behind = sync.left_behind(using)
    drifted = drift_of(using)
    told = _Told(quarantined, orphans(runs.counted), Counter(one.resource for one in drifted))
    numbers = numbers_of(using)
    resources = tuple(_resource(model, numbers[model], runs, told, now, late_after, left_behind) for model in mirrors())
    traffic = traffic_of(using, now)
    connection = slowed(connection_status(problems, runs.recent), is_slow=traffic.is_slow)
    operations_counted = _operations(using, now)
    presence, vitals, proof = presence_of(using, now), vitals_of(using), certified(using)
    hints = hint_status(using, now)
    found = [
        *_configuration(problems),
        *troubles_of(connection, now),
        *(_about_what_was_left_behind(resources) if left_behind else ()),
        *_about_resources(resources, connection, now, left_behind=left_behind),
        *_about_quarantine(sum(quarantined.values())),
        *_about_operations(operations_counted, using),
        *about_traffic(traffic, connection),
        *about_presence(presence, now, using),
        *about_vitals(vitals),
        *about_certificates(proof),
        *about_drift(drifted),
        *about_links(using),
        *about_hints(hints, now),
        *about_silence(using, now),
    ]
    return Snapshot(
        using=using,
        taken_at=now,
        problems=problems,
        connection=connection,
        resources=resources,
        operations=operations_counted,
        quarantined=sum(quarantined.values()),
        troubles=in_order(found),
        drift=drifted,
        traffic=traffic,
        presence=presence,
        vitals=vitals,
        certified=proof,
        hints=hints,
    )


_Scope: TypeAlias = tuple[str, int | None]


@dataclass(frozen=True, slots=True)
class _Told:
    """Figures by the name of the mirror that were counted for all of them at once."""

    quarantined: Mapping[str, int]
    orphans: Mapping[str, int]
    drift: Mapping[str, int]


class _Runs:
    """The newest run and the newest complete run of each mirror and company, from two queries at most."""

    def __init__(self, using: str) -> None:
        self._runs = SyncRun.objects.using(using).defer("drift", "options", "violations")
        self.recent = list(self._runs.order_by("-pk")[:LOOK_BACK])
        self._companies = _configured_companies(using)
        self.latest: dict[_Scope, SyncRun] = {}
        self.complete: dict[_Scope, SyncRun] = {}
        for run in self.recent:
            scope = (run.resource, run.company_id)
            self.latest.setdefault(scope, run)
            if run.state == _State.COMPLETE:
                self.complete.setdefault(scope, run)
        # Only what has been failing for a while, or what is no longer run, lies further back.
        sought = {resource for resource, _company in self.latest.keys() - self.complete.keys()}
        sought |= {m._meta.label_lower for m in mirrors() if not m.resource.embedded_in} - {r for r, _c in self.latest}
        if sought and len(self.recent) == LOOK_BACK:
            self._look_further(sought)

    def _look_further(self, resources: set[str]) -> None:
        older = self._runs.filter(resource__in=resources).order_by()
        for runs, found in ((older.filter(state=_State.COMPLETE), self.complete), (older, self.latest)):
            newest = runs.values("resource", "company_id").annotate(newest=Max("pk")).values("newest")
            for run in self._runs.filter(pk__in=list(newest.values_list("newest", flat=True))):
                found.setdefault((run.resource, run.company_id), run)

    @property
    def counted(self) -> list[SyncRun]:
        """The runs whose counts of the mirror's rows stand: the newest complete one of each company that counts."""
        labels = [model._meta.label_lower for model in mirrors() if not model.resource.embedded_in]
        return [complete for label in labels for _run, complete in self.of(label) if complete is not None]

    def of(self, name: str) -> list[tuple[SyncRun | None, SyncRun | None]]:
        """(newest, newest complete) for each company that counts: a company that left the setting does not."""
        # A run without a company never got as far as one; it tells of the connection, not of a mirror's rows.
        every = [run for (resource, _company), run in self.latest.items() if resource == name]
        held = [run for run in every if run.company_id is not None] or every
        if self._companies:
            companies: Iterable[int | None] = self._companies
        else:
            newest = max(held, key=lambda run: run.pk, default=None)
            companies = {newest.company_id} if newest else set()
        return [(self.latest.get((name, company)), self.complete.get((name, company))) for company in companies]


def _configured_companies(using: str) -> frozenset[int]:
    try:
        return frozenset(company for company in conf.installation(using).companies if company is not None)
    except NotConfigured:
        return frozenset()


def _quarantined(using: str) -> Mapping[str, int]:
    rows = QuarantinedRow.objects.using(using).order_by().values_list("resource").annotate(Count("pk"))
    return dict(rows)


def _operations(using: str, now: datetime) -> tuple[OperationCount, ...]:
    settled = [Operation.State.FAILED, Operation.State.SUCCEEDED]
    worst_first = [
        Operation.State.UNKNOWN,
        Operation.State.NEEDS_HUMAN,
        Operation.State.RECONCILING,
        Operation.State.SENDING,
        Operation.State.QUEUED,
        Operation.State.PENDING,
        *settled,
    ]
    # By the index on state and date: what is open is little, and of what is settled a week is read.
    still_open = Q(state__in=[state for state in worst_first if state not in settled])
    lately = Q(state__in=settled, created_at__gte=now - SETTLED_LATELY)
    rows = Operation.objects.using(using).filter(still_open | lately).order_by()
    counted = dict(rows.values_list("state").annotate(Count("pk")))
    return tuple(OperationCount(state.value, str(state.label), counted.get(state.value, 0)) for state in worst_first)


def _resource(
    model: type[Mirror],
    numbers: Numbers,
    runs: _Runs,
    told: _Told,
    now: datetime,
    late_after: timedelta,
    left_behind: bool,
) -> ResourceStatus:
    name, label = model._meta.label_lower, str(model._meta.verbose_name_plural)
    scopes = runs.of(name)
    newest = [run for run, _complete in scopes if run is not None]
    completes = [complete.finished_at for _run, complete in scopes if complete and complete.finished_at]
    complete_at = min(completes) if completes and len(completes) == len(scopes) else None
    ended_badly = [run for run in newest if run.state not in (_State.COMPLETE, _State.RUNNING, _State.ABSENT)]
    telling = min(ended_badly, key=lambda run: run.state != _State.SUSPECT, default=None)
    shown = telling or max(newest, key=lambda run: run.pk, default=None)
    level, late = Level.GOOD, False
    if not model.resource.embedded_in:
        running = [run for run in newest if run.state == _State.RUNNING]
        stuck = any(left_behind or now - run.started_at > STUCK_AFTER for run in running)
        absent = bool(newest) and all(run.state == _State.ABSENT for run in newest)
        late = not absent and (complete_at is None or now - complete_at > late_after)
        level = Level.WARNING if telling or stuck or late or told.quarantined.get(name) else Level.GOOD
    return ResourceStatus(
        name=name,
        label=label,
        rows=numbers.rows,
        gone=numbers.gone,
        complete_at=complete_at,
        age=now - complete_at if complete_at else None,
        state=shown.state if shown else "",
        state_label=str(shown.get_state_display()) if shown else "",
        started_at=shown.started_at if shown else None,
        created=sum(run.created for run in newest),
        changed=sum(run.changed for run in newest),
        quarantined=told.quarantined.get(name, 0),
        orphans=told.orphans.get(name, 0),
        drift=told.drift.get(name, 0),
        error=(telling.error or telling.notice) if telling else "",
        late=late,
        arrives_with=_parent_label(model),
        level=level,
        target=None if model.resource.embedded_in else late_after,
        coverage=_coverage(model, numbers),
        counted_at=numbers.counted_at,
    )


def _coverage(model: type[Mirror], numbers: Numbers) -> float | None:
    every = numbers.rows + numbers.gone
    if not model.resource.detail or numbers.detailed is None or not every:
        return None
    return min(1.0, numbers.detailed / every)


def _parent_label(model: type[Mirror]) -> str:
    parent, _dot, _related_name = model.resource.embedded_in.partition(".")
    return next((str(one._meta.verbose_name_plural) for one in mirrors() if one.__name__ == parent), parent)


def _configuration(problems: tuple[conf.Problem, ...]) -> list[Trouble]:
    return [Trouble(Level.BAD, "misconfigured", problem.message, problem.hint) for problem in problems]


def _about_what_was_left_behind(resources: tuple[ResourceStatus, ...]) -> list[Trouble]:
    labels = [capfirst(one.label) for one in resources if one.state == _State.RUNNING]
    sentence = _("A sync was left behind by its process: %(resources)s.") % {"resources": ", ".join(labels) or "–"}
    advice = _(
        "“manage.py blesta_sync” goes on where it stopped; where Celery’s beat starts the task"
        " “django_blesta.sweep”, that does so by itself."
    )
    return [Trouble(Level.WARNING, "left-behind", sentence, advice)]


def _about_resources(
    resources: tuple[ResourceStatus, ...], connection: ConnectionStatus, now: datetime, *, left_behind: bool
) -> list[Trouble]:
    if connection.state is Connected.NEVER:
        return []
    found: list[Trouble] = []
    late: list[str] = []
    for one in resources:
        if one.arrives_with or one.level is Level.GOOD:
            continue
        if one.state == _State.SUSPECT:
            sentence = _("%(resource)s: more rows vanished than is believable. %(error)s")
            facts = {"resource": capfirst(one.label), "error": one.error}
            advice = _(
                "Nothing was marked as gone. Look in Blesta whether they are there, and what the API user may see;"
                " then run “manage.py blesta_sync” again."
            )
            found.append(Trouble(Level.BAD, "suspect", (sentence % facts).strip(), advice, one.name))
        # While nothing can be reached, one sentence about the connection says it for all.
        elif one.state in (_State.FAILED, _State.PARTIAL) and connection.state is Connected.OK:
            if one.state == _State.FAILED:
                sentence = _("%(resource)s: the last run failed. %(error)s")
            else:
                sentence = _("%(resource)s: the last run could not read everything. %(error)s")
            facts = {"resource": capfirst(one.label), "error": one.error}
            advice = _("What had been stored stays. The next run tries again; open the run for its figures.")
            found.append(Trouble(Level.WARNING, "run-failed", (sentence % facts).strip(), advice, one.name))
        elif one.state == _State.INTERRUPTED:
            sentence = _("%(resource)s: the last run was interrupted.") % {"resource": capfirst(one.label)}
            found.append(Trouble(Level.WARNING, "interrupted", sentence, _("Run “manage.py blesta_sync”."), one.name))
        elif one.state == _State.RUNNING and not left_behind and one.started_at and now - one.started_at > STUCK_AFTER:
            sentence = _("%(resource)s: a run that began %(time)s ago has not ended.")
            facts = {"resource": capfirst(one.label), "time": timesince(one.started_at, now)}
            advice = _("If no process is at work on it any more, start another: “manage.py blesta_sync”.")
            found.append(Trouble(Level.WARNING, "stuck", sentence % facts, advice, one.name))
        if one.late:
            late.append(capfirst(one.label))
    if late:
        sentence = _("Not read completely of late: %(resources)s.") % {"resources": ", ".join(late)}
        advice = _("Rows of these may be older than they look. Check that the sync is started regularly.")
        found.append(Trouble(Level.WARNING, "late", sentence, advice))
    return found


def _about_quarantine(count: int) -> list[Trouble]:
    if not count:
        return []
    sentence = ngettext("%(count)d row is in quarantine.", "%(count)d rows are in quarantine.", count)
    advice = _("Each names the column and the rule that it broke; it leaves by itself once Blesta’s row fits.")
    return [Trouble(Level.WARNING, "quarantined", sentence % {"count": count}, advice)]


def _about_operations(counted: tuple[OperationCount, ...], using: str) -> list[Trouble]:
    counts = {operation.state: operation.count for operation in counted}
    found = []
    if waiting := counts[Operation.State.NEEDS_HUMAN]:
        sentence = ngettext(
            "%(count)d change waits for somebody to decide what became of it.",
            "%(count)d changes wait for somebody to decide what became of them.",
            waiting,
        )
        advice = _("Each says what was found in Blesta. Look there, then settle it; nothing is sent again by itself.")
        found.append(Trouble(Level.WARNING, "operations-human", sentence % {"count": waiting}, advice))
    if unknown := counts[Operation.State.UNKNOWN] + counts[Operation.State.RECONCILING]:
        sentence = ngettext(
            "Of %(count)d change nobody knows whether Blesta made it.",
            "Of %(count)d changes nobody knows whether Blesta made them.",
            unknown,
        )
        advice = _("Nothing of unknown outcome is sent again. Look in Blesta before anybody repeats it.")
        found.append(Trouble(Level.WARNING, "operations-unknown", sentence % {"count": unknown}, advice))
    if counts[Operation.State.SENDING] and (stuck := operations.overdue(using=using).count()):
        sentence = ngettext(
            "%(count)d change has been on its way for too long.",
            "%(count)d changes have been on their way for too long.",
            stuck,
        )
        advice = _("The process that sent them was probably ended. Treat them like changes of unknown outcome.")
        found.append(Trouble(Level.WARNING, "operations-sending", sentence % {"count": stuck}, advice))
    return found
