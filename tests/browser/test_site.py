"""The demo site in a browser: the strict policy breaks nothing on its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def test_staff_reaches_the_administration_when_logging_in(page: Page, admin_user: AbstractUser) -> None:
    page.goto("/login/?next=/admin/")
    page.get_by_label("Username").fill(admin_user.get_username())
    page.get_by_label("Password").fill("password")
    page.get_by_role("button", name="Log in").click()

    page.wait_for_url("**/admin/")
    assert page.get_by_role("heading", name="Site administration").is_visible()
