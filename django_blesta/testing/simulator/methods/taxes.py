"""Tax rules."""

from __future__ import annotations

from typing import Any

from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.state import Row


@method("Taxes", "getAll")
def get_all(call: Call, company_id: int) -> list[Row]:
    return [call.rows.plain("taxes", row) for row in call.state.where("taxes", company_id=company_id)]


@method("Taxes", "get")
def get(call: Call, tax_id: int) -> Any:
    row = call.state.get("taxes", tax_id)
    return call.rows.plain("taxes", row) if row else False
