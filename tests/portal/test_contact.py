"""The one page that asks Blesta for a change: what Blesta says lands where the customer can use it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connections
from django.test import Client as Browser
from django.urls import reverse

from django_blesta import sync
from django_blesta.models import Client, Contact, Operation
from django_blesta.portal import views
from tests import rows

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.parametrize("blesta_simulator", [{"clients": 3}], indirect=True),
]
PAGE = "/billing/contact/"


@pytest.fixture
def person(db: None, blesta: Any) -> Client:
    sync.run()
    return Client.objects.earliest("pk")


@pytest.fixture
def browser(person: Client) -> Browser:
    browser = Browser()
    browser.force_login(rows.linked_user(person, "jane"))
    return browser


def filled(browser: Browser, **changes: str) -> dict[str, str]:
    """What a browser would send: every field as the page shows it, but for the changes."""
    content = browser.get(PAGE).content.decode()
    shown = dict(re.findall(r'<input type="(?:text|hidden)" name="(\w+)"(?: value="([^"]*)")?', content))
    return shown | changes


def city_in_blesta(blesta: Any, person: Client) -> Any:
    return blesta.state.tables["contacts"][person.contact_id]["city"]


def test_change_is_made_once_and_shown(browser: Browser, person: Client, blesta: Any) -> None:
    form = filled(browser, city="Utrecht")

    response = browser.post(PAGE, form, follow=True)
    browser.post(PAGE, form)

    assert response.redirect_chain == [(PAGE, 302)]
    content = response.content.decode()
    assert "saved" in content
    assert 'value="Utrecht"' in content
    assert city_in_blesta(blesta, person) == "Utrecht"
    assert Contact.objects.get(pk=person.contact_id).city == "Utrecht"
    assert Operation.objects.get().actor is not None
    assert len([call for call in blesta.requests if call.method == "edit"]) == 1


def test_refusal_is_on_its_field_with_the_input_kept(browser: Browser, person: Client, blesta: Any) -> None:
    before = city_in_blesta(blesta, person)

    response = browser.post(PAGE, filled(browser, email="not an address", city="Utrecht"))

    content = response.content.decode()
    assert response.status_code == 200
    assert re.search(r'<ul class="errorlist" id="id_email_error"><li>[^<]*valid email', content)
    assert 'aria-describedby="id_email_error"' in content
    assert 'href="#id_email"' in content
    assert 'value="not an address"' in content
    assert 'value="Utrecht"' in content
    assert "<title>Error:" in content
    assert city_in_blesta(blesta, person) == before


@pytest.mark.parametrize(
    ("trouble", "status", "sentence"),
    [
        ("maintenance", 503, "under maintenance"),
        ("stopped", 503, "cannot be reached"),
        ("unknown", 200, "Please do not send it again"),
        ("read only", 200, "does not change anything"),
    ],
)
def test_each_trouble_has_its_sentence_and_keeps_the_input(
    trouble: str, status: int, sentence: str, browser: Browser, blesta: Any, settings: Any
) -> None:
    form = filled(browser, city="Utrecht")
    if trouble == "maintenance":
        blesta.switches.maintenance = "503"
    elif trouble == "stopped":
        blesta.stop()
    elif trouble == "unknown":
        blesta.fail(times=1, status=500, body="<h1>It broke</h1>", model="Contacts", method="edit")
    else:
        settings.BLESTA = {**settings.BLESTA, "READ_ONLY": True}

    response = browser.post(PAGE, form)

    assert response.status_code == status
    assert sentence in response.content.decode()
    assert 'value="Utrecht"' in response.content.decode()


def test_other_contact_of_the_client_has_its_own_page(browser: Browser, person: Client, blesta: Any) -> None:
    blesta.add_contact(person.pk, first_name="Grace", last_name="Hopper", contact_type="billing")
    sync.run()
    grace = Contact.objects.get(client=person, last_name="Hopper")
    address = reverse("blesta:contact_of", args=[grace.pk])

    assert address in browser.get(PAGE).content.decode()
    assert 'value="Hopper"' in browser.get(address).content.decode()


def test_view_is_wrapped_by_no_transaction(browser: Browser) -> None:
    assert views.contact._non_atomic_requests == set(connections)  # type: ignore[attr-defined]  # Django's own mark
