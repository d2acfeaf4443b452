"""Invoices: reads and sums. Their writes are in `invoice_writes`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django_blesta.testing.simulator import books, php
from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.listing import Selection
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.state import Row

STATUSES: Final = ("active", "draft", "proforma", "void")
_DEPENDS: Final = ("clients", "client_groups", "invoice_delivery", "invoice_lines")
_ZERO: Final = Decimal(0)


def _selection(call: Call, client_id: int | None, status: str | None, filters: Array | None = None) -> Selection:
    filters = filters or {}
    has_status, fits = _status(call, status), _filter(call, filters)

    def wanted(row: Row) -> bool:
        return has_status(row) and (client_id is not None or call.sees_client(row["client_id"])) and fits(row)

    def rows() -> list[Row]:
        if client_id is not None:
            found: Any = call.state.where("invoices", client_id=client_id)
        else:
            found = call.state.tables["invoices"].values()
        return [row for row in found if wanted(row)]

    return Selection(
        "invoices",
        "list",
        (call.company_id, status, php.to_json(filters)),
        rows,
        {"date_due": "ASC"},
        tables=_DEPENDS,
        keep=client_id is None,
    )


def _status(call: Call, status: str | None) -> Callable[[Row], bool]:
    """The filter words; "closed" is paid in full, not a stored status. A word that nobody knows finds nothing."""
    now: datetime = call.now()

    def is_open(row: Row) -> bool:
        return row["status"] == "active" and row["date_closed"] is None

    def sent_on_paper(row: Row) -> list[bool]:
        deliveries = call.state.where("invoice_delivery", invoice_id=row["id"])
        return [item["date_sent"] is not None for item in deliveries if item["method"] == "paper"]

    def undelivered(row: Row) -> bool:
        deliveries = call.state.where("invoice_delivery", invoice_id=row["id"])
        return row["status"] == "active" and any(item["date_sent"] is None for item in deliveries)

    def autodebit_after(row: Row, moment: datetime) -> bool:
        return is_open(row) and row["date_autodebit"] is not None and bool(row["date_autodebit"] > moment)

    words: dict[str, Callable[[Row], bool]] = {
        "all": lambda row: True,
        "open": is_open,
        "closed": lambda row: row["status"] == "active" and row["date_closed"] is not None,
        "past_due": lambda row: is_open(row) and bool(row["date_due"] < now),
        "pending": lambda row: row["status"] == "active" and bool(row["date_billed"] > now),
        "to_autodebit": lambda row: is_open(row) and row["date_autodebit"] is not None and row["date_autodebit"] <= now,
        "pending_autodebit": lambda row: autodebit_after(row, now),
        "to_print": lambda row: False in sent_on_paper(row),
        "printed": lambda row: True in sent_on_paper(row),
        "to_deliver": undelivered,
        **{word: _stored(word) for word in STATUSES},
    }
    return words.get(status or "", lambda row: False)


def _stored(word: str) -> Callable[[Row], bool]:
    return lambda row: bool(row["status"] == word)


def _filter(call: Call, filters: Array) -> Callable[[Row], bool]:
    number, currency = str(filters.get("invoice_number") or "").casefold(), filters.get("currency")
    line = str(filters.get("invoice_line") or "").casefold()

    def fits(row: Row) -> bool:
        lines = call.state.where("invoice_lines", invoice_id=row["id"]) if line else []
        return (
            number in str(row["id_code"]).casefold()
            and (not currency or row["currency"] == currency)
            and (not line or any(line in item["description"].casefold() for item in lines))
        )

    return fits if number or currency or line else lambda row: True


@method("Invoices", "getList")
def get_list(
    call: Call,
    client_id: int | None = None,
    status: str | None = "open",
    page: int = 1,
    order_by: Array | None = None,
    filters: Array | None = None,
) -> list[Row]:
    selection = _selection(call, client_id, status, filters)
    return [call.rows.invoice(row) for row in call.listings.page(selection, page, order_by)]


@method("Invoices", "getListCount")
def get_list_count(
    call: Call, client_id: int | None = None, status: str | None = "open", filters: Array | None = None
) -> int:
    return call.listings.count(_selection(call, client_id, status, filters))


@method("Invoices", "getStatusCount")
def get_status_count(
    call: Call, client_id: int | None = None, status: str | None = "open", filters: Array | None = None
) -> int:
    return call.listings.count(_selection(call, client_id, status, filters))


@method("Invoices", "getAll")
def get_all(
    call: Call,
    client_id: int | None = None,
    status: str | None = "open",
    order_by: Array | None = None,
    currency: str | None = None,
) -> list[Row]:
    filters = {"currency": currency} if currency else None
    rows = call.listings.all(_selection(call, client_id, status, filters), order_by)
    return [call.rows.invoice(row) for row in rows]


@method("Invoices", "get")
def get(call: Call, invoice_id: int, use_cache: bool = False) -> Any:
    row = call.state.get("invoices", invoice_id)
    return call.rows.invoice(row, wide=True) if row else False


@method("Invoices", "getLineItems")
def get_line_items(call: Call, invoice_id: int, use_cache: bool = False) -> list[Row]:
    return call.rows.lines(invoice_id)


@method("Invoices", "getStatuses")
def get_statuses(call: Call) -> dict[str, str]:
    return {"active": "Active", "proforma": "Proforma", "draft": "Draft", "void": "Void"}


@method("Invoices", "amountDue")
def amount_due(call: Call, client_id: int, currency: str, status: str | None = "open") -> int | float:
    if status == "open":
        return php.number(books.amount_due(call.state, client_id, currency))
    rows = call.listings.all(_selection(call, client_id, status, {"currency": currency}))
    return php.number(sum((row["due"] for row in rows), _ZERO))


@method("Invoices", "invoicedCurrencies")
def invoiced_currencies(call: Call, client_id: int, status: str | None = "active") -> list[Row]:
    found = {row["currency"] for row in call.listings.all(_selection(call, client_id, status))}
    return [{"currency": currency} for currency in sorted(found)]


def _sum(call: Call, invoice_id: int, column: str) -> int | float:
    row = call.state.get("invoices", invoice_id)
    return php.number(row[column] if row else _ZERO)


@method("Invoices", "getTotal")
def get_total(call: Call, invoice_id: int) -> int | float:
    return _sum(call, invoice_id, "total")


@method("Invoices", "getSubtotal")
def get_subtotal(call: Call, invoice_id: int) -> int | float:
    return _sum(call, invoice_id, "subtotal")


@method("Invoices", "getPaid")
def get_paid(call: Call, invoice_id: int) -> int | float:
    return _sum(call, invoice_id, "paid")
