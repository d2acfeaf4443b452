"""Making and changing invoices."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django_blesta.testing.simulator import books, php
from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.methods.invoices import STATUSES
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.rules import (
    Refused,
    Rule,
    Rules,
    at_most,
    blank_or,
    exactly,
    filled,
    numeric,
    one_of,
    refuse,
    validate,
)
from django_blesta.testing.simulator.state import Row

_DELIVERY_METHODS: Final = ("email", "paper", "interfax", "postalmethods")
_FORMATS: Final = {"draft": "DRAFT-{num}", "proforma": "PRO-{num}"}
_DATES: Final = ("date_billed", "date_due", "date_closed", "date_autodebit")


def _rules(call: Call, values: Array, *, edit: bool) -> Rules:
    def is_date(value: Any) -> bool:
        return call.date(value) is not None

    def after_billed(value: Any) -> bool:
        billed, due = call.date(values.get("date_billed")), call.date(value)
        return billed is None or due is None or due >= billed

    def service_exists(value: Any) -> bool:
        return php.integer(value) in call.state.tables["services"]

    def at_least_one(value: Any) -> bool:
        return not numeric(value) or Decimal(str(value).strip()) >= 1

    return (
        (
            "client_id",
            [
                Rule(
                    "exists",
                    lambda value: php.integer(value) in call.state.tables["clients"],
                    "Invalid client ID.",
                    if_set=edit,
                )
            ],
        ),
        ("date_billed", [Rule("format", is_date, "The billing date is in an invalid format.", if_set=edit)]),
        (
            "date_due",
            [
                Rule("format", is_date, "The due date is in an invalid format.", if_set=edit, last=True),
                Rule("after_billed", after_billed, "The due date must be on or after the billing date.", if_set=edit),
            ],
        ),
        ("date_closed", [Rule("format", blank_or(is_date), "Invalid date.", if_set=True)]),
        ("date_autodebit", [Rule("format", blank_or(is_date), "Invalid date.", if_set=True)]),
        ("autodebit", [Rule("valid", one_of("0", "1"), "Please choose yes or no.", if_set=True)]),
        ("status", [Rule("format", one_of(*STATUSES), "Invalid status.", if_set=not edit)]),
        ("currency", [Rule("length", exactly(3), "The currency code must be 3 characters in length.")]),
        *(() if edit and "lines" not in values else _line_rules(edit, service_exists, at_least_one)),
        *(
            [
                (
                    "delivery[]",
                    [
                        Rule("exists", one_of(*_DELIVERY_METHODS), "Invalid delivery method."),
                        Rule("length", at_most(32)),
                    ],
                )
            ]
            if php.items(values.get("delivery"))
            else []
        ),
    )


def _line_rules(edit: bool, service_exists: Any, at_least_one: Any) -> Rules:
    return (
        ("lines[][service_id]", [Rule("exists", blank_or(service_exists), "Invalid service ID.", if_set=True)]),
        ("lines[][description]", [Rule("empty", filled, "Please enter a line item description.")]),
        (
            "lines[][qty]",
            [
                Rule("format", numeric, "The quantity must be a number.", if_set=True, last=True),
                Rule("minimum", at_least_one, "The quantity must be 1 or more.", if_set=True),
            ],
        ),
        ("lines[][amount]", [Rule("format", numeric, "The unit cost must be a number.")]),
        ("lines[][tax]", [Rule("format", one_of("true", "false"), 'Must be "true" or "false".', if_set=True)]),
    )


@method("Invoices", "add", writes=True)
def add(call: Call, vars: Array) -> int:
    errors = validate(vars, _rules(call, vars, edit=False))
    if errors:
        raise Refused(errors)
    client_id = php.integer(vars["client_id"])
    company_id = call.company_of(client_id)
    invoices = call.state.tables["invoices"].values()
    number = (
        max((row["id_value"] for row in invoices if call.company_of(row["client_id"]) == company_id), default=0) + 1
    )
    id_format = _FORMATS.get(vars.get("status", "active"), "INV-{num}")
    invoice = call.state.insert(
        "invoices",
        id_format=id_format,
        id_value=number,
        id_code=id_format.replace("{num}", str(number)),
        client_id=client_id,
        status=vars.get("status", "active"),
        currency=vars["currency"],
        note_public=vars.get("note_public") or None,
        note_private=vars.get("note_private") or None,
        **{name: call.date(vars[name]) for name in _DATES if vars.get(name)},
    )
    for order, line in enumerate(php.items(vars.get("lines"))):
        _store_line(call, invoice, order, line)
    for way in php.items(vars.get("delivery")):
        call.state.insert("invoice_delivery", invoice_id=invoice["id"], method=way)
    books.recompute_invoice(call.state, invoice["id"], call.now())
    invoice_id: int = invoice["id"]
    return invoice_id


@method("Invoices", "edit", writes=True)
def edit(call: Call, invoice_id: int, vars: Array) -> int:
    """Status and currency every time. Lines: with id changed, emptied ones deleted, without id added, others left."""
    invoice = call.state.get("invoices", invoice_id)
    if invoice is None:
        raise refuse("invoice_id", "exists", "Invalid invoice ID.")
    kept = {**vars, "lines": _to_check(vars)} if "lines" in vars else vars
    if not php.items(kept.get("lines")):
        kept = {name: value for name, value in kept.items() if name != "lines"}
    errors = validate(kept, _rules(call, kept, edit=True))
    changed = {name for name in ("status", "currency") if name in vars and vars[name] != invoice[name]}
    if (changed or php.items(vars.get("lines"))) and call.state.where("transaction_applied", invoice_id=invoice_id):
        text = "Lines, currency and status may not be changed, since payments have been applied."
        errors = {**errors, "id": {"amount_applied": text}}
    if errors:
        raise Refused(errors)
    changes: Row = {name: vars[name] for name in ("status", "currency", "note_public", "note_private") if name in vars}
    changes |= {name: call.date(vars[name]) for name in _DATES if vars.get(name)}
    call.state.update("invoices", invoice_id, **changes)
    _change_lines(call, invoice, php.items(vars.get("lines")))
    for item in call.state.where("invoice_delivery", invoice_id=invoice_id, date_sent=None):
        call.state.delete("invoice_delivery", item["id"])
    for way in php.items(vars.get("delivery")):
        call.state.insert("invoice_delivery", invoice_id=invoice_id, method=way)
    books.recompute_invoice(call.state, invoice_id, call.now())
    return invoice_id


def _emptied(line: Any) -> bool:
    return isinstance(line, dict) and "id" in line and not (line.get("description") or line.get("amount"))


def _to_check(values: Array) -> Array:
    lines = [line for line in php.items(values["lines"]) if not _emptied(line)]
    return {str(index): line for index, line in enumerate(lines)}


def _change_lines(call: Call, invoice: Row, lines: list[Any]) -> None:
    order = len(call.state.where("invoice_lines", invoice_id=invoice["id"]))
    for line in lines:
        stored = call.state.get("invoice_lines", php.integer(line.get("id")))
        if stored is None or stored["invoice_id"] != invoice["id"]:
            _store_line(call, invoice, order, line)
            order += 1
        elif _emptied(line):
            for link in call.state.where("invoice_line_taxes", line_id=stored["id"]):
                call.state.delete("invoice_line_taxes", (stored["id"], link["tax_id"]))
            call.state.delete("invoice_lines", stored["id"])
        else:
            changes = {"description": line["description"], "amount": line["amount"].strip()}
            call.state.update("invoice_lines", stored["id"], qty=str(line.get("qty", stored["qty"])).strip(), **changes)


def _store_line(call: Call, invoice: Row, order: int, line: Array) -> None:
    row = call.state.insert(
        "invoice_lines",
        invoice_id=invoice["id"],
        service_id=php.integer(line.get("service_id")) or None,
        description=line["description"],
        qty=str(line.get("qty", "1")).strip(),
        amount=str(line["amount"]).strip(),
        order=order,
    )
    if line.get("tax") == "true":
        for tax in _taxes(call, invoice["client_id"]):
            call.state.insert("invoice_line_taxes", line_id=row["id"], tax_id=tax["id"], cascade=0)


def _taxes(call: Call, client_id: int) -> list[Row]:
    """Active taxes of the client's company that are for everybody, or for where the client lives."""
    exempt = call.state.get("client_settings", (client_id, "tax_exempt"))
    if exempt is not None and exempt["value"] == "true":
        return []
    home = call.rows.client(call.state.tables["clients"][client_id])
    return [
        tax
        for tax in call.state.where("taxes", company_id=call.company_of(client_id), status="active")
        if tax["country"] in (None, home["country"]) and tax["state"] in (None, home["state"])
    ]


def _existing(call: Call, invoice_id: int) -> Row:
    invoice = call.state.get("invoices", invoice_id)
    if invoice is None:
        raise refuse("invoice_id", "exists", "Invalid invoice ID.")
    return invoice


@method("Invoices", "addDelivery", writes=True)
def add_delivery(call: Call, invoice_id: int, vars: Array, client_id: int) -> int:
    """Queued: cron sends it, and sets the date."""
    _existing(call, invoice_id)
    if vars.get("method") not in _DELIVERY_METHODS:
        raise refuse("method", "exists", "Invalid delivery method.")
    row = call.state.insert("invoice_delivery", invoice_id=invoice_id, method=vars["method"])
    delivery_id: int = row["id"]
    return delivery_id


@method("Invoices", "deleteDraft", writes=True)
def delete_draft(call: Call, invoice_id: int) -> None:
    invoice = _existing(call, invoice_id)
    if invoice["status"] != "draft":
        raise refuse("invoice_id", "draft", "The invoice is not a draft.")
    for line in call.state.where("invoice_lines", invoice_id=invoice_id):
        for link in call.state.where("invoice_line_taxes", line_id=line["id"]):
            call.state.delete("invoice_line_taxes", (line["id"], link["tax_id"]))
        call.state.delete("invoice_lines", line["id"])
    for item in call.state.where("invoice_delivery", invoice_id=invoice_id):
        call.state.delete("invoice_delivery", item["id"])
    call.state.delete("invoices", invoice_id)


@method("Invoices", "createFromServices", writes=True)
def create_from_services(
    call: Call,
    client_id: int,
    service_ids: Array,
    currency: str,
    due_date: str,
    allow_pro_rata: bool = True,
    services_renew: bool = False,
    service_transfers: Array | None = None,
    term_cycles: int = 1,
) -> int:
    """One line per service at its price and one for a set-up fee; nothing is prorated here."""
    lines: list[Array] = []
    for service_id in (php.integer(value) for value in php.items(service_ids)):
        service = call.state.get("services", service_id)
        if service is None or service["client_id"] != client_id:
            raise refuse("service_id", "exists", "Invalid service ID.")
        pricing = call.state.tables["package_pricing"][service["pricing_id"]]
        amount = pricing["price_renews"] if services_renew and pricing["price_renews"] else pricing["price"]
        text = service["name"] or f"Service {service['id_code']}"
        lines.append({"service_id": str(service_id), "description": text, "amount": str(amount), "qty": "1"})
        if pricing["setup_fee"] and not services_renew:
            fee = {"service_id": str(service_id), "description": f"{text} - Setup", "amount": str(pricing["setup_fee"])}
            lines.append(fee)
    return add(
        call,
        {
            "client_id": str(client_id),
            "date_billed": call.now().isoformat(),
            "date_due": due_date,
            "currency": currency,
            "lines": {str(index): line for index, line in enumerate(lines)},
        },
    )
