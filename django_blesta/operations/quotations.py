"""Offers: a client takes one or not, and what was taken becomes invoices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal, Unpack

from django.utils.translation import gettext_lazy as _

from django_blesta.connection import Shape, Unreadable, declare, identifier_from
from django_blesta.exceptions import BlestaError
from django_blesta.models import Invoice, Quotation
from django_blesta.operations._journal import Change, Result, Who
from django_blesta.operations._kinds import AlreadySo, Asked, Case, Finding, Kind, Step, define, refuse
from django_blesta.operations._perform import perform
from django_blesta.operations._probes import id_of, row_shows

UNDECIDED: Final = ("draft", "pending")
NOT_FROM_HERE: Final = _("This offer cannot be answered any more.")
INVOICED: Final = _("This offer has been invoiced already.")
declare("Quotations", "getInvoices", writes=False, shape=Shape.ROWS, false_is_empty=True)


def _row(case: Case) -> Mapping[str, Any]:
    row: Mapping[str, Any] | None = case.ask("Quotations", "get", quotation_id=case["target_id"])
    if row is None:
        refuse("quotations", ("quotation_id", "exists", str(_("This offer is not there."))))
    return row


def _to_answer(asked: Asked, case: Case) -> Asked:
    row = _row(case)
    if row.get("status") == case["status"]:
        raise AlreadySo(f"Quotation {case['target_id']} is {case['status']}.")
    if row.get("status") == "invoiced":
        refuse("quotations", ("id", "quotation_invoiced", str(INVOICED)))
    if row.get("status") not in (*UNDECIDED, "approved"):
        refuse("quotations", ("status", "valid", str(NOT_FROM_HERE)))
    return asked


_ANSWER: Final = Step(
    signature=declare("Quotations", "updateStatus", writes=True, shape=Shape.NOTHING),
    build=_to_answer,
    probe=row_shows(
        "Quotations", "quotation_id", lambda row, case: bool(row.get("status") == case["status"]), told="status"
    ),
)
_APPROVE = define(
    Kind(
        name="quotations.approve",
        model=Quotation,
        does="Take an offer.",
        finds="The offer is approved.",
        steps=(_ANSWER,),
        may_wait=True,
        exclusive=True,
    )
)
_DECLINE = define(
    Kind(
        name="quotations.decline",
        model=Quotation,
        does="Turn an offer down.",
        finds="The offer has the status that was asked for.",
        steps=(_ANSWER,),
        may_wait=True,
        exclusive=True,
    )
)


def approve(quotation: Quotation, **who: Unpack[Who]) -> Result:
    """Take an offer that is open; no invoice is made by this."""
    asked = {"quotation_id": quotation.pk, "status": "approved"}
    return perform(Change(_APPROVE, asked, quotation, {"status": "approved"}), who)


def decline(quotation: Quotation, *, status: Literal["lost", "dead"] = "lost", **who: Unpack[Who]) -> Result:
    """Turn an offer down. Blesta has two words for that, and does not say how they differ: choose one."""
    asked = {"quotation_id": quotation.pk, "status": status}
    return perform(Change(_DECLINE, asked, quotation, {"status": status}), who)


def _to_invoice(asked: Asked, case: Case) -> Asked:
    status = _row(case).get("status")
    if status == "invoiced":
        refuse("quotations.invoice", ("id", "quotation_invoiced", str(INVOICED)))
    return asked


def _made(answer: Any) -> dict[str, int]:
    """Documented to answer with anything; a number, or the first of several, is an invoice."""
    first = answer
    while isinstance(first, (list, dict)) and first:
        first = next(iter(first.values() if isinstance(first, dict) else first))
    try:
        found = identifier_from(first)
    except Unreadable:
        found = None
    return {"invoice_id": found} if found else {}


def _is_invoiced(case: Case) -> Finding:
    row = _row(case)
    happened = row.get("status") == "invoiced"
    told = f"Quotation {case['target_id']} is {row.get('status')!s:.20}."
    return Finding(happened, told, {"invoice_id": _invoices(case)[0]} if happened and _invoices(case) else {})


def _invoices(case: Case) -> list[int]:
    """What came of it; a version that cannot say says nothing."""
    try:
        rows = case.ask("Quotations", "getInvoices", quotation_id=case["target_id"])
    except BlestaError:
        return []
    return [pk for row in rows if (pk := identifier_from(row.get("invoice_id")) or id_of(row))]


def _touched(case: Case) -> Any:
    made: list[int | None] = [*_invoices(case)] or [case.keys.get("invoice_id")]
    return [(Quotation, case["target_id"]), *((Invoice, pk) for pk in made)]


_INVOICE = define(
    Kind(
        name="quotations.invoice",
        model=Quotation,
        does="Make the invoices of an offer that was taken.",
        finds="The offer is invoiced.",
        steps=(
            Step(
                signature=declare("Quotations", "generateInvoice", writes=True, shape=Shape.ANY),
                build=_to_invoice,
                ids=_made,
                probe=_is_invoiced,
            ),
        ),
        touched=_touched,
        exclusive=True,
    )
)


def invoice(
    quotation: Quotation,
    *,
    first_due_at: datetime,
    second_due_at: datetime | None = None,
    percentage_due: Decimal | None = None,
    **who: Unpack[Who],
) -> Result:
    """Make one invoice of it, or two: `percentage_due` of the whole first and the rest at `second_due_at`."""
    values = {"first_due_date": first_due_at, "second_due_date": second_due_at, "percentage_due": percentage_due}
    asked = {
        "quotation_id": quotation.pk,
        "vars": {name: value for name, value in values.items() if value is not None},
    }
    return perform(Change(_INVOICE, asked, quotation), who)
