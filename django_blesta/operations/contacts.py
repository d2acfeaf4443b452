"""Changing people: a contact's names, addresses and e-mail, and its telephone numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS

from django_blesta import sync
from django_blesta.connection import Shape, declare
from django_blesta.exceptions import Facts, Misunderstood, OutcomeUnknown
from django_blesta.models import Client, Contact, ContactNumber
from django_blesta.operations._journal import Change, Result, perform
from django_blesta.operations._mirror import refreshed

# Documented to answer with the contact; some methods that edit answer with an id or nothing instead.
_EDIT = declare("Contacts", "edit", writes=True, shape=Shape.ANY)
_ADD_NUMBER = declare("Contacts", "addNumber", writes=True, shape=Shape.ID)

COLUMNS: Final[Mapping[str, str]] = {
    "first_name": "first_name",
    "last_name": "last_name",
    "company_name": "company",
    "title": "title",
    "email": "email",
    "address1": "address1",
    "address2": "address2",
    "city": "city",
    "state": "state",
    "zip": "zip",
    "country": "country",
}
"""The mirror's column to Blesta's name for it, of everything that `edit` can change."""

RENAMED: Final[Mapping[str, str]] = {theirs: ours for ours, theirs in COLUMNS.items() if theirs != ours}
"""Blesta's name to ours, for errors."""


def edit(
    contact: Contact, *, changes: Mapping[str, str], actor: Any = None, token: str | None = None, using: str = ""
) -> Result:
    """Change some of `COLUMNS`; an empty text clears a column.

    Blesta checks both names and the e-mail address each time, sent or not (reference 6.4), so the whole contact goes
    out. It is read again just before: what staff changed since the last sync would otherwise be undone.
    """
    if unknown := sorted(set(changes) - set(COLUMNS)):
        raise ValueError(f"contacts.edit cannot change {', '.join(unknown)}; it can change {', '.join(COLUMNS)}.")
    if not all(isinstance(value, str) for value in changes.values()):
        raise TypeError("contacts.edit takes text; an empty text clears a column.")
    using = using or contact._state.db or DEFAULT_DB_ALIAS
    asked = {COLUMNS[name]: value for name, value in changes.items()}

    def whole() -> dict[str, Any]:
        if not sync.refresh(Contact, contact.pk, using=using, cause="operation"):
            # The mirror's row may be old; sending it whole would undo what nobody asked to change.
            raise Misunderstood(
                f"Contact {contact.pk} could not be read just before it was to be changed; nothing was sent.",
                Facts(_EDIT.call, None, "not-readable"),
            )
        row = Contact._base_manager.using(using).get(pk=contact.pk)
        values = {theirs: getattr(row, ours) for ours, theirs in COLUMNS.items()}
        values |= {
            "contact_type": row.contact_type,
            "contact_type_id": row.contact_type_ref_id,
            "user_id": row.user_id,
        }
        # Blesta's nulls are empty texts here; sending them back as texts would be a change.
        kept = {name: value for name, value in values.items() if value not in ("", None)}
        return {"contact_id": contact.pk, "vars": kept | asked}

    result = perform(
        Change(
            kind="contacts.edit",
            signature=_EDIT,
            resource="Contact",
            asked={"contact_id": contact.pk, "vars": asked},
            arguments=whole,
            ids=_edited,
            target_id=contact.pk,
            client_id=contact.client_id,
            company_id=contact.company_id,
        ),
        using=using,
        actor=actor,
        token=token,
    )
    # Blesta joins the primary contact into the client's row.
    fresh = not result.repeated and refreshed((Contact, contact.pk), (Client, contact.client_id), using=using)
    row = Contact._base_manager.using(using).filter(pk=contact.pk).first() if fresh else None
    differs = tuple(name for name, value in changes.items() if row is not None and getattr(row, name) != value)
    return Result(result.operation, repeated=result.repeated, fresh=fresh, differs=differs)


def _edited(answer: Any) -> dict[str, int]:
    if answer is False:
        raise OutcomeUnknown("Blesta answered false instead of the contact.", Facts(_EDIT.call, 200, "no-contact"))
    return {}


def add_number(
    contact: Contact,
    *,
    number: str,
    type: str = "phone",
    location: str = "home",
    actor: Any = None,
    token: str | None = None,
    using: str = "",
) -> Result:
    """Add a telephone number; `type` is phone or fax, `location` home, work or mobile. `ids["contact_number_id"]`."""
    using = using or contact._state.db or DEFAULT_DB_ALIAS
    asked = {"contact_id": contact.pk, "vars": {"number": number, "type": type, "location": location}}
    result = perform(
        Change(
            kind="contacts.add_number",
            signature=_ADD_NUMBER,
            resource="ContactNumber",
            asked=asked,
            arguments=lambda: asked,
            ids=lambda answer: {"contact_number_id": answer},
            target_id=contact.pk,
            client_id=contact.client_id,
            company_id=contact.company_id,
        ),
        using=using,
        actor=actor,
        token=token,
    )
    fresh = not result.repeated and refreshed((ContactNumber, result.ids["contact_number_id"]), using=using)
    return Result(result.operation, repeated=result.repeated, fresh=fresh)
