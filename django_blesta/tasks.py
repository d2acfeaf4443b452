"""What a Celery worker can be asked to do: shells around the floors below, named explicitly, fed with ids only."""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta
from typing import Any

from celery import Task, shared_task
from django.db import DEFAULT_DB_ALIAS, DatabaseError

from django_blesta import operations, sync
from django_blesta.exceptions import BlestaError
from django_blesta.models import mirror_named
from django_blesta.presence import PERIOD
from django_blesta.sync import hints, hot
from django_blesta.sync.feeds import poll as poll_feeds
from django_blesta.sync.forgetting import forget_old
from django_blesta.sync.plan import scopes
from django_blesta.workers import TICK, take_tick
from django_blesta.workers import aliases as _aliases

logger = logging.getLogger("django_blesta.tasks")
SYNC_ALL, WORK_ON_RUN, REFRESH, SWEEP, PRUNE, RECONCILE, POLL, LOOK_AROUND = (
    f"django_blesta.{name}"
    for name in ("sync_all", "work_on_run", "refresh", "sweep", "prune", "reconcile", "poll", "look_around")
)

LONGEST_WAIT = 120.0


@shared_task(name=SYNC_ALL, bind=True, acks_late=True, ignore_result=True, reject_on_worker_lost=True)
def sync_all(
    self: Task[..., None],
    using: str = DEFAULT_DB_ALIAS,
    *,
    details: bool = True,
    scoped: bool = True,
    whole_every_hours: float | None = None,
) -> None:
    """Everything, as `blesta_sync` does it, with the help of whichever workers are free.

    With `whole_every_hours`, lists that cost a request per parent are left out until they are that old.

    What went wrong is on the runs; a trouble that stops all is raised. A task that meets another, be it itself
    delivered twice, leaves it alone; one that died is gone on with by the sweeper, or by whoever syncs next.
    """
    batch = uuid.UUID(self.request.id) if self.request.id else None
    if scoped and whole_every_hours is not None:
        scoped = sync.is_whole_due(timedelta(hours=whole_every_hours), using=using)
    try:
        sync.run(using=using, cause="task", details=details, scoped=scoped, batch=batch, helpers=WORK_ON_RUN)
    except sync.AlreadyRunning as running:
        logger.info("%s", running)


@shared_task(name=WORK_ON_RUN, acks_late=True, ignore_result=True)
def work_on_run(run_id: int, using: str = DEFAULT_DB_ALIAS) -> None:
    """Take part in a run that another worker has begun; nothing happens where there is nothing to take."""
    sync.join(run_id, using=using)


@shared_task(name=REFRESH, acks_late=True, ignore_result=True)
def refresh(resource: str, pk: int | str, using: str = DEFAULT_DB_ALIAS) -> None:
    """One row, named by its mirror (`invoice`, `myapp.widget`) and Blesta's id."""
    sync.refresh(mirror_named(resource), pk, using=using, cause="task")


@shared_task(name=hints.FOLLOW, ignore_result=True)
def follow_hints(using: str = DEFAULT_DB_ALIAS) -> None:
    """Refresh what Blesta hinted at; where more is due later, look again then, unless another worker will."""
    seconds = hints.follow(using)
    # What is due much later is found by the poll; a broker is not to keep messages for hours.
    if seconds is not None and seconds <= LONGEST_WAIT and hints.may_wake(seconds, using):
        follow_hints.apply_async(kwargs={"using": using}, countdown=max(seconds, 0.01))


@shared_task(name=POLL, ignore_result=True)
def poll(using: str = DEFAULT_DB_ALIAS) -> None:
    """Read Blesta's change logs on, and pick the hot rows that are due; what came of it is refreshed at once."""
    hot.choose(using)
    try:
        for scope in scopes(using):
            poll_feeds(scope)
    except BlestaError as error:
        logger.info("Blesta's change logs could not be read: %s", error)
    follow_hints(using)


@shared_task(name=SWEEP, ignore_result=True)
def sweep() -> None:
    """Go on with runs and hints whose worker died: a broker that lost its queue has lost nothing else."""
    for using in _aliases():
        try:
            if sync.left_behind(using):
                sync_all.apply_async(kwargs={"using": using})
            if hints.left_over(using):
                follow_hints.apply_async(kwargs={"using": using})
        except DatabaseError as error:
            logger.warning("Installation %s could not be looked at: %s", using, type(error).__name__)


@shared_task(name=TICK, bind=True, ignore_result=True)
def tick(self: Task[..., None]) -> None:
    """Write down that tasks are taken: the status page misses it when no worker listens any more."""
    take_tick(str(self.request.hostname or ""))


@shared_task(name=LOOK_AROUND, ignore_result=True)
def look_around(using: str = DEFAULT_DB_ALIAS) -> None:
    """Count the mirror's rows, and ask Blesta for its version and when its cron last ran."""
    sync.look_around(using)


@shared_task(name=RECONCILE, ignore_result=True)
def reconcile(using: str = DEFAULT_DB_ALIAS) -> None:
    """Find out what became of changes whose outcome is open, and send what waited for Blesta."""
    operations.reconcile(using)


def beat_schedule(
    *,
    every_minutes: float = 60,
    whole_every_hours: float = 12,
    sweep_minutes: float = 5,
    reconcile_minutes: float = 1,
    poll_minutes: float = 1,
) -> dict[str, dict[str, Any]]:
    """Entries for `app.conf.beat_schedule`: syncs (the lists per parent only so often), polls of change logs, looks for
    open outcomes, the sweeper, the tick, the pruning.

    Two beats by mistake are harmless: the second sync finds the first one's lease and leaves.
    """
    entries: dict[str, dict[str, Any]] = {
        f"django_blesta sync {using}": {
            "task": SYNC_ALL,
            "schedule": every_minutes * 60.0,
            "kwargs": {"using": using, "whole_every_hours": whole_every_hours},
            "options": {"expires": every_minutes * 60.0},
        }
        for using in _aliases()
    }
    for using in _aliases():
        entries[f"django_blesta reconcile {using}"] = {
            "task": RECONCILE,
            "schedule": reconcile_minutes * 60.0,
            "kwargs": {"using": using},
            "options": {"expires": reconcile_minutes * 60.0},
        }
        entries[f"django_blesta poll {using}"] = {
            "task": POLL,
            "schedule": poll_minutes * 60.0,
            "kwargs": {"using": using},
            "options": {"expires": poll_minutes * 60.0},
        }
    entries["django_blesta sweep"] = {"task": SWEEP, "schedule": sweep_minutes * 60.0}
    # A tick that nobody took in time says so by being missed; it need not be taken later.
    entries["django_blesta tick"] = {"task": TICK, "schedule": float(PERIOD), "options": {"expires": float(PERIOD)}}
    for using in _aliases():
        entries[f"django_blesta look around {using}"] = {
            "task": LOOK_AROUND,
            "schedule": 900.0,
            "kwargs": {"using": using},
            "options": {"expires": 900.0},
        }
        entries[f"django_blesta prune {using}"] = {"task": PRUNE, "schedule": 86_400.0, "kwargs": {"using": using}}
    return entries


@shared_task(name=PRUNE, ignore_result=True)
def prune(using: str = DEFAULT_DB_ALIAS) -> None:
    """Forget changes, runs, calls, signs of life, deliveries and hints whose time is over."""
    forget_old(using)
