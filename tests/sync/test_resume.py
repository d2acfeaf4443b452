"""kill -9 at every named place of a run, then another run: nothing is lost, nothing is done twice."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from typing import Any

import pytest
from django.db import connection

from django_blesta import sync
from django_blesta.models import (
    AppliedAmount,
    Client,
    Contact,
    Invoice,
    SyncChunk,
    SyncRun,
    SyncScope,
    Transaction,
    User,
    mirrors,
)
from django_blesta.sync import _checkpoint
from tests.sync.comparison import differences
from tests.sync.ending import start
from tests.sync.meddling import add_invoices

State = SyncRun.State
NAMES = [name for name in _checkpoint.NAMES if name != "row-fetched"]
#: The first time, and later ones; more of them in `make faults`.
TIMES = [int(times) for times in os.environ.get("BLESTA_FAULT_KILLS", "1,4").split(",")]
#: What no run reaches so often; the second sync below has one or two rows to mark.
RARE = {"gone-marked": 1, "settle-planned": 2}
MIRRORS = (Client, Contact, User, Invoice, Transaction, AppliedAmount)


@pytest.fixture
def setting(blesta, settings) -> dict[str, Any]:
    settings.BLESTA = {**settings.BLESTA, "LEASE_SECONDS": 1, "READ_TRIES": 1}
    blesta.switches.page_size = 5
    return dict(settings.BLESTA)


def killed(setting: dict[str, Any], name: str, times: int, *names: str) -> int:
    process = start(setting, name, times, *names, database=str(connection.settings_dict["NAME"]))
    output, _ = process.communicate(timeout=120)
    assert process.returncode in {0, -signal.SIGKILL}, output
    return process.returncode


def run_when_free(*models: Any) -> list[SyncRun]:
    """As the next beat does; what the dead process held runs out after a second."""
    until = time.monotonic() + 30
    while True:
        try:
            return sync.run(models or None)
        except sync.AlreadyRunning:
            assert time.monotonic() < until
            time.sleep(0.05)  # the lease is counted by the database's clock, which nobody here can turn


def counts() -> Counter[str]:
    present = {model._meta.label_lower: model._base_manager.count() for model in mirrors()}
    return Counter(present)


def sums(of: str, since: int) -> Counter[str]:
    found: Counter[str] = Counter()
    for resource, number in SyncRun.objects.filter(pk__gt=since).values_list("resource", of):
        found[resource] += number
    return found


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("blesta_simulator", [{"clients": 4, "seed": 9}], indirect=True)
def test_a_run_that_was_killed_is_gone_on_with(blesta, setting, name, times):
    assert {run.state for run in sync.run()} == {State.COMPLETE}
    before, since = counts(), SyncRun.objects.latest("pk").pk
    with blesta.state.lock:
        client = blesta.add_client(first_name="New")
        for amount in ("5.0000", "6.0000"):
            invoice = blesta.add_invoice(client["id"], [{"amount": amount}])
            blesta.add_transaction(client["id"], amount, invoice_id=invoice["id"])
        blesta.state.delete("invoices", 2)
        blesta.state.update("clients", 1, status="fraud")

    names = [str(model._meta.model_name) for model in MIRRORS]
    assert killed(setting, name, min(times, RARE.get(name, times)), *names) == -signal.SIGKILL
    last = run_when_free(*MIRRORS)

    assert {run.state for run in last} == {State.COMPLETE}, [(run.resource, run.error) for run in last]
    assert differences(blesta) == ["invoices 2: not in Blesta"]
    assert Invoice.objects.get(pk=2).is_gone
    ended = {State.COMPLETE, State.INTERRUPTED}
    assert set(SyncRun.objects.values_list("state", flat=True)) <= ended
    assert not SyncScope.objects.exclude(run=None).exists()
    created, after = sums("created", since), counts()
    for resource in created:
        assert created[resource] == after[resource] - before[resource], resource
    assert sums("gone", since).total() == 1
    assert sums("changed", since)["django_blesta.client"] == 1
    assert sum(run.created + run.changed + run.removed for run in sync.run(MIRRORS)) == 0


@pytest.mark.django_db(transaction=True)
def test_a_chunk_that_is_done_is_not_fetched_again(blesta, setting):
    blesta.switches.page_size = 1
    add_invoices(blesta, 63)
    # The first is the page that the plan brought, the second is pages 62 to 38.
    assert killed(setting, "chunk-done", 2, "invoice") == -signal.SIGKILL
    done = SyncChunk.objects.filter(state=SyncChunk.State.DONE).values_list("work", flat=True)
    assert [(work["first"], work["last"]) for work in done] == [(63, 63), (62, 38)]
    blesta.requests.clear()

    (run,) = run_when_free(Invoice)

    assert (run.state, run.created, run.fetched) == (State.COMPLETE, 63, 63)
    pages = Counter(int(r.arguments["page"]) for r in blesta.requests if (r.model, r.method) == ("Invoices", "getList"))
    assert pages == Counter([*range(1, 38), 63])
    assert sums("created", 0)["django_blesta.invoice"] == 63


@pytest.mark.django_db(transaction=True)
def test_a_run_that_died_long_ago_is_written_off(blesta, setting):
    add_invoices(blesta, 20)
    killed(setting, "chunk-done", 1, "invoice")
    killed(setting, "settle-begun", 1, "invoice")
    run_when_free(Invoice)
    SyncRun.objects.update(state=State.RUNNING, started_at="2020-01-01T00:00:00Z", company_id=77)
    sync.run([Invoice])
    assert set(SyncRun.objects.values_list("state", flat=True)) == {State.COMPLETE, State.INTERRUPTED}


@pytest.mark.django_db(transaction=True)
def test_a_chunk_that_kills_whoever_takes_it_is_given_up(blesta, setting):
    blesta.switches.page_size = 1
    add_invoices(blesta, 40)
    deaths = 0
    while deaths < 5:
        deaths += killed(setting, "chunk-fetched", 1, "invoice") == -signal.SIGKILL
    (run,) = run_when_free(Invoice)
    assert run.state == State.PARTIAL
    assert "given up" in run.error
    # The chunk that was on its way behind the deadly one is not given up with it.
    assert Invoice.objects.count() == 15
    assert run_when_free(Invoice)[0].state == State.COMPLETE
    assert Invoice.objects.count() == 40
