"""Nothing that the simulator accepts is made up: methods and arguments are compared with two published tables."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import pytest

from django_blesta.testing.simulator import Simulator
from django_blesta.testing.simulator.calls import Method
from django_blesta.testing.simulator.methods import METHODS
from django_blesta.testing.simulator.rows import TABLE_OF
from django_blesta.testing.simulator.schema import resource, resources
from tests.testing.calling import read, send

ALL = [pytest.param(method, id=f"{method.model}.{method.name}") for method in METHODS.values()]
# Columns that the notes on the reads name although the table of fields does not.
ALSO_SEEN = {
    "clients": {"company_id", "group_name"},
    "services": {"id_format", "id_value"},
    "invoices": set(),
    "invoice_lines": {"subtotal", "total"},
}


@cache
def published() -> dict[str, Any]:
    """The schema that the public Python client carries, taken from the documentation of Blesta's source."""
    text = files("blesta_sdk.schemas").joinpath("blesta_api_schema.json").read_text(encoding="utf-8")
    models: dict[str, Any] = json.loads(text)["models"]
    return models


CORE = [param for param in ALL if "." not in param.values[0].model]
# What the published table leaves out: plugins, of which the table of resources names the reads.
OF_PLUGINS = [param for param in ALL if "." in param.values[0].model]


@pytest.mark.parametrize("method", OF_PLUGINS)
def test_a_method_of_a_plugin_is_in_the_table(method: Method) -> None:
    if (method.model, method.name) == EVENTS_ON_OFFER:  # a model without rows of its own (reference, appendix A)
        assert method.arguments == ()
        return
    entry = next(one for one in resources().values() if one.class_name == method.model and one.list_method)
    if method.writes:
        write = entry.writes[method.name]
        names = {name.partition("[")[0] for name in (*write.required, *write.optional)}
        assert {argument.name for argument in method.arguments} == names
        return
    arguments = {
        entry.list_method: entry.list_arguments,
        entry.get_method: entry.get_arguments,
        entry.count_method: [one for one in entry.list_arguments if one.name in COUNTED],
    }[method.name]
    assert [(argument.name, not argument.optional) for argument in method.arguments] == [
        (argument.name, argument.required) for argument in arguments
    ]


EVENTS_ON_OFFER = ("webhooks.WebhooksEvents", "getAll")
COUNTED = {"status", "staff_id", "client_id", "company_id", "filters", "type"}


@pytest.mark.parametrize("method", CORE)
def test_a_method_and_its_arguments_are_published(method: Method) -> None:
    parameters = published()[method.model]["methods"][method.name]["params"]
    assert [(argument.name, not argument.optional) for argument in method.arguments] == [
        (parameter["name"], parameter["required"]) for parameter in parameters
    ]


@pytest.mark.parametrize("method", CORE)
def test_a_default_is_the_published_default(method: Method) -> None:
    parameters = published()[method.model]["methods"][method.name]["params"]
    defaults = dict(zip(method.function.__code__.co_varnames[1:], _padded_defaults(method), strict=False))
    for parameter in parameters:
        text = parameter["default"]
        if text is not None and not text.startswith("["):  # an order or filters: the listing holds the order
            assert defaults[parameter["name"]] == _php_literal(text), parameter["name"]


def _padded_defaults(method: Method) -> list[Any]:
    given = list(method.function.__defaults__ or ())
    return [None] * (len(method.arguments) - len(given)) + given


def _php_literal(text: str) -> Any:
    words = {"null": None, "true": True, "false": False}
    return words[text] if text in words else int(text) if text.isdecimal() else text.strip("'")


@pytest.mark.parametrize("name", sorted(TABLE_OF))
def test_the_read_methods_of_a_resource_are_there(name: str) -> None:
    entry = resource(name)
    for method in (entry.list_method, entry.count_method, entry.get_method):
        assert method is None or (entry.class_name, method) in METHODS


@pytest.mark.parametrize("method", [param for param in ALL if METHODS and param.values[0].writes])
def test_a_write_is_a_write_of_the_table(method: Method) -> None:
    if method.model == "Payments":
        pytest.skip("Payments are no rows, so the table of resources does not have them.")
    entry = next(
        one for one in resources().values() if one.class_name == method.model and
        one.name in {*TABLE_OF, "webhook_logs"} and method.name in one.writes and
        (one.name, method.name) not in REPEATED
    )  # fmt: skip
    for required in entry.writes[method.name].required:
        assert required.partition("[")[0] in {argument.name for argument in method.arguments}


REPEATED = {
    ("contact_numbers", "addNumber"), ("contact_numbers", "editNumber"), ("contact_numbers", "deleteNumber"),
    ("transaction_applied", "apply"), ("transaction_applied", "unApply"),
}  # fmt: skip


@pytest.fixture(scope="module")
def company() -> Simulator:
    return Simulator(clients=120, seed=7)


@pytest.mark.parametrize("name", sorted(TABLE_OF))
def test_a_wide_row_has_the_columns_of_the_table(name: str, company: Simulator) -> None:
    rows = company.rows(name)
    assert rows
    expected = set(resource(name).fields) | ALSO_SEEN.get(name, set())
    assert {frozenset(row) for row in rows} == {frozenset(expected)}


LISTS = {
    "companies": {},
    "client_groups": {"company_id": 1},
    "clients": {},
    "packages": {},
    "package_groups": {"company_id": 1},
    "services": {"status": "all"},
    "invoices": {"status": "all"},
    "transactions": {"status": "all"},
    "currencies": {"company_id": 1},
}


@pytest.mark.parametrize("name", sorted(LISTS))
def test_a_list_shows_all_rows_once_and_as_get_shows_them(name: str, company: Simulator) -> None:
    entry, arguments = resource(name), LISTS[name]
    count = read(company, f"{entry.url_model}/{entry.count_method}", **arguments)
    rows: list[dict[str, Any]] = []
    for number in range(1, count // 20 + 3):
        rows += read(company, f"{entry.url_model}/{entry.list_method}", **arguments, page=number)
    assert count == len(rows) == len({_key(row) for row in rows}) == len(company.state.tables[name])
    for row in rows[:40]:
        key: dict[str, Any] = {
            argument.name: row["id"] for argument in entry.get_arguments if argument.required and "id" in row
        }
        if name == "currencies":
            key = {"currency_code": row["code"], "company_id": 1}
        wide = read(company, f"{entry.url_model}/{entry.get_method}", **key)
        assert {column: wide[column] for column in row} == row


def _key(row: dict[str, Any]) -> Any:
    return row.get("id", row.get("code"))


@pytest.mark.parametrize("name", ["clients", "services", "invoices", "packages"])
def test_a_list_row_is_narrower_than_a_whole_one(name: str, company: Simulator) -> None:
    entry = resource(name)
    narrow = read(company, f"{entry.url_model}/getList", **LISTS[name])[0]
    wide = read(company, f"{entry.url_model}/get", **{entry.get_arguments[0].name: narrow["id"]})
    assert set(narrow) < set(wide)


@pytest.mark.parametrize("method", [param for param in ALL if not param.values[0].writes])
def test_every_read_answers(method: Method, company: Simulator) -> None:
    values = {"company_id": 1, "currency": "USD", "currency_code": "USD", "query": "a", "key": "timezone", "vars": {}}
    sent = {argument.name: values.get(argument.name, "1") for argument in method.arguments if not argument.optional}
    sent = {name: value for name, value in sent.items() if value != {}}
    paths = {one.class_name: one.url_model for one in resources().values()}
    path = (paths | {EVENTS_ON_OFFER[0]: "webhooks.webhooks_events"})[method.model]
    before = {name: dict(rows) for name, rows in company.state.tables.items()}
    answer = send(company, "GET", f"{path}/{method.name}.json", sent)
    assert answer.status == (400 if method.name.startswith("validate") else 200), answer.raw
    assert company.crashes == []
    assert {name: dict(rows) for name, rows in company.state.tables.items()} == before
