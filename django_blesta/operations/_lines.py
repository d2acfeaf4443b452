"""Lines of invoices, as they are asked for and as they are recognised again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from django_blesta.connection import decimal_from
from django_blesta.models import Service
from django_blesta.operations._kinds import refuse


@dataclass(frozen=True, slots=True)
class Line:
    """One line; `amount` is the unit cost and may be negative. Errors name it `lines[2][amount]`."""

    description: str
    amount: Decimal
    qty: Decimal = Decimal(1)
    taxed: bool = False
    service: Service | None = None

    def values(self) -> dict[str, Any]:
        for number in (self.amount, self.qty):
            if not isinstance(number, Decimal):
                raise TypeError(f"A line's numbers are Decimals, not {type(number).__name__}.")
        numbers = {
            name: format(number, "f") if number.is_finite() else str(number)
            for name, number in (("amount", self.amount), ("qty", self.qty))
        }
        found = {"description": self.description, **numbers, "tax": "true" if self.taxed else "false"}
        return found | ({"service_id": self.service.pk} if self.service else {})


def check_lines(call: str, lines: Sequence[Mapping[str, Any]]) -> None:
    """That amounts are numbers which Blesta and every database hold exactly; the rest are Blesta's rules."""
    wrong = []
    for number, line in enumerate(lines):
        for name in ("amount", "qty"):
            text = str(line.get(name, "0"))
            if not text:
                continue
            try:
                fits = abs(decimal_from(text)) < Decimal(10**11)
            except ValueError:
                fits = False
            if not fits:
                wrong.append((f"lines[{number}][{name}]", "format", str(_("This must be a number."))))
    if wrong:
        refuse(call, *wrong)


def lines_of(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed = row.get("line_items") or []
    return list(listed.values() if isinstance(listed, dict) else listed)


def line_text(description: Any, amount: Any, qty: Any) -> str:
    return f"{description}|{_number(amount)}|{_number(qty)}"


def _number(text: Any) -> str:
    try:
        return str(decimal_from(text))
    except ValueError:
        return str(text)
