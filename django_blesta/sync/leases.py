"""Who does what: the lease on the whole sync of an installation, and claims on the chunks of a run.

Time is the database's own everywhere here: workers' clocks may differ.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import DateTimeField, Exists, ExpressionWrapper, F, OuterRef, Q
from django.db.models.functions import Now

from django_blesta import conf, ledger
from django_blesta.exceptions import Facts, NotAllowed
from django_blesta.models import Lease, SyncChunk, SyncRun
from django_blesta.sync._checkpoint import reached

SYNC, SINGLE_ROWS = "sync", "single rows"
BEATS_A_LEASE = 3
#: A chunk that so many have taken and none has finished is given up by whoever comes next.
MAX_TAKES = 5
CHUNKS_A_LOOK = 8


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
    """Take the lease, or raise `AlreadyRunning`."""
    leases = Lease.objects.using(using)
    free = leases.filter(Q(until__isnull=True) | Q(until__lt=Now()), name=name)

    def is_ours() -> bool:
        return bool(free.update(holder=holder, until=_until(using), since=Now()))

    if is_ours() or (leases.get_or_create(name=name)[1] and is_ours()):
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
def leased(using: str) -> Iterator[str]:
    """Hold the lease on the sync, as a holder that is like no other: a task that is delivered twice at once is two."""
    holder = f"{os.getpid()}:{uuid.uuid4()}"
    acquire(holder, using)
    try:
        yield holder
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
        """Where it was taken over, `hold` will say so when it matters."""
        self._mine().update(lease_until=_until(self.using))

    @property
    def is_hopeless(self) -> bool:
        return self.token > MAX_TAKES

    def finish(self, *, seen: bytes | None = None, bad: list[str] | None = None, **more: Any) -> None:
        state = SyncChunk.State.DONE
        if not self._mine().update(state=state, seen=seen, bad=bad or [], lease_until=None, finished_at=Now(), **more):
            raise LeaseLost(f"{self.chunk} was taken over while this worker was away.")

    def give_back(self) -> None:
        self._mine().update(state=SyncChunk.State.WAITING, lease_until=None)


@dataclass(slots=True)
class Free:
    """Chunks of a run that were free when somebody last looked, so that not every claim has to look again.

    `is_all` says that there were no others. Whoever ends a run raises the tokens of what is left of it, so that
    nothing known from before can be taken.
    """

    chunks: list[SyncChunk] = field(default_factory=list)
    is_all: bool = False


def claim(run: SyncRun, using: str, worker: str, free: Free) -> Claim | None:
    """The next chunk that waits or whose worker is lost; judgement comes only when everything else is done."""
    chunks = SyncChunk.objects.using(using).filter(run_id=run.pk)
    takeable = Q(state=SyncChunk.State.WAITING) | Q(state=SyncChunk.State.CLAIMED, lease_until__lt=Now())
    unfinished = SyncChunk.objects.using(using).filter(run_id=OuterRef("run_id"))
    unfinished = unfinished.exclude(state=SyncChunk.State.DONE).exclude(kind=SyncChunk.Kind.SETTLE)
    while True:
        if not free.chunks:
            due = chunks.filter(takeable, run__state=SyncRun.State.RUNNING).defer("seen", "bad")
            due = due.filter(~Q(kind=SyncChunk.Kind.SETTLE) | ~Exists(unfinished))
            free.chunks = list(due.order_by("walk", "position")[:CHUNKS_A_LOOK])
            free.is_all = len(free.chunks) < CHUNKS_A_LOOK
        if not free.chunks:
            return None
        chunk = free.chunks.pop(0)
        taken = chunks.filter(takeable, pk=chunk.pk, token=chunk.token).update(
            state=SyncChunk.State.CLAIMED, token=F("token") + 1, lease_until=_until(using), worker=worker
        )
        if taken:
            reached("chunk-claimed")
            return Claim(chunk, chunk.token + 1, using)


def revoke(run: SyncRun, using: str) -> None:
    """Nobody stores anything more for this run: every claim that is open is void."""
    unfinished = SyncChunk.objects.using(using).filter(run_id=run.pk).exclude(state=SyncChunk.State.DONE)
    unfinished.update(token=F("token") + 1, state=SyncChunk.State.WAITING, lease_until=None)


def give_back_strays(run: SyncRun, using: str, worker: str, held: list[Claim]) -> None:
    """Chunks that stand in this worker's name though it does not know: the answer to its claim was lost."""
    chunks = SyncChunk.objects.using(using).filter(run_id=run.pk, worker=worker, state=SyncChunk.State.CLAIMED)
    chunks = chunks.exclude(pk__in=[claim.chunk.pk for claim in held])
    chunks.update(state=SyncChunk.State.WAITING, lease_until=None)


@dataclass(frozen=True, slots=True)
class FirstClaim(Claim):
    """On a chunk that is planned and done in one transaction: it is written once, as done."""

    def hold(self) -> None:
        return None

    def finish(self, *, seen: bytes | None = None, bad: list[str] | None = None, **more: Any) -> None:
        news = {"state": SyncChunk.State.DONE, "seen": seen, "bad": bad or [], "finished_at": Now(), **more}
        for name, value in news.items():
            setattr(self.chunk, name, value)
        self.chunk.save(using=self.using, force_insert=True)


@dataclass
class Vigil:
    """Renews what a worker holds while it waits for something; used by the worker's own thread.

    `also` renews what else depends on this worker being alive.
    """

    using: str
    also: Callable[[], None] = lambda: None
    held: list[Claim] = field(default_factory=list)
    _due: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        # What a worker begins with was claimed just now.
        self._due = time.monotonic() + self._period

    @property
    def _period(self) -> float:
        return conf.installation(self.using).lease_seconds / BEATS_A_LEASE

    def beat(self) -> float:
        """Renew where it is time to, and return the seconds until it is again."""
        ledger.breathe(self.using)
        now = time.monotonic()
        if now >= self._due:
            self._due = now + self._period
            for one in self.held:
                one.renew()
            self.also()
        return max(0.01, self._due - now)

    def wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        pause = threading.Event()
        while (left := until - time.monotonic()) > 0:
            pause.wait(min(left, self.beat()))


def turn_for(rows: int, using: str) -> float:
    """Take the turn of so many single rows, and return the seconds to wait for it; all workers stand in one line."""
    per_minute = conf.installation(using).single_rows_per_minute
    if per_minute is None or not rows:
        return 0.0
    leases = Lease.objects.using(using)
    leases.get_or_create(name=SINGLE_ROWS)
    with transaction.atomic(using):
        line = leases.select_for_update().annotate(now=Now()).get(name=SINGLE_ROWS)
        turn = max(line.until or line.now, line.now)
        leases.filter(name=SINGLE_ROWS).update(until=turn + timedelta(minutes=rows / per_minute))
    return float((turn - line.now).total_seconds())


def was_abandoned(using: str, name: str = SYNC) -> bool:
    """Whether a holder let it run out: who ends in an orderly way gives it back."""
    return Lease.objects.using(using).filter(name=name, until__lt=Now()).exclude(holder="").exists()


def is_leased(using: str, name: str = SYNC) -> bool:
    return Lease.objects.using(using).filter(name=name, until__gte=Now()).exists()
