"""A site that Blesta can deliver to: with a secret, without a socket (`deliver`) or with one (`hooked`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client as Browser

SECRET = "of-this-test-alone-0123456789"
PATH = f"/blesta/hooks/{SECRET}/"


@pytest.fixture
def told(blesta: Any, settings: Any) -> Any:
    """The simulator, and a site that has a secret and waits for nothing before it refreshes."""
    settings.BLESTA = {**settings.BLESTA, "WEBHOOK_SECRETS": [SECRET], "HINT_DELAY": 0}
    return blesta


@pytest.fixture
def deliver() -> Callable[..., HttpResponse]:
    """`deliver("Invoices.add", {"invoice_id": 7})`, as JSON, to the address with the secret."""
    browser = Browser(enforce_csrf_checks=True)

    def send(event: str | None, body: Any = None, *, path: str = PATH, method: str = "post", **extra: Any) -> Any:
        headers = {"x-webhook-id": "3", **({"x-blesta-event": event} if event else {}), **extra.pop("headers", {})}
        extra.setdefault("content_type", "application/json")
        return getattr(browser, method)(path, {} if body is None else body, headers=headers, **extra)

    return send


@pytest.fixture
def hooked(told: Any, live_server: Any) -> Any:
    """The simulator calls the site over a real socket on every event that it knows."""
    told.add_webhook(f"{live_server.url}{PATH}")
    return told
