"""Several workers, in threads, processes and Celery's own: one run, every chunk once, and nothing from the late."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections

from django_blesta import sync, tasks
from django_blesta.exceptions import Denied, Unavailable
from django_blesta.models import Client, Invoice, Lease, SyncChunk, SyncRun
from django_blesta.sync import _checkpoint, leases
from tests.sync.comparison import differences
from tests.sync.ending import start
from tests.sync.meddling import add_invoices
from tests.sync.test_resume import run_when_free
from tests.worker_process import WorkerProcess

State = SyncRun.State
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def invoices(blesta, settings) -> Any:
    """63 pages of one row: the one that the plan brings, and chunks of 25, 25 and 12."""
    settings.BLESTA = {**settings.BLESTA, "LEASE_SECONDS": 1, "READ_TRIES": 1}
    blesta.switches.page_size = 1
    add_invoices(blesta, 63)
    return blesta


@pytest.fixture(autouse=True)
def nothing_at_the_checkpoints():
    yield
    _checkpoint.on_reached = None


class Thread(threading.Thread):
    """Keeps what its function returned or raised, and closes the connections that it opened."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__()
        self._work, self.result, self.error = work, None, None

    def run(self) -> None:
        try:
            self.result = self._work()
        except BaseException as error:
            self.error = error
        finally:
            connections.close_all()

    def outcome(self) -> Any:
        self.join(60)
        assert not self.is_alive()
        if self.error:
            raise self.error
        return self.result


def begun(work: Callable[[], Any]) -> Thread:
    thread = Thread(work)
    thread.start()
    return thread


def pages_asked(installation: Any) -> Counter[int]:
    asked = [r for r in installation.requests if (r.model, r.method) == ("Invoices", "getList")]
    return Counter(int(request.arguments["page"]) for request in asked)


def test_two_workers_share_a_run_and_do_every_chunk_once(invoices):
    at_once = threading.Barrier(2, timeout=30)
    helpers: list[Thread] = []

    def note(name: str) -> None:
        if name == "planned":
            run = SyncRun.objects.get()
            helpers.append(begun(lambda: (at_once.wait(), sync.join(run.pk))))
            at_once.wait()

    _checkpoint.on_reached = note
    (run,) = sync.run([Invoice], details=False)
    helpers[0].outcome()
    assert (run.state, run.created, run.fetched) == (State.COMPLETE, 63, 63), run.error
    assert pages_asked(invoices) == Counter([1, 63, 64, *range(1, 64)]), "a look at both ends, the walk, the proof"
    assert run.requests == len([r for r in invoices.requests if r.model == "Invoices"])
    assert Invoice.objects.count() == 63
    done = run.chunks.exclude(kind="settle").values_list("token", "state")
    assert set(done) == {(1, "done")}


def stopped(installation: Any, settings: Any, name: str, times: int) -> Any:
    """A sync in another process that has stopped itself at a checkpoint, holding what it holds."""
    process = start(
        settings.BLESTA, name, times, "invoice", database=str(connection.settings_dict["NAME"]), sent="SIGSTOP"
    )
    until = time.monotonic() + 60
    while not os.WIFSTOPPED(status := os.waitpid(process.pid, os.WUNTRACED | os.WNOHANG)[1]):
        assert time.monotonic() < until, status
        time.sleep(0.02)  # a stop cannot be waited for with a deadline
    return process


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("name", ["chunk-claimed", "chunk-fetched", "settle-begun", "planned"])
def test_a_worker_that_was_away_longer_than_its_lease_stores_nothing_more(invoices, settings, name, times):
    times = 1 if name in {"settle-begun", "planned"} else times
    late = stopped(invoices, settings, name, times)
    try:
        (run,) = run_when_free(Invoice)
        assert (run.state, Invoice.objects.count()) == (State.COMPLETE, 63), run.error
        if name in {"chunk-fetched", "settle-begun"}:
            # What it has in hand is older than what Blesta says now.
            with invoices.state.lock:
                for pk in invoices.state.tables["invoices"]:
                    invoices.state.update("invoices", pk, status="void")
            assert sync.run([Invoice])[0].state == State.COMPLETE
        before = list(Invoice.objects.order_by("pk").values())
        chunks = list(SyncChunk.objects.order_by("pk").values())
        runs = SyncRun.objects.count()
    finally:
        late.send_signal(signal.SIGCONT)
    output, _ = late.communicate(timeout=60)
    assert late.returncode == 0, output
    assert "already running" in output or "ended: ['complete']" in output, output
    assert list(Invoice.objects.order_by("pk").values()) == before
    assert list(SyncChunk.objects.order_by("pk").values()) == chunks
    assert SyncRun.objects.count() == runs
    assert set(SyncRun.objects.values_list("state", flat=True)) <= {State.COMPLETE, State.INTERRUPTED}
    assert sync.run([Invoice])[0].created == 0


def test_a_worker_that_is_away_for_less_than_its_lease_goes_on(invoices, settings):
    settings.BLESTA = {**settings.BLESTA, "LEASE_SECONDS": 300}
    late = stopped(invoices, settings, "chunk-fetched", 1)
    with pytest.raises(sync.AlreadyRunning):
        sync.run([Invoice])
    late.send_signal(signal.SIGCONT)
    output, _ = late.communicate(timeout=60)
    assert "ended: ['complete']" in output
    assert set(SyncChunk.objects.values_list("token", flat=True)) == {1}


def test_a_chunk_that_takes_longer_than_the_lease_is_kept(invoices):
    """Slow answers are no reason to be taken for dead."""
    invoices.lie("Invoices", "getList", lambda truth, sent: truth(sent))
    slow = invoices.fail(times=None, model="Invoices", method="getList", arguments={"page": 50}, hold=True)
    syncing = begun(lambda: sync.run([Invoice], details=False))
    assert slow.wait_until_hit()
    helper = begun(lambda: sync.join(SyncRun.objects.get().pk))
    helper.outcome()  # it takes what it can, and not the chunk that is being waited for
    time.sleep(1.5)  # longer than the lease, which is counted by the database's clock
    sync.join(SyncRun.objects.get().pk)
    with pytest.raises(sync.AlreadyRunning):
        sync.run([Client])
    slow.release()
    invoices.heal()
    (run,) = syncing.outcome()
    assert run.state == State.COMPLETE
    assert set(run.chunks.values_list("token", flat=True)) == {1}


def test_two_beats_and_a_command_are_one_run(invoices):
    held = invoices.fail(times=None, model="Invoices", method="getListCount", hold=True)
    first = begun(lambda: sync.run([Invoice]))
    assert held.wait_until_hit()
    for _ in range(2):
        with pytest.raises(sync.AlreadyRunning):
            sync.run([Invoice])
    tasks.sync_all()  # leaves without a word
    invoices.heal()
    assert first.outcome()[0].state == State.COMPLETE
    assert SyncRun.objects.count() == 1


def test_a_helper_that_fails_gives_its_chunk_back(invoices):
    invoices.fail(times=1, model="Invoices", method="getList", arguments={"page": 30}, status=503)
    failed: list[Thread] = []

    def note(name: str) -> None:
        if name == "planned":
            helper = begun(lambda: sync.join(SyncRun.objects.get().pk))
            helper.join(60)
            failed.append(helper)

    _checkpoint.on_reached = note
    (run,) = sync.run([Invoice], details=False)
    assert isinstance(failed[0].error, Unavailable)
    assert (run.state, run.created) == (State.COMPLETE, 63)


def test_helpers_leave_a_run_that_was_ended(invoices):
    """The coordinator met a wrong key: nobody goes on with chunks of a run that has failed."""
    helpers: list[Thread] = []
    claims = threading.Semaphore(0)
    invoices.fail(times=1, model="Invoices", method="getList", arguments={"page": 61}, hold=True)
    invoices.fail(times=None, model="Invoices", method="getList", arguments={"page": 12}, status=401)

    def note(name: str) -> None:
        if name == "chunk-claimed" and threading.current_thread() in helpers:
            claims.release()
        if name == "planned":
            helpers.append(Thread(lambda: sync.join(SyncRun.objects.get().pk)))
            helpers[0].start()
            assert claims.acquire(timeout=30)  # the pages from 62 to 38, one of which does not come
            assert claims.acquire(timeout=30)  # and those to 13, ahead

    _checkpoint.on_reached = note
    with pytest.raises(Denied):
        sync.run([Invoice], details=False)
    run = SyncRun.objects.get()
    assert run.state == State.FAILED
    held_rows = Invoice.objects.count()
    invoices.heal()
    helpers[0].join(60)
    run.refresh_from_db()
    assert run.state == State.FAILED
    assert Invoice.objects.count() == held_rows
    assert not run.chunks.exclude(state="done").exclude(state="waiting").exists()


def test_a_run_is_ended_once(invoices):
    """Two workers judge at once, as when the first was away: one of the verdicts counts."""
    seen: list[str] = []
    both = threading.Barrier(2, timeout=30)

    def note(name: str) -> None:
        seen.append(name)
        if name == "settle-begun" and seen.count(name) <= 2:
            SyncChunk.objects.filter(kind="settle").update(lease_until="2020-01-01T00:00:00Z")
            if seen.count(name) == 1:
                other.append(begun(lambda: sync.join(SyncRun.objects.get().pk)))
            both.wait()

    other: list[Thread] = []
    _checkpoint.on_reached = note
    (run,) = sync.run([Invoice], details=False)
    other[0].outcome()
    assert run.state == State.COMPLETE
    # Where each takes it from the other, the next look is a third.
    assert seen.count("settle-begun") >= 2
    assert seen.count("run-finished") == 1


def test_single_rows_wait_for_their_turn_in_one_line(invoices, settings):
    settings.BLESTA = {**settings.BLESTA, "SINGLE_ROWS_PER_MINUTE": 60}
    turns = [begun(lambda: leases.turn_for(25, "default")) for _ in range(4)]
    waits = sorted(turn.outcome() for turn in turns)
    assert all(abs(wait - 25 * place) < 15 for place, wait in enumerate(waits)), waits
    settings.BLESTA = {**settings.BLESTA, "SINGLE_ROWS_PER_MINUTE": None}
    assert leases.turn_for(25, "default") == 0


def test_details_within_the_budget_are_fetched_and_the_others_left(invoices, settings):
    settings.BLESTA = {**settings.BLESTA, "SINGLE_ROWS_PER_MINUTE": 3000}
    (run,) = sync.run([Invoice])
    assert (run.state, run.details) == (State.COMPLETE, 63)
    settings.BLESTA = {**settings.BLESTA, "SINGLE_ROWS_PER_MINUTE": 4}
    Lease.objects.filter(name=leases.SINGLE_ROWS).delete()
    Invoice.objects.update(detail_fetched_at=None)
    (run,) = sync.run([Invoice])
    assert (run.state, run.details) == (State.COMPLETE, 20)


# --- through a broker ------------------------------------------------------------------------------------------

BROKER = pytest.mark.broker("redis", "rabbitmq")
SIMULATED = pytest.mark.parametrize("blesta_simulator", [{"clients": 8, "seed": 6}], indirect=True)


def environment(installation: Any) -> dict[str, str]:
    return {
        "BLESTA_URL": installation.url,
        "BLESTA_USER": installation.user,
        "BLESTA_KEY": installation.key,
        "BLESTA_REQUESTS_PER_SECOND": "none",
    }


@SIMULATED
@BROKER
def test_helpers_are_called_and_take_part(blesta, broker, start_worker: Callable[..., WorkerProcess]):
    blesta.switches.page_size = 1
    blesta.switches.latency = 0.01
    add_invoices(blesta, 150)
    worker = start_worker(concurrency=3, environ=environment(blesta))
    tasks.sync_all.apply_async(queue=broker.queue)
    assert worker.wait_for_line("sync_all", 60)
    assert worker.wait_for_line("work_on_run", 60), worker.log
    until = time.monotonic() + 240
    while not re.search(r"sync_all\[[^]]*\] succeeded", worker.log):
        assert time.monotonic() < until, worker.log
        time.sleep(0.1)
    assert set(SyncRun.objects.values_list("state", flat=True)) == {State.COMPLETE}, worker.log
    assert differences(blesta) == []
    workers = SyncChunk.objects.filter(run__resource="django_blesta.invoice").values_list("worker", flat=True)
    assert len(set(workers)) > 1


@SIMULATED
@BROKER
def test_the_same_task_delivered_twice_is_one_sync(blesta, broker, start_worker: Callable[..., WorkerProcess]):
    blesta.switches.latency = 0.02
    worker = start_worker(concurrency=3, environ=environment(blesta))
    for _ in range(2):
        tasks.sync_all.apply_async(queue=broker.queue, task_id="0f2b2c9e-1d0b-4b6a-9d55-0c1f3c9a7a11")
    tasks.sync_all.apply_async(queue=broker.queue)
    until = time.monotonic() + 120
    while worker.log.count("] succeeded in") < 3:
        assert "raised unexpected" not in worker.log, worker.log
        assert time.monotonic() < until, worker.log
        time.sleep(0.1)
    runs = Counter(SyncRun.objects.values_list("resource", flat=True))
    assert set(SyncRun.objects.values_list("state", flat=True)) == {State.COMPLETE}
    assert set(runs.values()) == {1}, runs
    assert differences(blesta) == []


@SIMULATED
@BROKER
def test_the_sweeper_goes_on_with_what_the_broker_forgot(
    blesta, broker, settings, start_worker: Callable[..., WorkerProcess]
):
    settings.BLESTA = {**settings.BLESTA, "LEASE_SECONDS": 1}
    dead = start(settings.BLESTA, "chunk-stored", 9, database=str(connection.settings_dict["NAME"]))
    dead.communicate(timeout=120)
    assert SyncRun.objects.filter(state=State.RUNNING).exists()
    until = time.monotonic() + 30
    while not sync.left_behind():
        assert time.monotonic() < until
        time.sleep(0.05)
    worker = start_worker(environ=environment(blesta))
    tasks.sweep.apply_async(queue=broker.queue)
    assert worker.wait_for_line("sync_all", 60), worker.log
    while sync.left_behind() or SyncRun.objects.filter(state=State.RUNNING).exists() or differences(blesta) != []:
        assert time.monotonic() < until + 120, worker.log
        time.sleep(0.1)
    assert set(SyncRun.objects.values_list("state", flat=True)) <= {State.COMPLETE, State.INTERRUPTED}
