from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from django_blesta.testing.simulator import Request, Simulator
from tests.testing.calling import read, send


@pytest.fixture
def blesta() -> Iterator[Simulator]:
    simulator = Simulator(companies=0)
    simulator.add_company()
    yield simulator
    assert simulator.crashes == []


def desk(
    blesta: Simulator, verb: str, name: str, body: Any = None, peer: str = "127.0.0.1", base: str = ""
) -> tuple[int, Any]:
    raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    response = blesta.handle(Request(verb, f"{base}/_control/{name}", {}, raw, peer))
    is_json = response.content_type == "application/json"
    return response.status, json.loads(response.body) if is_json else None


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_let_in(peer: str, blesta: Simulator) -> None:
    assert desk(blesta, "GET", "switches", peer=peer)[0] == 200


@pytest.mark.parametrize("peer", ["192.0.2.1", "10.0.0.1", "::ffff:192.0.2.1", "2001:db8::1", "", "localhost"])
@pytest.mark.parametrize(
    ("verb", "name"), [("GET", "requests"), ("POST", "switches"), ("DELETE", "faults"), ("GET", "")]
)
def test_another_machine_is_not(peer: str, verb: str, name: str, blesta: Simulator) -> None:
    assert desk(blesta, verb, name, {"maintenance": "503"}, peer=peer) == (403, None)
    assert blesta.switches.maintenance == "off"


def test_switches_are_set_shown_and_reset(blesta: Simulator) -> None:
    status, shown = desk(blesta, "POST", "switches", {"maintenance": "503", "page_size": 5})
    assert (status, shown["maintenance"], shown["page_size"]) == (200, "503", 5)
    assert send(blesta, "GET", "clients/getList.json").status == 503
    assert desk(blesta, "GET", "switches", base="/billing")[1] == shown
    assert desk(blesta, "DELETE", "switches")[1]["maintenance"] == "off"


@pytest.mark.parametrize(
    ("name", "body", "told"),
    [
        ("switches", {"nonsense": 1}, "There is no switch nonsense; there are auth_carrier, "),
        ("switches", {"page_size": "many"}, 'The switch page_size cannot be "many"; it can be a whole number above 0.'),
        ("switches", {"maintenance": 503}, 'The switch maintenance cannot be 503; it can be "off", "503" or "500".'),
        ("switches", {"verb_strict": None}, "The switch verb_strict cannot be null; it can be true or false."),
        ("switches", {"empty_page": True}, "it can be a whole number above 0 or null."),
        ("switches", {"missing_plugin": 1}, "it can be false, true or a text."),
        ("switches", {"latency": -1}, "it can be a number that is not negative."),
        ("switches", [1], "The body must be a JSON object."),
        ("switches", b"{", "The body is not JSON."),
        ("clock", {"set": "yesterday"}, "The clock is set with a time zone"),
        ("clock", {"set": "2026-01-01T00:00:00"}, "The clock is set with a time zone"),
        ("clock", {"set": 5}, "The clock is set with a time zone"),
        ("clock", {"advance": {"fortnights": 1}}, "The clock advances by numbers of days, "),
        ("clock", {"advance": {"days": "one"}}, "The clock advances by numbers of days, "),
        ("clock", {"advance": {"days": 10**9}}, "The clock cannot show that time."),
        ("clock", {"advance": 1}, "The clock takes "),
        ("clock", {}, "The clock takes "),
        ("faults", {"nonsense": 1}, "A fault has no nonsense; it has after_effect, "),
        ("faults", {"hits": 3}, "A fault has no hits; it has after_effect, "),
        ("faults", {"times": "once"}, 'The field times of a fault cannot be "once".'),
        ("faults", {"arguments": [1]}, "The field arguments of a fault cannot be [1]."),
    ],
)
def test_a_mistake_is_told_in_a_sentence_and_changes_nothing(
    name: str, body: Any, told: str, blesta: Simulator
) -> None:
    before = desk(blesta, "GET", name)
    status, shown = desk(blesta, "POST", name, body)
    assert status == 400
    assert told in shown["error"]
    assert not re.search(r"Literal|typing|<class|'|\|", shown["error"])
    assert desk(blesta, "GET", name) == before


@pytest.mark.parametrize("path", ["/_control", "/_control/", "/billing/_control/"])
def test_the_desk_lists_what_is_there(path: str, blesta: Simulator) -> None:
    response = blesta.handle(Request("GET", path, {}, b"", "127.0.0.1"))
    shown = json.loads(response.body)
    assert response.status == 200
    assert shown["switches"]["maintenance"] == '"off", "503" or "500"'
    assert set(shown["switches"]) == set(blesta.switches.as_dict())
    for listed, verbs in shown["paths"].items():
        for verb in verbs:
            assert desk(blesta, verb, listed.removeprefix("/_control/"))[0] in (200, 400)


def test_what_is_not_there_is_answered_with_what_is(blesta: Simulator) -> None:
    assert "there is GET switches, POST switches, " in desk(blesta, "GET", "nothing")[1]["error"]


def test_the_clock_is_shown_set_and_advanced(blesta: Simulator) -> None:
    assert desk(blesta, "GET", "clock")[1] == {"now": blesta.clock.now().isoformat()}
    desk(blesta, "POST", "clock", {"set": "2027-01-01T00:00:00Z", "advance": {"days": 1, "hours": 2}})
    assert blesta.clock.now().isoformat() == "2027-01-02T02:00:00+00:00"


def test_faults_are_scripted_listed_and_forgotten(blesta: Simulator) -> None:
    desk(blesta, "POST", "faults", {"status": 502, "times": None, "method": "getList"})
    assert send(blesta, "GET", "clients/getList.json").status == 502
    assert read(blesta, "clients/getListCount") == 0
    (shown,) = desk(blesta, "GET", "faults")[1]
    assert (shown["status"], shown["hits"], shown["method"]) == (502, 1, "getList")
    assert desk(blesta, "DELETE", "faults") == (200, [])
    assert send(blesta, "GET", "clients/getList.json").status == 200


def test_those_who_are_held_are_released(blesta: Simulator) -> None:
    fault = blesta.fail(hold=True)
    desk(blesta, "POST", "release")
    assert read(blesta, "clients/getListCount") == 0
    assert fault.hits == 1


def test_requests_are_listed_and_forgotten(blesta: Simulator) -> None:
    read(blesta, "clients/getList", page=2)
    assert desk(blesta, "GET", "requests")[1] == [["GET", "Clients", "getList", {"page": "2"}]]
    desk(blesta, "DELETE", "requests")
    assert blesta.requests == []


def test_rows_are_counted(blesta: Simulator) -> None:
    blesta.add_client()
    counts = desk(blesta, "GET", "counts")[1]
    assert (counts["clients"], counts["companies"], counts["invoices"]) == (1, 1, 0)


@pytest.mark.parametrize(("verb", "name"), [("GET", "nothing"), ("POST", ""), ("PUT", "switches"), ("POST", "counts")])
def test_there_is_nothing_else(verb: str, name: str, blesta: Simulator) -> None:
    assert desk(blesta, verb, name)[0] == 404


def test_the_desk_is_not_below_the_api(blesta: Simulator) -> None:
    response = blesta.handle(Request("GET", "/api/_control/switches", {}))
    assert response.status in (401, 404)


def test_the_desk_is_on_the_socket(blesta: Simulator) -> None:
    with blesta, urllib.request.urlopen(f"{blesta.control_url}counts", timeout=20) as answer:  # noqa: S310 - http to ourselves
        assert json.load(answer)["companies"] == 1
