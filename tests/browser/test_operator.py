"""The operator's pages in a browser: each trouble is named with its advice, and everybody can use them."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from django_blesta import operations, sync
from django_blesta.exceptions import BlestaError
from django_blesta.models import CallTally, Client, Contact, Delivery, Heartbeat, Invoice, SyncRun
from django_blesta.testing.simulator import Simulator
from tests.browser.conftest import COMPLAINTS
from tests.browser.test_faces import assert_fits, log_in

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser
    from playwright.sync_api import Page, expect
else:
    expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("blesta_simulator", [{"clients": 8}], indirect=True),
]
PAGE = "/admin/django_blesta/status/"
PICTURES = os.environ.get("BLESTA_PICTURES", "")
"""Where to put pictures of the pages, for the documentation; none are taken where it is empty."""


def picture(page: Page, name: str, *, whole: bool = False) -> None:
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=whole)


def assert_accessible(page: Page) -> None:
    """No violation of WCAG 2.2 A and AA that axe can find."""
    axe = pytest.importorskip("axe_playwright_python", reason="axe is not installed")
    script = resources.files(axe).joinpath("axe.min.js").read_text(encoding="utf-8")
    known = list(COMPLAINTS[page])
    page.evaluate(script)
    # The search and the filters of a list are Django's own.
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate(
        "tags => axe.run({include: [['#content']], exclude: [['#changelist-search'], ['#changelist-filter']]},"
        " {runOnly: {type: 'tag', values: tags}})",
        tags,
    )
    COMPLAINTS[page][:] = known  # axe tries things with styles that the page's policy refuses
    told = [
        (one["id"], node["target"], node.get("failureSummary", ""))
        for one in found["violations"]
        for node in one["nodes"]
    ]
    assert told == []


@pytest.fixture
def well(transactional_db: None, blesta: Any, page: Page, admin_user: AbstractUser, settings: Any) -> Any:
    """A mirror that is complete, a worker and a scheduler at work, a day of calls; staff is logged in."""
    settings.BLESTA = {**settings.BLESTA, "READ_TRIES": 1, "ADMIN_URL": "https://billing.example.com/admin"}
    sync.run()
    sync.look_around()
    now = timezone.now()
    for kind, name in ((Heartbeat.Kind.WORKER, "worker1@host"), (Heartbeat.Kind.BEAT, "host")):
        worked = now if kind == Heartbeat.Kind.WORKER else None
        Heartbeat.objects.create(kind=kind, name=name, since=now, seen_at=now, worked_at=worked)
    for minutes in range(20, 1400, 5):
        calls, average = 20 + minutes % 37, 60 + minutes % 113
        facts = {"calls": calls, "milliseconds": calls * average, "slowest": 400, "failed": int(minutes % 290 == 0)}
        CallTally.objects.create(begins_at=now - timedelta(minutes=minutes), **facts)
    log_in(page, admin_user.get_username(), "password")
    return blesta


def try_to_sync() -> None:
    with suppress(BlestaError):
        sync.run()


def point_elsewhere(blesta: Any, settings: Any, **changes: Any) -> None:
    settings.BLESTA = {**settings.BLESTA, **changes}
    try_to_sync()


def firewall(blesta: Any, settings: Any) -> None:
    blesta.fail(times=None, status=403, body="<html>Attention Required! | Cloudflare</html>")
    try_to_sync()


def age(blesta: Any, settings: Any) -> None:
    for run in SyncRun.objects.all():
        run.started_at -= timedelta(days=2)
        run.finished_at -= timedelta(days=2)
        run.save()


def lose_rows(blesta: Any, settings: Any) -> None:
    settings.BLESTA = {**settings.BLESTA, "LOSS_LIMIT_ROWS": 2, "LOSS_LIMIT_SHARE": 0.05}
    with blesta.state.lock:
        for pk in sorted(blesta.state.tables["invoices"])[::2]:
            blesta.state.delete("invoices", pk)
    sync.run([Invoice], details=False)


def spoil_a_row(blesta: Any, settings: Any) -> None:
    def spoilt(truth: Any, sent: Any) -> Any:
        rows = truth(sent)
        return [{**row, "total": "1.00001"} if row["id"] == min(r["id"] for r in rows) else row for row in rows]

    blesta.lie("Invoices", "getList", spoilt)
    sync.run([Invoice], details=False)


def silence(kind: str) -> Callable[[Any, Any], None]:
    def stop(blesta: Any, settings: Any) -> None:
        Heartbeat.objects.filter(kind=kind).update(seen_at=timezone.now() - timedelta(minutes=7))

    return stop


def lose_an_answer(blesta: Any, settings: Any) -> None:
    blesta.fail(model="Contacts", method="edit", close=True, after_effect=True)
    with suppress(BlestaError):
        operations.contacts.edit(Contact.objects.earliest("pk"), changes={"city": "Rome"})


def drop_columns(blesta: Any, settings: Any) -> None:
    def without(truth: Any, sent: Any) -> Any:
        return [{name: value for name, value in row.items() if name != "date_autodebit"} for row in truth(sent)]

    blesta.lie("Invoices", "getList", without)
    sync.run([Invoice], details=False)


def move_to_another(blesta: Any, settings: Any) -> None:
    with Simulator(clients=9, seed=77) as other:
        settings.BLESTA = {**settings.BLESTA, **other.settings()}
        try_to_sync()


def fall_silent(blesta: Any, settings: Any) -> None:
    """Deliveries came until yesterday; rows have changed since, which the sync found by itself."""
    yesterday = timezone.now() - timedelta(days=1)
    Delivery.objects.create(event="Invoices.add", state=Delivery.State.RESOLVED, received_at=yesterday)
    with blesta.state.lock:
        for row in list(blesta.state.tables["contacts"].values())[:6]:
            row["city"] = "Utrecht"
    sync.run([Contact])


TROUBLES: dict[str, tuple[Callable[[Any, Any], None], str, str]] = {
    "maintenance": (
        lambda b, s: (b.switches.set(maintenance="503"), try_to_sync())[1],
        "under maintenance",
        "goes on when",
    ),
    "wrong-key": (lambda b, s: point_elsewhere(b, s, KEY="wrong"), "refused the API user and key", "USER and KEY"),
    "firewall": (firewall, "A firewall has answered", "let this machine’s address through"),
    "late": (age, "Not read completely of late", "sync is started regularly"),
    "suspect": (lose_rows, "more rows vanished than is believable", "Nothing was marked as gone"),
    "quarantined": (spoil_a_row, "in quarantine", "names the column and the rule"),
    "worker": (silence("worker"), "No Celery worker has been heard of", "Start the worker"),
    "beat": (silence("beat"), "has been silent", "celery beat"),
    "webhooks": (fall_silent, "No webhook has arrived", "delivery log of Blesta’s Webhooks plugin"),
    "unknown-operation": (lose_an_answer, "nobody knows whether Blesta made it", "Nothing of unknown outcome"),
    "drift": (drop_columns, "columns have vanished", "Was Blesta upgraded?"),
    "foreign": (move_to_another, "This is not the Blesta that the mirror was made from", "--accept-identity"),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_trouble_is_named_in_the_headline_with_what_to_do(page: Page, well: Any, settings: Any, name: str) -> None:
    stage, sentence, advice = TROUBLES[name]
    stage(well, settings)
    page.goto(PAGE)

    headline = page.locator("#blesta-verdict")
    expect(headline).not_to_contain_text("All is well")
    expect(headline.locator(".blesta-first strong")).to_contain_text(sentence)
    expect(headline.locator(".blesta-first")).to_contain_text(advice)
    assert_accessible(page)
    picture(page, f"trouble-{name}")
    link = headline.get_by_role("link", name="Show")
    if link.count():
        link.click()
        expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_page_is_well_in_light_and_dark_and_on_a_phone(page: Page, well: Any) -> None:
    page.goto(PAGE)
    expect(page.locator(".blesta-headline")).to_have_text("All is well")
    expect(page.get_by_role("img", name="Time per call")).to_be_visible()
    assert_accessible(page)
    picture(page, "status")
    page.emulate_media(color_scheme="dark")
    assert_accessible(page)
    picture(page, "status-dark")
    page.set_viewport_size({"width": 400, "height": 800})
    assert_fits(page)
    assert_accessible(page)
    picture(page, "status-phone")


def test_page_refreshes_itself_where_something_changed_and_keeps_the_place(page: Page, well: Any) -> None:
    page.clock.install()
    page.goto(PAGE)
    table = page.locator("#blesta-mirrors").element_handle()
    page.locator("#blesta-tiles a").nth(1).focus()
    Heartbeat.objects.filter(kind="beat").update(seen_at=timezone.now() - timedelta(minutes=7))

    with page.expect_response(lambda response: response.url.endswith(PAGE)):
        page.clock.run_for(31_000)

    expect(page.locator(".blesta-headline")).to_have_text("Broken")
    expect(page.locator("#blesta-refresh [role=status]")).to_have_text("Broken")
    assert table is not None
    assert table.evaluate("element => element.isConnected")
    assert page.evaluate("document.getElementById('blesta-tiles').contains(document.activeElement)")
    page.get_by_role("button", name="Pause refreshing").click()
    expect(page.get_by_role("button", name="Refresh by itself")).to_be_visible()


def test_page_says_the_same_without_scripts(browser: Any, page: Page, well: Any, live_server: Any) -> None:
    state = page.context.storage_state()
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False, storage_state=state)
    plain = context.new_page()
    plain.goto(PAGE)

    expect(plain.locator(".blesta-headline")).to_have_text("All is well")
    expect(plain.get_by_role("button", name="Pause refreshing")).to_have_count(0)
    context.close()


def test_operator_acts_from_the_page_of_a_service(page: Page, well: Any) -> None:
    service = Client.objects.filter(services__status="active").earliest("pk").services.filter(status="active")[0]
    page.goto(f"/admin/django_blesta/service/{service.pk}/change/")
    assert_accessible(page)
    page.get_by_role("link", name="Suspend").click()
    page.get_by_label("Reason").fill("Unpaid")
    assert_accessible(page)
    picture(page, "admin-suspend")
    page.get_by_role("button", name="Suspend").click()

    expect(page.locator("#timeline")).to_contain_text("services.suspend")
    assert well.state.tables["services"][service.pk]["status"] == "suspended"
    picture(page, "admin-service")


def test_operator_sends_an_invoice_and_sees_what_blesta_says(page: Page, well: Any) -> None:
    invoice = Invoice.objects.filter(status="active", closed_at__isnull=True, due__gt=0).earliest("pk")
    page.goto(f"/admin/django_blesta/invoice/{invoice.pk}/do/deliver/")
    page.get_by_role("button", name="Send again").click()
    expect(page.locator("#related-deliveries")).to_be_visible()
    page.get_by_role("button", name="What Blesta says").click()
    expect(page.locator("pre.blesta-raw")).to_contain_text(invoice.id_code)
    assert_accessible(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_customer_and_money_pages_are_accessible_and_fit_a_phone(page: Page, well: Any, scheme: Any) -> None:
    client = Client.objects.filter(invoices__isnull=False).earliest("pk")
    page.emulate_media(color_scheme=scheme)
    for address, name in (
        (f"/admin/django_blesta/client/{client.pk}/change/", "admin-client"),
        ("/admin/django_blesta/billing/", "billing-overview"),
        ("/admin/django_blesta/loggedcall/", "calls"),
        ("/admin/django_blesta/invoice/", "admin-invoices"),
    ):
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(address)
        assert_accessible(page)
        if scheme == "light":
            picture(page, name, whole=name == "admin-client")
        page.set_viewport_size({"width": 400, "height": 800})
        assert_fits(page)
