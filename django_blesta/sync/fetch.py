"""Ask Blesta for the pages of one listing, several at a time where allowed. Threads here do HTTP and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar

from django_blesta.connection import Connection, Unreadable, identifier_from
from django_blesta.exceptions import BlestaError, Misunderstood, Unavailable
from django_blesta.resources import Call, Resource
from django_blesta.sync.seen import Identity

Row = Mapping[str, Any]
MAX_WALKS = 3
T = TypeVar("T")


def concerns_one_answer(error: BlestaError) -> bool:
    """Whether only this page or row is affected: the next request may well be answered."""
    return isinstance(error, Misunderstood) or (isinstance(error, Unavailable) and error.reason == "failing")


@dataclass(slots=True)
class FirstLook:
    """What is known of a listing before it is walked; `order` is empty where no order can be relied on."""

    count: int | None = None
    order: str = ""
    rows: list[Row] = field(default_factory=list)

    @property
    def pages(self) -> int:
        if not self.rows or self.count is None:
            return 1
        return max(1, -(-self.count // len(self.rows)))


class Listing:
    """One listing of one resource, through one connection, for one company and, where scoped, one parent at a time.

    It remembers which way of ordering Blesta took, so that a refused one costs one request and not one per parent.
    """

    def __init__(self, connection: Connection, resource: Resource, company_id: int | None, order: str = "") -> None:
        if resource.listing is None:
            raise TypeError(f"{resource.remote} declares no listing.")
        self._connection, self._resource, self._listing = connection, resource, resource.listing
        self._company_id = company_id
        known = (self._listing.order_by, self._listing.order_by_qualified)
        self._orders = [order] if order else [one for one in known if one]

    def count(self) -> int | None:
        call = self._resource.count
        if call is None:
            return None
        arguments = self._arguments(call, None)
        return int(self._connection.read(self._resource.remote_of(call), call.method, arguments))

    def page(self, number: int, order: str, parent_id: Any = None) -> list[Row]:
        arguments = self._arguments(self._listing, parent_id)
        if self._listing.paged:
            arguments["page"] = number
        if order:
            arguments[self._listing.order_argument] = {order: "ASC"}
        remote = self._resource.remote_of(self._listing)
        rows: list[Row] = self._connection.read(remote, self._listing.method, arguments)
        return rows

    def first_look(self) -> FirstLook:
        """Count and first page, in the first order that Blesta takes and keeps."""
        if not self._listing.paged:
            return FirstLook()
        count = self.count()
        order, rows = self._first_page(None)
        return FirstLook(count, order, rows)

    def under(self, parent_id: Any, page_size: int = 0) -> list[Row]:
        """Every row of a scoped listing, first page to last; `page_size`, where known, saves asking for one more."""
        if not self._listing.paged:
            return self.page(1, "", parent_id)
        order, rows = self._first_page(parent_id)
        found: dict[Any, Row] = {}
        number = 1
        while True:
            before = len(found)
            found.update((self.identity(row), row) for row in rows)
            # A page that brings nothing new ends the walk: some servers repeat the last one for ever.
            if len(found) == before or (page_size and len(rows) < page_size):
                return list(found.values())
            number += 1
            rows = self.page(number, order, parent_id)

    def until_two_agree(self) -> Iterator[list[Row]]:
        """Without an order to rely on: walk forward until two walks agree; Misunderstood where none do."""
        before: set[Any] | None = None
        for _ in range(MAX_WALKS):
            ids: set[Any] = set()
            rows = self.page(1, "")
            number = 1
            while fresh := [row for row in rows if self.identity(row) not in ids]:
                ids.update(self.identity(row) for row in fresh)
                yield fresh
                number += 1
                rows = self.page(number, "")
            if ids == before:
                return
            before = ids
        raise Misunderstood(f"{MAX_WALKS} walks without a reliable order showed different rows each time.")

    def identity(self, row: Row) -> Any:
        """What tells rows of this listing apart; a tuple where that cannot be read, and the mapping will say why."""
        column = self._listing.order_by or "id"
        value = row.get(column)
        if column != "id" and isinstance(value, str):
            return value
        try:
            return identifier_from(value) or (repr(row),)
        except Unreadable:
            return (repr(row),)

    def identities(self, rows: Iterable[Row]) -> list[Identity]:
        return [one for one in map(self.identity, rows) if not isinstance(one, tuple)]

    def _arguments(self, call: Call, parent_id: Any) -> dict[str, Any]:
        arguments = dict(call.arguments)
        if call.company and self._company_id is not None:
            arguments[call.company] = self._company_id
        if call.key and parent_id is not None:
            arguments[call.key] = parent_id
        return arguments

    def _first_page(self, parent_id: Any) -> tuple[str, list[Row]]:
        refusal: BlestaError | None = None
        for order in tuple(self._orders):
            try:
                rows = self.page(1, order, parent_id)
            except Unavailable as error:
                if error.reason != "failing":
                    raise
                refusal = error
            else:
                if ascends(self.identities(rows)):
                    return order, rows
            if order in self._orders:  # another thread may have come to the same conclusion
                self._orders.remove(order)
        try:
            return "", self.page(1, "", parent_id)
        except BlestaError as error:
            raise error from refusal


def ascends(identities: list[Identity]) -> bool:
    return all(type(a) is type(b) and a <= b for a, b in pairwise(identities))  # type: ignore[operator]  # same type


class Window:
    """Requests under way: sent in the order given, at most `in_flight` at a time, awaited in the order given.

    Used by one thread; `ask` runs in others and must touch no database.
    """

    def __init__(self, in_flight: int) -> None:
        self._threads = ThreadPoolExecutor(max_workers=in_flight, thread_name_prefix="blesta")

    def send(self, ask: Callable[[Any], T], items: Iterable[Any]) -> list[tuple[Any, Future[T]]]:
        return [(item, self._threads.submit(ask, item)) for item in items]

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)


def gather(sent: list[tuple[Any, Future[T]]], bad: list[str], name: str) -> list[tuple[Any, T]]:
    """The answers that came; one that concerns itself alone is named in `bad`, any other trouble is raised."""
    answers = []
    for item, future in sent:
        try:
            answers.append((item, future.result()))
        except BlestaError as error:
            if not concerns_one_answer(error):
                for _, other in sent:
                    other.cancel()
                raise
            bad.append(f"{name} {item} ({error})")
    return answers
