"""What the tests of mishaps share. Servers that a test may restart or empty are the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from django_blesta.models import SyncRun
from django_blesta.sync import _checkpoint
from tests.faults.proxy import Proxy
from tests.faults.servers import OwnPostgreSQL, OwnRabbitMQ, OwnRedis, OwnServer
from tests.sync.meddling import add_invoices


@pytest.fixture
def invoices(blesta, settings) -> Any:
    """13 pages of invoices; a lease that a dead worker does not hold for long."""
    settings.BLESTA = {**settings.BLESTA, "LEASE_SECONDS": 1, "READ_TRIES": 1}
    blesta.switches.page_size = 5
    add_invoices(blesta, 63)
    return blesta


@pytest.fixture(autouse=True)
def nothing_at_the_checkpoints() -> Iterator[None]:
    yield
    _checkpoint.on_reached = None


@contextmanager
def database_at(**where: Any) -> Iterator[None]:
    """Connections of this process go there meanwhile; those of other threads do when they are opened."""
    before = {name: connection.settings_dict[name] for name in where}
    connection.close()
    connection.settings_dict.update(where)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)


@pytest.fixture
def line(transactional_db: None) -> Iterator[Proxy]:
    """Between this process and the database, wherever that is a server."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite is no server: there is no line to be cut.")
    where = connection.settings_dict
    with Proxy(where["HOST"], int(where["PORT"])) as proxy, database_at(HOST="127.0.0.1", PORT=str(proxy.own_port)):
        yield proxy


@pytest.fixture(scope="session")
def postgresql() -> Iterator[OwnPostgreSQL]:
    with _started(OwnPostgreSQL()) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[OwnRedis]:
    with _started(OwnRedis()) as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[OwnRabbitMQ]:
    with _started(OwnRabbitMQ()) as server:
        yield server


@contextmanager
def _started(server: Any) -> Iterator[Any]:
    if reason := server.why_not():
        pytest.skip(reason)
    with server:
        yield server


@pytest.fixture(params=["redis", "rabbitmq"])
def own_broker(request: pytest.FixtureRequest) -> OwnServer:
    server: OwnServer = request.getfixturevalue(f"{request.param}_server")
    return server


def totals(since: int) -> dict[str, int]:
    """What all runs after one have counted together."""
    runs = SyncRun.objects.filter(pk__gt=since)
    return {name: sum(runs.values_list(name, flat=True)) for name in ("created", "changed", "gone")}
