"""The shop with everything that its first client may have: offers, tickets, a stored card, options."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from django_blesta import sync
from django_blesta.models import (
    CardAccount,
    Company,
    Package,
    PackagePricing,
    Quotation,
    RecurringInvoice,
    ServiceChange,
    Ticket,
    TicketDepartment,
)
from django_blesta.testing.simulator import Simulator
from tests.operations.shop import shop

__all__ = ["market", "shop"]


@pytest.fixture
def market(shop: Simulator, settings: Any) -> Simulator:
    """Client 1 has recurring invoice 1, offers 1 (pending) and 2 (approved), tickets 1 (open) and 2 (closed), card 1,
    a change 1 of service 1 that waits for invoice 2; price 2 is dearer and for the same package; option 1 is a number.
    """
    fill(shop)
    settings.BLESTA = settings.BLESTA | {"CHARGE_STORED_ACCOUNTS": True}
    for model, count in ((Quotation, 2), (RecurringInvoice, 1), (Ticket, 2), (ServiceChange, 1)):
        assert all(sync.refresh(model, pk) for pk in range(1, count + 1))
    sync.run([TicketDepartment, CardAccount])
    sync.refresh(Package, shop.state.tables["package_pricing"][1]["package_id"])
    shop.requests.clear()
    return shop


def fill(simulator: Simulator) -> None:
    state, now = simulator.state, simulator.clock.now()
    with state.lock:
        recurring = state.insert(
            "recurring_invoices", client_id=1, currency="USD", date_renews=now + timedelta(days=20), note_public="Rack"
        )
        state.insert("recurring_invoice_lines", invoice_recur_id=recurring["id"], description="Rack", amount="80")
        for status in ("pending", "approved"):
            row = state.insert(
                "quotations", client_id=1, title="Machine", status=status, currency="USD", date_created=now,
                date_expires=now + timedelta(days=30), subtotal="250", total="250",
            )  # fmt: skip
            state.insert("quotation_lines", quotation_id=row["id"], description="Machine", amount="250")
        department = state.insert("ticket_departments", company_id=1, name="Support", description="Day and night")
        for status in ("open", "closed"):
            ticket = state.insert(
                "tickets", code="7", department_id=department["id"], client_id=1, summary="Old", status=status,
                date_added=now, date_updated=now,
            )  # fmt: skip
            state.insert("ticket_replies", ticket_id=ticket["id"], contact_id=1, details="It is slow.", date_added=now)
        state.insert("accounts_cc", contact_id=1, first_name="Ada", last_name="Byron", last4="4242", type="visa")
        first = state.tables["package_pricing"][state.tables["services"][1]["pricing_id"]]
        state.insert(
            "package_pricing", pricing_id=98, package_id=first["package_id"], term=1, period="month", price="29.99",
            currency="USD",
        )  # fmt: skip
        option = state.insert("package_options", company_id=1, label="Memory", name="memory", type="quantity")
        state.insert("package_option_values", option_id=option["id"], name="GB", min=1, max=64, step=1, pricing=[])
        state.insert(
            "service_changes", service_id=1, invoice_id=2, data={"pricing_id": "1"}, date_added=now, date_status=now
        )


def dearer(simulator: Simulator) -> PackagePricing:
    """The other price of the first service's package."""
    return PackagePricing.objects.get(pk=max(simulator.state.tables["package_pricing"]))


def company() -> Company:
    return Company.objects.get()


def one(model: type[Any], pk: int = 1) -> Any:
    return model.objects.get(pk=pk)


def lasting(simulator: Simulator) -> Iterator[str]:
    """What was asked of Blesta and was not a read."""
    return (f"{each.model.rpartition('.')[2]}.{each.method}" for each in simulator.requests if each.verb != "GET")
