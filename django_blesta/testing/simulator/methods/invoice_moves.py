"""Invoices put together and taken apart."""

from __future__ import annotations

from typing import Any

from django_blesta.testing.simulator import books, php
from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.rules import refuse
from django_blesta.testing.simulator.state import Row


def _alike(call: Call, base: Row) -> Row:
    """A new invoice like another, without lines."""
    number = max((row["id_value"] for row in call.state.tables["invoices"].values()), default=0) + 1
    names = ("id_format", "client_id", "date_billed", "date_due", "status", "currency")
    code = str(base["id_format"]).replace("{num}", str(number))
    kept = {name: base[name] for name in names}
    return call.state.insert("invoices", id_value=number, id_code=code, **kept)


def _move(call: Call, lines: list[Row], to: Row) -> None:
    order = len(call.state.where("invoice_lines", invoice_id=to["id"]))
    for number, line in enumerate(lines):
        call.state.update("invoice_lines", line["id"], invoice_id=to["id"], order=order + number)


@method("Invoices", "merge", writes=True)
def merge(call: Call, invoice_ids: Array, invoice_id: int | None = None) -> int:
    """Onto the one named, or a new one; the others become void and keep no lines."""
    ids = [php.integer(value) for value in php.items(invoice_ids)]
    rows = [call.state.get("invoices", one) for one in ids]
    found = [row for row in rows if row is not None]
    if len(found) < len(ids):
        raise refuse("invoice_id", "exists", "Invalid invoice ID.")
    if len({*ids, invoice_id} - {None}) < 2:
        raise refuse("invoice_ids", "count", "At least two invoices are needed to merge.")
    if len({row["client_id"] for row in found}) > 1:
        raise refuse("invoice_ids", "client", "The invoices must belong to one client.")
    if len({row["currency"] for row in found}) > 1:
        raise refuse("invoice_ids", "currency", "The invoices must be in one currency.")
    paid = any(call.state.where("transaction_applied", invoice_id=row["id"]) for row in found)
    if paid or any(row["date_closed"] or row["status"] not in ("active", "proforma") for row in found):
        raise refuse("invoice_ids", "status", "Only open invoices without payments may be merged.")
    base = call.state.get("invoices", invoice_id) if invoice_id else _alike(call, found[0])
    if base is None or base["client_id"] != found[0]["client_id"]:
        raise refuse("invoice_id", "exists", "Invalid invoice ID.")
    for row in found:
        if row["id"] == base["id"]:
            continue
        _move(call, call.state.where("invoice_lines", invoice_id=row["id"]), base)
        call.state.update("invoices", row["id"], status="void")
        books.recompute_invoice(call.state, row["id"], call.now())
    books.recompute_invoice(call.state, base["id"], call.now())
    merged: int = base["id"]
    return merged


@method("Invoices", "split", writes=True)
def split(call: Call, invoice_id: int, line_items: Array | None = None) -> Any:
    """These lines go to an invoice of their own."""
    invoice = call.state.get("invoices", invoice_id)
    if invoice is None:
        raise refuse("invoice_id", "exists", "Invalid invoice ID.")
    wanted = {php.integer(value) for value in php.items(line_items)}
    if not wanted:
        raise refuse("line_items", "empty_split", "Please choose the lines to split off.")
    lines = call.state.where("invoice_lines", invoice_id=invoice_id)
    if len(lines) < 2 or {line["id"] for line in lines} <= wanted:
        raise refuse("line_items", "minimum_split", "At least one line must stay.")
    if call.state.where("transaction_applied", invoice_id=invoice_id):
        raise refuse("id", "amount_applied", "Lines may not be changed, since payments have been applied.")
    other = _alike(call, invoice)
    _move(call, [line for line in lines if line["id"] in wanted], other)
    for pk in (invoice_id, other["id"]):
        books.recompute_invoice(call.state, pk, call.now())
    return other["id"]
