"""Invoices: making, correcting, voiding and sending them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Unpack

from django.utils.translation import gettext_lazy as _

from django_blesta.connection import Shape, Unreadable, decimal_from, declare, identifier_from
from django_blesta.models import Client, Invoice, InvoiceLine, Service
from django_blesta.operations._journal import Change, Result, Who
from django_blesta.operations._kinds import AlreadySo, Asked, Case, Finding, Kind, Step, define, refuse
from django_blesta.operations._lines import Line as Line
from django_blesta.operations._lines import check_lines, line_text, lines_of
from django_blesta.operations._perform import perform
from django_blesta.operations._probes import id_of, newer_rows, newest_of_client, one_of, seal, seal_fits

MOST_LOOKED_AT: Final = 40
"""So many new invoices of one client are opened in search of a mark."""
STATUSES: Final = ("active", "draft", "proforma")
NOT_PAYABLE: Final = _("This invoice has payments on it. Take them off first.")
_EDIT: Final = declare("Invoices", "edit", writes=True, shape=Shape.ANY)


def _touched(case: Case) -> Any:
    return ((Invoice, case.keys.get("invoice_id") or case.keys.get("target_id")),)


# Making one


def _to_add(asked: Asked, case: Case) -> Asked:
    return mark_and_keep(asked["vars"], case)


def mark_and_keep(wanted: Mapping[str, Any], case: Case) -> Asked:
    """The arguments of `Invoices.add`, with the mark at the end of the private note; for `is_marked` to find."""
    values = dict(wanted)
    check_lines("invoices.create", values["lines"])
    case.keep(after_id=newest_of_client(case, "Invoices"))
    own = values.get("note_private")
    values["note_private"] = f"{own}\n\n{case['marker']}" if own else case["marker"]
    return {"vars": values}


def is_marked(case: Case) -> Finding:
    newer = newer_rows(case, "Invoices")
    if len(newer) > MOST_LOOKED_AT:
        return Finding(None, f"The client has {len(newer)} new invoices, too many to open.")
    hits = set()
    for row in newer:
        whole = case.ask("Invoices", "get", invoice_id=id_of(row)) or {}
        if case["marker"] in str(whole.get("note_private") or ""):
            hits.add(id_of(row))
    return one_of(hits, "invoice_id", "invoice")


_CREATE = define(
    Kind(
        name="invoices.create",
        model=Client,
        does="Make an invoice, or a draft of one.",
        finds="An invoice of the client bears the mark in its private note.",
        steps=(
            Step(
                signature=declare("Invoices", "add", writes=True, shape=Shape.ID),
                build=_to_add,
                ids=lambda answer: {"invoice_id": answer},
                probe=is_marked,
            ),
        ),
        touched=_touched,
        marked=True,
    )
)


def create(
    client: Client,
    *,
    lines: Sequence[Line],
    currency: str,
    billed_at: datetime,
    due_at: datetime,
    status: str = "active",
    note_public: str = "",
    note_private: str = "",
    delivery: Sequence[str] = (),
    **who: Unpack[Who],
) -> Result:
    """Make an invoice; `ids["invoice_id"]`. `delivery` names ways such as email and paper.

    The mark by which it is found again stands at the end of its private note, which customers do not see.
    """
    values: dict[str, Any] = {
        "client_id": client.pk,
        "date_billed": billed_at,
        "date_due": due_at,
        "currency": currency,
        "status": status,
        "lines": [line.values() for line in lines] or None,
    }
    values |= {"note_public": note_public} if note_public else {}
    values |= {"note_private": note_private} if note_private else {}
    values |= {"delivery": list(delivery)} if delivery else {}
    values["lines"] = values["lines"] or [{"description": ""}]  # a form cannot say "none"; Blesta refuses this one
    return perform(Change(_CREATE, {"vars": values}, client), who)


def _to_bill(asked: Asked, case: Case) -> Asked:
    case.keep(after_id=newest_of_client(case, "Invoices"))
    return asked


def _bills_them(case: Case) -> Finding:
    """One new invoice that has a line for each of the services."""
    newer = newer_rows(case, "Invoices")
    if len(newer) > MOST_LOOKED_AT:
        return Finding(None, f"The client has {len(newer)} new invoices, too many to open.")
    hits = set()
    for row in newer:
        lines = case.ask("Invoices", "get", invoice_id=id_of(row)) or {}
        listed = lines.get("line_items") or []
        rows = listed.values() if isinstance(listed, dict) else listed
        if set(case["services"]) <= {identifier_from(line.get("service_id")) for line in rows}:
            hits.add(id_of(row))
    return one_of(hits, "invoice_id", "invoice")


_FROM_SERVICES = define(
    Kind(
        name="invoices.create_from_services",
        model=Client,
        does="Make the first invoice for services that wait for it.",
        finds="One new invoice of the client has a line for each of the services.",
        steps=(
            Step(
                signature=declare("Invoices", "createFromServices", writes=True, shape=Shape.ID),
                build=_to_bill,
                ids=lambda answer: {"invoice_id": answer},
                probe=_bills_them,
            ),
        ),
        touched=_touched,
        exclusive=True,
    )
)


def create_from_services(
    client: Client, *, services: Sequence[Service], currency: str, due_at: datetime, **who: Unpack[Who]
) -> Result:
    """Bill pending services; once it is paid, Blesta's cron provisions them. `ids["invoice_id"]`."""
    if not services:
        raise ValueError("invoices.create_from_services needs at least one service.")
    pks = sorted(service.pk for service in services)
    asked = {"client_id": client.pk, "service_ids": pks, "currency": currency, "due_date": due_at}
    live = f"{client.pk}:{','.join(map(str, pks))}"
    return perform(Change(_FROM_SERVICES, asked, client, {"services": pks}, live=live), who)


# Correcting one


def _whole(case: Case) -> Mapping[str, Any]:
    row: Mapping[str, Any] | None = case.ask("Invoices", "get", invoice_id=case["target_id"])
    if row is None:
        refuse("invoices.edit", ("invoice_id", "exists", str(_("This invoice is not there."))))
    return row


def _pending_delivery(row: Mapping[str, Any]) -> dict[str, Any]:
    """Blesta drops unsent deliveries with every edit, so they are given again."""
    listed = row.get("delivery") or []
    rows = listed.values() if isinstance(listed, dict) else listed
    waiting = [one["method"] for one in rows if not one.get("date_sent")]
    return {"delivery": waiting} if waiting else {}


def _to_edit(asked: Asked, case: Case) -> Asked:
    """Blesta wants status and currency every time."""
    row = _whole(case)
    values = dict(asked["vars"])
    check_lines("invoices.edit", values.get("lines", ()))
    if "lines" in values:
        case.keep(lines_before=len(lines_of(row)))
    kept = {"status": row.get("status"), "currency": row.get("currency"), **_pending_delivery(row)}
    return {"invoice_id": case["target_id"], "vars": kept | values}


def _shown(row: Mapping[str, Any]) -> dict[str, str]:
    """What of an invoice an edit can change, in a form that a seal can be compared with."""
    found = {name: str(row.get(name) or "") for name in ("note_public", "note_private")}
    lines = lines_of(row)
    texts = [line_text(line.get("description"), line.get("amount"), line.get("qty")) for line in lines]
    found |= {f"line {identifier_from(line.get('id'))}": text for line, text in zip(lines, texts, strict=True)}
    found["texts"] = "\n".join(sorted(texts))
    return found


def _is_edited(case: Case) -> Finding:
    row = _whole(case)
    shown = _shown(row)
    fits = seal_fits(case.keys, shown)
    missing = [pk for pk in case.keys.get("removed", ()) if f"line {pk}" in shown]
    happened = fits and not missing
    return Finding(
        happened, f"Invoice {case['target_id']} {'has' if happened else 'does not have'} what was asked for."
    )


_EDIT_LINES = define(
    Kind(
        name="invoices.edit",
        model=Invoice,
        does="Change an invoice's notes and lines, while no payment is on it.",
        finds="The invoice has the lines and notes that were asked for.",
        steps=(Step(signature=_EDIT, build=_to_edit, probe=_is_edited),),
        exclusive=True,
    )
)


def edit(
    invoice: Invoice,
    *,
    change: Mapping[InvoiceLine, Line] | None = None,
    add: Sequence[Line] = (),
    remove: Sequence[InvoiceLine] = (),
    note_public: str | None = None,
    **who: Unpack[Who],
) -> Result:
    """Change, add and remove lines; those that are not named stay. Blesta refuses once a payment is on it."""
    lines: list[dict[str, Any]] = [{"id": line.pk, **new.values()} for line, new in (change or {}).items()]
    lines += [{"id": line.pk, "description": "", "amount": ""} for line in remove]
    lines += [line.values() for line in add]
    values: dict[str, Any] = {"lines": lines} if lines else {}
    values |= {} if note_public is None else {"note_public": note_public}
    if not values:
        raise ValueError("invoices.edit was asked to change nothing.")
    sealed = {
        f"line {line.pk}": line_text(new.description, new.values()["amount"], new.values()["qty"])
        for line, new in (change or {}).items()
    }
    sealed |= {} if note_public is None else {"note_public": note_public}
    if add:
        # Lines that are new have no id yet: all lines together are compared.
        held = {line.pk: line for line in InvoiceLine._base_manager.using(invoice._state.db).filter(invoice=invoice)}
        for line in (*remove, *(change or {})):
            held.pop(line.pk, None)
        kept = [line_text(line.description, line.amount, line.qty) for line in held.values()]
        new_ones = [*add, *(change or {}).values()]
        kept += [line_text(new.description, new.values()["amount"], new.values()["qty"]) for new in new_ones]
        sealed["texts"] = "\n".join(sorted(kept))
    keys = {**seal(sealed), "removed": [line.pk for line in remove]}
    return perform(Change(_EDIT_LINES, {"invoice_id": invoice.pk, "vars": values}, invoice, keys=keys), who)


def _to_void(asked: Asked, case: Case) -> Asked:
    row = _whole(case)
    if row.get("status") == "void":
        raise AlreadySo(f"Invoice {case['target_id']} is void.")
    if decimal_from(row.get("paid") or "0") > 0:
        refuse("invoices.void", ("id", "amount_applied", str(NOT_PAYABLE)))
    return {"invoice_id": case["target_id"], "vars": {"status": "void", "currency": row.get("currency")}}


def _is_void(case: Case) -> Finding:
    status = _whole(case).get("status")
    return Finding(status == "void", f"Invoice {case['target_id']} is {status!s:.20}.")


_VOID = define(
    Kind(
        name="invoices.void",
        model=Invoice,
        does="Void an invoice that no payment is on.",
        finds="The invoice is void.",
        steps=(Step(signature=_EDIT, build=_to_void, probe=_is_void),),
        may_wait=True,
        exclusive=True,
    )
)


def void(invoice: Invoice, **who: Unpack[Who]) -> Result:
    return perform(Change(_VOID, {"invoice_id": invoice.pk, "vars": {"status": "void"}}, invoice), who)


# Sending one


def _deliveries(case: Case) -> set[int]:
    listed = _whole(case).get("delivery") or []
    rows = listed.values() if isinstance(listed, dict) else listed
    return {id_of(one) for one in rows if one.get("method") == case["method"]}


def _to_deliver(asked: Asked, case: Case) -> Asked:
    case.keep(before=sorted(_deliveries(case)))
    return asked


def _is_queued(case: Case) -> Finding:
    return one_of(_deliveries(case) - set(case["before"]), "invoice_delivery_id", "delivery")


_DELIVER = define(
    Kind(
        name="invoices.deliver",
        model=Invoice,
        does="Put an invoice into Blesta's queue to be sent; its cron sends it.",
        finds="The invoice has one new delivery of that kind.",
        steps=(
            Step(
                signature=declare("Invoices", "addDelivery", writes=True, shape=Shape.ID),
                build=_to_deliver,
                ids=lambda answer: {"invoice_delivery_id": answer},
                probe=_is_queued,
            ),
        ),
        exclusive=True,
    )
)


def deliver(invoice: Invoice, *, method: str = "email", **who: Unpack[Who]) -> Result:
    """Queue it for sending once more, by email, paper or another way that Blesta offers."""
    asked = {"invoice_id": invoice.pk, "vars": {"method": method}, "client_id": invoice.client_id}
    return perform(Change(_DELIVER, asked, invoice, {"method": method}, live=f"{invoice.pk}:{method}"), who)


def _is_no_draft(case: Case) -> Finding:
    row = case.ask("Invoices", "get", invoice_id=case["target_id"])
    return Finding(row is None, f"Invoice {case['target_id']} is {'gone' if row is None else 'there'}.")


_DELETE_DRAFT = define(
    Kind(
        name="invoices.delete_draft",
        model=Invoice,
        does="Delete a draft.",
        finds="Invoices.get shows no such draft any more.",
        steps=(
            Step(signature=declare("Invoices", "deleteDraft", writes=True, shape=Shape.NOTHING), probe=_is_no_draft),
        ),
        touched=lambda case: (),
    )
)


def delete_draft(invoice: Invoice, **who: Unpack[Who]) -> Result:
    return perform(Change(_DELETE_DRAFT, {"invoice_id": invoice.pk}, invoice), who)


# Several as one, one as several


def _to_merge(asked: Asked, case: Case) -> Asked:
    case.keep(after_id=newest_of_client(case, "Invoices"))
    return asked


def _is_merged(case: Case) -> Finding:
    """Blesta voids what went into another: all of them, or it was not done."""
    words = {pk: (case.ask("Invoices", "get", invoice_id=pk) or {}).get("status") for pk in case["sources"]}
    void = [pk for pk, status in words.items() if status == "void"]
    told = ", ".join(f"invoice {pk} is {status!s:.20}" for pk, status in words.items())
    if len(void) < len(words):
        return Finding(False if not void else None, f"{told}.")
    if case.keys.get("into"):
        return Finding(True, f"{told}.", {"invoice_id": case["into"]})
    newer = [id_of(row) for row in newer_rows(case, "Invoices")]
    return Finding(True, f"{told}.", {"invoice_id": newer[0]} if len(newer) == 1 else {})


def _touched_by_merge(case: Case) -> Any:
    pks = dict.fromkeys([*case["sources"], case.keys.get("into"), case.keys.get("invoice_id")])
    return [(Invoice, pk) for pk in pks if pk]


_MERGE = define(
    Kind(
        name="invoices.merge",
        model=Invoice,
        does="Put the lines of several open invoices of one client on one of them, or on a new one.",
        finds="All of the others are void.",
        steps=(
            Step(
                signature=declare("Invoices", "merge", writes=True, shape=Shape.ID),
                build=_to_merge,
                ids=lambda answer: {"invoice_id": answer},
                probe=_is_merged,
            ),
        ),
        touched=_touched_by_merge,
        exclusive=True,
    )
)


def merge(invoices: Sequence[Invoice], *, into: Invoice | None = None, **who: Unpack[Who]) -> Result:
    """Merge invoices; `ids["invoice_id"]` is the one that has all lines, `into` or a new one.

    Blesta wants one client, one currency, nothing closed and no payment on any (`invoice_ids.…`).
    """
    if not invoices:
        raise ValueError("invoices.merge needs at least one invoice.")
    pks = sorted({invoice.pk for invoice in invoices})
    asked = {"invoice_ids": pks, "invoice_id": into.pk if into else None}
    keys = {"sources": [pk for pk in pks if into is None or pk != into.pk], "into": into.pk if into else None}
    change = Change(_MERGE, asked, into or invoices[0], keys=keys, live=str(invoices[0].client_id))
    return perform(change, who)


def _held(case: Case) -> tuple[bool, set[int]]:
    row = _whole(case)
    return row.get("status") == "void", {identifier_from(line.get("id")) or 0 for line in lines_of(row)}


def _is_split(case: Case) -> Finding:
    void, held = _held(case)
    left = sorted(held & set(case["lines"]))
    happened = True if void or not left else None if len(left) < len(case["lines"]) else False
    newer = [id_of(row) for row in newer_rows(case, "Invoices")] if happened else []
    ids = {"invoice_id": newer[0]} if len(newer) == 1 else {}
    return Finding(happened, f"Invoice {case['target_id']} still has the lines {left or 'none of them'}.", ids)


def _split_off(answer: Any) -> dict[str, int]:
    """Documented to answer with anything; a number is the new invoice."""
    try:
        found = identifier_from(answer)
    except Unreadable:
        found = None
    return {"invoice_id": found} if found else {}


_SPLIT = define(
    Kind(
        name="invoices.split",
        model=Invoice,
        does="Take lines off an invoice and put them on one of their own.",
        finds="The invoice does not have these lines any more.",
        steps=(
            Step(
                signature=declare("Invoices", "split", writes=True, shape=Shape.ANY),
                build=_to_merge,
                ids=_split_off,
                probe=_is_split,
            ),
        ),
        touched=lambda case: [
            (Invoice, pk) for pk in dict.fromkeys([case["target_id"], case.keys.get("invoice_id")]) if pk
        ],
        exclusive=True,
    )
)


def split(invoice: Invoice, *, lines: Sequence[InvoiceLine], **who: Unpack[Who]) -> Result:
    """Split lines off; `ids["invoice_id"]` is the new invoice, where Blesta names it."""
    if not lines:
        raise ValueError("invoices.split needs at least one line.")
    pks = sorted(line.pk for line in lines)
    return perform(Change(_SPLIT, {"invoice_id": invoice.pk, "line_items": pks}, invoice, {"lines": pks}), who)
