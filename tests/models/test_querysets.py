"""What people ask of a mirror, asked of the database."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from django_blesta.models import Invoice, Service, Transaction
from tests import rows

pytestmark = pytest.mark.django_db


def codes(queryset):
    return {row.id_code for row in queryset}


def test_invoices_are_open_overdue_or_paid():
    person, now = rows.client(), timezone.now()
    rows.invoice(person, id_code="open")
    rows.invoice(person, id_code="late", status="proforma", due_at=now - timedelta(days=1))
    rows.invoice(person, id_code="paid", closed_at=now)
    rows.invoice(person, id_code="draft", status="draft")
    rows.invoice(person, id_code="void", status="void", closed_at=now)
    assert codes(Invoice.objects.open()) == {"open", "late"}
    assert codes(Invoice.objects.overdue()) == {"late"}
    assert codes(Invoice.objects.for_client(person).overdue(now + timedelta(days=30))) == {"open", "late"}
    assert codes(Invoice.objects.paid()) == {"paid"}


def test_services_renewing_and_ending():
    person, now = rows.client(), timezone.now()
    month = now + timedelta(days=30)
    rows.service(person, id_code="renews", renews_at=now + timedelta(days=3), canceled_at=None)
    rows.service(person, id_code="later", renews_at=now + timedelta(days=60))
    rows.service(person, id_code="ends", renews_at=now + timedelta(days=9), canceled_at=now + timedelta(days=9))
    rows.service(person, id_code="ends-later", renews_at=now + timedelta(days=9), canceled_at=now + timedelta(days=20))
    rows.service(person, id_code="onetime", renews_at=None)
    rows.service(person, id_code="off", status="suspended", renews_at=now + timedelta(days=3))
    assert codes(Service.objects.active()) == {"renews", "later", "ends", "ends-later", "onetime"}
    assert codes(Service.objects.renewing_before(month)) == {"renews", "ends-later"}
    assert codes(Service.objects.cancellation_scheduled()) == {"ends", "ends-later"}
    assert all(row.is_cancellation_scheduled for row in Service.objects.cancellation_scheduled())


def test_sums_are_exact_and_never_cross_currencies():
    person, stranger = rows.client(), rows.client()
    rows.invoice(person, due=Decimal("0.1000"), currency="USD")
    rows.invoice(person, due=Decimal("99999999999.2000"), currency="USD")
    rows.invoice(person, due=Decimal(5), currency="EUR")
    rows.invoice(person, due=Decimal(0), currency="GBP")
    rows.invoice(person, due=Decimal(7), currency="EUR", closed_at=timezone.now())
    rows.invoice(stranger, due=Decimal(9), currency="EUR")
    assert person.balance() == {"EUR": Decimal(5), "USD": Decimal("99999999999.3000")}


def test_credit_is_what_approved_payments_have_left():
    person = rows.client()
    rows.transaction(person, amount=Decimal(10), applied_amount=Decimal("2.5"), currency="EUR")
    rows.transaction(person, amount=Decimal(4), applied_amount=Decimal(0), currency="USD")
    rows.transaction(person, amount=Decimal(4), applied_amount=Decimal(4), currency="GBP")
    rows.transaction(person, amount=Decimal(9), applied_amount=Decimal(0), status="declined")
    rows.transaction(person, amount=Decimal(9), applied_amount=None)
    assert person.credit() == {"EUR": Decimal("7.5"), "USD": Decimal(4)}
    assert sum(t.credit or 0 for t in Transaction.objects.filter(currency="EUR")) == Decimal("7.5")


def test_an_invoice_leads_to_the_customers_page(settings):
    invoice = rows.invoice(rows.client())
    assert invoice.get_absolute_url() == reverse("blesta:invoice", args=[invoice.pk])
    settings.ROOT_URLCONF = "tests.rest_framework.urls"
    assert invoice.get_absolute_url() == ""
