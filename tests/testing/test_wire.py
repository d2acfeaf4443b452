from __future__ import annotations

import base64
import http.client
import json
import threading
from collections.abc import Iterator

import pytest

from django_blesta.testing.simulator import Request, Simulator
from django_blesta.testing.simulator.application import Application
from django_blesta.testing.simulator.calls import Argument, Method
from tests.testing.calling import Answer, answer, headers_of, read, send, write


@pytest.fixture
def blesta() -> Iterator[Simulator]:
    simulator = Simulator(companies=0)
    simulator.add_company(name="First")
    simulator.add_client()
    yield simulator
    assert simulator.crashes == []


def get(blesta: Simulator, target: str, headers: dict[str, str] | None = None) -> Answer:
    return answer(blesta.handle(Request("GET", target, headers_of(blesta) if headers is None else headers)))


@pytest.mark.parametrize(
    "target",
    [
        "/api/clients/getListCount.json",
        "/api/clients/getListCount",
        "/index.php/api/clients/getListCount.json",
        "/billing/api/clients/getListCount.json",
        "/a/b/index.php/api/clients/getListCount.json",
        "/api/api/clients/getListCount.json",
        "/api/%63lients/getListCount.json",
    ],
)
def test_the_api_is_below_any_install_path(target: str, blesta: Simulator) -> None:
    assert get(blesta, target).value == 1


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/api/Clients/getListCount.json", 404),
        ("/api/clients/getlistcount.json", 404),
        ("/api/clientss/getList.json", 404),
        ("/api/clients/.json", 404),
        ("/api/clients", 404),
        ("/api/", 404),
        ("/api/support_manager.support_manager_kb_articles/getAll.json", 404),
        ("/api/clients/getList.xml", 415),
        ("/api/clients/getList.", 415),
        ("/api/clients/__construct.json", 403),
        ("/api/nothing/__construct.json", 404),
    ],
)
def test_what_cannot_be_called_answers_in_json(target: str, status: int, blesta: Simulator) -> None:
    found = get(blesta, target)
    assert found.status == status
    assert list(found.body) == ["message"]


@pytest.mark.parametrize("target", ["/", "/client/login", "/apis/clients/getList.json", "/api/clients/get/1.json"])
def test_what_is_not_the_api_answers_a_page(target: str, blesta: Simulator) -> None:
    found = get(blesta, target)
    assert (found.status, found.content_type) == (404, "text/html; charset=UTF-8")


@pytest.mark.parametrize(
    "path",
    [
        "support_manager.support_manager_tickets",
        "support_manager.SupportManagerTickets",
        "SupportManager.SupportManagerTickets",
    ],
)
@pytest.mark.parametrize(("missing", "status"), [(False, 200), (True, 404), ("support_manager", 404), ("order", 200)])
def test_a_plugins_model_may_be_spelt_either_way(
    path: str, missing: bool | str, status: int, blesta: Simulator
) -> None:
    model = "support_manager.SupportManagerTickets"
    offered = {
        (model, "get"): Method(
            model, "get", lambda call, ticket_id: ticket_id, (Argument("ticket_id", "int", False, False),), False, False
        )
    }
    application = Application(blesta.state, blesta.clock, blesta.switches, offered)
    blesta.switches.missing_plugin = missing
    found = answer(application.handle(Request("GET", f"/api/{path}/get.json?ticket_id=5", headers_of(blesta))))
    assert found.status == status
    assert status != 200 or found.value == 5


def basic(user: str, key: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{key}".encode()).decode()}


@pytest.mark.parametrize("carrier", ["any", "headers", "basic"])
@pytest.mark.parametrize("sent", ["headers", "basic"])
def test_a_key_travels_by_the_carrier_that_gets_through(carrier: str, sent: str, blesta: Simulator) -> None:
    blesta.switches.set(auth_carrier=carrier)
    headers = headers_of(blesta) if sent == "headers" else basic(blesta.user, blesta.key)
    assert get(blesta, "/api/clients/getListCount.json", headers).status == (200 if carrier in ("any", sent) else 401)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"blesta-api-user": "company1"},
        {"authorization": "Basic %%%"},
        {"authorization": "Bearer abc"},
        basic("company1", ""),
        {"authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()},
    ],
)
def test_credentials_that_are_not_there_are_wrong(headers: dict[str, str], blesta: Simulator) -> None:
    found = get(blesta, "/api/clients/getListCount.json", headers)
    assert (found.status, found.raw) == (
        401,
        b'{"message":"The authorization details given appear to be invalid."}',
    )


def test_a_key_with_a_colon_is_a_key(blesta: Simulator) -> None:
    blesta.add_key(1, "extra", "a:b:c")
    assert get(blesta, "/api/clients/getListCount.json", basic("extra", "a:b:c")).value == 1


def test_a_missing_argument_is_a_bad_request_without_errors(blesta: Simulator) -> None:
    found = send(blesta, "GET", "clients/get.json")
    assert found.status == 400
    assert found.body == {"message": "The request cannot be fulfilled due to bad syntax."}


def test_an_argument_that_nobody_asked_for_is_ignored(blesta: Simulator) -> None:
    assert read(blesta, "clients/get", client_id=1, nonsense=1)["id"] == 1


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", ""])
def test_only_a_form_carries_arguments(kind: str, blesta: Simulator) -> None:
    body = json.dumps({"client_id": 1}).encode()
    headers = {**headers_of(blesta), "content-type": kind}
    found = answer(blesta.handle(Request("POST", "/api/clients/get.json", headers, body)))
    assert found.status == 400


@pytest.mark.parametrize("verb", ["GET", "POST", "PUT", "DELETE"])
def test_any_verb_does_by_default(verb: str, blesta: Simulator) -> None:
    assert send(blesta, verb, "clients/get.json", {"client_id": 1}).value["id"] == 1


def test_query_and_form_are_one_and_the_form_wins(blesta: Simulator) -> None:
    blesta.add_client()
    headers = {**headers_of(blesta), "content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    request = Request("POST", "/api/clients/get.json?client_id=1&get_settings=0", headers, b"client_id=2")
    found = answer(blesta.handle(request)).value
    assert found["id"] == 2
    assert "settings" not in found


@pytest.mark.parametrize(("text", "shown"), [("1", True), ("0", False), ("", False), ("true", True), ("false", True)])
def test_a_flag_is_what_php_makes_of_the_text(text: str, shown: bool, blesta: Simulator) -> None:
    assert ("settings" in read(blesta, "clients/get", client_id=1, get_settings=text)) is shown


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("clients/getList", {"order_by": "id"}),
        ("clients/getList", {"status": ["active"]}),
        ("clients/get", {"client_id": ["1"]}),
        ("contacts/edit", {"contact_id": 1, "vars": "x"}),
    ],
)
def test_an_argument_of_the_wrong_kind_is_phps_type_error(
    path: str, arguments: dict[str, object], blesta: Simulator
) -> None:
    found = send(blesta, "POST", f"{path}.json", arguments)
    assert found.status == 500
    assert found.body["response"].startswith("Internal error: Argument $")


def test_text_in_any_script_comes_back(blesta: Simulator) -> None:
    names = {"first_name": "Zoë & Ω", "last_name": "日本/語", "email": "z@example.com"}
    found = write(blesta, "contacts/edit", contact_id=1, vars=names)
    assert found.value["last_name"] == "日本/語"
    assert b"\\u65e5\\u672c\\/\\u8a9e" in found.raw


def test_requests_are_remembered_as_they_came(blesta: Simulator) -> None:
    send(blesta, "GET", "clients/getList.json", {"order_by": {"id": "ASC"}, "page": 2})
    assert blesta.requests == [("GET", "Clients", "getList", {"order_by": {"id": "ASC"}, "page": "2"})]


def test_threads_that_write_at_once_get_ids_of_their_own() -> None:
    with Simulator(clients=3, seed=2) as blesta:
        found: list[int] = []
        start = threading.Barrier(8)

        def add() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", blesta.port, timeout=30)
            headers = {**headers_of(blesta), "Content-Type": "application/x-www-form-urlencoded"}
            start.wait(10)
            for number in range(20):
                connection.request(
                    "POST", "/api/contacts/addNumber.json", f"contact_id=1&vars[number]={number}", headers
                )
                found.append(json.loads(connection.getresponse().read())["response"])
            connection.close()

        threads = [threading.Thread(target=add) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(found) == len(set(found)) == 160
        assert blesta.crashes == []
