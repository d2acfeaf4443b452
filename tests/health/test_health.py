"""Pages for machines: who may ask, what they say, and that they are the formats that they claim to be."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from django_blesta import correlation
from django_blesta.models import CallTally, Client, LoggedCall, SyncRun
from tests import rows
from tests.status.test_presence import seen
from tests.status.test_snapshot import all_read

pytestmark = pytest.mark.django_db
PAGES = ["/blesta-health/live/", "/blesta-health/ready/", "/blesta-health/metrics/"]
TOKEN = "long-enough-for-a-token-of-health"


@pytest.fixture
def token(settings: Any) -> str:
    settings.BLESTA = {**settings.BLESTA, "HEALTH_TOKEN": TOKEN}
    return f"Bearer {TOKEN}"


def ask(page: str, header: str, **query: str) -> Any:
    return Browser().get(page, query, headers={"authorization": header})


@pytest.mark.parametrize("page", PAGES)
def test_nobody_learns_anything_without_the_token(page: str, token: str, staff_with: Callable[..., Browser]) -> None:
    for header in ("", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"):
        answer = ask(page, header)
        assert (answer.status_code, answer.content) == (403, b"")
    assert staff_with("view_client").get(page).status_code == 403
    assert ask(page, token, using="elsewhere").status_code == 403
    assert ask(page, token).status_code in (200, 503)
    assert staff_with("view_status").get(page).status_code in (200, 503)
    assert Browser().post(page, headers={"authorization": token}).status_code == 405


@pytest.mark.parametrize("page", PAGES)
def test_without_a_token_in_the_setting_none_opens(page: str) -> None:
    for header in ("Bearer ", "Bearer None", "Bearer ********"):
        assert ask(page, header).status_code == 403


def test_token_that_is_empty_is_a_mistake_in_the_setting(settings: Any) -> None:
    from django_blesta import conf

    settings.BLESTA = {**settings.BLESTA, "HEALTH_TOKEN": ""}
    assert any("HEALTH_TOKEN" in problem.message for problem in conf.problems())


def test_live_says_so_without_looking(token: str, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert ask(PAGES[0], token).json() == {"status": "live"}


def test_ready_is_judged_by_freshness_and_what_is_broken(token: str) -> None:
    all_read(started_at=timezone.now() - timedelta(minutes=10))
    assert ask(PAGES[1], token).status_code == 200
    late = ask(PAGES[1], token, max_age="60")
    assert late.status_code == 503
    assert "django_blesta.invoice" in late.json()["late"]

    rows.run(Client, SyncRun.State.FAILED, error_kind="maintenance", error="x")
    assert ask(PAGES[1], token).status_code == 200
    rows.run(Client, SyncRun.State.FAILED, error_kind="Denied", error="x")
    assert ask(PAGES[1], token).status_code == 503


LINE = re.compile(r'[a-z_][a-z0-9_]*\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\} -?[0-9.]+')


def test_metrics_are_in_the_format_of_prometheus(token: str) -> None:
    all_read()
    rows.client()
    seen()
    CallTally.objects.create(begins_at=timezone.now(), calls=7, failed=2, milliseconds=700)
    answer = ask(PAGES[2], token)
    text = answer.content.decode()

    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    declared: set[str] = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name = line.split()[2]
            assert name not in declared
            declared.add(name)
        elif not line.startswith("# HELP "):
            assert LINE.fullmatch(line), line
            assert line.partition("{")[0] in declared
    assert 'blesta_calls_failed_24h{installation="default"} 2' in text
    assert 'blesta_rows{installation="default",resource="client"} 1' in text
    assert 'blesta_connection{installation="default",state="ok"} 1' in text
    assert text.endswith("\n")


def test_request_has_an_id_that_calls_and_logs_bear(blesta: Any, staff_with: Any) -> None:
    client = rows.client()
    browser = staff_with("view_client", "refresh_rows")

    answer = browser.post(
        f"/admin/django_blesta/client/{client.pk}/refresh/", headers={"x-request-id": "from-the-proxy-1"}
    )

    assert answer.headers["X-Request-ID"] == "from-the-proxy-1"
    assert set(LoggedCall.objects.values_list("correlation_id", flat=True)) == {"from-the-proxy-1"}
    made = browser.get("/admin/", headers={"x-request-id": "a\tb<script>"}).headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", made)


def test_log_line_is_one_json_object_with_the_id() -> None:
    record = logging.LogRecord("django_blesta.sync", logging.WARNING, "f", 1, "Page %d\nis late", (3,), None)
    with correlation.correlated("abc"), correlation.within(run_id=5):
        correlation.CorrelationFilter().filter(record)
    line = correlation.JsonFormatter().format(record)

    told = json.loads(line)
    assert "\n" not in line
    assert (told["message"], told["correlation_id"], told["run_id"]) == ("Page 3\nis late", "abc", 5)
    assert "operation_id" not in told
