"""Options of packages, and the groups in which packages offer them."""

from __future__ import annotations

from typing import Any

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.listing import Selection
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.state import Row


def _selection(call: Call, table: str, company_id: int, filters: Array | None) -> Selection:
    hidden = (filters or {}).get("hidden")
    return Selection(
        table,
        "list",
        (company_id, str(hidden)),
        lambda: (
            row
            for row in call.state.where(table, company_id=company_id)
            if hidden in (None, "") or row["hidden"] == php.integer(hidden)
        ),
        {"name": "asc"},
    )


@method("PackageOptions", "getList")
def get_list(
    call: Call, company_id: int, page: int = 1, order_by: Array | None = None, filters: Array | None = None
) -> list[Row]:
    rows = call.listings.page(_selection(call, "package_options", company_id, filters), page, order_by)
    return [call.rows.option(row) for row in rows]


@method("PackageOptions", "getListCount")
def get_list_count(call: Call, company_id: int, filters: Array | None = None) -> int:
    return call.listings.count(_selection(call, "package_options", company_id, filters))


@method("PackageOptions", "get")
def get(call: Call, option_id: int) -> Any:
    row = call.state.get("package_options", option_id)
    return call.rows.option(row, wide=True) if row else False


@method("PackageOptionGroups", "getList")
def get_group_list(
    call: Call, company_id: int, page: int = 1, order_by: Array | None = None, filters: Array | None = None
) -> list[Row]:
    rows = call.listings.page(_selection(call, "package_option_groups", company_id, filters), page, order_by)
    return [call.rows.plain("package_option_groups", row) for row in rows]


@method("PackageOptionGroups", "getListCount")
def get_group_list_count(call: Call, company_id: int, filters: Array | None = None) -> int:
    return call.listings.count(_selection(call, "package_option_groups", company_id, filters))


@method("PackageOptionGroups", "get")
def get_group(call: Call, option_group_id: int) -> Any:
    row = call.state.get("package_option_groups", option_group_id)
    return call.rows.plain("package_option_groups", row) if row else False
