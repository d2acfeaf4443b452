"""Modules and gateways, credentials included: nothing shows that Blesta would hold them back."""

from __future__ import annotations

from typing import Any

from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.state import Row


@method("ModuleManager", "getAll")
def get_all(
    call: Call, company_id: int, sort_by: str = "name", order: str = "asc", filters: Array | None = None
) -> list[Row]:
    rows = call.state.where("modules", company_id=company_id)
    rows.sort(key=lambda row: str(row.get(sort_by) or ""), reverse=order.lower() == "desc")
    return [call.rows.module(row) for row in rows]


@method("ModuleManager", "get")
def get(call: Call, module_id: int, rows: bool = True, groups: bool = True) -> Any:
    row = call.state.get("modules", module_id)
    return call.rows.module(row, rows=rows, groups=groups) if row else False


@method("ModuleManager", "getRows")
def get_rows(call: Call, module_id: int, module_group_id: int | None = None) -> list[Row]:
    return [call.rows.module_row(row) for row in call.state.where("module_rows", module_id=module_id)]


@method("ModuleManager", "getRow")
def get_row(call: Call, module_row_id: int) -> Any:
    row = call.state.get("module_rows", module_row_id)
    return call.rows.module_row(row) if row else False


@method("GatewayManager", "getAll")
def get_all_gateways(
    call: Call,
    company_id: int,
    type: str | None = None,
    order: Array | None = None,
    currency: str | None = None,
    client_id: int | None = None,
    client_group_id: int | None = None,
) -> list[Row]:
    rows = [row for row in call.state.where("gateways", company_id=company_id) if type in (None, row["type"])]
    if currency:
        rows = [row for row in rows if any(one["currency"] == currency for one in row["currencies"] or ())]
    return [call.rows.plain("gateways", row) for row in sorted(rows, key=lambda row: str(row["name"]))]


@method("GatewayManager", "get")
def get_gateway(call: Call, gateway_id: int) -> Any:
    row = call.state.get("gateways", gateway_id)
    return call.rows.plain("gateways", row) if row else False
