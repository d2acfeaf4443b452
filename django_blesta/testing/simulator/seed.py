"""Fill a state with a believable hosting business: the same for the same numbers, whatever the wall clock says."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from random import Random
from typing import Any, Final

from django_blesta.testing.simulator import books
from django_blesta.testing.simulator.clock import Clock
from django_blesta.testing.simulator.seeding.agreements import seed_agreements
from django_blesta.testing.simulator.seeding.catalogue import SECRET, opening_of, seed_company, seed_installation
from django_blesta.testing.simulator.seeding.choices import seed_choices
from django_blesta.testing.simulator.seeding.customers import Customer, seed_customers
from django_blesta.testing.simulator.seeding.payments import Payment, Wallet
from django_blesta.testing.simulator.seeding.plugins import seed_plugins
from django_blesta.testing.simulator.seeding.sales import Bill, Sale, sell
from django_blesta.testing.simulator.state import State

# Prices repeat, so the same sums are asked for again and again.
_line_sums: Final = lru_cache(maxsize=50_000)(books.line_sums)


def seed(state: State, clock: Clock, *, clients: int, seed: int, companies: int = 1, months: int = 24) -> None:
    """Fill an empty state with `clients` clients in turns over `companies` companies, up to the clock's now.

    The first client signed up `months` months ago. Sums are computed as books.py does, on the way.
    """
    rng = Random(f"blesta {clients} {seed} {companies} {months}")
    now = clock.now()
    with state.lock:
        opened = opening_of(now, months)
        staff = seed_installation(state, opened)
        shops = [seed_company(state, number, opened) for number in range(companies)]
        customers = seed_customers(state, rng, shops, staff, now, count=clients, months=months)
        sales: list[Sale] = []
        bills: list[Bill] = []
        payments: list[Payment] = []
        for customer in customers:
            bought, billed = sell(rng, customer, now)
            for bill in billed:
                _add_up(bill)
            sales += bought
            bills += billed
            payments += Wallet(rng, customer, now).settle(billed)
        _store_sales(state, sales)
        seed_choices(state, sorted(sales, key=attrgetter("id")))
        _store_bills(state, rng, bills, now)
        _store_payments(state, rng, payments)
        seed_agreements(state, customers, staff, now)
        seed_plugins(state, customers, staff)


def _add_up(bill: Bill) -> None:
    for item in bill.items:
        sums = _line_sums(item.qty, item.amount, item.taxes, bill.precision)
        bill.subtotal += sums.subtotal
        bill.total += sums.total


def _store_sales(state: State, sales: list[Sale]) -> None:
    """Services in order of purchase, a parent before its add-ons (they share its date, and sorting is stable)."""
    for sale in sorted(sales, key=attrgetter("start")):
        number = state.last_id("services") + 1
        row = state.insert(
            "services",
            id_value=number,
            id_code=str(number),
            parent_service_id=sale.parent.id if sale.parent is not None else None,
            package_group_id=sale.offer.group_id,
            pricing_id=sale.pricing["id"],
            client_id=sale.customer.client["id"],
            module_row_id=sale.offer.package["module_row"],
            coupon_id=sale.customer.shop.coupon_id if number % 11 == 0 else None,
            qty=sale.qty,
            override_price=sale.override,
            override_currency=sale.pricing["currency"] if sale.override is not None else None,
            status=sale.status,
            suspension_reason=sale.reason if sale.status == "suspended" else None,
            cancellation_reason=sale.reason if sale.status == "canceled" else None,
            date_added=sale.start,
            date_renews=sale.renews,
            date_last_renewed=sale.last_renewed,
            date_paid_through=sale.paid_through,
            date_suspended=sale.suspended,
            date_canceled=sale.canceled,
            name=sale.name,
        )
        sale.id = row["id"]
        for key, value, encrypted in _fields(sale):
            state.insert("service_fields", service_id=sale.id, key=key, value=value, encrypted=encrypted)


def _fields(sale: Sale) -> Iterable[tuple[str, str, int]]:
    """What the module keeps about a service; a password is among it, as at Blesta."""
    kind = sale.offer.product.kind
    if kind == "hosting":
        return (("domain", sale.name, 0), ("username", sale.name[:8].replace("-", ""), 0), ("password", "hunter2", 1))
    if kind == "server":
        return (("hostname", sale.name, 0), ("root_password", "hunter2", 1), ("console_pass_username", SECRET, 0))
    return (("domain", sale.name, 0),) if kind == "domain" else ()


def _store_bills(state: State, rng: Random, bills: list[Bill], now: datetime) -> None:
    """Invoices in order of billing, with their lines, taxes and deliveries; a draft deleted long ago leaves a hole."""
    numbers: dict[int, int] = {}  # company -> last display number
    for bill in sorted(bills, key=attrgetter("billed")):
        if rng.random() < 0.01:
            state.skip_ids("invoices")
        company_id = bill.customer.shop.company_id
        numbers[company_id] = number = numbers.get(company_id, 0) + 1
        draft = bill.status == "draft"
        id_format = {"draft": "DRAFT-{num}", "proforma": "PRO-{num}"}.get(bill.status, "INV-{num}")
        debited = bill.customer.account_id is not None and not bill.first
        invoice = state.insert(
            "invoices",
            id_format=id_format,
            id_value=number,
            id_code=id_format.replace("{num}", str(number)),
            client_id=bill.customer.client["id"],
            date_billed=bill.billed,
            date_due=bill.due,
            date_closed=bill.closed,
            date_autodebit=bill.due if debited and bill.status == "active" else None,
            status=bill.status,
            currency=bill.currency,
            note_public="Thank you — tack så mycket!" if rng.random() < 0.02 else None,
            note_private="Voided by staff" if bill.status == "void" else None,
            subtotal=bill.subtotal,
            total=bill.total,
            paid=bill.paid,
            due=bill.total - bill.paid,
        )
        bill.id = invoice["id"]
        for order, item in enumerate(bill.items):
            sums = _line_sums(item.qty, item.amount, item.taxes, bill.precision)
            line = state.insert(
                "invoice_lines",
                invoice_id=bill.id,
                service_id=item.sale.id if item.sale is not None else None,
                description=item.description,
                qty=item.qty,
                amount=item.amount,
                order=order,
                subtotal=sums.subtotal,
                total=sums.total,
            )
            for tax in item.taxes:
                state.insert("invoice_line_taxes", line_id=line["id"], tax_id=tax.tax_id, cascade=tax.cascade)
        sent = None if draft or bill.billed > now else bill.billed
        state.insert("invoice_delivery", invoice_id=bill.id, method="email", date_sent=sent)


def _store_payments(state: State, rng: Random, payments: list[Payment]) -> None:
    """Transactions in order of arrival, and what each was put on."""
    types = {row["name"]: row["id"] for row in state.tables["transaction_types"].values()}
    for payment in sorted(payments, key=attrgetter("at")):
        if rng.random() < 0.005:
            state.skip_ids("transactions")
        transaction = state.insert(
            "transactions",
            client_id=payment.customer.client["id"],
            amount=payment.amount,
            currency=payment.currency,
            status=payment.status,
            message=payment.message,
            date_added=payment.at,
            applied_amount=payment.amount - payment.left,
            credited_amount=payment.left if payment.status == "approved" else 0,
            **_means(rng, payment, payment.customer, types),
        )
        for bill, amount, at in payment.applied:
            state.insert(
                "transaction_applied",
                transaction_id=transaction["id"],
                invoice_id=bill.id,
                applied_amount=amount,
                applied_date=at,
            )


def _means(rng: Random, payment: Payment, customer: Customer, types: dict[str, int]) -> dict[str, Any]:
    """The columns that say how it was paid."""
    number = f"{rng.getrandbits(64):016x}"
    if payment.method in ("card", "bank"):
        kind, prefix = ("cc", "ch_") if payment.method == "card" else ("ach", "py_")
        return {
            "type": kind,
            "account_id": customer.account_id if payment.method == customer.method else None,
            "gateway_id": customer.shop.merchant_id,
            "transaction_id": None if payment.status == "error" else prefix + number,
            "reference_id": None if payment.status == "error" else f"pi_{number[:12]}",
        }
    if payment.method == "offsite":
        return {"type": "other", "gateway_id": customer.shop.nonmerchant_id, "transaction_id": number.upper()}
    reference = str(rng.randint(1000, 99999)) if payment.type_name == "check" else None
    return {"type": "other", "transaction_type_id": types[payment.type_name or "cash"], "transaction_id": reference}
