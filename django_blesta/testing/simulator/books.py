"""The simulator's bookkeeping: what lines and taxes add up to, what is paid, what is due, what is left as credit.

The rules, all in one place:

- a line's subtotal is qty x amount, a tax is a percentage of it, each rounded half up to the currency's precision;
- only exclusive taxes are added; the inclusive kinds are already in the price and are merely shown;
- a cascading tax is computed on the subtotal plus the taxes of the levels below it;
- paid counts what approved transactions applied; due is total - paid, whatever the invoice's status;
- date_closed is set exactly while an active invoice is paid in full.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from django_blesta.testing.simulator.state import Row, State, money

ZERO: Final = Decimal("0.0000")
HUNDRED: Final = Decimal(100)


class BooksError(ValueError):
    """An application of money that would put the books out of balance."""


@dataclass(frozen=True, slots=True)
class LineTax:
    """A tax on a line: its id, its percentage, its kind, its level, and whether it cascades."""

    tax_id: int
    rate: Decimal
    type: str = "exclusive"
    level: int = 1
    cascade: bool = False


@dataclass(frozen=True, slots=True)
class LineSums:
    """What one line comes to; `taxes` holds (tax id, amount) of every tax, added or included."""

    subtotal: Decimal
    taxes: tuple[tuple[int, Decimal], ...]
    total: Decimal


def rounded(amount: Decimal, precision: int) -> Decimal:
    """Half up (away from zero) to `precision` places, kept with four."""
    return money(amount.quantize(Decimal(1).scaleb(-precision), rounding=ROUND_HALF_UP))


def line_sums(qty: Decimal, amount: Decimal, taxes: Sequence[LineTax], precision: int) -> LineSums:
    subtotal = rounded(qty * amount, precision)
    total = subtotal
    shares: list[tuple[int, Decimal]] = []
    added: list[tuple[int, Decimal]] = []
    for tax in sorted(taxes, key=lambda tax: (tax.level, tax.tax_id)):
        if tax.type == "exclusive":
            below = sum((share for level, share in added if level < tax.level), ZERO) if tax.cascade else ZERO
            share = rounded((subtotal + below) * tax.rate / HUNDRED, precision)
            added.append((tax.level, share))
            total += share
        else:
            share = rounded(subtotal - subtotal / (1 + tax.rate / HUNDRED), precision)
        shares.append((tax.tax_id, share))
    return LineSums(subtotal, tuple(shares), total)


def company_of_client(state: State, client_id: int) -> int:
    """The company that the client's group belongs to."""
    group = state.tables["client_groups"][state.tables["clients"][client_id]["client_group_id"]]
    company_id: int = group["company_id"]
    return company_id


def precision_of(state: State, company_id: int, currency: str) -> int:
    """How many decimal places the company gives the currency; 2 for a currency it does not list."""
    row = state.get("currencies", (company_id, currency))
    return 2 if row is None else int(row["precision"])


def line_taxes(state: State, line_id: int) -> list[LineTax]:
    """The taxes that a stored line bears, by level."""
    taxes = []
    for link in state.where("invoice_line_taxes", line_id=line_id):
        tax = state.tables["taxes"][link["tax_id"]]
        taxes.append(LineTax(tax["id"], tax["amount"], tax["type"], tax["level"], bool(link["cascade"])))
    return sorted(taxes, key=lambda tax: (tax.level, tax.tax_id))


def invoice_taxes(state: State, invoice_id: int) -> list[tuple[Row, Decimal]]:
    """Each tax row on the invoice with what it comes to over all lines, in order of level and id."""
    precision = _precision_of_invoice(state, state.tables["invoices"][invoice_id])
    totals: dict[int, Decimal] = {}
    for line in state.where("invoice_lines", invoice_id=invoice_id):
        sums = line_sums(line["qty"], line["amount"], line_taxes(state, line["id"]), precision)
        for tax_id, share in sums.taxes:
            totals[tax_id] = totals.get(tax_id, ZERO) + share
    rows = [(state.tables["taxes"][tax_id], total) for tax_id, total in totals.items()]
    return sorted(rows, key=lambda row: (row[0]["level"], row[0]["id"]))


def recompute_invoice(state: State, invoice_id: int, at: datetime) -> Row:
    """Bring lines, subtotal, total, paid, due and date_closed up to date; an invoice closed just now is closed `at`."""
    with state.lock:
        invoice = state.tables["invoices"][invoice_id]
        precision = _precision_of_invoice(state, invoice)
        subtotal = total = ZERO
        for line in state.where("invoice_lines", invoice_id=invoice_id):
            sums = line_sums(line["qty"], line["amount"], line_taxes(state, line["id"]), precision)
            state.update("invoice_lines", line["id"], subtotal=sums.subtotal, total=sums.total)
            subtotal += sums.subtotal
            total += sums.total
        paid = sum(
            (
                applied["applied_amount"]
                for applied in state.where("transaction_applied", invoice_id=invoice_id)
                if state.tables["transactions"][applied["transaction_id"]]["status"] == "approved"
            ),
            ZERO,
        )
        closed = invoice["status"] == "active" and paid >= total
        return state.update(
            "invoices",
            invoice_id,
            subtotal=subtotal,
            total=total,
            paid=paid,
            due=total - paid,
            date_closed=(invoice["date_closed"] or at) if closed else None,
        )


def recompute_transaction(state: State, transaction_id: int) -> Row:
    """Bring applied_amount and credited_amount up to date; only an approved payment leaves credit."""
    with state.lock:
        transaction = state.tables["transactions"][transaction_id]
        rows = state.where("transaction_applied", transaction_id=transaction_id)
        applied = sum((row["applied_amount"] for row in rows), ZERO)
        credited = transaction["amount"] - applied if transaction["status"] == "approved" else ZERO
        return state.update("transactions", transaction_id, applied_amount=applied, credited_amount=credited)


def apply(state: State, transaction_id: int, amounts: Mapping[int, Decimal | int | str], at: datetime) -> None:
    """Put parts of a payment on invoices, `{invoice id: amount}`, all or none; more on the same invoice adds up.

    BooksError when the payment is not approved, an amount is not positive or exceeds what the invoice is due, the sum
    exceeds what is left of the payment, or currencies or clients differ. KeyError when a row does not exist.
    """
    with state.lock:
        transaction = state.tables["transactions"][transaction_id]
        wanted = {invoice_id: money(amount) for invoice_id, amount in amounts.items()}
        if transaction["status"] != "approved":
            raise BooksError(f"transaction {transaction_id} is {transaction['status']}, not approved")
        if any(amount <= 0 for amount in wanted.values()):
            raise BooksError("amounts must be positive")
        if sum(wanted.values(), ZERO) > transaction["amount"] - transaction["applied_amount"]:
            raise BooksError(f"transaction {transaction_id} has not that much left")
        for invoice_id, amount in wanted.items():
            invoice = state.tables["invoices"][invoice_id]
            if invoice["currency"] != transaction["currency"]:
                raise BooksError(f"invoice {invoice_id} is in {invoice['currency']}, not {transaction['currency']}")
            if invoice["client_id"] != transaction["client_id"]:
                raise BooksError(f"invoice {invoice_id} belongs to another client")
            if amount > invoice["due"]:
                raise BooksError(f"invoice {invoice_id} is due {invoice['due']}, less than {amount}")
        for invoice_id, amount in wanted.items():
            existing = state.get("transaction_applied", (transaction_id, invoice_id))
            if existing is None:
                state.insert(
                    "transaction_applied",
                    transaction_id=transaction_id,
                    invoice_id=invoice_id,
                    applied_amount=amount,
                    applied_date=at,
                )
            else:
                state.update(
                    "transaction_applied",
                    (transaction_id, invoice_id),
                    applied_amount=existing["applied_amount"] + amount,
                    applied_date=at,
                )
            recompute_invoice(state, invoice_id, at)
        recompute_transaction(state, transaction_id)


def unapply(state: State, transaction_id: int, at: datetime, invoice_ids: Iterable[int] | None = None) -> list[int]:
    """Take a payment off these invoices, or off all; returns the invoices that it was on."""
    with state.lock:
        chosen = None if invoice_ids is None else set(invoice_ids)
        freed = []
        for row in state.where("transaction_applied", transaction_id=transaction_id):
            if chosen is None or row["invoice_id"] in chosen:
                state.delete("transaction_applied", (transaction_id, row["invoice_id"]))
                recompute_invoice(state, row["invoice_id"], at)
                freed.append(row["invoice_id"])
        recompute_transaction(state, transaction_id)
        return freed


def amount_due(state: State, client_id: int, currency: str) -> Decimal:
    """What the client owes on open invoices in that currency; drafts, proformas and void invoices do not count."""
    return sum(
        (
            invoice["due"]
            for invoice in state.where("invoices", client_id=client_id, currency=currency, status="active")
            if invoice["date_closed"] is None
        ),
        ZERO,
    )


def credit(state: State, client_id: int, currency: str) -> Decimal:
    """What the client has paid and not yet used, in that currency."""
    rows = state.where("transactions", client_id=client_id, currency=currency, status="approved")
    return sum((row["credited_amount"] for row in rows), ZERO)


def _precision_of_invoice(state: State, invoice: Row) -> int:
    return precision_of(state, company_of_client(state, invoice["client_id"]), invoice["currency"])
