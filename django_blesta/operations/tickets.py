"""Support, where Blesta has its Support Manager plugin: opening a ticket, answering, closing and reopening it.

Nobody is told by these: Blesta sends no mail for what comes over its API. A site that wants one lists
``support_manager.SupportManagerTickets.sendEmail`` in ALLOW and calls it with the reply's id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Unpack

from django.utils.translation import gettext_lazy as _

from django_blesta.connection import Shape, declare, identifier_from
from django_blesta.models import Client, Contact, Service, Staff, Ticket, TicketDepartment
from django_blesta.models.tickets import STATUSES
from django_blesta.operations._journal import Change, Result, Who
from django_blesta.operations._kinds import AlreadySo, Asked, Case, Finding, Kind, Step, define, refuse
from django_blesta.operations._perform import perform
from django_blesta.operations._probes import id_of, one_of, row_shows, seal, seal_fits

MODEL: Final = "support_manager.SupportManagerTickets"
PRIORITIES: Final = ("emergency", "critical", "high", "medium", "low")
_REPLY: Final = declare(MODEL, "addReply", writes=True, shape=Shape.ID)


def _row(case: Case, ticket_id: int) -> Mapping[str, Any]:
    row: Mapping[str, Any] | None = case.ask(MODEL, "get", ticket_id=ticket_id, get_replies=True)
    if row is None:
        refuse("tickets", ("ticket_id", "exists", str(_("This ticket is not there."))))
    return row


def _replies(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed = row.get("replies") or []
    rows = listed.values() if isinstance(listed, dict) else listed
    return [one for one in rows if one.get("type") == "reply"]


def _plain(text: Any) -> str:
    """The text as it is recognised again: Blesta may have trimmed it, and lines may end in another way."""
    return "\n".join(str(text or "").split("\n")).replace("\r", "").strip()


# Opening one


def _newest(case: Case) -> list[Mapping[str, Any]]:
    """The client's newest tickets in each status; Blesta lists them by status alone."""
    return [
        row
        for status in STATUSES
        for row in case.ask(
            MODEL,
            "getList",
            status=status,
            client_id=case["client_id"],
            page=1,
            order_by={"id": "DESC"},
            get_replies=False,
        )
    ]


def _to_open(asked: Asked, case: Case) -> Asked:
    case.keep(after_id=max((id_of(row) for row in _newest(case)), default=0))
    return {"vars": asked["vars"], "require_email": False}


def _is_opened(case: Case) -> Finding:
    rows = [row for row in _newest(case) if id_of(row) > case["after_id"]]
    hits = {id_of(row) for row in rows if seal_fits(case.keys, {"summary": _plain(row.get("summary"))})}
    return one_of(hits, "ticket_id", "ticket")


def _first_reply(asked: Asked, case: Case) -> Asked:
    said = _replies(_row(case, case["ticket_id"]))
    if said:
        raise AlreadySo(f"Ticket {case['ticket_id']} has its first reply.", reply_id=id_of(said[0]))
    return {"ticket_id": case["ticket_id"], "vars": asked["reply"], "new_ticket": True}


def _has_first_reply(case: Case) -> Finding:
    said = _replies(_row(case, case["ticket_id"]))
    told = f"Ticket {case['ticket_id']} has {len(said)} replies."
    return Finding(bool(said), told, {"reply_id": id_of(said[0])} if said else {})


_OPEN = define(
    Kind(
        name="tickets.open",
        model=Client,
        does="Open a ticket with its first text: two calls, one operation.",
        finds="The client has one new ticket with this summary; then, that it has a reply.",
        steps=(
            Step(
                signature=declare(MODEL, "add", writes=True, shape=Shape.ID),
                build=_to_open,
                ids=lambda answer: {"ticket_id": answer},
                probe=_is_opened,
            ),
            Step(
                signature=_REPLY,
                build=_first_reply,
                ids=lambda answer: {"reply_id": answer},
                probe=_has_first_reply,
            ),
        ),
        touched=lambda case: ((Ticket, case.keys.get("ticket_id")),),
        may_wait=True,
        exclusive=True,
        keeps_arguments=True,
    )
)


def open(
    client: Client,
    *,
    department: TicketDepartment,
    summary: str,
    details: str,
    priority: str = "",
    service: Service | None = None,
    contact: Contact | None = None,
    **who: Unpack[Who],
) -> Result:
    """Open a ticket; `ids["ticket_id"]`. Without `priority` the department's own is taken.

    The journal keeps the text until it is sent: a ticket that was made without it gets it as soon as Blesta is back.
    """
    values: dict[str, Any] = {"department_id": department.pk, "client_id": client.pk, "summary": summary}
    values |= {"priority": priority or department.default_priority or "medium", "status": "open"}
    values |= {"service_id": service.pk} if service else {}
    said: dict[str, Any] = {"type": "reply", "details": details, "client_id": client.pk}
    said |= {"contact_id": contact.pk} if contact else {}
    keys = seal({"summary": _plain(summary)})
    live = f"{client.pk}:{keys['seal']}"
    return perform(Change(_OPEN, {"vars": values, "reply": said}, client, keys=keys, live=live), who)


# Answering one


def _to_reply(asked: Asked, case: Case) -> Asked:
    case.keep(before=sorted(id_of(one) for one in _replies(_row(case, case["target_id"]))))
    return asked


def _is_replied(case: Case) -> Finding:
    new = [one for one in _replies(_row(case, case["target_id"])) if id_of(one) not in case["before"]]
    hits = {id_of(one) for one in new if seal_fits(case.keys, {"details": _plain(one.get("details"))})}
    if not hits and any(_by_the_same(one, case) for one in new):
        return Finding(None, f"Ticket {case['target_id']} has a new reply that reads otherwise.")
    return one_of(hits, "reply_id", "reply")


def _by_the_same(one: Mapping[str, Any], case: Case) -> bool:
    return bool(identifier_from(one.get("staff_id")) == case["staff"])


_ADD_REPLY = define(
    Kind(
        name="tickets.reply",
        model=Ticket,
        does="Add a reply to a ticket, as its client or as staff.",
        finds="The ticket has one new reply with this text.",
        steps=(Step(signature=_REPLY, build=_to_reply, ids=lambda answer: {"reply_id": answer}, probe=_is_replied),),
        may_wait=True,
        exclusive=True,
    )
)


def reply(
    ticket: Ticket, *, details: str, contact: Contact | None = None, staff: Staff | None = None, **who: Unpack[Who]
) -> Result:
    """Reply as the ticket's client, as one of his contacts, or as `staff`; `ids["reply_id"]`.

    Which status the ticket has afterwards is Blesta's to decide.
    """
    said: dict[str, Any] = {"type": "reply", "details": details}
    said |= {"staff_id": staff.pk} if staff else {"client_id": ticket.client_id}
    said |= {"contact_id": contact.pk} if contact and not staff else {}
    asked = {"ticket_id": ticket.pk, "vars": said, "new_ticket": False}
    keys = {**seal({"details": _plain(details)}), "staff": staff.pk if staff else None}
    return perform(Change(_ADD_REPLY, asked, ticket, keys=keys, live=f"{ticket.pk}:{keys['seal']}"), who)


# Closing and reopening one


def _to_close(asked: Asked, case: Case) -> Asked:
    if _row(case, case["target_id"]).get("status") == "closed":
        raise AlreadySo(f"Ticket {case['target_id']} is closed.")
    return asked


_CLOSE = define(
    Kind(
        name="tickets.close",
        model=Ticket,
        does="Close a ticket.",
        finds="The ticket is closed.",
        steps=(
            Step(
                signature=declare(MODEL, "close", writes=True, shape=Shape.NOTHING),
                build=_to_close,
                probe=row_shows(
                    MODEL, "ticket_id", lambda row, case: bool(row.get("status") == "closed"), told="status"
                ),
            ),
        ),
        may_wait=True,
        exclusive=True,
    )
)


def close(ticket: Ticket, *, staff: Staff | None = None, **who: Unpack[Who]) -> Result:
    asked = {"ticket_id": ticket.pk, "by_staff_id": staff.pk if staff else None}
    return perform(Change(_CLOSE, asked, ticket), who)


def _to_reopen(asked: Asked, case: Case) -> Asked:
    """Whole: which of the columns Blesta takes alone is not known, and the same value again is no change."""
    row = _row(case, case["target_id"])
    if row.get("status") not in ("closed", "trash"):
        raise AlreadySo(f"Ticket {case['target_id']} is {row.get('status')!s:.20}.")
    names = ("department_id", "summary", "priority")
    kept = {name: row.get(name) for name in names if row.get(name) not in (None, "")}
    return {"ticket_id": case["target_id"], "vars": kept | asked["vars"]}


_REOPEN = define(
    Kind(
        name="tickets.reopen",
        model=Ticket,
        does="Open a ticket again that was closed.",
        finds="The ticket is neither closed nor in the bin.",
        steps=(
            Step(
                signature=declare(MODEL, "edit", writes=True, shape=Shape.NOTHING),
                build=_to_reopen,
                probe=row_shows(
                    MODEL,
                    "ticket_id",
                    lambda row, case: row.get("status") not in ("closed", "trash"),
                    told="status",
                ),
            ),
        ),
        may_wait=True,
        exclusive=True,
    )
)


def reopen(ticket: Ticket, **who: Unpack[Who]) -> Result:
    """Blesta refuses what lies in its bin (`status.trash`)."""
    return perform(Change(_REOPEN, {"ticket_id": ticket.pk, "vars": {"status": "open"}}, ticket), who)
