"""A listing that changes while it is walked, or lies: a run that is called complete has every row that stayed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections

from django_blesta import sync
from django_blesta.models import Currency, Invoice, SyncRun
from django_blesta.sync import _checkpoint
from tests.sync.meddling import Meddler, add_invoices, seeds

State = SyncRun.State


@pytest.fixture
def invoices(blesta, settings) -> Any:
    settings.BLESTA = {**settings.BLESTA, "READ_TRIES": 1}
    blesta.switches.page_size = 5
    add_invoices(blesta, 63)
    return blesta


def walk(**options: Any) -> SyncRun:
    (run,) = sync.run([Invoice], details=False, **options)
    return run


def held() -> set[int]:
    return set(Invoice.objects.present().values_list("pk", flat=True))


def gone() -> set[int]:
    return set(Invoice.objects.gone().values_list("pk", flat=True))


def check(run: SyncRun, meddler: Meddler) -> None:
    """What must hold after any run, however Blesta changed meanwhile."""
    living = set(meddler.simulator.state.tables["invoices"])
    assert run.state in {State.COMPLETE, State.PARTIAL}, run.error
    assert not gone() & living, f"marked gone though alive: {gone() & living}"
    if run.state == State.COMPLETE:
        lost = meddler.steadfast - held()
        assert not lost, f"{lost} stayed in Blesta all the while, and a complete run in {run.walk} walks lacks them"


@pytest.mark.django_db
@pytest.mark.parametrize("in_flight", [1, 8])
@pytest.mark.parametrize("seed", seeds(12))
def test_no_row_is_lost_when_blesta_changes_between_pages(invoices, settings, seed, in_flight):
    settings.BLESTA = {**settings.BLESTA, "MAX_IN_FLIGHT": in_flight}
    if seed % 2:
        assert walk().state == State.COMPLETE
    meddler = Meddler(invoices, seed, within=18, times=1 + seed % 5, pause=0.002 if in_flight > 1 else 0)
    invoices.meddle(meddler)
    run = walk()
    check(run, meddler)
    if in_flight == 1:
        assert (run.state, run.walk) == (State.COMPLETE, 1)

    invoices.meddle(None)
    run = walk()
    assert run.state == State.COMPLETE
    assert held() == set(invoices.state.tables["invoices"])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", seeds(6))
def test_no_row_is_lost_when_two_workers_share_the_walk(invoices, settings, seed, second_worker):
    settings.BLESTA = {**settings.BLESTA, "MAX_IN_FLIGHT": 2}
    invoices.switches.page_size = 1
    if seed % 2:
        assert walk().state == State.COMPLETE
    meddler = Meddler(invoices, seed, within=65, times=1 + seed % 6)
    invoices.meddle(meddler)
    with second_worker:
        run = walk()
    check(run, meddler)
    workers = run.chunks.filter(kind="pages").values_list("worker", flat=True)
    assert len(workers) >= 3

    invoices.meddle(None)
    assert walk().state == State.COMPLETE
    assert held() == set(invoices.state.tables["invoices"])


class SecondWorker:
    """Joins the first run that is planned while it is entered, from a thread with a connection of its own."""

    def __init__(self) -> None:
        self._planned = threading.Event()
        self._thread = threading.Thread(target=self._join)

    def __enter__(self) -> SecondWorker:
        _checkpoint.on_reached = self._note
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        _checkpoint.on_reached = None
        self._planned.set()
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _note(self, name: str) -> None:
        if name == "planned":
            self._planned.set()

    def _join(self) -> None:
        self._planned.wait(60)
        try:
            for run in SyncRun.objects.filter(state=State.RUNNING):
                sync.join(run.pk)
        finally:
            connections.close_all()


@pytest.fixture
def second_worker() -> Iterator[SecondWorker]:
    yield SecondWorker()
    _checkpoint.on_reached = None


# --- a Blesta that lies ----------------------------------------------------------------------------------------


def page_of(sent: Any) -> int:
    return int(sent.get("page", 1))


def same_page_for_ever(truth, sent):
    return truth({**sent, "page": "1"})


def alternating_pages(truth, sent):
    return truth({**sent, "page": str(2 - page_of(sent) % 2)})


def one_page_twice(truth, sent):
    return truth({**sent, "page": "4"}) if page_of(sent) == 5 else truth(sent)


def half_of_the_pages(truth, sent):
    return truth(sent) if page_of(sent) % 2 else []


def one_row_short(truth, sent):
    return truth(sent)[1:] if page_of(sent) == 6 else truth(sent)


def order_within_the_page_only(truth, sent):
    """Paged by one order, then sorted by the one that was asked for."""
    rows = truth({name: value for name, value in sent.items() if name != "order_by"} | {"order_by": {"id": "DESC"}})
    return sorted(rows, key=lambda row: row["id"])


def descending(truth, sent):
    return truth({**sent, "order_by": {"id": "DESC"}})


LIES = [
    same_page_for_ever,
    alternating_pages,
    one_page_twice,
    half_of_the_pages,
    one_row_short,
    order_within_the_page_only,
    descending,
]


@pytest.mark.django_db
@pytest.mark.parametrize("is_known", [True, False], ids=["known", "new"])
@pytest.mark.parametrize("order", ["honoured", "ignored"])
@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_a_listing_that_lies_is_not_complete_without_every_row(invoices, lie, order, is_known):
    if is_known:
        assert walk().state == State.COMPLETE
    invoices.switches.order_by = order
    invoices.lie("Invoices", "getList", lie)
    run = walk()
    assert gone() == set()
    living = set(invoices.state.tables["invoices"])
    assert run.state in {State.COMPLETE, State.PARTIAL, State.SUSPECT}
    assert run.requests < 250
    if run.state == State.COMPLETE:
        assert held() == living
    elif lie in {same_page_for_ever, alternating_pages, half_of_the_pages}:
        assert run.error
    if lie in {same_page_for_ever, alternating_pages, half_of_the_pages, one_row_short}:
        assert run.state != State.COMPLETE


@pytest.mark.django_db
@pytest.mark.parametrize("in_flight", [1, 8])
@pytest.mark.parametrize("off_by", [-63, -40, -7, -1, 1, 7, 40, 500])
def test_a_count_that_lies_loses_no_row(invoices, settings, off_by, in_flight):
    settings.BLESTA = {**settings.BLESTA, "MAX_IN_FLIGHT": in_flight}
    invoices.lie("Invoices", "getListCount", lambda truth, sent: truth(sent) + off_by)
    run = walk()
    assert run.state in {State.COMPLETE, State.PARTIAL}
    if run.state == State.COMPLETE:
        assert held() == set(invoices.state.tables["invoices"])
    if off_by > 0:
        assert run.state == State.PARTIAL
        assert "counts" in run.error
    assert run.requests < 60
    assert gone() == set()


@pytest.mark.django_db
def test_a_count_that_never_stands_still_ends(invoices, settings):
    settings.BLESTA = {**settings.BLESTA, "MAX_IN_FLIGHT": 8}
    calls = iter(range(10_000))
    invoices.lie("Invoices", "getListCount", lambda truth, sent: truth(sent) + (-1) ** next(calls) * 17)
    run = walk()
    assert run.state in {State.COMPLETE, State.PARTIAL}
    if run.state == State.COMPLETE:
        assert held() == set(invoices.state.tables["invoices"])


@pytest.mark.django_db
def test_rows_are_deleted_in_every_walk_so_the_run_is_partial_and_says_so(invoices, settings):
    settings.BLESTA = {**settings.BLESTA, "MAX_IN_FLIGHT": 8}

    def always(request: Any) -> None:
        if request.method == "getList":
            meddler.delete()

    meddler = Meddler(invoices, 3, within=1, times=0)
    invoices.meddle(always)
    run = walk()
    assert (run.state, run.walk) == (State.PARTIAL, 3)
    assert "deleted while" in run.error
    check(run, meddler)


@pytest.mark.django_db
def test_a_first_walk_with_a_deletion_is_followed_by_a_quiet_one(invoices, settings):
    settings.BLESTA = {**settings.BLESTA, "MAX_IN_FLIGHT": 8}
    meddler = Meddler(invoices, 1, within=1, times=0)

    def once(request: Any) -> None:
        if request.method == "getList" and request.arguments.get("page") == "7":
            invoices.meddle(None)
            with invoices.state.lock:
                meddler.remove(min(invoices.state.tables["invoices"]))

    invoices.meddle(once)
    run = walk()
    assert (run.state, run.walk) == (State.COMPLETE, 2)
    check(run, meddler)


# --- what a walk costs -----------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize(("rows", "pages"), [(0, 1), (1, 1), (5, 1), (6, 2), (10, 2), (63, 13), (65, 13)])
def test_a_pass_that_finds_nothing_new_asks_for_little_more_than_its_pages(blesta, settings, rows, pages, in_flight):
    settings.BLESTA = {**settings.BLESTA, "MAX_IN_FLIGHT": in_flight}
    blesta.switches.page_size = 5
    blesta.add_client()
    if rows:
        add_invoices(blesta, rows)
    walk()
    blesta.requests.clear()
    run = walk()
    assert (run.state, run.created, run.changed) == (State.COMPLETE, 0, 0)
    asked = [request for request in blesta.requests if request.model == "Invoices"]
    assert len(asked) <= pages + 4
    assert run.requests == len(asked)


@pytest.mark.django_db
def test_an_installation_that_ignores_order_is_read_without_holding_it_all(invoices):
    invoices.switches.order_by = "ignored"
    run = walk()
    assert (run.state, run.order, run.created) == (State.COMPLETE, "", 63)
    assert held() == set(invoices.state.tables["invoices"])


@pytest.mark.django_db
def test_currencies_of_several_pages_are_walked_until_two_walks_agree(blesta):
    blesta.switches.page_size = 3
    company = next(iter(blesta.state.tables["companies"]))
    for number in range(10):
        blesta.add_currency(company_id=company, code=f"X{number:02}")
    (run,) = sync.run([Currency])
    assert run.state == State.COMPLETE, run.error
    assert Currency.objects.present().count() == len(blesta.state.tables["currencies"])
    assert connection.vendor
