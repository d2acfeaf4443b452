"""Read Blesta into the mirror: `run` for many rows, `refresh` for one. The only writer of mirrors."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS, transaction
from django.utils import timezone

from django_blesta import conf, correlation, ledger
from django_blesta.exceptions import BlestaError, Denied, NotConfigured, Unavailable
from django_blesta.models import Company, Mirror, MirrorQuerySet, SyncRun, SyncScope, mirror_named
from django_blesta.resources import resource_of
from django_blesta.sync import drift, identity, invariants
from django_blesta.sync._checkpoint import reached
from django_blesta.sync.chunks import get_row
from django_blesta.sync.fence import begin_refresh
from django_blesta.sync.history import prune_history, prune_runs
from django_blesta.sync.leases import AlreadyRunning, is_leased, leased, was_abandoned
from django_blesta.sync.passes import Pass, Progress, Silence, work_on, write_off_the_forgotten
from django_blesta.sync.plan import Scope, arriving_with, asks_per_parent, in_order, scopes
from django_blesta.sync.rows import Mapped, map_rows, quarantine, release
from django_blesta.sync.store import store
from django_blesta.sync.surroundings import look_around

__all__ = [
    "AlreadyRunning",
    "Progress",
    "ask",
    "is_at_work",
    "join",
    "left_behind",
    "look_around",
    "prune",
    "refresh",
    "run",
]


def run(
    chosen: Iterable[type[Mirror]] | None = None,
    *,
    using: str = DEFAULT_DB_ALIAS,
    company_ids: Iterable[int] | None = None,
    cause: str = "command",
    details: bool = True,
    scoped: bool = True,
    progress: Progress | None = None,
    batch: uuid.UUID | None = None,
    helpers: str = "",
) -> list[SyncRun]:
    """Walk the chosen mirrors (all by default) of one installation and return a finished `SyncRun` for each.

    `details=False` leaves out the single `get` of changed rows, `scoped=False` what costs a request per parent.
    What befalls one resource is on its run. What befalls them all (wrong key, maintenance, no connection, a mistake
    in the setting) is raised, after the run it struck was recorded; what had been stored stays. Raise AlreadyRunning
    where another sync of the installation is under way. `batch` is what the runs of this one have in common;
    `helpers` names the task by which other workers take part.
    """
    batch = batch or uuid.uuid4()
    runs: list[SyncRun] = []
    models = in_order(chosen)
    with leased(using) as holder:
        write_off_the_forgotten(using)
        with _recorded(using, batch, cause):
            asked = scopes(using, company_ids)
        for scope in asked:
            with _recorded(using, batch, cause, scope.company_id):
                verdict = identity.check(scope)
            notice, page_size = verdict.notice, 0
            begun = len(runs)
            for model in models:
                if not scoped and asks_per_parent(model):
                    continue
                watching = progress or Silence()
                work = Pass(
                    model,
                    scope,
                    batch,
                    holder,
                    cause,
                    details=details,
                    page_size=page_size,
                    progress=watching,
                    helpers=helpers,
                )
                runs.append(work.run())
                page_size = max(page_size, work.page_size)
                if work.failure and not concerns_one_resource(work.failure):
                    raise work.failure
                _add_findings(runs[-1], scope, model, notice)
                notice = ""
            _count_orphans(runs[begun:], scope)
            if chosen is None and all(
                one.state in {SyncRun.State.COMPLETE, SyncRun.State.ABSENT} for one in runs[begun:]
            ):
                identity.remember(scope)
    return runs


def _add_findings(run: SyncRun, scope: Scope, model: type[Mirror], notice: str) -> None:
    """What the rows themselves say once they are stored: sums that do not add up are listed, never mended."""
    violations = invariants.check(scope, model)
    if not (violations.count or notice):
        return
    run.violations, run.violation_count = violations.first, violations.count
    run.notice = "; ".join(filter(None, [notice, run.notice]))[:500]
    run.save(using=scope.using, update_fields=["violations", "violation_count", "notice"])


def _count_orphans(runs: Iterable[SyncRun], scope: Scope) -> None:
    """Once all of a company is read, and here rather than where it is shown: it takes a look at every row."""
    for run in runs:
        if run.state not in {SyncRun.State.COMPLETE, SyncRun.State.PARTIAL}:
            continue
        model = mirror_named(run.resource)
        counted = {}
        for one in (model, *arriving_with(model)):
            rows = MirrorQuerySet(one, using=scope.using).present()
            held = rows.filter(company_id=scope.company_id) if resource_of(one).company else rows
            if count := held.orphans().count():
                counted[one._meta.label_lower] = count
        if counted:
            run.orphans = counted
            run.save(using=scope.using, update_fields=["orphans"])


@contextmanager
def _recorded(using: str, batch: uuid.UUID, cause: str, company_id: int | None = None) -> Iterator[None]:
    """Where a question before the first run is not answered as it must be: a run over companies that says why."""
    began = timezone.now()
    try:
        yield
    except BlestaError as error:
        SyncRun.objects.using(using).create(
            batch=batch,
            resource=Company._meta.label_lower,
            company_id=company_id,
            cause=cause,
            state=SyncRun.State.FAILED,
            started_at=began,
            finished_at=timezone.now(),
            error=str(error)[:500],
            error_kind=(error.reason or type(error).__name__)[:50],
        )
        raise


def join(run_id: int, *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Take chunks of a run that is under way elsewhere, until there are none to take."""
    found = SyncRun.objects.using(using).filter(pk=run_id, state=SyncRun.State.RUNNING).first()
    if found is None:
        return
    with correlation.within(run_id=found.pk):
        for scope in scopes_for(using, found.company_id):
            if scope.company_id == found.company_id:
                work_on(found, scope)
    ledger.flush(using)


def is_whole_due(every: timedelta, *, using: str = DEFAULT_DB_ALIAS) -> bool:
    """Whether some mirror that costs a request per parent has not been gone through for so long, well or badly."""
    wanted = {model._meta.label_lower for model in in_order() if asks_per_parent(model)}
    runs = SyncRun.objects.using(using).filter(resource__in=wanted, started_at__gt=timezone.now() - every)
    ended = runs.exclude(state__in=(SyncRun.State.RUNNING, SyncRun.State.INTERRUPTED)).order_by()
    return not wanted <= set(ended.values_list("resource", flat=True).distinct())


def left_behind(using: str = DEFAULT_DB_ALIAS) -> bool:
    """Whether a sync has ended without saying so: its lease has run out, or a run stands there that nobody has."""
    running = SyncRun.objects.using(using).filter(state=SyncRun.State.RUNNING).exists()
    return (running and not is_leased(using)) or was_abandoned(using)


def is_at_work(using: str = DEFAULT_DB_ALIAS) -> bool:
    """Whether somebody holds the lease on the sync just now."""
    return is_leased(using)


def prune(using: str = DEFAULT_DB_ALIAS) -> tuple[int, int]:
    """Forget changes and runs that are older than HISTORY_DAYS; return how many of each."""
    return prune_history(using), prune_runs(using)


def concerns_one_resource(error: BlestaError) -> bool:
    """Whether the next resource may fare better: not with a wrong key, a mistake in the setting, or no connection."""
    if isinstance(error, Denied | NotConfigured):
        return False
    return not isinstance(error, Unavailable) or error.reason == "failing"


def refresh(model: type[Mirror], pk: Any, *, using: str = DEFAULT_DB_ALIAS, cause: str = "refresh") -> bool:
    """Fetch one row whole and store it; False where Blesta shows no such row to the companies we know.

    A row that is missing is not marked gone here: absence is judged by a complete run only. What was fetched before
    a run that has been completed meanwhile is fetched again: that run knows better, even of rows that it did not see.
    """
    held = model._base_manager.using(using).filter(pk=pk).values_list("company_id", flat=True).first()
    for scope in scopes_for(using, held):
        while True:
            fence, before = begin_refresh(model, pk, using=using), timezone.now()
            row = get_row(model, pk, scope)
            reached("row-fetched")
            if row is None:
                break
            mapped = map_rows(model, [row], scope, whole=True)
            quarantine(model, mapped.unfit, at=before, using=using)
            if not mapped.incoming:
                break
            if store_unless_overtaken(model, scope, mapped, fence, before, cause):
                drift.glimpse(mapped.seen, scope.company_id, using=using)
                return True
    return False


def ask(model: type[Mirror], pk: Any, *, using: str = DEFAULT_DB_ALIAS) -> Any:
    """The row as Blesta shows it to the companies we know, untouched and not stored; None where it shows none."""
    held = model._base_manager.using(using).filter(pk=pk).values_list("company_id", flat=True).first()
    for scope in scopes_for(using, held):
        row = get_row(model, pk, scope)
        if row is not None:
            return row
    return None


class _Overtaken(Exception):
    """A run that began after the fetch has been completed."""


def store_unless_overtaken(
    model: type[Mirror], scope: Scope, mapped: Mapped, fence: int, before: datetime, cause: str
) -> bool:
    using = scope.using
    runs = SyncScope.objects.using(using).filter(resource=model._meta.label_lower, company_id=scope.company_id)
    with suppress(_Overtaken), transaction.atomic(using):
        store(model, mapped.incoming, fence=fence, fetched_at=before, using=using, confirming=True, cause=cause)
        # Locked, so that a run which is just being completed is waited for.
        if any(completed > fence for completed in runs.select_for_update().values_list("completed_fence", flat=True)):
            raise _Overtaken
        release(model, [incoming.key for incoming in mapped.incoming], using=using)
        return True
    return False


def scopes_for(using: str, company_id: int | None) -> list[Scope]:
    """The companies under which to look for a row, without asking Blesta for what the mirror already knows."""
    named = [company for company in conf.installation(using).companies if company is not None]
    known = named or list(Company.objects.using(using).values_list("pk", flat=True))
    if not known:
        return scopes(using)
    likely = [company_id] if company_id in known else sorted(known)
    return [Scope(using, company, not named, frozenset(known)) for company in likely]
