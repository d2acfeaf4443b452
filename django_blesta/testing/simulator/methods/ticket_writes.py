"""Opening, answering, closing and editing tickets. No mail is sent by any of these."""

from __future__ import annotations

from typing import Any, Final

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.rules import (
    Rule,
    Rules,
    at_most,
    blank_or,
    check,
    email,
    filled,
    one_of,
    refuse,
)
from django_blesta.testing.simulator.state import Row

_TICKETS: Final = "support_manager.SupportManagerTickets"
STATUSES: Final = ("open", "awaiting_reply", "in_progress", "on_hold", "closed", "trash")
PRIORITIES: Final = ("emergency", "critical", "high", "medium", "low")


def _rules(call: Call, values: Array, *, edit: bool) -> Rules:
    def is_in(table: str) -> Any:
        return lambda value: php.integer(value) in call.state.tables[table]

    def belongs(value: Any) -> bool:
        service = call.state.get("services", php.integer(value))
        return service is None or service["client_id"] == php.integer(values.get("client_id"))

    def visible(value: Any) -> bool:
        row = call.state.get("ticket_departments", php.integer(value))
        return row is not None and row["company_id"] == call.company_id

    summary = [
        Rule("empty", filled, "Please enter a summary.", if_set=edit),
        Rule("length", at_most(255), "The summary may not exceed 255 characters.", if_set=True),
    ]
    return (
        ("department_id", [Rule("exists", visible, "Please choose a valid department.", if_set=edit)]),
        ("staff_id", [Rule("exists", blank_or(is_in("staff")), "Invalid staff.", if_set=True)]),
        (
            "service_id",
            [
                Rule("exists", blank_or(is_in("services")), "Invalid service.", if_set=True),
                Rule("belongs", blank_or(belongs), "The service belongs to another client.", if_set=True),
            ],
        ),
        ("client_id", [Rule("exists", blank_or(is_in("clients")), "Invalid client.", if_set=True)]),
        ("email", [Rule("format", blank_or(email), "Please enter a valid email address.", if_set=True)]),
        ("summary", summary),
        ("priority", [Rule("format", one_of(*PRIORITIES), "Please choose a valid priority.", if_set=True)]),
        ("status", [Rule("format", one_of(*STATUSES), "Invalid status.", if_set=True)]),
    )


@method(_TICKETS, "add", writes=True)
def add(call: Call, vars: Array, require_email: bool = False) -> int:
    """A ticket without a word in it: that is `addReply`'s."""
    check(vars, _rules(call, vars, edit=False))
    if require_email and not vars.get("email"):
        raise refuse("email", "format", "Please enter a valid email address.")
    number = call.state.last_id("tickets") + 1
    row = call.state.insert(
        "tickets",
        code=str(7_300_000 + number),
        department_id=php.integer(vars["department_id"]),
        summary=vars["summary"],
        priority=vars.get("priority", "medium"),
        status=vars.get("status", "open"),
        email=vars.get("email") or None,
        date_added=call.now(),
        **{name: php.integer(vars.get(name)) or None for name in ("staff_id", "client_id", "service_id")},
    )
    ticket_id: int = row["id"]
    return ticket_id


@method(_TICKETS, "addReply", writes=True)
def add_reply(call: Call, ticket_id: int, vars: Array, files: Any = None, new_ticket: bool = False) -> int:
    """A client's reply opens the ticket, staff's makes it wait for one; the words for that are a guess."""
    ticket = _existing(call, ticket_id)
    kind = vars.get("type", "reply")
    check(
        {**vars, "type": kind},
        (
            ("type", [Rule("format", one_of("reply", "note", "log"), "Invalid reply type.", last=True)]),
            ("details", [Rule("empty", filled, "Please enter some details.")]),
            (
                "staff_id",
                [
                    Rule(
                        "exists",
                        blank_or(lambda value: php.integer(value) in call.state.tables["staff"]),
                        "Invalid staff.",
                        if_set=True,
                    )
                ],
            ),
        ),
    )
    if new_ticket and kind != "reply":
        raise refuse("type", "new_valid", "New tickets must have a reply.")
    client_id = php.integer(vars.get("client_id")) or None
    if client_id is not None and ticket["client_id"] not in (None, client_id):
        raise refuse("client_id", "attached_to", "The ticket belongs to another client.")
    contact_id = php.integer(vars.get("contact_id")) or None
    if contact_id is None and client_id is not None:
        contact_id = call.state.where("contacts", client_id=client_id, contact_type="primary")[0]["id"]
    staff_id = php.integer(vars.get("staff_id")) or None
    row = call.state.insert(
        "ticket_replies",
        ticket_id=ticket_id,
        staff_id=staff_id,
        contact_id=contact_id,
        type=kind,
        details=vars["details"],
        date_added=call.now(),
    )
    changes: Row = {"date_updated": call.now()}
    if kind == "reply" and not new_ticket:
        changes |= {"status": "awaiting_reply" if staff_id else "open", "date_closed": None}
    call.state.update("tickets", ticket_id, **changes)
    reply_id: int = row["id"]
    return reply_id


@method(_TICKETS, "close", writes=True)
def close(call: Call, ticket_id: int, by_staff_id: int | None = None) -> None:
    _existing(call, ticket_id)
    call.state.update("tickets", ticket_id, status="closed", date_closed=call.now(), date_updated=call.now())


@method(_TICKETS, "edit", writes=True)
def edit(call: Call, ticket_id: int, vars: Array, log: bool = False) -> None:
    ticket = _existing(call, ticket_id)
    check(vars, _rules(call, {"client_id": str(ticket["client_id"]), **vars}, edit=True))
    if ticket["status"] == "trash":
        raise refuse("status", "trash", "A ticket in the trash may not be edited.")
    changes: Row = {name: vars[name] for name in ("summary", "priority", "status") if name in vars}
    changes |= {name: php.integer(vars[name]) or None for name in ("staff_id", "service_id") if name in vars}
    changes |= {"department_id": php.integer(vars["department_id"])} if "department_id" in vars else {}
    if "status" in changes:
        changes["date_closed"] = call.now() if changes["status"] == "closed" else None
    call.state.update("tickets", ticket_id, date_updated=call.now(), **changes)


def _existing(call: Call, ticket_id: int) -> Row:
    row = call.state.get("tickets", ticket_id)
    if row is None:
        raise refuse("ticket_id", "exists", "Invalid ticket.")
    return row
