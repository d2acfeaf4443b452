from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_blesta import sync
from django_blesta.exceptions import Denied, NotConfigured, Unavailable
from django_blesta.models import (
    Client,
    Company,
    Invoice,
    InvoiceLine,
    Mirror,
    Package,
    QuarantinedRow,
    Service,
    SyncRun,
    Transaction,
    mirrors,
)
from django_blesta.sync.plan import in_order
from tests.sync.comparison import differences

pytestmark = pytest.mark.django_db


def states(runs: list[SyncRun]) -> set[str]:
    return {run.state for run in runs}


def written(runs: list[SyncRun]) -> int:
    return sum(run.created + run.changed + run.removed for run in runs)


@pytest.mark.every_database
@pytest.mark.parametrize("blesta_simulator", [{"clients": 25, "seed": 3}], indirect=True)
class TestWholeCompany:
    def test_mirror_equals_simulator_column_by_column(self, blesta):
        runs = sync.run()
        assert states(runs) == {SyncRun.State.COMPLETE}, [(run.resource, run.error) for run in runs]
        assert differences(blesta) == []
        assert Invoice.objects.exists()
        assert InvoiceLine.objects.exists()
        assert not QuarantinedRow.objects.exists()

    def test_second_run_creates_and_changes_nothing(self, blesta):
        sync.run()
        before = {model: list(model._base_manager.order_by("pk").values()) for model in mirrors()}
        runs = sync.run()
        assert states(runs) == {SyncRun.State.COMPLETE}
        assert written(runs) == 0
        assert sum(run.details for run in runs if run.resource != "django_blesta.user") == 0
        assert {model: list(model._base_manager.order_by("pk").values()) for model in mirrors()} == before

    def test_a_change_in_blesta_is_one_changed_row_here(self, blesta):
        sync.run()
        with blesta.state.lock:
            blesta.state.update("clients", 1, status="fraud")
        runs = sync.run([Client])
        assert [(run.created, run.changed) for run in runs] == [(0, 1)]
        assert Client.objects.get(pk=1).status == "fraud"
        assert differences(blesta) == []

    @pytest.mark.parametrize(
        "switches",
        [
            {"ids_as_strings": True, "flags_as_strings": True},
            {"money_as_numbers": True},
            {"empty_map_as_list": True, "empty_list_as_false": True},
            {"order_by": "ignored"},
            {"order_by": "error"},
            {"order_by": "qualified_only"},
            {"repeat_last_page": True},
            {"page_size": 7},
        ],
        ids=lambda switches: "-".join(switches),
    )
    def test_mirror_is_the_same_whatever_blestas_habits(self, blesta, settings, switches):
        settings.BLESTA = {**settings.BLESTA, "READ_TRIES": 1}  # a refused order is answered 500, which is tried again
        for name, value in switches.items():
            setattr(blesta.switches, name, value)
        runs = sync.run()
        assert states(runs) == {SyncRun.State.COMPLETE}, [(run.resource, run.error) for run in runs]
        assert differences(blesta) == []

    @pytest.mark.parametrize("inferred", ["absent", "renamed"])
    def test_every_row_lands_without_the_columns_that_are_only_inferred(self, blesta, inferred):
        blesta.switches.inferred_columns = inferred
        runs = sync.run()
        assert states(runs) == {SyncRun.State.COMPLETE}, [(run.resource, run.error) for run in runs]
        assert Invoice.objects.count() == len(blesta.state.tables["invoices"])
        assert Client.objects.count() == len(blesta.state.tables["clients"])
        assert not QuarantinedRow.objects.exists()
        assert written(sync.run()) == 0


class TestCompanies:
    @pytest.mark.parametrize("blesta_simulator", [{"clients": 12, "seed": 2, "companies": 2}], indirect=True)
    @pytest.mark.parametrize("scoped", [True, False])
    def test_only_the_configured_company_is_stored(self, blesta, settings, scoped):
        blesta.switches.lists_scoped = scoped
        user, key = blesta.credentials[2]
        only = {2: {"USER": user, "KEY": key}}
        settings.BLESTA = {"URL": blesta.url, "COMPANIES": only, "REQUESTS_PER_SECOND": None}
        runs = sync.run()
        assert states(runs) == {SyncRun.State.COMPLETE}, [(run.resource, run.error) for run in runs]
        assert list(Company.objects.values_list("pk", flat=True)) == [2]
        groups = {g["id"] for g in blesta.state.tables["client_groups"].values() if g["company_id"] == 2}
        ours = {c["id"] for c in blesta.state.tables["clients"].values() if c["client_group_id"] in groups}
        assert set(Client.objects.values_list("pk", flat=True)) == ours
        invoices = {i["id"] for i in blesta.state.tables["invoices"].values() if i["client_id"] in ours}
        assert set(Invoice.objects.values_list("pk", flat=True)) == invoices
        assert not Service.objects.exclude(company_id=2).exists()
        assert not Transaction.objects.exclude(company_id=2).exists()

    @pytest.mark.parametrize("blesta_simulator", [{"clients": 4, "seed": 2, "companies": 2}], indirect=True)
    def test_several_companies_must_be_named(self, blesta, settings):
        settings.BLESTA = {"URL": blesta.url, "USER": blesta.user, "KEY": blesta.key}
        with pytest.raises(NotConfigured, match="Name yours"):
            sync.run()

    @pytest.mark.parametrize("blesta_simulator", [{"clients": 2}], indirect=True)
    def test_a_company_that_does_not_exist_is_a_mistake_in_the_setting(self, blesta, settings):
        settings.BLESTA = {"URL": blesta.url, "COMPANIES": {9: {"USER": blesta.user, "KEY": blesta.key}}}
        with pytest.raises(NotConfigured, match="no company 9"):
            sync.run()


@pytest.mark.parametrize("blesta_simulator", [{"clients": 10, "seed": 5}], indirect=True)
class TestTrouble:
    @pytest.mark.every_database
    def test_a_row_that_does_not_fit_is_quarantined_and_the_rest_land(self, blesta):
        with blesta.state.lock:
            blesta.state.tables["invoices"][3]["total"] = "twelve"
            blesta.state.tables["invoices"][4]["id_code"] = "x" * 1000
        runs = sync.run()
        count = len(blesta.state.tables["invoices"])
        assert Invoice.objects.count() == count - 2
        assert list(QuarantinedRow.objects.order_by("remote_id").values_list("remote_id", "column", "code")) == [
            ("3", "total", "not-a-number"),
            ("4", "id_code", "too-long"),
        ]
        invoices = next(run for run in runs if run.resource == "django_blesta.invoice")
        assert (invoices.state, invoices.quarantined) == (SyncRun.State.COMPLETE, 2)
        assert "twelve" not in str(list(QuarantinedRow.objects.values()))

        with blesta.state.lock:
            blesta.state.tables["invoices"][3]["total"] = Decimal("12.0000")
            blesta.state.tables["invoices"][4]["id_code"] = "short"
        sync.run()
        assert not QuarantinedRow.objects.exists()
        assert Invoice.objects.count() == count

    @pytest.mark.every_database
    def test_many_rows_that_do_not_fit_cost_no_query_each(self, blesta):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                sync.run([Client])
            return len(captured)

        sync.run([Client])
        clean = queries()
        with blesta.state.lock:
            for number in range(1, 10):
                blesta.state.update("clients", number, status="s" * 99)
        first = queries()
        assert QuarantinedRow.objects.count() == 9
        seen = QuarantinedRow.objects.earliest("pk").first_seen_at
        again = queries()
        assert max(first, again) <= clean + 4
        assert QuarantinedRow.objects.earliest("pk").first_seen_at == seen

    def test_a_page_that_is_always_empty_leaves_the_run_partial_and_its_neighbours_stored(self, blesta, settings):
        settings.BLESTA = {**settings.BLESTA, "READ_TRIES": 1}
        blesta.switches.empty_page = 2
        runs = sync.run([Client, Invoice])
        invoices = next(run for run in runs if run.resource == "django_blesta.invoice")
        assert invoices.state == SyncRun.State.PARTIAL
        assert "page 2" in invoices.error
        assert 0 < Invoice.objects.count() < len(blesta.state.tables["invoices"])

    def test_a_wrong_key_stops_the_run_and_is_recorded(self, blesta, settings):
        sync.run()
        settings.BLESTA = {"URL": blesta.url, "COMPANIES": {1: {"USER": blesta.user, "KEY": "wrong"}}}
        with pytest.raises(Denied):
            sync.run()

    @pytest.mark.parametrize("maintenance", ["503", "500"])
    def test_maintenance_stops_the_run_and_keeps_the_mirror(self, blesta, maintenance):
        sync.run()
        rows = Invoice.objects.count()
        blesta.switches.maintenance = maintenance
        with pytest.raises(Unavailable) as raised:
            sync.run()
        assert raised.value.reason == "maintenance"
        assert Invoice.objects.count() == rows
        assert not SyncRun.objects.filter(state=SyncRun.State.RUNNING).exists()


@pytest.mark.parametrize("blesta_simulator", [{"clients": 10, "seed": 5}], indirect=True)
class TestRefresh:
    @pytest.mark.every_database
    def test_a_row_is_fetched_whole(self, blesta):
        sync.run()
        invoice = Invoice.objects.filter(status="active").order_by("pk").first()
        with blesta.state.lock:
            blesta.state.update("invoices", invoice.pk, note_public="Thank you")
            line = blesta.state.where("invoice_lines", invoice_id=invoice.pk)[0]
            blesta.state.delete("invoice_lines", line["id"])
        assert sync.refresh(Invoice, invoice.pk) is True
        invoice.refresh_from_db()
        assert invoice.note_public == "Thank you"
        assert not InvoiceLine.objects.filter(pk=line["id"]).exists()

    def test_what_blesta_does_not_show_is_left_as_it_is(self, blesta):
        sync.run()
        rows = Invoice.objects.count()
        assert sync.refresh(Invoice, 10**9) is False
        assert Invoice.objects.count() == rows

    def test_a_row_never_seen_is_stored(self, blesta):
        assert sync.refresh(Package, 1) is True
        assert Package.objects.get(pk=1).pricing.exists()


def test_every_mirror_is_fetched_after_what_it_is_reached_through():
    order = in_order()
    names = [model.__name__ for model in order]
    for before, after in [
        ("ClientGroup", "Client"),
        ("Client", "Contact"),
        ("Contact", "ContactNumber"),
        ("Contact", "User"),
        ("Client", "Invoice"),
        ("Transaction", "AppliedAmount"),
    ]:
        assert names.index(before) < names.index(after)
    assert all(issubclass(model, Mirror) for model in order)
    assert not {"InvoiceLine", "PackagePricing"} & set(names)
