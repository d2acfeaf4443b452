"""Signs of life: who works for the mirror, and when each was last heard of."""

from __future__ import annotations

import logging
import os
import time
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from django_blesta.models import Heartbeat

logger = logging.getLogger("django_blesta.presence")

PERIOD: Final = 60
"""Seconds between two signs of life, and between two ticks of the scheduler."""
FORGOTTEN_AFTER: Final = timedelta(days=7)
_due: dict[tuple[str, str], float] = {}
_name: list[str] = []


def introduce(name: str) -> None:
    """From now on this process is the worker of this name, and `breathe` speaks for it."""
    _name[:] = [name[:200]]


def breathe(using: str) -> None:
    """A worker's sign of life, once in half a period; nothing in a process that is no worker."""
    if not any(_name):
        return
    due = time.monotonic()
    if due >= _due.get((using, _name[0]), 0.0):
        _due[using, _name[0]] = due + PERIOD / 2
        seen(Heartbeat.Kind.WORKER, _name[0], using)


def seen(kind: str, name: str, using: str, *, worked: bool = False, now: datetime | None = None) -> None:
    """Write down a sign of life; a database that does not take it is logged, since whoever works goes on."""
    moment = now or timezone.now()
    values: dict[str, Any] = {"seen_at": moment, "period": PERIOD} | ({"worked_at": moment} if worked else {})
    try:
        Heartbeat.objects.using(using).update_or_create(
            kind=kind, name=name[:200], defaults=values, create_defaults={**values, "since": moment}
        )
    except (DatabaseError, InterfaceError) as error:
        logger.warning("The sign of life of %s could not be written down: %s", name, type(error).__name__)


def gone(kind: str, name: str, using: str) -> None:
    """An orderly end: nobody needs to look for this one."""
    try:
        Heartbeat.objects.using(using).filter(kind=kind, name=name[:200]).delete()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("The leaving of %s could not be written down: %s", name, type(error).__name__)


def prune(using: str, *, now: datetime | None = None) -> int:
    """Forget who has not been heard of for a week."""
    return Heartbeat.objects.using(using).filter(seen_at__lt=(now or timezone.now()) - FORGOTTEN_AFTER).delete()[0]


def _forget_in_a_child() -> None:
    _due.clear()


os.register_at_fork(after_in_child=_forget_in_a_child)
