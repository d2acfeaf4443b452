"""From an event in Blesta to the row in the mirror, over a real socket, without any run."""

from __future__ import annotations

from typing import Any

import pytest

from django_blesta import sync
from django_blesta.models import AppliedAmount, Client, Contact, Delivery, Hint, Invoice, Service, SyncRun, Transaction
from django_blesta.sync import hints
from tests.testing.calling import write

pytestmark = pytest.mark.django_db(transaction=True)
DATES = {"date_billed": "2026-11-01 00:00:00 UTC", "date_due": "2026-11-10 00:00:00 UTC"}
LINE = {"description": "Hosting", "amount": "9.99"}


def follow() -> None:
    assert hints.follow() is None
    assert not SyncRun.objects.exists()


def states(event: str) -> list[str]:
    return list(Delivery.objects.filter(event=event).values_list("state", flat=True))


def test_an_invoice_that_was_added_is_there_with_its_lines(hooked) -> None:
    client = hooked.add_client()
    added = write(hooked, "invoices/add", vars={"client_id": client["id"], "currency": "USD", "lines": [LINE], **DATES})
    follow()
    assert Invoice.objects.get(pk=added.value).lines.count() == 1
    assert states("Invoices.add") == states("Invoices.addAfter") == ["resolved"]
    assert states("Invoices.addBefore") == ["ignored"]
    assert Hint.objects.filter(resource="django_blesta.invoice").values_list("state", "hints").get() == ("done", 1)


@pytest.mark.parametrize("method", ["post", "put", "post_json", "put_json"])
def test_each_method_of_the_plugin_is_understood(method: str, told, live_server) -> None:
    told.add_webhook(f"{live_server.url}/blesta/hooks/{'of-this-test-alone-0123456789'}", method=method)
    client = told.add_client()
    told.webhooks.emit("Clients.create", {"client": {"id": client["id"], "first_name": "Ada"}}, 1)
    follow()
    assert Client.objects.get().pk == client["id"]
    assert [row["http_response"] for row in told.state.tables["webhook_logs"].values()] == [202]


def test_the_password_of_the_address_is_a_secret_too(told, live_server) -> None:
    host = live_server.url.removeprefix("http://")
    told.add_webhook(f"http://blesta:of-this-test-alone-0123456789@{host}/blesta/hooks/")
    client = told.add_client()
    told.webhooks.emit("Clients.edit", {"client_id": client["id"]}, 1)
    follow()
    assert Client.objects.exists()


def test_get_puts_data_into_logs_and_is_not_taken_unless_that_is_wanted(told, live_server, settings) -> None:
    told.add_webhook(f"{live_server.url}/blesta/hooks/of-this-test-alone-0123456789/", method="get")
    client = told.add_client()
    told.webhooks.emit("Clients.edit", {"client_id": client["id"]}, 1)
    settings.BLESTA = {**settings.BLESTA, "WEBHOOK_ALLOW_GET": True}
    told.webhooks.emit("Clients.edit", {"client_id": client["id"]}, 1)
    answers = [(row["http_response"], row["response"]) for row in told.state.tables["webhook_logs"].values()]
    assert [status for status, _ in answers] == [405, 202]
    assert "Choose another method" in answers[0][1]
    follow()
    assert Client.objects.exists()


def test_a_field_map_that_renames_the_id_is_seen_as_a_delivery_without_one(hooked) -> None:
    client = hooked.add_client()
    hooked.state.update("webhooks", 1, fields=[{"field": "client_id", "parameter": "customer"}])
    hooked.webhooks.emit("Clients.edit", {"client_id": client["id"]}, 1)
    follow()
    assert states("Clients.edit") == ["failed"]


def test_what_a_payment_changes_is_refreshed_with_it(hooked) -> None:
    client = hooked.add_client()
    invoice = hooked.add_invoice(client["id"], [LINE])
    other = hooked.add_invoice(client["id"], [LINE])
    for pk in (invoice["id"], other["id"]):
        sync.refresh(Invoice, pk)
    paid = hooked.add_transaction(client["id"], "9.99", invoice_id=invoice["id"])
    hooked.webhooks.emit("Transactions.add", {"transaction_id": paid["id"]}, 1)
    follow()
    assert Transaction.objects.get().applied_amount == invoice["total"]
    assert AppliedAmount.objects.get().invoice_id == invoice["id"]
    assert set(Invoice.objects.paid()) == {Invoice.objects.get(pk=invoice["id"])}
    assert set(Hint.objects.values_list("resource", "remote_id", "source")) == {
        ("django_blesta.transaction", paid["id"], "webhook"),
        ("django_blesta.invoice", invoice["id"], "related"),
    }


def test_a_client_and_its_contact_change_together(hooked) -> None:
    client = hooked.add_client()
    for model, pk in ((Client, client["id"]), (Contact, 1)):
        sync.refresh(model, pk)
    answer = write(
        hooked, "contacts/edit", contact_id=1, vars={"first_name": "Grace", "last_name": "H", "email": "g@example.com"}
    )
    assert answer.status == 200
    follow()
    assert Contact.objects.get().first_name == Client.objects.get().first_name == "Grace"


def test_a_forged_payload_changes_nothing_that_blesta_does_not_confirm(told, deliver) -> None:
    client = told.add_client()
    invoice = told.add_invoice(client["id"])
    sync.refresh(Invoice, invoice["id"])
    before = Invoice.objects.values().get()
    forged: dict[str, Any] = {"invoice_id": invoice["id"], "status": "void", "paid": "10.0000", "vars": {"total": "0"}}
    assert deliver("Invoices.setClosed", forged).status_code == 202
    assert deliver("Invoices.add", {"invoice_id": 4_000_000_000}).status_code == 202
    follow()
    after = Invoice.objects.values().get()
    bookkeeping = {"fence", "refresh_fence", "fetched_at", "detail_fetched_at"}
    assert {k: v for k, v in before.items() if k not in bookkeeping} == {
        k: v for k, v in after.items() if k not in bookkeeping
    }
    assert Hint.objects.get(remote_id=4_000_000_000).found is False


def test_a_thousand_replays_are_one_refresh(told, deliver) -> None:
    client = told.add_client()
    Delivery.objects.bulk_create(Delivery(event="Clients.edit", ids={"client_id": client["id"]}) for _ in range(1000))
    told.requests.clear()
    follow()
    assert [one.method for one in told.requests if one.model == "Clients"] == ["get"] * 2
    assert Hint.objects.get(resource="django_blesta.client").state == "done"


def test_nothing_is_lost_when_the_event_is_told_before_the_change_is_made(hooked, settings) -> None:
    """The receiver answers inside the call that makes the change; the debounce is what waits for its end."""
    settings.BLESTA = {**settings.BLESTA, "HINT_DELAY": 0.2}
    hooked.switches.webhook_timing = "early"
    service = hooked.add_service(hooked.add_client()["id"])
    sync.refresh(Service, service["id"])
    write(hooked, "services/suspend", service_id=service["id"], vars={"use_module": "true"})
    while (seconds := hints.follow()) is not None:
        assert seconds <= 0.2
    assert Service.objects.get().status == "suspended"


def test_a_resend_by_staff_is_a_delivery_like_any_other(hooked) -> None:
    client = hooked.add_client()
    hooked.webhooks.emit("Clients.edit", {"client_id": client["id"]}, 1)
    write(hooked, "webhooks.webhooks_logs/retryLog", log_id=1)
    follow()
    assert states("Clients.edit") == ["resolved", "resolved"]
    assert len(hooked.state.tables["webhook_logs"]) == 1
    assert Hint.objects.get(resource="django_blesta.client").hints == 1
