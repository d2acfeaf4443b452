"""Scripted faults: what goes wrong with the calls that match, in the order in which they were scripted."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django_blesta.testing.simulator.wire import Response


@dataclass(slots=True, eq=False)
class Fault:
    """One fault and how often it struck.

    `status`, `body` replace the answer; `headers`, `content_type`, `truncate`, `drip` spoil the one there is. A fault
    that replaces the answer keeps the call from having its effect, unless `after_effect`. `close` drops the connection
    without an answer. `hold` keeps the call waiting until `release()`: before its effect, or after it. `late` answers
    at once, as a gateway's time-out, and the effect comes when `Simulator.land()` is called.
    """

    times: int | None = 1  # None: for ever
    skip: int = 0  # let so many matching calls pass first
    model: str | None = None
    method: str | None = None
    verb: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)  # those of the call that must be so, as it sent them
    status: int | None = None
    body: str | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str | None = None
    after_effect: bool = False
    close: bool = False
    truncate: int | None = None  # so many bytes of the body, under a Content-Length that promised all
    drip: float | None = None  # seconds between the bytes of the body
    hold: bool = False
    late: bool = False
    hits: int = 0
    _reached: int = field(default=0, repr=False)
    _news: threading.Condition = field(default_factory=threading.Condition, repr=False)
    _released: threading.Event = field(default_factory=threading.Event, repr=False)

    def wait_until_hit(self, times: int = 1, timeout: float = 10) -> bool:
        """Whether so many calls came to this fault (and, when it holds, wait here now) within so many seconds."""
        with self._news:
            return self._news.wait_for(lambda: self._reached >= times, timeout)

    def release(self) -> None:
        """Let the calls that wait here go on."""
        self._released.set()

    @property
    def replaces(self) -> bool:
        return self.close or self.late or self.status is not None or self.body is not None

    def before(self) -> None:
        if self.hold and not self.after_effect:
            self._wait()
        elif not self.hold:
            self._arrive()

    def after(self) -> None:
        if self.hold and self.after_effect:
            self._wait()

    def spoil(self, response: Response | None) -> Response:
        """The answer that goes out; `response` is the true one, None when the call was kept from its effect."""
        answer = response if response is not None and not self.replaces else self._replacement()
        headers = tuple(self.headers.items())
        return Response(
            status=answer.status,
            body=answer.body,
            content_type=self.content_type or answer.content_type,
            headers=answer.headers + headers,
            close=self.close,
            truncate=self.truncate,
            drip=self.drip,
        )

    def _replacement(self) -> Response:
        status = (502 if self.late else 200) if self.status is None else self.status
        if self.body is None:
            return Response.documented(status)
        body = self.body.encode() if isinstance(self.body, str) else self.body
        kind = "text/html" if body.lstrip().startswith(b"<") else "application/json"
        return Response(status, body, kind)

    def _wait(self) -> None:
        self._arrive()
        self._released.wait()

    def _arrive(self) -> None:
        with self._news:
            self._reached += 1
            self._news.notify_all()


class Faults:
    """The script. The first fault that matches a call and has strokes left takes it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[Fault] = []
        self._script: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._all.append(fault)
            self._script.append(fault)
        return fault

    def clear(self) -> None:
        """Forget the script and let everyone who waits go on."""
        with self._lock:
            self._script.clear()
            waiting, self._all = self._all, []
        for fault in waiting:
            fault.release()

    def listed(self) -> list[Fault]:
        with self._lock:
            return list(self._all)

    def strike(self, verb: str, model: str, method: str, arguments: Mapping[str, Any]) -> Fault | None:
        if not self._script:
            return None
        with self._lock:
            for fault in self._script:
                if not _matches(fault, verb, model, method, arguments):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.hits += 1
                if fault.times is not None and fault.hits >= fault.times:
                    self._script.remove(fault)
                return fault
        return None


def _matches(fault: Fault, verb: str, model: str, method: str, arguments: Mapping[str, Any]) -> bool:
    return (
        fault.verb in (None, verb)
        and fault.model in (None, model)
        and fault.method in (None, method)
        and all(_as_sent(arguments.get(name)) == _as_sent(value) for name, value in fault.arguments.items())
    )


def _as_sent(value: Any) -> Any:
    return {str(key): _as_sent(item) for key, item in value.items()} if isinstance(value, Mapping) else _text(value)


def _text(value: Any) -> Any:
    return value if value is None else str(value)
