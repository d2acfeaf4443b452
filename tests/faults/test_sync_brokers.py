"""The broker goes away in the middle of a sync: killed, emptied, or cut off. The sync is in the database, so nothing of
it is lost."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from celery import Celery
from django.db import connection

from django_blesta import sync, tasks
from django_blesta.models import SyncRun
from tests.faults.proxy import Proxy
from tests.sync.comparison import differences
from tests.sync.ending import start
from tests.tasks.test_worker import environment
from tests.worker_process import Broker, WorkerProcess

State = SyncRun.State
SIMULATED = pytest.mark.parametrize("blesta_simulator", [{"clients": 4, "seed": 6}], indirect=True)
PATIENCE = 90.0
pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True, slots=True)
class OtherBroker(Broker):
    """A corner of a broker that is somewhere else than usual."""

    where: str = ""

    @property
    def url(self) -> str:
        return self.where


def other_broker(name: str, url: str) -> OtherBroker:
    own = f"blesta_test_{uuid.uuid4().hex[:12]}"
    return OtherBroker(name=name, queue=own, key_prefix=f"{own}:", where=url)


@contextmanager
def working(broker: Broker, environ: Mapping[str, str]) -> Iterator[WorkerProcess]:
    name = str(connection.settings_dict["NAME"])
    worker = WorkerProcess(broker, environ={"BLESTA_TEST_DATABASE_NAME": name, **environ})
    try:
        yield worker.wait_until_ready()
    finally:
        worker.stop()


def send(broker: Broker, task: Any, **options: Any) -> None:
    """From a Celery application that has not seen the broker before, and so knows of no connection that was lost."""
    with closing(Celery("sending", set_as_current=False)) as app:
        app.config_from_object("django.conf:settings", namespace="CELERY")
        app.conf.update(
            broker_url=broker.url,
            task_default_queue=broker.queue,
            broker_transport_options=broker.transport_options,
        )
        app.send_task(task.name, ignore_result=True, **options)


def wait_until(fine: Callable[[], bool], worker: WorkerProcess) -> None:
    until = time.monotonic() + PATIENCE
    while not fine():
        assert time.monotonic() < until, worker.log
        time.sleep(0.05)  # what another process does to the database is not announced to this one


def is_synced(installation: Any) -> bool:
    runs = set(SyncRun.objects.values_list("state", flat=True))
    return bool(runs) and runs <= {State.COMPLETE, State.INTERRUPTED} and not sync.left_behind() and not _leased()


def _leased() -> bool:
    from django_blesta.sync.leases import is_leased

    return is_leased("default")


def in_the_middle(installation: Any, broker: Broker, mishap: Callable[[], None]) -> None:
    """A sync through a worker, with a mishap while Blesta is being slow; then another sync through the same broker."""
    slow = installation.fail(times=1, model="Invoices", method="getList", hold=True)
    with working(broker, environment(installation)) as worker:
        send(broker, tasks.sync_all)
        assert slow.wait_until_hit(timeout=PATIENCE), worker.log
        mishap()
        slow.release()
        wait_until(lambda: is_synced(installation), worker)
        assert differences(installation) == []
    first = SyncRun.objects.latest("pk").pk
    with installation.state.lock:
        installation.add_client(first_name="New")
    # Some versions of Celery end when Redis goes away while a task is unacknowledged; whoever watches over it, as we
    # do here, starts it again. What had been sent meanwhile may be lost with the broker, so it is sent again.
    with working(broker, environment(installation)) as worker:
        send(broker, tasks.sync_all)
        wait_until(lambda: SyncRun.objects.filter(pk__gt=first).exists() and is_synced(installation), worker)
    assert differences(installation) == []


@SIMULATED
@pytest.mark.parametrize("what", ["restart", "empty"])
def test_a_broker_of_our_own_in_the_middle_of_a_sync(blesta, own_broker: Any, what):
    """`restart` is a kill; Redis has forgotten everything afterwards, RabbitMQ knows its durable queues."""
    name = "redis" if own_broker.url.startswith("redis") else "rabbitmq"
    in_the_middle(blesta, other_broker(name, own_broker.url), getattr(own_broker, what))


@SIMULATED
@pytest.mark.broker("redis", "rabbitmq")
def test_the_line_to_the_broker_is_cut_in_the_middle_of_a_sync(blesta, broker: Broker):
    parts = urlsplit(broker.url)
    with Proxy(parts.hostname or "127.0.0.1", parts.port or 0) as proxy:
        url = parts._replace(netloc=parts.netloc.replace(str(parts.port), str(proxy.own_port))).geturl()
        through = OtherBroker(name=broker.name, queue=broker.queue, key_prefix=broker.key_prefix, where=url)
        in_the_middle(blesta, through, proxy.cut)
        assert proxy.cuts


@SIMULATED
def test_the_worker_and_the_queue_are_lost_together(blesta, settings, own_broker: Any):
    """Neither the task nor who had it is left: the sweeper finds the run in the database and has it gone on with."""
    settings.BLESTA = {**settings.BLESTA, "LEASE_SECONDS": 1}
    dead = start(settings.BLESTA, "chunk-stored", 9, database=str(connection.settings_dict["NAME"]))
    dead.communicate(timeout=PATIENCE)
    assert SyncRun.objects.filter(state=State.RUNNING).exists()
    own_broker.empty()
    name = "redis" if own_broker.url.startswith("redis") else "rabbitmq"
    broker = other_broker(name, own_broker.url)
    with working(broker, environment(blesta)) as worker:
        wait_until(sync.left_behind, worker)
        send(broker, tasks.sweep)
        wait_until(lambda: is_synced(blesta) and differences(blesta) == [], worker)
