"""What Blesta does by itself as time goes by: its cron, run once for the clock's time.

Scheduled ends come about, services and recurring invoices renew, paid changes and paid pending services are made,
queued invoices are sent, offers expire.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django_blesta.testing.simulator import books
from django_blesta.testing.simulator.calls import Call
from django_blesta.testing.simulator.dates import add_term
from django_blesta.testing.simulator.methods import service_change_writes
from django_blesta.testing.simulator.state import Row

MOST_TERMS: Final = 36
"""So many missed terms are caught up with, one by one."""


def run(call: Call) -> dict[str, int]:
    """How many of each came about."""
    done = {}
    with call.state.lock:
        for name, task in _TASKS.items():
            done[name] = task(call)
    return done


def _cancel_services(call: Call) -> int:
    due = [
        row
        for row in call.state.tables["services"].values()
        if row["status"] in ("active", "suspended") and row["date_canceled"] and row["date_canceled"] <= call.now()
    ]
    for row in due:
        call.state.update("services", row["id"], status="canceled")
    return len(due)


def _renew_services(call: Call) -> int:
    """An invoice for each term that has begun; none for what ends."""
    made = 0
    for row in list(call.state.tables["services"].values()):
        for _ in range(MOST_TERMS):
            if row["status"] != "active" or row["date_canceled"] or not row["date_renews"]:
                break
            if row["date_renews"] > call.now():
                break
            _renew_service(call, row)
            made += 1
    return made


def _renew_service(call: Call, row: Row) -> None:
    pricing = call.state.tables["package_pricing"][row["pricing_id"]]
    price = pricing["price_renews"] or pricing["price"]
    amount = row["override_price"] if row["override_price"] is not None else price
    currency = row["override_currency"] or pricing["currency"]
    text = f"{row['name'] or 'Service'} ({row['date_renews']:%Y-%m-%d})"
    line = {"service_id": row["id"], "description": text, "qty": row["qty"], "amount": amount}
    _make_invoice(call, row["client_id"], currency, row["date_renews"], [line])
    renews = add_term(row["date_renews"], pricing["term"], pricing["period"])
    call.state.update("services", row["id"], date_last_renewed=row["date_renews"], date_renews=renews)


def _make_recurring(call: Call) -> int:
    made = 0
    for row in list(call.state.tables["recurring_invoices"].values()):
        for _ in range(MOST_TERMS):
            if not row["date_renews"] or row["date_renews"] > call.now() or row["duration"] == 0:
                break
            lines = [
                {"description": line["description"], "qty": line["qty"], "amount": line["amount"]}
                for line in call.state.where("recurring_invoice_lines", invoice_recur_id=row["id"])
            ]
            _make_invoice(call, row["client_id"], row["currency"], row["date_renews"], lines)
            call.state.update(
                "recurring_invoices",
                row["id"],
                date_last_renewed=row["date_renews"],
                date_renews=add_term(row["date_renews"], row["term"], row["period"]),
                duration=None if row["duration"] is None else row["duration"] - 1,
            )
            made += 1
    return made


def _make_invoice(call: Call, client_id: int, currency: str, at: datetime, lines: list[Row]) -> None:
    number = max((row["id_value"] for row in call.state.tables["invoices"].values()), default=0) + 1
    invoice = call.state.insert(
        "invoices",
        id_format="INV-{num}",
        id_value=number,
        id_code=f"INV-{number}",
        client_id=client_id,
        date_billed=at,
        date_due=at + timedelta(days=10),
        currency=currency,
    )
    for order, line in enumerate(lines):
        call.state.insert("invoice_lines", invoice_id=invoice["id"], order=order, **line)
    call.state.insert("invoice_delivery", invoice_id=invoice["id"], method="email")
    books.recompute_invoice(call.state, invoice["id"], call.now())


def _process_changes(call: Call) -> int:
    paid = [row for row in call.state.where("service_changes", status="pending") if _is_paid(call, row["invoice_id"])]
    for row in paid:
        service_change_writes.process(call, row["id"])
    return len(paid)


def _is_paid(call: Call, invoice_id: int | None) -> bool:
    invoice = call.state.get("invoices", invoice_id)
    return invoice is None or invoice["date_closed"] is not None


def _provision(call: Call) -> int:
    """Pending services all of whose invoices are paid, and that are on one at least."""
    made = 0
    for row in call.state.where("services", status="pending"):
        lines = call.state.where("invoice_lines", service_id=row["id"])
        if lines and all(_is_paid(call, line["invoice_id"]) for line in lines):
            call.state.update("services", row["id"], status="active")
            made += 1
    return made


def _send_invoices(call: Call) -> int:
    waiting = [row for row in call.state.tables["invoice_delivery"].values() if row["date_sent"] is None]
    for row in waiting:
        call.state.update("invoice_delivery", row["id"], date_sent=call.now())
    return len(waiting)


def _expire_quotations(call: Call) -> int:
    over = [
        row
        for row in call.state.tables["quotations"].values()
        if row["status"] in ("draft", "pending") and row["date_expires"] < call.now()
    ]
    for row in over:
        call.state.update("quotations", row["id"], status="expired")
    return len(over)


_TASKS: Final[dict[str, Callable[[Call], int]]] = {
    "services canceled": _cancel_services,
    "services renewed": _renew_services,
    "recurring invoices made": _make_recurring,
    "service changes made": _process_changes,
    "services provisioned": _provision,
    "invoices sent": _send_invoices,
    "quotations expired": _expire_quotations,
}
