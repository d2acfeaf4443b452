"""Queued upgrades and downgrades: made with an invoice, processed when that is paid, or canceled."""

from __future__ import annotations

from typing import Any

from django_blesta.testing.simulator import books
from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.methods import service_writes
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.rules import refuse
from django_blesta.testing.simulator.state import Row


@method("ServiceChanges", "add", writes=True)
def add(call: Call, service_id: int, invoice_id: int, vars: Array) -> int:
    """`data` is what `Services.edit` will be given."""
    if service_id not in call.state.tables["services"]:
        raise refuse("service_id", "exists", "Invalid service ID.")
    if invoice_id not in call.state.tables["invoices"]:
        raise refuse("invoice_id", "exists", "Invalid invoice ID.")
    if call.state.where("service_changes", invoice_id=invoice_id):
        raise refuse("invoice_id", "unique", "A service change already exists for this invoice.")
    row = call.state.insert(
        "service_changes",
        service_id=service_id,
        invoice_id=invoice_id,
        data=vars.get("data") or {},
        date_added=call.now(),
        date_status=call.now(),
    )
    change_id: int = row["id"]
    return change_id


def _existing(call: Call, service_change_id: int) -> Row:
    row = call.state.get("service_changes", service_change_id)
    if row is None:
        raise refuse("id", "exists", "Invalid service change ID.")
    return row


@method("ServiceChanges", "edit", writes=True)
def edit(call: Call, service_change_id: int, vars: Array) -> None:
    _existing(call, service_change_id)
    if vars.get("status") not in ("pending", "canceled", "error", "completed"):
        raise refuse("status", "valid", "Invalid status.")
    call.state.update("service_changes", service_change_id, status=vars["status"], date_status=call.now())


@method("ServiceChanges", "cancel", writes=True)
def cancel(call: Call, service_change_id: int, void_invoice: bool = False) -> None:
    row = _existing(call, service_change_id)
    call.state.update("service_changes", service_change_id, status="canceled", date_status=call.now())
    if void_invoice and row["invoice_id"] and not call.state.where("transaction_applied", invoice_id=row["invoice_id"]):
        call.state.update("invoices", row["invoice_id"], status="void")
        books.recompute_invoice(call.state, row["invoice_id"], call.now())


@method("ServiceChanges", "process", writes=True)
def process(call: Call, service_change_id: int) -> Any:
    """Make the change now, paid or not."""
    row = _existing(call, service_change_id)
    if row["status"] != "pending":
        raise refuse("status", "valid", "Only pending changes may be processed.")
    service_writes.edit(call, row["service_id"], row["data"])
    call.state.update("service_changes", service_change_id, status="completed", date_status=call.now())
