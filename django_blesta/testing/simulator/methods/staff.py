"""The seller's own people. All of them work for every company here."""

from __future__ import annotations

from typing import Any

from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.listing import Selection
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.state import Row


def _selection(call: Call, status: str | None) -> Selection:
    return Selection(
        "staff",
        "list",
        (status,),
        lambda: (row for row in call.state.tables["staff"].values() if not status or row["status"] == status),
        {"id": "ASC"},
    )


@method("Staff", "getList")
def get_list(
    call: Call,
    company_id: int | None = None,
    status: str | None = None,
    page: int = 1,
    order_by: Array | None = None,
) -> list[Row]:
    return [call.rows.staff(row) for row in call.listings.page(_selection(call, status), page, order_by)]


@method("Staff", "getListCount")
def get_list_count(call: Call, company_id: int | None = None, status: str | None = None) -> int:
    return call.listings.count(_selection(call, status))


@method("Staff", "get")
def get(call: Call, staff_id: int, company_id: int | None = None) -> Any:
    row = call.state.get("staff", staff_id)
    return call.rows.staff(row) if row else False
