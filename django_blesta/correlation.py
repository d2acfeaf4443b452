"""On whose behalf something is done: the web request or task, the run, the operation. Calls and log lines bear it."""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

__all__ = ["CorrelationFilter", "JsonFormatter", "Occasion", "acceptable", "correlated", "current", "new_id", "within"]

LONGEST: Final = 100
_PLAIN: Final = re.compile(r"[A-Za-z0-9._:/@+=-]{1,100}")


@dataclass(frozen=True, slots=True)
class Occasion:
    """`id` is the request's or the task's own; the numbers are those of our journal rows."""

    id: str = ""
    run_id: int | None = None
    operation_id: int | None = None


_NOTHING: Final = Occasion()
_current: ContextVar[Occasion] = ContextVar("django_blesta_occasion", default=_NOTHING)


def current() -> Occasion:
    """What the running code acts for; threads that were not told (`contextvars.copy_context`) act for nothing."""
    return _current.get()


@contextmanager
def within(**facts: Any) -> Iterator[None]:
    """Inside, `current` has these facts, and the others that it had before."""
    token = _current.set(replace(_current.get(), **facts))
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def correlated(correlation_id: str) -> Iterator[None]:
    """Every call and every operation inside bears this id, a web request's own for one."""
    with within(id=correlation_id[:LONGEST]):
        yield


def new_id() -> str:
    return uuid.uuid4().hex


def acceptable(given: str) -> str:
    """An id from outside as it is where it is harmless in logs and pages, else a new one."""
    return given if _PLAIN.fullmatch(given) else new_id()


class CorrelationFilter(logging.Filter):
    """Gives every log record `correlation_id`, `run_id` and `operation_id`, for formatters to show."""

    def filter(self, record: logging.LogRecord) -> bool:
        occasion = current()
        record.correlation_id = occasion.id
        record.run_id, record.operation_id = occasion.run_id, occasion.operation_id
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message, ids that are known, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        occasion = current()
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        # A record that was queued for another thread brings its ids along; the others are asked for them here.
        known = {
            "correlation_id": getattr(record, "correlation_id", occasion.id),
            "run_id": getattr(record, "run_id", occasion.run_id),
            "operation_id": getattr(record, "operation_id", occasion.operation_id),
        }
        line |= {name: value for name, value in known.items() if value}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
