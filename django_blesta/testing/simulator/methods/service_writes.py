"""Making and changing services. No module stands behind them: what would be asked of one is taken as done."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.dates import add_term
from django_blesta.testing.simulator.methods.services import STATUSES, ask_module
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.rules import (
    Refused,
    Rule,
    Rules,
    at_most,
    blank_or,
    check,
    exactly,
    filled,
    numeric,
    one_of,
    refuse,
    validate,
)
from django_blesta.testing.simulator.state import Row

# What a service's own columns are; everything else at the top of vars is a field of the module.
_COLUMNS: Final = frozenset(
    {
        "parent_service_id", "package_group_id", "pricing_id", "client_id", "staff_id", "module_row_id", "coupon_id",
        "qty", "override_price", "override_currency", "status", "suspension_reason", "date_added", "date_renews",
        "date_last_renewed", "date_paid_through", "date_suspended", "date_canceled", "use_module", "configoptions",
        "date_advance_renewal", "service_id", "prorate",
    }
)  # fmt: skip
_DATES: Final = ("date_added", "date_renews", "date_last_renewed", "date_suspended", "date_canceled")


def _rules(call: Call, values: Array, *, edit: bool) -> Rules:
    state = call.state

    def is_in(table: str) -> Any:
        return lambda value: php.integer(value) in state.tables[table]

    def is_parent(value: Any) -> bool:
        row = state.get("services", php.integer(value))
        return row is None or row["parent_service_id"] is None

    def both_overrides(value: Any) -> bool:
        return php.truthy(value) == php.truthy(values.get("override_currency"))

    def is_date(value: Any) -> bool:
        return call.date(value) is not None

    def after_last(value: Any) -> bool:
        renews, last = call.date(value), call.date(values.get("date_last_renewed"))
        return renews is None or last is None or renews > last

    return (
        ("client_id", [Rule("exists", is_in("clients"), "Invalid client ID.", if_set=edit)]),
        ("pricing_id", [Rule("exists", is_in("package_pricing"), "Please choose a valid term.", if_set=edit)]),
        (
            "parent_service_id",
            [
                Rule("exists", blank_or(is_in("services")), "Invalid parent service.", if_set=True),
                Rule("parent", blank_or(is_parent), "The parent service is itself a child.", if_set=True),
            ],
        ),
        (
            "package_group_id",
            [Rule("exists", blank_or(is_in("package_groups")), "Invalid package group.", if_set=True)],
        ),
        (
            "qty",
            [
                Rule("format", numeric, "The quantity must be a number.", if_set=True),
                Rule("length", at_most(10), "The quantity may not exceed 10 characters.", if_set=True),
            ],
        ),
        (
            "override_price",
            [
                Rule("format", blank_or(numeric), "The override price must be a number.", if_set=True),
                Rule("override", both_overrides, "Price and currency must both be set.", if_set=True),
            ],
        ),
        (
            "override_currency",
            [Rule("format", blank_or(exactly(3)), "Please choose a valid currency.", if_set=True)],
        ),
        ("status", [Rule("format", one_of(*STATUSES), "Invalid status.", if_set=True)]),
        *((name, [Rule("format", blank_or(is_date), "Invalid date.", if_set=True)]) for name in _DATES),
        ("date_renews", [Rule("valid", after_last, "The renew date must be after the last one.", if_set=True)]),
        ("use_module", [Rule("format", one_of("true", "false"), "Invalid value.", if_set=True)]),
    )


def _term_end(call: Call, pricing_id: int, since: datetime) -> datetime | None:
    pricing = call.state.tables["package_pricing"][pricing_id]
    return None if pricing["period"] == "onetime" else add_term(since, pricing["term"], pricing["period"])


@method("Services", "validate")
def validate_new(call: Call, vars: Array, packages: Any = None) -> bool:
    """A dry run of `add`: true, or a 400 with the errors."""
    check(vars, _rules(call, vars, edit=False))
    return True


@method("Services", "validateServiceEdit")
def validate_edit(call: Call, service_id: int, vars: Array, bypass_module: bool = False) -> bool:
    """A dry run of `edit`: true, or a 400 with the errors."""
    errors = validate(vars, _rules(call, vars, edit=True))
    row = call.state.get("services", service_id)
    if row is None:
        errors = {"service_id": {"exists": "Invalid service ID."}, **errors}
    elif "pricing_id" in vars and php.integer(vars["pricing_id"]) != row["pricing_id"] and row["override_price"]:
        text = "The term may not be changed while a price override is set."
        errors.setdefault("pricing_id", {})["overrides"] = text
    if _unknown_options(call, vars.get("configoptions")):
        errors.setdefault("configoptions", {})["valid"] = "A selected option is invalid."
    if errors:
        raise Refused(errors)
    return True


def _unknown_options(call: Call, chosen: Any) -> bool:
    options = chosen if isinstance(chosen, dict) else {}
    return any(php.integer(option) not in call.state.tables["package_options"] for option in options)


def _set_options(call: Call, service_id: int, chosen: Any) -> None:
    """One value of a list by its id; a number or a text as it is."""
    for key, wanted in (chosen if isinstance(chosen, dict) else {}).items():
        option = call.state.tables["package_options"][php.integer(key)]
        listed = option["type"] in ("select", "radio", "checkbox")
        values = call.state.where("package_option_values", option_id=option["id"])
        first = values[0]["id"] if values else None
        columns: Row = {
            "option_value_id": php.integer(wanted) if listed else first,
            "value": None if listed else wanted,
            "qty": php.integer(wanted) if option["type"] == "quantity" else 1,
        }
        known = [row for row in call.state.where("service_options", service_id=service_id)
                 if row["option_id"] == option["id"]]  # fmt: skip
        if known:
            call.state.update("service_options", known[0]["id"], **columns)
        else:
            call.state.insert("service_options", service_id=service_id, option_id=option["id"], price="0", **columns)


@method("Services", "add", writes=True)
def add(call: Call, vars: Array, packages: Any = None, notify: bool = False) -> int:
    """A service, pending unless told otherwise. No invoice is made, and nothing tells two equal ones apart."""
    validate_new(call, vars)
    if vars.get("status") == "active":  # what is pending reaches no server
        ask_module(call, vars)
    number = max((row["id_value"] for row in call.state.tables["services"].values()), default=0) + 1
    pricing_id = php.integer(vars["pricing_id"])
    since = call.date(vars.get("date_added")) or call.now()
    package = call.state.get("packages", call.state.tables["package_pricing"][pricing_id]["package_id"])
    row = call.state.insert(
        "services",
        id_value=number,
        id_code=str(number),
        pricing_id=pricing_id,
        client_id=php.integer(vars["client_id"]),
        qty=php.integer(vars.get("qty", "1")),
        status=vars.get("status", "pending"),
        date_added=since,
        date_renews=call.date(vars.get("date_renews")) or _term_end(call, pricing_id, since),
        name=vars.get("domain") or vars.get("name") or (package["id_code"] if package else None),
        override_price=vars.get("override_price") or None,
        override_currency=vars.get("override_currency") or None,
        **{
            name: php.integer(vars.get(name)) or None
            for name in ("parent_service_id", "package_group_id", "module_row_id", "coupon_id")
        },
    )
    _set_options(call, row["id"], vars.get("configoptions"))
    for key, value in vars.items():
        if key not in _COLUMNS and isinstance(value, str):
            call.state.insert("service_fields", service_id=row["id"], key=key, value=value)
    service_id: int = row["id"]
    return service_id


@method("Services", "edit", writes=True)
def edit(call: Call, service_id: int, vars: Array, bypass_module: bool = False, notify: bool = False) -> int:
    """Columns and module fields; another term takes effect at once, without proration."""
    validate_edit(call, service_id, vars)
    if not bypass_module:
        ask_module(call, vars)
    changes: Row = {name: php.integer(vars[name]) for name in ("pricing_id", "qty") if php.truthy(vars.get(name))}
    changes |= {name: vars[name] for name in ("status",) if name in vars}
    changes |= {name: vars[name] or None for name in ("override_price", "override_currency") if name in vars}
    changes |= {name: call.date(vars[name]) for name in _DATES if php.truthy(vars.get(name))}
    call.state.update("services", service_id, **changes)
    _set_options(call, service_id, vars.get("configoptions"))
    for key, value in vars.items():
        if key not in _COLUMNS and isinstance(value, str):
            _set_field(call, service_id, {"key": key, "value": value})
    return service_id


@method("Services", "renew", writes=True)
def renew(call: Call, service_id: int, invoice_id: int | None = None) -> None:
    """Tells the module, and nothing else: the invoice is made by cron."""
    _existing(call, service_id)
    ask_module(call, None)


@method("Services", "move", writes=True)
def move(call: Call, service_id: int, client_id: int) -> int:
    row = _existing(call, service_id)
    if client_id not in call.state.tables["clients"]:
        raise refuse("client_id", "exists", "Client does not exist.")
    unpaid = (
        call.state.tables["invoices"][line["invoice_id"]]
        for line in call.state.where("invoice_lines", service_id=service_id)
    )
    if any(invoice["status"] == "active" and invoice["date_closed"] is None for invoice in unpaid):
        raise refuse("move", "unpaid_invoices", "The service has unpaid invoices.")
    for service in [row, *call.state.where("services", parent_service_id=service_id)]:
        call.state.update("services", service["id"], client_id=client_id)
    return service_id


def _field_rules() -> Rules:
    return (
        (
            "key",
            [
                Rule("empty", filled, "Please enter a key.", last=True),
                Rule("length", at_most(32), "The key may not exceed 32 characters."),
            ],
        ),
        ("value", [Rule("empty", lambda value: value is not None, "Please enter a value.")]),
        ("encrypted", [Rule("format", one_of("true", "false"), "Invalid value.", if_set=True)]),
    )


def _set_field(call: Call, service_id: int, values: Array) -> None:
    encrypted = values.get("encrypted") == "true"
    if call.state.get("service_fields", (service_id, values["key"])):
        call.state.update("service_fields", (service_id, values["key"]), value=values["value"])
    else:
        call.state.insert(
            "service_fields", service_id=service_id, key=values["key"], value=values["value"], encrypted=encrypted
        )


@method("Services", "addField", writes=True)
def add_field(call: Call, service_id: int, vars: Array) -> None:
    edit_field(call, service_id, vars)


@method("Services", "editField", writes=True)
def edit_field(call: Call, service_id: int, vars: Array) -> None:
    """The stored value alone; no module hears of it."""
    _existing(call, service_id)
    check(vars, _field_rules())
    _set_field(call, service_id, vars)


def _existing(call: Call, service_id: int) -> Row:
    row = call.state.get("services", service_id)
    if row is None:
        raise refuse("service_id", "exists", "Invalid service ID.")
    return row
