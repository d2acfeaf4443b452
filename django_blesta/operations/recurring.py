"""Invoices that Blesta makes again and again, outside any service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Unpack

from django.utils.translation import gettext_lazy as _

from django_blesta.connection import Shape, Unreadable, datetime_from, declare
from django_blesta.models import Client, RecurringInvoice
from django_blesta.operations._journal import Change, Result, Who
from django_blesta.operations._kinds import Asked, Case, Finding, Kind, Step, define, refuse
from django_blesta.operations._lines import Line, check_lines, line_text, lines_of
from django_blesta.operations._perform import perform
from django_blesta.operations._probes import id_of, one_of, row_is_gone, seal, seal_fits

PERIODS: Final = ("day", "week", "month", "year")
_PAGES: Final = 25


def _rows(case: Case) -> Iterator[Mapping[str, Any]]:
    """The client's, newest first where Blesta orders them so; LookupError where there is no end."""
    seen: set[int] = set()
    for page in range(1, _PAGES + 1):
        listed = case.ask("Invoices", "getRecurringList", client_id=case["client_id"], page=page, order={"id": "desc"})
        fresh = [row for row in listed if id_of(row) not in seen]
        if not fresh:
            return
        for row in fresh:
            seen.add(id_of(row))
            yield row
    raise LookupError(f"Invoices.getRecurringList has more than {_PAGES} pages for one client.")


def _to_add(asked: Asked, case: Case) -> Asked:
    values = dict(asked["vars"])
    check_lines("recurring.create", values["lines"])
    case.keep(after_id=max((id_of(row) for row in _rows(case)), default=0))
    own = values.get("note_private")
    values["note_private"] = f"{own}\n\n{case['marker']}" if own else case["marker"]
    return {"vars": values}


def _is_added(case: Case) -> Finding:
    hits = set()
    for row in _rows(case):
        if id_of(row) > case["after_id"]:
            whole = case.ask("Invoices", "getRecurring", invoice_recur_id=id_of(row)) or {}
            if case["marker"] in str(whole.get("note_private") or ""):
                hits.add(id_of(row))
    return one_of(hits, "invoice_recur_id", "recurring invoice")


_CREATE = define(
    Kind(
        name="recurring.create",
        model=Client,
        does="Have an invoice made again and again.",
        finds="A recurring invoice of the client bears the mark in its private note.",
        steps=(
            Step(
                signature=declare("Invoices", "addRecurring", writes=True, shape=Shape.ID),
                build=_to_add,
                ids=lambda answer: {"invoice_recur_id": answer},
                probe=_is_added,
            ),
        ),
        touched=lambda case: ((RecurringInvoice, case.keys.get("invoice_recur_id")),),
        marked=True,
    )
)


def create(
    client: Client,
    *,
    lines: Sequence[Line],
    currency: str,
    first_at: datetime,
    term: int = 1,
    period: str = "month",
    times: int | None = None,
    note_public: str = "",
    note_private: str = "",
    delivery: Sequence[str] = (),
    **who: Unpack[Who],
) -> Result:
    """Make an invoice from `first_at` on, every `term` times `period` (one of `PERIODS`), `times` times or for ever.

    `ids["invoice_recur_id"]`. The mark by which it is found again stands at the end of its private note.
    """
    values: dict[str, Any] = {
        "client_id": client.pk,
        "term": term,
        "period": period,
        "date_renews": first_at,
        "currency": currency,
        # A form cannot say "none"; Blesta refuses a line without words.
        "lines": [line.values() for line in lines] or [{"description": ""}],
    }
    values |= {"duration": times} if times is not None else {}
    values |= {"note_public": note_public} if note_public else {}
    values |= {"note_private": note_private} if note_private else {}
    values |= {"delivery": list(delivery)} if delivery else {}
    return perform(Change(_CREATE, {"vars": values}, client), who)


def _whole(case: Case) -> Mapping[str, Any]:
    row: Mapping[str, Any] | None = case.ask("Invoices", "getRecurring", invoice_recur_id=case["target_id"])
    if row is None:
        refuse("recurring.edit", ("invoice_recur_id", "exists", str(_("This recurring invoice is not there."))))
    return row


def _to_edit(asked: Asked, case: Case) -> Asked:
    """Whole: which of the columns Blesta takes alone is not known, and the same value again is no change."""
    row = _whole(case)
    values = dict(asked["vars"])
    names = ("description", "amount", "qty")
    lines = [{"id": id_of(line), **{name: line.get(name) for name in names}} for line in lines_of(row)]
    if "lines" in values:
        check_lines("recurring.edit", values["lines"])
        # A line with its id and nothing else is taken off; the new ones come in their place.
        lines = [{"id": line["id"], "description": "", "amount": ""} for line in lines] + list(values["lines"])
    columns = ("client_id", "term", "period", "duration", "currency", "note_public", "note_private")
    kept = {name: row.get(name) for name in columns if row.get(name) not in (None, "")}
    if row.get("date_renews"):
        kept["date_renews"] = _moment(row["date_renews"])
    return {"invoice_recur_id": case["target_id"], "vars": {**kept, **values, "lines": lines or None}}


def _moment(text: Any) -> Any:
    try:
        return datetime_from(text)
    except Unreadable:
        return text


def _shown(row: Mapping[str, Any]) -> dict[str, str]:
    names = ("term", "period", "duration", "note_public")
    found = {name: str(row.get(name) or "") for name in names}
    found["date_renews"] = _text(_moment(row.get("date_renews")))
    texts = [line_text(line.get("description"), line.get("amount"), line.get("qty")) for line in lines_of(row)]
    return found | {"texts": "\n".join(sorted(texts))}


def _text(moment: Any) -> str:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat() if isinstance(moment, datetime) else ""


def _is_edited(case: Case) -> Finding:
    fits = seal_fits(case.keys, _shown(_whole(case)))
    word = "has" if fits else "does not have"
    return Finding(fits, f"Recurring invoice {case['target_id']} {word} what was asked for.")


_EDIT = define(
    Kind(
        name="recurring.edit",
        model=RecurringInvoice,
        does="Change when a recurring invoice is made and what stands on it.",
        finds="The recurring invoice has what was asked for.",
        steps=(
            Step(
                signature=declare("Invoices", "editRecurring", writes=True, shape=Shape.ANY),
                build=_to_edit,
                probe=_is_edited,
            ),
        ),
        exclusive=True,
    )
)


def edit(
    recurring: RecurringInvoice,
    *,
    lines: Sequence[Line] | None = None,
    next_at: datetime | None = None,
    term: int | None = None,
    period: str | None = None,
    times: int | None = None,
    note_public: str | None = None,
    **who: Unpack[Who],
) -> Result:
    """Change what is given; `lines` take the place of all lines there are. Invoices that were made stay as they are."""
    given = {"term": term, "period": period, "duration": times, "note_public": note_public, "date_renews": next_at}
    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    sealed = {name: str(value) for name, value in values.items()}
    if next_at is not None:
        sealed["date_renews"] = _text(next_at)
    if lines is not None:
        values["lines"] = [line.values() for line in lines]
        texts = [line_text(one["description"], one["amount"], one["qty"]) for one in values["lines"]]
        sealed["texts"] = "\n".join(sorted(texts))
    if not values:
        raise ValueError("recurring.edit was asked to change nothing.")
    asked = {"invoice_recur_id": recurring.pk, "vars": values}
    return perform(Change(_EDIT, asked, recurring, keys=seal(sealed)), who)


_STOP = define(
    Kind(
        name="recurring.stop",
        model=RecurringInvoice,
        does="Stop making an invoice again and again; those that were made stay.",
        finds="Invoices.getRecurring shows no such recurring invoice any more.",
        steps=(
            Step(
                signature=declare("Invoices", "deleteRecurring", writes=True, shape=Shape.NOTHING),
                probe=row_is_gone("Invoices", "getRecurring", "invoice_recur_id"),
            ),
        ),
        touched=lambda case: (),
        may_wait=True,
        exclusive=True,
    )
)


def stop(recurring: RecurringInvoice, **who: Unpack[Who]) -> Result:
    """Blesta deletes it; the mirror's row is marked as gone by the next complete run."""
    return perform(Change(_STOP, {"invoice_recur_id": recurring.pk}, recurring), who)
