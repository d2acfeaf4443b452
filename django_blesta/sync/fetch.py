"""Ask Blesta for the pages of one listing, several at a time where allowed. Threads here do HTTP and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from threading import get_ident
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
    """What is known of a listing before it is walked; `order` is empty where no order can be relied on.

    `rows` is the first page, `last_rows` the `last`. In an order that is kept, one look at the last page tells at one
    instant both the highest id and how many rows stand up to it.
    """

    count: int | None = None
    order: str = ""
    rows: list[Row] = field(default_factory=list)
    last: int = 1
    last_rows: list[Row] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)

    @property
    def pages(self) -> int:
        if self.order or not self.rows or self.count is None:
            return self.last
        return max(1, -(-self.count // len(self.rows)))

    @property
    def standing(self) -> int:
        """How many rows there are up to the end of the last page."""
        return (self.last - 1) * len(self.rows) + len(self.last_rows)


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

    def first_look(self, page_size: int = 0) -> FirstLook:
        """Count, first and last page, in the first order that Blesta takes and keeps; at most a few requests.

        `page_size`, where it is known, saves asking whether a short first page is followed by another. A listing that
        Blesta does not count has no end that could be looked at, so it is walked without an order.
        """
        if not self._listing.paged:
            return FirstLook()
        count = self.count()
        refusal: BlestaError | None = None
        for order in tuple(self._orders) if count is not None else ():
            try:
                look = self._look(order, count or 0, page_size)
            except Unavailable as error:
                if error.reason != "failing":
                    raise
                refusal = error
            else:
                if look is not None:
                    return look
            self._give_up(order)
        try:
            rows = self.page(1, "")
        except BlestaError as error:
            raise error from refusal
        return FirstLook(count, "", rows, 1, rows)

    def under(self, parent_id: Any, page_size: int = 0) -> list[Row]:
        """Every row of a scoped listing; `page_size`, where known, saves asking for one more.

        One page shows one instant. Several are read from first to last, to learn how many there are, and from there
        back to the first, which skips no row that stays.
        """
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
                break
            number += 1
            rows = self.page(number, order, parent_id)
        for back in range(number - 1, 0, -1):
            found.update((self.identity(row), row) for row in self.page(back, order, parent_id))
        return list(found.values())

    def until_two_agree(self, ask: Callable[[Callable[[], list[Row]]], list[Row]], order: str) -> Iterator[list[Row]]:
        """Walk forward until two walks agree; Misunderstood where none do. Each row is given once.

        `ask` makes the request. It is for listings without an order to rely on, or whose new rows may come anywhere.
        """
        given: set[Any] = set()
        before: set[Any] | None = None
        for _ in range(MAX_WALKS):
            ids: set[Any] = set()
            number = 1
            rows = ask(partial(self.page, 1, order))
            while fresh := [row for row in rows if self.identity(row) not in ids]:
                ids.update(self.identity(row) for row in fresh)
                yield [row for row in fresh if self.identity(row) not in given]
                given |= ids
                number += 1
                rows = ask(partial(self.page, number, order))
            if ids == before:
                return
            before = ids
        raise Misunderstood(f"{MAX_WALKS} walks in no reliable order showed different rows each time.")

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

    def _look(self, order: str, count: int, page_size: int) -> FirstLook | None:
        """None where the order is not kept."""
        rows = self._opening(order)
        if not ascends(self.identities(rows)):
            return None
        look = FirstLook(count, order, rows, 1, rows)
        if rows:
            self._find_last(look, page_size)
        first, last = self.identities(look.rows), self.identities(look.last_rows)
        return look if ascends(last) and (look.last == 1 or ascends(first[-1:] + last[:1])) else None

    def _opening(self, order: str) -> list[Row]:
        """The first page, or where that one cannot be read the second."""
        try:
            return self.page(1, order)
        except BlestaError as error:
            if not concerns_one_answer(error):
                raise
            try:
                second = self.page(2, order)
            except BlestaError:
                second = []
            if not second:
                raise
            return second

    def _find_last(self, look: FirstLook, page_size: int) -> None:
        """Begin where the count says; go down from an empty page, and on from a full one."""
        size = len(look.rows)
        number = max(1, -(-(look.count or 0) // size))
        page = self._probe(look, number)
        for _ in range(MAX_WALKS):
            if page is None and number > 1:
                number -= 1
                page = self._probe(look, number)
        if not page and number > 1:
            number, page = self._between(look, 1, look.rows, number)
        full = size if number > 1 else max(page_size, 1)
        if page and len(page) >= full and not look.bad:
            number, page = self._onward(look, number, page)
        look.last, look.last_rows = number, page or []

    def _onward(self, look: FirstLook, low: int, page: list[Row]) -> tuple[int, list[Row]]:
        step = 1
        while True:
            further = self._probe(look, low + step)
            if not further or self.identities(further) == self.identities(page):
                return self._between(look, low, page, low + step) if step > 1 else (low, page)
            low, page, step = low + step, further, 2 * step

    def _between(self, look: FirstLook, low: int, page: list[Row], high: int) -> tuple[int, list[Row]]:
        """`low` shows `page`, `high` shows nothing; most often the last page is just below."""
        middle = high - 1
        while low < high - 1:
            found = self._probe(look, middle)
            if found and self.identities(found) != self.identities(page):
                low, page = middle, found
            else:
                high = middle
            middle = (low + high) // 2
        return low, page

    def _probe(self, look: FirstLook, number: int) -> list[Row] | None:
        """None where this page cannot be read, which is noted."""
        if number == 1:
            return look.rows
        try:
            return self.page(number, look.order)
        except BlestaError as error:
            if not concerns_one_answer(error):
                raise
            look.bad.append(f"page {number} ({error})")
            look.unread.append(number)
            return None

    def _give_up(self, order: str) -> None:
        if order in self._orders:  # another thread may have come to the same conclusion
            self._orders.remove(order)

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
            self._give_up(order)
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
        self.members: set[int] = set()
        self._threads = ThreadPoolExecutor(
            max_workers=in_flight,
            thread_name_prefix="blesta",
            initializer=lambda: self.members.add(get_ident()),
        )

    def send(self, ask: Callable[[Any], T], items: Iterable[Any]) -> list[tuple[Any, Future[T]]]:
        return [(item, self._threads.submit(copy_context().run, ask, item)) for item in items]

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)


def gather(
    sent: list[tuple[Any, Future[T]]], bad: list[str], name: str, beat: Callable[[], float] = lambda: 60.0
) -> Iterator[tuple[Any, T]]:
    """The answers as they come, in order; one that concerns itself alone is named in `bad`, any other is raised.

    `beat` is called while waiting, and says after how many seconds it wants to be called again.
    """
    for item, future in sent:
        while not wait((future,), timeout=beat()).done:
            continue
        try:
            answer = future.result()
        except BlestaError as error:
            if not concerns_one_answer(error):
                for _, other in sent:
                    other.cancel()
                raise
            bad.append(f"{name} {item} ({error})")
        else:
            yield item, answer
