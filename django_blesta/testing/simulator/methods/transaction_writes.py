"""Changes of the ledger beside recording and applying: editing a payment, taking it off, spending credit."""

from __future__ import annotations

from decimal import Decimal

from django_blesta.testing.simulator import books, php
from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.methods.transactions import application_errors, rules, wanted_amounts
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.rules import Refused, check, refuse
from django_blesta.testing.simulator.state import Row

_ZERO = Decimal(0)


def _existing(call: Call, transaction_id: int) -> Row:
    row = call.state.get("transactions", transaction_id)
    if row is None:
        raise refuse("transaction_id", "exists", "Invalid transaction ID.")
    return row


def _recount(call: Call, transaction_id: int) -> None:
    """A payment that is not approved any more covers nothing, and its invoices are open again."""
    for applied in call.state.where("transaction_applied", transaction_id=transaction_id):
        books.recompute_invoice(call.state, applied["invoice_id"], call.now())
    books.recompute_transaction(call.state, transaction_id)


@method("Transactions", "edit", writes=True)
def edit(call: Call, transaction_id: int, vars: Array, staff_id: int | None = None) -> int:
    """The ledger alone: no gateway hears of it. A payment that becomes void, refunded or returned is taken off."""
    row = _existing(call, transaction_id)
    check(vars, [(field, listed) for field, listed in rules(call) if field in vars])
    changes: Row = {name: vars[name] for name in ("status", "type", "currency", "message") if name in vars}
    changes |= {name: vars[name] or None for name in ("transaction_id", "reference_id") if name in vars}
    if "amount" in vars:
        changes["amount"] = vars["amount"].strip()
    call.state.update("transactions", transaction_id, **changes)
    if row["status"] in ("void", "refunded", "returned"):
        books.unapply(call.state, transaction_id, call.now())
    _recount(call, transaction_id)
    return transaction_id


@method("Transactions", "unApply", writes=True)
def un_apply(call: Call, transaction_id: int, invoices: Array | None = None) -> None:
    """Off the invoices named, or off all of them."""
    _existing(call, transaction_id)
    chosen = None if invoices is None else [php.integer(value) for value in php.items(invoices)]
    books.unapply(call.state, transaction_id, call.now(), chosen)


@method("Transactions", "applyFromCredits", writes=True)
def apply_from_credits(call: Call, client_id: int, currency: str | None = None, amounts: Array | None = None) -> None:
    """From the oldest payment on that has something left; all or nothing."""
    credits = call.rows.credits(client_id, currency)
    wanted = wanted_amounts({"amounts": amounts})
    kept = sum((one["credit"] for listed in credits.values() for one in listed), _ZERO)
    errors = application_errors(
        call, {"status": "approved", "amount": kept, "applied_amount": _ZERO, "client_id": client_id,
               "currency": currency}, wanted
    )  # fmt: skip
    if "transaction_id" in errors:
        errors = {**errors, "currency": {"mismatch": "The currency does not match that of an invoice."}}
        del errors["transaction_id"]
    if errors:
        raise Refused(errors)
    for invoice_id, amount in wanted.items():
        left = amount
        for one in call.rows.credits(client_id, currency).get(currency or "", []):
            part = min(left, one["credit"])
            if part > _ZERO:
                books.apply(call.state, one["transaction_id"], {invoice_id: part}, call.now())
                left -= part
