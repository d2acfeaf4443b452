"""Runs, quarantine and operations: to be read, not to be touched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_blesta.models import Certificate, Change, Client, Operation, QuarantinedRow, SyncRun
from tests import rows

pytestmark = pytest.mark.django_db


def a_run(number: int) -> SyncRun:
    return rows.run(Client, SyncRun.State.FAILED, error="Blesta is under maintenance.", error_kind="maintenance")


def a_quarantined_row(number: int) -> QuarantinedRow:
    person = rows.client()
    return QuarantinedRow.objects.create(
        resource="django_blesta.client",
        remote_id=str(person.pk),
        column="status",
        code="too-long",
        sentence="The text is 99 characters long.",
        names={"id": "str"},
        last_seen_at=timezone.now(),
    )


def an_operation(number: int) -> Operation:
    person = rows.client()
    contact = rows.contact(person)
    return Operation.objects.create(
        token=f"token{number}-{person.pk}",
        kind="contacts.edit",
        state=Operation.State.UNKNOWN,
        resource="django_blesta.contact",
        target_id=contact.pk,
        client_id=person.pk,
        actor=rows.site_user(),
        created_at=timezone.now(),
    )


def a_change(number: int) -> Change:
    return Change.objects.create(
        resource="django_blesta.client",
        remote_id=str(number),
        column="last_name",
        old="Byron",
        new="Lovelace",
        is_personal=number % 2 == 1,
        at=timezone.now(),
        cause="test",
    )


def a_certificate(number: int) -> Certificate:
    now = timezone.now()
    return Certificate.objects.create(
        resource="django_blesta.client", kind="count", started_at=now, finished_at=now, holds=True
    )


KINDS = {
    "change": a_change,
    "certificate": a_certificate,
    "syncrun": a_run,
    "quarantinedrow": a_quarantined_row,
    "operation": an_operation,
}
every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
def test_list_and_page_answer(kind: str, staff: Browser) -> None:
    made = KINDS[kind](1)

    for address in (f"/admin/django_blesta/{kind}/", f"/admin/django_blesta/{kind}/{made.pk}/change/"):
        assert staff.get(address).status_code == 200


@every_kind
def test_list_takes_as_many_queries_when_there_are_ten_times_the_rows(kind: str, staff: Browser) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert staff.get(f"/admin/django_blesta/{kind}/").status_code == 200
        return len(captured)

    for number in range(5):
        KINDS[kind](number)
    few = count()
    for number in range(5, 50):
        KINDS[kind](number)

    assert count() == few


@every_kind
def test_forged_post_changes_nothing(kind: str, staff: Browser) -> None:
    made: Any = KINDS[kind](1)
    base = f"/admin/django_blesta/{kind}/"
    before = list(type(made).objects.values())

    for address in (f"{base}add/", f"{base}{made.pk}/change/", f"{base}{made.pk}/delete/"):
        assert staff.post(address, {"post": "yes", "state": "succeeded"}).status_code == 403
    assert list(type(made).objects.values()) == before


@every_kind
@pytest.mark.parametrize("query", ["?resource=django_blesta.client", "?resource=nonsense", "?state__exact=unknown"])
def test_filter_answers(kind: str, query: str, staff: Browser) -> None:
    KINDS[kind](1)

    assert staff.get(f"/admin/django_blesta/{kind}/{query}").status_code in {200, 302}


def test_operation_leads_to_its_target_and_client(staff: Browser) -> None:
    made = an_operation(1)

    page = staff.get(f"/admin/django_blesta/operation/{made.pk}/change/").content.decode()

    assert f"/admin/django_blesta/contact/{made.target_id}/change/" in page
    assert f"/admin/django_blesta/client/{made.client_id}/change/" in page


@pytest.mark.parametrize("kind", ["operation", "quarantinedrow"])
def test_row_that_is_named_is_a_number_to_staff_who_may_not_see_it(
    kind: str, staff_with: Callable[..., Browser]
) -> None:
    made = KINDS[kind](1)
    person = Client.objects.get()
    address = f"/admin/django_blesta/{kind}/{made.pk}/change/"

    blind = staff_with(f"view_{kind}").get(address).content.decode()

    assert person.last_name not in blind
    assert f"#{person.pk}" in blind
    assert person.last_name in staff_with(f"view_{kind}", "view_client").get(address).content.decode()


def test_quarantined_row_leads_to_the_older_state_that_is_held(staff: Browser) -> None:
    made = a_quarantined_row(1)

    page = staff.get(f"/admin/django_blesta/quarantinedrow/{made.pk}/change/").content.decode()

    assert f"/admin/django_blesta/client/{made.remote_id}/change/" in page


def test_change_of_a_personal_column_is_shown_without_values(staff: Browser) -> None:
    a_change(1)
    page = staff.get("/admin/django_blesta/change/").content.decode()
    assert "Lovelace" not in page

    a_change(2)
    assert "Lovelace" in staff.get("/admin/django_blesta/change/").content.decode()
