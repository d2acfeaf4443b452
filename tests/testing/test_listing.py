from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from django_blesta.testing.simulator import Simulator
from tests.testing.calling import read, write


@pytest.fixture
def blesta() -> Iterator[Simulator]:
    simulator = Simulator(companies=0)
    simulator.add_company()
    yield simulator
    assert simulator.crashes == []


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["id"] for row in rows]


def test_a_kept_list_is_forgotten_when_a_row_comes_changes_or_goes(blesta: Simulator) -> None:
    for _ in range(3):
        blesta.add_client()
    assert ids(read(blesta, "clients/getList", status="active")) == [1, 2, 3]
    blesta.add_client()
    assert ids(read(blesta, "clients/getList", status="active")) == [1, 2, 3, 4]
    blesta.state.update("clients", 2, status="fraud")
    assert ids(read(blesta, "clients/getList", status="active")) == [1, 3, 4]
    blesta.state.delete("clients", 1)
    assert ids(read(blesta, "clients/getList", status="active")) == [3, 4]
    assert read(blesta, "clients/getListCount", status="active") == 2


def test_a_kept_list_is_forgotten_when_time_passes(blesta: Simulator) -> None:
    blesta.add_client()
    blesta.add_invoice(1, date_due=blesta.clock.now() + timedelta(days=3))
    assert read(blesta, "invoices/getListCount", status="past_due") == 0
    blesta.clock.advance(days=4)
    assert read(blesta, "invoices/getListCount", status="past_due") == 1


def test_numbers_and_dates_sort_as_such_and_text_without_case_and_nulls_first(blesta: Simulator) -> None:
    for code in ("b", "A", "C"):
        blesta.add_client(id_code=code)
    blesta.add_client(id_code="a", user_id=None)
    assert [row["id_code"] for row in read(blesta, "clients/getList")] == ["A", "a", "b", "C"]
    assert ids(read(blesta, "clients/getList", order_by={"user_id": "ASC"}))[0] == 4
    assert ids(read(blesta, "clients/getList", order_by={"user_id": "desc"}))[-1] == 4
    for amount in ("9", "100", "20"):
        blesta.add_transaction(1, amount)
    assert ids(read(blesta, "transactions/getList", order_by={"amount": "ASC"})) == [1, 3, 2]


def test_several_columns_order_one_after_the_other(blesta: Simulator) -> None:
    blesta.add_client()
    for currency, amount in (("USD", "2"), ("EUR", "1"), ("USD", "1"), ("EUR", "2")):
        blesta.add_transaction(1, amount, currency=currency)
    order = {"currency": "ASC", "transactions.amount": "DESC"}
    assert ids(read(blesta, "transactions/getList", order_by=order)) == [4, 2, 1, 3]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, [1, 3, 6]),
        ("open", [1, 3, 6]),
        ("closed", [2]),
        ("past_due", [3]),
        ("pending", [6]),
        ("draft", [4]),
        ("void", [5]),
        ("active", [1, 2, 3, 6]),
        ("proforma", []),
        ("to_autodebit", [3]),
        ("pending_autodebit", [1]),
        ("to_deliver", [1, 2, 3, 6]),
        ("all", [1, 2, 3, 4, 5, 6]),
        ("paid", []),
    ],
)
def test_the_words_for_invoices(status: str | None, expected: list[int], blesta: Simulator) -> None:
    now = blesta.clock.now()
    blesta.add_client()
    blesta.add_invoice(1, date_autodebit=now + timedelta(days=1))
    blesta.add_transaction(1, invoice_id=blesta.add_invoice(1)["id"])
    blesta.add_invoice(1, date_due=now - timedelta(days=1), date_autodebit=now - timedelta(days=1))
    blesta.add_invoice(1, status="draft")
    blesta.add_invoice(1, status="void")
    blesta.add_invoice(1, date_billed=now + timedelta(days=30))
    arguments: dict[str, Any] = {} if status is None else {"status": status}
    for client in ({}, {"client_id": 1}):
        found = read(blesta, "invoices/getList", **arguments, **client, order_by={"id": "ASC"})
        assert ids(found) == expected
        assert read(blesta, "invoices/getListCount", **arguments, **client) == len(expected)
        assert read(blesta, "invoices/getStatusCount", **arguments, **client) == len(expected)
    assert read(blesta, "invoices/getList", client_id=2, **arguments) == []


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"contact_name": "ada b"}, [1]),
        ({"contact_email": "EXAMPLE.ORG"}, [2]),
        ({"contact_company": "engine"}, [2]),
        ({"contact_country": "FR"}, [2]),
        ({"client_group_id": "2"}, [2]),
        ({"company_id": "1"}, [1, 2]),
        ({"company_id": "9"}, []),
        ({"invoice_method": "paper"}, [1]),
        ({"last_seen_start_date": "2020-01-01"}, []),
        ({"nonsense": "1"}, [1, 2]),
    ],
)
def test_clients_are_filtered(filters: dict[str, str], expected: list[int], blesta: Simulator) -> None:
    blesta.add_client_group(company_id=1)
    blesta.add_client(first_name="Ada", last_name="Byron", settings={"inv_method": "paper"})
    blesta.add_client(
        first_name="Charles", email="c@example.org", company="Engine Ltd", country="FR", client_group_id=2
    )
    assert ids(read(blesta, "clients/getList", filters=filters)) == expected
    assert read(blesta, "clients/getListCount", filters=filters) == len(expected)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"start_date": "2026-02-01 00:00:00 UTC"}, [2, 3]),
        ({"end_date": "2026-02-01T00:00:00Z"}, [1, 2]),
        ({"start_date": "2026-01-15T00:00:00Z", "end_date": "2026-02-15T00:00:00Z"}, [2]),
        ({"start_amount": "2"}, [2, 3]),
        ({"end_amount": "2.0"}, [1, 2]),
        ({"transaction_id": "tx-3"}, [3]),
        ({"reference_id": "ref"}, [1]),
        ({"payment_type": "cc"}, [2]),
        ({"applied_status": "not_applied"}, [2, 3]),
        ({"applied_status": "partially_applied"}, []),
        ({"applied_status": "fully_applied"}, [1]),
    ],
)
def test_transactions_are_filtered(filters: dict[str, str], expected: list[int], blesta: Simulator) -> None:
    blesta.add_client()
    invoice = blesta.add_invoice(1)["id"]
    dates = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
    blesta.add_transaction(1, "1", date_added=dates[0], reference_id="REF-1", invoice_id=invoice)
    blesta.add_transaction(1, "2", date_added=dates[1], type="cc")
    blesta.add_transaction(1, "3", date_added=dates[2])
    blesta.add_transaction(1, "3", date_added=dates[2], status="declined")
    found = read(blesta, "transactions/getList", filters=filters, order_by={"id": "ASC"})
    assert ids(found) == expected
    assert read(blesta, "transactions/getListCount", filters=filters) == len(expected)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [1, 2]),
        ({"children": "0"}, [1]),
        ({"status": "canceled"}, [3]),
        ({"status": "all"}, [1, 2, 3]),
        ({"status": "all", "filters": {"package_name": "gold"}}, [1]),
        ({"filters": {"package_id": "2"}}, [2]),
        ({"filters": {"status": "canceled"}}, [3]),
        ({"filters": {"client_id": "9"}}, []),
        ({"filters": {"pricing_period": "month"}}, [1, 2]),
        ({"filters": {"service_meta": "ada.example"}}, [1]),
    ],
)
def test_services_are_filtered(arguments: dict[str, Any], expected: list[int], blesta: Simulator) -> None:
    blesta.add_client()
    gold = blesta.add_pricing(blesta.add_package(name="Gold")["id"])["id"]
    blesta.add_service(1, gold)
    blesta.add_service(1, parent_service_id=1)
    blesta.add_service(1, status="canceled")
    blesta.state.insert("service_fields", service_id=1, key="domain", value="ada.example")
    assert ids(read(blesta, "services/getList", **arguments, order_by={"id": "ASC"})) == expected
    assert read(blesta, "services/getListCount", **arguments) == len(expected)


def test_packages_and_groups_are_filtered(blesta: Simulator) -> None:
    group = blesta.add_package_group(name="Add-ons", type="addon")["id"]
    blesta.add_package_group(name="A standard group")
    blesta.add_package(name="Silver", status="inactive")
    blesta.add_package(name="Gold", groups=[group], hidden=1)
    assert ids(read(blesta, "packages/getList", status="inactive")) == [1]
    assert ids(read(blesta, "packages/getList", filters={"name": "gOl"})) == [2]
    assert ids(read(blesta, "packages/getList", filters={"hidden": "0"})) == [1]
    assert ids(read(blesta, "packages/getList", filters={"package_group_id": group})) == [2]
    assert ids(read(blesta, "packages/getAll", company_id=1)) == [2, 1]
    assert ids(read(blesta, "packages/getAll", company_id=1, type="addon")) == [2]
    assert ids(read(blesta, "package_groups/getList", company_id=1)) == [2, 1]
    assert ids(read(blesta, "package_groups/getList", company_id=1, type="addon")) == [1]
    assert read(blesta, "package_groups/getListCount", company_id=1, filters={"hidden": "1"}) == 0


def test_settings_of_a_company_hold_secrets(blesta: Simulator) -> None:
    blesta.state.insert("company_settings", company_id=1, key="smtp_password", value="hunter2", encrypted=1)
    blesta.state.insert("system_settings", key="root", value="/")
    found = {row["key"]: row["value"] for row in read(blesta, "companies/getSettings", company_id=1)}
    assert found == {"smtp_password": "hunter2", "root": "/"}
    assert read(blesta, "companies/getSetting", company_id=1, key="root")["level"] == "system"
    assert read(blesta, "companies/getSetting", company_id=1, key="nothing") is False


def test_a_write_shows_in_the_next_read_of_every_list(blesta: Simulator) -> None:
    blesta.add_client()
    blesta.add_invoice(1)
    assert len(read(blesta, "invoices/getList")) == 1
    payment = {"client_id": 1, "amount": "10", "currency": "USD", "type": "other"}
    number = write(blesta, "transactions/add", vars=payment).value
    amounts = {"amounts": [{"invoice_id": 1, "amount": "10"}]}
    write(blesta, "transactions/apply", transaction_id=number, vars=amounts)
    assert read(blesta, "invoices/getList") == []
    assert read(blesta, "invoices/amountDue", client_id=1, currency="USD") == 0
    assert read(blesta, "invoices/invoicedCurrencies", client_id=1) == [{"currency": "USD"}]
