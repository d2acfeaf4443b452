"""What the snapshot concludes from runs, rows, quarantine and journal."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_blesta import sync
from django_blesta.exceptions import BlestaError
from django_blesta.models import Client, Company, Invoice, InvoiceLine, Operation, QuarantinedRow, SyncRun, mirrors
from django_blesta.status import Connected, Level, Snapshot, snapshot
from tests import rows

pytestmark = pytest.mark.django_db
State = SyncRun.State
NOW = timezone.now


def all_read(**columns: Any) -> None:
    for model in mirrors():
        if not model.resource.embedded_in:
            rows.run(model, **columns)


def of(found: Snapshot, model: Any) -> Any:
    return next(one for one in found.resources if one.name == model._meta.label_lower)


def codes(found: Snapshot) -> list[str]:
    return [trouble.code for trouble in found.troubles]


def test_verdict_is_good_when_every_mirror_was_read_lately() -> None:
    all_read()

    found = snapshot()

    assert found.verdict is Level.GOOD
    assert found.connection.state is Connected.OK
    assert codes(found) == []


def test_connection_is_never_when_nothing_ran() -> None:
    found = snapshot()

    assert found.connection.state is Connected.NEVER
    assert found.connection.since is None
    assert codes(found) == ["never"]


@pytest.mark.parametrize(
    ("kind", "state", "level"),
    [
        ("Denied", Connected.DENIED, Level.BAD),
        ("denied", Connected.DENIED, Level.BAD),
        ("not-blesta", Connected.MISCONFIGURED, Level.BAD),
        ("maintenance", Connected.MAINTENANCE, Level.WARNING),
        ("unreachable", Connected.UNREACHABLE, Level.BAD),
        ("blocked", Connected.UNREACHABLE, Level.BAD),
        ("throttled", Connected.UNREACHABLE, Level.BAD),
        ("NotConfigured", Connected.MISCONFIGURED, Level.BAD),
        ("redirected", Connected.MISCONFIGURED, Level.BAD),
        ("not-json", Connected.OK, Level.WARNING),
        ("failing", Connected.OK, Level.WARNING),
        ("a kind of next year", Connected.OK, Level.WARNING),
    ],
)
def test_connection_is_told_by_the_kind_of_the_last_error(kind: str, state: Connected, level: Level) -> None:
    all_read()
    rows.run(Client, State.FAILED, error="It failed.", error_kind=kind)

    found = snapshot()

    assert found.connection.state is state
    assert found.verdict is level
    assert len(found.troubles) == 1
    assert all(trouble.sentence and trouble.advice for trouble in found.troubles)


def test_connection_is_dated_by_the_first_of_the_runs_that_say_so() -> None:
    now = NOW()
    for minutes, kind in ((50, ""), (40, "maintenance"), (30, "Denied"), (20, "Denied"), (10, "Denied")):
        state = State.FAILED if kind else State.COMPLETE
        rows.run(Client, state, started_at=now - timedelta(minutes=minutes), error_kind=kind)
    rows.run(Client, State.RUNNING, started_at=now, finished_at=None)

    assert snapshot().connection.since == now - timedelta(minutes=30)


def test_configuration_problem_is_bad_and_named(settings: Any) -> None:
    all_read()
    settings.BLESTA = {"URL": "https://billing.example.com/", "USER": "site"}

    found = snapshot()

    assert found.connection.state is Connected.MISCONFIGURED
    assert found.verdict is Level.BAD
    assert found.troubles[0].code == "misconfigured"
    assert "KEY" in found.troubles[0].sentence


def test_snapshot_is_of_the_setting_alone_when_the_alias_has_no_database(settings: Any) -> None:
    settings.BLESTA = {"elsewhere": {"URL": "https://billing.example.com/", "USER": "site", "KEY": "key"}}

    found = snapshot("elsewhere")

    assert codes(found) == ["misconfigured"]
    assert found.resources == ()


def test_rows_and_gone_rows_are_counted_apart() -> None:
    person = rows.client()
    rows.client()
    rows.client(gone_at=NOW())
    rows.line(rows.invoice(person))

    found = snapshot()

    assert (of(found, Client).rows, of(found, Client).gone) == (2, 1)
    assert of(found, InvoiceLine).rows == 1
    assert of(found, InvoiceLine).arrives_with == "invoices"
    assert found.rows == 4


def test_last_complete_run_stays_known_when_later_runs_fail() -> None:
    complete = rows.run(Client, started_at=NOW() - timedelta(hours=2), created=7)
    rows.run(Client, State.PARTIAL, error="Page 3 came back empty.", created=1, changed=2)

    one = of(snapshot(), Client)

    assert one.complete_at == complete.finished_at
    assert (one.state, one.created, one.changed, one.error) == ("partial", 1, 2, "Page 3 came back empty.")


def test_resource_is_as_old_as_its_company_that_is_furthest_behind(settings: Any) -> None:
    pair = {"USER": "site", "KEY": "key"}
    settings.BLESTA = {"URL": "https://billing.example.com/", "COMPANIES": {1: pair, 2: pair}}
    rows.run(Client, company_id=1)
    old = rows.run(Client, company_id=2, started_at=NOW() - timedelta(days=3))
    rows.run(Client, company_id=9, started_at=NOW() - timedelta(days=90))
    rows.run(Invoice, company_id=1)

    found = snapshot()

    assert of(found, Client).complete_at == old.finished_at
    assert of(found, Client).late
    assert of(found, Invoice).complete_at is None


def test_resource_is_late_when_its_complete_run_is_older_than_asked_for() -> None:
    all_read(started_at=NOW() - timedelta(hours=3))

    assert snapshot().verdict is Level.GOOD
    found = snapshot(late_after=timedelta(hours=2))
    assert codes(found) == ["late"]
    assert found.verdict is Level.WARNING


@pytest.mark.parametrize(
    ("state", "age", "code"),
    [
        (State.INTERRUPTED, timedelta(minutes=5), "interrupted"),
        (State.RUNNING, timedelta(hours=7), "stuck"),
        (State.PARTIAL, timedelta(minutes=5), "run-failed"),
        (State.SUSPECT, timedelta(minutes=5), "suspect"),
    ],
)
def test_run_that_did_not_end_well_is_a_trouble_of_its_resource(state: str, age: timedelta, code: str) -> None:
    all_read()
    rows.run(Client, state, started_at=NOW() - age, error="" if state != State.PARTIAL else "Halfway.")

    (trouble,) = snapshot().troubles

    assert (trouble.code, trouble.resource) == (code, "django_blesta.client")


def test_run_under_way_is_no_trouble() -> None:
    all_read()
    rows.run(Client, State.RUNNING, finished_at=None)

    assert snapshot().verdict is Level.GOOD


def test_quarantined_rows_are_counted_by_resource_and_in_sum() -> None:
    all_read()
    for number in range(3):
        QuarantinedRow.objects.create(
            resource="django_blesta.invoice", remote_id=str(number), code="null", last_seen_at=NOW()
        )

    found = snapshot()

    assert found.quarantined == of(found, Invoice).quarantined == 3
    assert codes(found) == ["quarantined"]


def test_operations_are_counted_with_unknown_first() -> None:
    all_read()
    for number, state in enumerate(["succeeded", "succeeded", "unknown", "failed"]):
        Operation.objects.create(token=str(number), kind="contacts.edit", state=state, created_at=NOW())

    found = snapshot()

    assert [(one.state, one.count) for one in found.operations] == [
        ("unknown", 1),
        ("sending", 0),
        ("pending", 0),
        ("failed", 1),
        ("succeeded", 2),
    ]
    assert codes(found) == ["operations-unknown"]


def test_operation_on_its_way_is_a_trouble_only_when_it_takes_too_long() -> None:
    all_read()
    made = Operation.objects.create(token="t", kind="contacts.edit", state="sending", created_at=NOW())
    assert codes(snapshot()) == []

    made.created_at = NOW() - timedelta(hours=1)
    made.save()
    assert codes(snapshot()) == ["operations-sending"]


def test_troubles_come_worst_first() -> None:
    all_read()
    Operation.objects.create(token="t", kind="contacts.edit", state="unknown", created_at=NOW())
    rows.run(Client, State.FAILED, error_kind="Denied")

    assert [trouble.level for trouble in snapshot().troubles] == [Level.BAD, Level.WARNING]


def test_complete_run_far_back_is_found_when_hundreds_failed_since(monkeypatch: pytest.MonkeyPatch) -> None:
    from django_blesta import status

    monkeypatch.setattr(status, "LOOK_BACK", 40)
    all_read(started_at=NOW() - timedelta(hours=5))
    complete = SyncRun.objects.get(resource="django_blesta.client")
    for _ in range(60):
        rows.run(Client, State.FAILED, error_kind="failing", error="500")

    found = snapshot()

    assert of(found, Client).complete_at == complete.finished_at
    assert of(found, Invoice).complete_at is not None
    assert codes(found) == ["run-failed"]


def test_snapshot_takes_as_many_queries_when_rows_and_runs_multiply() -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            snapshot()
        return len(captured)

    all_read()
    rows.one_of_each(1)
    few = count()
    for _ in range(10):
        all_read()
    rows.one_of_each(10)

    assert count() == few
    assert few <= len(mirrors()) + 8


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        ("key", Connected.DENIED),
        ("maintenance", Connected.MAINTENANCE),
        ("stopped", Connected.UNREACHABLE),
        ("failing", Connected.UNREACHABLE),
    ],
)
@pytest.mark.parametrize("blesta_simulator", [{"clients": 2}], indirect=True)
def test_connection_is_told_after_a_real_sync_failed_at_its_first_question(
    trouble: str, state: Connected, blesta: Any, settings: Any
) -> None:
    sync.run()
    assert snapshot().verdict is Level.GOOD
    if trouble == "key":
        settings.BLESTA = {**settings.BLESTA, "KEY": "wrong"}
    elif trouble == "failing":
        blesta.fail(times=9, status=500, body="<h1>It broke</h1>")
    elif trouble == "maintenance":
        blesta.switches.maintenance = "503"
    else:
        blesta.stop()
    settings.BLESTA = {**settings.BLESTA, "READ_TRIES": 1}
    with pytest.raises(BlestaError):
        sync.run()

    found = snapshot()

    assert found.connection.state is state
    assert len(found.troubles) == 1
    assert of(found, Company).complete_at is not None


NO_NETWORK = """
import socket, sys
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django_blesta"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    BLESTA={"URL": "https://billing.example.com/", "USER": "site", "KEY": "key"},
    USE_TZ=True,
)
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
def refuse(*args, **kwargs):
    raise AssertionError("a socket was opened")
socket.socket.connect = refuse
from django_blesta.status import snapshot
assert snapshot().connection.state == "never"
assert "requests" not in sys.modules, "requests was imported"
assert "urllib3" not in sys.modules, "urllib3 was imported"
"""


def test_snapshot_opens_no_socket_and_imports_no_http() -> None:
    environ = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    ended = subprocess.run(  # noqa: S603  (our own program text)
        [sys.executable, "-c", NO_NETWORK], env=environ, capture_output=True, text=True, timeout=120, check=False
    )

    assert ended.returncode == 0, ended.stderr
