"""The same through a real worker on a real broker: from Blesta's event to the row, and how long that takes."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

import pytest

from django_blesta import tasks
from django_blesta.models import Contact, Delivery, Hint, Invoice, SyncRun
from django_blesta.sync import hints
from tests.tasks.test_worker import environment
from tests.testing.calling import write
from tests.webhooks.conftest import PATH, SECRET
from tests.worker_process import WorkerProcess

GOAL = 5.0
CHANGES = 6


@pytest.mark.broker("redis", "rabbitmq")
@pytest.mark.parametrize("blesta_simulator", [{"clients": CHANGES, "seed": 6}], indirect=True)
def test_a_change_reaches_the_mirror_within_seconds_and_without_a_run(
    blesta, settings, broker, live_server, start_worker: Callable[..., WorkerProcess], capsys
) -> None:
    settings.BLESTA = {**settings.BLESTA, "WEBHOOK_SECRETS": [SECRET]}
    blesta.add_webhook(f"{live_server.url}{PATH}")
    worker = start_worker(environ=environment(blesta))
    contacts = sorted(blesta.state.tables["contacts"])[:CHANGES]
    for number, pk in enumerate(contacts):
        names = {"first_name": f"Grace {number}", "last_name": "Hopper", "email": f"grace{number}@example.com"}
        assert write(blesta, "contacts/edit", contact_id=pk, vars=names).status == 200
    wanted = {pk: f"Grace {number}" for number, pk in enumerate(contacts)}

    def all_there() -> bool:
        return dict(Contact.objects.filter(pk__in=contacts).values_list("pk", "first_name")) == wanted

    assert worker.wait_until(all_there), worker.log
    assert worker.wait_until(lambda: hints.next_due() is None), worker.log
    assert not SyncRun.objects.exists()
    assert not Delivery.objects.filter(state="pending").exists()
    lags = Hint.objects.filter(source="webhook", lag__isnull=False).values_list("lag", flat=True)
    with capsys.disabled():
        print(f"\n{broker.name}: median lag {median(lags):.2f} s, longest {max(lags):.2f} s, {len(lags)} rows", end=" ")
    assert median(lags) < GOAL


@pytest.mark.broker("redis")
def test_a_queue_that_was_lost_is_recovered_by_the_sweeper(
    blesta, broker, start_worker: Callable[..., WorkerProcess]
) -> None:
    """The delivery and the hint are on record; only the message that would have woken a worker is gone."""
    invoice = blesta.add_invoice(blesta.add_client()["id"])
    Delivery.objects.create(event="Invoices.addAfter", ids={"invoice_id": invoice["id"]})
    worker = start_worker(environ=environment(blesta))
    tasks.sweep.apply_async(queue=broker.queue)
    assert worker.wait_until(Invoice.objects.filter(pk=invoice["id"]).exists), worker.log
