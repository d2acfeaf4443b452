"""The status page in a browser: it names each trouble, keeps itself up to date, and can be used by everybody."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from django_blesta import sync
from django_blesta.models import CallTally, Heartbeat
from tests.browser.test_faces import log_in

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


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)


@pytest.fixture
def well(transactional_db: None, blesta: Any, page: Page, admin_user: AbstractUser) -> Any:
    """A mirror that is complete, a worker and a scheduler at work, a day of calls; staff is logged in."""
    sync.run()
    sync.look_around()
    now = timezone.now()
    for kind, name in ((Heartbeat.Kind.WORKER, "worker1@host"), (Heartbeat.Kind.BEAT, "host")):
        Heartbeat.objects.create(
            kind=kind, name=name, since=now, seen_at=now, worked_at=now if kind == Heartbeat.Kind.WORKER else None
        )
    for minutes in range(10, 1400, 5):
        calls = 20 + minutes % 37
        CallTally.objects.get_or_create(
            begins_at=now - timedelta(minutes=minutes),
            defaults={
                "calls": calls,
                "milliseconds": calls * (60 + minutes % 113),
                "slowest": 400,
                "failed": int(minutes % 290 == 0),
            },
        )
    log_in(page, admin_user.get_username(), "password")
    return blesta


def test_page_is_well(page: Page, well: Any) -> None:
    page.goto(PAGE)
    expect(page.locator(".blesta-headline")).to_have_text("All is well")
    picture(page, "status")
    page.emulate_media(color_scheme="dark")
    picture(page, "status-dark")
    page.set_viewport_size({"width": 400, "height": 800})
    picture(page, "status-phone")
