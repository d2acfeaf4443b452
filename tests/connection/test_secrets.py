"""The key is in no repr, log line, exception, pickle or report, however it is configured and wherever it breaks."""

from __future__ import annotations

import copy
import logging
import pickle
import pprint
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.views.debug import ExceptionReporter
from pytest_django import Settings

from django_blesta import conf
from django_blesta.connection import Connection, Shape, connection_for
from django_blesta.connection import _http as http_module
from django_blesta.exceptions import BlestaError, NotConfigured
from tests.connection.conftest import LeapingClock
from tests.connection.faulty_server import FaultyServer, Step, answer, reset, send

CANARY = "canary-0a1b2c3d4e5f"
#: base64 of site-user and the canary, as Basic authentication carries them.
BASIC = "c2l0ZS11c2VyOmNhbmFyeS0wYTFiMmMzZDRlNWY="


def key_from_callable() -> str:
    return "-".join(["canary", "0a1b2c3d4e5f"])


KEYS: dict[str, Any] = {"text": CANARY, "callable": key_from_callable, "environment": {"env": "BLESTA_CANARY"}}
HTML = f"<html>You sent {CANARY} and {BASIC}</html>"
FAULTS: dict[str, Step] = {
    "reset": reset,
    "page that repeats the key": send(answer(HTML, 500, "text/html")),
    "message that repeats the key": send(answer(f'{{"message":"{CANARY}"}}', 400)),
    "errors that repeat the key": send(answer(f'{{"errors":{{"key":{{"valid":"{CANARY}"}}}}}}', 400)),
    "redirect that repeats the key": send(answer("", 302, headers={"Location": f"/x?{CANARY}"})),
    "denied": send(answer('{"message":"The authorization details given appear to be invalid."}', 401)),
    "shape": send(answer(f'{{"response":"{CANARY}"}}')),
    "cut short": send(answer('{"response":', length=11)),
}


@pytest.fixture(params=list(KEYS))
def key(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("BLESTA_CANARY", CANARY)
    return KEYS[request.param]


Layout = Callable[[dict[str, Any], Any], dict[str, Any]]


def flat(options: dict[str, Any], key: Any) -> dict[str, Any]:
    return {**options, "USER": "site-user", "KEY": key}


def by_alias(options: dict[str, Any], key: Any) -> dict[str, Any]:
    return {"default": flat(options, key)}


def by_company(options: dict[str, Any], key: Any) -> dict[str, Any]:
    return {"default": {**options, "COMPANIES": {1: {"USER": "site-user", "KEY": key}}}}


def holds_key(text: str) -> bool:
    return CANARY in text or BASIC in text


def report_of(view: Callable[[Any], HttpResponse]) -> tuple[str, str, BaseException]:
    """The technical-500 page of a view that raises, as HTML and as text."""
    request = RequestFactory().get("/")
    try:
        view(request)
    except Exception as error:
        reporter = ExceptionReporter(request, *sys.exc_info())
        return reporter.get_traceback_html(), reporter.get_traceback_text(), error
    pytest.fail("The view did not raise.")


@pytest.mark.parametrize("layout", [flat, by_alias, by_company])
@pytest.mark.parametrize("authentication", ["headers", "basic"])
@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("fault", FAULTS)
def test_key_is_in_no_report_of_a_failed_call(
    layout: Layout,
    authentication: str,
    debug: bool,
    fault: str,
    key: Any,
    server: FaultyServer,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.otherwise = FAULTS[fault]
    settings.DEBUG = debug
    options = {"URL": server.url, "AUTHENTICATION": authentication, "ALLOW": ["Things.add"]}
    settings.BLESTA = layout(options, key)
    connection = Connection("default", connection_for().company_id, LeapingClock())

    def view(request: Any) -> HttpResponse:
        installation = conf.installation()
        credentials = next(iter(installation.companies.values()))
        connection.write("Things", "add", {"vars": {"name": "Ada"}}, shape=Shape.ID if fault == "shape" else None)
        return HttpResponse(f"{installation} {credentials}")

    html, text, error = report_of(view)
    assert isinstance(error, BlestaError)
    assert server.requests[0].headers.get("blesta-api-key", CANARY) == CANARY
    assert server.requests[0].headers.get("authorization", f"Basic {BASIC}") == f"Basic {BASIC}"
    # The page does show the frames' variables, or this test would prove nothing.
    assert "credentials" in html
    everything = [html, text, str(error), pickle.dumps(error).decode("latin-1"), caplog.text]
    if fault == "errors that repeat the key":
        # Blesta's own words for a form reach the form as they are; its sentence and its reports do not hold them.
        everything = [str(error), caplog.text]
    else:
        everything.append(repr(error))
    for place in everything:
        assert not holds_key(place)
    assert error.__cause__ is None
    assert error.__context__ is None
    connection.hang_up()


def broken_callable() -> str:
    held = "-".join(["canary", "0a1b2c3d4e5f"])
    raise RuntimeError(held)


def test_callable_that_raises_is_named_without_what_it_said(settings: Settings) -> None:
    settings.DEBUG = True
    settings.BLESTA = {"URL": "https://x.example/", "USER": "u", "KEY": broken_callable, "ALLOW": ["Things.get"]}

    def view(request: Any) -> HttpResponse:
        return HttpResponse(connection_for().read("Things", "get"))

    html, text, error = report_of(view)
    assert isinstance(error, NotConfigured)
    assert "RuntimeError" in str(error)
    for place in (html, text, repr(error), "".join(traceback.format_exception(error))):
        assert not holds_key(place)


@pytest.mark.parametrize("given", [f"{CANARY}\n", f"{CANARY}é", f"{CANARY}\x00"])
@pytest.mark.parametrize("late", [False, True])
def test_key_that_no_header_can_carry_is_refused_without_being_shown(
    given: str, late: bool, settings: Settings
) -> None:
    settings.DEBUG = True
    key = (lambda: given) if late else given
    settings.BLESTA = {"URL": "https://x.example/", "USER": "u", "KEY": key, "ALLOW": ["Things.get"]}

    def view(request: Any) -> HttpResponse:
        return HttpResponse(connection_for().read("Things", "get"))

    html, text, error = report_of(view)
    assert isinstance(error, NotConfigured)
    for place in (html, text, repr(error)):
        assert CANARY not in place


@pytest.mark.parametrize("layout", [flat, by_alias, by_company])
def test_mistaken_setting_is_reported_without_its_key(layout: Layout, settings: Settings) -> None:
    settings.DEBUG = True
    settings.BLESTA = layout({"URL": "ftp://x.example/", "TYPO": 1}, CANARY)

    def view(request: Any) -> HttpResponse:
        return HttpResponse(str(conf.installation()))

    html, text, error = report_of(view)
    assert isinstance(error, NotConfigured)
    for place in (html, text, repr(error), repr(conf.problems())):
        assert not holds_key(place)


def test_callable_is_not_called_by_reports_checks_or_reprs(settings: Settings) -> None:
    called: list[int] = []

    def key() -> str:
        called.append(1)
        return CANARY

    settings.DEBUG = True
    settings.BLESTA = {"URL": "https://x.example/", "USER": "u", "KEY": key}

    def view(request: Any) -> HttpResponse:
        installation = conf.installation()
        repr(installation)
        conf.problems()
        raise ValueError("A mistake somewhere else.")

    report_of(view)
    assert called == []


def test_secret_shows_itself_to_nobody() -> None:
    secret = conf.Secret(CANARY)
    for shown in (repr(secret), str(secret), f"{secret}", pprint.pformat({"a": [secret]}), f"{secret!r:>20}"):
        assert CANARY not in shown
    assert copy.copy(secret) is secret
    assert copy.deepcopy({"a": secret})["a"] is secret
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)
    revealed = secret.reveal()
    assert revealed == CANARY
    for shown in (repr(revealed), pprint.pformat({"a": [revealed]}), repr({"a": revealed})):
        assert CANARY not in shown
    assert repr(conf.Secret({"env": "BLESTA_CANARY"})) == "Secret(env='BLESTA_CANARY')"


def test_headers_mask_the_key_while_they_are_at_hand(settings: Settings) -> None:
    for authentication in ("headers", "basic"):
        settings.BLESTA = flat({"URL": "https://x.example/", "AUTHENTICATION": authentication}, CANARY)
        installation = conf.installation()
        headers = http_module._headers(installation, installation.credentials(None)[1])
        assert not holds_key(pprint.pformat(headers))
        assert not holds_key(repr(dict(headers)))
        assert holds_key("".join(headers.values()))


def test_arguments_are_hidden_in_reports_of_sites_in_production(server: FaultyServer, settings: Settings) -> None:
    server.otherwise = reset
    settings.DEBUG = False
    settings.BLESTA = flat({"URL": server.url, "ALLOW": ["Things.add"]}, CANARY)
    connection, port = connection_for(), server.port

    def view(request: Any) -> HttpResponse:
        # Computed here: this function's own variables are not ours to hide, and a report also quotes the source.
        return HttpResponse(connection.write("Things", "add", {"vars": {"password": f"pass-{port * 7919}"}}))

    html, text, _ = report_of(view)
    assert f"pass-{port * 7919}".encode() in server.requests[0].body
    assert "_call" in text
    for place in (html, text):
        assert f"pass-{port * 7919}" not in place
    connection.hang_up()
