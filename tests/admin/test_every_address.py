"""Every address of the app's admin, asked and posted to by staff without rights: nothing is seen, nothing changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client as Browser
from django.urls import URLPattern, URLResolver

from django_blesta.models import ClientLink, LoggedCall, Mirror, Operation, mirrors
from tests import rows
from tests.admin.test_mirrors import made

pytestmark = pytest.mark.django_db


def patterns(urls: list[Any], prefix: str = "") -> Iterator[str]:
    for one in urls:
        route = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from patterns(one.url_patterns, route)
        elif isinstance(one, URLPattern):
            yield route


def addresses() -> list[str]:
    """Every route of the app's models, with a row's id where it wants one."""
    found = []
    for model, face in admin.site._registry.items():
        if model._meta.app_label != "django_blesta":
            continue
        base = f"/admin/django_blesta/{model._meta.model_name}/"
        for route in patterns(face.get_urls()):
            filled = route.replace("<path:object_id>", "1").replace("<slug:doing>", "suspend")
            assert "<" not in filled, route
            found.append(base + filled)
    return found


def test_there_are_as_many_addresses_as_models_want() -> None:
    registered = [model for model in admin.site._registry if model._meta.app_label == "django_blesta"]

    assert len(addresses()) > 6 * len(registered)
    assert set(mirrors()) <= set(admin.site._registry)


def test_staff_without_rights_see_nothing_and_change_nothing(staff_with: Callable[..., Browser], blesta: Any) -> None:
    rows.one_of_each(1)
    tables = [model for model in apps.get_app_config("django_blesta").get_models() if not model._meta.proxy]
    before = {model: model._base_manager.count() for model in tables}
    browser = staff_with()
    body = {"action": "delete_selected", "_selected_action": "1", "post": "yes", "token": "x" * 32, "confirm": "on"}

    seen = {}
    for address in addresses():
        for verb in ("get", "post"):
            status = getattr(browser, verb)(address, body if verb == "post" else {}).status_code
            if status not in (302, 403, 404, 405):
                seen[f"{verb} {address}"] = status
            elif status == 302:
                where = getattr(browser, verb)(address, body if verb == "post" else {}).headers["Location"]
                # The catch-all route leads a bare id to the page of its row, which refuses.
                if "/login/" not in where and not where.endswith(("/change/", "/admin/")):
                    seen[f"{verb} {address}"] = where

    assert seen == {}
    assert {model: model._base_manager.count() for model in tables} == before
    assert blesta.requests == []


def test_staff_who_may_see_everything_change_nothing_by_posting(
    staff_with: Callable[..., Browser], blesta: Any
) -> None:
    codenames = [f"view_{model._meta.model_name}" for model in admin.site._registry if issubclass(model, Mirror)]
    browser = staff_with(*[name for name in codenames if name != "view_service_uptime"])
    made(ClientLink) if isinstance(ClientLink, Mirror) else rows.one_of_each(1)
    body = {"action": "delete_selected", "_selected_action": "1", "post": "yes", "token": "x" * 32, "confirm": "on"}

    for address in addresses():
        assert browser.post(address, body).status_code in (200, 302, 403, 404, 405), address

    assert not Operation.objects.exists()
    assert not LoggedCall.objects.exists()
    assert blesta.requests == []
