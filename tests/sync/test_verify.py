"""Certificates: what they must find, what they must not call a difference, and that they touch nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from django_blesta import sync
from django_blesta.connection import CallRecord, observe
from django_blesta.exceptions import Denied, Unavailable
from django_blesta.models import (
    AppliedAmount,
    Certificate,
    Client,
    Contact,
    Currency,
    Invoice,
    InvoiceLine,
    Mirror,
    Service,
    User,
)
from django_blesta.sync.verify import MAX_LISTED, Finding, verify
from tests.sync.contents import contents

pytestmark = pytest.mark.django_db

COMPANY = {"clients": 12, "seed": 3}
some_clients = pytest.mark.parametrize("blesta_simulator", [COMPANY], indirect=True)


def certify(*models: type[Mirror], **options: Any) -> dict[str, Certificate]:
    findings = list(verify(models or None, **options))
    return {finding.certificate.resource.partition(".")[2]: finding.certificate for finding in findings}


def only(model: type[Mirror], **options: Any) -> Certificate:
    (certificate,) = certify(model, **options).values()
    return certificate


def finding(model: type[Mirror], **options: Any) -> Finding:
    (one,) = verify([model], **options)
    return one


def differences(certificate: Certificate) -> tuple[list[Any], list[Any], list[Any]]:
    return certificate.missing, certificate.extra, [(one["id"], one["columns"]) for one in certificate.different]


@contextmanager
def whenever(method: str, act: Callable[[], None], *, after: int = 1) -> Iterator[None]:
    """Act once, when Blesta has answered the call for the n-th time: between two requests, on the same thread."""
    times = 0

    def note(call: CallRecord) -> None:
        nonlocal times
        if f"{call.model}.{call.method}" == method:
            times += 1
            if times == after:
                act()

    with observe(note):
        yield
    assert times >= after, f"{method} was called {times} times only"


@some_clients
class TestHolds:
    @pytest.mark.parametrize("options", [{}, {"sample": 3}, {"detail": 0}, {"detail": 2}], ids=str)
    def test_when_nothing_differs(self, blesta, options):
        sync.run()
        found = certify(**options)
        assert {name: (c.holds, c.error) for name, c in found.items() if not c.holds} == {}
        assert {"client", "invoice", "transaction", "contact", "appliedamount", "user", "currency"} <= set(found)
        assert found["invoice"].remote_count == found["invoice"].local_count == Invoice.objects.count()
        assert Certificate.objects.count() == len(found)
        if "sample" not in options:
            digests = [(one.remote_digest, one.local_digest) for one in found.values()]
            assert all(len(remote) == 64 and remote == local for remote, local in digests)

    @pytest.mark.parametrize(
        "switches",
        [
            {"inferred_columns": "absent"},
            {"inferred_columns": "renamed"},
            {"ids_as_strings": True, "flags_as_strings": True},
            {"money_as_numbers": True},
            {"empty_map_as_list": True, "empty_list_as_false": True},
            {"empty_map_as_list": False},
            {"order_by": "ignored"},
            {"order_by": "error"},
            {"order_by": "qualified_only"},
            {"repeat_last_page": True},
            {"page_size": 7},
        ],
        ids=lambda switches: "-".join(f"{name}={value}" for name, value in switches.items()),
    )
    def test_whatever_blestas_habits(self, blesta, settings, switches):
        settings.BLESTA = {**settings.BLESTA, "READ_TRIES": 1}
        sync.run()
        blesta.switches.set(**switches)
        found = certify(detail=3)
        assert {name: (c.error, differences(c)) for name, c in found.items() if not c.holds} == {}

    def test_digest_speaks_of_rows_whatever_their_order_on_the_wire(self, blesta):
        sync.run([Client, Invoice])
        first = only(Invoice)
        blesta.switches.page_size = 7
        again = only(Invoice)
        assert first.remote_digest == again.remote_digest
        with blesta.state.lock:
            blesta.state.update("invoices", 1, note_public="x", currency="XXX")
        assert only(Invoice).remote_digest != first.remote_digest

    def test_statuses_are_counted_on_both_sides(self, blesta):
        sync.run([Client, Service])
        statuses = only(Service).statuses
        assert set(statuses) == {row["status"] for row in blesta.state.tables["services"].values()}
        for word, figures in statuses.items():
            assert (
                figures["counted"]
                == figures["shown"]
                == figures["here"]
                == len(blesta.state.where("services", status=word))
            )

    @pytest.mark.parametrize("options", [{}, {"sample": 3}, {"detail": 0}], ids=str)
    def test_writes_certificates_alone(self, blesta, options):
        sync.run()
        with blesta.state.lock:
            blesta.state.update("invoices", 1, status="void")
        before = contents()
        certify(**options)
        after = contents()
        assert after.pop("django_blesta_certificate") != before.pop("django_blesta_certificate")
        after.pop("sqlite_sequence", None), before.pop("sqlite_sequence", None)
        assert after == before


@some_clients
class TestDifferences:
    def test_a_changed_row_is_named_with_its_columns_and_without_values(self, blesta):
        sync.run([Client, Contact])
        with blesta.state.lock:
            contact = blesta.state.where("contacts", client_id=2, contact_type="primary")[0]
            blesta.state.update("contacts", contact["id"], email="secret@example.com", city="Atlantis")
            blesta.state.update("clients", 4, status="fraud")
        certificate = only(Client)
        assert not certificate.holds
        assert differences(certificate) == ([], [], [(2, ["email", "city"]), (4, ["status"])])
        assert certificate.remote_digest != certificate.local_digest
        stored = str(Certificate.objects.filter(pk=certificate.pk).values())
        assert "secret" not in stored
        assert "Atlantis" not in stored

    def test_a_row_that_the_mirror_lacks_is_missing(self, blesta):
        sync.run()
        client = blesta.add_client()
        invoice = blesta.add_invoice(client["id"])
        found = certify()
        assert found["client"].missing == [client["id"]]
        assert found["invoice"].missing == [invoice["id"]]
        assert found["user"].missing == [client["user_id"]]
        assert found["contact"].missing == [row["id"] for row in blesta.state.where("contacts", client_id=client["id"])]
        assert found["transaction"].holds

    def test_a_row_that_blesta_lacks_is_extra(self, blesta):
        sync.run()
        with blesta.state.lock:
            blesta.state.delete("invoices", 3)
            applied = next(iter(blesta.state.tables["transaction_applied"].values()))
            key = (applied["transaction_id"], applied["invoice_id"])
            blesta.state.delete("transaction_applied", key)
            blesta.state.delete("currencies", (1, Currency.objects.order_by("code").first().code))
        found = certify(Invoice, AppliedAmount, Currency)
        assert differences(found["invoice"]) == ([], [3], [])
        assert found["appliedamount"].extra == [f"{key[0]}/{key[1]}"]
        assert len(found["currency"].extra) == 1

    def test_a_row_marked_gone_that_blesta_shows_is_different(self, blesta):
        sync.run()
        Invoice.objects.filter(pk=2).update(gone_at=timezone.now())
        assert differences(only(Invoice)) == ([], [], [(2, ["gone_at"])])

    def test_a_row_marked_gone_that_blesta_does_not_show_is_no_difference(self, blesta):
        sync.run()
        Invoice.objects.filter(pk=2).update(gone_at=timezone.now())
        with blesta.state.lock:
            blesta.state.delete("invoices", 2)
        assert only(Invoice).holds

    def test_a_row_changed_by_another_hand_is_told_apart(self, blesta):
        sync.run()
        Invoice.objects.filter(pk=5).update(total=Decimal("1.0000"))
        with blesta.state.lock:
            blesta.state.update("invoices", 6, date_billed=blesta.clock.now())
        assert only(Invoice).different == [
            {"id": 5, "columns": ["total"], "edited_here": True},
            {"id": 6, "columns": ["billed_at"]},
        ]

    def test_a_row_that_fits_nowhere_is_a_difference_with_its_rule(self, blesta):
        sync.run()
        with blesta.state.lock:
            blesta.state.tables["invoices"][3]["total"] = "twelve"
        certificate = only(Invoice)
        assert certificate.different == [{"id": "3", "columns": ["total"], "unfit": "not-a-number"}]
        assert (certificate.extra, certificate.holds) == ([], False)

    def test_detail_is_compared_when_asked_for(self, blesta):
        sync.run()
        invoice = Invoice.objects.filter(lines__isnull=False).order_by("pk").first()
        with blesta.state.lock:
            line = blesta.state.where("invoice_lines", invoice_id=invoice.pk)[0]
            blesta.state.update("invoices", invoice.pk, note_public="New")
            blesta.state.update("invoice_lines", line["id"], description="Other", order=9)
            blesta.state.insert("invoice_lines", invoice_id=invoice.pk, description="More", amount=1)
        InvoiceLine.objects.create(id=10**6, invoice_id=invoice.pk, qty=1, amount=1, fetched_at=timezone.now())
        assert only(Invoice).holds
        ((found, columns),) = differences(only(Invoice, detail=0))[2]
        assert found == invoice.pk
        assert set(columns) == {
            "note_public",
            f"lines[{line['id']}].description",
            f"lines[{line['id']}].position",
            f"lines[{blesta.state.last_id('invoice_lines')}]",
            "lines[1000000]",
        }

    def test_detail_that_was_never_fetched_is_not_held_against_the_mirror(self, blesta):
        sync.run(details=False)
        certificate = only(Invoice, detail=0)
        assert (certificate.holds, certificate.error) == (True, "")

    def test_lists_are_capped_and_requests_with_them(self, blesta):
        blesta.switches.page_size = 100
        sync.run([Client])
        client = blesta.add_client()
        sync.run([Client])
        for _ in range(MAX_LISTED + 40):
            blesta.add_invoice(client["id"], delivery=())
        blesta.requests.clear()
        certificate = only(Invoice)
        assert len(certificate.missing) == MAX_LISTED
        assert sum(request[2] == "get" for request in blesta.requests) == MAX_LISTED
        assert certificate.remote_count == len(blesta.state.tables["invoices"])


@some_clients
class TestMotion:
    """What happens while the certificate is made is not called a difference."""

    def test_the_mirror_catches_up_before_the_second_look(self, blesta):
        sync.run()
        with blesta.state.lock:
            blesta.state.update("invoices", 3, status="void")
        with whenever("Invoices.get", lambda: sync.refresh(Invoice, 3)):
            one = finding(Invoice)
        assert (one.certificate.holds, one.in_motion) == (True, 0)

    def test_the_row_changes_again_between_the_looks(self, blesta):
        sync.run()
        blesta.switches.page_size = 500
        with blesta.state.lock:
            blesta.state.update("invoices", 3, status="void")

        def change() -> None:
            with blesta.state.lock:
                blesta.state.update("invoices", 3, status="proforma")

        with whenever("Invoices.getList", change):
            one = finding(Invoice)
        assert (one.certificate.holds, one.in_motion, one.certificate.different) == (True, 1, [])

    def test_a_new_row_is_deleted_between_the_looks(self, blesta):
        sync.run()
        blesta.switches.page_size = 500
        new = blesta.add_invoice(1)

        def delete() -> None:
            with blesta.state.lock:
                blesta.state.delete("invoices", new["id"])

        with whenever("Invoices.getList", delete):
            assert only(Invoice).holds

    def test_a_row_is_created_and_mirrored_after_its_page_was_read(self, blesta):
        sync.run()

        def create() -> None:
            sync.refresh(Invoice, blesta.add_invoice(1)["id"])

        with whenever("Invoices.getList", create, after=2):
            assert only(Invoice).holds

    @pytest.mark.parametrize("position", [0, 25, -1])
    def test_deletions_that_shift_the_pages_hide_no_row(self, blesta, position):
        sync.run()
        victim = sorted(blesta.state.tables["invoices"])[position]

        def delete() -> None:
            with blesta.state.lock:
                blesta.state.delete("invoices", victim)
            Invoice.objects.filter(pk=victim).update(gone_at=timezone.now())

        with whenever("Invoices.getList", delete, after=3):
            certificate = only(Invoice)
        assert (certificate.holds, differences(certificate)) == (True, ([], [], []))


@some_clients
class TestSample:
    def test_is_cheap(self, blesta):
        sync.run()
        blesta.requests.clear()
        assert only(Invoice, sample=2).holds
        methods = [request[2] for request in blesta.requests if request[1] == "Invoices"]
        assert methods.count("get") == 2
        assert set(methods) == {"get", "getListCount"}

    def test_counts_show_what_is_missing(self, blesta):
        sync.run()
        blesta.add_invoice(1)
        certificate = only(Invoice, sample=2)
        assert (certificate.holds, certificate.error) == (False, "")
        assert certificate.remote_count == certificate.local_count + 1

    def test_counts_per_status_show_what_flipped(self, blesta):
        sync.run()
        with blesta.state.lock:
            blesta.state.update("services", 1, status="in_review")
        certificate = only(Service, sample=1, seed=1)
        assert not certificate.holds
        assert certificate.remote_count == certificate.local_count

    def test_rows_show_what_changed(self, blesta):
        sync.run()
        with blesta.state.lock:
            blesta.state.update("invoices", 3, note_private="Psst")
        assert differences(only(Invoice, sample=10**6)) == ([], [], [(3, ["note_private"])])

    def test_parents_show_what_is_missing_and_extra_under_them(self, blesta):
        sync.run()
        new = blesta.add_contact(1)
        with blesta.state.lock:
            old = blesta.state.where("contacts", client_id=2)[0]["id"]
            blesta.state.delete("contacts", old)
        assert differences(only(Contact, sample=10**6)) == ([new["id"]], [old], [])

    def test_one_seed_makes_one_choice(self, blesta):
        sync.run()
        chosen = []
        for seed in (7, 7, 8):
            blesta.requests.clear()
            only(Invoice, sample=3, seed=seed)
            chosen.append([request[3] for request in blesta.requests if request[2] == "get"])
        assert chosen[0] == chosen[1] != chosen[2]


@some_clients
class TestTrouble:
    def test_a_page_that_cannot_be_read_leaves_the_certificate_unfinished(self, blesta, settings):
        settings.BLESTA = {**settings.BLESTA, "READ_TRIES": 1}
        sync.run()
        blesta.switches.empty_page = 2
        certificate = only(Invoice)
        assert not certificate.holds
        assert "page 2" in certificate.error
        assert differences(certificate) == ([], [], [])

    def test_the_page_after_the_last_that_cannot_be_read_is_named_too(self, blesta, settings):
        settings.BLESTA = {**settings.BLESTA, "READ_TRIES": 1}
        sync.run()
        blesta.switches.set(page_size=500, empty_page=2)
        assert "page 2" in only(Invoice).error

    def test_rows_that_are_counted_and_never_shown_leave_it_unfinished(self, blesta):
        sync.run()
        blesta.fail(times=1000, model="Invoices", method="getListCount", status=200, body='{"response": 400}')
        certificate = only(Invoice)
        assert "were not shown" in certificate.error
        assert not certificate.holds

    def test_rows_that_are_shown_and_never_counted_are_looked_at_and_leave_it_unfinished(self, blesta):
        sync.run()
        body = f'{{"response": {len(blesta.state.tables["invoices"]) // 20 * 20}}}'
        new = blesta.add_invoice(1)
        blesta.fail(times=1000, model="Invoices", method="getListCount", status=200, body=body)
        certificate = only(Invoice)
        assert "shows more" in certificate.error
        assert certificate.missing == [new["id"]]

    def test_trouble_that_befalls_everything_is_raised_after_it_was_certified(self, blesta, settings):
        settings.BLESTA = {**settings.BLESTA, "READ_TRIES": 1}
        sync.run()

        def close() -> None:
            blesta.switches.maintenance = "503"

        with whenever("Clients.getListCount", close), pytest.raises(Unavailable):
            certify(Client, Invoice)
        (certificate,) = Certificate.objects.all()
        assert certificate.resource == "django_blesta.client"
        assert "maintenance" in certificate.error
        assert not certificate.holds

    def test_a_wrong_key_is_raised(self, blesta, settings):
        settings.BLESTA = {**settings.BLESTA, "KEY": "wrong"}
        with pytest.raises(Denied):
            certify(Client)

    def test_what_one_method_lacks_is_told_of_its_resource_alone(self, blesta):
        sync.run()
        body = '{"message": "Not callable."}'
        blesta.fail(times=1000, model="Invoices", method="getListCount", status=403, body=body)
        found = certify(Invoice, Service)
        assert (found["invoice"].holds, found["service"].holds) == (False, True)
        assert found["invoice"].error


@pytest.mark.parametrize("blesta_simulator", [{"clients": 14, "seed": 2, "companies": 2}], indirect=True)
class TestCompanies:
    @pytest.mark.parametrize("scoped", [True, False])
    @pytest.mark.parametrize("options", [{}, {"sample": 2}], ids=str)
    def test_each_company_has_its_own_certificates(self, blesta, scoped, options):
        blesta.switches.lists_scoped = scoped
        sync.run()
        found = [one.certificate for one in verify(**options)]
        assert {(c.resource, c.company_id): c.error or differences(c) for c in found if not c.holds} == {}
        assert {c.company_id for c in found} == {1, 2}
        invoices = [c for c in found if c.resource == "django_blesta.invoice"]
        assert sum(c.local_count for c in invoices) == Invoice.objects.count()
        users = [c for c in found if c.resource == "django_blesta.user"]
        staff = User.objects.filter(staff__isnull=False).distinct().count()  # they belong to no company, so to both
        assert sum(c.local_count for c in users) == User.objects.count() + staff

    @pytest.mark.parametrize("scoped", [True, False])
    def test_a_difference_is_told_of_its_company_alone(self, blesta, scoped):
        blesta.switches.lists_scoped = scoped
        sync.run()
        group = next(row for row in blesta.state.tables["client_groups"].values() if row["company_id"] == 2)
        client = blesta.add_client(client_group_id=group["id"])
        invoice = blesta.add_invoice(client["id"])
        found = [one.certificate for one in verify([Client, Invoice, Contact, User])]
        assert {c.company_id for c in found if c.missing} == {2}
        missing = {c.resource.partition(".")[2]: c.missing for c in found if c.company_id == 2}
        assert (missing["client"], missing["invoice"]) == ([client["id"]], [invoice["id"]])
        assert missing["user"] == [client["user_id"]]
        assert len(missing["contact"]) == 1
