"""The worker that tests start is a real one: it takes a task from the broker that its mark names."""

from __future__ import annotations

import pytest
from celery import Celery

from tests.worker_process import Broker, WorkerProcess


@pytest.mark.broker("redis", "rabbitmq")
def test_worker_answers_a_ping_on_its_own_broker(
    broker: Broker, celery_worker: WorkerProcess, sending_app: Celery
) -> None:
    answers = sending_app.control.ping(destination=[celery_worker.name], timeout=10, limit=1)

    assert answers == [{celery_worker.name: {"ok": "pong"}}], celery_worker.log


@pytest.mark.broker("redis", "rabbitmq")
def test_worker_takes_a_task_when_it_is_sent_to_its_queue(
    broker: Broker, celery_worker: WorkerProcess, sending_app: Celery
) -> None:
    sending_app.send_task("celery.accumulate", args=["a built-in task"], queue=broker.queue)

    assert celery_worker.wait_for_line("succeeded in"), celery_worker.log
