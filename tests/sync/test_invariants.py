"""Sums that do not add up are found by query, each rule on its own, and nothing is repaired."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from django_blesta import sync
from django_blesta.models import AppliedAmount, Currency, Invoice, InvoiceLine, Service, Transaction
from django_blesta.sync import invariants
from django_blesta.sync.invariants import MAX_LISTED, Violations
from django_blesta.sync.plan import scopes
from tests.sync.contents import contents

pytestmark = pytest.mark.django_db

some_clients = pytest.mark.parametrize("blesta_simulator", [{"clients": 12, "seed": 3}], indirect=True)


def check(model: Any = None, company: int = 1) -> Violations:
    (one,) = (scope for scope in scopes("default") if scope.company_id == company)
    return invariants.check(one, model)


def broken(model: Any = None) -> set[tuple[str, int]]:
    return {(entry["rule"], entry["id"]) for entry in check(model).first}


@some_clients
class TestBooks:
    @pytest.mark.parametrize("switches", [{}, {"inferred_columns": "absent"}, {"ids_as_strings": True}], ids=str)
    def test_of_a_whole_company_add_up(self, blesta, switches):
        blesta.switches.set(**switches)
        sync.run()
        assert InvoiceLine.objects.exists()
        assert AppliedAmount.objects.exists()
        assert check() == Violations()

    @pytest.mark.parametrize(
        ("figures", "adds_up"),
        [
            ({"total": "120.0000", "paid": "20.0000", "due": "100.0000"}, True),
            ({"total": "120.0000", "paid": "20.0000", "due": "100.0001"}, False),
            ({"total": "120.0000", "paid": "20.0001", "due": "100.0000"}, False),
            ({"total": "10000000000.1234", "paid": "0.0001", "due": "10000000000.1233"}, True),
            ({"total": "99999999999.9999", "paid": "0.0001", "due": "99999999999.9997"}, False),
            ({"total": "-5.0000", "paid": "0.0000", "due": "-5.0000"}, True),
            ({"total": "0.3000", "paid": "0.1000", "due": "0.2000"}, True),
        ],
    )
    def test_total_less_paid_is_due_to_the_fourth_place(self, blesta, figures, adds_up):
        invoice = blesta.add_invoice(1, [])
        with blesta.state.lock:
            blesta.state.update("invoices", invoice["id"], **figures)
        sync.run([Invoice], details=False)
        assert broken(Invoice) == (set() if adds_up else {("due", invoice["id"])})

    def test_a_violation_is_listed_with_its_figures_and_left_alone(self, blesta):
        with blesta.state.lock:
            blesta.state.update("invoices", 3, total="12.5000", paid="2.5000", due="9.0000")
        sync.run([Invoice], details=False)
        before = contents()
        found = check(Invoice)
        assert found.count == 1
        assert found.first == [
            {
                "rule": "due",
                "resource": "django_blesta.invoice",
                "id": 3,
                "currency": blesta.state.tables["invoices"][3]["currency"],
                "total": "12.5000",
                "paid": "2.5000",
                "due": "9.0000",
            }
        ]
        assert json.loads(json.dumps(found.first)) == found.first
        assert contents() == before

    def test_many_are_counted_and_the_first_are_listed(self, blesta):
        sync.run([Invoice], details=False)
        Invoice.objects.update(paid=Decimal("-1"))
        found = check(Invoice)
        assert found.count == Invoice.objects.count() > MAX_LISTED == len(found.first)

    def test_gone_rows_and_other_resources_are_no_concern(self, blesta):
        sync.run()
        Invoice.objects.filter(pk=3).update(due=Decimal("-7"))
        assert check(Service) == Violations()
        assert broken() == {("due", 3)}
        Invoice.objects.filter(pk=3).update(gone_at=Invoice.objects.get(pk=3).fetched_at)
        assert check() == Violations()


@some_clients
class TestLines:
    def held(self, blesta: Any, lines: list[dict[str, Any]], **columns: Any) -> Invoice:
        invoice = blesta.add_invoice(1, lines, **columns)
        sync.run([Currency])
        sync.refresh(Invoice, invoice["id"])
        return Invoice.objects.get(pk=invoice["id"])

    def test_that_come_to_less_than_the_subtotal(self, blesta):
        invoice = self.held(blesta, [{"amount": "10"}, {"qty": "2", "amount": "5"}])
        assert broken() == set()
        invoice.lines.filter(qty=2).update(amount=Decimal("4.99"))
        (entry,) = check().first
        assert (entry["rule"], entry["id"], entry["lines_sum"]) == ("lines", invoice.pk, "19.9800")
        assert (entry["subtotal"], entry["total"]) == ("20.0000", "20.0000")

    @pytest.mark.parametrize(
        ("kind", "rate"), [("exclusive", "20"), ("inclusive", "20"), ("inclusive_calculated", "7")]
    )
    def test_with_tax_on_top_or_within(self, blesta, kind, rate):
        tax = blesta.add_tax(type=kind, amount=rate)
        self.held(blesta, [{"amount": "9.99", "qty": "3", "taxes": [tax["id"]]}])
        assert broken() == set()

    def test_with_the_tax_taken_out_of_the_subtotal(self, blesta):
        invoice = self.held(blesta, [{"amount": "12"}])
        Invoice.objects.filter(pk=invoice.pk).update(subtotal=Decimal("10"))
        assert broken() == set()

    @pytest.mark.parametrize(
        ("precision", "amount", "lines", "adds_up"),
        [
            (2, "0.0049", 3, True),  # each is rounded to nothing: subtotal 0.00
            (2, "0.3333", 3, True),  # 0.9999 against 0.99 or 1.00
            (0, "10.4000", 2, True),
            (0, "11.0000", 1, True),
            (4, "0.1234", 5, True),
        ],
    )
    def test_rounding_of_the_currency_is_allowed_for(self, blesta, precision, amount, lines, adds_up):
        blesta.add_currency(code="ZZZ", precision=precision)
        self.held(blesta, [{"amount": amount}] * lines, currency="ZZZ")
        assert (broken() == set()) is adds_up

    @pytest.mark.parametrize(
        ("precision", "off", "adds_up"), [(2, "0.0049", True), (2, "0.0060", False), (0, "0.4", True)]
    )
    def test_and_no_more_than_that(self, blesta, precision, off, adds_up):
        blesta.add_currency(code="ZZZ", precision=precision)
        invoice = self.held(blesta, [{"amount": "10"}], currency="ZZZ")
        figures = dict.fromkeys(("subtotal", "total", "due"), Decimal("10") + Decimal(off))
        Invoice.objects.filter(pk=invoice.pk).update(**figures)
        assert broken() == (set() if adds_up else {("lines", invoice.pk)})

    def test_older_than_the_invoice_are_left_alone(self, blesta):
        sync.run()
        invoice = Invoice.objects.filter(lines__isnull=False).order_by("pk").first()
        with blesta.state.lock:
            row = blesta.state.tables["invoices"][invoice.pk]
            figures = {"subtotal": row["subtotal"] + 1, "total": row["total"] + 1, "due": row["due"] + 1}
            blesta.state.update("invoices", invoice.pk, **figures)
        sync.run([Invoice], details=False)
        assert broken() == set()
        sync.run([Invoice])
        assert broken() == {("lines", invoice.pk)}


@some_clients
class TestPayments:
    def test_more_applied_than_paid_by_blestas_own_figure(self, blesta):
        row = next(row for row in blesta.state.tables["transactions"].values() if row["applied_amount"])
        with blesta.state.lock:
            blesta.state.update("transactions", row["id"], applied_amount=row["amount"] + Decimal("0.0001"))
        sync.run([Transaction])
        assert broken() == {("used", row["id"])}

    def test_more_applied_than_paid_by_what_the_mirror_holds(self, blesta):
        applied = next(iter(blesta.state.tables["transaction_applied"].values()))
        key = (applied["transaction_id"], applied["invoice_id"])
        with blesta.state.lock:
            amount = blesta.state.tables["transactions"][key[0]]["amount"]
            blesta.state.update("transaction_applied", key, applied_amount=amount + Decimal("0.01"))
        sync.run()
        assert broken() == {("applied", key[0])}
        AppliedAmount.objects.filter(transaction_id=key[0]).update(
            gone_at=Transaction.objects.get(pk=key[0]).fetched_at
        )
        assert broken() == set()

    def test_another_currency_than_the_invoices(self, blesta):
        applied = next(iter(blesta.state.tables["transaction_applied"].values()))
        with blesta.state.lock:
            blesta.state.update("transactions", applied["transaction_id"], currency="XTS")
        sync.run()
        rows = AppliedAmount.objects.filter(transaction_id=applied["transaction_id"])
        assert broken() == {("currency", pk) for pk in rows.values_list("pk", flat=True)}
        entry = check(AppliedAmount).first[0]
        assert (entry["transaction_id"], entry["transaction__currency"]) == (applied["transaction_id"], "XTS")

    @pytest.mark.parametrize("side", [Transaction, Invoice])
    def test_whose_other_side_is_not_held_are_left_alone(self, blesta, side):
        sync.run()
        side.objects.all().delete()
        assert broken(AppliedAmount) == set()


@pytest.mark.parametrize("blesta_simulator", [{"clients": 14, "seed": 2, "companies": 2}], indirect=True)
def test_each_company_is_checked_for_itself(blesta):
    sync.run()
    invoice = Invoice.objects.filter(company_id=2).order_by("pk").first()
    Invoice.objects.filter(pk=invoice.pk).update(due=Decimal("-3"))
    assert check(company=1) == Violations()
    assert [entry["id"] for entry in check(company=2).first] == [invoice.pk]
