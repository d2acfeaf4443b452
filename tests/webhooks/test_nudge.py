"""Workers are told by a thread of the web process: few messages for many deliveries, and no waiting for a broker."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import kombu
import pytest
from celery import Celery
from celery import _state as celery_state

from django_blesta import wake
from django_blesta.models import Delivery

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dead_broker() -> Iterator[threading.Event]:
    """An application whose broker refuses; the event is set when somebody has tried."""
    previous, tried = celery_state.get_current_app(), threading.Event()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            tried.set()

    app, handler = Celery("nowhere", broker="redis://127.0.0.1:9/0", set_as_current=False), Handler()
    app.set_current()
    app.set_default()
    logging.getLogger("django_blesta.wake").addHandler(handler)
    yield tried
    logging.getLogger("django_blesta.wake").removeHandler(handler)
    app.close()
    previous.set_current()
    previous.set_default()


def test_neither_blesta_nor_the_broker_need_be_there(told, deliver, dead_broker: threading.Event) -> None:
    told.stop()
    assert deliver("Clients.edit", {"client_id": 1}).status_code == 202
    assert Delivery.objects.get().state == "pending"
    assert dead_broker.wait(20)


@pytest.mark.broker("redis")
def test_many_nudges_are_few_messages(broker, sending_app: Celery) -> None:
    for _ in range(200):
        wake.nudge("django_blesta.follow_hints", "default")
    found = []
    with kombu.Connection(broker.url, transport_options=broker.transport_options) as connection:
        queue = connection.SimpleQueue(broker.queue)
        while True:
            try:
                message = queue.get(timeout=10 if not found else 4 * wake.PAUSE)
            except queue.Empty:
                break
            message.ack()
            found.append(message.payload[1])
        queue.close()
    assert 1 <= len(found) <= 3
    assert found[0] == {"using": "default"}
