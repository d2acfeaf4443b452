"""Staff with all permissions, with some, and with none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import AbstractUser, Permission
from django.test import Client as Browser

from tests import rows


@pytest.fixture
def staff(admin_client: Browser) -> Browser:
    """A superuser: what even they cannot do, nobody can."""
    return admin_client


@pytest.fixture
def staff_with(db: None) -> Callable[..., Browser]:
    """Staff who were given these permissions of the app and no others."""

    def make(*codenames: str) -> Browser:
        user: AbstractUser = rows.site_user(is_staff=True)
        found = Permission.objects.filter(content_type__app_label="django_blesta", codename__in=codenames)
        assert found.count() == len(codenames)
        user.user_permissions.set(found)
        browser = Browser()
        browser.force_login(user)
        return browser

    return make
