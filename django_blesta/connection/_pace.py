"""How fast and how stubbornly one installation is spoken to: turns, a request rate, and a budget for repeats."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Lock

from django_blesta.conf import Installation


class Clock:
    """Time as the connection knows it; a test gives another."""

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def jitter(self, limit: float) -> float:
        """Return a wait between nothing and ``limit`` seconds."""
        return random.uniform(0, limit)  # noqa: S311  (spreads load, guards nothing)


class OutOfTime(Exception):
    """The deadline of a call lies before its turn."""


class Pace:
    """At most so many calls in flight, and so many sent a second, over all threads of this process.

    A quiet second may be followed by a burst of one second's worth, so a page that needs three calls does not wait.
    """

    def __init__(self, max_in_flight: int, requests_per_second: float | None, clock: Clock) -> None:
        self._free = max_in_flight
        self._changed = Condition()
        self._interval = 1 / requests_per_second if requests_per_second else 0.0
        self._burst = max(1.0, requests_per_second or 0.0) * self._interval
        self._due = clock.monotonic()
        self._clock = clock

    @contextmanager
    def turn(self, deadline: float) -> Iterator[None]:
        """Wait for a slot and for the rate; raise OutOfTime, with nothing spent, when that is after the deadline."""
        with self._changed:
            while not self._free:
                if not self._changed.wait(max(0.0, deadline - self._clock.monotonic())):
                    raise OutOfTime
            self._free -= 1
        try:
            self._keep_rate(deadline)
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify()

    def _keep_rate(self, deadline: float) -> None:
        if not self._interval:
            return
        with self._changed:
            now = self._clock.monotonic()
            due = max(self._due, now) + self._interval
            wait = due - self._burst - now
            if wait > deadline - now:
                raise OutOfTime
            self._due = due
        if wait > 0:
            self._clock.sleep(wait)


class Budget:
    """A bucket of repeats: a failing server drains it, good answers fill it, so an outage is not made worse."""

    #: In tenths of a repeat: ten repeats to begin with, and one more for every ten good answers.
    SIZE = 100
    REPEAT = 10

    def __init__(self) -> None:
        self._left = self.SIZE
        self._lock = Lock()

    def spend(self) -> bool:
        """Take one repeat; False when none is left."""
        with self._lock:
            if self._left < self.REPEAT:
                return False
            self._left -= self.REPEAT
            return True

    def refill(self) -> None:
        with self._lock:
            self._left = min(self.SIZE, self._left + 1)


FIRST_WAIT = 0.5
LONGEST_WAIT = 8.0
#: A Retry-After up to this long is waited for inside the call; a longer one is the caller's to plan.
PATIENCE = 5.0


def backoff(tries: int, clock: Clock) -> float:
    """Full jitter: anything from nothing to a limit that doubles with each try."""
    return clock.jitter(min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (tries - 1)))


class Traffic:
    """The pace and the budget of one installation, shared by every thread and company of this process."""

    def __init__(self, installation: Installation, clock: Clock) -> None:
        self.installation = installation
        self.clock = clock
        self.pace = Pace(installation.max_in_flight, installation.requests_per_second, clock)
        self.budget = Budget()


_traffic: dict[str, Traffic] = {}
_traffic_lock = Lock()


def traffic_of(installation: Installation, clock: Clock) -> Traffic:
    known = _traffic.get(installation.alias)
    if known is not None and known.installation is installation and known.clock is clock:
        return known
    with _traffic_lock:
        known = _traffic.get(installation.alias)
        if known is None or known.installation is not installation or known.clock is not clock:
            known = _traffic[installation.alias] = Traffic(installation, clock)
    return known


def _forget_traffic() -> None:
    # The parent's threads do not exist in a forked child, and the slots that they held would never be given back.
    global _traffic_lock
    _traffic_lock = Lock()
    _traffic.clear()


os.register_at_fork(after_in_child=_forget_traffic)
