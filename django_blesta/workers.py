"""What Celery's own processes tell of themselves: workers and the scheduler give signs of life, tasks have an id.

Imported with the tasks. A worker's sign of life is Celery's own heartbeat, sent while it is connected to its broker;
that it takes tasks is told by the tick, which the scheduler sends and whichever worker is free writes down.
"""

from __future__ import annotations

import os
import socket
from contextlib import AbstractContextManager
from typing import Any, Final

from celery import signals
from django.conf import settings

from django_blesta import conf, correlation, ledger, presence
from django_blesta.models import Heartbeat

TICK: Final = "django_blesta.tick"
_open: dict[str, AbstractContextManager[None]] = {}


def aliases() -> list[str]:
    """Installations that have a database; one without is an error of the system checks."""
    return [using for using in conf.aliases() if using in settings.DATABASES]


@signals.heartbeat_sent.connect(dispatch_uid="django_blesta.workers")
def _heart_has_beaten(sender: Any, **kwargs: Any) -> None:
    presence.introduce(str(sender.eventer.hostname))
    for using in aliases():
        presence.breathe(using)


@signals.worker_process_init.connect(dispatch_uid="django_blesta.workers")
def _child_was_born(**kwargs: Any) -> None:
    # A child works, its parent's heart beats: one sign of life for the two is enough.
    presence.introduce("")


@signals.worker_shutdown.connect(dispatch_uid="django_blesta.workers")
def _worker_ends(sender: Any, **kwargs: Any) -> None:
    ledger.flush_all()
    for using in aliases():
        presence.gone(Heartbeat.Kind.WORKER, str(sender.hostname), using)


@signals.before_task_publish.connect(sender=TICK, dispatch_uid="django_blesta.workers")
def _tick_is_sent(**kwargs: Any) -> None:
    """In the scheduler's own process: that it sends is its sign of life, whether or not anybody listens."""
    for using in aliases():
        presence.seen(Heartbeat.Kind.BEAT, socket.gethostname(), using)


def take_tick(hostname: str) -> None:
    for using in aliases():
        presence.seen(Heartbeat.Kind.WORKER, hostname or f"{os.getpid()}@{socket.gethostname()}", using, worked=True)


@signals.task_prerun.connect(dispatch_uid="django_blesta.workers")
def _task_begins(task_id: str, task: Any, **kwargs: Any) -> None:
    if task.name.startswith("django_blesta."):
        _open[task_id] = correlation.correlated(f"task {task_id}")
        _open[task_id].__enter__()


@signals.task_postrun.connect(dispatch_uid="django_blesta.workers")
def _task_ends(task_id: str, **kwargs: Any) -> None:
    if (opened := _open.pop(task_id, None)) is not None:
        opened.__exit__(None, None, None)
    ledger.flush_all()
