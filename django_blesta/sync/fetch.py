"""Bring the rows of one listing, and know whether they are all of them.

A paged listing is walked by ascending id from the last page to the first, one request at a time: rows that are
deleted meanwhile shift others into pages still to be read, and new rows land on pages already passed. The order is
verified, not assumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from django_blesta.connection import Connection, Unreadable, identifier_from
from django_blesta.exceptions import BlestaError, Misunderstood, Unavailable
from django_blesta.resources import Call, Resource

Row = Mapping[str, Any]
MAX_BAD_PAGES = 5
MAX_WALKS = 3


@dataclass(slots=True)
class Walk:
    """What one pass over a listing brought; `incomplete` says in words why it is not everything, or is empty."""

    expected: int | None = None
    seen: int = 0
    page_size: int = 0
    incomplete: str = ""
    ordered: bool = True
    ids: set[Any] = field(default_factory=set)


class Listing:
    """One listing of one resource, through one connection, for one company and, where scoped, one parent at a time.

    It remembers which way of ordering Blesta took, so that a refused one costs one request and not one per parent.
    """

    def __init__(self, connection: Connection, resource: Resource, company_id: int | None) -> None:
        if resource.listing is None:
            raise TypeError(f"{resource.remote} declares no listing.")
        self._connection, self._resource, self._listing = connection, resource, resource.listing
        self._company_id, self._parent_id = company_id, 0
        self._orders = [o for o in (self._listing.order_by, self._listing.order_by_qualified) if o]

    def under(self, parent_id: int) -> Listing:
        self._parent_id = parent_id
        return self

    def arguments(self, call: Call) -> dict[str, Any]:
        arguments = dict(call.arguments)
        if call.company and self._company_id is not None:
            arguments[call.company] = self._company_id
        if call.key and self._parent_id:
            arguments[call.key] = self._parent_id
        return arguments

    def count(self) -> int | None:
        call = self._resource.count
        if call is None:
            return None
        return int(self._connection.read(self._resource.remote_of(call), call.method, self.arguments(call)))

    def page(self, number: int, order: str) -> list[Row]:
        arguments = self.arguments(self._listing)
        if self._listing.paged:
            arguments["page"] = number
        if order:
            arguments[self._listing.order_argument] = {order: "ASC"}
        rows: list[Row] = self._connection.read(
            self._resource.remote_of(self._listing), self._listing.method, arguments
        )
        return rows

    def whole(self, walk: Walk) -> Iterator[list[Row]]:
        """A listing that is not paged: one answer, complete by declaration."""
        rows = self.page(1, "")
        walk.expected, walk.seen = len(rows), len(rows)
        yield rows

    def forward(self, walk: Walk, *, page_size: int = 0) -> Iterator[list[Row]]:
        """A short scoped listing, first page to last, without a count; `page_size`, where known, saves the last ask."""
        order, rows = self._first_page(walk)
        number = 1
        while True:
            fresh = self._fresh(rows, walk)
            if fresh:
                yield fresh
            # A page that brings nothing new ends the walk: some servers repeat the last one for ever.
            if not fresh or (page_size and len(rows) < page_size):
                walk.expected = walk.seen
                return
            number += 1
            rows = self.page(number, order)

    def backward(self, walk: Walk) -> Iterator[list[Row]]:
        """The proving walk. Raises what the first page raises; a later page that cannot be read is named instead."""
        walk.expected = self.count()
        order, first = self._first_page(walk)
        if not walk.ordered:
            yield from self._until_two_agree(walk, first)
            return
        walk.page_size = len(first)
        expected = walk.expected if walk.expected is not None else len(first)
        if expected > len(first) and not first:
            walk.incomplete = f"Blesta counts {expected} rows and shows none."
            return
        last = -(-expected // len(first)) if first else 1
        if last <= 1:
            yield self._fresh(first, walk)
        else:
            yield from self._pages(walk, order, last)
        if not walk.incomplete:
            walk.incomplete = self._shortfall(walk)

    def _pages(self, walk: Walk, order: str, last: int) -> Iterator[list[Row]]:
        bad: list[str] = []
        above: list[Any] = []
        for number in range(last, 0, -1):
            try:
                rows = self.page(number, order)
            except (Misunderstood, Unavailable) as error:
                if isinstance(error, Unavailable) and error.reason != "failing":
                    raise
                bad.append(f"page {number} ({error})")
                if len(bad) >= MAX_BAD_PAGES:
                    walk.incomplete = f"Gave up after {len(bad)} pages that could not be read: {'; '.join(bad)}"
                    return
                continue
            ids = [self._id(row) for row in rows]
            if rows and ids == above:
                walk.incomplete = f"Pages {number} and {number + 1} are the same: Blesta ignores the page number."
                return
            if not _ascending(ids) or not _ascending(ids[:1] + above[:1]):
                walk.incomplete = f"Page {number} is out of order: the listing changed its order on the way."
                return
            above = ids or above
            yield self._fresh(rows, walk)
        if bad:
            walk.incomplete = f"Could not be read: {'; '.join(bad)}"

    def _shortfall(self, walk: Walk) -> str:
        """Compare with the count, and with a second one where they differ: rows may have been deleted meanwhile."""
        if walk.expected is None or walk.seen >= walk.expected:
            return ""
        now = self.count()
        missing = min(walk.expected, walk.expected if now is None else now) - walk.seen
        return f"{missing} of {walk.expected} rows that Blesta counts were not shown." if missing > 0 else ""

    def _first_page(self, walk: Walk) -> tuple[str, list[Row]]:
        """In the first order that Blesta takes: the plain column, the qualified one, or none (which proves nothing)."""
        refusal: BlestaError | None = None
        for order in tuple(self._orders):
            try:
                rows = self.page(1, order)
            except Unavailable as error:
                if error.reason != "failing":
                    raise
                refusal = error
            else:
                if _ascending([self._id(row) for row in rows]):
                    return order, rows
            self._orders.remove(order)
        walk.ordered = False
        try:
            return "", self.page(1, "")
        except BlestaError as error:
            raise error from refusal

    def _until_two_agree(self, walk: Walk, first: list[Row]) -> Iterator[list[Row]]:
        """Without an order to rely on, walk forward until two walks in a row show the same ids."""
        before: set[Any] | None = None
        for _ in range(MAX_WALKS):
            ids: set[Any] = set()
            number, rows = 1, first or self.page(1, "")
            while rows and not ids.issuperset(self._id(row) for row in rows):
                ids.update(self._id(row) for row in rows)
                fresh = self._fresh(rows, walk)
                if fresh:
                    yield fresh
                number += 1
                rows = self.page(number, "")
            if ids == before:
                walk.incomplete = self._shortfall(walk)
                return
            before, first = ids, []
        walk.incomplete = f"{MAX_WALKS} walks without a reliable order showed different rows each time."

    def _fresh(self, rows: list[Row], walk: Walk) -> list[Row]:
        fresh = []
        for row in rows:
            identity = self._id(row)
            if identity not in walk.ids:
                walk.ids.add(identity)
                fresh.append(row)
        walk.seen += len(fresh)
        return fresh

    def _id(self, row: Row) -> Any:
        """What tells rows of this listing apart; a tuple where that cannot be read, and the mapping will say why."""
        column = self._listing.order_by or "id"
        value = row.get(column)
        if column != "id" and isinstance(value, str):
            return value
        try:
            return identifier_from(value) or (repr(row),)
        except Unreadable:
            return (repr(row),)


def _ascending(ids: list[Any]) -> bool:
    known = [one for one in ids if not isinstance(one, tuple)]
    return all(type(a) is type(b) and a <= b for a, b in pairwise(known))
