"""Operations that cost somebody money when they are done twice: how to ask for each, and how often it took effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from django_blesta.models import CardAccount, Client, Invoice, PackagePricing, Quotation, Service, Transaction
from django_blesta.operations import invoices, payments, quotations, recurring, service_changes, services, transactions
from django_blesta.testing.simulator import Simulator

PRICE = Decimal("40.00")
Numbers = dict[str, int]


def client(ids: Numbers) -> Client:
    return Client(pk=ids["client"], company_id=1)


def invoice(ids: Numbers) -> Invoice:
    return Invoice(pk=ids["invoice"], client_id=ids["client"], company_id=1, currency="USD")


def service(ids: Numbers) -> Service:
    return Service(pk=ids["service"], client_id=ids["client"], company_id=1, name="site")


def payment(ids: Numbers) -> Transaction:
    return Transaction(pk=ids["payment"], client_id=ids["client"], company_id=1)


def customer(blesta: Simulator) -> Numbers:
    """A new client with an invoice of 40, a payment of 40 that is on nothing, a pending service, an offer and a card.

    No mirror of them is needed: an operation asks for ids alone, and fetches what it changed by itself.
    """
    with blesta.state.lock:
        state, now = blesta.state, blesta.clock.now()
        ids = {"client": blesta.add_client()["id"]}
        ids["invoice"] = blesta.add_invoice(ids["client"], [{"amount": PRICE}], delivery=())["id"]
        ids["payment"] = blesta.add_transaction(ids["client"], PRICE, transaction_id=f"OLD-{ids['client']}")["id"]
        ids["pricing"] = next(iter(state.tables["package_pricing"]), 0) or _pricing(blesta)
        ids["service"] = blesta.add_service(ids["client"], ids["pricing"], status="pending")["id"]
        ids["active"] = blesta.add_service(ids["client"], ids["pricing"])["id"]
        ids["quotation"] = state.insert(
            "quotations", client_id=ids["client"], title="Machine", status="approved", currency="USD",
            date_created=now, date_expires=now + timedelta(days=9), total=PRICE,
        )["id"]  # fmt: skip
        contact = state.where("contacts", client_id=ids["client"])[0]["id"]
        ids["card"] = state.insert(
            "accounts_cc", contact_id=contact, first_name="A", last_name="B", last4="4242", type="visa"
        )["id"]
        return ids


def _pricing(blesta: Simulator) -> int:
    package = blesta.add_package()["id"]
    blesta.add_pricing(package, price="90")
    first: int = blesta.add_pricing(package)["id"]
    return first - 1


@dataclass(frozen=True)
class Money:
    """`calls` are the writes that it makes, in their order; `effects` counts what the books show of it.

    `sure`: that nothing happened can be known, so that no case of the first call is left to a person.
    """

    calls: tuple[str, ...]
    ask: Callable[[Numbers, str], Any]
    effects: Callable[[Simulator, Numbers], int]
    sure: bool = True


def _invoices(blesta: Simulator, ids: Numbers) -> int:
    return len(blesta.state.where("invoices", client_id=ids["client"])) - 1


def _payments(blesta: Simulator, ids: Numbers) -> int:
    rows = blesta.state.where("transactions", client_id=ids["client"])
    return sum(row["amount"] for row in rows) // PRICE - 1


def _paid(blesta: Simulator, ids: Numbers) -> int:
    return int(blesta.state.tables["invoices"][ids["invoice"]]["paid"] // PRICE)


def _record(ids: Numbers, token: str, **more: Any) -> Any:
    return transactions.record(client(ids), amount=PRICE, currency="USD", token=token, **more)


def _charge(ids: Numbers, token: str, **more: Any) -> Any:
    card = CardAccount(pk=ids["card"], client_id=ids["client"], company_id=1, status="active")
    return payments.charge(client(ids), account=card, amount=PRICE, currency="USD", token=token, **more)


# Whatever stands in a request is fixed, so that the same request bears the same digest in another process.
_DAY = timezone.now().replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=30)
_LINES = [invoices.Line("Hosting", PRICE)]

MONEY: dict[str, Money] = {
    "transactions.record": Money(("Transactions.add",), _record, _payments),
    "transactions.record_and_apply": Money(
        ("Transactions.add", "Transactions.apply"),
        lambda ids, token: _record(ids, token, apply_to={invoice(ids): PRICE}),
        _payments,
    ),
    "transactions.apply": Money(
        ("Transactions.apply",),
        lambda ids, token: transactions.apply(payment(ids), amounts={invoice(ids): PRICE / 2}, token=token),
        lambda blesta, ids: int(blesta.state.tables["invoices"][ids["invoice"]]["paid"] / (PRICE / 2)),
    ),
    "transactions.apply_credit": Money(
        ("Transactions.applyFromCredits",),
        lambda ids, token: transactions.apply_credit(
            client(ids), currency="USD", amounts={invoice(ids): PRICE / 2}, token=token
        ),
        lambda blesta, ids: int(blesta.state.tables["invoices"][ids["invoice"]]["paid"] / (PRICE / 2)),
    ),
    "transactions.mark": Money(
        ("Transactions.edit",),
        lambda ids, token: transactions.mark_refunded(payment(ids), token=token),
        lambda blesta, ids: int(blesta.state.tables["transactions"][ids["payment"]]["status"] == "refunded"),
    ),
    "invoices.create": Money(
        ("Invoices.add",),
        lambda ids, token: invoices.create(
            client(ids), lines=_LINES, currency="USD", billed_at=_DAY, due_at=_DAY, token=token
        ),
        _invoices,
    ),
    "invoices.create_from_services": Money(
        ("Invoices.createFromServices",),
        lambda ids, token: invoices.create_from_services(
            client(ids), services=[service(ids)], currency="USD", due_at=_DAY, token=token
        ),
        _invoices,
    ),
    "recurring.create": Money(
        ("Invoices.addRecurring",),
        lambda ids, token: recurring.create(client(ids), lines=_LINES, currency="USD", first_at=_DAY, token=token),
        lambda blesta, ids: len(blesta.state.where("recurring_invoices", client_id=ids["client"])),
    ),
    "quotations.invoice": Money(
        ("Quotations.generateInvoice",),
        lambda ids, token: quotations.invoice(
            Quotation(pk=ids["quotation"], client_id=ids["client"], company_id=1), first_due_at=_DAY, token=token
        ),
        _invoices,
    ),
    "services.add": Money(
        ("Services.add",),
        lambda ids, token: services.add(client(ids), pricing=PackagePricing(pk=ids["pricing"]), token=token),
        lambda blesta, ids: len(blesta.state.where("services", client_id=ids["client"])) - 2,
    ),
    "service_changes.order": Money(
        ("Invoices.add", "ServiceChanges.add"),
        lambda ids, token: service_changes.order(
            Service(pk=ids["active"], client_id=ids["client"], company_id=1, name="site"),
            amount=PRICE,
            currency="USD",
            pricing=PackagePricing(pk=ids["pricing"] + 1),
            description="Change",
            due_at=_DAY,
            token=token,
        ),
        _invoices,
    ),
    "payments.charge": Money(("Payments.processPayment",), _charge, _payments, sure=False),
    "payments.charge_and_apply": Money(
        ("Payments.processPayment", "Transactions.apply"),
        lambda ids, token: _charge(ids, token, apply_to={invoice(ids): PRICE}),
        _payments,
        sure=False,
    ),
}
