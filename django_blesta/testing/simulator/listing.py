"""Lists: which rows, in which order, which page. A sorted list is kept until one of its tables changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.clock import Clock
from django_blesta.testing.simulator.state import TABLES, Row, State
from django_blesta.testing.simulator.switches import Switches

SortKey: TypeAlias = Callable[[Row], Any]
Order: TypeAlias = tuple[tuple[str, bool], ...]  # (column, descending)

_KEPT: Final = 256
_UNSORTED_KINDS: Final = frozenset({"list", "map"})


class OrderError(Exception):
    """The database does not know the column, or the direction: a 500."""


class EmptyBody(Exception):
    """json_encode failed on something in the page: the answer has no body at all."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows of one table, described by values so that the sorted outcome can be kept.

    `name` and `parameters` say which rows; `rows` computes them. `tables` are all that the outcome depends on.
    `default` is the order when none is asked for; its columns may be joined ones, which `joined` computes.
    """

    table: str
    name: str
    parameters: tuple[Any, ...]
    rows: Callable[[], Iterable[Row]]
    default: Mapping[str, str]
    tables: tuple[str, ...] = ()
    joined: Mapping[str, SortKey] = field(default_factory=dict)
    keep: bool = True  # not worth it for the few rows of one client


class Listings:
    """The lists of one installation."""

    def __init__(self, state: State, clock: Clock, switches: Switches) -> None:
        self._state = state
        self._clock = clock
        self._switches = switches
        self._kept: dict[Any, tuple[Any, list[Row]]] = {}

    def all(self, selection: Selection, order_by: php.Array | None = None) -> list[Row]:
        """Every row, in order."""
        order = self._order(selection, order_by)
        return self._outcome(selection, order, lambda: _sorted(selection, order))

    def page(self, selection: Selection, page: int, order_by: php.Array | None = None) -> Sequence[Row]:
        """One page, counted from 1; what is below is the first, what is past the end is empty."""
        rows = self.all(selection, order_by)
        size, page = self._switches.page_size, max(page, 1)
        if page == self._switches.empty_page:
            raise EmptyBody
        if self._switches.repeat_last_page and rows:
            page = min(page, -(-len(rows) // size))
        return rows[(page - 1) * size : page * size]

    def count(self, selection: Selection) -> int:
        return len(self._outcome(selection, None, lambda: list(selection.rows())))

    def _outcome(self, selection: Selection, order: Order | None, compute: Callable[[], list[Row]]) -> list[Row]:
        if not selection.keep:
            return compute()
        key = (selection.table, selection.name, selection.parameters, order, self._switches.lists_scoped)
        versions = self._state.versions
        stamp = (*(versions[table] for table in (selection.table, *selection.tables)), self._clock.now())
        kept = self._kept.get(key)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        rows = compute()
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        self._kept[key] = (stamp, rows)
        return rows

    def _order(self, selection: Selection, asked: php.Array | None) -> Order:
        mode = self._switches.order_by
        if not asked or mode == "ignored":
            return _read_order(selection, selection.default, qualified=None)
        if mode == "error":
            raise OrderError("the list cannot be ordered")
        return _read_order(selection, asked, qualified=True if mode == "qualified_only" else None)


def _read_order(selection: Selection, asked: Mapping[str, Any], *, qualified: bool | None) -> Order:
    order = []
    for name, direction in asked.items():
        table, dot, column = name.rpartition(".")
        known = TABLES[selection.table].columns
        stored = column in known and known[column] not in _UNSORTED_KINDS
        if dot and table == selection.table and stored:
            order.append((column, _descending(direction)))
        elif qualified is None and (name in selection.joined or (name in known and stored)):
            order.append((name, _descending(direction)))
        else:
            raise OrderError(f"Unknown column '{name}' in 'order clause'")
    return tuple(order)


def _descending(direction: Any) -> bool:
    word = str(direction).upper()
    if word not in ("ASC", "DESC"):
        raise OrderError(f"unknown direction {direction!r}")
    return word == "DESC"


def _sorted(selection: Selection, order: Order) -> list[Row]:
    rows = list(selection.rows())
    for column, descending in reversed(order):
        joined = selection.joined.get(column)
        values = {id(row): joined(row) if joined else row[column] for row in rows}
        rows.sort(key=lambda row: _comparable(values[id(row)]), reverse=descending)
    return rows


def _comparable(value: Any) -> tuple[int, Any]:
    """Nulls first, text without regard to case, as MySQL compares."""
    if value is None:
        return (0, 0)
    if isinstance(value, str):
        return (1, value.casefold())
    if isinstance(value, int | float | Decimal | datetime):
        return (1, value)
    return (1, str(value))
