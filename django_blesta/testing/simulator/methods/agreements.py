"""Recurring invoices and quotations."""

from __future__ import annotations

from typing import Any

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.listing import Selection
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.state import Row


def _mine(call: Call, table: str, client_id: int | None) -> list[Row]:
    if client_id is not None:
        return call.state.where(table, client_id=client_id)
    return [row for row in call.state.tables[table].values() if call.sees_client(row["client_id"])]


def _recurring(call: Call, client_id: int | None, filters: Array | None) -> Selection:
    filters = filters or {}
    currency, words = filters.get("currency"), str(filters.get("invoice_line") or "").casefold()

    def fits(row: Row) -> bool:
        lines = call.state.where("recurring_invoice_lines", invoice_recur_id=row["id"])
        return (not currency or row["currency"] == currency) and (
            not words or any(words in line["description"].casefold() for line in lines)
        )

    return Selection(
        "recurring_invoices",
        "list",
        (),
        lambda: [row for row in _mine(call, "recurring_invoices", client_id) if fits(row)],
        {"id": "asc"},
        keep=False,
    )


@method("Invoices", "getRecurringList")
def get_recurring_list(
    call: Call,
    client_id: int | None = None,
    page: int = 1,
    order: Array | None = None,
    filters: Array | None = None,
) -> list[Row]:
    rows = call.listings.page(_recurring(call, client_id, filters), page, order)
    return [call.rows.recurring(row) for row in rows]


@method("Invoices", "getRecurringListCount")
def get_recurring_list_count(call: Call, client_id: int, filters: Array | None = None) -> int:
    return call.listings.count(_recurring(call, client_id, filters))


@method("Invoices", "getRecurring")
def get_recurring(call: Call, invoice_recur_id: int) -> Any:
    row = call.state.get("recurring_invoices", invoice_recur_id)
    return call.rows.recurring(row, wide=True) if row else False


def _quotations(call: Call, client_id: int | None, status: str | None, filters: Array | None) -> Selection:
    filters = filters or {}

    def fits(row: Row) -> bool:
        return (status == "all" or row["status"] == status) and (
            not filters.get("currency") or row["currency"] == filters["currency"]
        )

    return Selection(
        "quotations",
        "list",
        (call.company_id, client_id, status, php.to_json(filters)),
        lambda: [row for row in _mine(call, "quotations", client_id) if fits(row)],
        {"date_expires": "ASC"},
        tables=("clients", "client_groups"),
    )


@method("Quotations", "getList")
def get_quotation_list(
    call: Call,
    client_id: int | None = None,
    status: str | None = "draft",
    page: int = 1,
    order_by: Array | None = None,
    filters: Array | None = None,
) -> list[Row]:
    rows = call.listings.page(_quotations(call, client_id, status, filters), page, order_by)
    return [call.rows.quotation(row) for row in rows]


@method("Quotations", "getListCount")
def get_quotation_list_count(
    call: Call, client_id: int | None = None, status: str | None = "draft", filters: Array | None = None
) -> int:
    return call.listings.count(_quotations(call, client_id, status, filters))


@method("Quotations", "get")
def get_quotation(call: Call, quotation_id: int) -> Any:
    row = call.state.get("quotations", quotation_id)
    return call.rows.quotation(row, wide=True) if row else False
