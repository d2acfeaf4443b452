"""Staff link a user of the site to a client, and nobody else does."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from django_blesta.models import Client, ClientLink
from tests import rows

LIST, ADD = "/admin/django_blesta/clientlink/", "/admin/django_blesta/clientlink/add/"
pytestmark = pytest.mark.django_db


def test_link_records_who_made_it(staff_with: Callable[..., Browser]) -> None:
    person, user = rows.client(), rows.site_user("jane")
    browser = staff_with("add_clientlink", "view_clientlink", "view_client")

    response = browser.post(ADD, {"user": user.pk, "client": person.pk})

    link = ClientLink.objects.get()
    assert response.status_code == 302
    assert (link.user, link.client_id, link.using) == (user, person.pk, "default")
    assert link.linked_by_id == int(browser.session["_auth_user_id"])
    assert str(person) in browser.get(LIST).content.decode()


@pytest.mark.parametrize("client_id", ["999999", "", "x", "-1", "9" * 40])
def test_link_is_refused_when_the_mirror_holds_no_such_client(client_id: str, staff: Browser) -> None:
    response = staff.post(ADD, {"user": rows.site_user().pk, "client": client_id})

    assert response.status_code == 200
    assert "client" in response.context["adminform"].form.errors
    assert not ClientLink.objects.exists()


def test_link_is_refused_when_the_client_is_gone(staff: Browser) -> None:
    gone = rows.client(gone_at=rows.FETCHED)

    staff.post(ADD, {"user": rows.site_user().pk, "client": gone.pk})

    assert not ClientLink.objects.exists()


def test_second_link_of_a_user_is_refused_with_the_name_of_the_first(staff: Browser) -> None:
    first, second = rows.client(last_name="Lovelace"), rows.client()
    user = rows.linked_user(first, "jane")

    response = staff.post(ADD, {"user": user.pk, "client": second.pk})

    assert response.status_code == 200
    (error,) = response.context["adminform"].form.errors["user"]
    assert "jane" in error
    assert "Lovelace" in error
    assert ClientLink.objects.get().client_id == first.pk


def test_link_can_be_deleted_and_not_changed(staff: Browser) -> None:
    user, other = rows.linked_user(rows.client()), rows.client()
    link = ClientLink.objects.get()

    assert staff.post(f"{LIST}{link.pk}/change/", {"user": user.pk, "client": other.pk}).status_code == 403
    assert staff.get(f"{LIST}{link.pk}/change/").status_code == 200
    assert staff.post(f"{LIST}{link.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not ClientLink.objects.exists()


@pytest.mark.parametrize("permissions", [(), ("view_clientlink",), ("view_client", "delete_clientlink")])
def test_link_is_not_made_when_staff_lack_the_permission(
    permissions: tuple[str, ...], staff_with: Callable[..., Browser]
) -> None:
    response = staff_with(*permissions).post(ADD, {"user": rows.site_user().pk, "client": rows.client().pk})

    assert response.status_code == 403
    assert not ClientLink.objects.exists()


def test_widget_suggests_clients_by_name_to_staff_who_may_see_them(staff_with: Callable[..., Browser]) -> None:
    person = rows.client(last_name="Lovelace")
    rows.client(last_name="Babbage")
    query = {"app_label": "django_blesta", "model_name": "contact", "field_name": "client", "term": "lovel"}

    answer = staff_with("view_client").get("/admin/autocomplete/", query)

    assert answer.json()["results"] == [{"id": str(person.pk), "text": str(person)}]
    assert staff_with("add_clientlink").get("/admin/autocomplete/", query).status_code == 403


def test_list_takes_as_many_queries_when_there_are_ten_times_the_links(staff: Browser) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert staff.get(LIST).status_code == 200
        return len(captured)

    for _ in range(5):
        rows.linked_user(rows.client())
    few = count()
    for _ in range(45):
        rows.linked_user(rows.client())

    assert count() == few


def test_link_to_a_client_that_left_the_mirror_is_shown_as_missing(staff: Browser) -> None:
    ClientLink.objects.create(user=rows.site_user(), client_id=54321)
    link = ClientLink.objects.get()

    for address in (LIST, f"{LIST}{link.pk}/change/"):
        assert "#54321 (missing)" in staff.get(address).content.decode()


def test_client_is_a_number_to_staff_who_may_not_see_clients(staff_with: Callable[..., Browser]) -> None:
    person = rows.client(last_name="Lovelace")
    rows.contact(person)
    user = rows.linked_user(person, "jane")
    link = ClientLink.objects.get()
    blind, seeing = staff_with("view_clientlink", "add_clientlink"), staff_with("view_clientlink", "view_client")

    for address in (LIST, f"{LIST}{link.pk}/change/"):
        shown = blind.get(address).content.decode()
        assert "Lovelace" not in shown
        assert f"#{person.pk}" in shown
        assert "Lovelace" in seeing.get(address).content.decode()
    refused = blind.post(ADD, {"user": user.pk, "client": rows.client().pk}).content.decode()
    assert f"#{person.pk}" in refused
    assert "Lovelace" not in refused


def act(browser: Browser, action: str, **more: str) -> str:
    links = list(ClientLink.objects.values_list("pk", flat=True))
    asked = {"action": action, "_selected_action": links, **more}
    return browser.post(LIST, asked, follow=True).content.decode()


def test_link_is_suspended_and_resumed_after_a_question(staff_with: Callable[..., Browser]) -> None:
    person = rows.client()
    user = rows.linked_user(person, "jane")
    browser = staff_with("view_clientlink", "change_clientlink")

    page = act(browser, "suspend")
    assert "its user sees nothing of the client" in page
    assert ClientLink.client_ids(user) == [person.pk]

    assert "1 link was suspended." in act(browser, "suspend", post="yes")
    assert ClientLink.client_ids(user) == []
    assert "nothing to do" in act(browser, "suspend", post="yes")

    assert "its user sees and changes" in act(browser, "resume")
    assert ClientLink.client_ids(user) == []
    assert "1 link was resumed." in act(browser, "resume", post="yes")
    assert ClientLink.client_ids(user) == [person.pk]
    assert LogEntry.objects.filter(object_id=str(ClientLink.objects.get().pk)).count() == 2


@pytest.mark.parametrize("action", ["suspend", "delete_selected"])
def test_link_is_not_touched_by_an_action_that_staff_may_not_take(
    action: str, staff_with: Callable[..., Browser]
) -> None:
    user = rows.linked_user(rows.client())

    act(staff_with("view_clientlink", "add_clientlink", "delete_clientlink"), action, post="yes")

    assert len(ClientLink.client_ids(user)) == 1


@pytest.mark.parametrize("term", ["C-77", "lovel", "Ada Lovelace", "engines", "ada@engines", "4711"])
def test_link_is_found_by_what_is_known_of_its_client(term: str, staff: Browser) -> None:
    facts = {"id_code": "C-77", "last_name": "Lovelace", "company_name": "Engines", "email": "ada@engines.example"}
    rows.linked_user(rows.client(id=4711, **facts), "jane")
    rows.linked_user(rows.client(id=4800, first_name="Charles"), "john")

    content = staff.get(LIST, {"q": term}).content.decode()

    assert "jane" in content
    assert "john" not in content


def test_staff_who_may_not_see_clients_find_links_by_user_alone(staff_with: Callable[..., Browser]) -> None:
    rows.linked_user(rows.client(company_name="Engines"), "jane")
    browser = staff_with("view_clientlink")

    assert "jane" in browser.get(LIST, {"q": "jane"}).content.decode()
    assert "jane" not in browser.get(LIST, {"q": "engines"}).content.decode()


def test_link_to_a_client_that_left_is_still_found_by_its_user_and_id(staff: Browser) -> None:
    ClientLink.objects.create(user=rows.site_user("jane"), client_id=54321)

    for term in ("jane", "54321"):
        assert "#54321 (missing)" in staff.get(LIST, {"q": term}).content.decode()
    assert "1 result" not in staff.get(LIST, {"q": "nobody at all"}).content.decode()


def page_of(person: Client) -> str:
    return f"/admin/django_blesta/client/{person.pk}/change/"


def test_client_page_shows_its_users_and_leads_to_a_form_that_names_it(staff: Browser) -> None:
    person = rows.client(last_name="Lovelace")
    rows.linked_user(person, "jane")
    rows.linked_user(rows.client(), "john")

    content = staff.get(page_of(person)).content.decode()

    section = content[content.index('id="linked-users"') :].partition("</section>")[0]
    assert "jane" in section
    assert "john" not in section
    address = re.search(r'href="([^"]+)">Link a user', section)
    assert address is not None
    form = staff.get(unescape(address.group(1))).content.decode()
    assert re.search(rf'<option value="{person.pk}" selected[^>]*>[^<]*Lovelace', form)


def test_client_page_shows_users_only_to_staff_who_may_see_links(staff_with: Callable[..., Browser]) -> None:
    person = rows.client()
    rows.linked_user(person, "jane")

    for permissions, seen, offered in (
        (("view_client",), False, False),
        (("view_client", "view_clientlink"), True, False),
        (("view_client", "view_clientlink", "add_clientlink"), True, True),
    ):
        content = staff_with(*permissions).get(page_of(person)).content.decode()
        assert ("jane" in content, "Link a user" in content) == (seen, offered)


def test_client_that_is_gone_is_offered_no_link(staff: Browser) -> None:
    content = staff.get(page_of(rows.client(gone_at=rows.FETCHED))).content.decode()

    assert 'id="linked-users"' in content
    assert "Link a user" not in content


def test_client_page_takes_as_many_queries_when_many_users_speak_for_it(staff: Browser) -> None:
    person = rows.client()

    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            content = staff.get(page_of(person)).content.decode()
        assert ("All users" in content) == (ClientLink.objects.count() > 10)
        return len(captured)

    for _ in range(2):
        rows.linked_user(person)
    count()  # the first page of a run also asks which content types there are
    few = count()
    for _ in range(10):
        rows.linked_user(person)

    assert count() == few
