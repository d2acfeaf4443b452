"""Changing people: a contact's names, addresses and e-mail, its telephone numbers, and what it may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Unpack

from django_blesta import sync
from django_blesta.connection import Shape, declare
from django_blesta.exceptions import Facts, Misunderstood, OutcomeUnknown
from django_blesta.models import Client, Contact, ContactNumber, ContactType
from django_blesta.operations._journal import Change, Result, Who
from django_blesta.operations._kinds import Asked, Case, Finding, Kind, Step, define
from django_blesta.operations._perform import perform
from django_blesta.operations._probes import one_of, row_has_the_values, row_is_gone, seal, seal_fits

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


def _whole(asked: Asked, case: Case) -> Asked:
    """The contact with the changes in it, as Blesta has it now."""
    pk = case["target_id"]
    if not sync.refresh(Contact, pk, using=case.using, cause="operation"):
        # The mirror's row may be old; sending it whole would undo what nobody asked to change.
        raise Misunderstood(
            f"Contact {pk} could not be read just before it was to be changed; nothing was sent.",
            Facts("Contacts.edit", None, "not-readable"),
        )
    row = Contact._base_manager.using(case.using).get(pk=pk)
    values = {theirs: getattr(row, ours) for ours, theirs in COLUMNS.items()}
    values |= {
        "contact_type": row.contact_type,
        "contact_type_id": row.contact_type_ref_id,
        "user_id": row.user_id,
    }
    # Blesta's nulls are empty texts here; sending them back as texts would be a change.
    kept = {name: value for name, value in values.items() if value not in ("", None)}
    return {"contact_id": pk, "vars": kept | asked["vars"]}


def _edited(answer: Any) -> dict[str, int]:
    if answer is False:
        raise OutcomeUnknown("Blesta answered false instead of the contact.", Facts("Contacts.edit", 200, "no-contact"))
    return {}


def _contact_and_client(case: Case) -> Any:
    # Blesta joins the primary contact into the client's row.
    return (Contact, case.keys.get("contact_id") or case.keys.get("target_id")), (Client, case.keys.get("client_id"))


_EDIT = define(
    Kind(
        name="contacts.edit",
        model=Contact,
        does="Change names, addresses and e-mail of a contact.",
        finds="The contact has the values that were asked for.",
        steps=(
            Step(
                # Documented to answer with the contact; some methods that edit answer with an id or nothing instead.
                signature=declare("Contacts", "edit", writes=True, shape=Shape.ANY),
                build=_whole,
                ids=_edited,
                probe=row_has_the_values("Contacts", "get", "contact_id"),
            ),
        ),
        touched=_contact_and_client,
        dry_run=lambda asked, case: (
            "Contacts",
            "validateContact",
            {"vars": {**_whole(asked, case)["vars"], "contact_id": case["target_id"]}, "edit": True},
        ),
        may_wait=True,
    )
)


def edit(contact: Contact, *, changes: Mapping[str, str], **who: Unpack[Who]) -> Result:
    """Change some of `COLUMNS`; an empty text clears a column.

    Blesta checks both names and the e-mail address each time, sent or not (reference 6.4), so the whole contact goes
    out. It is read again just before: what staff changed since the last sync would otherwise be undone.
    """
    asked = _asked("contacts.edit", changes)
    change = Change(_EDIT, {"contact_id": contact.pk, "vars": asked}, contact, keys=seal(asked))
    result = perform(change, who)
    using = who.get("using") or contact._state.db
    row = Contact._base_manager.using(using).filter(pk=contact.pk).first() if result.fresh else None
    differs = tuple(name for name, value in changes.items() if row is not None and getattr(row, name) != value)
    return replace(result, differs=differs)


def _asked(name: str, columns: Mapping[str, str]) -> dict[str, str]:
    if unknown := sorted(set(columns) - set(COLUMNS)):
        raise ValueError(f"{name} cannot change {', '.join(unknown)}; it can change {', '.join(COLUMNS)}.")
    if not all(isinstance(value, str) for value in columns.values()):
        raise TypeError(f"{name} takes text; an empty text clears a column.")
    return {COLUMNS[column]: value for column, value in columns.items()}


def _newest_contact(asked: Asked, case: Case) -> Asked:
    rows = _contacts_of(case)
    case.keep(after_id=max((int(row["id"]) for row in rows), default=0))
    return asked


def _contacts_of(case: Case) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for page in range(1, 26):
        more = [
            row
            for row in case.ask("Contacts", "getList", client_id=case["client_id"], page=page, order={"id": "ASC"})
            if row not in rows
        ]
        if not more:
            break
        rows += more
    return rows


def _added(case: Case) -> Finding:
    newer = [row for row in _contacts_of(case) if int(row["id"]) > case["after_id"]]
    return one_of([int(row["id"]) for row in newer if seal_fits(case.keys, row)], "contact_id", "contact")


_ADD = define(
    Kind(
        name="contacts.add",
        model=Client,
        does="Add a contact to a client, with its telephone numbers.",
        finds="The client has one new contact with the values that were asked for.",
        steps=(
            Step(
                signature=declare("Contacts", "add", writes=True, shape=Shape.ID),
                build=_newest_contact,
                ids=lambda answer: {"contact_id": answer},
                probe=_added,
            ),
        ),
        touched=lambda case: ((Contact, case.keys.get("contact_id")),),
        dry_run=lambda asked, case: ("Contacts", "validateContact", {**asked, "validate_client": True}),
    )
)


def add(
    client: Client,
    *,
    contact: Mapping[str, str],
    contact_type: str = "billing",
    custom_type: ContactType | None = None,
    numbers: Sequence[Mapping[str, str]] = (),
    **who: Unpack[Who],
) -> Result:
    """Add a contact with `COLUMNS`; `ids["contact_id"]`.

    `contact_type` is billing or other; a company's own kind goes with other, in `custom_type`. `numbers` are maps of
    number, type and location.
    """
    columns = _asked("contacts.add", contact)
    values: dict[str, Any] = {**columns, "client_id": client.pk, "contact_type": contact_type}
    values |= {"contact_type_id": custom_type.pk} if custom_type else {}
    values |= {"numbers": [dict(one) for one in numbers]} if numbers else {}
    sealed = seal({name: value for name, value in columns.items() if value})
    return perform(Change(_ADD, {"vars": values}, client, keys=sealed), who)


_DELETE = define(
    Kind(
        name="contacts.delete",
        model=Contact,
        does="Delete a contact; Blesta refuses for the primary one and for the one that invoices are addressed to.",
        finds="Contacts.get shows no such contact any more.",
        steps=(
            Step(
                signature=declare("Contacts", "delete", writes=True, shape=Shape.NOTHING),
                probe=row_is_gone("Contacts", "get", "contact_id"),
            ),
        ),
        touched=lambda case: (),
    )
)


def delete(contact: Contact, **who: Unpack[Who]) -> Result:
    """Its row stays in the mirror until a complete sync has missed it."""
    return perform(Change(_DELETE, {"contact_id": contact.pk}, contact), who)


def _numbers_of(case: Case) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = case.ask("Contacts", "getNumbers", contact_id=case["contact"])
    return rows


def _newest_number(asked: Asked, case: Case) -> Asked:
    case.keep(after_id=max((int(row["id"]) for row in _numbers_of(case)), default=0))
    return asked


def _number_added(case: Case) -> Finding:
    newer = [row for row in _numbers_of(case) if int(row["id"]) > case["after_id"] and seal_fits(case.keys, row)]
    return one_of([int(row["id"]) for row in newer], "contact_number_id", "number")


def _number_touched(case: Case) -> Any:
    return ((ContactNumber, case.keys.get("contact_number_id") or case.keys.get("number_id")),)


_ADD_NUMBER = define(
    Kind(
        name="contacts.add_number",
        model=Contact,
        does="Add a telephone number to a contact.",
        finds="The contact has one new number with the values that were asked for.",
        steps=(
            Step(
                signature=declare("Contacts", "addNumber", writes=True, shape=Shape.ID),
                build=_newest_number,
                ids=lambda answer: {"contact_number_id": answer},
                probe=_number_added,
            ),
        ),
        touched=_number_touched,
    )
)


def add_number(
    contact: Contact, *, number: str, type: str = "phone", location: str = "home", **who: Unpack[Who]
) -> Result:
    """Add a telephone number; `type` is phone or fax, `location` home, work or mobile. `ids["contact_number_id"]`."""
    values = {"number": number, "type": type, "location": location}
    asked = {"contact_id": contact.pk, "vars": values}
    return perform(Change(_ADD_NUMBER, asked, contact, keys=seal(values) | {"contact": contact.pk}), who)


_EDIT_NUMBER = define(
    Kind(
        name="contacts.edit_number",
        model=ContactNumber,
        does="Change a telephone number.",
        finds="The number has the values that were asked for.",
        steps=(
            Step(
                signature=declare("Contacts", "editNumber", writes=True, shape=Shape.NOTHING),
                probe=row_has_the_values("Contacts", "getNumber", "contact_number_id"),
            ),
        ),
    )
)


def edit_number(row: ContactNumber, *, number: str, type: str = "", location: str = "", **who: Unpack[Who]) -> Result:
    """Give it another number; its type and location stay unless others are given."""
    values = {"number": number}
    values |= {"type": type or row.type} if type or row.type else {}
    values |= {"location": location or row.location} if location or row.location else {}
    asked = {"contact_number_id": row.pk, "vars": values}
    return perform(Change(_EDIT_NUMBER, asked, row, keys=seal(values)), who)


_DELETE_NUMBER = define(
    Kind(
        name="contacts.delete_number",
        model=ContactNumber,
        does="Delete a telephone number.",
        finds="Contacts.getNumber shows no such number any more.",
        steps=(
            Step(
                signature=declare("Contacts", "deleteNumber", writes=True, shape=Shape.NOTHING),
                probe=row_is_gone("Contacts", "getNumber", "contact_number_id"),
            ),
        ),
        touched=lambda case: (),
    )
)


def delete_number(row: ContactNumber, **who: Unpack[Who]) -> Result:
    return perform(Change(_DELETE_NUMBER, {"contact_number_id": row.pk}, row), who)


declare("Contacts", "validateContact", writes=True, shape=Shape.ANY)


def _areas(answer: Any) -> set[str]:
    """Names of areas, whether Blesta lists words or rows."""
    rows = answer.values() if isinstance(answer, dict) else answer if isinstance(answer, list) else ()
    return {str(row.get("area", "")) if isinstance(row, dict) else str(row) for row in rows} - {""}


def _permitted(case: Case) -> Finding:
    found = _areas(case.ask("Contacts", "getPermissions", contact_id=case["target_id"]))
    fits = found == set(case["areas"])
    return Finding(fits, f"Contact {case['target_id']} {'has' if fits else 'does not have'} these permissions.")


_SET_PERMISSIONS = define(
    Kind(
        name="contacts.set_permissions",
        model=Contact,
        does="Say which areas a contact with a login may see.",
        finds="Contacts.getPermissions names the areas that were asked for.",
        steps=(
            Step(
                signature=declare("Contacts", "setPermissions", writes=True, shape=Shape.NOTHING),
                probe=_permitted,
            ),
        ),
    )
)


def set_permissions(contact: Contact, *, areas: Sequence[str], **who: Unpack[Who]) -> Result:
    """Exactly these areas, at least one: a form cannot say "none"."""
    if not areas:
        raise ValueError("contacts.set_permissions needs at least one area; a form cannot express an empty list.")
    asked = {"contact_id": contact.pk, "vars": {"area": list(areas)}}
    return perform(Change(_SET_PERMISSIONS, asked, contact, keys={"areas": sorted(areas)}), who)
