"""A page in a real Chromium, on a real server. Whatever the browser complains about fails the test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import pytest
from pytest_django.live_server_helper import LiveServer

from tests.surroundings import must_have_everything

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not for longer than its module: the event loop that Playwright keeps would be in every later test's way."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        (pytest.fail if must_have_everything() else pytest.skip)("there is no Chromium here")
    # Playwright keeps an event loop running in this thread, which makes Django refuse the ORM here for no good reason.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_api.sync_playwright() as playwright:
        # Chromium's own sandbox cannot be set up by root, which is who builds run as; the pages are our own.
        chrome = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"] if not os.getuid() else [])
        yield chrome
        chrome.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


#: What the browser complained about on each open page.
COMPLAINTS: WeakKeyDictionary[Page, list[str]] = WeakKeyDictionary()


@pytest.fixture
def page(browser: Browser, live_server: LiveServer) -> Iterator[Page]:
    """A fresh profile whose relative addresses are the live server's: `page.goto("/billing/")`.

    Errors on the console, refused scripts and styles, failed requests and uncaught exceptions are collected and must be
    none at the end.
    """
    context = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    complaints = COMPLAINTS[page] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "response",
        lambda response: complaints.append(f"{response.status} {response.url}") if response.status >= 400 else None,
    )
    yield page
    context.close()
    assert complaints == []
