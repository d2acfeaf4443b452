"""The billing overview: sums by currency and period, their age, and a CSV that is no formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client as Browser
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from django_blesta import billing
from django_blesta.models import Invoice, Service, Transaction
from tests import rows

PAGE = "/admin/django_blesta/billing/"
NOW = timezone.now


def month(back: int = 0) -> datetime:
    now = NOW()
    place = now.year * 12 + now.month - 1 - back
    return datetime(place // 12, place % 12 + 1, 1, tzinfo=UTC)


@pytest.fixture
def books(db: None) -> None:
    ada, bob = rows.client(), rows.client()
    this, last = month() + timedelta(hours=1), month(1) + timedelta(days=10)
    day = timedelta(days=1)
    rows.invoice(ada, total=Decimal("100.10"), billed_at=this, due_at=NOW() + 5 * day)
    rows.invoice(ada, total=Decimal("50.05"), billed_at=last, due_at=NOW() - 10 * day)
    rows.invoice(bob, total=Decimal("7.00"), billed_at=last, due_at=NOW() - 100 * day, currency="EUR")
    rows.invoice(bob, total=Decimal("9.00"), billed_at=last, status="void")
    rows.invoice(bob, total=Decimal("8.00"), billed_at=last, status="draft")
    paid = rows.invoice(bob, total=Decimal("30.00"), billed_at=last, closed_at=last)
    Invoice.objects.filter(pk=paid.pk).update(due=0)
    rows.transaction(ada, amount=Decimal("40.00"), applied_amount=Decimal("25.50"), added_at=this)
    rows.transaction(ada, amount=Decimal("11.00"), applied_amount=Decimal("11.00"), added_at=last)
    rows.transaction(bob, amount=Decimal("99.00"), status="declined", added_at=this)
    rows.service(ada, added_at=this)
    rows.service(ada, added_at=last, status="canceled", canceled_at=this)
    rows.service(bob, added_at=month(3), canceled_at=NOW() + 9 * day)
    rows.service(bob, added_at=last, gone_at=NOW())


def test_sums_are_by_currency_and_period(books: None) -> None:
    found = billing.overview(periods=6)

    figures = {
        (one.begins_on.date(), one.currency): (one.received, one.invoiced, one.invoices) for one in found.periods
    }
    assert figures[month().date(), "USD"] == (Decimal("40.00"), Decimal("100.10"), 1)
    assert figures[month(1).date(), "USD"] == (Decimal("11.00"), Decimal("80.05"), 2)
    assert figures[month(1).date(), "EUR"] == (Decimal(0), Decimal("7.00"), 1)


def test_what_is_owed_is_by_age(books: None) -> None:
    euros, dollars = billing.overview().owed

    assert dollars.outstanding == Decimal("150.15")
    assert dollars.overdue == {"1-30": Decimal("50.05"), "31-60": 0, "61-90": 0, "90+": 0}
    assert (dollars.not_due, dollars.credit, dollars.invoices) == (Decimal("100.10"), Decimal("14.50"), 2)
    assert euros.overdue["90+"] == euros.overdue_sum == Decimal("7.00")


def test_services_begin_and_end(books: None) -> None:
    found = billing.overview(periods=6)

    assert {one.begins_on.date(): (one.new, one.cancelled) for one in found.services} == {
        month().date(): (1, 1),
        month(1).date(): (1, 0),
        month(3).date(): (1, 0),
    }
    assert (found.active, found.scheduled) == (2, 1)


def test_age_is_that_of_the_least_fresh_mirror(books: None) -> None:
    assert billing.overview().as_of is None
    now = NOW()
    for hours, model in enumerate((Invoice, Transaction, Service), 1):
        rows.run(model, started_at=now - timedelta(hours=hours))

    assert billing.overview().as_of == now - timedelta(hours=3)


@pytest.mark.parametrize(("kind", "periods"), [("week", 3), ("month", 0), ("month", 61)])
def test_what_cannot_be_shown_is_refused(kind: str, periods: int) -> None:
    with pytest.raises(ValueError, match="overview"):
        billing.overview(kind=kind, periods=periods)


@pytest.mark.parametrize("kind", billing.KINDS)
def test_every_kind_of_period_begins_at_its_beginning(books: None, kind: str) -> None:
    for one in billing.overview(kind=kind, periods=3).periods:
        assert one.begins_on.day == 1
        assert one.begins_on.month in {"month": range(1, 13), "quarter": (1, 4, 7, 10), "year": (1,)}[kind]


def test_page_and_csv_are_for_those_with_the_permission(books: None, staff_with: Callable[..., Browser]) -> None:
    for address in (PAGE, f"{PAGE}csv/"):
        assert staff_with("view_invoice", "view_status").get(address).status_code == 403
        assert staff_with("view_billing").get(address).status_code == 200
        assert staff_with("view_billing").get(address, {"by": "week"}).status_code == 404
        assert staff_with("view_billing").get(address, {"last": "9999999"}).status_code == 404


def test_page_shows_each_currency_by_itself(books: None, staff: Browser) -> None:
    page = staff.get(PAGE).content.decode()

    assert "150.15" in page
    assert 'id="money-EUR"' in page
    assert "<svg" in page


def test_csv_holds_the_same_figures(books: None, staff: Browser) -> None:
    answer = staff.get(f"{PAGE}csv/")

    assert answer.headers["Content-Type"].startswith("text/csv")
    table = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    dollars = next(row for row in table if row[:1] == ["USD"])
    assert Decimal(dollars[1]) == Decimal("150.15")


@given(st.text())
def test_no_cell_is_a_formula(text: str) -> None:
    shown = billing.harmless(text)

    assert not shown.lstrip().startswith(("=", "+", "-", "@", "|", "%"))
    assert shown.removeprefix("'") == text or shown == text


def test_numbers_stay_numbers() -> None:
    assert billing.harmless(Decimal("-12.5000")) == "-12.5000"
    assert billing.harmless(3) == "3"
