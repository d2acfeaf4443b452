"""A dry run foretells what the next run does, and leaves no trace."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from django_blesta import sync
from django_blesta.exceptions import ForeignInstallation, Unavailable
from django_blesta.models import Client, Contact, IdentityMark, Invoice, InvoiceLine, Mirror, Package, Service, SyncRun
from django_blesta.sync import identity
from django_blesta.sync.comparison import NOTHING
from django_blesta.sync.plan import scopes
from django_blesta.sync.preview import Forecast, Step, preview
from tests.sync.contents import contents

pytestmark = pytest.mark.django_db

some_clients = pytest.mark.parametrize("blesta_simulator", [{"clients": 9, "seed": 3, "months": 10}], indirect=True)


def foresee(*models: type[Mirror], **options: Any) -> tuple[list[Step], list[Forecast]]:
    found = list(preview(models or None, **options))
    return [one for one in found if isinstance(one, Step)], [one for one in found if isinstance(one, Forecast)]


def told(steps: list[Step]) -> set[tuple[str, str, str]]:
    return {(step.resource.partition(".")[2], step.row, step.verb) for step in steps}


def change(blesta: Any) -> None:
    """Something of everything: new, changed, changed in detail only, gone, not fitting."""
    client = blesta.add_client()
    invoice = blesta.add_invoice(client["id"])
    blesta.add_transaction(client["id"], invoice["total"], invoice_id=invoice["id"])
    with blesta.state.lock:
        blesta.state.update("clients", 2, status="fraud")
        line = blesta.state.where("invoice_lines", invoice_id=3)[0]
        blesta.state.update("invoices", 3, status="void")
        blesta.state.update("invoice_lines", line["id"], amount="77")
        blesta.state.delete("services", 4)
        blesta.state.tables["invoices"][5]["total"] = "twelve"


@some_clients
class TestNothingIsWritten:
    @pytest.mark.parametrize("synced", [False, True])
    @pytest.mark.parametrize("options", [{}, {"details": False, "scoped": False}], ids=str)
    def test_not_a_byte_in_any_table(self, blesta, synced, options):
        if synced:
            sync.run()
            identity.remember(scopes("default")[0])
            change(blesta)
        before = contents()
        steps, _ = foresee(**options)
        assert steps
        assert contents() == before


@some_clients
class TestForesight:
    def test_of_a_mirror_that_is_up_to_date_is_silence(self, blesta):
        runs = sync.run()
        steps, forecasts = foresee()
        assert steps == []
        assert [one.resource for one in forecasts] == [run.resource for run in runs]
        assert {one.resource: (one.rows, one.unchanged) for one in forecasts} == {
            run.resource: (run.fetched, run.fetched) for run in runs
        }
        assert {one.notice for one in forecasts} == {""}

    @pytest.mark.parametrize("synced", [False, True])
    @pytest.mark.parametrize("switches", [{}, {"ids_as_strings": True}, {"inferred_columns": "absent"}], ids=str)
    def test_is_what_the_run_then_does(self, blesta, synced, switches):
        blesta.switches.set(**switches)
        if synced:
            sync.run()
            change(blesta)
        steps, _ = foresee()
        runs = sync.run()
        found = Counter((step.resource, step.verb) for step in steps)
        for run in runs:
            assert found[run.resource, "create"] == run.created, run.resource
            changed = {
                step.row for step in steps if step.resource == run.resource and step.verb in {"change", "return"}
            }
            assert len(changed) == run.changed, run.resource
            assert found[run.resource, "quarantine"] == run.quarantined, run.resource

    def test_names_columns_before_and_after(self, blesta):
        sync.run()
        with blesta.state.lock:
            row = blesta.state.tables["invoices"][3]
            before = row["total"]
            blesta.state.update("invoices", 3, status="void", total=before + 1, due=row["due"] + 1)
        ((step,), _) = foresee(Invoice)
        assert (step.resource, step.company_id, step.row, step.verb) == ("django_blesta.invoice", 1, "3", "change")
        assert [(one.column, one.here, one.there) for one in step.differences] == [
            ("status", Invoice.objects.get(pk=3).status, "void"),
            ("total", before, before + 1),
            ("due", row["due"] - 1, row["due"]),
        ]

    def test_shows_what_only_a_single_row_tells_of_a_changed_row(self, blesta):
        sync.run()
        with blesta.state.lock:
            lines = blesta.state.where("invoice_lines", invoice_id=3)
            blesta.state.update("invoices", 3, status="void", note_public="Sorry")
            blesta.state.update("invoice_lines", lines[0]["id"], amount="77")
            new = blesta.state.insert("invoice_lines", invoice_id=3, description="More", amount=1)
            blesta.state.update("invoices", 6, note_public="Shows in no listing")
        steps, _ = foresee(Invoice)
        assert told(steps) == {("invoice", "3", "change"), ("invoice", "3", "detail")}
        detail = {one.column: (one.here, one.there) for one in steps[-1].differences}
        assert detail["note_public"] == (Invoice.objects.get(pk=3).note_public, "Sorry")
        held = InvoiceLine.objects.get(pk=lines[0]["id"]).amount
        assert detail[f"lines[{lines[0]['id']}].amount"] == (held, Decimal("77.0000"))
        assert detail[f"lines[{new['id']}]"][0] is NOTHING

    def test_names_rows_that_would_be_asked_about(self, blesta):
        sync.run()
        with blesta.state.lock:
            blesta.state.delete("services", 4)
            contact = blesta.state.where("contacts", client_id=3)[0]["id"]
            blesta.state.delete("contacts", contact)
        steps, _ = foresee(Service, Contact)
        assert told(steps) == {("service", "4", "ask"), ("contact", str(contact), "ask")}

    @pytest.mark.parametrize("order", ["ignored", "honoured"])
    def test_asks_about_nothing_where_a_run_would_not(self, blesta, order):
        sync.run()
        with blesta.state.lock:
            blesta.state.delete("services", 4)
        Service.objects.filter(pk=5).update(unlisted_at=timezone.now())
        with blesta.state.lock:
            blesta.state.delete("services", 5)
            blesta.state.update("services", 1, date_added=blesta.clock.now())
        IdentityMark.objects.all().delete()  # an old service's date is not expected to change
        blesta.switches.order_by = order
        steps, _ = foresee(Service)
        asked = {step.row for step in steps if step.verb == "ask"}
        assert asked == ({"4"} if order == "honoured" else set())

    def test_says_when_a_run_would_be_suspect(self, blesta, settings):
        settings.BLESTA = {**settings.BLESTA, "LOSS_LIMIT_ROWS": 3}
        sync.run()
        with blesta.state.lock:
            for pk in range(1, 9):
                blesta.state.delete("services", pk)
        steps, (forecast,) = foresee(Service)
        assert len(steps) == 8
        assert "suspect" in forecast.notice

    def test_of_a_row_that_comes_back(self, blesta):
        sync.run()
        Invoice.objects.filter(pk=3).update(gone_at=Invoice.objects.get(pk=3).fetched_at)
        steps, _ = foresee(Invoice)
        assert told(steps) == {("invoice", "3", "return")}

    def test_of_rows_that_a_new_declaration_rewrites(self, blesta):
        sync.run()
        Package.objects.filter(pk=1).update(row_digest=0)
        steps, _ = foresee(Package)
        assert told(steps) == {("package", "1", "rewrite")}

    def test_reaches_contacts_and_logins_of_clients_that_are_not_stored_yet(self, blesta):
        sync.run()
        client = blesta.add_client()
        contact = blesta.state.where("contacts", client_id=client["id"])[0]
        number = blesta.add_number(contact["id"])
        steps, _ = foresee()
        assert told(steps) == {
            ("client", str(client["id"]), "create"),
            ("contact", str(contact["id"]), "create"),
            ("contactnumber", str(number["id"]), "create"),
            ("user", str(client["user_id"]), "create"),
        }

    def test_rows_that_cannot_be_seen_are_said_and_not_taken_for_missing(self, blesta, settings):
        settings.BLESTA = {**settings.BLESTA, "READ_TRIES": 1}
        sync.run()
        blesta.switches.set(page_size=7, empty_page=2)
        steps, (forecast,) = foresee(Invoice)
        assert steps == []
        assert "page 2" in forecast.notice


@some_clients
class TestRefusals:
    def test_another_installation_is_refused_as_a_run_would_be(self, blesta):
        sync.run()
        identity.remember(scopes("default")[0])
        with blesta.state.lock:
            blesta.state.update("clients", 1, id_code="other")
        with pytest.raises(ForeignInstallation):
            foresee()

    def test_maintenance_is_raised(self, blesta):
        blesta.switches.maintenance = "503"
        with pytest.raises(Unavailable):
            foresee()
        assert not SyncRun.objects.exists()


@pytest.mark.parametrize("blesta_simulator", [{"clients": 14, "seed": 2, "companies": 2}], indirect=True)
@pytest.mark.parametrize("scoped", [True, False])
def test_companies_are_told_apart_before_anything_is_stored(blesta, scoped):
    blesta.switches.lists_scoped = scoped
    steps, _ = foresee()
    sync.run()
    foreseen = {(s.resource, s.row): s.company_id for s in steps if s.verb == "create"}
    for model in (Client, Contact, Invoice, Service):
        label = model._meta.label_lower
        held = {(label, str(pk)): company for pk, company in model.objects.values_list("pk", "company_id")}
        assert {key: one for key, one in foreseen.items() if key[0] == label} == held
