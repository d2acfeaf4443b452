"""Many writers at once, on every database: they end with the newest fetch, and a broken deadlock is begun again."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from django.db import OperationalError, connection, connections, transaction

from django_blesta.models import Change, Company
from django_blesta.resources import Converted
from django_blesta.sync.fence import draw
from django_blesta.sync.statements import TRIES, attempt
from django_blesta.sync.store import Incoming, store

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
PATIENCE = 60

WRITERS = 4
ROUNDS = 12


@pytest.mark.parametrize("rows_are_held", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_random_batches_at_once_converge_to_the_newest_fetch(caplog, seed, rows_are_held):
    """Batches of one to eighty rows in any order, small and large ways of writing mixed, every row changed."""
    ids = range(1, 121)

    def row(pk: int, fence: int) -> Incoming:
        return Incoming((pk,), Converted({"id": pk, "name": f"as of {fence}"}, (), fence), 1)

    if rows_are_held:
        store(Company, [row(pk, 0) for pk in ids], fence=0, fetched_at=NOON, using="default")
    together = Barrier(WRITERS)
    newest: list[dict[int, int]] = [{} for _ in range(WRITERS)]

    def write(worker: int) -> None:
        chance = random.Random(f"{seed}/{worker}")
        try:
            for _ in range(ROUNDS):
                fence = draw("default")
                chosen = chance.sample(ids, chance.choice([1, 5, 30, 80]))
                together.wait(PATIENCE)
                tally = store(Company, [row(pk, fence) for pk in chosen], fence=fence, fetched_at=NOON, using="default")
                assert tally.refused == []
                assert tally.created + tally.changed + tally.stale == len(chosen)
                newest[worker] |= dict.fromkeys(chosen, fence)
        except BaseException:
            together.abort()
            raise
        finally:
            connections.close_all()

    with caplog.at_level(logging.INFO, "django_blesta.sync"), ThreadPoolExecutor(WRITERS) as pool:
        for done in [pool.submit(write, worker) for worker in range(WRITERS)]:
            done.result(120)
    expected = {pk: max(one.get(pk, 0) for one in newest) for pk in ids}
    found = {row.pk: row.fence for row in Company.objects.all()}
    assert found == {pk: fence for pk, fence in expected.items() if fence or rows_are_held}
    assert all(row.name == f"as of {row.fence}" == f"as of {row.row_digest}" for row in Company.objects.all())
    if rows_are_held and connection.vendor == "postgresql":
        # Locks are taken in key order: nobody was made to begin again.
        assert [record.getMessage() for record in caplog.records if record.name == "django_blesta.sync"] == []
    chain = Change.objects.filter(remote_id=str(next(iter(found)))).order_by("pk").values_list("old", "new")
    assert all(before[1] == after[0] for before, after in zip(chain, list(chain)[1:], strict=False))


def in_threads(*works: Callable[[], None]) -> None:
    def closing(work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(closing, work) for work in works]:
            done.result(PATIENCE)


def test_the_loser_of_a_deadlock_begins_again_as_a_whole():
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time and so no deadlock")
    for pk in (1, 2):
        Company.objects.create(pk=pk, name="", fetched_at=NOON)
    both_hold_one = Barrier(2)
    begun: list[int] = []

    def crossing(first: int, second: int) -> Callable[[], None]:
        def lock_both() -> None:
            begun.append(first)
            Company.objects.filter(pk=first).update(name=f"{first} first")
            if len(begun) <= 2:
                both_hold_one.wait(PATIENCE)
            Company.objects.filter(pk=second).update(phone=f"{second} second")

        return lambda: attempt(lock_both, using="default")

    in_threads(crossing(1, 2), crossing(2, 1))
    assert 3 <= len(begun) <= 2 * TRIES
    found = Company.objects.order_by("pk").values_list("name", "phone")
    assert list(found) == [("1 first", "1 second"), ("2 first", "2 second")]


@pytest.mark.parametrize("number", [1213, 1205])
@pytest.mark.parametrize(("failures", "raised"), [(TRIES - 1, False), (TRIES, True)])
def test_a_unit_is_tried_three_times(number, failures, raised):
    tried = 0

    def work() -> None:
        nonlocal tried
        tried += 1
        Company.objects.create(pk=tried, name="", fetched_at=NOON)
        if tried <= failures:
            raise OperationalError(number, "Deadlock found when trying to get lock")

    if raised:
        with pytest.raises(OperationalError):
            attempt(work, using="default")
    else:
        attempt(work, using="default")
    assert tried == TRIES
    assert list(Company.objects.values_list("pk", flat=True)) == ([] if raised else [TRIES])


@pytest.mark.parametrize("error", [OperationalError(2006, "gone away"), OperationalError("disk full"), KeyError("x")])
def test_other_errors_are_not_tried_again(error):
    tried: list[int] = []

    def work() -> None:
        tried.append(1)
        raise error

    with pytest.raises(type(error)):
        attempt(work, using="default")
    assert tried == [1]


def test_inside_anothers_transaction_a_unit_is_tried_once():
    tried: list[int] = []

    def work() -> None:
        tried.append(1)
        raise OperationalError(1213, "Deadlock found when trying to get lock")

    with transaction.atomic(), pytest.raises(OperationalError):
        attempt(work, using="default")
    assert tried == [1]
