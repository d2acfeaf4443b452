"""What staff may have done from the page of a row: with which permission, and where Blesta's refusals land."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser

from django_blesta import sync
from django_blesta.models import Change, Invoice, InvoiceDelivery, Operation, Service, Transaction
from tests import rows

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.parametrize("blesta_simulator", [{"clients": 6}], indirect=True),
]
ADMIN = "/admin/django_blesta"


@pytest.fixture
def mirrored(blesta: Any) -> Any:
    sync.run()
    return blesta


def service(status: str = "active") -> Service:
    return Service.objects.filter(status=status).earliest("pk")


def open_invoice() -> Invoice:
    return Invoice.objects.filter(status="active", closed_at__isnull=True, due__gt=0).earliest("pk")


def post(browser: Browser, address: str, **values: Any) -> Any:
    """Fill in the form as it stands on the page, and send it."""
    page = browser.get(address)
    assert page.status_code == 200, page.status_code
    form = page.context["form"]
    token = form.fields["token"].initial
    return browser.post(address, {"token": token, **values})


def test_service_is_suspended_and_taken_back(mirrored: Any, staff_with: Callable[..., Browser]) -> None:
    browser = staff_with("view_service", "suspend_service", "unsuspend_service", "view_operation", "view_change")
    one = service()
    page = f"{ADMIN}/service/{one.pk}/change/"
    assert f"{one.pk}/do/suspend/" in browser.get(page).content.decode()

    answer = post(browser, f"{ADMIN}/service/{one.pk}/do/suspend/", reason="Unpaid", use_module="on")

    assert answer.status_code == 302
    assert mirrored.state.tables["services"][one.pk]["status"] == "suspended"
    one.refresh_from_db()
    assert one.status == "suspended"
    operation = Operation.objects.get(kind="services.suspend")
    assert operation.actor_id is not None
    shown = browser.get(page).content.decode()
    assert "do/unsuspend/" in shown
    assert "do/suspend/" not in shown
    assert "services.suspend" in shown
    assert post(browser, f"{ADMIN}/service/{one.pk}/do/unsuspend/", use_module="on").status_code == 302
    assert mirrored.state.tables["services"][one.pk]["status"] == "active"


def test_service_is_cancelled_only_with_the_box_ticked(mirrored: Any, staff: Browser) -> None:
    one = service()
    address = f"{ADMIN}/service/{one.pk}/do/cancel/"

    refused = post(staff, address, at="now")
    assert refused.status_code == 422
    assert mirrored.state.tables["services"][one.pk]["status"] == "active"

    assert post(staff, address, at="end_of_term", confirm="on").status_code == 302
    assert mirrored.state.tables["services"][one.pk]["date_canceled"] is not None


def test_payment_is_recorded_on_the_invoice(mirrored: Any, staff: Browser) -> None:
    one = open_invoice()
    address = f"{ADMIN}/invoice/{one.pk}/do/record-payment/"

    answer = post(staff, address, amount=str(one.due), type="other", number="cheque 1")

    assert answer.status_code == 302
    one.refresh_from_db()
    assert one.due == 0
    assert Transaction.objects.filter(number="cheque 1").exists()


def test_refusal_of_blesta_stands_on_its_field(mirrored: Any, staff: Browser) -> None:
    one = open_invoice()

    answer = post(staff, f"{ADMIN}/invoice/{one.pk}/do/record-payment/", amount="-1", type="other")

    assert answer.status_code == 422
    assert answer.context["form"].errors.keys() & {"amount", "__all__"}
    assert not Transaction.objects.filter(number="cheque 1").exists()


def test_double_click_records_one_payment(mirrored: Any, staff: Browser) -> None:
    one = open_invoice()
    address = f"{ADMIN}/invoice/{one.pk}/do/record-payment/"
    values = {"amount": str(one.due), "type": "other", "token": staff.get(address).context["form"]["token"].initial}
    before = len(mirrored.state.tables["transactions"])

    answers = [staff.post(address, values).status_code for _ in range(2)]

    assert answers == [302, 302]
    assert len(mirrored.state.tables["transactions"]) == before + 1


def test_invoice_is_queued_for_sending(mirrored: Any, staff: Browser) -> None:
    one = open_invoice()
    before = InvoiceDelivery.objects.filter(invoice=one).count()

    assert post(staff, f"{ADMIN}/invoice/{one.pk}/do/deliver/", method="email").status_code == 302

    assert InvoiceDelivery.objects.filter(invoice=one).count() == before + 1


def test_unknown_outcome_is_told_and_not_offered_again(mirrored: Any, staff: Browser) -> None:
    one = service()
    mirrored.fail(model="Services", method="suspend", close=True, after_effect=True)
    mirrored.fail(model="Services", method="get", status=500, body="", times=None)

    answer = post(staff, f"{ADMIN}/service/{one.pk}/do/suspend/", use_module="on")

    assert Operation.objects.get().state in ("unknown", "failed")
    assert answer.status_code in (302, 422)
    assert sum(call.method == "suspend" for call in mirrored.requests) <= 1


@pytest.mark.parametrize(
    ("kind", "doing", "permission"),
    [
        ("service", "suspend", "suspend_service"),
        ("service", "cancel", "cancel_service"),
        ("invoice", "record-payment", "record_payment"),
        ("invoice", "deliver", "deliver_invoice"),
    ],
)
def test_each_doing_wants_its_own_permission_and_that_of_seeing(
    mirrored: Any, staff_with: Callable[..., Browser], kind: str, doing: str, permission: str
) -> None:
    row = service() if kind == "service" else open_invoice()
    address = f"{ADMIN}/{kind}/{row.pk}/do/{doing}/"
    mirrored.requests.clear()

    for codenames in ((f"view_{kind}",), (permission,), ()):
        browser = staff_with(*codenames)
        assert browser.get(address).status_code == 403
        assert browser.post(address, {"token": "x" * 32, "amount": "1", "confirm": "on"}).status_code == 403
        page = browser.get(f"{ADMIN}/{kind}/{row.pk}/change/")
        assert f"do/{doing}/" not in page.content.decode()
    assert mirrored.requests == []
    assert staff_with(f"view_{kind}", permission).get(address).status_code == 200


def test_row_is_read_anew(mirrored: Any, staff_with: Callable[..., Browser]) -> None:
    one = service()
    mirrored.state.tables["services"][one.pk]["suspension_reason"] = "Abuse"
    address = f"{ADMIN}/service/{one.pk}/refresh/"
    assert staff_with("view_service").post(address).status_code == 403
    assert staff_with("refresh_rows").post(address).status_code == 403
    browser = staff_with("view_service", "refresh_rows")
    assert browser.get(address).status_code == 405

    answer = browser.post(address, follow=True)

    assert "Read anew from Blesta." in answer.content.decode()
    one.refresh_from_db()
    assert one.suspension_reason == "Abuse"


def test_row_that_cannot_be_read_says_why(mirrored: Any, staff: Browser) -> None:
    mirrored.switches.set(maintenance="503")
    answer = staff.post(f"{ADMIN}/service/{service().pk}/refresh/", follow=True)

    assert "under maintenance" in answer.content.decode()


def test_what_blesta_says_is_shown_without_secrets_and_not_stored(
    mirrored: Any, staff_with: Callable[..., Browser]
) -> None:
    one = service()
    mirrored.lie(
        "Services",
        "get",
        lambda truth, sent: {
            **truth(sent),
            "fields": [
                {"key": "cpanel_password", "value": "hunter2secret", "encrypted": 0},
                {"key": "cpanel_domain", "value": "example.org", "encrypted": 0},
                {"key": "note", "value": "classified", "encrypted": 1},
            ],
            "memo": "card 4111 1111 1111 1111",
            "api_key": "abcdef",
        },
    )
    address = f"{ADMIN}/service/{one.pk}/raw/"
    assert staff_with("view_service").post(address).status_code == 403
    changes = Change.objects.count()

    answer = staff_with("view_service", "see_raw_rows").post(address)

    shown = answer.content.decode()
    assert answer.status_code == 200
    assert "example.org" in shown
    for secret in ("hunter2secret", "classified", "4111", "abcdef"):
        assert secret not in shown
    assert Change.objects.count() == changes


def test_page_leads_into_blesta(mirrored: Any, settings: Any, staff: Browser) -> None:
    one = open_invoice()
    assert "Open in Blesta" not in staff.get(f"{ADMIN}/invoice/{one.pk}/change/").content.decode()
    settings.BLESTA = {**settings.BLESTA, "ADMIN_URL": "https://billing.example.com/admin"}

    page = staff.get(f"{ADMIN}/invoice/{one.pk}/change/").content.decode()

    assert f"https://billing.example.com/admin/clients/viewinvoice/{one.client_id}/{one.pk}/" in page


def test_client_page_shows_the_whole_customer(mirrored: Any, staff: Browser) -> None:
    client = open_invoice().client
    rows.linked_user(client, "customer")

    page = staff.get(f"{ADMIN}/client/{client.pk}/change/").content.decode()

    for part in ("balance", "linked-users", "related-services", "related-invoices", "related-contacts"):
        assert f'id="{part}"' in page


def test_balance_is_for_those_who_may_see_invoices_and_payments(
    mirrored: Any, staff_with: Callable[..., Browser]
) -> None:
    page = f"{ADMIN}/client/{open_invoice().client_id}/change/"

    assert 'id="balance"' not in staff_with("view_client", "view_invoice").get(page).content.decode()
    assert 'id="balance"' in staff_with("view_client", "view_invoice", "view_transaction").get(page).content.decode()
