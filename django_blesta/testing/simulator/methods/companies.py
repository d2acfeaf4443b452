"""Companies."""

from __future__ import annotations

from typing import Any

from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.listing import Selection
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.state import Row


def _selection(call: Call) -> Selection:
    return Selection("companies", "all", (), call.state.tables["companies"].values, {"id": "ASC"})


@method("Companies", "getList")
def get_list(call: Call, page: int = 1, order_by: Array | None = None) -> list[Row]:
    return [call.rows.plain("companies", row) for row in call.listings.page(_selection(call), page, order_by)]


@method("Companies", "getListCount")
def get_list_count(call: Call) -> int:
    return call.listings.count(_selection(call))


@method("Companies", "getAll")
def get_all(call: Call) -> list[Row]:
    return [call.rows.plain("companies", row) for row in call.listings.all(_selection(call))]


@method("Companies", "get")
def get(call: Call, company_id: int) -> Any:
    row = call.state.get("companies", company_id)
    return call.rows.plain("companies", row) if row else False


@method("Companies", "getSetting")
def get_setting(call: Call, company_id: int, key: str) -> Any:
    """Inherits from the system's settings."""
    return _settings(call, company_id, inherit=True).get(key, False)


@method("Companies", "getSettings")
def get_settings(call: Call, company_id: int, ignore_inheritence: bool = False) -> list[Row]:
    """Everything, the passwords of the mail server included: a mirror that takes it whole has stored secrets."""
    return list(_settings(call, company_id, inherit=not ignore_inheritence).values())


def _settings(call: Call, company_id: int, *, inherit: bool) -> dict[str, Row]:
    found: dict[str, Row] = {}
    if inherit:
        for row in call.state.tables["system_settings"].values():
            found[row["key"]] = {**row, "level": "system"}
    for row in call.state.where("company_settings", company_id=company_id):
        shown = call.rows.plain(
            "company_settings", {name: row[name] for name in ("key", "value", "encrypted", "comment")}
        )
        found[row["key"]] = {**shown, "level": "company"}
    return found
