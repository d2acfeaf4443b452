"""A faulty server, and a connection to it that never sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from django_blesta.connection import Clock, Connection, connection_for
from django_blesta.connection import _callable as callable_table
from tests.connection.faulty_server import FaultyServer

DATA = Path(__file__).parent / "data"
KEY = "canary-3f9c1e77"


class LeapingClock(Clock):
    """Real time, but a sleep is over at once; `slept` remembers each."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.before_sleep: Callable[[], None] | None = None

    def monotonic(self) -> float:
        return time.monotonic() + sum(self.slept)

    def sleep(self, seconds: float) -> None:
        if self.before_sleep is not None:
            self.before_sleep()
        self.slept.append(seconds)

    def jitter(self, limit: float) -> float:
        return limit


@pytest.fixture
def clock() -> LeapingClock:
    return LeapingClock()


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer() as server:
        yield server


Connect = Callable[..., Connection]


@pytest.fixture
def connect(settings: Settings, clock: LeapingClock) -> Iterator[Connect]:
    """`connect(server, READ_TRIES=1)`: a connection to a server that may call Things.get and Things.add."""
    made: list[Connection] = []

    def connect(server: FaultyServer | str, **options: Any) -> Connection:
        settings.BLESTA = {
            "URL": server if isinstance(server, str) else server.url,
            "USER": "site-user",
            "KEY": KEY,
            "REQUESTS_PER_SECOND": None,
            "ALLOW": ["Things.get", "Things.add", "some_plugin.SomePluginThings.get"],
            **options,
        }
        connection = Connection("default", connection_for().company_id, clock)
        made.append(connection)
        return connection

    yield connect
    for connection in made:
        connection.hang_up()
    callable_table.forget_paths()


@pytest.fixture
def declared_pairs() -> Iterator[None]:
    """Takes back what a test declares: the table is the whole process's."""
    before = dict(callable_table._declared)
    yield
    callable_table._declared.clear()
    callable_table._declared.update(before)
