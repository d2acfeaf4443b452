from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from django_blesta.testing.simulator.clock import START, Clock
from django_blesta.testing.simulator.schema import resources
from django_blesta.testing.simulator.state import TABLES, BadRow, State

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)

# Tables that the API has no resource for, and columns that no resource shows: why they are stored all the same.
INTERNAL_TABLES = {
    "service_options": "shown as options of a service",
    "package_option_values": "shown as values of an option",
    "package_option_members": "shown as groups of an option",
    "package_option_offers": "shown as option groups of a package",
    "coupon_amounts": "shown as amounts of a coupon",
    "coupon_packages": "shown as packages of a coupon",
    "quotation_invoices": "shown by Quotations.getInvoices",
    "recurring_invoice_lines": "shown as lines of a recurring invoice",
    "quotation_lines": "shown as lines of a quotation",
    "contact_permissions": "shown through getPermissions of a contact",
    "client_group_settings": "shown through getSettings of the group",
    "client_settings": "shown as the settings map of a client",
    "package_group_members": "shown as groups of a package",
    "package_group_parents": "shown as parents of an add-on group",
    "service_fields": "shown as fields of a service",
    "invoice_line_taxes": "shown as taxes of a line",
    "invoice_delivery": "shown as delivery of an invoice",
    "invoice_meta": "shown as meta of an invoice",
}
INTERNAL_COLUMNS: dict[str, dict[str, str]] = {
    "company_settings": {"company_id": "the settings are asked for by company"},
    "system_settings": {"encrypted": "a company's settings have it, so the system's are taken to"},
    "services": {
        "id_format": "makes id_code, as for clients and invoices",
        "id_value": "makes id_code, as for clients and invoices",
    },
}
KINDS = {
    "int": {"int", "flag"},
    "string": {"text"},
    "decimal": {"money"},
    "datetime": {"time"},
    "list": {"list"},
    "map": {"map"},
}


def test_every_table_is_a_resource_or_says_why_not() -> None:
    assert {name for name in TABLES if name not in resources()} == set(INTERNAL_TABLES)


@pytest.mark.parametrize("name", [name for name in TABLES if name not in INTERNAL_TABLES])
def test_every_stored_column_is_published_or_says_why_not(name: str) -> None:
    published = resources()[name].fields
    assert set(TABLES[name].columns) - set(published) == set(INTERNAL_COLUMNS.get(name, {}))
    for column, kind in TABLES[name].columns.items():
        if column in published:
            assert kind in KINDS[published[column].type], column


@pytest.mark.parametrize("name", [name for name in TABLES if name not in INTERNAL_TABLES])
def test_a_column_is_never_none_where_the_schema_says_so(name: str) -> None:
    published = resources()[name].fields
    strict = {column for column, field in published.items() if not field.nullable} & set(TABLES[name].columns)
    assert not strict & TABLES[name].nullable


@pytest.mark.parametrize("name", list(TABLES))
def test_keys_and_indexes_are_columns_of_the_table(name: str) -> None:
    table = TABLES[name]
    assert set(table.key) | set(table.indexes) <= set(table.columns)


def test_insert_fills_defaults_and_counts_ids() -> None:
    state = State()
    first = state.insert("taxes", company_id=1, amount="8.25")
    second = state.insert("taxes", company_id=1, amount=7)
    assert (first["id"], second["id"]) == (1, 2)
    assert first["amount"] == Decimal("8.2500")
    assert str(second["amount"]) == "7.0000"
    assert (first["type"], first["status"], first["country"]) == ("exclusive", "active", None)
    assert state.tables["taxes"] == {1: first, 2: second}
    assert list(first) == list(TABLES["taxes"].columns)


def test_an_id_is_never_given_out_twice() -> None:
    state = State()
    state.insert("companies", id=9, name="Nine", hostname="nine.example")
    tenth = state.insert("companies", name="Ten", hostname="ten.example")
    state.delete("companies", tenth["id"])
    state.skip_ids("companies", 2)
    assert state.insert("companies", name="Next", hostname="next.example")["id"] == 13
    assert state.last_id("companies") == 13


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"company_id": 1, "amount": 1, "colour": "red"}, "no column colour"),
        ({"company_id": 1}, "needs amount"),
        ({"company_id": 1, "amount": 8.25}, "float"),
        ({"company_id": 1, "amount": 1, "status": None}, "status cannot be None"),
        ({"id": 1, "company_id": 1, "amount": 1}, "already has 1"),
    ],
)
def test_insert_refuses_what_the_table_could_not_hold(columns: dict[str, Any], words: str) -> None:
    state = State()
    state.insert("taxes", company_id=1, amount=1)
    with pytest.raises(BadRow, match=words):
        state.insert("taxes", **columns)
    assert len(state.tables["taxes"]) == 1


def test_times_are_stored_in_utc_and_naive_ones_refused() -> None:
    state = State()
    local = NOW.astimezone(timezone(timedelta(hours=-5)))
    user = state.insert("users", username="ada", password="x", date_added=local)
    assert user["date_added"] == NOW
    assert user["date_added"].tzinfo is UTC
    with pytest.raises(BadRow, match="aware"):
        state.insert("users", username="bob", password="x", date_added=NOW.replace(tzinfo=None))
    with pytest.raises(BadRow, match="aware"):
        state.update("users", user["id"], date_added=NOW.replace(tzinfo=None))


def test_where_follows_updates_and_deletions() -> None:
    state = State()
    for client_id in (1, 2, 1):
        state.insert("contact_numbers", contact_id=client_id, number=f"+{client_id}")
    assert [row["id"] for row in state.where("contact_numbers", contact_id=1)] == [1, 3]
    state.update("contact_numbers", 2, contact_id=1, number="+9")
    state.delete("contact_numbers", 1)
    assert [row["id"] for row in state.where("contact_numbers", contact_id=1)] == [3, 2]
    assert [row["id"] for row in state.where("contact_numbers", contact_id=1, number="+9")] == [2]
    assert [row["id"] for row in state.where("contact_numbers", number="+9")] == [2]
    assert state.where("contact_numbers", contact_id=2) == []
    with pytest.raises(BadRow, match="no column colour"):
        state.where("contact_numbers", colour="red")


def test_composite_keys_are_tuples_and_cannot_change() -> None:
    state = State()
    row = state.insert("currencies", code="EUR", company_id=1, format="#,###.##")
    assert state.get("currencies", (1, "EUR")) is row
    assert state.get("currencies", (2, "EUR")) is None
    state.update("currencies", (1, "EUR"), precision=3)
    assert row["precision"] == 3
    with pytest.raises(BadRow, match="cannot change"):
        state.update("currencies", (1, "EUR"), code="USD")
    with pytest.raises(KeyError):
        state.update("currencies", (1, "USD"), precision=3)


def test_every_change_raises_the_tables_version() -> None:
    state = State()
    versions = [state.versions["companies"]]
    state.insert("companies", name="One", hostname="one.example")
    versions.append(state.versions["companies"])
    state.update("companies", 1, name="Uno")
    versions.append(state.versions["companies"])
    state.delete("companies", 1)
    versions.append(state.versions["companies"])
    assert versions == sorted(set(versions))
    assert state.versions["clients"] == 0


def test_the_clock_moves_only_when_told() -> None:
    clock = Clock()
    assert clock.now() == clock.now() == START
    assert clock.advance(days=1, hours=2) == START + timedelta(days=1, hours=2)
    clock.set(NOW.astimezone(timezone(timedelta(hours=9))))
    assert clock.now() == NOW
    assert clock.now().tzinfo is UTC
    with pytest.raises(ValueError, match="time zone"):
        clock.set(NOW.replace(tzinfo=None))
