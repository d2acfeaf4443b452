"""Transactions: money received, what of it is put on invoices, what is left as credit."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from django_blesta.testing.simulator import books, php
from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.listing import Selection
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.rules import (
    Errors,
    Refused,
    Rule,
    Rules,
    at_most,
    blank_or,
    check,
    exactly,
    numeric,
    one_of,
    refuse,
)
from django_blesta.testing.simulator.state import Row

STATUSES: Final = ("approved", "declined", "void", "error", "pending", "refunded", "returned")
_ZERO: Final = Decimal(0)


def _selection(call: Call, client_id: int | None, status: str | None, filters: Array | None) -> Selection:
    filters = filters or {}
    fits = _filter(call, filters)

    def wanted(row: Row) -> bool:
        return (
            status in ("all", row["status"])
            and (client_id is not None or call.sees_client(row["client_id"]))
            and fits(row)
        )

    def rows() -> list[Row]:
        if client_id is not None:
            found: Any = call.state.where("transactions", client_id=client_id)
        else:
            found = call.state.tables["transactions"].values()
        return [row for row in found if wanted(row)]

    return Selection(
        "transactions",
        "list",
        (call.company_id, status, php.to_json(filters)),
        rows,
        {"date_added": "DESC"},
        tables=("clients", "client_groups", "transaction_types"),
        keep=client_id is None,
    )


def _filter(call: Call, filters: Array) -> Callable[[Row], bool]:
    """Dates are those of `date_added`, both ends included; ids are partial."""
    start, end = call.date(filters.get("start_date")), call.date(filters.get("end_date"))
    low, high = _amount(filters.get("start_amount")), _amount(filters.get("end_amount"))
    number, reference = (str(filters.get(key) or "").casefold() for key in ("transaction_id", "reference_id"))
    kind, applied = filters.get("payment_type"), filters.get("applied_status")

    def fits(row: Row) -> bool:
        return (
            (start is None or row["date_added"] >= start)
            and (end is None or row["date_added"] <= end)
            and (low is None or row["amount"] >= low)
            and (high is None or row["amount"] <= high)
            and number in str(row["transaction_id"] or "").casefold()
            and reference in str(row["reference_id"] or "").casefold()
            and (not kind or kind in (row["type"], _type_name(call, row)))
            and (not applied or applied == _applied_status(row))
        )

    return fits if any(filters.values()) else lambda row: True


def _amount(value: Any) -> Decimal | None:
    return Decimal(value.strip()) if numeric(value) else None


def _type_name(call: Call, row: Row) -> str:
    kind = call.state.get("transaction_types", row["transaction_type_id"])
    return kind["name"] if kind else ""


def _applied_status(row: Row) -> str:
    if row["applied_amount"] <= _ZERO:
        return "not_applied"
    return "fully_applied" if row["applied_amount"] >= row["amount"] else "partially_applied"


@method("Transactions", "getList")
def get_list(
    call: Call,
    client_id: int | None = None,
    status: str | None = "approved",
    page: int = 1,
    order_by: Array | None = None,
    filters: Array | None = None,
) -> list[Row]:
    selection = _selection(call, client_id, status, filters)
    return [call.rows.transaction(row) for row in call.listings.page(selection, page, order_by)]


@method("Transactions", "getListCount")
def get_list_count(
    call: Call, client_id: int | None = None, status: str | None = "approved", filters: Array | None = None
) -> int:
    return call.listings.count(_selection(call, client_id, status, filters))


@method("Transactions", "getStatusCount")
def get_status_count(
    call: Call, client_id: int | None = None, status: str | None = "approved", filters: Array | None = None
) -> int:
    return call.listings.count(_selection(call, client_id, status, filters))


@method("Transactions", "get")
def get(call: Call, transaction_id: int) -> Any:
    row = call.state.get("transactions", transaction_id)
    return call.rows.transaction(row) if row else False


@method("Transactions", "getByTransactionId")
def get_by_transaction_id(
    call: Call, transaction_id: str, client_id: int | None = None, gateway_id: int | None = None
) -> Any:
    """By the gateway's number, which nothing keeps unique: the newest."""
    wanted: Row = {"client_id": client_id} if client_id is not None else {}
    wanted |= {"gateway_id": gateway_id} if gateway_id is not None else {}
    rows = call.state.where("transactions", transaction_id=transaction_id, **wanted)
    return call.rows.transaction(rows[-1]) if rows else False


@method("Transactions", "getApplied")
def get_applied(call: Call, transaction_id: int | None = None, invoice_id: int | None = None) -> list[Row]:
    """By payment, by invoice, or both; one of the two must be given."""
    named = (("transaction_id", transaction_id), ("invoice_id", invoice_id))
    wanted = {name: value for name, value in named if value is not None}
    rows = call.state.where("transaction_applied", **wanted) if wanted else []
    return [call.rows.applied(row) for row in rows]


@method("Transactions", "getTypes")
def get_types(call: Call) -> list[Row]:
    return [call.rows.plain("transaction_types", row) for row in call.state.tables["transaction_types"].values()]


@method("Transactions", "getType")
def get_type(call: Call, type_id: int) -> Any:
    row = call.state.get("transaction_types", type_id)
    return call.rows.plain("transaction_types", row) if row else False


@method("Transactions", "getCredits")
def get_credits(call: Call, client_id: int, currency: str | None = None) -> Any:
    """A map from currency to what is left of each payment; the shape inside is a guess."""
    return call.rows.credits(client_id, currency) or []


@method("Transactions", "getTotalCredit")
def get_total_credit(call: Call, client_id: int, currency: str) -> int | float:
    return php.number(books.credit(call.state, client_id, currency))


def rules(call: Call) -> Rules:
    def not_future(value: Any) -> bool:
        moment = call.date(value)
        return moment is not None and moment <= call.now()

    def known(table: str) -> Callable[[Any], bool]:
        return blank_or(lambda value: php.integer(value) in call.state.tables[table])

    return (
        (
            "client_id",
            [Rule("exists", lambda value: php.integer(value) in call.state.tables["clients"], "Invalid client ID.")],
        ),
        ("amount", [Rule("format", numeric, "The amount must be a number.")]),
        ("currency", [Rule("length", exactly(3), "The currency code must be 3 characters in length.")]),
        ("type", [Rule("format", one_of("cc", "ach", "other"), "Invalid transaction type.")]),
        ("transaction_type_id", [Rule("exists", known("transaction_types"), "Invalid type ID.", if_set=True)]),
        ("gateway_id", [Rule("exists", known("gateways"), "Invalid gateway.", if_set=True)]),
        (
            "transaction_id",
            [Rule("length", at_most(128), "The transaction ID may not exceed 128 characters.", if_set=True)],
        ),
        ("parent_transaction_id", [Rule("length", at_most(128), None, if_set=True)]),
        (
            "reference_id",
            [Rule("length", at_most(128), "The reference ID may not exceed 128 characters.", if_set=True)],
        ),
        ("message", [Rule("length", at_most(255), "The message may not exceed 255 characters.", if_set=True)]),
        ("status", [Rule("format", one_of(*STATUSES), "Invalid transaction status.", if_set=True)]),
        ("date_added", [Rule("format", not_future, "The date may not be in the future.", if_set=True)]),
    )


@method("Transactions", "add", writes=True)
def add(call: Call, vars: Array) -> int:
    """Records a payment; nothing guards against the same gateway number twice, and nothing is put on an invoice."""
    check(vars, rules(call))
    texts = ("transaction_id", "parent_transaction_id", "reference_id", "message")
    ids = ("transaction_type_id", "account_id", "gateway_id")
    row = call.state.insert(
        "transactions",
        client_id=php.integer(vars["client_id"]),
        amount=vars["amount"].strip(),
        currency=vars["currency"],
        type=vars["type"],
        status=vars.get("status", "approved"),
        date_added=call.date(vars.get("date_added")) or call.now(),
        **{name: vars.get(name) or None for name in texts},
        **{name: php.integer(vars.get(name)) or None for name in ids},
    )
    books.recompute_transaction(call.state, row["id"])
    transaction_id: int = row["id"]
    return transaction_id


@method("Transactions", "apply", writes=True)
def apply(call: Call, transaction_id: int, vars: Array) -> None:
    row = call.state.get("transactions", transaction_id)
    if row is None:
        raise refuse("transaction_id", "exists", "Invalid transaction ID.")
    wanted = wanted_amounts(vars)
    at = call.date(vars["date"]) if vars.get("date") else call.now()
    errors = application_errors(call, row, wanted)
    if at is None:
        errors["date"] = {"format": "The applied date is in an invalid format."}
    if errors or at is None:
        raise Refused(errors)
    books.apply(call.state, transaction_id, {key: amount for key, amount in wanted.items() if amount > _ZERO}, at)


def wanted_amounts(values: Array) -> dict[int, Decimal]:
    """`amounts` as invoice to amount; two entries for one invoice add up."""
    wanted: dict[int, Decimal] = {}
    for entry in php.items(values.get("amounts")):
        one: Array = entry if isinstance(entry, dict) else {}
        invoice_id = php.integer(one.get("invoice_id"))
        wanted[invoice_id] = wanted.get(invoice_id, _ZERO) + (_amount(one.get("amount")) or _ZERO)
    return wanted


def application_errors(call: Call, transaction: Row, wanted: dict[int, Decimal]) -> Errors:
    invoices = {invoice_id: call.state.get("invoices", invoice_id) for invoice_id in wanted}
    known = {invoice_id: invoice for invoice_id, invoice in invoices.items() if invoice is not None}
    errors: Errors = {}
    left = transaction["amount"] - transaction["applied_amount"] if transaction["status"] == "approved" else _ZERO
    if len(known) < len(invoices) or any(row["client_id"] != transaction["client_id"] for row in known.values()):
        errors["invoice_id"] = {"exists": "Invalid invoice ID."}
    if any(row["currency"] != transaction["currency"] for row in known.values()):
        errors["transaction_id"] = {"currency_matches": "The invoice's currency differs from the transaction's."}
    too_much = any(wanted[invoice_id] > row["due"] for invoice_id, row in known.items())
    if too_much or sum(wanted.values(), _ZERO) > left:
        text = "One or more of the payment amounts could not be applied: more than is due, or than is left."
        errors["amounts"] = {"overage": text}
    if any(amount < _ZERO for amount in wanted.values()):
        errors.setdefault("amounts", {})["positive"] = "One or more of the payment amounts is negative."
    return errors
