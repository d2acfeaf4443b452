"""Read Blesta into the mirror: `run` for many rows, `refresh` for one. The only writer of mirrors."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, transaction
from django.utils import timezone

from django_blesta import conf
from django_blesta.exceptions import BlestaError, Denied, NotConfigured, Unavailable
from django_blesta.models import Company, Mirror, SyncRun, SyncScope
from django_blesta.resources import resource_of
from django_blesta.sync._checkpoint import reached
from django_blesta.sync.chunks import get_row
from django_blesta.sync.fence import draw
from django_blesta.sync.leases import AlreadyRunning, is_leased, leased, was_abandoned
from django_blesta.sync.passes import Pass, Progress, Silence, work_on, write_off_the_forgotten
from django_blesta.sync.plan import Scope, in_order, scopes
from django_blesta.sync.rows import Mapped, map_rows, quarantine, release
from django_blesta.sync.store import store

__all__ = ["AlreadyRunning", "Progress", "join", "left_behind", "refresh", "run"]


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
    where another sync of the installation is under way. `batch` names this one, so that whoever begins it twice
    (a task that was delivered again) has it once; `helpers` names the task by which other workers take part.
    """
    holder = batch or uuid.uuid4()
    runs: list[SyncRun] = []
    models = in_order(chosen)
    with leased(str(holder), using):
        write_off_the_forgotten(using)
        for scope in _asked(using, company_ids, holder, cause):
            page_size = 0
            for model in models:
                if not scoped and (resource_of(model).parent or resource_of(model).reached_by):
                    continue
                watching = progress or Silence()
                work = Pass(
                    model,
                    scope,
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
    return runs


def _asked(using: str, company_ids: Iterable[int] | None, batch: uuid.UUID, cause: str) -> list[Scope]:
    """`scopes`, and where Blesta does not answer that first question, a run over companies that says why."""
    began = timezone.now()
    try:
        return scopes(using, company_ids)
    except BlestaError as error:
        SyncRun.objects.using(using).create(
            batch=batch,
            resource=Company._meta.label_lower,
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
    for scope in _scopes_for(using, found.company_id):
        if scope.company_id == found.company_id:
            work_on(found, scope)


def left_behind(using: str = DEFAULT_DB_ALIAS) -> bool:
    """Whether a sync has ended without saying so: its lease has run out, or a run stands there that nobody has."""
    running = SyncRun.objects.using(using).filter(state=SyncRun.State.RUNNING).exists()
    return (running and not is_leased(using)) or was_abandoned(using)


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
    for scope in _scopes_for(using, held):
        while True:
            fence, before = draw(using), timezone.now()
            row = get_row(model, pk, scope)
            reached("row-fetched")
            if row is None:
                break
            mapped = map_rows(model, [row], scope, whole=True)
            quarantine(model, mapped.unfit, at=before, using=using)
            if not mapped.incoming:
                break
            if _store_unless_overtaken(model, scope, mapped, fence, before):
                return True
    return False


class _Overtaken(Exception):
    """A run that began after the fetch has been completed."""


def _store_unless_overtaken(model: type[Mirror], scope: Scope, mapped: Mapped, fence: int, before: datetime) -> bool:
    using = scope.using
    runs = SyncScope.objects.using(using).filter(resource=model._meta.label_lower, company_id=scope.company_id)
    with suppress(_Overtaken), transaction.atomic(using):
        store(model, mapped.incoming, fence=fence, fetched_at=before, using=using, confirming=True)
        # Locked, so that a run which is just being completed is waited for.
        if any(completed > fence for completed in runs.select_for_update().values_list("completed_fence", flat=True)):
            raise _Overtaken
        release(model, [incoming.key for incoming in mapped.incoming], using=using)
        return True
    return False


def _scopes_for(using: str, company_id: int | None) -> list[Scope]:
    """The companies under which to look for a row, without asking Blesta for what the mirror already knows."""
    named = [company for company in conf.installation(using).companies if company is not None]
    known = named or list(Company.objects.using(using).values_list("pk", flat=True))
    if not known:
        return scopes(using)
    likely = [company_id] if company_id in known else sorted(known)
    return [Scope(using, company, not named, frozenset(known)) for company in likely]
