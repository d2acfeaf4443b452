"""Who does what: the lease on the whole sync of an installation, and claims on the chunks of a run.

Time is the database's own everywhere here: workers' clocks may differ.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import DateTimeField, Exists, ExpressionWrapper, F, OuterRef, Q
from django.db.models.functions import Now

from django_blesta import conf
from django_blesta.exceptions import Facts, NotAllowed
from django_blesta.models import Lease, SyncChunk, SyncRun
from django_blesta.sync._checkpoint import reached

SYNC = "sync"


class LeaseLost(Exception):
    """Somebody else holds it now, after a pause that was longer than the lease; nothing more may be stored under it."""


class AlreadyRunning(NotAllowed):
    """Another sync of this installation is under way."""


def worker_name() -> str:
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{threading.get_ident()}"[:100]


def _until(using: str) -> Any:
    seconds = conf.installation(using).lease_seconds
    return ExpressionWrapper(Now() + timedelta(seconds=seconds), output_field=DateTimeField())


def acquire(holder: str, using: str, name: str = SYNC) -> None:
    """Take the lease, or raise `AlreadyRunning`; the same holder may take it again (a task that was redelivered)."""
    leases = Lease.objects.using(using)
    leases.get_or_create(name=name)
    free = Q(until__isnull=True) | Q(until__lt=Now()) | Q(holder=holder)
    if leases.filter(free, name=name).update(holder=holder, until=_until(using), since=Now()):
        return
    held = leases.get(name=name)
    if held.since is None or held.until is None:
        raise AlreadyRunning(f"Another sync of {using!r} has just begun.", Facts(reason="already-running"))
    raise AlreadyRunning(
        f"Another sync of {using!r} is under way since {held.since:%Y-%m-%d %H:%M:%S} UTC. If it was killed, "
        f"this one may take over after {held.until:%H:%M:%S} UTC.",
        Facts(reason="already-running"),
    )


def renew(holder: str, using: str, name: str = SYNC) -> None:
    if not Lease.objects.using(using).filter(name=name, holder=holder).update(until=_until(using)):
        raise LeaseLost(f"The lease {name!r} of {holder} was taken over.")


def release(holder: str, using: str, name: str = SYNC) -> None:
    Lease.objects.using(using).filter(name=name, holder=holder).update(until=None, holder="")


@contextmanager
def leased(holder: str, using: str) -> Iterator[None]:
    acquire(holder, using)
    try:
        yield
    finally:
        release(holder, using)


@dataclass(frozen=True, slots=True)
class Claim:
    """A chunk that is ours while nobody raised its token."""

    chunk: SyncChunk
    token: int
    using: str

    def _mine(self) -> models.QuerySet[SyncChunk]:
        chunks = SyncChunk.objects.using(self.using)
        return chunks.filter(pk=self.chunk.pk, token=self.token, state=SyncChunk.State.CLAIMED)

    def hold(self) -> None:
        """Inside the transaction that stores: lock the chunk and see that it is still ours, or raise `LeaseLost`."""
        if not self._mine().select_for_update().values_list("pk", flat=True):
            raise LeaseLost(f"{self.chunk} was taken over while this worker was away.")

    def renew(self) -> None:
        if not self._mine().update(lease_until=_until(self.using)):
            raise LeaseLost(f"{self.chunk} was taken over while this worker was away.")

    def finish(self, *, seen: bytes | None = None, bad: list[str] | None = None) -> None:
        state = SyncChunk.State.DONE
        if not self._mine().update(state=state, seen=seen, bad=bad or [], lease_until=None, finished_at=Now()):
            raise LeaseLost(f"{self.chunk} was taken over while this worker was away.")

    def give_back(self) -> None:
        self._mine().update(state=SyncChunk.State.WAITING, lease_until=None)


def claim(run: SyncRun, using: str, worker: str) -> Claim | None:
    """The next chunk that waits or whose worker is lost; judgement comes only when everything else is done."""
    chunks = SyncChunk.objects.using(using).filter(run_id=run.pk)
    takeable = Q(state=SyncChunk.State.WAITING) | Q(state=SyncChunk.State.CLAIMED, lease_until__lt=Now())
    unfinished = SyncChunk.objects.using(using).filter(run_id=OuterRef("run_id"))
    unfinished = unfinished.exclude(state=SyncChunk.State.DONE).exclude(kind=SyncChunk.Kind.SETTLE)
    while True:
        due = chunks.filter(takeable).filter(~Q(kind=SyncChunk.Kind.SETTLE) | ~Exists(unfinished))
        chunk = due.order_by("walk", "position").first()
        if chunk is None:
            return None
        taken = chunks.filter(takeable, pk=chunk.pk, token=chunk.token).update(
            state=SyncChunk.State.CLAIMED, token=F("token") + 1, lease_until=_until(using), worker=worker
        )
        if taken:
            reached("chunk-claimed")
            return Claim(chunk, chunk.token + 1, using)


def is_leased(using: str, name: str = SYNC) -> bool:
    return Lease.objects.using(using).filter(name=name, until__gte=Now()).exists()
