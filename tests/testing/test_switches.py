from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from django_blesta.testing.simulator import Request, Simulator, Switches
from django_blesta.testing.simulator.schema import resource
from tests.testing.calling import read, send, write

TESTED = {
    "error_shape", "null_error_text", "localised", "ids_as_strings", "flags_as_strings", "money_as_numbers",
    "empty_list_as_false", "empty_map_as_list", "inferred_columns", "missing_response", "page_size", "order_by",
    "lists_scoped", "repeat_last_page", "empty_page", "verb_strict", "unique_emails", "password_length", "latency",
    "rewriting", "clock_behind", "cron_minutes_ago",
    # in other files: auth_carrier and missing_plugin (wire), maintenance and html_fatal (documented pairs)
    "auth_carrier", "missing_plugin", "maintenance", "html_fatal",
    # and gateway and module_error (time and others)
    "gateway", "module_error",
    # and in test_webhooks: what may befall a delivery
    "webhook_loss", "webhook_loss_shows", "webhook_duplicates", "webhook_order", "webhook_delay", "webhook_timing",
}  # fmt: skip


@pytest.fixture
def blesta() -> Iterator[Simulator]:
    """Two companies; the first has three clients, the second one."""
    simulator = Simulator(companies=0)
    for _ in range(2):
        simulator.add_company()
    for group in (1, 1, 1, 2):
        simulator.add_client(client_group_id=group)
    simulator.add_invoice(1, [{"amount": "7.50"}])
    yield simulator
    assert simulator.crashes == []


def refusal(blesta: Simulator) -> Any:
    return write(
        blesta, "contacts/edit", contact_id=1, vars={"first_name": "", "last_name": "B", "email": "a@b.example"}
    )


def test_every_switch_is_tested_somewhere() -> None:
    assert {field.name for field in fields(Switches)} == TESTED


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nonsense", 1),
        ("maintenance", "on"),
        ("page_size", 0),
        ("page_size", "20"),
        ("verb_strict", 1),
        ("error_shape", 200),
        ("latency", -1.0),
        ("empty_page", 0),
    ],
)
def test_a_switch_that_is_not_there_cannot_be_set(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        Switches().set(**{name: value})


def test_reset_returns_to_the_documented_behaviour() -> None:
    switches = Switches()
    switches.set(
        maintenance="503", page_size=3, empty_page=2, missing_plugin="order", ids_as_strings="mixed", latency=1
    )
    switches.reset()
    assert switches == Switches()


@pytest.mark.parametrize(
    ("shape", "status", "path"),
    [("flat", 400, ["errors"]), ("wrapped", 400, ["model", "errors"]), ("200", 200, ["errors"])],
)
def test_errors_come_in_the_shape_that_is_asked_for(
    shape: str, status: int, path: list[str], blesta: Simulator
) -> None:
    blesta.switches.set(error_shape=shape)
    found = refusal(blesta)
    body = found.body
    for name in path:
        body = body[name]
    assert (found.status, body) == (status, {"first_name": {"empty": "Please enter a first name."}})


def test_error_texts_may_be_null(blesta: Simulator) -> None:
    blesta.switches.null_error_text = True
    assert refusal(blesta).body["errors"] == {"first_name": {"empty": None}}


def test_error_texts_may_be_in_another_language_and_codes_are_not(blesta: Simulator) -> None:
    blesta.switches.localised = True
    (field, codes), *_ = refusal(blesta).body["errors"].items()
    assert (field, list(codes)) == ("first_name", ["empty"])
    assert codes["empty"] == "«Pléäsé éntér ä fïrst nämé.»"


@pytest.mark.parametrize(("position", "own", "foreign"), [(False, int, int), (True, str, str), ("mixed", int, str)])
def test_ids_may_be_text(position: Any, own: type, foreign: type, blesta: Simulator) -> None:
    blesta.switches.ids_as_strings = position
    row = read(blesta, "invoices/get", invoice_id=1)
    line = row["line_items"][0]
    assert [type(value) for value in (row["id"], row["client_id"], line["id"], line["invoice_id"])] == [
        own, foreign, own, foreign,
    ]  # fmt: skip
    assert row["client_id"] == foreign(1)
    assert line["service_id"] is None
    assert type(line["order"]) is int


@pytest.mark.parametrize(("position", "value"), [(False, 0), (True, "0")])
def test_flags_may_be_text(position: bool, value: Any, blesta: Simulator) -> None:
    blesta.add_package()
    blesta.switches.flags_as_strings = position
    row = read(blesta, "packages/get", package_id=1)
    assert (row["taxable"], row["hidden"], row["id"]) == (value, value, 1)


@pytest.mark.parametrize(("position", "total", "qty"), [(False, "7.5000", "1.0000"), (True, 7.5, 1)])
def test_money_may_be_a_number(position: bool, total: Any, qty: Any, blesta: Simulator) -> None:
    blesta.switches.money_as_numbers = position
    row = read(blesta, "invoices/get", invoice_id=1)
    assert (row["total"], row["line_items"][0]["qty"]) == (total, qty)


@pytest.mark.parametrize(("position", "value"), [(False, []), (True, False)])
def test_an_empty_list_may_be_false(position: bool, value: Any, blesta: Simulator) -> None:
    blesta.switches.empty_list_as_false = position
    assert read(blesta, "services/getList") == value
    assert read(blesta, "services/getListCount") == 0
    assert type(read(blesta, "services/getListCount")) is int


@pytest.mark.parametrize(("position", "value"), [(True, []), (False, {})])
def test_an_empty_map_is_a_list_in_php(position: bool, value: Any, blesta: Simulator) -> None:
    blesta.add_package(meta={})
    blesta.switches.empty_map_as_list = position
    assert read(blesta, "packages/get", package_id=1)["meta"] == value


@pytest.mark.parametrize("position", ["absent", "renamed"])
@pytest.mark.parametrize(
    ("name", "path", "arguments"),
    [
        ("clients", "clients/get", {"client_id": 1}),
        ("invoices", "invoices/get", {"invoice_id": 1}),
        ("users", "users/get", {"user_id": 1}),
    ],
)
def test_inferred_columns_may_not_be_there(
    position: Any, name: str, path: str, arguments: dict[str, Any], blesta: Simulator
) -> None:
    inferred = resource(name).inferred_columns
    whole = read(blesta, path, **arguments)
    blesta.switches.inferred_columns = position
    row = read(blesta, path, **arguments)
    assert inferred
    assert inferred <= set(whole)
    assert not inferred & set(row)
    assert set(whole) - inferred <= set(row)
    assert {column for column in row if column.startswith("new_")} == (
        {f"new_{column}" for column in inferred} if position == "renamed" else set()
    )


def test_inferred_columns_of_nested_rows_may_not_be_there(blesta: Simulator) -> None:
    blesta.switches.inferred_columns = "absent"
    (line,) = read(blesta, "invoices/get", invoice_id=1)["line_items"]
    assert not {"order", "invoice_id"} & set(line)


def test_void_methods_may_leave_the_response_out(blesta: Simulator) -> None:
    assert write(blesta, "clients/edit", client_id=1, vars={"status": "fraud"}).raw == b'{"response":null}'
    blesta.switches.missing_response = True
    assert write(blesta, "clients/edit", client_id=1, vars={"status": "active"}).raw == b"[]"
    assert read(blesta, "clients/get", client_id=1)["id"] == 1


def test_a_page_holds_as_many_rows_as_it_is_told(blesta: Simulator) -> None:
    blesta.switches.page_size = 2
    assert [[row["id"] for row in read(blesta, "clients/getList", page=page)] for page in (-1, 0, 1, 2, 3)] == [
        [1, 2], [1, 2], [1, 2], [3], [],
    ]  # fmt: skip


def test_the_last_page_may_repeat(blesta: Simulator) -> None:
    blesta.switches.set(page_size=2, repeat_last_page=True)
    assert [[row["id"] for row in read(blesta, "clients/getList", page=page)] for page in (1, 2, 3, 99)] == [
        [1, 2], [3], [3], [3],
    ]  # fmt: skip
    assert read(blesta, "services/getList", page=2) == []


def test_one_page_may_have_no_body(blesta: Simulator) -> None:
    blesta.switches.set(page_size=1, empty_page=2)
    answers = [send(blesta, "GET", "clients/getList.json", {"page": page}) for page in (1, 2, 3)]
    assert [(found.status, bool(found.raw)) for found in answers] == [(200, True), (200, False), (200, True)]
    assert read(blesta, "clients/getListCount") == 3


@pytest.mark.parametrize(
    ("position", "column", "outcome"),
    [
        ("honoured", "id", [3, 2, 1]),
        ("honoured", "clients.id", [3, 2, 1]),
        ("honoured", "first_name", 500),
        ("honoured", "contacts.first_name", 500),
        ("honoured", "nonsense", 500),
        ("ignored", "id", [1, 2, 3]),
        ("ignored", "nonsense", [1, 2, 3]),
        ("error", "id", 500),
        ("qualified_only", "clients.id", [3, 2, 1]),
        ("qualified_only", "id", 500),
        ("qualified_only", "contacts.id", 500),
    ],
)
def test_order_by_is_what_the_server_makes_of_it(position: Any, column: str, outcome: Any, blesta: Simulator) -> None:
    blesta.switches.order_by = position
    found = send(blesta, "GET", "clients/getList.json", {"order_by": {column: "DESC"}})
    assert (found.status if found.status != 200 else [row["id"] for row in found.value]) == outcome
    assert [row["id"] for row in read(blesta, "clients/getList")] == [1, 2, 3]  # the default order is never refused


@pytest.mark.parametrize(("scoped", "count"), [(True, 3), (False, 4)])
def test_lists_may_show_every_company(scoped: bool, count: int, blesta: Simulator) -> None:
    blesta.switches.lists_scoped = scoped
    assert len(read(blesta, "clients/getList")) == read(blesta, "clients/getListCount") == count
    assert read(blesta, "clients/getListCount", filters={"company_id": 2}) == 1
    assert read(blesta, "clients/get", client_id=4)["company_id"] == 2
    assert read(blesta, "invoices/getListCount") == 1
    assert send(blesta, "GET", "invoices/getListCount.json", company_id=2).value == (0 if scoped else 1)


@pytest.mark.parametrize(
    ("verb", "path", "lenient", "strict"),
    [
        ("GET", "clients/getListCount.json", 200, 200),
        ("POST", "clients/getListCount.json", 200, 403),
        ("PUT", "clients/edit.json", 200, 200),
        ("POST", "clients/edit.json", 200, 403),
        ("DELETE", "contacts/deleteNumber.json", 200, 200),
        ("POST", "contacts/deleteNumber.json", 200, 403),
    ],
)
def test_verbs_may_be_held_to_their_meaning(verb: str, path: str, lenient: int, strict: int, blesta: Simulator) -> None:
    arguments = {"client_id": 1, "contact_number_id": 9, "vars": {"status": "active"}}
    assert send(blesta, verb, path, arguments).status == lenient
    blesta.switches.verb_strict = True
    assert send(blesta, verb, path, arguments).status == strict


def test_two_contacts_may_be_kept_from_sharing_an_address(blesta: Simulator) -> None:
    names = {"first_name": "A", "last_name": "B", "email": "client2@example.com"}
    assert write(blesta, "contacts/edit", contact_id=1, vars=names).status == 200
    blesta.switches.unique_emails = True
    assert write(blesta, "contacts/edit", contact_id=1, vars=names).errors == {"email": ["unique"]}
    mine = {**names, "email": "client3@example.com"}
    assert write(blesta, "contacts/edit", contact_id=3, vars=mine).status == 200


def test_the_length_of_a_password_is_the_installations(blesta: Simulator) -> None:
    passwords = {"new_password": "1234567", "confirm_password": "1234567"}
    assert write(blesta, "users/edit", user_id=1, vars=passwords).status == 200
    blesta.switches.password_length = 8
    found = write(blesta, "users/edit", user_id=1, vars=passwords)
    assert found.errors == {"new_password": ["format"]}
    assert "8 characters" in found.body["errors"]["new_password"]["format"]


def test_latency_ends_with_the_simulator(blesta: Simulator) -> None:
    """An hour's wait is cut short by stopping, so that no test hangs on it."""
    blesta.switches.latency = 3600
    with blesta:
        pass
    assert read(blesta, "clients/getListCount") == 3


def test_without_rewriting_only_the_long_address_answers() -> None:
    blesta = Simulator(clients=0)
    blesta.switches.rewriting = False
    user, key = blesta.credentials[1]
    headers = {"blesta-api-user": user, "blesta-api-key": key}

    short = blesta.handle(Request("GET", "/api/companies/getListCount.json", headers))
    long = blesta.handle(Request("GET", "/index.php/api/companies/getListCount.json", headers))

    assert (short.status, long.status) == (404, 200)


def test_cron_ran_when_the_switch_says(blesta: Simulator) -> None:
    assert len(read(blesta, "logs/getCronLastExecution", limit=1)) == 1
    blesta.switches.cron_minutes_ago = None
    assert read(blesta, "logs/getCronLastExecution", limit=1) == []


def test_clock_of_the_server_may_be_slow() -> None:
    with Simulator(clients=0) as blesta:
        blesta.switches.clock_behind = 60.0
        with pytest.raises(HTTPError) as refused:
            urlopen(f"{blesta.url}companies/getListCount.json")  # noqa: S310  (our own, on loopback)
        refused.value.close()

    said = parsedate_to_datetime(refused.value.headers["Date"])
    assert timedelta(minutes=59) < datetime.now(UTC) - said < timedelta(minutes=62)
