"""Currencies: keyed by code and company, without an id of their own."""

from __future__ import annotations

from typing import Any

from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.listing import Selection
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.state import Row


def _selection(call: Call, company_id: int) -> Selection:
    return Selection(
        "currencies",
        "company",
        (company_id,),
        lambda: call.state.where("currencies", company_id=company_id),
        {"code": "ASC"},
    )


@method("Currencies", "getList")
def get_list(call: Call, company_id: int, page: int = 1, order_by: Array | None = None) -> list[Row]:
    rows = call.listings.page(_selection(call, company_id), page, order_by)
    return [call.rows.plain("currencies", row) for row in rows]


@method("Currencies", "getListCount")
def get_list_count(call: Call, company_id: int) -> int:
    return call.listings.count(_selection(call, company_id))


@method("Currencies", "getAll")
def get_all(call: Call, company_id: int) -> list[Row]:
    return [call.rows.plain("currencies", row) for row in call.listings.all(_selection(call, company_id))]


@method("Currencies", "get")
def get(call: Call, currency_code: str, company_id: int) -> Any:
    row = call.state.get("currencies", (company_id, currency_code))
    return call.rows.plain("currencies", row) if row else False
