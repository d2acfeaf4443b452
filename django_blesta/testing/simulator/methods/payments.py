"""Payments that go through a gateway. None stands behind this: the switch `gateway` says how it answers."""

from __future__ import annotations

from typing import Any

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.methods import transactions
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.rules import refuse
from django_blesta.testing.simulator.state import Row


@method("Payments", "processPayment", writes=True)
def process_payment(
    call: Call,
    client_id: int,
    type: str,
    amount: str,
    currency: str,
    account_info: Array | None = None,
    account_id: int | None = None,
    options: Array | None = None,
) -> Any:
    """Charges a stored account. A declined charge is a payment as well, with that status."""
    table = {"cc": "accounts_cc", "ach": "accounts_ach"}.get(type)
    if table is None:
        raise refuse("type", "valid", "Invalid payment type.")
    account = call.state.get(table, account_id)
    contact = call.state.get("contacts", account["contact_id"]) if account else None
    if account is None or account["status"] != "active" or contact is None or contact["client_id"] != client_id:
        raise refuse("account_id", "exists", "Invalid account.")
    if not php.is_numeric(amount):
        raise refuse("amount", "valid", "Invalid amount.")
    statuses = {"approves": "approved", "declines": "declined", "fails": "error", "pending": "pending"}
    status = statuses[call.switches.gateway]
    values = {
        "client_id": str(client_id),
        "amount": amount,
        "currency": currency,
        "type": type,
        "account_id": str(account_id),
        "transaction_id": f"CH-{call.state.last_id('transactions') + 1}",
        "status": status,
    }
    transaction_id = transactions.add(call, values)
    if status in ("declined", "error"):
        code = "declined" if status == "declined" else "error"
        # The try stays in the ledger, as it does at Blesta; a refusal does not take it back.
        raise refuse("gateway", code, "The payment was declined." if code == "declined" else "The gateway failed.")
    row: Row = call.state.tables["transactions"][transaction_id]
    return call.rows.transaction(row)
