"""Two fetches and two stores of one row in every order: the newest fetch is what stays.

Each actor has a thread and a database connection of its own and commits for real; a conductor lets one step happen
at a time, or holds one store open while another runs into its lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import combinations, product
from threading import Event
from typing import Any

import pytest
from django.db import connection, connections, transaction

from django_blesta.models import Company, Invoice, InvoiceLine
from django_blesta.resources import Converted
from django_blesta.sync.fence import begin_refresh, draw
from django_blesta.sync.store import Incoming, store
from tests.sync.test_history import invoice

WHY = "it is the one that tells who waits for whose lock, and that has two writers"
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql(WHY)]

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
PATIENCE = 20
DIGEST = {"A": 1, "Z": 2}
NAME = {digest: name for name, digest in DIGEST.items()}


class Actor:
    """A worker with a connection of its own."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self.pid: int = self.do(self._backend)

    def _backend(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return int(cursor.fetchone()[0])

    def start(self, step: Callable[..., Any], *arguments: Any) -> Future[Any]:
        return self._pool.submit(step, *arguments)

    def do(self, step: Callable[..., Any], *arguments: Any) -> Any:
        return self.start(step, *arguments).result(PATIENCE)

    def leave(self) -> None:
        self.do(connections.close_all)
        self._pool.shutdown()


@pytest.fixture
def actors() -> Iterator[tuple[Actor, Actor]]:
    pair = Actor(), Actor()
    yield pair
    for actor in pair:
        actor.leave()


class Reading:
    """One fetch of the row: what it draws, when it marks, what it sees, and how it stores."""

    def __init__(self, *, alone: bool) -> None:
        self.alone = alone
        self.fence = 0
        self.value = ""

    @property
    def steps(self) -> tuple[str, ...]:
        return ("draw", "fetch", "store")

    def draw(self) -> None:
        self.fence = begin_refresh(Company, 1, using="default") if self.alone else draw("default")

    def store(self) -> None:
        row = Incoming((1,), Converted({"id": 1, "name": self.value}, (), DIGEST[self.value]), 1)
        if self.alone:
            row.whole, row.detail, row.detail_digest = True, Converted({}, (), 0), 0
        store(Company, [row], fence=self.fence, fetched_at=NOON, using="default", confirming=self.alone)


def hold(value: str | None) -> None:
    Company.objects.all().delete()
    if value is not None:
        row = Incoming((1,), Converted({"id": 1, "name": value}, (), DIGEST[value]), 1)
        store(Company, [row], fence=0, fetched_at=NOON, using="default")


def held() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_digest, name FROM django_blesta_company")
        ((digest, name),) = cursor.fetchall()
    assert NAME[digest] == name
    return name


def orders() -> list[tuple[int, ...]]:
    """Every order of six steps, three of each reading: which of the two takes the next."""
    return [tuple(int(place in chosen) for place in range(6)) for chosen in combinations(range(6), 3)]


def expect(readings: tuple[Reading, Reading], places: dict[tuple[int, str], int], why: Any) -> None:
    """What is held was seen after the highest number among the stores had been drawn; and where one reading both
    drew and fetched later than the other, it is what that one saw."""
    newest = max((0, 1), key=lambda one: readings[one].fence)
    drawn = places[newest, "draw"]
    truths = {readings[one].value for one in (0, 1) if places[one, "fetch"] > drawn}
    if places[newest, "fetch"] > places[1 - newest, "fetch"]:
        truths = {readings[newest].value}
    assert held() in truths, why


KINDS = {
    "refresh and refresh": (True, True),
    "listing and refresh": (False, True),
    "refresh and listing": (True, False),
}


@pytest.mark.parametrize("kinds", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("before", ["A", None])
def test_every_order_of_two_readings(actors, kinds, before):
    """240 cases: 20 orders of six steps × what each reading sees × whether the row is held."""
    tried = 0
    for order, seen in product(orders(), product("AZ", repeat=2)):
        hold(before)
        readings = Reading(alone=kinds[0]), Reading(alone=kinds[1])
        waiting = [list(one.steps) for one in readings]
        places: dict[tuple[int, str], int] = {}
        for place, one in enumerate(order):
            step = waiting[one].pop(0)
            places[one, step] = place
            if step == "fetch":
                readings[one].value = seen[one]
            else:
                actors[one].do(getattr(readings[one], step))
        expect(readings, places, (kinds, before, order, seen))
        tried += 1
    assert tried == 80


@pytest.mark.parametrize("kinds", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("before", ["A", None])
def test_every_order_with_one_store_waiting_for_the_others_lock(actors, kinds, before):
    """As above for the orders that end with both stores: the first is still open when the second begins."""
    tried = blocked = 0
    for order, seen in product(orders(), product("AZ", repeat=2)):
        if order[4] == order[5]:
            continue
        hold(before)
        readings = Reading(alone=kinds[0]), Reading(alone=kinds[1])
        waiting = [list(one.steps) for one in readings]
        places: dict[tuple[int, str], int] = {}
        for place, one in enumerate(order):
            step = waiting[one].pop(0)
            places[one, step] = place
            if step == "fetch":
                readings[one].value = seen[one]
            elif step == "draw":
                actors[one].do(readings[one].draw)
        blocked += overlap(actors, readings, order[4])
        expect(readings, places, (kinds, before, order, seen))
        tried += 1
    assert tried == 48
    assert blocked > 10


def overlap(actors: tuple[Actor, Actor], readings: tuple[Reading, Reading], first: int) -> bool:
    """Run both stores, the second while the first's transaction is open; say whether it had to wait."""
    written, may_commit = Event(), Event()

    def open_store() -> None:
        with transaction.atomic():
            readings[first].store()
            written.set()
            assert may_commit.wait(PATIENCE)

    one = actors[first].start(open_store)
    assert written.wait(PATIENCE)
    other = actors[1 - first].start(readings[1 - first].store)
    waited = wait_until_blocked(actors[1 - first].pid, other)
    may_commit.set()
    one.result(PATIENCE)
    other.result(PATIENCE)
    return waited


def wait_until_blocked(pid: int, work: Future[Any]) -> bool:
    """Ask PostgreSQL until the backend waits for another's lock; False when it finished without."""
    while not work.done():
        with connection.cursor() as cursor:
            cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [pid])
            if cursor.fetchone()[0]:
                return True
    return False


def test_children_of_an_overtaken_parent_are_not_written(actors):
    """Two refreshes of an invoice that is not held yet: the older one runs into the newer one's open transaction."""
    older, newer = draw("default"), draw("default")

    class Whole(Reading):
        def __init__(self, fence: int, lines: dict[int, str]) -> None:
            super().__init__(alone=True)
            self.fence, self.lines = fence, lines

        def store(self) -> None:
            store(
                Invoice,
                [invoice(lines=self.lines)],
                fence=self.fence,
                fetched_at=NOON,
                using="default",
                confirming=True,
            )

    readings = Whole(newer, {1: "a", 2: "b"}), Whole(older, {1: "old", 3: "c"})
    assert overlap(actors, readings, 0)
    assert Invoice.objects.get().fence == newer
    assert list(InvoiceLine.objects.order_by("pk").values_list("pk", "description")) == [(1, "a"), (2, "b")]
