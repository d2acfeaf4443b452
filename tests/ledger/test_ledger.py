"""Every write and every failure is written down, reads are sampled, sums are exact, and no value is kept anywhere."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_blesta import correlation, ledger, operations, sync
from django_blesta.connection import CallRecord, connection_for
from django_blesta.exceptions import BlestaError
from django_blesta.models import CallTally, Client, Contact, LoggedCall, SyncRun
from tests import rows

pytestmark = pytest.mark.django_db


def call(**columns: Any) -> CallRecord:
    facts: dict[str, Any] = {
        "model": "Clients",
        "method": "getList",
        "writes": False,
        "status": 200,
        "outcome": "ok",
        "tries": 1,
        "milliseconds": 12.4,
        "bytes": 100,
        "using": "default",
        "company_id": 1,
    }
    return CallRecord(**facts | columns)


def test_one_in_so_many_reads_is_kept_and_all_are_summed(settings: Any) -> None:
    settings.BLESTA = {**settings.BLESTA, "CALL_SAMPLE": 10}
    for _ in range(25):
        ledger.note(call())
    ledger.flush("default")

    assert LoggedCall.objects.count() == 3
    sums = CallTally.objects.aggregate(Sum("calls"), Sum("milliseconds"), Sum("bytes"), Sum("failed"))
    assert sums == {"calls__sum": 25, "milliseconds__sum": 300, "bytes__sum": 2500, "failed__sum": 0}


def test_first_read_of_each_kind_is_kept_of_every_run() -> None:
    for run_id in (1, 2):
        with correlation.within(run_id=run_id):
            for method in ("getList", "getListCount"):
                for _ in range(3):
                    ledger.note(call(method=method))
    ledger.flush("default")

    kept = LoggedCall.objects.values_list("run_id", "method")
    assert sorted(kept) == [(1, "getList"), (1, "getListCount"), (2, "getList"), (2, "getListCount")]


def test_every_failure_is_kept_and_counted_unless_it_is_an_answer() -> None:
    for outcome in ("Unavailable", "Rejected", "NoSuchResource", "Denied", "Misunderstood"):
        for _ in range(2):
            ledger.note(call(outcome=outcome, reason="because"))
    ledger.flush("default")

    assert LoggedCall.objects.count() == 10
    assert CallTally.objects.get().failed == 6


def test_write_is_written_down_at_once() -> None:
    ledger.note(call(writes=True, method="edit", names=("vars[email]", "contact_id"), codes=(("email", "valid"),)))

    kept = LoggedCall.objects.get()
    assert kept.writes
    assert kept.names == ["contact_id", "vars[email]"]
    assert kept.codes == [["email", "valid"]]


def test_sums_of_several_processes_are_added_up_in_one_row() -> None:
    for milliseconds in (10, 900, 20):
        ledger.note(call(milliseconds=milliseconds))
        ledger.flush("default")

    tally = CallTally.objects.get()
    assert (tally.calls, tally.milliseconds, tally.slowest) == (3, 930, 900)


def test_database_that_refuses_does_not_reach_the_caller(caplog: pytest.LogCaptureFixture) -> None:
    ledger.note(call(outcome="x" * 500))  # longer than its column, where the database minds
    ledger.note(call(status=2**70))
    with CaptureQueriesContext(connection):
        ledger.flush("default")

    assert "could not be written down" in caplog.text


def test_nothing_is_asked_of_the_database_while_a_read_is_noted(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        ledger.note(call())
        ledger.note(call(outcome="Unavailable"))


def test_memory_is_bounded_while_nothing_can_be_written_down() -> None:
    for _ in range(ledger.MOST_REMEMBERED + 50):
        ledger.note(call(outcome="Unavailable"))
    ledger.flush("default")

    assert LoggedCall.objects.count() == ledger.MOST_REMEMBERED
    assert CallTally.objects.get().failed == ledger.MOST_REMEMBERED + 50


def test_calls_from_many_threads_are_all_counted() -> None:
    threads = [threading.Thread(target=lambda: [ledger.note(call()) for _ in range(200)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.flush("default")

    assert CallTally.objects.aggregate(Sum("calls"))["calls__sum"] == 1600


def test_calls_and_sums_are_forgotten_after_their_days(settings: Any) -> None:
    settings.BLESTA = {**settings.BLESTA, "CALL_DAYS": 2}
    now = timezone.now()
    for days in (1, 3):
        at = now - timedelta(days=days)
        LoggedCall.objects.create(at=at, remote="Clients", method="get", outcome="ok")
        CallTally.objects.create(begins_at=at)

    assert ledger.prune("default") == 1
    assert LoggedCall.objects.count() == CallTally.objects.count() == 1


@pytest.mark.parametrize("blesta_simulator", [{"clients": 3}], indirect=True)
def test_calls_of_a_sync_are_linked_from_its_runs_whichever_thread_made_them(blesta: Any) -> None:
    with correlation.correlated("nightly"):
        sync.run([Client, Contact])

    runs = set(SyncRun.objects.values_list("pk", flat=True))
    kept = LoggedCall.objects.exclude(run_id=None)
    assert set(kept.values_list("run_id", flat=True)) == runs
    assert set(LoggedCall.objects.values_list("correlation_id", flat=True)) == {"nightly"}
    # Questions before the first run belong to no run, and the sums hold them all.
    assert CallTally.objects.aggregate(Sum("calls"))["calls__sum"] == len(blesta.requests)


def test_write_is_linked_from_its_operation_and_holds_no_value(blesta: Any) -> None:
    client = blesta.add_client(first_name="Ada")
    sync.run([Client, Contact])
    contact = Contact.objects.get(client_id=client["id"])

    with correlation.correlated("request-1"):
        result = operations.contacts.edit(contact, changes={"city": "Secretville"})

    kept = LoggedCall.objects.get(writes=True)
    assert kept.operation_id == result.operation.pk
    assert kept.correlation_id == result.operation.correlation_id == "request-1"
    assert all("Secretville" not in str(one) for one in LoggedCall.objects.values())
    assert kept.names


def test_failure_bears_its_reason(blesta: Any) -> None:
    blesta.switches.set(maintenance="503")
    with pytest.raises(BlestaError):
        connection_for().read("Clients", "getListCount", {})
    ledger.flush_all()

    kept = LoggedCall.objects.get()
    assert (kept.outcome, kept.reason, kept.status) == ("Unavailable", "maintenance", 503)


def test_staff_find_the_calls_of_a_run(staff_with: Callable[..., Any]) -> None:
    run = rows.run(Client)
    LoggedCall.objects.create(at=timezone.now(), remote="Clients", method="getList", outcome="ok", run_id=run.pk)
    LoggedCall.objects.create(at=timezone.now(), remote="Invoices", method="edit", outcome="Denied", writes=True)

    browser = staff_with("view_loggedcall", "view_syncrun")
    page = browser.get(f"/admin/django_blesta/syncrun/{run.pk}/change/").content.decode()
    assert f"loggedcall/?run_id={run.pk}" in page
    listed = browser.get("/admin/django_blesta/loggedcall/", {"run_id": run.pk}).content.decode()
    assert "Clients.getList" in listed
    assert "Invoices.edit" not in listed
    for query in ({"kind": "writes"}, {"outcome": "~ok"}, {"within": "1", "q": "edit"}):
        assert "Invoices.edit" in browser.get("/admin/django_blesta/loggedcall/", query).content.decode()
    blind = staff_with("view_syncrun").get(f"/admin/django_blesta/syncrun/{run.pk}/change/").content.decode()
    assert "loggedcall/" not in blind
