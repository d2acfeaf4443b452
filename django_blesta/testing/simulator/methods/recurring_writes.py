"""Making, changing and ending recurring invoices."""

from __future__ import annotations

from typing import Any, Final

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.rules import (
    Rule,
    Rules,
    blank_or,
    check,
    exactly,
    filled,
    numeric,
    one_of,
    refuse,
)
from django_blesta.testing.simulator.state import Row

PERIODS: Final = ("day", "week", "month", "year")


def _rules(call: Call, values: Array, *, edit: bool) -> Rules:
    def is_date(value: Any) -> bool:
        return call.date(value) is not None

    def in_bounds(value: Any) -> bool:
        return not php.is_numeric(value) or 1 <= php.integer(value) <= 65535

    client = Rule(
        "exists",
        lambda value: php.integer(value) in call.state.tables["clients"],
        "Invalid client ID.",
        if_set=edit,
    )
    lines: Rules = (
        ("lines[][description]", [Rule("empty", filled, "Please enter a line item description.")]),
        ("lines[][qty]", [Rule("format", numeric, "The quantity must be a number.", if_set=True)]),
        ("lines[][amount]", [Rule("format", numeric, "The unit cost must be a number.")]),
    )
    return (
        ("client_id", [client]),
        (
            "term",
            [
                Rule("format", numeric, "The term must be a number.", if_set=True, last=True),
                Rule("bounds", in_bounds, "The term must be between 1 and 65535.", if_set=True),
            ],
        ),
        ("period", [Rule("format", one_of(*PERIODS), "Invalid period.", if_set=edit)]),
        ("duration", [Rule("format", blank_or(numeric), "Invalid duration.", if_set=True)]),
        ("date_renews", [Rule("format", is_date, "Invalid date.", if_set=edit)]),
        (
            "currency",
            [Rule("length", exactly(3), "The currency code must be 3 characters in length.", if_set=edit)],
        ),
        *(() if edit and "lines" not in values else lines),
    )


def _columns(call: Call, values: Array) -> Row:
    found: Row = {name: values[name] for name in ("period", "currency") if name in values}
    found |= {name: values[name] or None for name in ("note_public", "note_private") if name in values}
    found |= {"term": php.integer(values["term"])} if "term" in values else {}
    found |= {"duration": php.integer(values["duration"]) or None} if "duration" in values else {}
    found |= {"date_renews": call.date(values["date_renews"])} if "date_renews" in values else {}
    return found


def _store(call: Call, recurring_id: int, lines: list[Any]) -> None:
    """A line with the id of one that is there changes it, or takes it off when it is empty; others are new."""
    for order, line in enumerate(lines):
        stored = call.state.get("recurring_invoice_lines", php.integer(line.get("id")))
        known = stored is not None and stored["invoice_recur_id"] == recurring_id
        columns = {name: line.get(name) for name in ("description", "amount")}
        if known and not (line.get("description") or line.get("amount")):
            call.state.delete("recurring_invoice_lines", php.integer(line["id"]))
        elif known:
            columns["qty"] = str(line.get("qty", "1")).strip()
            call.state.update("recurring_invoice_lines", php.integer(line["id"]), **columns)
        else:
            call.state.insert(
                "recurring_invoice_lines",
                invoice_recur_id=recurring_id,
                description=line["description"],
                qty=str(line.get("qty", "1")).strip(),
                amount=str(line["amount"]).strip(),
                order=order,
            )


@method("Invoices", "addRecurring", writes=True)
def add_recurring(call: Call, vars: Array) -> int:
    check(vars, _rules(call, vars, edit=False))
    row = call.state.insert("recurring_invoices", client_id=php.integer(vars["client_id"]), **_columns(call, vars))
    _store(call, row["id"], php.items(vars.get("lines")))
    recurring_id: int = row["id"]
    return recurring_id


@method("Invoices", "editRecurring", writes=True)
def edit_recurring(call: Call, invoice_recur_id: int, vars: Array) -> int:
    _existing(call, invoice_recur_id)
    lines = php.items(vars.get("lines"))
    left = [line for line in lines if "id" not in line or line.get("description") or line.get("amount")]
    kept = {**vars, "lines": {str(index): line for index, line in enumerate(left)}}
    values = {name: value for name, value in kept.items() if name != "lines" or left}
    check(values, _rules(call, values, edit=True))
    call.state.update("recurring_invoices", invoice_recur_id, **_columns(call, vars))
    _store(call, invoice_recur_id, lines)
    return invoice_recur_id


@method("Invoices", "deleteRecurring", writes=True)
def delete_recurring(call: Call, invoice_recur_id: int) -> None:
    _existing(call, invoice_recur_id)
    for line in call.state.where("recurring_invoice_lines", invoice_recur_id=invoice_recur_id):
        call.state.delete("recurring_invoice_lines", line["id"])
    call.state.delete("recurring_invoices", invoice_recur_id)


def _existing(call: Call, invoice_recur_id: int) -> Row:
    row = call.state.get("recurring_invoices", invoice_recur_id)
    if row is None:
        raise refuse("invoice_recur_id", "exists", "Invalid recurring invoice ID.")
    return row
