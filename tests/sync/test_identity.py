"""Another Blesta must be noticed before its first row is stored, and the right one must be let in."""

from __future__ import annotations

import pickle
from datetime import timedelta

import pytest

from django_blesta import sync
from django_blesta.exceptions import BlestaError, ForeignInstallation, NotConfigured, Unavailable
from django_blesta.models import Client, IdentityMark, Invoice, Service, SyncRun
from django_blesta.sync import identity
from django_blesta.sync.plan import Scope, scopes
from django_blesta.testing.simulator import Simulator
from tests.sync.contents import contents

pytestmark = pytest.mark.django_db

some_clients = pytest.mark.parametrize("blesta_simulator", [{"clients": 12, "seed": 3}], indirect=True)


def scope() -> Scope:
    (one,) = scopes("default")
    return one


def learn() -> Scope:
    sync.run()
    one = scope()
    assert identity.remember(one) == IdentityMark.objects.count()
    return one


def marks() -> dict[tuple[str, int], dict[str, object]]:
    return {(m.resource.partition(".")[2], m.remote_id): m.values for m in IdentityMark.objects.all()}


@some_clients
class TestRemembered:
    def test_old_rows_of_several_resources_without_anything_personal(self, blesta):
        learn()
        names = {}
        for (resource, _), values in marks().items():
            names.setdefault(resource, set()).update(values)
        assert names == {
            "client": {"id_code", "user_id"},
            "contact": {"client_id", "added_at"},
            "transaction": {"client_id", "added_at"},
            "service": {"id_code", "added_at"},
        }
        oldest = sorted(blesta.state.tables["services"])[:5]
        assert sorted(pk for resource, pk in marks() if resource == "service") == oldest
        held = str(list(IdentityMark.objects.values()))
        assert not any(row["email"] in held or row["last_name"] in held for row in blesta.rows("contacts"))

    def test_invoices_stand_in_where_nobody_has_paid_and_drafts_do_not(self, blesta):
        with blesta.state.lock:
            for key in list(blesta.state.tables["transaction_applied"]):
                blesta.state.delete("transaction_applied", key)
            for key in list(blesta.state.tables["transactions"]):
                blesta.state.delete("transactions", key)
            blesta.state.update("invoices", min(blesta.state.tables["invoices"]), status="draft")
        learn()
        remembered = sorted(pk for resource, pk in marks() if resource == "invoice")
        assert remembered == sorted(blesta.state.tables["invoices"])[1:6]

    def test_nothing_is_remembered_of_an_empty_mirror_and_everything_is_let_in(self, blesta):
        assert identity.check(scope()) == identity.Verdict()
        assert identity.remember(scope()) == 0

    def test_confirming_again_keeps_the_marks(self, blesta):
        one = learn()
        before = dict(IdentityMark.objects.values_list("pk", "confirmed_at"))
        identity.remember(one)
        after = dict(IdentityMark.objects.values_list("pk", "confirmed_at"))
        assert before.keys() == after.keys()
        assert all(after[pk] > before[pk] for pk in before)


@some_clients
class TestRightInstallation:
    @pytest.mark.parametrize(
        "switches",
        [
            {},
            {"ids_as_strings": True},
            {"empty_map_as_list": True},
            {"inferred_columns": "absent"},
            {"inferred_columns": "renamed"},
        ],
        ids=str,
    )
    def test_is_recognised_whatever_its_habits(self, blesta, switches):
        one = learn()
        blesta.switches.set(**switches)
        verdict = identity.check(one)
        assert verdict.compared == len(marks())
        assert (verdict.gone, verdict.notice) == ((), "")

    def test_writes_nothing(self, blesta):
        one = learn()
        before = contents()
        identity.check(one)
        assert contents() == before

    def test_a_new_address_with_the_same_rows_is_a_notice(self, blesta, settings):
        one = learn()
        former = blesta.url
        with Simulator(clients=12, seed=3, clock=blesta.clock) as moved:
            settings.BLESTA = {**moved.settings(), "REQUESTS_PER_SECOND": None}
            notice = identity.check(one).notice
            assert former in notice
            assert moved.url in notice
            identity.remember(one)
            assert identity.check(one).notice == ""

    def test_deleted_rows_are_gone_and_their_places_are_taken(self, blesta):
        one = learn()
        first = min(blesta.state.tables["services"])
        with blesta.state.lock:
            blesta.state.delete("services", first)
        assert identity.check(one).gone == (f"service {first}",)
        Service.objects.filter(pk=first).delete()
        identity.remember(one)
        assert ("service", first) not in marks()
        assert sum(resource == "service" for resource, _ in marks()) == 5

    def test_the_newest_rows_may_vanish(self, blesta):
        """As after a backup was restored: old rows are the same, and what is gone is for the run to judge."""
        one = learn()
        with blesta.state.lock:
            for pk in sorted(blesta.state.tables["transactions"])[-3:]:
                blesta.state.tables["transactions"].pop(pk)
        assert identity.check(one).compared == len(marks())

    def test_a_login_that_was_removed_tells_nothing(self, blesta):
        one = learn()
        with blesta.state.lock:
            blesta.state.update("clients", 1, user_id=None)
        assert identity.check(one).compared == len(marks())

    def test_a_row_that_cannot_be_read_tells_nothing(self, blesta, settings):
        settings.BLESTA = {**settings.BLESTA, "READ_TRIES": 1}
        one = learn()
        blesta.fail(times=1000, model="Clients", method="get", status=200, body="")
        blesta.fail(times=1000, model="Services", method="get", status=403, body='{"message": "No."}')
        verdict = identity.check(one)
        assert verdict.compared == sum(resource in {"transaction", "contact"} for resource, _ in marks())

    def test_no_answer_at_all_is_raised(self, blesta, settings):
        settings.BLESTA = {**settings.BLESTA, "READ_TRIES": 1}
        one = learn()
        blesta.fail(times=1000, method="get", status=500, body="")
        with pytest.raises(BlestaError):
            identity.check(one)

    def test_maintenance_is_raised(self, blesta):
        one = learn()
        blesta.switches.maintenance = "503"
        with pytest.raises(Unavailable):
            identity.check(one)


@some_clients
class TestForeignInstallation:
    @pytest.mark.parametrize("other", [{"clients": 12, "seed": 99}, {"clients": 3, "seed": 4, "months": 2}], ids=str)
    def test_is_refused_with_what_differs_and_what_to_do(self, blesta, settings, other):
        one = learn()
        before = contents()
        with Simulator(**other) as stranger:
            settings.BLESTA = {**stranger.settings(), "REQUESTS_PER_SECOND": None}
            with pytest.raises(ForeignInstallation) as raised:
                identity.check(one)
        error = raised.value
        assert isinstance(error, NotConfigured)
        assert error.reason == "foreign-installation"
        assert "added_at" in str(error)
        assert "--accept-identity" in str(error)
        assert len(str(error)) <= 500
        assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301  (our own bytes)
        assert contents() == before

    def test_an_empty_one_is_refused(self, blesta, settings):
        one = learn()
        with Simulator(clients=0) as empty:
            settings.BLESTA = {**empty.settings(), "REQUESTS_PER_SECOND": None}
            with pytest.raises(ForeignInstallation, match=f"none of the {len(marks())}"):
                identity.check(one)

    @pytest.mark.parametrize(
        ("table", "columns"),
        [
            ("clients", {"user_id": 777}),
            ("clients", {"id_code": "Z-1"}),
            ("services", {"id_code": "Z-1"}),
            ("transactions", {"client_id": 7}),
        ],
    )
    def test_one_immutable_value_is_enough(self, blesta, table, columns):
        one = learn()
        with blesta.state.lock:
            blesta.state.update(table, min(blesta.state.tables[table]), **columns)
        with pytest.raises(ForeignInstallation, match=next(iter(columns))):
            identity.check(one)

    def test_one_second_is_enough(self, blesta):
        one = learn()
        with blesta.state.lock:
            service = blesta.state.tables["services"][1]
            blesta.state.update("services", 1, date_added=service["date_added"] + timedelta(seconds=1))
        with pytest.raises(ForeignInstallation, match=r"service 1 \(added_at\)"):
            identity.check(one)


@some_clients
class TestAccept:
    def test_learns_what_blesta_shows_now_and_tells_what_differed(self, blesta, settings):
        one = learn()
        with Simulator(clients=12, seed=99, clock=blesta.clock) as stranger:
            settings.BLESTA = {**stranger.settings(), "REQUESTS_PER_SECOND": None}
            lines = identity.accept(one)
            assert any("added_at" in line for line in lines)
            verdict = identity.check(one)
            assert verdict.compared == len(marks())
            assert verdict.notice == ""
        assert set(IdentityMark.objects.values_list("url", flat=True)) == {stranger.url}

    def test_forgets_rows_that_are_no_more(self, blesta, settings):
        one = learn()
        with Simulator(clients=0) as empty:
            settings.BLESTA = {**empty.settings(), "REQUESTS_PER_SECOND": None}
            known = len(marks())
            assert len(identity.accept(one)) == known
            assert not marks()
            assert identity.check(one) == identity.Verdict()

    def test_tells_nothing_where_nothing_differs(self, blesta):
        one = learn()
        before = marks()
        assert identity.accept(one) == []
        assert marks() == before


@pytest.mark.parametrize("blesta_simulator", [{"clients": 16, "seed": 2, "companies": 2}], indirect=True)
class TestCompanies:
    def test_each_has_its_own_marks(self, blesta):
        sync.run()
        first, second = scopes("default")
        assert identity.remember(first) + identity.remember(second) == IdentityMark.objects.count()
        for one in (first, second):
            ids = IdentityMark.objects.filter(company_id=one.company_id, resource="django_blesta.client")
            clients = Client.objects.filter(company_id=one.company_id).order_by("pk")[:5]
            assert sorted(ids.values_list("remote_id", flat=True)) == [client.pk for client in clients]
            assert identity.check(one).compared

    def test_the_key_of_another_company_sees_none_of_the_rows_or_the_same(self, blesta, settings):
        """Where Blesta hides them the key is wrong; where it shows them nothing would be mistaken for anything else."""
        sync.run()
        first, _ = scopes("default")
        identity.remember(first)
        user, key = blesta.credentials[2]
        settings.BLESTA = {**settings.BLESTA, "COMPANIES": {1: {"USER": user, "KEY": key}}}
        try:
            verdict = identity.check(first)
        except ForeignInstallation:
            return
        assert not verdict.gone


@some_clients
def test_no_run_is_begun_by_asking(blesta):
    one = learn()
    runs, rows = SyncRun.objects.count(), Invoice.objects.count()
    identity.check(one)
    assert (SyncRun.objects.count(), Invoice.objects.count()) == (runs, rows)
