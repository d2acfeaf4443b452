"""Queued upgrades and downgrades of services."""

from __future__ import annotations

from typing import Any

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.listing import Selection
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.state import Row


def _selection(call: Call, status: Any, service_id: int | None, filters: Array | None) -> Selection:
    filters = filters or {}
    service_id = php.integer(filters.get("service_id")) or service_id
    invoice_id = php.integer(filters.get("invoice_id"))

    def fits(row: Row) -> bool:
        service = call.state.get("services", row["service_id"])
        return (
            (not status or row["status"] == status)
            and (not service_id or row["service_id"] == service_id)
            and (not invoice_id or row["invoice_id"] == invoice_id)
            and (service is None or call.sees_client(service["client_id"]))
        )

    return Selection(
        "service_changes",
        "list",
        (call.company_id, str(status), service_id, invoice_id),
        lambda: filter(fits, call.state.tables["service_changes"].values()),
        {"date_added": "DESC"},
        tables=("services", "clients", "client_groups"),
    )


@method("ServiceChanges", "getList")
def get_list(
    call: Call,
    page: int = 1,
    order_by: Array | None = None,
    status: Any = None,
    service_id: int | None = None,
    filters: Array | None = None,
) -> list[Row]:
    rows = call.listings.page(_selection(call, status, service_id, filters), page, order_by)
    return [call.rows.service_change(row) for row in rows]


@method("ServiceChanges", "getListCount")
def get_list_count(call: Call, status: Any = None, service_id: int | None = None, filters: Array | None = None) -> int:
    return call.listings.count(_selection(call, status, service_id, filters))


@method("ServiceChanges", "get")
def get(call: Call, service_change_id: int) -> Any:
    row = call.state.get("service_changes", service_change_id)
    return call.rows.service_change(row) if row else False
