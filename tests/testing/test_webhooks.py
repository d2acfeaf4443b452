"""The simulator's outgoing webhooks: headers, bodies, what its log holds, and what may befall a delivery."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from django_blesta.testing.simulator import Simulator
from django_blesta.testing.simulator.webhooks import build_query, mapped_fields
from tests.testing.calling import read, write


class Listener:
    """Takes whatever is posted and answers as it is told."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.status = 202
        self.on_heard: Callable[[], Any] = lambda: None
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                listener.on_heard()
                listener.heard.append(
                    {"verb": self.command, "path": self.path, "headers": dict(self.headers), "body": body}
                )
                self.send_response(listener.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *words: Any) -> None:
                return None

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def events(self) -> list[str]:
        return [one["headers"]["X-Blesta-Event"] for one in self.heard]


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.stop()


@pytest.fixture
def blesta() -> Simulator:
    return Simulator(clients=0)


PARAMETERS = {"client_id": 7, "vars": {"status": "active", "tags": ["a", "b"], "note": None, "flag": True}}


@pytest.mark.parametrize(
    ("method", "verb", "kind", "body"),
    [
        (
            "post",
            "POST",
            "application/x-www-form-urlencoded",
            FORM
            := b"client_id=7&vars%5Bstatus%5D=active&vars%5Btags%5D%5B0%5D=a&vars%5Btags%5D%5B1%5D=b&vars%5Bflag%5D=1",
        ),
        ("put", "PUT", "application/x-www-form-urlencoded", FORM),
        (
            "post_json",
            "POST",
            "application/json",
            JSON := b'{"client_id":7,"vars":{"status":"active","tags":{"0":"a","1":"b"},"note":null,"flag":true}}',
        ),
        ("put_json", "PUT", "application/json", JSON),
        ("get", "GET", None, b""),
    ],
)
def test_a_delivery_looks_as_the_plugins_do(
    method: str, verb: str, kind: str | None, body: bytes, blesta: Simulator, listener: Listener
) -> None:
    webhook = blesta.add_webhook(listener.url, method=method)
    blesta.webhooks.emit("Clients.edit", PARAMETERS, 1)
    (heard,) = listener.heard
    assert (heard["verb"], heard["body"]) == (verb, body)
    assert heard["headers"]["X-Blesta-Event"] == "Clients.edit"
    assert heard["headers"]["X-Webhook-Id"] == str(webhook["id"])
    assert heard["headers"]["User-Agent"] == "Blesta-Webhook"
    assert heard["headers"].get("Content-Type") == kind
    assert heard["path"] == ("/hook" if method != "get" else f"/hook?{FORM.decode()}")


def test_fields_may_be_renamed(blesta: Simulator) -> None:
    webhook = blesta.add_webhook("x", fields=[{"field": "vars.status", "parameter": "state"}])
    assert mapped_fields(webhook, {"vars": {"status": "a", "x": 1}}) == {"state": "a", "vars": {"x": 1}}


def test_a_query_is_built_as_php_does() -> None:
    assert build_query({"a": None, "b": False, "c": {"d": "e f~*"}, "g": []}) == "b=0&c%5Bd%5D=e+f~%2A"


def test_a_call_raises_its_events_and_only_those_that_are_listened_to(blesta: Simulator, listener: Listener) -> None:
    client = blesta.add_client()
    blesta.add_webhook(listener.url, events=["Clients.editBefore", "Clients.editAfter", "Clients.edit"])
    write(blesta, "clients/edit", client_id=client["id"], vars={"status": "inactive"})
    write(blesta, "clients/edit", client_id=client["id"], vars={"status": "no such word"})
    assert listener.events == ["Clients.editBefore", "Clients.edit", "Clients.editAfter", "Clients.editBefore"]


def test_an_invoice_that_a_payment_closes_is_told_of(blesta: Simulator, listener: Listener) -> None:
    client = blesta.add_client()
    invoice = blesta.add_invoice(client["id"])
    paid = blesta.add_transaction(client["id"], "10.00")
    blesta.add_webhook(listener.url)
    amounts = [{"invoice_id": invoice["id"], "amount": "10.00"}]
    write(blesta, "transactions/apply", transaction_id=paid["id"], vars={"amounts": amounts})
    assert (listener.events, listener.heard[0]["body"]) == (["Invoices.setClosed"], b'{"invoice_id":1}')


def test_what_was_tried_is_in_the_log_and_can_be_sent_again(blesta: Simulator, listener: Listener) -> None:
    blesta.add_webhook(listener.url)
    listener.status = 500
    blesta.webhooks.emit("Clients.edit", {"client_id": 7}, 1)
    listener.status = 202
    write(blesta, "webhooks.webhooks_logs/retryLog", log_id=1)
    (entry,) = read(blesta, "webhooks.webhooks_logs/getAllLogs")
    assert (entry["http_response"], entry["event"], entry["fields"]) == (202, "Clients.edit", '{"client_id":7}')
    assert entry["date_last_retry"] is not None
    assert listener.heard[0]["body"] == listener.heard[1]["body"]


@pytest.mark.parametrize("address", ["https://billing.example/x", "http://192.0.2.1/x", "http://127.0.0.1:9/x"])
def test_only_this_machine_is_called_and_who_does_not_answer_is_logged(address: str, blesta: Simulator) -> None:
    blesta.add_webhook(address)
    blesta.webhooks.emit("Clients.edit", {"client_id": 7}, 1)
    assert [row["http_response"] for row in read(blesta, "webhooks.webhooks_logs/getAllLogs")] == [0]


def test_another_companys_webhook_is_not_called(blesta: Simulator, listener: Listener) -> None:
    other = blesta.add_company()
    blesta.add_webhook(listener.url, company_id=other["id"])
    blesta.webhooks.emit("Clients.edit", {"client_id": 7}, 1)
    assert listener.heard == []


@pytest.mark.parametrize(("shows", "logged"), [("yes", {0, 202}), ("no", {200, 202})])
def test_some_are_lost_and_the_log_may_not_know(
    shows: Any, logged: set[int], blesta: Simulator, listener: Listener
) -> None:
    blesta.add_webhook(listener.url)
    blesta.switches.set(webhook_loss=0.3, webhook_loss_shows=shows)
    for number in range(1, 61):
        blesta.webhooks.emit("Clients.edit", {"client_id": number}, 1)
    assert len(listener.heard) + blesta.webhooks.lost == 60
    assert 5 < blesta.webhooks.lost < 35
    assert {row["http_response"] for row in blesta.state.tables["webhook_logs"].values()} == logged


def test_some_come_twice_out_of_order_and_later(blesta: Simulator, listener: Listener) -> None:
    blesta.add_webhook(listener.url)
    blesta.switches.set(webhook_duplicates=0.5, webhook_order="shuffled", webhook_delay=0.05)
    for number in range(1, 31):
        blesta.webhooks.emit("Clients.edit", {"client_id": number}, 1)
    blesta.webhooks.settle()
    bodies = [one["body"] for one in listener.heard]
    assert len(set(bodies)) == 30 < len(bodies)
    assert bodies != sorted(bodies, key=len)


@pytest.mark.parametrize(("timing", "there"), [("early", False), ("late", True)])
def test_an_event_may_be_told_before_what_it_tells_of_is_there(
    timing: Any, there: bool, blesta: Simulator, listener: Listener
) -> None:
    client = blesta.add_client()
    blesta.add_webhook(listener.url, events=["Contacts.add"])
    blesta.switches.webhook_timing = timing
    found: list[bool] = []
    contacts = blesta.state.tables["contacts"]
    before = set(contacts)
    listener.on_heard = lambda: found.append(bool(contacts.keys() - before))
    names = {"first_name": "A", "last_name": "B", "email": "a@example.com"}
    added = write(blesta, "contacts/add", vars={"client_id": client["id"], **names}).value
    assert found == [there]
    assert json.loads(listener.heard[0]["body"])["contact_id"] == added


def test_changes_are_logged_newest_first_with_what_was_before(blesta: Simulator) -> None:
    client = blesta.add_client(first_name="Ada")
    service = blesta.add_service(client["id"])
    paid = blesta.add_transaction(client["id"])
    names = {"last_name": "B", "email": "a@example.com"}
    for name in ("Grace", "Edith"):
        write(blesta, "contacts/edit", contact_id=1, vars={"first_name": name, **names})
        blesta.clock.advance(minutes=1)
    write(blesta, "services/suspend", service_id=service["id"])
    write(blesta, "transactions/edit", transaction_id=paid["id"], vars={"status": "void"})
    write(blesta, "clients/setClientSettings", client_id=client["id"], vars={"language": "de_de"})
    changes = read(blesta, "logs/getContactList")
    assert [row["fields"]["first_name"]["cur"] for row in changes] == ["Edith", "Grace"]
    assert read(blesta, "logs/getContactListCount") == 2
    assert read(blesta, "logs/getServiceChangeList")[0]["new_service"]["status"] == "suspended"
    assert read(blesta, "logs/getTransactionList")[0]["fields"]["status"] == {"prev": "approved", "cur": "void"}
    assert read(blesta, "logs/getClientSettingsList")[0]["client_id"] == client["id"]


def test_a_webhook_is_made_changed_and_taken_away(blesta: Simulator) -> None:
    values = {"callback": "https://x.example/h", "type": "outgoing", "method": "post_json", "events": ["Clients.edit"]}
    pk = write(blesta, "webhooks.webhooks_webhooks/add", vars=values).value
    write(blesta, "webhooks.webhooks_webhooks/edit", webhook_id=pk, vars={**values, "events": ["Clients.editAfter"]})
    assert read(blesta, "webhooks.webhooks_webhooks/get", webhook_id=pk)["events"] == ["Clients.editAfter"]
    refused = write(blesta, "webhooks.webhooks_webhooks/add", vars={**values, "events": ["No.such"], "callback": ""})
    assert set(refused.errors) == {"callback", "events[0]"}
    write(blesta, "webhooks.webhooks_webhooks/delete", webhook_id=pk)
    assert read(blesta, "webhooks.webhooks_webhooks/getList", type="outgoing") == []
