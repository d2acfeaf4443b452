"""The status page: who may see it, what it says, and that it is a page of the admin under a strict policy."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from django_blesta.models import Client, Operation, QuarantinedRow, SyncRun
from tests import rows

PAGE = "/admin/django_blesta/status/"
pytestmark = pytest.mark.django_db


def test_page_is_for_those_with_its_own_permission(staff_with: Callable[..., Browser]) -> None:
    assert Browser().get(PAGE).status_code == 302
    assert staff_with().get(PAGE).status_code == 403
    assert staff_with("view_syncrun", "view_client").get(PAGE).status_code == 403
    assert staff_with("view_status").get(PAGE).status_code == 200


def test_page_is_on_the_index_of_those_who_may_see_it(staff_with: Callable[..., Browser]) -> None:
    assert PAGE in staff_with("view_status").get("/admin/").content.decode()
    assert PAGE not in staff_with("view_client").get("/admin/").content.decode()


@pytest.mark.parametrize("path", ["", "add/", "1/change/", "1/delete/"])
def test_nothing_but_reading_happens_at_its_address(path: str, staff: Browser) -> None:
    run = rows.run(Client)

    staff.post(PAGE + path.replace("1", str(run.pk)), {"post": "yes", "action": "delete_selected"})

    assert SyncRun.objects.filter(pk=run.pk).exists()


def test_headline_is_good_when_every_mirror_was_read(staff: Browser) -> None:
    every_mirror_read()

    page = staff.get(PAGE).content.decode()

    assert "blesta-level-good" in page
    assert "All is well" in page
    assert "What needs attention" not in page


def test_troubles_are_listed_with_links_to_their_rows(staff: Browser) -> None:
    every_mirror_read()
    rows.run(Client, SyncRun.State.PARTIAL, error="Page 3 came back empty.")
    QuarantinedRow.objects.create(
        resource="django_blesta.client", remote_id="5", code="null", sentence="Null.", last_seen_at=timezone.now()
    )
    Operation.objects.create(token="t", kind="contacts.edit", state="unknown", created_at=timezone.now())

    page = staff.get(PAGE).content.decode()

    assert "Needs attention" in page
    assert "Page 3 came back empty." in page
    for link in ("quarantinedrow/", "operation/?state__exact=unknown", "syncrun/?resource=django_blesta.client"):
        assert f'href="/admin/django_blesta/{link}"' in page


def test_waiting_changes_have_a_line_only_when_there_are_any(staff: Browser) -> None:
    every_mirror_read()
    assert "Waiting</span>" not in staff.get(PAGE).content.decode()

    Operation.objects.create(token="t", kind="contacts.edit", state="pending", created_at=timezone.now())
    assert "Waiting</span>" in staff.get(PAGE).content.decode()


def test_links_are_left_out_when_staff_may_not_follow_them(staff_with: Callable[..., Browser]) -> None:
    every_mirror_read()

    page = staff_with("view_status").get(PAGE).content.decode()

    assert not re.search(r'href="/admin/django_blesta/(?!status/|")', page)


def test_remote_words_in_errors_are_shown_as_text(staff: Browser) -> None:
    rows.run(Client, SyncRun.State.FAILED, error="<script>alert(1)</script>")

    assert "<script>alert" not in staff.get(PAGE).content.decode()


def test_page_has_no_inline_script_or_style_of_ours(staff: Browser) -> None:
    every_mirror_read()
    content = staff.get(PAGE).content.decode()
    body = content[content.index('id="content"') :]

    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", body)


def test_unknown_installation_is_not_found(staff: Browser) -> None:
    assert staff.get(PAGE, {"using": "nowhere"}).status_code == 404


def test_page_takes_as_many_queries_when_there_are_more_rows_and_runs(staff: Browser) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert staff.get(PAGE).status_code == 200
        return len(captured)

    every_mirror_read()
    rows.one_of_each(2)
    few = count()
    every_mirror_read()
    rows.one_of_each(20)

    assert count() == few


def test_page_is_translatable(staff: Browser) -> None:
    with translation.override("de"):
        assert staff.get(PAGE, headers={"accept-language": "de"}).status_code == 200


def every_mirror_read() -> None:
    from django_blesta.models import mirrors

    for model in mirrors():
        if not model.resource.embedded_in:
            rows.run(model)
