"""Packages and the groups they are sold in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.listing import Selection
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.rows import in_language
from django_blesta.testing.simulator.state import Row


def _name(row: Row) -> Any:
    return in_language(row["names"], "name")


def _selection(
    call: Call, company_id: int | None, status: str | None, filters: Array | None, default: dict[str, str]
) -> Selection:
    filters = filters or {}
    fits = _filter(call, status or filters.get("status") or None, filters)
    return Selection(
        "packages",
        "list",
        (company_id, status, php.to_json(filters)),
        lambda: (
            row
            for row in call.state.tables["packages"].values()
            if company_id in (None, row["company_id"]) and fits(row)
        ),
        default,
        tables=("package_group_members",),
        joined={"name": _name},
    )


def _filter(call: Call, status: Any, filters: Array) -> Callable[[Row], bool]:
    name, hidden = filters.get("name"), filters.get("hidden")
    module_id, group_id = filters.get("module_id"), filters.get("package_group_id")

    def fits(row: Row) -> bool:
        return (
            (not status or row["status"] == status)
            and (not name or str(name).lower() in str(_name(row)).lower())
            and (hidden is None or hidden == "" or row["hidden"] == php.integer(hidden))
            and (not module_id or row["module_id"] == php.integer(module_id))
            and (not group_id or (row["id"], php.integer(group_id)) in call.state.tables["package_group_members"])
        )

    return fits


def _own_company(call: Call) -> int | None:
    return call.company_id if call.switches.lists_scoped else None


@method("Packages", "getList")
def get_list(
    call: Call,
    page: int = 1,
    order_by: Array | None = None,
    status: str | None = None,
    filters: Array | None = None,
) -> list[Row]:
    selection = _selection(call, _own_company(call), status, filters, {"id_code": "asc"})
    return [call.rows.package(row) for row in call.listings.page(selection, page, order_by)]


@method("Packages", "getListCount")
def get_list_count(call: Call, status: str | None = None, filters: Array | None = None) -> int:
    return call.listings.count(_selection(call, _own_company(call), status, filters, {"id_code": "asc"}))


@method("Packages", "getAll")
def get_all(
    call: Call,
    company_id: int,
    order: Array | None = None,
    status: str | None = None,
    type: str | None = None,
    filters: Array | None = None,
) -> list[Row]:
    """`type` is that of a group which the package is in, "standard" or "addon"."""
    rows: Iterator[Row] = iter(call.listings.all(_selection(call, company_id, status, filters, {"name": "ASC"}), order))
    if type:
        rows = (row for row in rows if type in _group_types(call, row["id"]))
    return [call.rows.package(row) for row in rows]


def _group_types(call: Call, package_id: int) -> set[str]:
    members = call.state.where("package_group_members", package_id=package_id)
    return {call.state.tables["package_groups"][member["package_group_id"]]["type"] for member in members}


@method("Packages", "get")
def get(call: Call, package_id: int) -> Any:
    row = call.state.get("packages", package_id)
    return call.rows.package(row, wide=True) if row else False


def _groups(call: Call, company_id: int, kind: str | None, filters: Array | None) -> Selection:
    hidden = (filters or {}).get("hidden")

    def fits(row: Row) -> bool:
        return (not kind or row["type"] == kind) and (hidden in (None, "") or row["hidden"] == php.integer(hidden))

    return Selection(
        "package_groups",
        "list",
        (company_id, kind, str(hidden)),
        lambda: filter(fits, call.state.where("package_groups", company_id=company_id)),
        {"name": "asc"},
        joined={"name": _name},
    )


@method("PackageGroups", "getList")
def get_group_list(
    call: Call,
    company_id: int,
    page: int = 1,
    type: str | None = None,
    order_by: Array | None = None,
    filters: Array | None = None,
) -> list[Row]:
    rows = call.listings.page(_groups(call, company_id, type, filters), page, order_by)
    return [call.rows.package_group(row) for row in rows]


@method("PackageGroups", "getListCount")
def get_group_list_count(call: Call, company_id: int, type: str | None = None, filters: Array | None = None) -> int:
    return call.listings.count(_groups(call, company_id, type, filters))


@method("PackageGroups", "getAll")
def get_all_groups(call: Call, company_id: int, type: str | None = None, order_by: Array | None = None) -> list[Row]:
    rows = call.listings.all(_groups(call, company_id, type, None), order_by)
    return [call.rows.package_group(row) for row in rows]


@method("PackageGroups", "get")
def get_group(call: Call, package_group_id: int) -> Any:
    row = call.state.get("package_groups", package_group_id)
    return call.rows.package_group(row, wide=True) if row else False
