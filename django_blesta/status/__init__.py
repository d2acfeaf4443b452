"""What an operator should know, from local tables only: Blesta is never asked, so this is quick when Blesta is down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Count, Max
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_blesta import conf, operations, sync
from django_blesta.exceptions import NotConfigured
from django_blesta.models import Mirror, Operation, QuarantinedRow, SyncRun, mirrors
from django_blesta.status._connection import Connected, ConnectionStatus, connection_status, troubles_of
from django_blesta.status._hints import EventCount, FeedStatus, FreshnessStatus, HintStatus, about_hints, hint_status
from django_blesta.status._troubles import Level, Trouble

__all__ = [
    "Connected",
    "ConnectionStatus",
    "EventCount",
    "FeedStatus",
    "FreshnessStatus",
    "HintStatus",
    "Level",
    "OperationCount",
    "ResourceStatus",
    "Snapshot",
    "Trouble",
    "snapshot",
]

LATE_AFTER = timedelta(hours=24)
STUCK_AFTER = timedelta(hours=6)
# What a look back over the runs reads at most; a streak that is older than this is dated by its oldest run within.
LOOK_BACK = 600

_State = SyncRun.State


@dataclass(frozen=True, slots=True)
class ResourceStatus:
    """One mirror. The figures of the last run are those of all companies' last runs together.

    `complete_at` is the end of the last complete run, of the company that is furthest behind; `arrives_with` is the
    label of the mirror whose rows bring these, which then have no runs of their own.
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
    late: bool = False
    arrives_with: str = ""
    level: Level = Level.GOOD


@dataclass(frozen=True, slots=True)
class OperationCount:
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
    hints: HintStatus = field(default_factory=HintStatus)

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
    resources = tuple(_resource(model, runs, quarantined, now, late_after, left_behind, using) for model in mirrors())
    connection = connection_status(problems, runs.recent)
    operations_counted = _operations(using)
    hints = hint_status(using, now)
    found = [
        *_configuration(problems),
        *troubles_of(connection, now),
        *(_about_what_was_left_behind(resources) if left_behind else ()),
        *_about_resources(resources, connection, now, left_behind=left_behind),
        *_about_quarantine(sum(quarantined.values())),
        *_about_operations(operations_counted, using),
        *about_hints(hints, now),
    ]
    return Snapshot(
        using=using,
        taken_at=now,
        problems=problems,
        connection=connection,
        resources=resources,
        operations=operations_counted,
        quarantined=sum(quarantined.values()),
        troubles=tuple(sorted(found, key=lambda trouble: -trouble.level)),
        hints=hints,
    )


_Scope: TypeAlias = tuple[str, int | None]


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


def _operations(using: str) -> tuple[OperationCount, ...]:
    counted = dict(Operation.objects.using(using).order_by().values_list("state").annotate(Count("pk")))
    worst_first = [
        Operation.State.UNKNOWN,
        Operation.State.SENDING,
        Operation.State.PENDING,
        Operation.State.FAILED,
        Operation.State.SUCCEEDED,
    ]
    return tuple(OperationCount(state.value, str(state.label), counted.get(state.value, 0)) for state in worst_first)


def _resource(
    model: type[Mirror],
    runs: _Runs,
    quarantined: Mapping[str, int],
    now: datetime,
    late_after: timedelta,
    left_behind: bool,
    using: str,
) -> ResourceStatus:
    name, label = model._meta.label_lower, str(model._meta.verbose_name_plural)
    # Both figures come from the index on gone_at alone.
    counts = model._base_manager.using(using).order_by().aggregate(every=Count("*"), gone=Count("gone_at"))
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
        level = Level.WARNING if telling or stuck or late or quarantined.get(name) else Level.GOOD
    return ResourceStatus(
        name=name,
        label=label,
        rows=counts["every"] - counts["gone"],
        gone=counts["gone"],
        complete_at=complete_at,
        age=now - complete_at if complete_at else None,
        state=shown.state if shown else "",
        state_label=str(shown.get_state_display()) if shown else "",
        started_at=shown.started_at if shown else None,
        created=sum(run.created for run in newest),
        changed=sum(run.changed for run in newest),
        quarantined=quarantined.get(name, 0),
        error=(telling.error or telling.notice) if telling else "",
        late=late,
        arrives_with=_parent_label(model),
        level=level,
    )


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
    if unknown := counts[Operation.State.UNKNOWN]:
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
