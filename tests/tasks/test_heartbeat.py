"""A real worker gives signs of life, takes the tick, and is missed only when it did not say that it leaves."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from django_blesta import tasks
from django_blesta.models import Heartbeat
from tests.worker_process import Broker, WorkerProcess

Kind = Heartbeat.Kind


def ticked(worker: WorkerProcess, broker: Broker) -> Heartbeat:
    tasks.tick.apply_async(queue=broker.queue)
    assert worker.wait_for_line("] succeeded in"), worker.log
    return Heartbeat.objects.get(kind=Kind.WORKER)


@pytest.mark.broker("redis", "rabbitmq")
def test_worker_is_seen_while_it_works_and_not_missed_when_it_leaves(
    broker: Broker, start_worker: Callable[..., WorkerProcess]
) -> None:
    worker = start_worker()

    sign = ticked(worker, broker)

    assert sign.name == worker.name
    assert sign.worked_at is not None
    # Whoever sends a tick is the scheduler, here this very process.
    assert Heartbeat.objects.filter(kind=Kind.BEAT).count() == 1
    worker.stop()
    assert not Heartbeat.objects.filter(kind=Kind.WORKER).exists()


@pytest.mark.broker("redis")
def test_worker_that_is_killed_leaves_its_last_sign(broker: Broker, start_worker: Callable[..., WorkerProcess]) -> None:
    worker = start_worker()
    ticked(worker, broker)

    worker.process.send_signal(signal.SIGKILL)
    worker.process.wait(20)

    assert Heartbeat.objects.get(kind=Kind.WORKER).name == worker.name
