"""Every documented request has its documented answer (see documented_pairs.py)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from django_blesta.testing.simulator import Clock, Simulator
from tests.testing.calling import headers_of, read, send
from tests.testing.documented_pairs import ANY, PAIRS, Pair


@pytest.fixture
def company() -> Iterator[Simulator]:
    """42 active clients; the first has a service, an invoice of 10.00 of which 2.50 is paid, and 7.50 to spare."""
    simulator = Simulator(companies=0, clock=Clock(datetime(2026, 10, 2, 9, tzinfo=UTC)))
    simulator.add_company()
    simulator.state.insert("states", country_alpha2="GB", code="LND", name="London")
    simulator.add_client(
        first_name="Charles",
        last_name="Babbage",
        email="charles@example.com",
        username="charles",
        address1="1 High St",
        city="London",
        state="LND",
        zip="N1",
        date_added=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )
    simulator.add_number(1)
    package = simulator.add_package(name="Gold", module_id=1)
    pricing = simulator.add_pricing(package["id"])
    simulator.add_service(
        1,
        pricing["id"],
        date_added=datetime(2025, 9, 14, 10, tzinfo=UTC),
        date_renews=datetime(2026, 10, 14, 10, tzinfo=UTC),
    )
    billed, due = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
    simulator.add_invoice(1, date_billed=billed, date_due=due)
    simulator.add_transaction(1, "2.50")
    simulator.apply(1, {1: "2.50"}, at=datetime(2026, 9, 5, 14, 2, 11, tzinfo=UTC))
    simulator.add_transaction(1, "7.50")
    for _ in range(41):
        simulator.add_client()
    yield simulator
    assert simulator.crashes == []


def assert_like(found: Any, expected: Any, where: str = "body") -> None:
    if expected is ANY:
        return
    if isinstance(expected, dict):
        assert isinstance(found, dict), where
        for name, value in expected.items():
            assert name in found, f"{where}.{name}"
            assert_like(found[name], value, f"{where}.{name}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for place, value in enumerate(expected):
            assert_like(found[place], value, f"{where}[{place}]")
    else:
        assert (found, type(found)) == (expected, type(expected)), where


def members(value: Any) -> Any:
    """The names of all members, at every depth."""
    if isinstance(value, dict):
        return {name: members(item) for name, item in value.items()}
    return [members(item) for item in value] if isinstance(value, list) else None


@pytest.mark.parametrize("pair", PAIRS, ids=[f"{pair.number}-{pair.path}" for pair in PAIRS])
def test_a_documented_request_has_its_documented_answer(pair: Pair, company: Simulator) -> None:
    company.switches.set(**pair.switches)
    answer = send(company, pair.verb, pair.path, pair.arguments)
    assert answer.status == pair.status, answer.raw
    assert answer.content_type == "application/json"
    assert_like(answer.body, pair.body)
    if pair.exact:
        assert members(answer.body) == members(pair.body)


@pytest.mark.parametrize("path", ["clients/getList.json", "clients/nope.json", "clients/getList.yaml"])
def test_pair_10_a_wrong_key_is_refused_whatever_was_asked(path: str, company: Simulator) -> None:
    headers = {**headers_of(company), "blesta-api-key": "wrong"}
    answer = send(company, "GET", path, headers=headers)
    assert answer.status == 401
    assert answer.raw == b'{"message":"The authorization details given appear to be invalid."}'


@pytest.mark.parametrize(
    ("fault", "raw"),
    [
        ({"status": 500}, b'{"message":"An unexpected error occured."}'),
        (
            {
                "status": 500,
                "body": '{"message":"An unexpected error occured.",'
                '"response":"Internal error: Failed to retrieve the default value"}',
            },
            b'{"message":"An unexpected error occured.",'
            b'"response":"Internal error: Failed to retrieve the default value"}',
        ),
    ],
)
def test_pair_15_a_forced_exception_answers_its_documented_body(
    fault: dict[str, Any], raw: bytes, company: Simulator
) -> None:
    company.fail(**fault)
    answer = send(company, "GET", "clients/getList.json")
    assert (answer.status, answer.raw) == (500, raw)


@pytest.mark.parametrize(("position", "status"), [("500", 500), ("200", 200), ("empty", 500)])
def test_pair_16_a_fatal_error_is_html_or_nothing(position: str, status: int, company: Simulator) -> None:
    company.switches.set(html_fatal=position)
    answer = send(company, "GET", "clients/getList.json")
    assert (answer.status, answer.content_type) == (status, "text/html; charset=UTF-8")
    assert (b"Fatal error" in answer.raw) is (position != "empty")


def test_what_pair_20_did_shows(company: Simulator) -> None:
    send(company, "POST", "services/suspend.json", {"service_id": 1, "vars": {"suspension_reason": "Overdue"}})
    service = read(company, "services/get", service_id=1)
    assert (service["status"], service["date_suspended"], service["suspension_reason"]) == (
        "suspended",
        "2026-10-02 09:00:00",
        "Overdue",
    )


def test_what_pair_21_did_shows(company: Simulator) -> None:
    send(company, "POST", "services/cancel.json", {"service_id": 1, "vars": {"date_canceled": "end_of_term"}})
    service = read(company, "services/get", service_id=1)
    assert (service["status"], service["date_canceled"]) == ("active", "2026-10-14 10:00:00")
    listed = read(company, "services/getList", client_id=1, status="scheduled_cancellation")
    assert [row["id"] for row in listed] == [1]


def test_what_pair_30_did_shows(company: Simulator) -> None:
    amounts = {"transaction_id": 2, "vars": {"amounts": [{"invoice_id": 1, "amount": "7.50"}]}}
    send(company, "POST", "transactions/apply.json", amounts)
    invoice = read(company, "invoices/get", invoice_id=1)
    assert (invoice["paid"], invoice["due"], invoice["date_closed"]) == ("10.0000", "0.0000", "2026-10-02 09:00:00")
    assert read(company, "invoices/getList", client_id=1) == []
    assert read(company, "transactions/get", transaction_id=2)["applied_amount"] == "7.5000"
