"""Invoices: made once, found by the mark in the private note, corrected while no money is on them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import timezone

from django_blesta.exceptions import OutcomeUnknown, Rejected
from django_blesta.models import Invoice, InvoiceLine, Operation
from django_blesta.operations import invoices, reconcile, transactions
from django_blesta.operations.invoices import Line
from tests.operations.conftest import writes
from tests.operations.shop import ada, invoice, later, line, payment, service, shop, the_operation

__all__ = ["shop"]

pytestmark = pytest.mark.django_db

State = Operation.State
LINES = [Line("Hosting", Decimal("10.00")), Line("Discount", Decimal("-2.50"), Decimal(2))]


def make(**changes):
    now = timezone.now()
    given = {"lines": LINES, "currency": "USD", "billed_at": now, "due_at": now} | changes
    return invoices.create(ada(), **given)


def test_invoice_is_made_with_its_lines_and_bears_its_mark(shop):
    result = make(note_private="By hand.", note_public="Thank you", delivery=["email"])
    made = Invoice.objects.get(pk=result.ids["invoice_id"])
    assert (made.total, made.note_public) == (Decimal(5), "Thank you")
    assert made.note_private == f"By hand.\n\n{result.operation.probe_keys['marker']}"
    assert [one.description for one in made.lines.all()] == ["Hosting", "Discount"]


@pytest.mark.parametrize("arrived", [True, False])
def test_open_outcome_is_decided_by_the_mark(shop, arrived):
    shop.fail(model="Invoices", method="add", truncate=5, after_effect=arrived)
    if not arrived:
        shop.heal()
        shop.fail(model="Invoices", method="add", close=True)
    with pytest.raises(OutcomeUnknown):
        make(token="once")
    shop.add_invoice(1, [{"description": "Hosting", "amount": "10"}])
    reconcile(now=later(seconds=3700))
    assert the_operation().state == (State.SUCCEEDED if arrived else State.FAILED)
    assert (the_operation().result_ids == {"invoice_id": 7}) is arrived
    assert writes(shop) == ["Invoices.add"]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (Line("x", Decimal("NaN")), "lines[0][amount]"),
        (Line("x", Decimal("1.00001")), "lines[0][amount]"),
        (Line("x", Decimal(1), Decimal("Infinity")), "lines[0][qty]"),
    ],
)
def test_number_that_cannot_be_held_is_refused_before_it_is_sent(shop, line, field):
    with pytest.raises(Rejected) as caught:
        make(lines=[line])
    assert [(one.field, one.code) for one in caught.value.errors] == [(field, "format")]
    assert writes(shop) == []


def test_invoice_without_lines_is_blestas_to_refuse(shop):
    with pytest.raises(Rejected) as caught:
        make(lines=[])
    assert ("lines[0][description]", "empty") in {(one.field, one.code) for one in caught.value.errors}


@pytest.mark.parametrize("arrived", [True, False])
def test_services_are_billed_and_the_invoice_is_found_by_them(shop, arrived):
    shop.fail(model="Invoices", method="createFromServices", close=True, after_effect=arrived)
    with pytest.raises(OutcomeUnknown):
        invoices.create_from_services(ada(), services=[service()], currency="USD", due_at=timezone.now())
    reconcile(now=later(seconds=3700))
    assert the_operation().state == (State.SUCCEEDED if arrived else State.FAILED)
    assert InvoiceLine.objects.filter(service=1).exists() is arrived


class TestEdit:
    def test_lines_are_changed_added_and_removed(self, shop):
        shop.add_invoice(1, [{"description": one, "amount": "1"} for one in ("a", "b", "c")])
        from django_blesta import sync

        sync.refresh(Invoice, 7)
        a, b, c = InvoiceLine.objects.filter(invoice=7).order_by("pk")
        invoices.edit(invoice(7), change={b: Line("B", Decimal(5))}, add=[Line("d", Decimal(2))], remove=[c])
        found = InvoiceLine.objects.filter(invoice=7).order_by("pk").values_list("description", "amount")
        assert list(found) == [("a", 1), ("B", 5), ("d", 2)]
        assert a.description == "a"

    @pytest.mark.parametrize("arrived", [True, False])
    @pytest.mark.parametrize("how", ["change", "add", "remove", "note_public"])
    def test_open_outcome_is_decided_by_what_it_shows(self, shop, how, arrived):
        asked = {
            "change": {"change": {line(): Line("Other", Decimal("99.5"))}},
            "add": {"add": [Line("More", Decimal(1))]},
            "remove": {"remove": [line()], "add": [Line("Instead", Decimal(3))]},
            "note_public": {"note_public": "Hello"},
        }[how]
        shop.fail(model="Invoices", method="edit", close=True, after_effect=arrived)
        with pytest.raises(OutcomeUnknown):
            invoices.edit(invoice(), **asked)
        reconcile(now=later(seconds=3700))
        assert the_operation().state == (State.SUCCEEDED if arrived else State.FAILED)

    def test_lines_under_a_payment_are_blestas_to_refuse(self, shop):
        transactions.apply(payment(), amounts={invoice(): Decimal(10)})
        with pytest.raises(Rejected) as caught:
            invoices.edit(invoice(), add=[Line("More", Decimal(1))])
        assert [(one.field, one.code) for one in caught.value.errors] == [("id", "amount_applied")]

    def test_deliveries_that_wait_are_not_lost(self, shop):
        invoices.edit(invoice(), note_public="Hello")
        waiting = shop.state.where("invoice_delivery", invoice_id=1, date_sent=None)
        assert [one["method"] for one in waiting] == ["email"]


class TestVoid:
    def test_invoice_is_void_in_blesta_and_in_the_mirror(self, shop):
        invoices.void(invoice())
        assert invoice().status == shop.state.tables["invoices"][1]["status"] == "void"
        shop.requests.clear()
        assert invoices.void(invoice()).operation.state == State.SUCCEEDED
        assert writes(shop) == []

    def test_paid_one_is_refused_before_it_is_sent(self, shop):
        transactions.apply(payment(), amounts={invoice(): Decimal(10)})
        shop.requests.clear()
        with pytest.raises(Rejected):
            invoices.void(invoice())
        assert writes(shop) == []


@pytest.mark.parametrize("arrived", [True, False])
def test_delivery_is_queued_once(shop, arrived):
    shop.fail(model="Invoices", method="addDelivery", close=True, after_effect=arrived)
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            invoices.deliver(invoice())
    reconcile(now=later(seconds=3700))
    assert the_operation().state == (State.SUCCEEDED if arrived else State.FAILED)
    assert len(shop.state.where("invoice_delivery", invoice_id=1)) == 1 + arrived


def test_draft_is_deleted_and_another_is_refused(shop):
    invoices.delete_draft(invoice(4))
    assert 4 not in shop.state.tables["invoices"]
    with pytest.raises(Rejected):
        invoices.delete_draft(invoice())
