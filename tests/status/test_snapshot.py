"""What the snapshot concludes from runs, rows, quarantine and journal."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_blesta import status, sync
from django_blesta.exceptions import BlestaError
from django_blesta.models import (
    Client,
    Company,
    Contact,
    Invoice,
    InvoiceLine,
    Lease,
    Operation,
    QuarantinedRow,
    SyncRun,
    mirrors,
)
from django_blesta.operations import state_of
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


def hold_the_lease(until: timedelta = timedelta(minutes=5)) -> None:
    Lease.objects.create(name="sync", holder="somebody", until=NOW() + until, since=NOW())


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


# What strikes every question alike, told by one run.
EVERYWHERE = [
    ("Denied", Connected.DENIED, Level.BAD),
    ("denied", Connected.DENIED, Level.BAD),
    ("not-blesta", Connected.MISUNDERSTOOD, Level.BAD),
    ("maintenance", Connected.MAINTENANCE, Level.WARNING),
    ("unreachable", Connected.UNREACHABLE, Level.BAD),
    ("blocked", Connected.BLOCKED, Level.BAD),
    ("throttled", Connected.THROTTLED, Level.WARNING),
    ("NotConfigured", Connected.MISCONFIGURED, Level.BAD),
    ("redirected", Connected.MISCONFIGURED, Level.BAD),
    ("foreign-installation", Connected.MISCONFIGURED, Level.BAD),
]
# What may be so of one resource alone.
SOMEWHERE = [
    ("failing", Connected.FAILING),
    ("not-callable", Connected.NOT_CALLABLE),
    ("no-such-resource", Connected.MISUNDERSTOOD),
    ("html", Connected.MISUNDERSTOOD),
    ("not-json", Connected.MISUNDERSTOOD),
    ("misfit", Connected.MISUNDERSTOOD),
    ("a kind of next year", Connected.MISUNDERSTOOD),
]


@pytest.mark.parametrize(
    ("kind", "state", "level"), [*EVERYWHERE, *((kind, Connected.OK, Level.WARNING) for kind, _state in SOMEWHERE)]
)
def test_connection_is_told_by_the_kind_of_the_last_error(kind: str, state: Connected, level: Level) -> None:
    all_read()
    rows.run(Client, State.FAILED, error="It failed.", error_kind=kind)

    found = snapshot()

    assert found.connection.state is state
    assert found.verdict is level
    assert len(found.troubles) == 1
    assert all(trouble.sentence and trouble.advice for trouble in found.troubles)


@pytest.mark.parametrize(("kind", "state"), [*((kind, state) for kind, state, _level in EVERYWHERE), *SOMEWHERE])
def test_connection_is_told_by_the_first_question_when_that_got_no_answer(kind: str, state: Connected) -> None:
    all_read()
    rows.run(Company, State.FAILED, company_id=None, error="It failed.", error_kind=kind)

    found = snapshot()

    assert found.connection.state is state
    (trouble,) = found.troubles
    assert trouble.sentence
    assert trouble.advice


@pytest.mark.parametrize(("kind", "state"), SOMEWHERE)
def test_connection_is_not_good_when_only_the_companies_were_answered(kind: str, state: Connected) -> None:
    all_read(started_at=NOW() - timedelta(hours=2))
    batch = uuid.uuid4()
    rows.run(Company, batch=batch)
    for model in (Client, Invoice):
        rows.run(model, State.FAILED, batch=batch, error="It failed.", error_kind=kind)

    found = snapshot()

    assert found.connection.state is state
    assert found.connection.error == "It failed."
    assert codes(found) == [state.value]


def test_connection_is_good_when_any_other_mirror_was_answered_in_the_same_sync() -> None:
    all_read()
    batch = uuid.uuid4()
    for model in (Company, Contact):
        rows.run(model, batch=batch)
    for model in (Client, Invoice):
        rows.run(model, State.FAILED, batch=batch, error="It failed.", error_kind="failing")

    found = snapshot()

    assert found.connection.state is Connected.OK
    assert codes(found) == ["run-failed", "run-failed"]


@pytest.mark.parametrize("kind", ["html", "not-blesta", "wrong-content-type"])
def test_advice_is_about_the_url_when_something_else_than_blesta_answers(kind: str) -> None:
    rows.run(Company, State.FAILED, company_id=None, error="It failed.", error_kind=kind)

    assert "URL" in snapshot().troubles[0].advice


def test_connection_is_dated_by_the_first_of_the_runs_that_say_so() -> None:
    now = NOW()
    for minutes, kind in ((50, ""), (40, "maintenance"), (30, "Denied"), (20, "Denied"), (10, "Denied")):
        state = State.FAILED if kind else State.COMPLETE
        rows.run(Client, state, started_at=now - timedelta(minutes=minutes), error_kind=kind)
    rows.run(Client, State.RUNNING, started_at=now, finished_at=None)

    assert snapshot().connection.since == now - timedelta(minutes=30)


@pytest.mark.parametrize(("seconds", "told"), [(5, "for less than a minute."), (125, "for 2\xa0minutes.")])
def test_trouble_says_how_long_it_has_lasted(seconds: int, told: str) -> None:
    started = NOW() - timedelta(seconds=seconds)
    rows.run(Company, State.FAILED, company_id=None, started_at=started, error_kind="maintenance")

    assert f"under maintenance {told}" in str(snapshot().troubles[0].sentence)


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
    hold_the_lease()
    rows.run(Client, state, started_at=NOW() - age, error="" if state != State.PARTIAL else "Halfway.")

    (trouble,) = snapshot().troubles

    assert (trouble.code, trouble.resource) == (code, "django_blesta.client")


def test_run_under_way_is_no_trouble() -> None:
    all_read()
    hold_the_lease()
    rows.run(Client, State.RUNNING, finished_at=None)

    assert snapshot().verdict is Level.GOOD


@pytest.mark.parametrize("age", [timedelta(seconds=5), timedelta(hours=7)])
@pytest.mark.parametrize("until", [None, timedelta(seconds=-1)])
def test_run_that_nobody_works_on_is_a_trouble_at_once(age: timedelta, until: timedelta | None) -> None:
    all_read()
    if until is not None:
        hold_the_lease(until)
    rows.run(Client, State.RUNNING, finished_at=None, started_at=NOW() - age)

    (trouble,) = snapshot().troubles

    assert (trouble.level, trouble.code) == (Level.WARNING, "left-behind")
    assert "Clients" in trouble.sentence
    assert "blesta_sync" in trouble.advice
    assert "django_blesta.sweep" in trouble.advice


def test_first_run_of_all_is_a_trouble_when_nobody_works_on_it() -> None:
    rows.run(Client, State.RUNNING, finished_at=None)

    assert "left-behind" in codes(snapshot())


def test_suspect_run_is_bad_at_once_whatever_befell_another_company(settings: Any) -> None:
    pair = {"USER": "site", "KEY": "key"}
    settings.BLESTA = {"URL": "https://billing.example.com/", "COMPANIES": {1: pair, 2: pair}}
    for company in (1, 2):
        all_read(company_id=company)
    rows.run(Client, State.SUSPECT, company_id=1, error="Half is missing.")
    rows.run(Client, State.INTERRUPTED, company_id=2)

    (trouble,) = snapshot().troubles

    assert (trouble.level, trouble.code) == (Level.BAD, "suspect")
    assert "Half is missing." in trouble.sentence
    assert "blesta_sync" in trouble.advice


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
        ("needs_human", 0),
        ("reconciling", 0),
        ("sending", 0),
        ("queued", 0),
        ("pending", 0),
        ("failed", 1),
        ("succeeded", 2),
    ]
    assert codes(found) == ["operations-unknown"]


def test_operation_on_its_way_is_a_trouble_once_its_process_must_be_dead(settings: Any) -> None:
    settings.BLESTA = {**settings.BLESTA, "READ_DEADLINE": 30, "WRITE_DEADLINE": 90}
    all_read()
    made = Operation.objects.create(token="t", kind="contacts.edit", state="sending", created_at=NOW(), sent_at=NOW())
    assert codes(snapshot()) == []

    made.sent_at = NOW() - timedelta(minutes=5)
    made.save()
    assert state_of(made) is Operation.State.UNKNOWN
    assert codes(snapshot()) == ["operations-sending"]


def test_troubles_come_worst_first() -> None:
    all_read()
    Operation.objects.create(token="t", kind="contacts.edit", state="unknown", created_at=NOW())
    rows.run(Client, State.FAILED, error_kind="Denied")

    assert [trouble.level for trouble in snapshot().troubles] == [Level.BAD, Level.WARNING]


def test_complete_run_far_back_is_found_when_hundreds_failed_since(monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert few <= len(mirrors()) + 16


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        ("key", Connected.DENIED),
        ("maintenance", Connected.MAINTENANCE),
        ("stopped", Connected.UNREACHABLE),
        ("failing", Connected.FAILING),
        ("page", Connected.MISUNDERSTOOD),
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
    elif trouble == "page":
        blesta.fail(times=9, status=200, body="<h1>Welcome</h1>")
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
