"""Absence is never deletion: what it takes to mark a row gone, and all that is not enough."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from django_blesta import sync
from django_blesta.models import (
    AppliedAmount,
    Client,
    Contact,
    ContactNumber,
    ContactType,
    Currency,
    Invoice,
    InvoiceLine,
    Mirror,
    SyncRun,
    Transaction,
    User,
)
from django_blesta.sync import _checkpoint
from tests.sync.meddling import add_invoices

State = SyncRun.State
pytestmark = pytest.mark.django_db


@pytest.fixture
def installation(blesta, settings) -> Any:
    """120 invoices on pages of ten; a client with a contact, numbers and a payment on two invoices."""
    settings.BLESTA = {**settings.BLESTA, "READ_TRIES": 1, "MAX_IN_FLIGHT": 4}
    blesta.switches.page_size = 10
    add_invoices(blesta, 120)
    return blesta


def run(model: type[Mirror], **options: Any) -> SyncRun:
    (only,) = sync.run([model], **{"details": False, **options})
    return only


def gone(model: type[Mirror]) -> set[Any]:
    return set(model._base_manager.filter(gone_at__isnull=False).values_list("pk", flat=True))


def delete(installation: Any, table: str, *keys: Any) -> None:
    with installation.state.lock:
        for key in keys:
            installation.state.delete(table, key)


def ids_of(installation: Any) -> list[int]:
    return sorted(installation.state.tables["invoices"])


def hide(installation: Any, *ids: int, model: str = "Invoices") -> None:
    """The listing leaves them out and still counts as many as it shows; `get` has them all."""

    def shown(truth: Any, sent: Any) -> Any:
        rows = [row for page in range(1, 100) for row in truth({**sent, "page": str(page)}) or []]
        kept = [row for row in rows if row["id"] not in ids]
        size, page = installation.switches.page_size, int(sent.get("page", 1))
        return kept[(page - 1) * size : page * size]

    installation.lie(model, "getList", shown)
    installation.lie(model, "getListCount", lambda truth, sent: truth(sent) - len(ids))


def asked(installation: Any, method: str) -> int:
    return sum(request.method == method for request in installation.requests)


class TestDeleted:
    def test_a_deleted_row_is_marked_after_a_complete_run_and_keeps_its_values(self, installation):
        run(Invoice)
        before = Invoice.objects.get(pk=40)
        delete(installation, "invoices", 40)
        assert (run(Invoice).state, gone(Invoice)) == (State.COMPLETE, {40})
        row = Invoice.objects.get(pk=40)
        assert row.total == before.total
        assert row.gone_at >= before.fetched_at
        assert SyncRun.objects.latest("pk").gone == 1

    def test_the_newest_row_is_marked_too(self, installation):
        run(Invoice)
        newest = max(installation.state.tables["invoices"])
        delete(installation, "invoices", newest)
        assert (run(Invoice).state, gone(Invoice)) == (State.COMPLETE, {newest})

    def test_a_row_that_comes_back_comes_back(self, installation):
        run(Invoice)
        row = installation.state.delete("invoices", 40)
        run(Invoice)
        installation.state.insert("invoices", **row)
        assert run(Invoice).changed == 1
        assert gone(Invoice) == set()

    def test_a_gone_row_is_not_asked_for_again(self, installation):
        run(Invoice)
        delete(installation, "invoices", 40)
        run(Invoice)
        installation.requests.clear()
        again = run(Invoice)
        assert (again.state, again.gone, asked(installation, "get")) == (State.COMPLETE, 0, 0)

    def test_children_of_a_gone_row_stay(self, installation):
        with installation.state.lock:
            client = installation.add_client()
            invoice = installation.add_invoice(client["id"], [{"amount": "5.0000"}])
            number = installation.add_number(installation.state.where("contacts", client_id=client["id"])[0]["id"])
        sync.run()
        delete(installation, "invoices", invoice["id"])
        delete(installation, "clients", client["id"])
        runs = {one.resource.partition(".")[2]: one for one in sync.run()}
        assert {one.state for one in runs.values()} == {State.COMPLETE}, [(r.resource, r.error) for r in runs.values()]
        assert (gone(Client), gone(Invoice)) == ({client["id"]}, {invoice["id"]})
        assert InvoiceLine.objects.present().filter(invoice_id=invoice["id"]).count() == 1
        assert Contact.objects.present().filter(client_id=client["id"]).exists()
        assert ContactNumber.objects.present().filter(pk=number["id"]).exists()

    def test_what_is_listed_under_a_parent_is_marked(self, installation):
        with installation.state.lock:
            contact = installation.add_contact(1)
            number = installation.add_number(contact["id"])
            other = installation.add_number(1)
        sync.run()
        delete(installation, "contact_numbers", number["id"])
        delete(installation, "contacts", contact["id"])
        sync.run([Contact, ContactNumber])
        assert gone(Contact) == {contact["id"]}
        # The number's own parent is gone by now and is not asked any more.
        assert gone(ContactNumber) == set()
        installation.add_number(1)
        delete(installation, "contact_numbers", other["id"])
        sync.run([Contact, ContactNumber])
        assert gone(ContactNumber) == {other["id"]}

    def test_a_row_without_an_id_is_marked_by_its_natural_key(self, installation):
        installation.add_currency(code="XTS")
        run(Currency)
        delete(installation, "currencies", (1, "XTS"))
        assert run(Currency).state == State.COMPLETE
        assert [row.code for row in Currency.objects.gone()] == ["XTS"]
        installation.add_currency(code="XTS")
        run(Currency)
        assert not Currency.objects.gone().exists()

    def test_a_login_that_nobody_names_any_more_is_unlisted_and_a_deleted_one_gone(self, installation):
        with installation.state.lock:
            client = installation.add_client()
        sync.run([Client, User])
        login = client["user_id"]
        installation.state.update("clients", client["id"], user_id=None)
        installation.state.update("contacts", 2, user_id=None)
        sync.run([Client, User])
        assert User.objects.get(pk=login).unlisted_at
        User.objects.update(unlisted_at=None)
        delete(installation, "users", login)
        sync.run([Client, User])
        assert gone(User) == {login}


class TestAppliedAmounts:
    """They have no id and cannot be asked for: they come as a set with their payment."""

    @pytest.fixture(autouse=True)
    def payments(self, installation):
        with installation.state.lock:
            for _ in range(3):
                invoice = installation.add_invoice(1, [{"amount": "9.0000"}])
                installation.add_transaction(1, "9.0000", invoice_id=invoice["id"])
        sync.run([Client, Transaction, AppliedAmount])
        assert AppliedAmount.objects.count() == 3

    def test_one_that_is_taken_back_is_removed(self, installation):
        key = next(iter(installation.state.tables["transaction_applied"]))
        delete(installation, "transaction_applied", key)
        last = run(AppliedAmount)
        assert (last.state, last.removed) == (State.COMPLETE, 1)
        assert AppliedAmount.objects.count() == 2

    def test_none_is_removed_when_no_payment_shows_any(self, installation):
        installation.lie("Transactions", "getApplied", lambda truth, sent: [])
        last = run(AppliedAmount)
        assert (last.state, last.removed, last.unconfirmed) == (State.SUSPECT, 0, 3)
        assert AppliedAmount.objects.count() == 3

    def test_none_is_removed_beyond_the_loss_limit(self, installation, settings):
        settings.BLESTA = {**settings.BLESTA, "LOSS_LIMIT_ROWS": 1}
        installation.lie(
            "Transactions", "getApplied", lambda truth, sent: truth(sent) if sent["transaction_id"] == "1" else []
        )
        last = run(AppliedAmount)
        assert (last.state, last.removed) == (State.SUSPECT, 0)
        assert AppliedAmount.objects.count() == 3

    def test_none_is_removed_of_a_payment_that_could_not_be_read(self, installation):
        installation.fail(times=None, method="getApplied", arguments={"transaction_id": 2}, status=500, body="oops")
        last = run(AppliedAmount)
        assert (last.state, last.removed) == (State.PARTIAL, 0)
        assert AppliedAmount.objects.count() == 3


class TestUnlisted:
    def test_a_hidden_row_that_can_be_read_is_unlisted_and_asked_for_at_most_daily(self, installation):
        run(Invoice)
        hide(installation, 40, 41)
        installation.requests.clear()
        first = run(Invoice)
        assert (first.state, first.unlisted, gone(Invoice)) == (State.COMPLETE, 2, set())
        assert asked(installation, "get") == 3  # and the canary
        assert Invoice.objects.present().filter(unlisted_at__isnull=False).count() == 2

        installation.requests.clear()
        assert (run(Invoice).unlisted, asked(installation, "get")) == (0, 0)

        Invoice.objects.filter(pk=40).update(unlisted_at=timezone.now() - timedelta(hours=25))
        assert run(Invoice).unlisted == 1

    def test_one_that_is_listed_again_is_not_unlisted_any_more(self, installation):
        run(Invoice)
        hide(installation, 40)
        run(Invoice)
        installation.heal()
        assert run(Invoice).state == State.COMPLETE
        assert not Invoice.objects.filter(unlisted_at__isnull=False).exists()

    def test_one_that_is_deleted_later_is_marked_when_it_is_asked_for(self, installation):
        run(Invoice)
        hide(installation, 40)
        run(Invoice)
        installation.heal()
        delete(installation, "invoices", 40)
        run(Invoice)
        assert gone(Invoice) == set()
        Invoice.objects.filter(pk=40).update(unlisted_at=timezone.now() - timedelta(hours=25))
        run(Invoice)
        assert gone(Invoice) == {40}


class TestNotBelieved:
    def test_more_than_the_loss_limit_is_suspect_and_nothing_is_asked(self, installation, settings):
        settings.BLESTA = {**settings.BLESTA, "LOSS_LIMIT_ROWS": 5, "LOSS_LIMIT_SHARE": 0.05}
        run(Invoice)
        delete(installation, "invoices", *ids_of(installation)[20:29])
        installation.requests.clear()
        last = run(Invoice)
        assert (last.state, last.gone, last.unconfirmed) == (State.SUSPECT, 0, 9)
        assert "not shown any more" in last.error
        assert (gone(Invoice), asked(installation, "get")) == (set(), 0)

    @pytest.mark.parametrize("limit", [{"LOSS_LIMIT_ROWS": 50}, {"LOSS_LIMIT_ROWS": 5, "LOSS_LIMIT_SHARE": 0.5}])
    def test_both_limits_must_be_passed(self, installation, settings, limit):
        settings.BLESTA = {**settings.BLESTA, **limit}
        run(Invoice)
        delete(installation, "invoices", *ids_of(installation)[20:23])
        last = run(Invoice)
        assert (last.state, last.gone) == (State.COMPLETE, 3)

    @pytest.mark.parametrize("count", [True, False], ids=["counted-too", "only-listed"])
    @pytest.mark.parametrize("model", [Invoice, Client, Currency, ContactType, Contact])
    def test_an_empty_list_with_status_200(self, installation, model, count):
        installation.state.insert("contact_types", company_id=1, name="Technician")
        sync.run([Client, model])
        held = model.objects.present().count()
        assert held
        remote, listing = model.resource.remote, model.resource.listing.method
        installation.lie(remote, listing, lambda truth, sent: [])
        if count:
            installation.lie(remote, "getListCount", lambda truth, sent: 0)
        last = run(model)
        assert last.state in {State.SUSPECT, State.PARTIAL}
        assert (gone(model), model.objects.present().count()) == (set(), held)

    def test_half_of_the_rows_lost(self, installation):
        run(Invoice)
        delete(installation, "invoices", *[pk for pk in installation.state.tables["invoices"] if pk % 2])
        last = run(Invoice)
        assert (last.state, gone(Invoice)) == (State.SUSPECT, set())

    def test_a_canary_that_cannot_be_read(self, installation):
        run(Invoice)
        delete(installation, "invoices", 40)
        installation.lie("Invoices", "get", lambda truth, sent: False)
        last = run(Invoice)
        assert (last.state, gone(Invoice)) == (State.SUSPECT, set())

    @pytest.mark.parametrize("blesta_simulator", [{"clients": 30, "seed": 4, "companies": 2}], indirect=True)
    def test_the_key_of_another_company(self, blesta, settings):
        settings.BLESTA = {**settings.BLESTA, "LOSS_LIMIT_ROWS": 100_000}
        keys = dict(settings.BLESTA["COMPANIES"])
        settings.BLESTA = {**settings.BLESTA, "COMPANIES": {1: keys[1]}}
        sync.run([Client, Invoice])
        held = Invoice.objects.count(), Client.objects.count()
        assert all(held)
        settings.BLESTA = {**settings.BLESTA, "COMPANIES": {1: keys[2]}}
        blesta.lie("Invoices", "get", lambda truth, sent: (row := truth(sent)) and row["id"] not in ours and row)
        ours = set(Invoice.objects.values_list("pk", flat=True))
        runs = sync.run([Client, Invoice])
        assert {one.state for one in runs} <= {State.SUSPECT, State.PARTIAL}
        assert (gone(Invoice), gone(Client)) == (set(), set())
        assert (Invoice.objects.count(), Client.objects.count()) == held

    @pytest.mark.parametrize("status", [403, 404])
    def test_a_get_that_is_not_found_or_not_allowed(self, installation, status):
        run(Invoice)
        delete(installation, "invoices", 40)
        installation.fail(times=None, model="Invoices", method="get", status=status)
        last = run(Invoice)
        assert last.state == State.FAILED
        assert gone(Invoice) == set()

    @pytest.mark.parametrize("answer", [{"status": 500, "body": "oops"}, {"status": 200, "body": ""}])
    def test_a_get_without_an_answer_stays_unconfirmed(self, installation, answer):
        run(Invoice)
        delete(installation, "invoices", 40, 41)
        installation.fail(times=None, model="Invoices", method="get", arguments={"invoice_id": 40}, **answer)
        last = run(Invoice)
        assert (last.state, last.gone, last.unconfirmed) == (State.COMPLETE, 1, 1)
        assert gone(Invoice) == {41}

    def test_more_than_the_budget_of_single_rows_stays_unconfirmed(self, installation, settings):
        settings.BLESTA = {**settings.BLESTA, "SINGLE_ROWS_PER_MINUTE": 1}
        run(Invoice)
        delete(installation, "invoices", *ids_of(installation)[20:29])
        last = run(Invoice)
        assert (last.state, last.gone, last.unconfirmed) == (State.COMPLETE, 5, 4)


class TestIncomplete:
    @pytest.mark.parametrize("page", [1, 4, 12], ids=["first", "middle", "last"])
    def test_a_page_that_is_always_empty(self, installation, page):
        run(Invoice)
        ids = ids_of(installation)
        changed, deleted = ids[(page - 1) * 10 + 3], ids[(page - 1) * 10 + 5]
        installation.state.update("invoices", changed, status="void")
        fault = installation.fail(times=None, model="Invoices", method="getList", arguments={"page": page}, body="")
        installation.requests.clear()
        last = run(Invoice)
        assert last.state == State.PARTIAL
        assert f"page {page} " in last.error
        assert Invoice.objects.get(pk=changed).status == "void"
        assert 10 <= asked(installation, "get") <= 20
        delete(installation, "invoices", deleted)
        run(Invoice)
        assert gone(Invoice) == set()
        assert fault.hits
        installation.heal()
        assert run(Invoice).state == State.COMPLETE
        assert gone(Invoice) == {deleted}

    @pytest.mark.parametrize("answer", [{"status": 500, "body": "<html>Oops</html>"}, {"status": 200, "body": "<p>"}])
    def test_a_page_that_is_always_html(self, installation, answer):
        run(Invoice)
        delete(installation, "invoices", 40)
        installation.fail(times=None, model="Invoices", method="getList", arguments={"page": 7}, **answer)
        last = run(Invoice)
        assert last.state == State.PARTIAL
        assert "page 7" in last.error
        assert gone(Invoice) == set()

    def test_a_listing_without_a_reliable_order(self, installation):
        run(Invoice)
        installation.switches.order_by = "ignored"
        delete(installation, "invoices", 40)
        last = run(Invoice)
        assert (last.state, last.order, gone(Invoice)) == (State.COMPLETE, "", set())

    def test_a_detail_that_cannot_be_read_leaves_the_listing_complete(self, installation):
        run(Invoice)
        delete(installation, "invoices", 40)
        installation.fail(times=None, model="Invoices", method="get", arguments={"invoice_id": 1}, status=200, body="")
        last = run(Invoice, details=True)
        assert (last.state, gone(Invoice)) == (State.COMPLETE, {40})
        assert "invoice 1 " in last.notice


class TestMeanwhile:
    def test_a_row_created_during_the_run_is_not_missing(self, installation):
        run(Invoice)

        created: list[int] = []

        def note(name: str) -> None:
            if name == "planned" and not created:
                with installation.state.lock:
                    created.extend(installation.add_invoice(1, [])["id"] for _ in range(15))
                for pk in created:
                    assert sync.refresh(Invoice, pk)

        _checkpoint.on_reached = note
        try:
            last = run(Invoice)
        finally:
            _checkpoint.on_reached = None
        assert (last.state, last.gone, last.unlisted, gone(Invoice)) == (State.COMPLETE, 0, 0, set())
        assert Invoice.objects.present().filter(pk__in=created).count() == 15

    def test_a_refresh_that_is_newer_than_the_confirming_get_wins(self, installation):
        run(Invoice)
        row = installation.state.delete("invoices", 40)
        refreshed: list[bool] = []

        def restore(name: str) -> None:
            if name == "chunk-fetched" and SyncRun.objects.latest("pk").chunks.filter(work__purpose="confirm").exists():
                _checkpoint.on_reached = None
                installation.state.insert("invoices", **row)
                refreshed.append(sync.refresh(Invoice, 40))

        _checkpoint.on_reached = restore
        try:
            last = run(Invoice)
        finally:
            _checkpoint.on_reached = None
        assert refreshed == [True]
        assert (last.state, last.gone, gone(Invoice)) == (State.COMPLETE, 0, set())

    def test_a_refresh_overtaken_by_a_complete_run_is_fetched_again(self, installation):
        run(Invoice)
        with installation.state.lock:
            new = installation.add_invoice(1, [])
        runs: list[SyncRun] = []

        def overtake(name: str) -> None:
            if name == "row-fetched":
                _checkpoint.on_reached = None
                delete(installation, "invoices", new["id"])
                runs.append(run(Invoice))

        _checkpoint.on_reached = overtake
        try:
            assert sync.refresh(Invoice, new["id"]) is False
        finally:
            _checkpoint.on_reached = None
        assert [one.state for one in runs] == [State.COMPLETE]
        assert not Invoice.objects.filter(pk=new["id"]).exists()
