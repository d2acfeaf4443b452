from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_blesta.testing.simulator import books
from django_blesta.testing.simulator.books import BooksError, LineTax
from django_blesta.testing.simulator.clock import Clock
from django_blesta.testing.simulator.factories import Factories
from django_blesta.testing.simulator.state import State


def factories() -> Factories:
    return Factories(State(), Clock())


def half_up(value: Fraction, places: int) -> Fraction:
    """Half away from zero, in exact arithmetic: not the way books.py does it."""
    scaled = abs(value) * 10**places
    whole = (scaled.numerator * 2 + scaled.denominator) // (scaled.denominator * 2)
    return Fraction(whole if value >= 0 else -whole, 10**places)


@pytest.mark.parametrize(
    ("qty", "amount", "taxes", "precision", "subtotal", "shares", "total"),
    [
        ("1", "10.00", [], 2, "10.0000", [], "10.0000"),
        ("2.5", "9.99", [LineTax(1, Decimal("20"))], 2, "24.9800", ["5.0000"], "29.9800"),
        ("1", "-10.05", [LineTax(1, Decimal("10"))], 2, "-10.0500", ["-1.0100"], "-11.0600"),
        ("1", "980", [LineTax(1, Decimal("10"))], 0, "980.0000", ["98.0000"], "1078.0000"),
        ("3", "33.5", [LineTax(1, Decimal("10"))], 0, "101.0000", ["10.0000"], "111.0000"),
        (
            "1",
            "100",
            [LineTax(2, Decimal("9.975"), level=2, cascade=True), LineTax(1, Decimal("5"))],
            2,
            "100.0000",
            ["5.0000", "10.4700"],
            "115.4700",
        ),
        (
            "1",
            "100",
            [LineTax(2, Decimal("9.975"), level=2), LineTax(1, Decimal("5"))],
            2,
            "100.0000",
            ["5.0000", "9.9800"],
            "114.9800",
        ),
        ("1", "120", [LineTax(1, Decimal("20"), type="inclusive_calculated")], 2, "120.0000", ["20.0000"], "120.0000"),
    ],
)
def test_a_line_comes_to_its_subtotal_and_taxes(
    qty: str, amount: str, taxes: list[LineTax], precision: int, subtotal: str, shares: list[str], total: str
) -> None:
    sums = books.line_sums(Decimal(qty), Decimal(amount), taxes, precision)
    assert (str(sums.subtotal), [str(share) for _, share in sums.taxes], str(sums.total)) == (subtotal, shares, total)


cents = st.decimals(min_value=-500, max_value=2000, places=2)
lines = st.lists(
    st.tuples(st.decimals(min_value=0, max_value=40, places=4), cents, st.booleans()), min_size=1, max_size=6
)
percents = st.decimals(min_value=0, max_value=30, places=4)
shares = st.lists(st.integers(min_value=1, max_value=120), max_size=4)  # percent of the total, per payment


@given(lines=lines, percent=percents, precision=st.sampled_from([0, 2, 3]), shares=shares)
def test_any_invoice_balances_after_any_payments(
    lines: list[tuple[Decimal, Decimal, bool]], percent: Decimal, precision: int, shares: list[int]
) -> None:
    make = factories()
    client = make.add_client()
    make.add_currency(code="TST", precision=precision)
    tax = make.add_tax(amount=percent)
    wanted = [{"qty": qty, "amount": amount, "taxes": [tax["id"]] if taxed else []} for qty, amount, taxed in lines]
    invoice = make.add_invoice(client["id"], wanted, currency="TST")

    expected = Fraction(0)
    for qty, amount, taxed in lines:
        subtotal = half_up(Fraction(qty) * Fraction(amount), precision)
        expected += subtotal
        if taxed:
            expected += half_up(subtotal * Fraction(percent) / 100, precision)
    assert Fraction(invoice["total"]) == expected

    for share in shares:
        amount = books.rounded(abs(invoice["total"]) * share / 100, precision)
        if amount <= 0:
            continue
        payment = make.add_transaction(client["id"], amount, currency="TST")
        part = min(amount, invoice["due"])
        if part > 0:
            make.apply(payment["id"], {invoice["id"]: part})
        assert payment["applied_amount"] + payment["credited_amount"] == payment["amount"]
    paid = sum(row["applied_amount"] for row in make.state.where("transaction_applied", invoice_id=invoice["id"]))
    assert invoice["paid"] == paid
    assert invoice["total"] - invoice["paid"] == invoice["due"]
    assert (invoice["date_closed"] is not None) == (invoice["paid"] >= invoice["total"])
    received = sum(row["amount"] for row in make.state.tables["transactions"].values())
    assert books.credit(make.state, client["id"], "TST") == received - paid


def test_the_last_payment_closes_the_invoice_at_its_time() -> None:
    make = factories()
    client = make.add_client()
    invoice = make.add_invoice(client["id"])
    make.add_transaction(client["id"], "4.00", invoice_id=invoice["id"])
    assert (invoice["due"], invoice["date_closed"]) == (Decimal(6), None)
    moment = make.clock.advance(days=2)
    make.add_transaction(client["id"], "6.00", invoice_id=invoice["id"])
    make.clock.advance(days=1)
    books.recompute_invoice(make.state, invoice["id"], make.clock.now())
    assert (invoice["due"], invoice["date_closed"]) == (Decimal(0), moment)


def test_unapplying_opens_the_invoice_and_leaves_credit() -> None:
    make = factories()
    client = make.add_client()
    first, second = make.add_invoice(client["id"]), make.add_invoice(client["id"])
    payment = make.add_transaction(client["id"], "20.00")
    make.apply(payment["id"], {first["id"]: "10", second["id"]: "10"})
    assert books.unapply(make.state, payment["id"], make.clock.now(), [second["id"]]) == [second["id"]]
    assert (first["due"], second["due"], second["date_closed"]) == (Decimal(0), Decimal(10), None)
    assert payment["credited_amount"] == books.credit(make.state, client["id"], "USD") == Decimal(10)
    assert books.amount_due(make.state, client["id"], "USD") == Decimal(10)
    assert books.unapply(make.state, payment["id"], make.clock.now()) == [first["id"]]
    assert books.amount_due(make.state, client["id"], "USD") == Decimal(20)


def test_a_payment_that_is_no_longer_approved_pays_nothing() -> None:
    make = factories()
    client = make.add_client()
    invoice = make.add_invoice(client["id"])
    payment = make.add_transaction(client["id"], "10.00", invoice_id=invoice["id"])
    make.state.update("transactions", payment["id"], status="void")
    books.recompute_transaction(make.state, payment["id"])
    books.recompute_invoice(make.state, invoice["id"], make.clock.now())
    assert (invoice["paid"], invoice["date_closed"], payment["credited_amount"]) == (Decimal(0), None, Decimal(0))


@pytest.mark.parametrize(
    ("payment", "amounts", "words"),
    [
        ({}, {1: "10.01", 2: "1"}, "is due"),
        ({}, {1: "10", 2: "10"}, "not that much left"),
        ({}, {1: "0"}, "positive"),
        ({"currency": "EUR"}, {1: "1"}, "is in USD"),
        ({"status": "declined"}, {1: "1"}, "declined"),
        ({}, {1: "1", 3: "1"}, "another client"),
    ],
)
def test_apply_refuses_what_would_unbalance_and_changes_nothing(
    payment: dict[str, Any], amounts: dict[int, str], words: str
) -> None:
    make = factories()
    client = make.add_client()
    for owner in (client, client, make.add_client()):
        make.add_invoice(owner["id"])
    transaction = make.add_transaction(client["id"], "15.00", **payment)
    before = {invoice_id: dict(row) for invoice_id, row in make.state.tables["invoices"].items()}
    with pytest.raises(BooksError, match=words):
        make.apply(transaction["id"], amounts)
    assert make.state.tables["invoices"] == before
    assert make.state.tables["transaction_applied"] == {}


def test_more_of_a_payment_on_the_same_invoice_adds_up() -> None:
    make = factories()
    client = make.add_client()
    invoice = make.add_invoice(client["id"])
    payment = make.add_transaction(client["id"], "10.00")
    make.apply(payment["id"], {invoice["id"]: "3"})
    later = make.clock.now() + timedelta(hours=1)
    make.apply(payment["id"], {invoice["id"]: "7"}, later)
    (row,) = make.state.tables["transaction_applied"].values()
    assert (row["applied_amount"], row["applied_date"]) == (Decimal(10), later)
    assert invoice["date_closed"] == later


def test_invoice_taxes_are_summed_by_tax_over_the_lines() -> None:
    make = factories()
    client = make.add_client()
    low, high = make.add_tax(amount=5), make.add_tax(amount=10, level=2)
    invoice = make.add_invoice(
        client["id"],
        [{"amount": "100", "taxes": [low["id"], (high["id"], True)]}, {"amount": "50", "taxes": [low["id"]]}, {}],
    )
    assert [(tax["id"], total) for tax, total in books.invoice_taxes(make.state, invoice["id"])] == [
        (low["id"], Decimal("7.5")),
        (high["id"], Decimal("10.5")),
    ]
    assert invoice["total"] == Decimal(178)
