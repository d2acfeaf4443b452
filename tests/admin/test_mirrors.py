"""Every mirror in the admin: read-only for everybody, complete, linked, and no query per row."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import DecimalField
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from django_blesta.admin import MirrorAdmin
from django_blesta.models import (
    AppliedAmount,
    Client,
    ClientGroup,
    Invoice,
    Mirror,
    Package,
    PackageGroup,
    PackageGroupMember,
    PackagePricing,
    Service,
    Transaction,
    mirrors,
)
from tests import rows

MIRRORS = [model for model in mirrors() if model._meta.app_label == "django_blesta"]
every_mirror = pytest.mark.parametrize("model", MIRRORS, ids=lambda model: model.__name__)
pytestmark = pytest.mark.django_db


def list_of(model: type[Mirror]) -> str:
    return reverse(f"admin:django_blesta_{model._meta.model_name}_changelist")


def page_of(row: Mirror) -> str:
    return reverse(f"admin:django_blesta_{row._meta.model_name}_change", args=[row.pk])


def made(model: type[Mirror], number: int = 1) -> list[Mirror]:
    return [row for row in rows.one_of_each(number) if type(row) is model]


def queries(browser: Browser, address: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        response = browser.get(address)
    assert response.status_code == 200
    return len(captured)


@every_mirror
def test_mirror_has_an_admin_that_is_read_only(model: type[Mirror]) -> None:
    face = admin.site.get_model_admin(model)

    assert isinstance(face, MirrorAdmin)
    assert face.actions is None
    assert not face.list_editable
    assert not face.inlines


@every_mirror
def test_list_and_page_answer_when_rows_are_there(model: type[Mirror], staff: Browser) -> None:
    row = made(model)[0]

    listed = staff.get(list_of(model))
    shown = staff.get(page_of(row))

    assert listed.status_code == shown.status_code == 200
    assert page_of(row) in listed.content.decode()
    assert 'name="_save"' not in shown.content.decode()


@every_mirror
def test_page_of_a_row_that_holds_nothing_has_one_sign_for_it(model: type[Mirror], staff: Browser) -> None:
    numbers = {one.name: 0 for one in model._meta.concrete_fields if isinstance(one, DecimalField) and not one.null}

    content = staff.get(page_of(rows.row(model, **numbers))).content.decode()

    assert "–" in content
    assert not re.search(r">\s*None\s*<", content)


def test_member_of_a_group_is_named_by_both(staff: Browser) -> None:
    package, group = rows.package(name="Starter"), rows.row(PackageGroup, name="Shared hosting")
    member = rows.row(PackageGroupMember, package=package, package_group=group)

    assert "Starter in Shared hosting" in staff.get(page_of(member)).content.decode()
    assert "Starter in Shared hosting" in staff.get(list_of(PackageGroupMember)).content.decode()
    alone = PackageGroupMember.objects.get()
    with CaptureQueriesContext(connection) as captured:
        assert str(alone) == f"#{package.pk} in #{group.pk}"
    assert len(captured) == 0


def test_price_is_titled_with_the_places_of_its_currency() -> None:
    price = PackagePricing(price=Decimal("1500.0000"), currency="JPY", term=1, period="month")
    assert str(price) == "1,500\N{NO-BREAK SPACE}JPY / 1 month"
    assert str(AppliedAmount(amount=Decimal("9.9900"), currency="USD")) == "9.99\N{NO-BREAK SPACE}USD"


@every_mirror
def test_list_takes_as_many_queries_when_there_are_ten_times_the_rows(model: type[Mirror], staff: Browser) -> None:
    rows.one_of_each(5)
    staff.get(list_of(model))  # what is cached for the process is cached by now
    few = queries(staff, list_of(model))
    rows.one_of_each(45)

    assert queries(staff, list_of(model)) == few


@every_mirror
def test_search_answers_when_given_words_numbers_and_nonsense(model: type[Mirror], staff: Browser) -> None:
    made(model)

    for words in ("ada", "1", "#1", "9" * 40, "'; --", "٣", "\x00", "ada@example.com 5"):
        assert staff.get(list_of(model), {"q": words}).status_code == 200


@every_mirror
def test_every_filter_answers(model: type[Mirror], staff: Browser) -> None:
    made(model)
    links = set(re.findall(r'href="(\?[^"]+)"', staff.get(list_of(model)).content.decode()))

    for link in links:
        assert staff.get(list_of(model) + link.replace("&amp;", "&")).status_code == 200


FORGED = {
    "add": lambda model, row: (f"{list_of(model)}add/", {"name": "forged"}),
    "change": lambda model, row: (page_of(row), {"name": "forged", "first_name": "forged", "_save": "Save"}),
    "delete": lambda model, row: (f"{page_of(row).removesuffix('change/')}delete/", {"post": "yes"}),
    "action": lambda model, row: (
        list_of(model),
        {"action": "delete_selected", "_selected_action": str(row.pk), "post": "yes", "index": "0"},
    ),
    "edit in list": lambda model, row: (
        list_of(model),
        {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "0", "form-0-first_name": "forged", "_save": "Save"},
    ),
}


@pytest.mark.parametrize("attempt", FORGED)
@every_mirror
def test_forged_post_changes_nothing_when_a_superuser_sends_it(
    model: type[Mirror], attempt: str, staff: Browser
) -> None:
    row = made(model)[0]
    before = list(model._base_manager.order_by("pk").values())
    address, form = FORGED[attempt](model, row)

    response = staff.post(address, form)

    assert response.status_code in ({403, 200, 302} if attempt in {"action", "edit in list"} else {403})
    assert list(model._base_manager.order_by("pk").values()) == before


@every_mirror
def test_page_is_refused_when_staff_lack_the_permission(
    model: type[Mirror], staff_with: Callable[..., Browser]
) -> None:
    row = made(model)[0]
    without, allowed = staff_with(), staff_with(f"view_{model._meta.model_name}")

    for address in (list_of(model), page_of(row)):
        assert without.get(address).status_code == 403
        assert allowed.get(address).status_code == 200
        assert Browser().get(address).status_code == 302


def test_client_page_links_to_all_that_hangs_on_it(staff: Browser) -> None:
    person = rows.client()
    service, invoice, payment = rows.service(person), rows.invoice(person), rows.transaction(person)
    contact = rows.contact(person)
    stranger = rows.service(rows.client())

    page = staff.get(page_of(person)).content.decode()

    for row in (service, invoice, payment, contact):
        assert f'href="{page_of(row)}"' in page
    assert page_of(stranger) not in page
    assert "12.50\N{NO-BREAK SPACE}USD" in page


def test_client_page_hides_relations_that_staff_may_not_see(staff_with: Callable[..., Browser]) -> None:
    person = rows.client()
    service, invoice = rows.service(person), rows.invoice(person)

    page = staff_with("view_client", "view_service").get(page_of(person)).content.decode()

    assert page_of(service) in page
    assert page_of(invoice) not in page
    assert "INV-" not in page


@pytest.mark.parametrize("model", [Client, Invoice, Service, Transaction, Package, ClientGroup])
def test_page_takes_as_many_queries_when_many_rows_hang_on_it(model: type[Mirror], staff: Browser) -> None:
    made(model)
    row = model._base_manager.first()
    assert row is not None

    def hang(number: int) -> None:
        person, plan, group = Client.objects.earliest("pk"), Package.objects.earliest("pk"), ClientGroup.objects.get()
        bill, payment = Invoice.objects.earliest("pk"), Transaction.objects.earliest("pk")
        for _ in range(number):
            bought = rows.service(person, package=plan, parent_service=Service.objects.order_by("pk").first())
            rows.line(bill, service=bought)
            rows.applied(rows.transaction(person), bill)
            rows.applied(payment, rows.invoice(person))
            rows.client(client_group=group)
            rows.contact(person)

    hang(30)
    staff.get(page_of(row))
    few = queries(staff, page_of(row))
    hang(40)

    assert queries(staff, page_of(row)) == few


def test_related_table_is_cut_with_a_link_to_all_when_there_are_many(staff: Browser) -> None:
    person = rows.client()
    for _ in range(13):
        rows.service(person)
    rows.service(rows.client())

    page = staff.get(page_of(person)).content.decode()
    link = re.search(r'href="([^"]+)">Show all 13<span class="visually-hidden">: Services<', page)

    assert link is not None
    listed = staff.get(link.group(1).replace("&amp;", "&")).content.decode()
    assert listed.count('class="field-row"') == 13
    assert f"Client: {person}" in listed


@pytest.mark.parametrize("key", ["1 OR 1=1", "x", "-1", "9" * 30])
def test_list_by_parent_survives_when_the_key_is_nonsense(key: str, staff: Browser) -> None:
    response = staff.get(list_of(Service), {"client__id__exact": key})

    assert response.status_code in {200, 302}


def test_parent_shows_as_missing_when_the_mirror_does_not_hold_it(staff: Browser) -> None:
    person = rows.client(client_group_id=987654)
    invoice = rows.invoice(rows.client(), client_id=876543)

    for page in (staff.get(list_of(Client)), staff.get(page_of(person))):
        assert "#987654 (missing)" in page.content.decode()
    for page in (staff.get(list_of(Invoice)), staff.get(page_of(invoice))):
        assert "#876543 (missing)" in page.content.decode()


def test_gone_row_is_marked_in_list_page_and_links(staff: Browser) -> None:
    person = rows.client(gone_at=timezone.now())
    rows.invoice(person)

    assert ">gone</span>" in staff.get(list_of(Client)).content.decode()
    assert "Gone from Blesta" in staff.get(page_of(person)).content.decode()
    assert ">gone</span>" in staff.get(list_of(Invoice)).content.decode()
    assert person.last_name not in staff.get(list_of(Client), {"gone": "no"}).content.decode()
    assert person.last_name in staff.get(list_of(Client), {"gone": "yes"}).content.decode()


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("open", {"open", "late", "part"}),
        ("past_due", {"late"}),
        ("paid", {"paid"}),
        ("draft", {"draft"}),
        ("void", {"void"}),
    ],
)
def test_invoice_filter_finds_what_people_mean_by_the_word(state: str, expected: set[str], staff: Browser) -> None:
    person = rows.client()
    now = timezone.now()
    rows.invoice(person, id_code="open")
    rows.invoice(person, id_code="part", status="proforma", paid=Decimal(1))
    rows.invoice(person, id_code="late", due_at=now - timezone.timedelta(days=1))
    rows.invoice(person, id_code="paid", closed_at=now)
    rows.invoice(person, id_code="draft", status="draft")
    rows.invoice(person, id_code="void", status="void")

    page = staff.get(list_of(Invoice), {"state": state}).content.decode()

    assert {code for code in ("open", "part", "late", "paid", "draft", "void") if f">{code}</a>" in page} == expected


def test_number_finds_the_row_of_that_id(staff: Browser) -> None:
    person = rows.client(id=700123, id_code="other")
    rows.client()

    page = staff.get(list_of(Client), {"q": "#700123"}).content.decode()

    assert page_of(person) in page
    assert page.count('class="field-row"') == 1


HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)> {{ 7|add:7 }}'


@every_mirror
def test_markup_in_remote_text_is_shown_as_text(model: type[Mirror], staff: Browser) -> None:
    row = made(model)[0]
    texts = [f for f in row._meta.concrete_fields if f.get_internal_type() in {"CharField", "TextField"}]
    columns = {f.attname: HOSTILE[: f.max_length or 255] for f in texts}
    if columns:
        model._base_manager.filter(pk=row.pk).update(**columns)

    for address in (list_of(model), page_of(row)):
        page = staff.get(address).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_clients_name_is_on_no_page_of_staff_who_may_not_see_clients(staff_with: Callable[..., Browser]) -> None:
    person = rows.client(first_name="Wilhelmina", last_name="Murray-Harker", company_name="Whitby GmbH")
    made = rows.one_of_each()
    for row in made:
        for field in row._meta.concrete_fields:
            if field.name == "client":
                type(row)._base_manager.filter(pk=row.pk).update(client=person.pk)
    others = [model for model in MIRRORS if model is not Client]
    browser = staff_with(*(f"view_{model._meta.model_name}" for model in others))
    pages = [list_of(model) for model in others] + [page_of(row) for row in made if type(row) is not Client]
    pages += [f"{list_of(Service)}?client__id__exact={person.pk}", f"{list_of(Invoice)}?q=Whitby"]

    for page in pages:
        response = browser.get(page, follow=True)
        assert response.status_code == 200
        content = response.content.decode()
        assert "Wilhelmina" not in content, page
        assert "Murray" not in content, page
    assert f"#{person.pk}" in browser.get(list_of(Service)).content.decode()
    assert "INV-" not in browser.get(f"{list_of(Invoice)}?q=Whitby").content.decode()
