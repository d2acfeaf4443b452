"""Which events a call of the API raises, with which parameters, and what it leaves in the change logs.

Names are the documented ones (reference 7.3): the old name, and the Before and After forms that most have since 4.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.calls import Call, Method
from django_blesta.testing.simulator.served import ServedMethod
from django_blesta.testing.simulator.state import Row
from django_blesta.testing.simulator.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Raised:
    """`event` without its phase; `name` is the parameter with the id, which the call was given or, where it adds to
    `table`, answers."""

    event: str
    name: str
    table: str
    adds: bool = False


EVENTS: Final[Mapping[tuple[str, str], Raised]] = {
    ("Clients", "create"): Raised("Clients.create", "client_id", "clients", adds=True),
    ("Clients", "edit"): Raised("Clients.edit", "client_id", "clients"),
    ("Clients", "delete"): Raised("Clients.delete", "client_id", "clients"),
    ("Contacts", "add"): Raised("Contacts.add", "contact_id", "contacts", adds=True),
    ("Contacts", "edit"): Raised("Contacts.edit", "contact_id", "contacts"),
    ("Contacts", "delete"): Raised("Contacts.delete", "contact_id", "contacts"),
    ("Invoices", "add"): Raised("Invoices.add", "invoice_id", "invoices", adds=True),
    ("Invoices", "edit"): Raised("Invoices.edit", "invoice_id", "invoices"),
    ("Invoices", "createFromServices"): Raised("Invoices.createFromServices", "invoice_id", "invoices", adds=True),
    ("Transactions", "add"): Raised("Transactions.add", "transaction_id", "transactions", adds=True),
    ("Transactions", "edit"): Raised("Transactions.edit", "transaction_id", "transactions"),
    ("Services", "add"): Raised("Services.add", "service_id", "services", adds=True),
    ("Services", "edit"): Raised("Services.edit", "service_id", "services"),
    ("Services", "suspend"): Raised("Services.suspend", "service_id", "services"),
    ("Services", "unsuspend"): Raised("Services.unsuspend", "service_id", "services"),
    ("Services", "cancel"): Raised("Services.cancel", "service_id", "services"),
    ("Services", "renew"): Raised("Services.renew", "service_id", "services"),
}
CLOSED: Final = "Invoices.setClosed"
#: Every event that a webhook here can be set on.
NAMES: Final = tuple(
    sorted({f"{one.event}{phase}" for one in EVENTS.values() for phase in ("", "Before", "After")} | {CLOSED})
)
_CLOSING: Final = frozenset({("Transactions", name) for name in ("add", "apply", "edit", "applyFromCredits")})
#: Table -> (change log, the column that names the row).
LOGGED: Final = {
    "contacts": ("log_contact", "contact_id"),
    "transactions": ("log_transaction", "transaction_id"),
    "services": ("log_service_change", "service_id"),
}


@contextmanager
def raising(method: Method | ServedMethod, call: Call, sent: php.Array, webhooks: Webhooks) -> Iterator[list[Any]]:
    """Around a call: what is before it, and, once the answer was put into the list that this yields, what is after."""
    raised = EVENTS.get((method.model, method.name))
    answer: list[Any] = []
    if not method.writes:
        yield answer
        return
    early = call.switches.webhook_timing == "early"
    parameters = _parameters(raised, call, sent, None) if raised else {}
    if raised:
        webhooks.emit(f"{raised.event}Before", parameters, call.company_id)
    if raised and early:
        _tell(raised, parameters, call, webhooks)
    closing = (method.model, method.name) in _CLOSING
    open_before = _open_invoices(call) if closing else set()
    before = _row(raised, call, sent)
    yield answer
    if not answer:
        return
    if raised and before is not None:
        _log(raised, call, before)
    if (method.model, method.name) == ("Clients", "setClientSettings"):
        _log_settings(call, sent)
    if raised and not early:
        _tell(raised, _parameters(raised, call, sent, answer[0]), call, webhooks)
    for invoice_id in sorted(open_before - _open_invoices(call)) if closing else ():
        webhooks.emit(CLOSED, {"invoice_id": invoice_id}, call.company_id)


def _tell(raised: Raised, parameters: php.Array, call: Call, webhooks: Webhooks) -> None:
    for phase in ("", "After"):
        webhooks.emit(f"{raised.event}{phase}", parameters, call.company_id)


def _parameters(raised: Raised, call: Call, sent: php.Array, answer: Any) -> php.Array:
    """Before a row is added, its id is the one that comes next."""
    if not raised.adds:
        pk: Any = sent.get(raised.name)
    elif isinstance(answer, dict):
        pk = answer.get("id")
    else:
        pk = answer if answer is not None else call.state.last_id(raised.table) + 1
    if raised.event == "Clients.create":
        return {"client": {"id": pk}, "vars": sent.get("vars", {})}
    return {raised.name: pk, "vars": sent.get("vars", {})}


def _open_invoices(call: Call) -> set[int]:
    rows = call.state.where("invoices", status="active")
    return {row["id"] for row in rows if row["date_closed"] is None}


def _row(raised: Raised | None, call: Call, sent: php.Array) -> Row | None:
    if raised is None or raised.adds or raised.table not in LOGGED:
        return None
    row = call.state.get(raised.table, php.integer(sent.get(raised.name)))
    return dict(row) if row else None


def _log(raised: Raised, call: Call, before: Row) -> None:
    after = call.state.get(raised.table, before["id"])
    if after is None or after == before:
        return
    log, column = LOGGED[raised.table]
    changed = [name for name in before if before[name] != after[name]]
    entry: Row = {column: before["id"], "date_changed": call.now()}
    if log == "log_service_change":
        entry |= {"old_service": before, "new_service": dict(after)}
    else:
        entry["fields"] = {name: {"prev": before[name], "cur": after[name]} for name in changed}
    call.state.insert(log, **entry)


def _log_settings(call: Call, sent: php.Array) -> None:
    fields = {key: {"prev": None, "cur": value} for key, value in php.Array(sent.get("vars", {})).items()}
    client_id = php.integer(sent.get("client_id"))
    call.state.insert("log_client_settings", client_id=client_id, date_changed=call.now(), fields=fields)
