"""Models that Blesta itself does not have: a plugin of a site's own, served from rows that its tests keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.calls import BadArguments, Call
from django_blesta.testing.simulator.listing import EmptyBody, OrderError


@dataclass(frozen=True, slots=True)
class Served:
    """The rows of one model: looked at anew by each call, so that a test may change them in between."""

    model: str
    rows: Iterable[Mapping[str, Any]]
    key: str
    argument: str

    def method(self, name: str) -> ServedMethod | None:
        return ServedMethod(self, name) if name in {"getList", "getListCount", "get"} else None

    def matching(self, sent: php.Array) -> list[Mapping[str, Any]]:
        """An argument that is named as a column narrows the list (`client_id`); others are ignored, as PHP would."""
        rows = list(self.rows)
        wanted = {name: value for name, value in sent.items() if not isinstance(value, dict)}
        return [row for row in rows if all(str(row[name]) == value for name, value in wanted.items() if name in row)]


@dataclass(frozen=True, slots=True)
class ServedMethod:
    """One of the three methods, callable as the simulator's own are."""

    served: Served
    name: str
    writes: bool = False
    returns_nothing: bool = False

    @property
    def model(self) -> str:
        return self.served.model

    def __call__(self, call: Call, sent: php.Array) -> Any:
        if self.name == "get":
            return self._get(sent)
        rows = self.served.matching(sent)
        return len(rows) if self.name == "getListCount" else self._page(call, rows, sent)

    def _get(self, sent: php.Array) -> Any:
        if self.served.argument not in sent:
            raise BadArguments(self.served.argument)
        wanted = str(sent[self.served.argument])
        return next((dict(row) for row in self.served.rows if str(row[self.served.key]) == wanted), False)

    def _page(self, call: Call, rows: list[Mapping[str, Any]], sent: php.Array) -> list[Any]:
        order = next((value for name, value in sent.items() if name in {"order", "order_by"}), None)
        if isinstance(order, dict) and call.switches.order_by != "ignored":
            rows = self._ordered(rows, order, call.switches.order_by)
        if "page" not in sent:
            return [dict(row) for row in rows]
        page, size = max(php.integer(sent["page"]), 1), call.switches.page_size
        if page == call.switches.empty_page:
            raise EmptyBody
        if call.switches.repeat_last_page and rows:
            page = min(page, -(-len(rows) // size))
        return [dict(row) for row in rows[(page - 1) * size : page * size]]

    def _ordered(self, rows: list[Mapping[str, Any]], order: php.Array, mode: str) -> list[Mapping[str, Any]]:
        for name, direction in reversed(order.items()):
            table, _, column = str(name).rpartition(".")
            if mode == "error" or (mode == "qualified_only" and not table) or any(column not in row for row in rows):
                raise OrderError(f"Unknown column '{name}' in 'order clause'")
            is_falling = str(direction).upper() == "DESC"
            rows = sorted(rows, key=lambda row: (row[column] is not None, row[column]), reverse=is_falling)
        return rows
