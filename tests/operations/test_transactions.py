"""Money: recorded once, put where it was asked, refused before it is sent where it cannot be right."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import timezone

from django_blesta.exceptions import OutcomeUnknown, Rejected, Unavailable
from django_blesta.models import Invoice, Operation, Transaction
from django_blesta.operations import PartlyDone, reconcile, transactions
from tests.operations.conftest import writes
from tests.operations.shop import ada, invoice, later, payment, payments, shop, the_operation

__all__ = ["shop"]

pytestmark = pytest.mark.django_db

State = Operation.State
MONEY = Decimal("100.00")


def pay(**changes):
    given = {"amount": MONEY, "currency": "USD", "apply_to": {invoice(): MONEY}} | changes
    return transactions.record(ada(), **given)


class TestRecord:
    @pytest.mark.every_database
    def test_payment_is_recorded_applied_and_closes_the_invoice(self, shop):
        result = pay(number="WIRE-7", message="Thank you")
        assert writes(shop) == ["Transactions.add", "Transactions.apply"]
        assert payments(shop) == [(2, MONEY, MONEY)]
        row = shop.state.tables["transactions"][2]
        assert (row["transaction_id"], row["message"]) == ("WIRE-7", "Thank you")
        assert row["reference_id"] == result.operation.probe_keys["marker"]
        assert result.ids == {"transaction_id": 2}
        assert result.fresh
        assert (invoice().due, invoice().is_paid) == (0, True)
        assert Transaction.objects.get(pk=2).amount == MONEY

    def test_payment_without_an_invoice_stays_as_credit(self, shop):
        pay(apply_to=None)
        assert writes(shop) == ["Transactions.add"]
        assert payments(shop) == [(2, MONEY, 0)]

    def test_rest_of_a_payment_stays_as_credit(self, shop):
        pay(apply_to={invoice(): Decimal(60), invoice(2): Decimal("25.5")})
        assert payments(shop) == [(2, MONEY, Decimal("85.5"))]
        assert (invoice().due, invoice(2).due) == (Decimal(40), Decimal("24.5"))

    def test_same_number_is_not_recorded_twice(self, shop):
        pay(apply_to=None, number="WIRE-7")
        with pytest.raises(Rejected) as caught:
            pay(apply_to=None, number="WIRE-7")
        assert [(one.field, one.code) for one in caught.value.errors] == [("transaction_id", "unique")]
        assert len(payments(shop)) == 1

    def test_two_equal_payments_one_after_the_other_are_two(self, shop):
        pay(apply_to=None)
        pay(apply_to=None)
        assert len(payments(shop)) == 2


AT_THE_EDGE = {
    "zero": ({"amount": Decimal(0), "apply_to": None}, "amount", "positive"),
    "negative": ({"amount": Decimal(-1), "apply_to": None}, "amount", "positive"),
    "nan": ({"amount": Decimal("NaN"), "apply_to": None}, "amount", "format"),
    "infinite": ({"amount": Decimal("Infinity"), "apply_to": None}, "amount", "format"),
    "huge": ({"amount": Decimal(10**11), "apply_to": None}, "amount", "format"),
    "too precise": ({"amount": Decimal("1.00001"), "apply_to": None}, "amount", "precision"),
    "finer than cents": ({"amount": Decimal("1.001"), "apply_to": None}, "amount", "precision"),
}


@pytest.mark.parametrize(("changes", "field", "code"), AT_THE_EDGE.values(), ids=AT_THE_EDGE)
def test_amount_that_cannot_be_right_is_refused_before_it_is_sent(shop, changes, field, code):
    with pytest.raises(Rejected) as caught:
        pay(**changes)
    assert [(one.field, one.code) for one in caught.value.errors] == [(field, code)]
    assert writes(shop) == []
    assert (the_operation().state, the_operation().reason) == (State.FAILED, "edge")
    assert the_operation().errors == [[field, code]]


@pytest.mark.parametrize("amount", [1, 1.5, "1.00"])
def test_amount_that_is_no_decimal_is_a_mistake_of_the_programmer(shop, amount):
    with pytest.raises(TypeError, match="An amount is a Decimal"):
        pay(amount=amount)


@pytest.mark.parametrize(
    ("pk", "amount", "field", "code"),
    [
        (3, MONEY, "amounts[0][invoice_id]", "exists"),
        (4, MONEY, "amounts[0][invoice_id]", "status"),
        (5, MONEY, "amounts[0][invoice_id]", "status"),
        (6, MONEY, "currency", "mismatch"),
        (2, Decimal("50.01"), "amounts", "overage"),
        (2, Decimal("-1"), "amounts[0][amount]", "positive"),
        (1, Decimal("100.01"), "amounts", "overage"),
    ],
)
def test_application_that_cannot_be_right_is_refused_before_anything_is_recorded(shop, pk, amount, field, code):
    with pytest.raises(Rejected) as caught:
        pay(apply_to={invoice(pk): amount})
    assert [(one.field, one.code) for one in caught.value.errors] == [(field, code)]
    assert payments(shop) == []


def test_parts_may_not_exceed_the_payment(shop):
    with pytest.raises(Rejected):
        pay(amount=Decimal(120), apply_to={invoice(): MONEY, invoice(2): Decimal(21)})
    assert payments(shop) == []


def test_due_is_asked_of_blesta_and_not_of_the_mirror(shop):
    shop.add_transaction(1, "100", invoice_id=1, transaction_id="OLD")
    assert invoice().due == MONEY
    with pytest.raises(Rejected) as caught:
        pay()
    assert [one.code for one in caught.value.errors] == ["overage"]


LOST = {
    "500 after the effect": {"status": 500, "after_effect": True},
    "dropped after the effect": {"close": True, "after_effect": True},
    "cut short": {"truncate": 10},
    "a page": {"status": 200, "body": "<html>", "after_effect": True},
    "redirect": {"status": 302, "body": "", "after_effect": True, "headers": {"Location": "https://x.example/"}},
}
NOT_ARRIVED = {"500": {"status": 500}, "dropped": {"close": True}, "throttled": {"status": 429, "body": "{}"}}


class TestOpenOutcome:
    @pytest.mark.every_database
    @pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
    def test_payment_that_arrived_is_found_by_its_mark_and_then_applied(self, shop, fault):
        shop.fail(model="Transactions", method="add", **fault)
        with pytest.raises(OutcomeUnknown):
            pay(token="once")
        assert the_operation().state == State.UNKNOWN
        reconcile()
        assert (the_operation().state, the_operation().result_ids) == (State.SUCCEEDED, {"transaction_id": 2})
        assert payments(shop) == [(2, MONEY, MONEY)]
        assert invoice().is_paid
        assert pay(token="once").repeated
        assert len(payments(shop)) == 1

    @pytest.mark.parametrize("fault", NOT_ARRIVED.values(), ids=NOT_ARRIVED)
    def test_payment_that_never_arrived_is_failed_only_after_the_last_look(self, shop, fault):
        shop.fail(model="Transactions", method="add", **fault)
        with pytest.raises(OutcomeUnknown):
            pay(token="once")
        for seconds in (0, 20, 70, 310, 910, 3500):
            reconcile(now=later(seconds=seconds))
            assert the_operation().state == State.UNKNOWN
        reconcile(now=later(seconds=3700))
        operation = the_operation()
        assert (operation.state, operation.reason) == (State.FAILED, "not-done")
        assert "bears its mark" in operation.evidence[-1]["said"]
        with pytest.raises(Unavailable) as caught:
            pay(token="once")
        assert caught.value.reason == "not-done"
        assert payments(shop) == []
        assert not pay(token="another").repeated

    def test_effect_that_comes_late_is_found_at_a_later_look(self, shop):
        held = shop.fail(model="Transactions", method="add", hold=True, after_effect=False, close=True)
        held.release()
        with pytest.raises(OutcomeUnknown):
            pay(apply_to=None)
        reconcile()
        assert the_operation().state == State.UNKNOWN
        marker = the_operation().probe_keys["marker"]
        shop.add_transaction(1, "100", reference_id=marker, transaction_id=None)
        reconcile(now=later(seconds=70))
        assert (the_operation().state, the_operation().looks) == (State.SUCCEEDED, 2)

    def test_payment_that_looks_like_it_without_the_mark_is_for_a_person(self, shop):
        shop.fail(model="Transactions", method="add", status=500)
        with pytest.raises(OutcomeUnknown):
            pay(apply_to=None)
        shop.add_transaction(1, "100", transaction_id="X")
        reconcile(now=later(seconds=3700))
        assert the_operation().state == State.NEEDS_HUMAN
        assert "look like it" in the_operation().evidence[-1]["said"]

    def test_two_with_the_same_mark_are_for_a_person(self, shop):
        shop.fail(model="Transactions", method="add", status=500)
        with pytest.raises(OutcomeUnknown):
            pay(apply_to=None)
        for _ in range(2):
            shop.add_transaction(1, "100", reference_id=the_operation().probe_keys["marker"])
        reconcile(now=later(seconds=3700))
        assert the_operation().state == State.NEEDS_HUMAN

    def test_another_request_for_the_same_waits_for_the_outcome_of_the_first(self, shop):
        shop.fail(model="Transactions", method="add", status=500)
        with pytest.raises(OutcomeUnknown):
            pay(token="first")
        with pytest.raises(OutcomeUnknown) as caught:
            pay(token="second")
        assert caught.value.reason == "in-flight"
        assert writes(shop) == ["Transactions.add"]
        assert Operation.objects.count() == 1

    def test_blesta_that_does_not_answer_the_look_leaves_it_open(self, shop):
        shop.fail(model="Transactions", method="add", status=500, after_effect=True)
        with pytest.raises(OutcomeUnknown):
            pay()
        shop.switches.maintenance = "503"
        reconcile(now=later(days=2))
        assert the_operation().state == State.UNKNOWN
        assert "maintenance" in the_operation().evidence[-1]["said"]
        shop.switches.maintenance = "off"
        reconcile(now=later(days=3))
        assert the_operation().state == State.SUCCEEDED


class TestSecondCall:
    def test_second_call_that_was_not_sent_is_sent_later(self, shop):
        shop.fail(model="Transactions", method="apply", status=503, body='{"message":"due to maintenance"}')
        with pytest.raises(PartlyDone):
            pay(token="once")
        assert (the_operation().state, the_operation().step) == (State.UNKNOWN, 1)
        with pytest.raises(PartlyDone):
            pay(token="once")
        reconcile()
        assert the_operation().state == State.SUCCEEDED
        assert payments(shop) == [(2, MONEY, MONEY)]

    def test_second_call_that_took_effect_is_found(self, shop):
        shop.fail(model="Transactions", method="apply", close=True, after_effect=True)
        with pytest.raises(OutcomeUnknown):
            pay()
        reconcile()
        assert the_operation().state == State.SUCCEEDED
        assert writes(shop) == ["Transactions.add", "Transactions.apply"]

    def test_second_call_that_did_not_arrive_is_sent_again_where_nothing_could_be_applied_twice(self, shop):
        shop.fail(model="Transactions", method="apply", close=True)
        with pytest.raises(OutcomeUnknown):
            pay()
        reconcile(now=later(seconds=30))
        assert the_operation().state == State.UNKNOWN
        reconcile(now=later(seconds=3700))
        assert the_operation().state == State.SUCCEEDED
        assert payments(shop) == [(2, MONEY, MONEY)]

    def test_second_call_that_did_not_arrive_is_for_a_person_where_something_would_be_left(self, shop):
        shop.fail(model="Transactions", method="apply", close=True)
        with pytest.raises(OutcomeUnknown):
            pay(apply_to={invoice(): Decimal(40)})
        reconcile(now=later(seconds=3700))
        assert the_operation().state == State.NEEDS_HUMAN
        assert writes(shop) == ["Transactions.add", "Transactions.apply"]

    def test_second_call_that_is_refused_leaves_credit_and_asks_a_person(self, shop):
        body = '{"message":"","errors":{"amounts":{"overage":"Too much."}}}'
        shop.fail(model="Transactions", method="apply", status=400, body=body)
        with pytest.raises(PartlyDone) as caught:
            pay(token="once")
        assert [one.code for one in caught.value.errors] == ["overage"]
        operation = the_operation()
        assert (operation.state, operation.result_ids) == (State.NEEDS_HUMAN, {"transaction_id": 2})
        assert operation.errors == [["amounts", "overage"]]
        with pytest.raises(PartlyDone):
            pay(token="once")
        assert payments(shop) == [(2, MONEY, 0)]


class TestWhatIsThere:
    def test_payment_is_applied(self, shop):
        transactions.apply(payment(), amounts={invoice(2): Decimal(20)})
        assert (invoice(2).due, payment().applied_amount) == (Decimal(30), Decimal(20))

    def test_more_than_is_left_is_refused_before_it_is_sent(self, shop):
        with pytest.raises(Rejected) as caught:
            transactions.apply(payment(), amounts={invoice(2): Decimal(31)})
        assert [(one.field, one.code) for one in caught.value.errors] == [("amounts", "overage")]
        assert writes(shop) == []

    def test_second_application_to_the_same_invoice_is_told_from_the_first(self, shop):
        transactions.apply(payment(), amounts={invoice(2): Decimal(10)})
        shop.fail(model="Transactions", method="apply", status=500)
        with pytest.raises(OutcomeUnknown):
            transactions.apply(payment(), amounts={invoice(2): Decimal(10)})
        reconcile(now=later(seconds=3700))
        assert Operation.objects.first().state == State.FAILED
        assert payment().applied_amount == Decimal(10)

    @pytest.mark.parametrize("arrived", [True, False])
    def test_credit_is_applied_and_found(self, shop, arrived):
        shop.fail(model="Transactions", method="applyFromCredits", status=500, after_effect=arrived)
        with pytest.raises(OutcomeUnknown):
            transactions.apply_credit(ada(), currency="USD", amounts={invoice(2): Decimal(30)})
        reconcile(now=later(seconds=3700))
        assert the_operation().state == (State.SUCCEEDED if arrived else State.FAILED)
        assert shop.state.tables["invoices"][2]["due"] == (20 if arrived else 50)

    def test_credit_that_is_not_there_is_refused_before_it_is_sent(self, shop):
        with pytest.raises(Rejected):
            transactions.apply_credit(ada(), currency="USD", amounts={invoice(2): Decimal("30.01")})
        assert writes(shop) == []

    def test_payment_is_taken_off(self, shop):
        transactions.apply(payment(), amounts={invoice(2): Decimal(30)})
        transactions.unapply(payment(), invoices=[invoice(2)])
        assert (invoice(2).due, payment().applied_amount) == (Decimal(50), 0)
        shop.requests.clear()
        assert transactions.unapply(payment(), invoices=[invoice(2)]).operation.state == State.SUCCEEDED
        assert writes(shop) == []

    @pytest.mark.parametrize(("mark", "status"), [("mark_refunded", "refunded"), ("mark_void", "void")])
    def test_payment_is_marked(self, shop, mark, status):
        transactions.apply(payment(), amounts={invoice(2): Decimal(30)})
        getattr(transactions, mark)(payment())
        assert payment().status == status
        assert Invoice.objects.get(pk=2).due == shop.state.tables["invoices"][2]["due"] == 50

    def test_open_mark_is_found_by_the_status(self, shop):
        shop.fail(model="Transactions", method="edit", status=500, after_effect=True)
        with pytest.raises(OutcomeUnknown):
            transactions.mark_void(payment())
        reconcile(now=timezone.now())
        assert the_operation().state == State.SUCCEEDED
