"""A customer who owes and has bought: what tests of money and services start from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from django_blesta import sync
from django_blesta.models import (
    Client,
    ClientGroup,
    Company,
    Contact,
    Currency,
    Invoice,
    InvoiceLine,
    Operation,
    Service,
    Transaction,
    User,
)
from django_blesta.testing.simulator import Simulator

DUE = Decimal("100.0000")


@pytest.fixture
def shop(settings, db: None) -> Iterator[Simulator]:
    """Client 1 owes 100 USD on invoice 1 and 50 on invoice 2, has service 1 with add-on 2, and 30 of credit.

    Client 2 is a stranger with invoice 3; invoice 4 is a draft, 5 is void, 6 is in euros.
    """
    with Simulator(companies=0) as simulator:
        simulator.clock.set(timezone.now())
        simulator.add_company()
        simulator.add_currency(code="EUR")
        simulator.add_client(first_name="Ada", email="ada@example.com")
        simulator.add_client(first_name="Charles", email="charles@example.com")
        for client_id, amount, more in (
            (1, "100", {}),
            (1, "50", {}),
            (2, "100", {}),
            (1, "100", {"status": "draft"}),
            (1, "100", {"status": "void"}),
            (1, "100", {"currency": "EUR"}),
        ):
            simulator.add_invoice(client_id, [{"amount": amount}], **more)
        simulator.add_service(1)
        simulator.add_service(1, parent_service_id=1)
        simulator.add_transaction(1, "30", transaction_id="OLD")
        settings.BLESTA = simulator.settings() | {"REQUESTS_PER_SECOND": None}
        for model, count in ((Company, 1), (ClientGroup, 1), (Client, 2), (Contact, 2), (User, 2)):
            assert all(sync.refresh(model, pk) for pk in range(1, count + 1))
        for model, count in ((Invoice, 6), (Service, 2), (Transaction, 1)):
            assert all(sync.refresh(model, pk) for pk in range(1, count + 1))
        sync.run([Currency])
        simulator.requests.clear()
        yield simulator
    assert simulator.crashes == []


def ada() -> Client:
    return Client.objects.get(pk=1)


def invoice(pk: int = 1) -> Invoice:
    return Invoice.objects.get(pk=pk)


def service(pk: int = 1) -> Service:
    return Service.objects.get(pk=pk)


def line(pk: int = 1) -> InvoiceLine:
    return InvoiceLine.objects.get(pk=pk)


def payment(pk: int = 1) -> Transaction:
    return Transaction.objects.get(pk=pk)


def the_operation() -> Operation:
    return Operation.objects.get()


def later(**by: float) -> object:
    return timezone.now() + timedelta(**by)


def payments(simulator: Simulator) -> list[tuple[int, Decimal, Decimal]]:
    """(id, amount, applied) of what was recorded on top of the old one."""
    rows = simulator.state.tables["transactions"].values()
    return [(row["id"], row["amount"], row["applied_amount"]) for row in rows if row["transaction_id"] != "OLD"]
