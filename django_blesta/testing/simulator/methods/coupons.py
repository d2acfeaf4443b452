"""Coupons."""

from __future__ import annotations

from typing import Any

from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.listing import Selection
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.state import Row


def _selection(call: Call, company_id: int, filters: Array | None) -> Selection:
    code = str((filters or {}).get("code") or "").casefold()
    return Selection(
        "coupons",
        "list",
        (company_id, code),
        lambda: (row for row in call.state.where("coupons", company_id=company_id) if code in row["code"].casefold()),
        {"code": "ASC"},
    )


@method("Coupons", "getList")
def get_list(
    call: Call, company_id: int, page: int = 1, order_by: Array | None = None, filters: Array | None = None
) -> list[Row]:
    return [call.rows.coupon(row) for row in call.listings.page(_selection(call, company_id, filters), page, order_by)]


@method("Coupons", "getListCount")
def get_list_count(call: Call, company_id: int, filters: Array | None = None) -> int:
    return call.listings.count(_selection(call, company_id, filters))


@method("Coupons", "get")
def get(call: Call, coupon_id: int) -> Any:
    row = call.state.get("coupons", coupon_id)
    return call.rows.coupon(row, wide=True) if row else False
