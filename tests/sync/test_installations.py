"""Two Blesta installations in two databases, and two companies in one: nothing of the one is found in the other."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, connections

from django_blesta import sync, tasks
from django_blesta.freshness import as_of
from django_blesta.models import Change, Client, Invoice, Lease, SyncRun, mirrors
from django_blesta.sync import leases
from django_blesta.testing.simulator import Simulator
from tests.sync.comparison import differences

pytestmark = pytest.mark.django_db(databases=["default", "other"])
State = SyncRun.State
SQLITE = {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": {"transaction_mode": "IMMEDIATE"}}


@pytest.fixture(scope="module", autouse=True)
def second_database(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Before any test begins its transactions, which are on this database, too."""
    file = tmp_path_factory.mktemp("other") / "other.sqlite3"
    wanted = {"default": dict(connection.settings_dict), "other": {**SQLITE, "NAME": str(file)}}
    connections.databases["other"] = connections.configure_settings(wanted)["other"]
    with django_db_blocker.unblock():
        call_command("migrate", database="other", verbosity=0)
        connections["other"].close()
        yield
        connections["other"].close()
    del connections["other"]
    del connections.databases["other"]


@pytest.fixture
def other(blesta: Simulator, settings: Any) -> Iterator[Simulator]:
    """A second installation, to be mirrored into the second database."""
    with Simulator(clients=7, seed=41) as simulator:
        two = {**simulator.settings(), "REQUESTS_PER_SECOND": None}
        settings.BLESTA = {"default": dict(settings.BLESTA), "other": two}
        yield simulator


def untouched(*arguments: Any) -> Any:
    raise AssertionError(f"The other installation's database was asked: {arguments[1]}")


def ids(simulator: Simulator, table: str) -> set[int]:
    return set(simulator.state.tables[table])


@pytest.mark.parametrize("blesta_simulator", [{"clients": 4, "seed": 40}], indirect=True)
class TestInstallations:
    def test_each_is_mirrored_into_its_own_database_which_alone_is_touched(self, blesta, other):
        with connections["default"].execute_wrapper(untouched):
            call_command("blesta_sync", "--database", "other", stdout=io.StringIO())
            row = Invoice.objects.using("other").first()
            assert as_of(row) <= SyncRun.objects.using("other").latest("pk").finished_at
            other.state.update("invoices", row.pk, status="void")
            tasks.refresh("invoice", row.pk, using="other")
            tasks.prune(using="other")
        assert Client.objects.using("other").count() == 7
        assert set(Invoice.objects.using("other").values_list("pk", flat=True)) == ids(other, "invoices")
        assert Change.objects.using("other").filter(column="status", new="void").count() == 1
        assert not any(model._base_manager.exists() for model in mirrors())
        assert not SyncRun.objects.exists()

        with connections["other"].execute_wrapper(untouched):
            assert {run.state for run in sync.run()} == {State.COMPLETE}
        assert differences(blesta) == []
        assert Client.objects.count() == 4
        assert not Change.objects.exists()

    def test_tasks_and_the_sweeper_take_each_by_its_alias(self, blesta, other):
        with connections["default"].execute_wrapper(untouched):
            tasks.sync_all(using="other")
        assert SyncRun.objects.using("other").filter(cause="task", state=State.COMPLETE).exists()
        assert not sync.left_behind("other")
        Lease.objects.using("other").update(holder="dead", until="2020-01-01T00:00:00Z")
        assert sync.left_behind("other")
        assert not sync.left_behind("default")
        schedule = tasks.beat_schedule()
        for task in (tasks.SYNC_ALL, tasks.PRUNE):
            aliases = [entry["kwargs"]["using"] for entry in schedule.values() if entry["task"] == task]
            assert sorted(aliases) == ["default", "other"]

    def test_a_sync_of_one_does_not_keep_the_other_waiting(self, blesta, other):
        with leases.leased("other"):
            with pytest.raises(sync.AlreadyRunning):
                sync.run([Client], using="other")
            assert sync.run([Client])[0].state == State.COMPLETE


@pytest.mark.parametrize("blesta_simulator", [{"clients": 12, "seed": 2, "companies": 2}], indirect=True)
def test_one_company_of_two_leaves_the_others_rows_as_they_are(blesta):
    assert {run.state for run in sync.run()} == {State.COMPLETE}
    of_two = list(Client.objects.filter(company_id=2).order_by("pk").values())
    assert of_two
    with blesta.state.lock:
        for pk in Client.objects.values_list("pk", flat=True):
            blesta.state.update("clients", pk, status="inactive")
    before = SyncRun.objects.latest("pk").pk
    call_command("blesta_sync", "client", "--company", "1", stdout=io.StringIO())
    assert set(SyncRun.objects.filter(pk__gt=before).values_list("company_id", flat=True)) == {1}
    assert set(Client.objects.filter(company_id=1).values_list("status", flat=True)) == {"inactive"}
    assert list(Client.objects.filter(company_id=2).order_by("pk").values()) == of_two
