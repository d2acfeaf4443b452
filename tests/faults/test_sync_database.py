"""The database goes away in the middle of a run: at every packet, at every named place, and with its answer lost."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from django.core.management import call_command
from django.db import Error, InterfaceError, OperationalError, connection

from django_blesta import sync
from django_blesta.models import Change, Invoice, SyncChunk, SyncRun, SyncScope
from django_blesta.sync import _checkpoint
from tests import emptying
from tests.faults.conftest import database_at, totals
from tests.faults.proxy import Proxy
from tests.faults.servers import OwnPostgreSQL
from tests.sync.meddling import add_invoice, seeds
from tests.sync.test_resume import run_when_free

State = SyncRun.State
PLACES = [name for name in _checkpoint.NAMES if name != "row-fetched"]


def change_something(installation: Any) -> dict[str, int]:
    """What the next runs are to count together, whatever befalls them."""
    state = installation.state
    with state.lock:
        living = sorted(state.tables["invoices"])
        for invoice_id in living[3:5]:
            state.delete("invoices", invoice_id)
        for invoice_id in living[10:40]:
            is_void = state.tables["invoices"][invoice_id]["status"] == "void"
            state.update("invoices", invoice_id, status="active" if is_void else "void")
        for _ in range(4):
            add_invoice(installation, state.tables["invoices"][living[0]]["client_id"])
    return {"created": 4, "changed": 30, "gone": 2}


def converge(installation: Any, since: int, expected: dict[str, int]) -> None:
    """However often it takes: every row, each counted once, and nothing left open."""
    runs = run_when_free(Invoice)
    assert {run.state for run in runs} == {State.COMPLETE}, [run.error for run in runs]
    living = set(installation.state.tables["invoices"])
    assert set(Invoice.objects.present().values_list("pk", flat=True)) == living
    shown = {pk: row["status"] for pk, row in installation.state.tables["invoices"].items()}
    assert dict(Invoice.objects.present().values_list("pk", "status")) == shown
    assert totals(since) == expected
    assert set(SyncRun.objects.values_list("state", flat=True)) <= {State.COMPLETE, State.INTERRUPTED}
    assert not SyncScope.objects.exclude(run=None).exists()
    assert not SyncChunk.objects.exclude(seen=None).exists()


@pytest.mark.parametrize("answer", [False, True], ids=["unsent", "unanswered"])
@pytest.mark.parametrize("seed", seeds(6))
def test_the_line_is_cut_at_any_packet(invoices, line: Proxy, seed, answer):
    """`unanswered` is the worst of it: nobody can know whether the statement, or the COMMIT, was done."""
    assert sync.run([Invoice], details=False)[0].state == State.COMPLETE
    change_something(invoices)
    line.count()
    assert sync.run([Invoice], details=False)[0].state == State.COMPLETE
    packets = line.count()
    assert packets > 50

    since = SyncRun.objects.latest("pk").pk
    expected = change_something(invoices)
    cuts = line.cuts
    line.cut_at(Random(seed).randrange(packets - 5), answer=answer)
    try:
        sync.run([Invoice], details=False)
    except (OperationalError, InterfaceError):
        connection.close()  # as between two tasks or commands
    line.count()
    assert line.cuts == cuts + 1
    converge(invoices, since, expected)


@pytest.mark.parametrize(
    ("name", "times"),
    [(name, times) for name in ("chunk-claimed", "chunk-fetched", "chunk-stored", "chunk-done") for times in (2, 3)]
    + [("chunk-stored", 1), ("chunk-done", 1), ("settle-begun", 1)],
)
def test_a_worker_outlives_a_cut_in_the_middle_of_its_work(invoices, line: Proxy, name, times):
    """From the plan to the verdict, no cut ends a run: what was fetched is in hand, and is stored again.

    The first chunk is the page that the plan has brought: there it is the plan that is made again.
    """
    left = times

    def cut(reached: str) -> None:
        nonlocal left
        left -= reached == name
        if reached == name and left == 0:
            line.cut()

    invoices.switches.page_size = 1
    _checkpoint.on_reached = cut
    (run,) = sync.run([Invoice], details=False)
    assert left <= 0
    assert (run.state, run.created, run.fetched) == (State.COMPLETE, 63, 63), run.error
    assert SyncRun.objects.count() == 1


@pytest.mark.parametrize("name", ["planned", "chunk-claimed", "chunk-done", "settle-begun", "run-finished"])
def test_every_table_is_emptied_in_the_middle_of_a_run(invoices, transactional_db, name):
    """A database that was restored from nothing: the run that is under way ends, the next begins at the beginning."""
    left = 1

    def empty(reached: str) -> None:
        nonlocal left
        if reached == name and left:
            left -= 1
            emptying.empty("default")

    _checkpoint.on_reached = empty
    try:
        sync.run([Invoice], details=False)
    except (sync.AlreadyRunning, SyncRun.DoesNotExist, Error):
        connection.close()
    assert left == 0
    _checkpoint.on_reached = None
    (run,) = run_when_free(Invoice)
    assert run.state == State.COMPLETE, run.error
    assert set(Invoice.objects.values_list("pk", flat=True)) == set(invoices.state.tables["invoices"])


# --- a server of our own, killed -------------------------------------------------------------------------------


@pytest.fixture
def own_database(postgresql: OwnPostgreSQL, transactional_db: None) -> Any:
    """The tests' tables on a server that may be killed; empty for each test."""
    if connection.vendor != "postgresql":
        pytest.skip("It is PostgreSQL that is restarted here.")
    with database_at(HOST="127.0.0.1", PORT=str(postgresql.port), NAME="postgres", USER="postgres"):
        call_command("migrate", verbosity=0)
        emptying.empty("default")
        yield postgresql


@pytest.mark.parametrize("name", PLACES)
def test_postgresql_is_killed_and_comes_back(invoices, own_database: OwnPostgreSQL, name):
    """Killed without a goodbye at every named place, so that it has to recover from its log when it comes back."""
    assert sync.run([Invoice], details=False)[0].state == State.COMPLETE
    expected, since, left = change_something(invoices), SyncRun.objects.latest("pk").pk, 1

    def kill(reached: str) -> None:
        nonlocal left
        if reached == name and left:
            left -= 1
            own_database.restart()

    _checkpoint.on_reached = kill
    try:
        sync.run([Invoice], details=False)
    except (OperationalError, InterfaceError):
        connection.close()
    assert left == 0
    _checkpoint.on_reached = None
    converge(invoices, since, expected)
    assert Change.objects.exists()
