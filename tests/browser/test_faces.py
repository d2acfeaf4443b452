"""Billing pages and administration in a browser: usable by keyboard, on a phone, and under the strict policy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from django_blesta import sync
from django_blesta.models import Client
from tests import rows

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser
    from playwright.sync_api import Page, expect
else:
    expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("blesta_simulator", [{"clients": 8}], indirect=True),
]


@pytest.fixture
def mirrored(transactional_db: None, blesta: Any) -> Client:
    """A client of a mirrored company, to whom the user "customer" is linked."""
    sync.run()
    person = Client.objects.filter(services__status="active", invoices__isnull=False).distinct().earliest("pk")
    rows.linked_user(person, "customer")
    return person


def log_in(page: Page, name: str, password: str) -> None:
    page.goto("/login/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/")


def assert_fits(page: Page) -> None:
    """Nothing sticks out to the side."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_customer_is_led_to_the_field_that_blesta_refuses(page: Page, mirrored: Client) -> None:
    log_in(page, "customer", "pass")
    page.goto("/billing/contact/")
    page.get_by_label("E-mail").fill("not an address")
    page.get_by_role("button", name="Save").click()

    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    summary.get_by_role("link", name=re.compile("E-mail")).click()
    field = page.get_by_label("E-mail")
    expect(field).to_be_focused()
    expect(field).to_have_value("not an address")
    expect(field).to_have_attribute("aria-invalid", "true")
    described = field.get_attribute("aria-describedby")
    assert described
    expect(page.locator(f"#{described}")).to_contain_text("valid email")


def test_customer_saves_and_sees_it(page: Page, mirrored: Client, blesta: Any) -> None:
    log_in(page, "customer", "pass")
    page.goto("/billing/contact/")
    page.get_by_label("City").fill("Utrecht")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("status")).to_contain_text("saved")
    expect(page.get_by_label("City")).to_have_value("Utrecht")
    assert blesta.state.tables["contacts"][mirrored.contact_id]["city"] == "Utrecht"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_billing_fits_a_phone(page: Page, mirrored: Client, scheme: Any) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    page.emulate_media(color_scheme=scheme)
    log_in(page, "customer", "pass")

    for path in (
        "/",
        "/billing/",
        "/billing/services/",
        "/billing/invoices/",
        "/billing/payments/",
        "/billing/contact/",
    ):
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert_fits(page)


@pytest.mark.parametrize("width", [400, 1280])
def test_staff_walks_from_status_to_a_client_and_its_invoice(
    page: Page, mirrored: Client, admin_user: AbstractUser, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    log_in(page, admin_user.get_username(), "password")
    page.goto("/admin/django_blesta/status/")
    expect(page.get_by_text("All is well")).to_be_visible()
    assert_fits(page)

    page.locator("#content").get_by_role("link", name="Clients", exact=True).click()
    page.get_by_role("link", name=str(mirrored)).first.click()
    invoice = mirrored.invoices.latest("pk")
    page.locator("#related-invoices").get_by_role("link", name=str(invoice), exact=True).click()
    expect(page.get_by_role("heading", name=str(invoice))).to_be_visible()
    assert_fits(page)


def test_staff_links_a_user_to_a_client_by_its_name(page: Page, mirrored: Client, admin_user: AbstractUser) -> None:
    user = rows.site_user("newcomer")
    log_in(page, admin_user.get_username(), "password")
    page.goto("/admin/django_blesta/clientlink/add/")
    for field, words, found in (("user", "newcomer", "newcomer"), ("client", mirrored.email, str(mirrored))):
        page.locator(f".field-{field} .select2-selection").click()
        page.locator(".select2-search__field").fill(words)
        page.get_by_role("option", name=found, exact=True).click()
    page.get_by_role("button", name="Save", exact=True).click()

    page.wait_for_url("**/clientlink/")
    assert user.blesta_links.get().client_id == mirrored.pk
