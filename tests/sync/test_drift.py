"""Blesta adds columns and words, drops some, and changes types: all of it is counted, and no row is lost by it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.utils import timezone

from django_blesta import sync
from django_blesta.checks import DRIFT_CHECKS, check_drift
from django_blesta.models import Client, ClientGroup, Coupon, Invoice, InvoiceLine, SchemaDrift, SyncRun, mirrors
from django_blesta.status import Level, snapshot
from django_blesta.sync.drift import Seen, kind_of
from tests.sync.comparison import differences

pytestmark = pytest.mark.django_db
SIMULATED = pytest.mark.parametrize("blesta_simulator", [{"clients": 12, "seed": 3}], indirect=True)
Kind = SchemaDrift.Kind


def altered(blesta: Any, remote: str, method: str, alter: Callable[[dict[str, Any]], Any]) -> None:
    """Every row that the method shows is as `alter` makes it."""

    def lie(truth: Any, sent: Any) -> Any:
        shown = truth(sent)
        for row in shown if isinstance(shown, list) else [shown] if shown else []:
            alter(row)
        return shown

    blesta.lie(remote, method, lie)


def found(**columns: Any) -> list[tuple[str, str, str, str]]:
    rows = SchemaDrift.objects.filter(**columns).order_by("column", "tier")
    return [(row.tier, row.kind, row.column, row.word or row.types) for row in rows]


@SIMULATED
class TestDrift:
    def test_simulator_as_it_is_has_none(self, blesta):
        sync.run()
        assert not SchemaDrift.objects.exists()
        assert snapshot().drift == ()
        assert check_drift(None, databases=["default"]) == []

    def test_unknown_column_is_counted_with_its_type_and_no_value(self, blesta):
        altered(blesta, "Invoices", "getList", lambda row: row.update(loyalty={"points": "s3cret"}))
        (run,) = sync.run([Invoice], details=False)
        assert (run.state, run.quarantined) == (SyncRun.State.COMPLETE, 0)
        assert found() == [("row", Kind.UNKNOWN, "loyalty", "map")]
        assert SchemaDrift.objects.get().rows == Invoice.objects.count() == len(blesta.state.tables["invoices"])
        assert "s3cret" not in str(list(SchemaDrift.objects.values())) + str(run.drift)
        first = SchemaDrift.objects.get()
        sync.run([Invoice], details=False)
        again = SchemaDrift.objects.get()
        assert (again.pk, again.first_seen_at) == (first.pk, first.first_seen_at)
        assert again.last_seen_at > first.last_seen_at

    @pytest.mark.every_database
    def test_name_that_no_database_holds_is_no_harm(self, blesta):
        names = ["we\x00ird", "", "🦄" * 300, "\u202e", "status ", "x'; --"]
        altered(blesta, "Invoices", "getList", lambda row: row.update(dict.fromkeys(names, 1)))
        (run,) = sync.run([Invoice], details=False)
        assert (run.state, run.quarantined) == (SyncRun.State.COMPLETE, 0)
        assert {row.column for row in SchemaDrift.objects.all()} == {
            "we\ufffdird", "", "🦄" * 100, "\ufffd", "status ", "x'; --",
        }  # fmt: skip

    def test_unknown_column_of_a_child_is_the_childs(self, blesta):
        altered(blesta, "Invoices", "get", lambda row: [line.update(weight=1) for line in row["line_items"]])
        sync.run([Invoice])
        assert found(resource=InvoiceLine._meta.label_lower) == [("detail", Kind.UNKNOWN, "weight", "number")]
        assert SchemaDrift.objects.count() == 1
        assert InvoiceLine.objects.exists()

    def test_what_is_no_longer_seen_leaves(self, blesta):
        altered(blesta, "Clients", "getList", lambda row: row.update(mood="fine", status="pondering"))
        sync.run([Client], details=False)
        assert SchemaDrift.objects.count() == 2
        blesta.heal()
        sync.run([Client], details=False)
        assert not SchemaDrift.objects.exists()

    def test_column_that_vanished_keeps_its_values_and_is_told_from_one_that_never_was(self, blesta):
        sync.run([Client], details=False)
        before = dict(Client.objects.values_list("pk", "city"))
        assert any(before.values())
        altered(blesta, "Clients", "getList", lambda row: row.pop("city"))
        (run,) = sync.run([Client], details=False)
        assert run.state == SyncRun.State.COMPLETE
        assert found() == [("row", Kind.VANISHED, "city", "text")]
        assert dict(Client.objects.values_list("pk", "city")) == before

    def test_column_that_never_was_is_missing(self, blesta):
        altered(blesta, "Clients", "getList", lambda row: row.pop("city"))
        sync.run([Client], details=False)
        sync.run([Client], details=False)
        assert found() == [("row", Kind.MISSING, "city", "")]

    def test_column_that_some_rows_lack_is_neither(self, blesta):
        altered(blesta, "Clients", "getList", lambda row: row.pop("city") if row["id"] % 2 else None)
        sync.run([Client], details=False)
        assert not SchemaDrift.objects.exists()

    def test_type_that_changed_is_news_for_a_month(self, blesta):
        sync.run([Client], details=False)
        blesta.switches.ids_as_strings = True
        (run,) = sync.run([Client], details=False)
        assert (run.state, run.changed, run.quarantined) == (SyncRun.State.COMPLETE, 0, 0)
        assert ("row", Kind.RETYPED, "client_group_id", "number → text") in found()
        assert {kind for _, kind, _, _ in found()} == {Kind.RETYPED}
        sync.run([Client], details=False)
        assert SchemaDrift.objects.exists()
        SchemaDrift.objects.update(last_seen_at=timezone.now() - timedelta(days=31))
        sync.run([Client], details=False)
        assert not SchemaDrift.objects.exists()

    def test_row_that_no_longer_fits_is_in_quarantine_and_the_rest_lands(self, blesta):
        sync.run([Client], details=False)
        altered(blesta, "Clients", "getList", lambda row: row.update(email=["a", "b"]) if row["id"] == 3 else None)
        (run,) = sync.run([Client], details=False)
        assert (run.state, run.quarantined) == (SyncRun.State.COMPLETE, 1)
        assert found() == [("row", Kind.RETYPED, "email", "text → list")]
        assert Client.objects.present().count() == len(blesta.state.tables["clients"])

    def test_new_word_is_kept_counted_and_shown_as_it_came(self, blesta):
        with blesta.state.lock:
            blesta.state.update("clients", 1, status="hibernating")
            blesta.state.update("clients", 2, status="hibernating")
            blesta.state.update("clients", 3, status="a whole sentence, which is no word")
            blesta.state.update("clients", 4, status="4111111111111111")
        (run,) = sync.run([Client], details=False)
        assert run.quarantined == 1  # too long for the column; the word is news all the same
        assert {(row.word, row.rows) for row in SchemaDrift.objects.all()} == {("hibernating", 2), ("…", 2)}
        assert Client.objects.get(pk=1).status_label == "hibernating"

    def test_word_that_only_a_get_shows_stays_for_a_while(self, blesta):
        altered(blesta, "Coupons", "get", lambda row: [one.update(type="barter") for one in row["amounts"]])
        sync.run([Coupon])
        assert [row.word for row in SchemaDrift.objects.all()] == ["barter"]
        sync.run([Coupon])  # nothing changed, so no coupon is fetched whole
        assert [row.word for row in SchemaDrift.objects.all()] == ["barter"]

    @pytest.mark.every_database
    def test_refresh_of_one_row_tells_what_is_new_and_not_what_is_lacking(self, blesta):
        sync.run([ClientGroup, Client])
        altered(blesta, "Clients", "get", lambda row: (row.pop("city"), row.update(mood=1, status="idle")))
        assert sync.refresh(Client, 8)
        assert sync.refresh(Client, 8)
        assert found() == [("detail", Kind.UNKNOWN, "mood", "number"), ("detail", Kind.WORD, "status", "idle")]
        assert Client.objects.get(pk=8).status == "idle"


@SIMULATED
def test_names_without_end_are_kept_to_a_number(blesta):
    numbers = iter(range(10**6))
    altered(blesta, "Invoices", "getList", lambda row: row.update({f"n{next(numbers)}": 1 for _ in range(30)}))
    (run,) = sync.run([Invoice], details=False)
    assert (run.state, run.quarantined) == (SyncRun.State.COMPLETE, 0)
    assert 0 < SchemaDrift.objects.filter(kind=Kind.UNKNOWN).count() <= 200
    assert not SchemaDrift.objects.exclude(kind=Kind.UNKNOWN).exists()
    assert len(str(run.drift)) < 20_000


@SIMULATED
class TestShown:
    def test_snapshot_and_checks_tell_of_it(self, blesta):
        sync.run()
        altered(blesta, "Clients", "getList", lambda row: (row.pop("city"), row.update(mood=1, status="idle")))
        sync.run([Client], details=False)
        told = snapshot()
        assert [(one.kind, one.column, one.rows, one.is_harmful) for one in told.drift] == [
            (Kind.VANISHED, "city", 12, True),
            (Kind.UNKNOWN, "mood", 12, False),
            (Kind.WORD, "status", 12, False),
        ]
        assert next(one for one in told.resources if one.name == "django_blesta.client").drift == 3
        trouble = next(one for one in told.troubles if one.code == "schema-drift")
        assert (trouble.level, trouble.resource) == (Level.WARNING, "django_blesta.client")
        assert "city" in trouble.sentence
        messages = {one.id: one.msg for one in run_checks(databases=["default"]) if one.id in DRIFT_CHECKS}
        assert "city (text)" in messages["django_blesta.W201"]
        assert "mood (number)" in messages["django_blesta.W202"]
        assert "status (idle)" in messages["django_blesta.W203"]
        call_command("check", "--tag", "database", databases=["default"])

    def test_pages_in_the_admin_show_it(self, blesta, admin_client):
        altered(blesta, "Clients", "getList", lambda row: row.update(mood=1))
        sync.run([Client], details=False)
        assert "mood" in admin_client.get("/admin/django_blesta/schemadrift/").content.decode()
        one = SchemaDrift.objects.get()
        assert "mood" in admin_client.get(f"/admin/django_blesta/schemadrift/{one.pk}/change/").content.decode()


@SIMULATED
@pytest.mark.proof
def test_inferred_columns_that_go_and_come_cost_no_row(blesta):
    sync.run()
    blesta.switches.inferred_columns = "renamed"
    assert {run.state for run in sync.run()} == {SyncRun.State.COMPLETE}
    kinds = {row.kind for row in SchemaDrift.objects.all()}
    assert kinds == {Kind.UNKNOWN, Kind.VANISHED}
    blesta.switches.inferred_columns = "present"
    assert {run.state for run in sync.run()} == {SyncRun.State.COMPLETE}
    assert differences(blesta) == []


@pytest.mark.parametrize("nothing", [None, False, "", [], {}])
def test_nothing_has_no_kind(nothing):
    assert kind_of(nothing) == ""


def test_pages_like_those_before_cost_no_statement(blesta, django_assert_num_queries):
    from django_blesta.sync.drift import Notebook

    (run,) = sync.run([Invoice], details=False)
    notebook, rows = Notebook(), SyncRun.objects.filter(pk=run.pk)
    invoice = {"id": 1, "status": "active", **dict.fromkeys(Invoice.resource.read_columns - {"id", "status"}, "1")}
    page = Seen()
    page.look_at(Invoice, [invoice] * 20, whole=False)
    with django_assert_num_queries(2):
        notebook.note(page, rows)
    notebook.untold()  # rolled back, so it is told again
    with django_assert_num_queries(2):
        notebook.note(page, rows)
    notebook.told()
    with django_assert_num_queries(0):
        notebook.note(page, rows)


def test_every_check_of_drift_has_its_place_in_the_documents():
    from pathlib import Path

    page = Path(__file__, "../../../docs/reference/settings.md").resolve().read_text()
    assert all(f"`{code}`" in page for code in DRIFT_CHECKS)
    assert mirrors()
