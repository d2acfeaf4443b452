"""The exchanges that the how-to shows are what a site answers, in the order in which the page shows them."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.urls import get_resolver
from rest_framework.test import APIClient

from django_blesta import sync
from django_blesta.models import Invoice
from django_blesta.testing.simulator import Simulator

pytestmark = [pytest.mark.django_db, pytest.mark.urls("testproject.urls")]
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "howto" / "rest.md").read_text(encoding="utf-8")
A_MOMENT = re.compile(r'"\d{4}-\d\d-\d\dT[\d:.]+Z"')


class Message(NamedTuple):
    start: list[str]
    headers: dict[str, str]
    body: str

    @classmethod
    def of(cls, block: str) -> Message:
        head, _, body = block.partition("\n\n")
        start, *headers = head.strip().splitlines()
        return cls(start.split(), dict(line.split(": ", 1) for line in headers), body)


EXCHANGES = [Message.of(block) for block in re.findall(r"^```http\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]


def prepare(billing: Simulator, status: HTTPStatus) -> None:
    """What the page says that Blesta suffers from at this point."""
    billing.switches.reset()
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        billing.switches.maintenance = "503"
    elif status is HTTPStatus.ACCEPTED:
        billing.fail(model="Contacts", method="edit", status=500, after_effect=True)


def without_moments(body: str) -> Any:
    return json.loads(A_MOMENT.sub('"a moment"', body))


def test_page_shows_what_is_answered(billing: Simulator, ada: Any) -> None:
    invoiced = billing.add_invoice(1, [{"description": "Hosting", "amount": "9.99", "qty": 2}], id_code="INV-1")
    assert sync.refresh(Invoice, invoiced["id"])
    api = APIClient(HTTP_HOST="localhost:8000")
    api.force_login(ada)

    for asked, told in zip(EXCHANGES[::2], EXCHANGES[1::2], strict=True):
        status = HTTPStatus(int(told.start[1]))
        prepare(billing, status)
        kind = asked.headers.pop("Content-Type", "application/json")

        answer = api.generic(asked.start[0], asked.start[1], asked.body, kind, headers=asked.headers)

        assert (answer.status_code, " ".join(told.start[2:])) == (status, status.phrase), asked
        assert {name: answer.headers[name] for name in told.headers} == told.headers
        assert without_moments(answer.text) == without_moments(told.body), asked


def test_page_has_an_exchange_of_each_status() -> None:
    assert {int(told.start[1]) for told in EXCHANGES[1::2]} == {200, 202, 400, 404, 409, 503}


def test_page_lists_exactly_the_addresses_that_there_are() -> None:
    listed = {
        re.sub(r"<\w+>", "<>", one) for one in re.findall(r"^\| `([^`]+)` \| (?:GET|PATCH|POST) ", PAGE, re.MULTILINE)
    }
    patterns = {str(one.pattern) for one in get_resolver("django_blesta.rest_framework.urls").url_patterns}

    assert listed == {re.sub(r"<\w+:\w+>", "<>", pattern) for pattern in patterns}
