"""What the customer pages say."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.template import Context, Template
from django.test import Client as Browser
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

import django_blesta
from django_blesta.models import (
    Client,
    Invoice,
    InvoiceLine,
    Operation,
    PackagePricing,
    QuarantinedRow,
    Service,
    SyncRun,
    mirrors,
)
from django_blesta.portal.account import account_of
from tests import rows

pytestmark = pytest.mark.django_db
SPACE = "\N{NO-BREAK SPACE}"


@pytest.fixture
def person() -> Client:
    return rows.client(company_id=1)


@pytest.fixture
def browser(person: Client) -> Browser:
    browser = Browser()
    browser.force_login(rows.linked_user(person, "jane"))
    return browser


def page(browser: Browser, name: str, *args: Any, **query: Any) -> str:
    response = browser.get(reverse(f"blesta:{name}", args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def test_amounts_due_are_added_up_per_currency_exactly(person: Client, browser: Browser) -> None:
    late = timezone.now() - timedelta(days=1)
    for amount in ("0.1000", "0.2000", "99999999999.9999"):
        rows.invoice(person, total=Decimal(amount))
    rows.invoice(person, currency="EUR", total=Decimal("5"), due_at=late)
    rows.invoice(person, currency="EUR", total=Decimal("2.5"), status="proforma")
    rows.invoice(person, currency="GBP", total=Decimal("77"), closed_at=timezone.now(), due=Decimal(0))
    for status in ("draft", "void", "a word of next year"):
        rows.invoice(person, currency="GBP", total=Decimal("88"), status=status)

    shown = page(browser, "overview")

    assert f"100,000,000,000.2999{SPACE}USD" in shown
    assert f"7.50{SPACE}EUR" in shown
    assert f"5.00{SPACE}EUR past due" in shown
    owed = re.search(r'<ul class="blesta-owed">.*?</ul>', shown, re.DOTALL)
    assert owed is not None
    assert "GBP" not in owed.group()


def test_overview_says_so_when_nothing_is_owed(person: Client, browser: Browser) -> None:
    rows.invoice(person, closed_at=timezone.now(), due=Decimal(0))

    assert "Nothing is to be paid." in page(browser, "overview")


def test_overview_is_as_old_as_the_open_invoice_that_is_known_least(person: Client, browser: Browser) -> None:
    began = timezone.now() - timedelta(minutes=5)
    doubtful = rows.invoice(person, fetched_at=began - timedelta(days=9), billed_at=began - timedelta(days=400))
    for _ in range(8):
        rows.invoice(person, billed_at=began, fetched_at=began)
    rows.run(Invoice, started_at=began)
    assert browser.get(reverse("blesta:overview")).context["as_of"] == began

    QuarantinedRow.objects.create(
        resource="django_blesta.invoice", remote_id=str(doubtful.pk), code="null", last_seen_at=timezone.now()
    )
    assert browser.get(reverse("blesta:overview")).context["as_of"] == doubtful.fetched_at


def test_overview_is_as_old_as_the_run_that_found_no_other_invoice(person: Client, browser: Browser) -> None:
    began = timezone.now() - timedelta(days=1)
    rows.run(Invoice, started_at=began)
    rows.invoice(person, fetched_at=timezone.now())
    rows.service(person, fetched_at=timezone.now())

    assert browser.get(reverse("blesta:overview")).context["as_of"] == began


@pytest.mark.parametrize("name", ["overview", "services", "invoices", "payments"])
def test_page_takes_as_many_queries_when_there_are_ten_times_the_rows(
    name: str, person: Client, browser: Browser
) -> None:
    def add(number: int) -> None:
        for _ in range(number):
            plan = rows.package()
            price = rows.row(PackagePricing, package=plan, term=1, period="month", currency="USD", price=Decimal(9))
            bought = rows.service(person, package=plan, pricing=price)
            rows.service(person, package=plan, pricing=price, parent_service=bought)
            rows.applied(rows.transaction(person), rows.invoice(person))

    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(browser, name)
        return len(captured)

    add(5)
    few = count()
    add(45)
    assert count() == few


def test_list_is_cut_into_pages(person: Client, browser: Browser) -> None:
    for number in range(45):
        rows.invoice(person, id_code=f"N{number:03}", billed_at=rows.FETCHED + timedelta(days=number))

    first, last = page(browser, "invoices"), page(browser, "invoices", page=3)

    assert "N044" in first
    assert "N000" not in first
    assert "N000" in last
    assert re.findall(r"N\d{3}", page(browser, "invoices", page="nonsense")) == re.findall(r"N\d{3}", first)
    assert "N000" in page(browser, "invoices", page=9999)


def test_invoice_shows_its_lines_sums_and_payments(person: Client, browser: Browser) -> None:
    invoice = rows.invoice(
        person, subtotal=Decimal("20.0000"), total=Decimal("23.8000"), paid=Decimal("10"), due=Decimal("13.8")
    )
    rows.line(invoice, description="Hosting <b>Gold</b>\nper month", qty=Decimal("2.5000"), amount=Decimal("8.0000"))
    rows.applied(rows.transaction(person, number="ch_42"), invoice, amount=Decimal("10"))
    rows.line(rows.invoice(person), description="Of another invoice")

    shown = page(browser, "invoice", invoice.pk)

    for words in ("Hosting &lt;b&gt;Gold&lt;/b&gt;<br>per month", ">2.5<", f">8.00{SPACE}USD<", f">20.00{SPACE}USD<"):
        assert words in shown
    for amount in ("3.80", "23.80", "10.00", "13.80"):
        assert f"{amount}{SPACE}USD" in shown
    assert "ch_42" in shown
    assert "Of another invoice" not in shown


def test_invoice_says_so_when_its_lines_have_not_arrived(person: Client, browser: Browser) -> None:
    assert "have not arrived yet" in page(browser, "invoice", rows.invoice(person).pk)


def test_private_note_stays_private(person: Client, browser: Browser) -> None:
    invoice = rows.invoice(person, note_public="For all to read", note_private="Do not tell")

    shown = page(browser, "invoice", invoice.pk)

    assert "For all to read" in shown
    assert "Do not tell" not in shown


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({}, "Open"),
        ({"due_at": rows.FETCHED}, "Past due"),
        ({"closed_at": rows.FETCHED}, "Paid"),
        ({"status": "void"}, "Void"),
        ({"status": "proforma"}, "Pro forma"),
        ({"status": "a word of next year"}, "a word of next year"),
    ],
)
def test_invoice_state_is_a_word(columns: dict[str, Any], word: str, person: Client, browser: Browser) -> None:
    rows.invoice(person, **columns)

    assert re.search(rf'<span class="blesta-word [^"]*">{word}</span>', page(browser, "invoices"))


def test_service_shows_its_price_term_and_scheduled_end(person: Client, browser: Browser) -> None:
    plan = rows.package(name="Gold")
    price = rows.row(
        PackagePricing, package=plan, term=3, period="month", currency="EUR", price=Decimal(9), price_renews=Decimal(12)
    )
    end = timezone.now() + timedelta(days=20)
    rows.service(person, package=plan, pricing=price, qty=2, canceled_at=end)
    rows.service(person, pricing=price, override_price=Decimal("4.5"), override_currency="USD")

    shown = page(browser, "services")

    assert f"2 × 12.00{SPACE}EUR" in shown
    assert "3 months" in shown
    assert f"4.50{SPACE}USD" in shown
    assert "Cancellation scheduled" in shown


def test_dangling_references_do_no_harm(person: Client, browser: Browser) -> None:
    rows.service(person, package_id=991, pricing_id=992, parent_service_id=993)
    invoice = rows.invoice(person)
    rows.line(invoice, service_id=994)

    for name in ("overview", "services", "invoices", "payments"):
        page(browser, name)
    page(browser, "invoice", invoice.pk)


def test_page_says_how_old_its_knowledge_is(person: Client, browser: Browser) -> None:
    now = timezone.now()
    assert "As of" not in page(browser, "services")
    rows.run(Service, started_at=now - timedelta(minutes=7))
    assert "7\N{NO-BREAK SPACE}minutes ago" in page(browser, "services")

    rows.service(person)
    assert "7\N{NO-BREAK SPACE}minutes ago" in page(browser, "services")

    Service.objects.update(fetched_at=now)
    assert "a moment ago" in page(browser, "services")


HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'


def test_markup_in_remote_text_is_shown_as_text(person: Client, browser: Browser) -> None:
    rows.one_of_each()
    invoice = rows.invoice(person, id_code=HOSTILE, note_public=HOSTILE)
    rows.service(person, name=HOSTILE, package=rows.package(name=HOSTILE), status=HOSTILE[:32])
    rows.line(invoice, description=HOSTILE)
    rows.applied(rows.transaction(person, number=HOSTILE, status=HOSTILE[:32]), invoice)
    rows.contact(person, first_name=HOSTILE, company_name=HOSTILE)
    Client.objects.filter(pk=person.pk).update(company_name=HOSTILE, first_name=HOSTILE)

    for name in ("overview", "services", "invoices", "payments", "contact"):
        assert not re.search(r"<script>alert|<img src=x", page(browser, name))
    assert not re.search(r"<script>alert|<img src=x", page(browser, "invoice", invoice.pk))


def test_pages_work_in_the_frame_that_the_package_brings(person: Client, browser: Browser, settings: Any) -> None:
    own = Path(django_blesta.__file__).parent / "templates"
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [own]}]
    rows.contact(person)

    for name in ("overview", "services", "invoices", "payments", "contact"):
        shown = page(browser, name)
        assert 'href="#blesta-main"' in shown
        assert shown.count("<main") == shown.count("<h1") == 1


@pytest.mark.parametrize("name", ["overview", "services", "invoices", "payments", "contact"])
def test_page_has_no_inline_script_or_style(name: str, person: Client, browser: Browser) -> None:
    rows.contact(person)
    rows.service(person)
    rows.invoice(person)

    assert not re.search(r"<style|\sstyle=|\son\w+=|<script", page(browser, name))


def test_pay_link_leads_to_the_address_in_the_setting(person: Client, browser: Browser, settings: Any) -> None:
    rows.invoice(person)
    assert "Pay in the billing system" not in page(browser, "overview")

    settings.BLESTA = {**settings.BLESTA, "CLIENT_URL": "https://billing.example.com/client/"}
    assert 'href="https://billing.example.com/client/"' in page(browser, "overview")


# Template tags


def rendered(source: str, user: Any) -> str:
    request = RequestFactory().get("/")
    request.user = user
    return Template("{% load django_blesta %}" + source).render(Context({"request": request}))


ALL_TAGS = "{% blesta_balance %}{% blesta_services %}{% blesta_invoices limit=2 %}"


def test_tags_show_the_customers_rows_on_any_page(person: Client) -> None:
    service = rows.service(person)
    invoices = [rows.invoice(person, billed_at=rows.FETCHED + timedelta(days=day)) for day in range(3)]
    stranger = rows.service(rows.client())

    shown = rendered(ALL_TAGS, rows.linked_user(person))

    assert service.name in shown
    assert stranger.name not in shown
    assert invoices[2].id_code in shown
    assert invoices[0].id_code not in shown
    assert f"37.50{SPACE}USD" in shown


def test_tags_show_nothing_when_the_user_is_nobodys_customer() -> None:
    from django.contrib.auth.models import AnonymousUser

    rows.one_of_each()
    for user in (AnonymousUser(), rows.site_user()):
        assert rendered(ALL_TAGS, user).strip() == ""
    assert Template("{% load django_blesta %}" + ALL_TAGS).render(Context()).strip() == ""


def test_money_filter_writes_amounts() -> None:
    source = "{% load django_blesta %}{{ amount|money:'USD' }}|{{ nothing|money:'USD' }}"

    assert Template(source).render(Context({"amount": Decimal("1234.5000"), "nothing": None})) == f"1,234.50{SPACE}USD|"


def test_account_is_none_for_nobody() -> None:
    assert account_of(None) is None
    assert account_of(rows.site_user()) is None


def test_lines_are_reached_only_through_the_customer(person: Client) -> None:
    theirs = rows.invoice(rows.client())
    rows.line(theirs)
    account = account_of(rows.linked_user(person))

    assert account is not None
    assert not account.lines_of(theirs).exists()
    assert InvoiceLine.objects.exists()
    assert not Invoice.objects.filter(pk__in=account.invoices()).exists()


def test_no_page_of_a_customers_repeats_what_the_sync_or_the_journal_wrote_down(
    person: Client, browser: Browser
) -> None:
    """Those are sentences for staff, in English, and they name servers."""
    secret = "billing.example.com cannot be reached"
    mine = rows.contact(person)
    Client.objects.filter(pk=person.pk).update(contact=mine)
    invoice = rows.invoice(person)
    for model in mirrors():
        rows.run(model, SyncRun.State.FAILED, error=secret, notice=secret, error_kind="unreachable")
    for number, state in enumerate(Operation.State):
        facts = {"resource": "django_blesta.contact", "target_id": mine.pk, "client_id": person.pk}
        Operation.objects.create(
            token=str(number), kind="contacts.edit", state=state, reason=secret, created_at=timezone.now(), **facts
        )

    pages = [page(browser, name) for name in ("overview", "services", "invoices", "payments", "contact")]

    assert [shown for shown in [*pages, page(browser, "invoice", invoice.pk)] if secret in shown] == []
