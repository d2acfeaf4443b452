"""Writes down the calls to Blesta, off the path of the call itself.

The connection's observer only remembers, in whichever thread the call ran. Rows are written in the threads that may
speak to the database: at once after a write, and otherwise by `breathe` (the sync, now and then) or `flush` (the end of
a run, a request, a task). What a killed process had not yet written down is lost; operations have a journal of their
own that is written first.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.signals import request_finished
from django.db import DatabaseError, IntegrityError, InterfaceError, transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from django_blesta import conf, correlation, presence
from django_blesta.connection import CallRecord, watch
from django_blesta.exceptions import NoSuchResource, NotConfigured, Rejected
from django_blesta.models import CallTally, LoggedCall

logger = logging.getLogger("django_blesta.ledger")

PERIOD: Final = timedelta(minutes=5)
MOST_REMEMBERED: Final = 2000
FLUSH_SECONDS: Final = 10.0
OK: Final = "ok"
# Answers that say something about one request or one plugin, and nothing about the way to Blesta.
ANSWERS: Final = frozenset({OK, Rejected.__name__, NoSuchResource.__name__})
FORGOTTEN_AT_ONCE: Final = 1000


@dataclass(slots=True)
class _Sums:
    calls: int = 0
    writes: int = 0
    failed: int = 0
    again: int = 0
    milliseconds: int = 0
    bytes: int = 0
    slowest: int = 0

    def add(self, record: CallRecord) -> None:
        took = round(record.milliseconds)
        self.calls += 1
        self.writes += record.writes
        self.failed += record.outcome not in ANSWERS
        self.again += record.tries - 1
        self.milliseconds += took
        self.bytes += record.bytes
        self.slowest = max(self.slowest, took)


@dataclass(slots=True)
class _Book:
    """What one process remembers of the calls to one installation."""

    calls: deque[LoggedCall] = field(default_factory=lambda: deque(maxlen=MOST_REMEMBERED))
    sums: dict[datetime, _Sums] = field(default_factory=dict)
    reads: Counter[Any] = field(default_factory=Counter)
    due: float = 0.0


_books: dict[str, _Book] = {}
_lock = threading.Lock()


def install() -> None:
    """Watch every call of this process from now on; calling it again changes nothing."""
    watch(note)
    request_finished.connect(_request_has_ended, dispatch_uid="django_blesta.ledger")


def _request_has_ended(**kwargs: Any) -> None:
    flush_all()


def note(record: CallRecord) -> None:
    """Remember a call; write it down at once if it was a write, since that is made where the database may be used."""
    now, occasion = timezone.now(), correlation.current()
    begins_at = datetime.fromtimestamp(now.timestamp() // PERIOD.total_seconds() * PERIOD.total_seconds(), UTC)
    with _lock:
        book = _books.setdefault(record.using, _Book())
        book.sums.setdefault(begins_at, _Sums()).add(record)
        kept = record.writes or record.outcome != OK
        if not kept:
            kind = (occasion, record.model, record.method)
            kept = book.reads[kind] % _sample(record.using) == 0
            book.reads[kind] += 1
        if kept:
            book.calls.append(_row(record, now, occasion))
    if record.writes:
        flush(record.using)


def _sample(using: str) -> int:
    try:
        return conf.installation(using).call_sample
    except NotConfigured:  # was changed while the call was under way
        return 1


def _row(record: CallRecord, now: datetime, occasion: correlation.Occasion) -> LoggedCall:
    return LoggedCall(
        at=now,
        remote=record.model[:100],
        method=record.method[:100],
        writes=record.writes,
        status=record.status,
        outcome=record.outcome,
        reason=record.reason[:50],
        milliseconds=round(record.milliseconds),
        bytes=record.bytes,
        tries=record.tries,
        names=sorted(record.names),
        codes=[[name[:200], code[:100]] for name, code in record.codes],
        company_id=record.company_id,
        correlation_id=occasion.id,
        run_id=occasion.run_id,
        operation_id=occasion.operation_id,
    )


def breathe(using: str) -> None:
    """A sign of life, and what was remembered, each when it is due; cheap enough to be called all the time."""
    presence.breathe(using)
    book = _books.get(using)
    if book is not None and time.monotonic() >= book.due:
        flush(using)


def flush_all() -> None:
    for using in list(_books):
        flush(using)


def flush(using: str) -> None:
    """Write down what is remembered; a database that refuses is logged, and nothing that called suffers for it."""
    with _lock:
        book = _books.get(using)
        if book is None:
            return
        calls, sums = list(book.calls), book.sums
        book.calls.clear()
        book.reads.clear()
        book.sums = {}
        book.due = time.monotonic() + FLUSH_SECONDS
    if not (calls or sums) or using not in settings.DATABASES:
        return
    try:
        with transaction.atomic(using):
            LoggedCall.objects.using(using).bulk_create(calls, batch_size=200)
            for begins_at in sorted(sums):
                _add_up(begins_at, sums[begins_at], using)
    except Exception as error:
        # Whatever a database, or the lack of one, comes up with: an account of a call must not undo the call.
        logger.warning("%d calls to Blesta could not be written down: %s", len(calls), type(error).__name__)


def _add_up(begins_at: datetime, sums: _Sums, using: str) -> None:
    tallies = CallTally.objects.using(using)
    more: dict[str, Any] = {name: F(name) + getattr(sums, name) for name in _ADDED}
    more["slowest"] = Greatest(F("slowest"), sums.slowest)
    mine = tallies.filter(begins_at=begins_at)
    if mine.update(**more):
        return
    first = CallTally(begins_at=begins_at, slowest=sums.slowest, **{name: getattr(sums, name) for name in _ADDED})
    try:
        with transaction.atomic(using):
            first.save(using=using, force_insert=True)
    except IntegrityError:  # another process was first
        mine.update(**more)


_ADDED: Final = ("calls", "writes", "failed", "again", "milliseconds", "bytes")


def forget() -> None:
    """What is remembered and not yet written down, of every installation."""
    with _lock:
        _books.clear()


def prune(using: str, *, now: datetime | None = None) -> int:
    """Delete calls and sums that are older than CALL_DAYS, a bounded batch at a time; return how many calls."""
    days = conf.installation(using).call_days
    if days is None:
        return 0
    before = (now or timezone.now()) - timedelta(days=days)
    old = LoggedCall.objects.using(using).filter(at__lt=before)
    deleted = 0
    while pks := list(old.order_by("at").values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE]):
        deleted += LoggedCall.objects.using(using).filter(pk__in=pks).delete()[0]
    CallTally.objects.using(using).filter(begins_at__lt=before).delete()
    return deleted


def _forget_in_a_child() -> None:
    # What the parent remembers is the parent's to write down.
    global _lock
    _lock = threading.Lock()
    _books.clear()


os.register_at_fork(after_in_child=_forget_in_a_child)


def _at_exit() -> None:
    try:
        flush_all()
    except (DatabaseError, InterfaceError):  # pragma: no cover  (the interpreter is going down)
        return


atexit.register(_at_exit)
