"""Traffic, numbers, certificates, drift, and which trouble makes the headline."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from django_blesta.models import CallTally, Census, Certificate, Change, Client, Delivery, Invoice, Operation, SyncRun
from django_blesta.status import Connected, Level, snapshot
from django_blesta.status.report import as_dict
from django_blesta.sync.surroundings import count_rows
from tests import rows
from tests.status.test_snapshot import all_read, codes, of

pytestmark = pytest.mark.django_db
NOW = timezone.now


def tally(*, calls: int, failed: int = 0, average: int = 50, ago: float = 60) -> None:
    CallTally.objects.create(
        begins_at=NOW() - timedelta(seconds=ago),
        calls=calls,
        failed=failed,
        milliseconds=calls * average,
        slowest=2 * average,
    )


def test_traffic_is_that_of_a_day() -> None:
    tally(calls=10, ago=3600)
    tally(calls=20, failed=1, average=100)
    tally(calls=99, ago=90_000)

    found = snapshot().traffic

    assert found is not None
    assert (found.calls, found.failed, found.average) == (30, 1, 83)
    assert [one.calls for one in found.stretches] == [10, 20]


def test_slow_answers_make_the_connection_slow() -> None:
    all_read()
    tally(calls=20, average=2500)

    found = snapshot()

    assert found.connection.state is Connected.SLOW
    assert codes(found) == ["slow"]
    assert "2.5 seconds" in found.troubles[0].sentence


def test_share_of_failed_calls_is_a_trouble_unless_the_runs_say_more() -> None:
    all_read()
    tally(calls=20, failed=5)
    assert codes(snapshot()) == ["calls-failing"]

    rows.run(Client, SyncRun.State.FAILED, error_kind="Denied")
    assert codes(snapshot()) == ["denied"]


def test_few_calls_say_nothing() -> None:
    all_read()
    tally(calls=5, failed=5, average=9000)

    assert codes(snapshot()) == []


def test_large_mirror_is_told_by_the_last_count_and_small_ones_are_counted() -> None:
    rows.client()
    Census.objects.create(resource="django_blesta.invoice", rows=1_000_000, gone=10, detailed=250_000, counted_at=NOW())
    Census.objects.create(resource="django_blesta.client", rows=7, counted_at=NOW())

    found = snapshot()

    invoices, clients = of(found, Invoice), of(found, Client)
    assert (invoices.rows, invoices.gone, invoices.coverage) == (999_990, 10, 0.25)
    assert invoices.counted_at is not None
    assert (clients.rows, clients.counted_at) == (1, None)


def test_count_finds_rows_with_detail_and_gone_ones() -> None:
    invoice = rows.invoice(rows.client())
    rows.invoice(rows.client(), detail_fetched_at=NOW())
    Client.objects.filter(pk=invoice.client_id).update(gone_at=NOW())
    count_rows("default", [Invoice, Client])

    counted = Census.objects.get(resource="django_blesta.invoice")
    assert (counted.rows, counted.detailed) == (2, 1)
    assert Census.objects.get(resource="django_blesta.client").gone == 1


def certificate(*, holds: bool, resource: str = "django_blesta.invoice", **columns: Any) -> None:
    facts = {"kind": "whole", "started_at": NOW(), "finished_at": NOW(), "company_id": 1}
    Certificate.objects.create(resource=resource, holds=holds, **facts | columns)


def test_newest_certificate_of_each_mirror_counts() -> None:
    all_read()
    certificate(holds=False)
    assert codes(snapshot()) == ["differs"]
    certificate(holds=True)
    certificate(holds=True, resource="django_blesta.client")

    found = snapshot()

    assert codes(found) == []
    assert found.certified.holds
    assert found.certified.resources == 2


def test_most_telling_trouble_makes_the_headline() -> None:
    all_read(started_at=NOW() - timedelta(days=3))
    rows.run(Client, SyncRun.State.SUSPECT, error="70 of 80 rows are missing.")
    Operation.objects.create(token="t", kind="invoices.create", state="needs_human", created_at=NOW())

    found = snapshot()

    assert codes(found)[:3] == ["suspect", "operations-human", "late"]
    assert found.headline is not None
    assert "70 of 80" in found.headline.sentence


def test_settled_operations_of_long_ago_are_not_counted() -> None:
    for days in (1, 8):
        at = NOW() - timedelta(days=days)
        Operation.objects.create(token=str(days), kind="contacts.edit", state="succeeded", created_at=at)

    assert next(one.count for one in snapshot().operations if one.state == "succeeded") == 1


def run_command(*words: str) -> tuple[str, int]:
    out = StringIO()
    try:
        call_command("blesta_status", *words, stdout=out, no_color=True)
    except SystemExit as ended:
        return out.getvalue(), int(ended.code or 0)
    return out.getvalue(), 0


def test_command_tells_by_its_exit_code() -> None:
    all_read()
    text, code = run_command()
    assert code == 0
    assert text.startswith("All is well")

    rows.run(Client, SyncRun.State.PARTIAL, error="Page 3 came back empty.")
    text, code = run_command()
    assert code == 1
    assert "Page 3 came back empty." in text

    rows.run(Client, SyncRun.State.FAILED, error_kind="Denied")
    text, code = run_command("--brief")
    assert code == 2
    assert "USER and KEY" in text
    assert "last complete run" not in text


def test_command_prints_json_that_holds_no_secret(settings: Any) -> None:
    settings.BLESTA = {**settings.BLESTA, "KEY": "verysecretkey"}
    all_read()
    tally(calls=3)

    text, code = run_command("--json")

    found = json.loads(text)
    assert code == 0
    assert found["verdict"] == "good"
    assert found["resources"]["django_blesta.invoice"]["late"] is False
    assert found["traffic"]["calls"] == 3
    assert "verysecretkey" not in text
    assert found.keys() == as_dict(snapshot()).keys()


def test_command_names_the_installations_that_there_are() -> None:
    with pytest.raises(CommandError, match="there are: default"):
        run_command("--database", "elsewhere")


def test_level_is_an_exit_code_of_monitoring() -> None:
    assert [level.value for level in Level] == [0, 1, 2]


def delivered(*, hours: float) -> None:
    Delivery.objects.create(event="Invoices.add", state="resolved", received_at=NOW() - timedelta(hours=hours))


def changed(number: int, *, hours: float, resource: str = "django_blesta.invoice") -> None:
    for pk in range(number):
        at = NOW() - timedelta(hours=hours)
        Change.objects.create(resource=resource, remote_id=str(pk), column="status", at=at, cause="command")


def test_webhooks_are_silent_when_rows_change_and_none_comes() -> None:
    all_read()
    delivered(hours=8)
    changed(5, hours=2)

    assert codes(snapshot()) == ["webhooks-silent"]


@pytest.mark.parametrize(
    ("delivery", "number", "hours"),
    [(None, 9, 2), (5, 9, 2), (8, 4, 2), (8, 9, 9)],
    ids=["never", "lately", "few", "old"],
)
def test_webhooks_are_not_silent_when(delivery: float | None, number: int, hours: float) -> None:
    all_read()
    if delivery is not None:
        delivered(hours=delivery)
    changed(number, hours=hours)

    assert codes(snapshot()) == []


def test_one_row_that_changes_often_is_no_silence() -> None:
    all_read()
    delivered(hours=8)
    for _ in range(9):
        changed(1, hours=2)

    assert codes(snapshot()) == []
