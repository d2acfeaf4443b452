"""Who listens hears of it after commit, and a listener that raises harms nobody."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from django_blesta import signals
from django_blesta.models import Client, Currency, Invoice, InvoiceLine, Service
from django_blesta.resources import Converted
from django_blesta.sync.store import Incoming, mark_gone, store

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
Heard = list[dict[str, Any]]


@pytest.fixture
def listen() -> Iterator[Callable[..., Heard]]:
    connected: list[tuple[Any, Any, Any]] = []

    def connect(signal: Any, sender: Any = None, then: Callable[[dict[str, Any]], None] | None = None) -> Heard:
        heard: Heard = []

        def receiver(sender: Any, **facts: Any) -> None:
            heard.append({"sender": sender, **facts})
            if then is not None:
                then(facts)

        signal.connect(receiver, sender=sender, weak=False)
        connected.append((signal, receiver, sender))
        return heard

    yield connect
    for signal, receiver, sender in connected:
        signal.disconnect(receiver, sender=sender)


def client(pk: int = 1, **values: Any) -> Incoming:
    return Incoming((pk,), Converted({"id": pk, **values}, (), hash(tuple(values.items()))), 1)


def put(model: Any, *rows: Incoming, fence: int = 10, **why: Any) -> None:
    assert store(model, rows, fence=fence, fetched_at=NOON, using="default", **why).refused == []


def invoice(lines: dict[int, str]) -> Incoming:
    money = {name: Decimal(5) for name in ("subtotal", "total", "paid", "due")}
    row = Incoming((1,), Converted({"id": 1, "currency": "USD", **money}, (), 1), 1, whole=True)
    row.detail, row.detail_digest = Converted({}, (), 0), hash(str(lines))
    for pk, text in lines.items():
        values = {"id": pk, "invoice_id": 1, "description": text, "qty": Decimal(1), "amount": Decimal(2)}
        row.children.setdefault("lines", []).append(Incoming((pk,), Converted(values, (), hash(text)), 1))
    return row


def test_created_and_changed_rows_are_told_with_what_changed(listen):
    heard = listen(signals.row_stored, Client)
    put(Client, client(status="active", id_code="A"), cause="command", run_id=5)
    put(Client, client(status="active", id_code="A"), fence=11)
    put(Client, client(status="fraud", id_code="A"), fence=12)
    assert [(one["pk"], one["created"], one["changed"]) for one in heard] == [
        (1, True, frozenset({"id", "status", "id_code", "company_id"})),
        (1, False, frozenset({"status"})),
    ]
    assert heard[0]["sender"] is Client
    assert (heard[0]["using"], heard[0]["cause"], heard[0]["run_id"]) == ("default", "command", 5)
    assert (heard[1]["cause"], heard[1]["run_id"]) == ("", None)


def test_the_instance_has_what_was_stored_and_reads_the_rest_when_touched(listen):
    heard = listen(signals.row_stored, Client)
    put(Client, client(status="active", country="DE"))
    put(Client, client(status="fraud"), fence=11)
    instance = heard[1]["instance"]
    with CaptureQueriesContext(connection) as queries:
        assert (instance.pk, instance.status, instance.company_id, instance.fence) == (1, "fraud", 1, 11)
    assert len(queries) == 0
    assert instance.country == "DE"
    assert not instance._state.adding


def test_the_instance_of_a_row_without_an_id_of_blestas_has_our_number(listen):
    heard = listen(signals.row_stored, Currency)
    values = {"company_id": 1, "code": "USD", "prefix": "$"}
    put(Currency, Incoming((1, "USD"), Converted(values, (), 1), 1))
    assert heard[0]["pk"] == heard[0]["instance"].pk == Currency.objects.get().pk


def test_a_receiver_sees_what_every_other_process_sees(listen):
    seen: list[bool] = []
    heard = listen(signals.row_stored, Client, lambda facts: seen.append(connection.in_atomic_block))
    with transaction.atomic():
        put(Client, client(status="active"))
        assert heard == []
    assert seen == [False]


def test_nothing_is_told_of_a_store_that_is_rolled_back(listen):
    heard = listen(signals.row_stored, Client)
    with transaction.atomic():
        put(Client, client(status="active"))
        transaction.set_rollback(True)
    assert heard == []


def test_a_receiver_that_raises_is_logged_by_name_and_harms_nobody(listen, caplog):
    def fail(facts: dict[str, Any]) -> None:
        raise LookupError("no such thing")

    listen(signals.row_stored, Client, fail)
    heard = listen(signals.row_stored, Client)
    with caplog.at_level(logging.ERROR, "django_blesta.signals"):
        put(Client, client(1, status="active"), client(2, status="active"))
    assert [one["pk"] for one in heard] == [1, 2]
    assert Client.objects.count() == 2
    (first, _) = [record.getMessage() for record in caplog.records if record.name == "django_blesta.signals"]
    assert "test_signals.listen" in first
    assert "LookupError" in first
    assert "no such thing" not in first


def test_gone_rows_are_told(listen):
    heard = listen(signals.row_gone, Client)
    put(Client, client(1, status="active"), client(2, status="active"))
    mark_gone(Client, [1, 9], fence=11, at=NOON, using="default", cause="sync", run_id=8)
    assert [(one["pk"], one["using"], one["cause"], one["run_id"]) for one in heard] == [(1, "default", "sync", 8)]


def test_a_change_of_children_is_told_of_them_and_of_their_parent(listen):
    parents, lines, gone = (
        listen(signals.row_stored, Invoice),
        listen(signals.row_stored, InvoiceLine),
        listen(signals.row_gone, InvoiceLine),
    )
    put(Invoice, invoice({1: "hosting", 2: "domain"}))
    put(Invoice, invoice({1: "Hosting", 3: "setup"}), fence=11)
    put(Invoice, invoice({1: "Hosting", 3: "setup"}), fence=12, confirming=True)
    assert [(one["created"], "lines" in one["changed"]) for one in parents] == [(True, True), (False, True)]
    assert [(one["pk"], one["created"]) for one in lines] == [(1, True), (2, True), (1, False), (3, True)]
    assert [one["pk"] for one in gone] == [2]


def test_listening_to_the_parent_alone_is_enough_to_hear_of_its_children(listen, settings):
    settings.BLESTA = {**settings.BLESTA, "HISTORY_DAYS": 0}
    heard = listen(signals.row_stored, Invoice)
    put(Invoice, invoice({1: "hosting"}))
    put(Invoice, invoice({1: "Hosting"}), fence=11)
    assert [one["changed"] for one in heard[1:]] == [frozenset({"lines"})]


def test_a_store_that_nobody_listens_to_asks_nothing_more(listen, settings):
    settings.BLESTA = {**settings.BLESTA, "HISTORY_DAYS": 0}

    def queries_of(fence: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            put(Service, client(status=f"word {fence}"), fence=fence)
        return len([q for q in queries if "status" in q["sql"] and q["sql"].startswith("SELECT")])

    put(Service, client(status="active"))
    assert queries_of(11) == 0
    listen(signals.row_stored, Invoice)
    assert queries_of(12) == 0
    listen(signals.row_stored, Service)
    assert queries_of(13) == 1
