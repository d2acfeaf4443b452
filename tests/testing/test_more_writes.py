"""Rules of the writes on tickets, offers, recurring invoices, service changes, and on moving lines about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from django_blesta.testing.simulator import Simulator
from tests.testing.calling import read, write

TICKETS = "support_manager.support_manager_tickets"
TICKET = {"department_id": 1, "summary": "Help", "client_id": 1}
DATA = {"vars": {"data": {"pricing_id": "1"}}}
RECURRING = {
    "client_id": 1,
    "period": "month",
    "date_renews": "2026-12-01T00:00:00Z",
    "currency": "USD",
    "lines": [{"description": "Rack", "amount": "80"}],
}


@pytest.fixture
def blesta() -> Iterator[Simulator]:
    """Invoices 1 (two lines), 2, 3 (client 2), 4 (euros), 5 (paid); offer 1; ticket 1, ticket 2 in the trash."""
    simulator = Simulator(companies=0)
    simulator.add_company()
    simulator.add_currency(code="EUR")
    now = simulator.clock.now()
    for _ in range(2):
        simulator.add_client()
    simulator.add_invoice(1, [{"amount": "5"}, {"amount": "6"}])
    simulator.add_invoice(1)
    simulator.add_invoice(2)
    simulator.add_invoice(1, currency="EUR")
    simulator.add_transaction(1, "10", invoice_id=simulator.add_invoice(1)["id"])
    simulator.add_service(1)
    simulator.add_service(2)
    insert = simulator.state.insert
    insert("quotations", client_id=1, title="M", status="pending", currency="USD", date_created=now, date_expires=now)
    insert("ticket_departments", company_id=1, name="Support", description="")
    for status in ("open", "trash"):
        insert("tickets", code="1", department_id=1, client_id=1, summary="Old", status=status, date_added=now)
    insert("recurring_invoices", client_id=1, currency="USD")
    insert("service_changes", service_id=1, invoice_id=1, data={}, date_added=now, date_status=now)
    yield simulator
    assert simulator.crashes == []


def ticket(**changes: Any) -> dict[str, Any]:
    return {"vars": {name: value for name, value in {**TICKET, **changes}.items() if value is not None}}


def recurring(**changes: Any) -> dict[str, Any]:
    return {"vars": {name: value for name, value in {**RECURRING, **changes}.items() if value is not None}}


REFUSED: list[tuple[str, dict[str, Any], dict[str, list[str]]]] = [
    (f"{TICKETS}/add", ticket(department_id=9), {"department_id": ["exists"]}),
    (f"{TICKETS}/add", ticket(summary=""), {"summary": ["empty"]}),
    (f"{TICKETS}/add", ticket(summary="x" * 256), {"summary": ["length"]}),
    (f"{TICKETS}/add", ticket(priority="soon"), {"priority": ["format"]}),
    (f"{TICKETS}/add", ticket(status="done"), {"status": ["format"]}),
    (f"{TICKETS}/add", ticket(client_id=9), {"client_id": ["exists"]}),
    (f"{TICKETS}/add", ticket(staff_id=9), {"staff_id": ["exists"]}),
    (f"{TICKETS}/add", ticket(service_id=9), {"service_id": ["exists"]}),
    (f"{TICKETS}/add", ticket(service_id=2), {"service_id": ["belongs"]}),
    (f"{TICKETS}/add", ticket(email="x"), {"email": ["format"]}),
    (f"{TICKETS}/add", {**ticket(), "require_email": 1}, {"email": ["format"]}),
    (f"{TICKETS}/addReply", {"ticket_id": 9, "vars": {"details": "x"}}, {"ticket_id": ["exists"]}),
    (f"{TICKETS}/addReply", {"ticket_id": 1, "vars": {"type": "x", "details": "x"}}, {"type": ["format"]}),
    (f"{TICKETS}/addReply", {"ticket_id": 1, "vars": {"details": ""}}, {"details": ["empty"]}),
    (f"{TICKETS}/addReply", {"ticket_id": 1, "vars": {"details": "x", "staff_id": 9}}, {"staff_id": ["exists"]}),
    (
        f"{TICKETS}/addReply",
        {"ticket_id": 1, "vars": {"type": "note", "details": "x"}, "new_ticket": 1},
        {"type": ["new_valid"]},
    ),
    (f"{TICKETS}/addReply", {"ticket_id": 1, "vars": {"details": "x", "client_id": 2}}, {"client_id": ["attached_to"]}),
    (f"{TICKETS}/close", {"ticket_id": 9}, {"ticket_id": ["exists"]}),
    (f"{TICKETS}/edit", {"ticket_id": 2, "vars": {"status": "open"}}, {"status": ["trash"]}),
    ("invoices/addRecurring", recurring(client_id=9), {"client_id": ["exists"]}),
    ("invoices/addRecurring", recurring(term="x"), {"term": ["format"]}),
    ("invoices/addRecurring", recurring(term="70000"), {"term": ["bounds"]}),
    ("invoices/addRecurring", recurring(period="hour"), {"period": ["format"]}),
    ("invoices/addRecurring", recurring(duration="x"), {"duration": ["format"]}),
    ("invoices/addRecurring", recurring(date_renews="x"), {"date_renews": ["format"]}),
    ("invoices/addRecurring", recurring(currency="x"), {"currency": ["length"]}),
    (
        "invoices/addRecurring",
        recurring(lines=[{"description": "", "amount": "x", "qty": "y"}]),
        {"lines[0][description]": ["empty"], "lines[0][amount]": ["format"], "lines[0][qty]": ["format"]},
    ),
    ("invoices/editRecurring", {"invoice_recur_id": 9, "vars": {"term": 1}}, {"invoice_recur_id": ["exists"]}),
    ("invoices/editRecurring", {"invoice_recur_id": 1, "vars": {"term": 70000}}, {"term": ["bounds"]}),
    ("invoices/deleteRecurring", {"invoice_recur_id": 9}, {"invoice_recur_id": ["exists"]}),
    ("invoices/merge", {"invoice_ids": [1, 9]}, {"invoice_id": ["exists"]}),
    ("invoices/merge", {"invoice_ids": [1]}, {"invoice_ids": ["count"]}),
    ("invoices/merge", {"invoice_ids": [1, 3]}, {"invoice_ids": ["client"]}),
    ("invoices/merge", {"invoice_ids": [1, 4]}, {"invoice_ids": ["currency"]}),
    ("invoices/merge", {"invoice_ids": [1, 5]}, {"invoice_ids": ["status"]}),
    ("invoices/merge", {"invoice_ids": [1, 2], "invoice_id": 3}, {"invoice_id": ["exists"]}),
    ("invoices/split", {"invoice_id": 9, "line_items": [1]}, {"invoice_id": ["exists"]}),
    ("invoices/split", {"invoice_id": 1}, {"line_items": ["empty_split"]}),
    ("invoices/split", {"invoice_id": 1, "line_items": [1, 2]}, {"line_items": ["minimum_split"]}),
    ("quotations/updateStatus", {"quotation_id": 9, "status": "lost"}, {"quotation_id": ["exists"]}),
    ("quotations/updateStatus", {"quotation_id": 1, "status": "gone"}, {"status": ["format"]}),
    (
        "quotations/generateInvoice",
        {"quotation_id": 1, "vars": {"first_due_date": "x"}},
        {"first_due_date": ["format"]},
    ),
    (
        "quotations/generateInvoice",
        {"quotation_id": 1, "vars": {"first_due_date": "2026-12-01", "percentage_due": "x"}},
        {"percentage_due": ["format"]},
    ),
    (
        "quotations/generateInvoice",
        {"quotation_id": 1, "vars": {"first_due_date": "2026-12-01", "percentage_due": "0"}},
        {"percentage_due": ["valid"]},
    ),
    (
        "quotations/generateInvoice",
        {"quotation_id": 1, "vars": {"first_due_date": "2026-12-01", "second_due_date": "x"}},
        {"second_due_date": ["format"]},
    ),
    ("service_changes/add", {"service_id": 9, "invoice_id": 1, **DATA}, {"service_id": ["exists"]}),
    ("service_changes/add", {"service_id": 1, "invoice_id": 9, **DATA}, {"invoice_id": ["exists"]}),
    ("service_changes/add", {"service_id": 1, "invoice_id": 1, **DATA}, {"invoice_id": ["unique"]}),
    ("service_changes/cancel", {"service_change_id": 9}, {"id": ["exists"]}),
    ("service_changes/edit", {"service_change_id": 1, "vars": {"status": "x"}}, {"status": ["valid"]}),
    ("services/edit", {"service_id": 1, "vars": {"configoptions": {"9": "1"}}}, {"configoptions": ["valid"]}),
]


@pytest.mark.parametrize(
    ("path", "arguments", "errors"),
    REFUSED,
    ids=[f"{number}-{path.rpartition('/')[2]}" for number, (path, _, _) in enumerate(REFUSED)],
)
def test_rule_is_told_by_field_and_code(blesta, path, arguments, errors):
    assert write(blesta, path, **arguments).errors == errors


def test_split_then_merged_is_what_it_was(blesta):
    other = write(blesta, "invoices/split", invoice_id=1, line_items=[2]).value
    assert [read(blesta, "invoices/get", invoice_id=pk)["total"] for pk in (1, other)] == ["5.0000", "6.0000"]
    assert write(blesta, "invoices/merge", invoice_ids=[1, other], invoice_id=1).value == 1
    assert read(blesta, "invoices/get", invoice_id=1)["total"] == "11.0000"
    assert read(blesta, "invoices/get", invoice_id=other)["status"] == "void"


def test_offer_is_locked_once_it_is_invoiced(blesta):
    made = write(blesta, "quotations/generateInvoice", quotation_id=1, vars={"first_due_date": "2026-12-01"}).value
    assert [row["id"] for row in read(blesta, "quotations/getInvoices", quotation_id=1)] == [made]
    assert write(blesta, "quotations/updateStatus", quotation_id=1, status="lost").errors == {
        "id": ["quotation_invoiced"]
    }


def test_change_that_was_processed_is_not_processed_again(blesta):
    assert write(blesta, "service_changes/process", service_change_id=1).status == 200
    assert write(blesta, "service_changes/process", service_change_id=1).errors == {"status": ["valid"]}
