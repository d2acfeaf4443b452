"""Every customer page for everybody who might ask: only the one client's rows, and no hint of any other's."""

from __future__ import annotations

import re

import pytest
from django.http import HttpResponse
from django.test import Client as Browser
from django.urls import get_resolver, reverse

from django_blesta.models import Client, ClientLink, Contact, Invoice
from tests import rows

pytestmark = pytest.mark.django_db
NOWHERE = 999_999_999


class Two:
    """Two customers with everything, and a browser for each kind of visitor."""

    def __init__(self) -> None:
        rows.one_of_each(2)
        self.mine, self.theirs = Client.objects.order_by("pk")
        self.user = rows.linked_user(self.mine, "mine")
        rows.linked_user(self.theirs, "theirs")

    def addresses(self, client: Client) -> dict[str, str]:
        invoice, contact = Invoice.objects.get(client=client), Contact.objects.get(client=client)
        return {name: reverse(f"blesta:{name}") for name in PAGES} | {
            "invoice": reverse("blesta:invoice", args=[invoice.pk]),
            "contact_of": reverse("blesta:contact_of", args=[contact.pk]),
        }


PAGES = ["overview", "services", "invoices", "payments", "contact"]
every_page = pytest.mark.parametrize("name", [*PAGES, "invoice", "contact_of"])


def logged_in(user: object) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def assert_not_kept(response: HttpResponse) -> None:
    assert {"private", "no-store"} <= set(response.headers["Cache-Control"].replace(" ", "").split(","))


def test_every_route_is_in_this_table() -> None:
    names = {name for name in get_resolver("django_blesta.portal.urls").reverse_dict if isinstance(name, str)}

    assert names == {*PAGES, "invoice", "contact_of"}


@every_page
def test_page_shows_the_customers_own_rows(name: str) -> None:
    two = Two()

    response = logged_in(two.user).get(two.addresses(two.mine)[name])

    assert response.status_code == 200
    assert_not_kept(response)
    content = response.content.decode()
    for word in (
        two.theirs.email,
        two.theirs.last_name,
        two.theirs.invoices.get().id_code,
        two.theirs.services.first().name,
    ):
        assert word not in content


@every_page
def test_page_asks_for_a_login_when_nobody_is_logged_in(name: str) -> None:
    two = Two()
    address = two.addresses(two.mine)[name]

    for response in (Browser().get(address), Browser().post(address)):
        assert response.status_code in {302, 405}
        if response.status_code == 302:
            assert response.headers["Location"] == f"/login/?next={address}"
            assert_not_kept(response)


@every_page
def test_page_is_friendly_when_the_user_has_no_link(name: str) -> None:
    two = Two()

    response = logged_in(rows.site_user()).get(two.addresses(two.mine)[name])

    assert response.status_code == 200
    assert "not linked to a billing account" in response.content.decode()
    assert re.search(r"<title>\w", response.content.decode())
    assert two.mine.last_name not in response.content.decode()
    assert_not_kept(response)


@pytest.mark.parametrize("how", ["suspended", "gone", "missing"])
def test_page_shows_nothing_when_the_link_leads_nowhere(how: str) -> None:
    two = Two()
    if how == "suspended":
        ClientLink.objects.update(suspended_at=rows.FETCHED)
    elif how == "gone":
        Client.objects.update(gone_at=rows.FETCHED)
    else:
        ClientLink.objects.filter(user=two.user).update(client_id=NOWHERE)

    for address in two.addresses(two.mine).values():
        response = logged_in(two.user).get(address)
        assert response.status_code == 200
        assert two.mine.last_name not in response.content.decode()


def test_inactive_user_is_sent_to_the_login() -> None:
    two = Two()
    browser = logged_in(two.user)
    type(two.user).objects.filter(pk=two.user.pk).update(is_active=False)

    assert browser.get(reverse("blesta:overview")).status_code == 302


@pytest.mark.parametrize("name", ["invoice", "contact_of"])
def test_strangers_row_reads_like_a_row_that_is_not_there(name: str) -> None:
    two = Two()
    browser = logged_in(two.user)

    theirs = browser.get(two.addresses(two.theirs)[name])
    nowhere = browser.get(reverse(f"blesta:{name}", args=[NOWHERE]))
    beyond = browser.get(reverse(f"blesta:{name}", args=[10**30]))

    assert theirs.status_code == nowhere.status_code == beyond.status_code == 404
    assert without_token(theirs) == without_token(nowhere) == without_token(beyond)
    assert_not_kept(theirs)


def without_token(response: HttpResponse) -> str:
    import re

    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", response.content.decode())


def test_strangers_contact_is_not_changed_by_a_post() -> None:
    two = Two()
    address = two.addresses(two.theirs)["contact_of"]
    before = Contact.objects.filter(client=two.theirs).values().get()

    response = logged_in(two.user).post(address, {"first_name": "Mallory"})

    assert response.status_code == 404
    assert Contact.objects.filter(client=two.theirs).values().get() == before


def test_form_is_refused_when_it_brings_no_csrf_token() -> None:
    two = Two()
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(two.user)

    assert browser.post(two.addresses(two.mine)["contact"], {"first_name": "Mallory"}).status_code == 403


@pytest.mark.parametrize("name", ["overview", "services", "invoices", "payments", "invoice"])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_page_is_only_read(name: str, method: str) -> None:
    two = Two()

    assert getattr(logged_in(two.user), method)(two.addresses(two.mine)[name]).status_code == 405


def test_drafts_are_shown_nowhere() -> None:
    person = rows.client()
    draft = rows.invoice(person, status="draft", id_code="DRAFT-7")
    proforma = rows.invoice(person, status="proforma", id_code="PRO-8")
    browser = logged_in(rows.linked_user(person))

    for name in ("overview", "invoices"):
        page = browser.get(reverse(f"blesta:{name}")).content.decode()
        assert draft.id_code not in page
        assert proforma.id_code in page
    assert browser.get(reverse("blesta:invoice", args=[draft.pk])).status_code == 404
    assert browser.get(reverse("blesta:invoice", args=[proforma.pk])).status_code == 200


def test_gone_rows_are_shown_nowhere() -> None:
    person = rows.client()
    gone = rows.invoice(person, gone_at=rows.FETCHED, id_code="GONE-1")
    rows.service(person, gone_at=rows.FETCHED, name="gone.example")
    browser = logged_in(rows.linked_user(person))

    for name in ("overview", "invoices", "services"):
        page = browser.get(reverse(f"blesta:{name}")).content.decode()
        assert "GONE-1" not in page
        assert "gone.example" not in page
    assert browser.get(reverse("blesta:invoice", args=[gone.pk])).status_code == 404
