"""Answering quotations, and making invoices of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.methods import invoice_writes
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.rules import Rule, blank_or, check, numeric, refuse
from django_blesta.testing.simulator.state import Row

STATUSES: Final = ("draft", "pending", "approved", "invoiced", "expired", "dead", "lost")


def _open(call: Call, quotation_id: int) -> Row:
    row = call.state.get("quotations", quotation_id)
    if row is None:
        raise refuse("quotation_id", "exists", "Invalid quotation ID.")
    if row["status"] == "invoiced":
        raise refuse("id", "quotation_invoiced", "The quotation has been invoiced and may not be changed.")
    return row


@method("Quotations", "updateStatus", writes=True)
def update_status(call: Call, quotation_id: int, status: str) -> None:
    _open(call, quotation_id)
    if status not in STATUSES:
        raise refuse("status", "format", "Invalid status.")
    call.state.update("quotations", quotation_id, status=status)


@method("Quotations", "generateInvoice", writes=True)
def generate_invoice(call: Call, quotation_id: int, vars: Array) -> Any:
    """One invoice, or two where a part is due first; the quotation is locked afterwards."""
    row = _open(call, quotation_id)

    def is_date(value: Any) -> bool:
        return call.date(value) is not None

    def in_range(value: Any) -> bool:
        return not numeric(value) or 0 < Decimal(value) <= 100

    share = [
        Rule("format", blank_or(numeric), "The percentage must be a number.", if_set=True, last=True),
        Rule("valid", blank_or(in_range), "The percentage must be between 0 and 100.", if_set=True),
    ]
    check(
        vars,
        (
            ("first_due_date", [Rule("format", is_date, "Invalid date.")]),
            ("second_due_date", [Rule("format", blank_or(is_date), "Invalid date.", if_set=True)]),
            ("percentage_due", share),
        ),
    )
    part = Decimal(vars.get("percentage_due") or 100) / 100
    dues = [(part, vars["first_due_date"])]
    if part < 1:
        dues.append((1 - part, vars.get("second_due_date") or vars["first_due_date"]))
    made = [_invoice(call, row, share_due, date) for share_due, date in dues]
    for invoice_id in made:
        call.state.insert("quotation_invoices", quotation_id=quotation_id, invoice_id=invoice_id)
    call.state.update("quotations", quotation_id, status="invoiced")
    return made[0]


def _invoice(call: Call, quotation: Row, part: Decimal, due: str) -> int:
    lines = [
        {"description": line["description"], "qty": str(line["qty"]), "amount": str(line["amount"] * part)}
        for line in call.state.where("quotation_lines", quotation_id=quotation["id"])
    ] or [{"description": quotation["title"], "qty": "1", "amount": str((quotation["total"] or Decimal(0)) * part)}]
    return invoice_writes.add(
        call,
        {
            "client_id": str(quotation["client_id"]),
            "date_billed": call.now().isoformat(),
            "date_due": max(call.date(due) or call.now(), call.now()).isoformat(),
            "currency": quotation["currency"],
            "lines": {str(index): line for index, line in enumerate(lines)},
        },
    )


@method("Quotations", "getInvoices")
def get_invoices(call: Call, quotation_id: int) -> list[Row]:
    """The invoices themselves; the shape is a guess."""
    links = call.state.where("quotation_invoices", quotation_id=quotation_id)
    return [call.rows.invoice(call.state.tables["invoices"][php.integer(link["invoice_id"])]) for link in links]
