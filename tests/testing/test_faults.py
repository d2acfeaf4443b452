from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import pytest

from django_blesta.testing.simulator import Simulator
from tests.testing.calling import flat, headers_of, read, send, write

NUMBER = {"contact_id": 1, "vars": {"number": "1"}}


@pytest.fixture
def blesta() -> Iterator[Simulator]:
    simulator = Simulator(companies=0)
    simulator.add_company()
    simulator.add_client()
    with simulator:
        yield simulator
    assert simulator.crashes == []


def post(blesta: Simulator, path: str, arguments: dict[str, Any]) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", blesta.port, timeout=20)
    headers = {**headers_of(blesta), "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", f"/api/{path}.json", urlencode(list(flat(arguments))), headers)
    try:
        response = connection.getresponse()
        response.read()
        return response
    finally:
        connection.close()


def numbers(blesta: Simulator) -> int:
    return len(blesta.state.tables["contact_numbers"])


def test_the_first_that_matches_wins_until_it_is_used_up(blesta: Simulator) -> None:
    first = blesta.fail(status=502, times=2)
    second = blesta.fail(status=429)
    assert [send(blesta, "GET", "clients/getListCount.json").status for _ in range(4)] == [502, 502, 429, 200]
    assert (first.hits, second.hits) == (2, 1)


@pytest.mark.parametrize(
    ("conditions", "struck"),
    [
        ({"model": "Clients"}, True),
        ({"model": "Contacts"}, False),
        ({"method": "getList"}, True),
        ({"method": "get"}, False),
        ({"verb": "POST"}, False),
        ({"arguments": {"page": 2}}, True),
        ({"arguments": {"page": 3}}, False),
        ({"arguments": {"order_by": {"id": "ASC"}}}, True),
        ({"arguments": {"order_by": {"id": "DESC"}}}, False),
        ({"arguments": {"filters": "x"}}, False),
    ],
)
def test_a_fault_strikes_what_it_is_meant_for(conditions: dict[str, Any], struck: bool, blesta: Simulator) -> None:
    blesta.fail(status=502, **conditions)
    found = send(blesta, "GET", "clients/getList.json", {"page": 2, "order_by": {"id": "ASC"}})
    assert found.status == (502 if struck else 200)


def test_a_fault_may_let_some_calls_pass_and_then_last(blesta: Simulator) -> None:
    blesta.fail(status=503, skip=2, times=None)
    assert [send(blesta, "GET", "clients/getListCount.json").status for _ in range(5)] == [200, 200, 503, 503, 503]
    blesta.heal()
    assert read(blesta, "clients/getListCount") == 1


@pytest.mark.parametrize(("after_effect", "stored"), [(False, 0), (True, 1)])
@pytest.mark.parametrize("fault", [{"status": 502}, {"body": "<html>gateway</html>", "status": 200}, {"body": ""}])
def test_an_answer_may_be_replaced_before_or_after_the_effect(
    fault: dict[str, Any], after_effect: bool, stored: int, blesta: Simulator
) -> None:
    blesta.fail(after_effect=after_effect, **fault)
    response = post(blesta, "contacts/addNumber", NUMBER)
    assert response.status == fault.get("status", 200)
    assert numbers(blesta) == stored


@pytest.mark.parametrize(("after_effect", "stored"), [(False, 0), (True, 1)])
def test_the_connection_may_close_before_or_after_the_effect(
    after_effect: bool, stored: int, blesta: Simulator
) -> None:
    blesta.fail(close=True, after_effect=after_effect)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        post(blesta, "contacts/addNumber", NUMBER)
    assert numbers(blesta) == stored


def test_a_body_may_be_cut_short(blesta: Simulator) -> None:
    blesta.fail(truncate=7)
    connection = http.client.HTTPConnection("127.0.0.1", blesta.port, timeout=20)
    connection.request("GET", "/api/clients/getListCount.json", headers=headers_of(blesta))
    with pytest.raises(http.client.IncompleteRead) as caught:
        connection.getresponse().read()
    connection.close()
    assert caught.value.partial == b'{"respo'


def test_headers_and_type_may_be_wrong_while_the_call_is_done(blesta: Simulator) -> None:
    blesta.fail(content_type="text/plain", headers={"X-Proxy": "yes"})
    response = post(blesta, "contacts/addNumber", NUMBER)
    assert (response.status, response.headers["Content-Type"], response.headers["X-Proxy"]) == (
        200,
        "text/plain",
        "yes",
    )
    assert numbers(blesta) == 1


def test_a_redirect_is_a_status_and_a_header(blesta: Simulator) -> None:
    blesta.fail(status=302, headers={"Location": "https://elsewhere.example/login"}, body="")
    response = post(blesta, "contacts/addNumber", NUMBER)
    assert (response.status, response.headers["Location"]) == (302, "https://elsewhere.example/login")
    assert numbers(blesta) == 0


def test_a_body_may_drip(blesta: Simulator) -> None:
    blesta.fail(drip=0.001)
    with socket.create_connection(("127.0.0.1", blesta.port), timeout=20) as wire:
        lines = [f"{name}: {value}" for name, value in headers_of(blesta).items()]
        wire.sendall("\r\n".join(["GET /api/clients/getListCount.json HTTP/1.1", *lines, "", ""]).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += wire.recv(1)
        pieces = []
        while len(b"".join(pieces)) < len(b'{"response":1}'):
            pieces.append(wire.recv(1000))
    assert b"".join(pieces) == b'{"response":1}'


def test_a_dripping_body_ends_with_the_simulator(blesta: Simulator) -> None:
    fault = blesta.fail(drip=3600)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(post, blesta, "contacts/addNumber", NUMBER)
        assert fault.wait_until_hit()
        blesta.stop()
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            waiting.result(20)


@pytest.mark.parametrize(("after_effect", "stored"), [(False, 0), (True, 1)])
def test_a_call_may_be_held_before_or_after_its_effect(after_effect: bool, stored: int, blesta: Simulator) -> None:
    fault = blesta.fail(hold=True, after_effect=after_effect)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(post, blesta, "contacts/addNumber", NUMBER)
        assert fault.wait_until_hit()
        assert numbers(blesta) == stored
        assert not waiting.done()
        assert read(blesta, "clients/getListCount") == 1  # others are not kept waiting
        fault.release()
        assert waiting.result(20).status == 200
    assert numbers(blesta) == 1


def test_those_who_are_held_are_in_flight_together(blesta: Simulator) -> None:
    fault = blesta.fail(hold=True, times=3)
    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(post, blesta, "contacts/addNumber", NUMBER) for _ in range(3)]
        assert fault.wait_until_hit(3)
        blesta.heal()
        assert {call.result(20).status for call in calls} == {200}
    assert blesta.peak_in_flight == 3


def test_stopping_frees_those_who_are_held(blesta: Simulator) -> None:
    fault = blesta.fail(hold=True)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(post, blesta, "contacts/addNumber", NUMBER)
        assert fault.wait_until_hit()
        blesta.stop()
        assert waiting.exception(20) is not None or waiting.result().status == 200


def test_it_can_be_stopped_and_started_on_the_same_port(blesta: Simulator) -> None:
    port = blesta.port
    blesta.stop()
    with pytest.raises(ConnectionRefusedError):
        post(blesta, "contacts/addNumber", NUMBER)
    blesta.start()
    assert blesta.port == port
    assert post(blesta, "contacts/addNumber", NUMBER).status == 200


@pytest.mark.parametrize(
    ("sent", "begins"),
    [
        (b"nonsense\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"HTTP/1.1 400 "),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"HTTP/1.1 400 "),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"HTTP/1.1 400 "),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", b"HTTP/1.1 404 "),
        (
            b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx",
            b"HTTP/1.1 100 ",
        ),
    ],
)
def test_a_connection_speaks_http(sent: bytes, begins: bytes, blesta: Simulator) -> None:
    with socket.create_connection(("127.0.0.1", blesta.port), timeout=20) as wire:
        wire.sendall(sent)
        found = b""
        while piece := wire.recv(1000):
            found += piece
    assert found.startswith(begins)


def test_a_chunked_form_is_a_form(blesta: Simulator) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", blesta.port, timeout=20)
    headers = {**headers_of(blesta), "Content-Type": "application/x-www-form-urlencoded"}
    body = iter([b"contact_id=1&vars[num", b"ber]=77"])
    connection.request("POST", "/api/contacts/addNumber.json", body, headers, encode_chunked=True)
    assert connection.getresponse().read() == b'{"response":1}'
    connection.close()
    assert blesta.state.tables["contact_numbers"][1]["number"] == "77"


def test_a_mistake_of_the_simulator_is_kept_and_told_apart(blesta: Simulator) -> None:
    blesta.state.tables["clients"][1].pop("status")
    assert write(blesta, "clients/getList").status in (200, 500)
    blesta.state.tables["packages"][1] = {"company_id": 1}
    assert write(blesta, "packages/getList").status == 500
    assert "KeyError" in blesta.crashes.pop()
