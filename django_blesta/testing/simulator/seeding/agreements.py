"""What some clients have beside services: invoices that recur by themselves, and quotations in every state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django_blesta.testing.simulator.dates import add_months
from django_blesta.testing.simulator.seeding.customers import Customer
from django_blesta.testing.simulator.state import State

STATUSES: Final = ("draft", "pending", "approved", "invoiced", "expired", "dead", "lost")
_TERMS: Final = ((1, "month"), (1, "year"), (2, "week"))
_RECURS_EVERY: Final = 9
_QUOTED_EVERY: Final = 4


def seed_agreements(state: State, customers: Sequence[Customer], staff: Sequence[int], now: datetime) -> None:
    """Who has what follows from the order of sign-up alone, so that chance deals the same cards to all else."""
    for number, customer in enumerate(customers):
        if number % _RECURS_EVERY == 1:
            _seed_recurring(state, customer, number, now)
        if number % _QUOTED_EVERY == 2:
            _seed_quotation(state, customer, number, staff, now)


def _seed_recurring(state: State, customer: Customer, number: int, now: datetime) -> None:
    term, period = _TERMS[number // _RECURS_EVERY % len(_TERMS)]
    row = state.insert(
        "recurring_invoices",
        client_id=customer.client["id"],
        term=term,
        period=period,
        duration=12 if number % 2 else None,
        date_renews=add_months(now, 1),
        date_last_renewed=customer.joined,
        currency=customer.currency,
        note_public="Housing of your own machine",
        note_private="By arrangement" if number % 2 else None,
    )
    for order, (text, amount) in enumerate((("Rack space, 2U", "80"), ("Power, flat", "24.5"))):
        state.insert(
            "recurring_invoice_lines",
            invoice_recur_id=row["id"],
            description=text,
            amount=Decimal(amount),
            order=order,
        )


def _seed_quotation(state: State, customer: Customer, number: int, staff: Sequence[int], now: datetime) -> None:
    amounts = (Decimal(250), Decimal("-25"))
    row = state.insert(
        "quotations",
        id_code=f"QUO-{state.last_id('quotations') + 1}",
        client_id=customer.client["id"],
        staff_id=staff[number % len(staff)],
        title="Dedicated machine — first year",
        status=STATUSES[number // _QUOTED_EVERY % len(STATUSES)],
        currency=customer.currency,
        notes="Valid for a month.",
        private_notes="Ten per cent was agreed on the telephone" if number % 8 == 2 else None,
        date_created=customer.joined + timedelta(days=1),
        date_expires=customer.joined + timedelta(days=31),
        subtotal=sum(amounts),
        total=sum(amounts),
    )
    for order, amount in enumerate(amounts):
        text = "Machine" if amount > 0 else "Discount"
        state.insert("quotation_lines", quotation_id=row["id"], description=text, amount=amount, order=order)
