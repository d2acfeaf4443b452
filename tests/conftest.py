"""What every test may use: the surroundings (see `surroundings.py`), a corner of a broker, a real Celery worker.

The simulator's fixtures come from `django_blesta.testing.pytest_plugin`, as they would in a site's own tests.
"""

from __future__ import annotations

import importlib.util
import os
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery import _state as celery_state

from tests import emptying
from tests.surroundings import BROKER_URLS, WHY_NOT, must_have_everything
from tests.worker_process import Broker, WorkerProcess

pytest_plugins = (
    ["django_blesta.testing.pytest_plugin"] if importlib.util.find_spec("django_blesta.testing.pytest_plugin") else []
)

_seconds_by_folder: defaultdict[str, float] = defaultdict(float)
_tests_by_folder: defaultdict[str, int] = defaultdict(int)


# Models and the ledger are right only when they are right on every database that is supported.
FLOORS_ON_EVERY_DATABASE = {"ledger", "models"}
# Of the operations, the journal and all that is asked of a database; what a change says to Blesta is no dialect's.
OPERATIONS_ON_EVERY_DATABASE = {"test_journal", "test_reconcile", "test_contacts", "test_transactions"}
# Of the sync, what speaks to the database in its own words; the rest goes through these.
SYNC_ON_EVERY_DATABASE = {"test_erase", "test_plugins", "test_run", "test_store", "test_stored_values"}
# The long proofs: kills, hostile listings, certificates, every page for any row, real workers and browsers. `make
# proofs` runs them.
PROOFS = {
    "admin/test_any_row",
    "admin/test_every_address",
    "browser/test_faces",
    "browser/test_operator",
    "sync/test_gone",
    "sync/test_identity",
    "sync/test_installations",
    "sync/test_large",
    "sync/test_preview",
    "sync/test_resume",
    "sync/test_reuse",
    "sync/test_verify",
    "sync/test_walks",
    "sync/test_workers",
    "sync/test_writers",
    "testing/test_howto",
    "webhooks/test_convergence",
    "webhooks/test_workers",
}


def folder_of(nodeid: str) -> str:
    """The folder below tests/, "." for a file that stands directly in it."""
    parts = Path(nodeid.split("::", 1)[0]).parts
    return parts[1] if len(parts) > 2 else "."


def pytest_configure() -> None:
    emptying.install()


def pytest_report_header() -> list[str]:
    chosen = os.environ["BLESTA_TEST_DATABASE"]
    why = os.environ.get("BLESTA_TEST_DATABASE_WHY", "BLESTA_TEST_DATABASE says so")
    return [f"database: {chosen} ({why})"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`@pytest.mark.broker("redis", "rabbitmq")` runs a test that takes `broker` once on each."""
    names = [name for mark in metafunc.definition.iter_markers("broker") for name in mark.args]
    if names and "broker" in metafunc.fixturenames:
        metafunc.parametrize("broker", names, indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what runs where: whole floors that live on the database are proved on each, and a test that is marked
    `postgresql` runs nowhere else."""
    on_postgresql = os.environ["BLESTA_TEST_DATABASE"] == "postgresql"
    for item in items:
        folder, file = folder_of(item.nodeid), item.path.stem
        if mark := item.get_closest_marker("postgresql"):
            if not mark.args:
                raise pytest.UsageError(f"{item.nodeid}: the mark `postgresql` must say why.")
            if not on_postgresql:
                item.add_marker(pytest.mark.skip(reason=f"needs PostgreSQL: {mark.args[0]}"))
        elif (
            folder in FLOORS_ON_EVERY_DATABASE
            or (folder == "operations" and file in OPERATIONS_ON_EVERY_DATABASE)
            or (folder == "sync" and file in SYNC_ON_EVERY_DATABASE)
        ):
            item.add_marker(pytest.mark.every_database)
        if f"{folder}/{file}" in PROOFS:
            item.add_marker(pytest.mark.proof)
        if folder == "faults":
            item.add_marker(pytest.mark.faults)


@pytest.fixture(autouse=True)
def _nothing_to_write_down() -> Iterator[None]:
    """Calls that a test without a database made are not written down in the next test's."""
    from django_blesta import ledger

    ledger.forget()
    yield
    ledger.forget()


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """A queue of the test's own on the broker that its mark names; only what is ours is removed afterwards."""
    if not hasattr(request, "param"):
        pytest.fail('A test that takes `broker` must say which: @pytest.mark.broker("redis", "rabbitmq").')
    name: str = request.param
    assert name in BROKER_URLS, f"There is no broker {name!r}; there are {sorted(BROKER_URLS)}."
    if reason := WHY_NOT[name]():
        (pytest.fail if must_have_everything() else pytest.skip)(f"{name} does not answer: {reason}")
    own = f"blesta_test_{uuid.uuid4().hex[:12]}"
    broker = Broker(name=name, queue=own, key_prefix=f"{own}:")
    yield broker
    _remove_traces(broker)


@pytest.fixture
def broker_url(broker: Broker) -> str:
    return broker.url


@pytest.fixture
def sending_app(broker: Broker) -> Iterator[Celery]:
    """This process's Celery application, sending to the test's own queue; the site's application returns afterwards."""
    previous = celery_state.get_current_app()
    app = Celery("sending", set_as_current=False)
    app.config_from_object("django.conf:settings", namespace="CELERY")
    app.conf.update(
        broker_url=broker.url,
        task_default_queue=broker.queue,
        broker_transport_options=broker.transport_options,
    )
    app.set_current()
    app.set_default()
    yield app
    app.close()
    previous.set_current()
    previous.set_default()


@pytest.fixture
def start_worker(broker: Broker, sending_app: Celery, transactional_db: None) -> Iterator[Callable[..., WorkerProcess]]:
    """Starts real workers on the test's queue and the test's database: `start_worker(pool="solo", environ={...})`.

    The database is committed to, not rolled back, or the worker would see nothing of what the test wrote.
    """
    from django.db import connection

    workers: list[WorkerProcess] = []

    def start(
        *, pool: str = "threads", concurrency: int = 2, environ: Mapping[str, str] | None = None
    ) -> WorkerProcess:
        worker = WorkerProcess(
            broker,
            pool=pool,
            concurrency=concurrency,
            environ={"BLESTA_TEST_DATABASE_NAME": str(connection.settings_dict["NAME"]), **(environ or {})},
        )
        workers.append(worker)
        return worker.wait_until_ready()

    yield start
    for worker in workers:
        worker.stop()


@pytest.fixture
def celery_worker(start_worker: Callable[..., WorkerProcess]) -> WorkerProcess:
    """One real worker, ready. A test that must pass it settings takes `start_worker` instead."""
    return start_worker()


def _remove_traces(broker: Broker) -> None:
    if broker.name == "redis":
        import redis

        with redis.Redis.from_url(broker.url) as store:
            for key in store.scan_iter(match=f"{broker.key_prefix}*", count=500):
                store.delete(key)
        return
    import kombu

    with kombu.Connection(broker.url) as connection, connection.channel() as channel:
        channel.queue_delete(broker.queue)
        channel.exchange_delete(broker.queue)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    folder = folder_of(report.nodeid)
    _seconds_by_folder[folder] += report.duration
    if report.when == "call":
        _tests_by_folder[folder] += 1


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not _seconds_by_folder:
        return
    terminalreporter.section("time per folder")
    for folder, seconds in sorted(_seconds_by_folder.items(), key=lambda pair: -pair[1]):
        terminalreporter.line(f"{seconds:8.1f} s  {_tests_by_folder[folder]:5d} tests  tests/{folder}")
