"""Client groups."""

from __future__ import annotations

from typing import Any

from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.listing import Selection
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.state import Row


def _selection(call: Call, company_id: int) -> Selection:
    return Selection(
        "client_groups",
        "company",
        (company_id,),
        lambda: call.state.where("client_groups", company_id=company_id),
        {"name": "ASC"},
    )


@method("ClientGroups", "getList")
def get_list(call: Call, company_id: int, page: int = 1, order_by: Array | None = None) -> list[Row]:
    rows = call.listings.page(_selection(call, company_id), page, order_by)
    return [call.rows.plain("client_groups", row) for row in rows]


@method("ClientGroups", "getListCount")
def get_list_count(call: Call, company_id: int) -> int:
    return call.listings.count(_selection(call, company_id))


@method("ClientGroups", "getAll")
def get_all(call: Call, company_id: int) -> list[Row]:
    return [call.rows.plain("client_groups", row) for row in call.listings.all(_selection(call, company_id))]


@method("ClientGroups", "get")
def get(call: Call, client_group_id: int) -> Any:
    row = call.state.get("client_groups", client_group_id)
    return call.rows.plain("client_groups", row) if row else False
