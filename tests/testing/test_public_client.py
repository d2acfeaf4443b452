"""The public Python client, written by others, works against the simulator as it is: over a socket, sync and async."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from blesta_sdk import (
    AsyncBlestaRequest,
    BlestaAPIError,
    BlestaAuthError,
    BlestaConnectionError,
    BlestaError,
    BlestaRateLimitError,
    BlestaRequest,
    BlestaServerError,
    PaginationError,
)

from django_blesta.testing.simulator import Simulator

CARRIERS = ["basic", "header"]
ALL = {"status": "all", "order_by[id]": "ASC"}


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with Simulator(clients=60, seed=5) as simulator:
        yield simulator


@pytest.fixture
def blesta(running: Simulator) -> Iterator[Simulator]:
    yield running
    running.heal()
    running.switches.reset()
    assert running.crashes == []


@pytest.fixture
def client(blesta: Simulator) -> Iterator[BlestaRequest]:
    with BlestaRequest(blesta.url, blesta.user, blesta.key, auth_method="header") as request:
        yield request


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["id"] for row in rows]


@pytest.mark.parametrize("carrier", CARRIERS)
def test_both_ways_of_authentication_are_let_in(carrier: Literal["basic", "header"], blesta: Simulator) -> None:
    with BlestaRequest(blesta.url, blesta.user, blesta.key, auth_method=carrier) as request:
        assert request.get("companies", "getList").data == [
            {
                "id": 1,
                **{name: blesta.state.tables["companies"][1][name] for name in ("name", "hostname")},
                **_rest(blesta),
            }
        ]


def _rest(blesta: Simulator) -> dict[str, Any]:
    return {name: blesta.state.tables["companies"][1][name] for name in ("address", "phone", "fax")}


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_wrong_key_is_an_authentication_error(carrier: Literal["basic", "header"], blesta: Simulator) -> None:
    with (
        BlestaRequest(blesta.url, blesta.user, "wrong", auth_method=carrier, raise_on_error=True) as request,
        pytest.raises(BlestaAuthError) as caught,
    ):
        request.get("clients", "getListCount")
    assert caught.value.status_code == 401


@pytest.mark.parametrize("table", ["clients", "services", "invoices", "transactions"])
def test_everything_can_be_walked(table: str, client: BlestaRequest, blesta: Simulator) -> None:
    arguments = {name: value for name, value in ALL.items() if table != "clients" or name != "status"}
    expected = sorted(blesta.state.tables[table])
    assert client.count(table, "getListCount", arguments) == len(expected)
    assert client.count_for(table, "getList", arguments) == len(expected)
    assert ids(client.get_all(table, "getList", arguments, on_error="raise")) == expected
    assert ids(list(client.iter_all(table, "getList", arguments))) == expected
    pages = list(client.iter_pages(table, "getList", arguments))
    assert {len(page) for page in pages[:-1]} <= {20}
    assert ids([row for page in pages for row in page]) == expected


def test_hidden_filters_hide(client: BlestaRequest, blesta: Simulator) -> None:
    expected = {
        "invoices": lambda row: row["status"] == "active" and row["date_closed"] is None,
        "services": lambda row: row["status"] == "active",
        "transactions": lambda row: row["status"] == "approved",
    }
    for table, shown in expected.items():
        rows = blesta.state.tables[table].values()
        assert 0 < client.count(table) == len([row for row in rows if shown(row)]) < len(rows)
        assert len(client.get_all(table, "getList")) == client.count(table)


def test_a_missing_row_is_false_and_a_page_past_the_end_is_empty(client: BlestaRequest) -> None:
    assert client.get("clients", "get", {"client_id": 999_999}).data is False
    assert client.get("clients", "getList", {"page": 999}).data == []


def test_a_write_in_the_clients_own_json_has_no_arguments(client: BlestaRequest) -> None:
    response = client.post("contacts", "edit", {"contact_id": 1, "vars": {"first_name": "Ada"}})
    assert response.status_code == 400
    assert "errors" not in (response._format_response())


def test_a_write_with_bracket_keys_in_the_query_arrives(client: BlestaRequest, blesta: Simulator) -> None:
    arguments = {
        "contact_id": 1,
        "vars[first_name]": "Grace",
        "vars[last_name]": "Hopper",
        "vars[email]": "grace@example.com",
    }
    response = client.submit("contacts", "edit", arguments, "GET")
    assert response.data["first_name"] == blesta.state.tables["contacts"][1]["first_name"] == "Grace"


@pytest.mark.parametrize(
    ("model", "method", "switches", "status", "kind"),
    [
        ("invoices", "get", {}, 400, BlestaAPIError),
        ("clients", "getPrivateThing", {}, 403, BlestaAuthError),
        ("clients", "nope", {}, 404, BlestaAPIError),
        ("support_manager.support_manager_kb_articles", "getAll", {}, 404, BlestaAPIError),
        ("clients", "getList", {"html_fatal": "500"}, 500, BlestaServerError),
        ("clients", "getList", {"html_fatal": "empty"}, 500, BlestaServerError),
        ("clients", "getList", {"maintenance": "503"}, 503, BlestaServerError),
        ("clients", "getList", {"maintenance": "500"}, 500, BlestaServerError),
    ],
)
@pytest.mark.parametrize("style", ["sync", "async"])
def test_every_status_is_told(
    style: str,
    model: str,
    method: str,
    switches: dict[str, Any],
    status: int,
    kind: type[BlestaError],
    blesta: Simulator,
) -> None:
    blesta.switches.set(**switches)
    with pytest.raises(kind) as caught:
        _get(style, blesta, model, method)
    assert caught.value.status_code == status


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ({"status": 429, "headers": {"Retry-After": "7"}}, 429, BlestaRateLimitError),
        ({"status": 502}, 502, BlestaServerError),
        ({"status": 415}, 415, BlestaAPIError),
        ({"status": 401}, 401, BlestaAuthError),
        ({"close": True}, 0, BlestaConnectionError),
    ],
)
@pytest.mark.parametrize("style", ["sync", "async"])
def test_every_scripted_fault_is_told(
    style: str, fault: dict[str, Any], status: int, kind: type[BlestaError], blesta: Simulator
) -> None:
    blesta.fail(**fault)
    with pytest.raises(kind) as caught:
        _get(style, blesta, "clients", "getList")
    assert caught.value.status_code == status
    assert getattr(caught.value, "retry_after", None) == (7 if status == 429 else None)


def _get(style: str, blesta: Simulator, model: str, method: str) -> Any:
    if style == "sync":
        with BlestaRequest(blesta.url, blesta.user, blesta.key, raise_on_error=True) as request:
            return request.get(model, method)

    async def get() -> Any:
        async with AsyncBlestaRequest(blesta.url, blesta.user, blesta.key, raise_on_error=True) as request:
            return await request.get(model, method)

    return asyncio.run(get())


def test_a_page_that_fails_stops_the_walk(client: BlestaRequest, blesta: Simulator) -> None:
    blesta.fail(status=502, method="getList", arguments={"page": 3})
    with pytest.raises(PaginationError) as caught:
        client.get_all("clients", "getList", on_error="raise")
    assert (caught.value.page, len(caught.value.partial_items)) == (3, 40)


def test_a_server_that_repeats_its_last_page_is_left(client: BlestaRequest, blesta: Simulator) -> None:
    blesta.switches.repeat_last_page = True
    rows = client.get_all("clients", "getList", {"order_by[id]": "ASC"})
    assert len(rows) > 60
    assert set(ids(rows)) == set(blesta.state.tables["clients"])


def test_errors_of_a_refused_write_are_told(client: BlestaRequest) -> None:
    response = client.submit("contacts", "edit", {"contact_id": 1, "vars[first_name]": ""}, "GET")
    assert response.status_code == 400
    assert set(response.errors() or ()) == {"first_name", "last_name", "email"}


@pytest.mark.parametrize("carrier", CARRIERS)
def test_the_async_client_walks_side_by_side(carrier: Literal["basic", "header"], blesta: Simulator) -> None:
    async def walk() -> None:
        async with AsyncBlestaRequest(blesta.url, blesta.user, blesta.key, auth_method=carrier) as request:
            expected = sorted(blesta.state.tables["invoices"])
            assert await request.count("invoices", "getListCount", ALL) == len(expected)
            fast = await request.get_all_fast("invoices", "getList", args=ALL, page_size=20, verify=True)
            assert ids(fast) == expected
            assert ids(await request.get_all("invoices", "getList", ALL)) == expected
            assert [row["id"] async for row in request.iter_all("invoices", "getList", ALL)] == expected
            both = await request.extract([("clients", "getList"), ("services", "getList", ALL)])
            assert {len(rows) for rows in both.values()} == {60, len(blesta.state.tables["services"])}

    asyncio.run(walk())
