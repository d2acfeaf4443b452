"""Contacts and their telephone numbers."""

from __future__ import annotations

from typing import Any, Final

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.listing import Selection
from django_blesta.testing.simulator.methods import contact_rules
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.rows import CONTACT_COLUMNS
from django_blesta.testing.simulator.rules import Errors, Refused, check, refuse, validate
from django_blesta.testing.simulator.state import Row

_BY_NAME: Final = {"last_name": "asc", "first_name": "asc"}
_BY_LOCATION: Final = "FIELD(location,'work','home','mobile')"
_CLEARABLE: Final = frozenset({"title", "company", "address1", "address2", "city", "state", "zip", "country"})


def _selection(call: Call, client_id: int, contact_type: str | None = None) -> Selection:
    wanted: Row = {"client_id": client_id} | ({"contact_type": contact_type} if contact_type else {})
    return Selection("contacts", "client", (), lambda: call.state.where("contacts", **wanted), _BY_NAME, keep=False)


@method("Contacts", "getList")
def get_list(call: Call, client_id: int, page: int = 1, order: Array | None = None) -> list[Row]:
    return [call.rows.contact(row) for row in call.listings.page(_selection(call, client_id), page, order)]


@method("Contacts", "getListCount")
def get_list_count(call: Call, client_id: int) -> int:
    return call.listings.count(_selection(call, client_id))


@method("Contacts", "getAll")
def get_all(call: Call, client_id: int, contact_type: str | None = None, order: Array | None = None) -> list[Row]:
    return [call.rows.contact(row) for row in call.listings.all(_selection(call, client_id, contact_type), order)]


@method("Contacts", "get")
def get(call: Call, contact_id: int) -> Any:
    row = call.state.get("contacts", contact_id)
    return call.rows.contact(row) if row else False


@method("Contacts", "getNumbers")
def get_numbers(
    call: Call, contact_id: int, type: str | None = None, location: str | None = None, order: Array | None = None
) -> list[Row]:
    wanted: Row = {"contact_id": contact_id}
    wanted |= {"type": type} if type else {}
    wanted |= {"location": location} if location else {}
    places = ("work", "home", "mobile")
    selection = Selection(
        "contact_numbers",
        "contact",
        (),
        lambda: call.state.where("contact_numbers", **wanted),
        {_BY_LOCATION: "ASC"},
        joined={_BY_LOCATION: lambda row: places.index(row["location"]) + 1 if row["location"] in places else 0},
        keep=False,
    )
    return [call.rows.plain("contact_numbers", row) for row in call.listings.all(selection, order)]


@method("Contacts", "getNumber")
def get_number(call: Call, contact_number_id: int) -> Any:
    row = call.state.get("contact_numbers", contact_number_id)
    return call.rows.plain("contact_numbers", row) if row else False


@method("Contacts", "getPermissions")
def get_permissions(call: Call, contact_id: int) -> list[Row]:
    return [dict(row) for row in call.state.where("contact_permissions", contact_id=contact_id)]


@method("Contacts", "getTypes")
def get_types(call: Call, company_id: int | None = None) -> list[Row]:
    rows = call.state.where("contact_types", company_id=company_id or call.company_id)
    return [call.rows.plain("contact_types", row) for row in rows]


@method("Contacts", "getType")
def get_type(call: Call, contact_type_id: int) -> Any:
    row = call.state.get("contact_types", contact_type_id)
    return call.rows.plain("contact_types", row) if row else False


@method("Contacts", "getContactTypes")
def get_contact_types(call: Call) -> dict[str, str]:
    own = {
        str(row["id"]): row["real_name"] or row["name"]
        for row in call.state.where("contact_types", company_id=call.company_id)
    }
    return {"primary": "Primary", "billing": "Billing", "other": "Other", **own}


@method("Contacts", "getNumberTypes")
def get_number_types(call: Call) -> dict[str, str]:
    return {"phone": "Phone", "fax": "Fax"}


@method("Contacts", "getNumberLocations")
def get_number_locations(call: Call) -> dict[str, str]:
    return {"home": "Home", "work": "Work", "mobile": "Mobile"}


def errors(call: Call, values: Array, *, client_group_id: Any, contact_id: int | None = None) -> Errors:
    """What is wrong with a contact, whichever method brings it."""
    rules = contact_rules.contact(call, values, client_group_id=php.integer(client_group_id), contact_id=contact_id)
    return validate(values, rules)


def store(call: Call, client_id: int, values: Array) -> Row:
    """A new contact with its numbers, from values that passed the rules."""
    row = call.state.insert(
        "contacts",
        client_id=client_id,
        user_id=php.integer(values.get("user_id")) or None,
        contact_type=values.get("contact_type", "primary"),
        contact_type_id=php.integer(values.get("contact_type_id")) or None,
        date_added=call.now(),
        **{column: values.get(column) or None for column in CONTACT_COLUMNS},
    )
    for number in php.items(values.get("numbers")):
        if isinstance(number, dict) and php.truthy(number.get("number")):
            _store_number(call, row["id"], number)
    return row


def _store_number(call: Call, contact_id: int, values: Array) -> Row:
    return call.state.insert(
        "contact_numbers",
        contact_id=contact_id,
        number=values["number"],
        type=values.get("type", "phone"),
        location=values.get("location", "home"),
    )


@method("Contacts", "validateContact")
def validate_contact(call: Call, vars: Array, edit: bool = False, validate_client: bool = False) -> bool:
    """A dry run of `add` or `edit`: true, or a 400 with the errors."""
    contact = call.state.get("contacts", php.integer(vars.get("contact_id"))) if edit else None
    client_id = contact["client_id"] if contact else php.integer(vars.get("client_id"))
    wrong = errors(
        call, vars, client_group_id=_group_of(call, client_id), contact_id=contact["id"] if contact else None
    )
    if edit and contact is None:
        wrong = {"contact_id": {"exists": "Invalid contact ID."}, **wrong}
    if validate_client and client_id not in call.state.tables["clients"]:
        wrong = {"client_id": {"exists": "Invalid client ID."}, **wrong}
    if wrong:
        raise Refused(wrong)
    return True


def _group_of(call: Call, client_id: int) -> int:
    client = call.state.get("clients", client_id)
    return client["client_group_id"] if client else 0


@method("Contacts", "add", writes=True)
def add(call: Call, vars: Array) -> int:
    validate_contact(call, vars, validate_client=True)
    contact_id: int = store(call, php.integer(vars["client_id"]), vars)["id"]
    return contact_id


@method("Contacts", "edit", writes=True)
def edit(call: Call, contact_id: int, vars: Array) -> Row:
    """Both names and the address of mail are checked every time, sent or not. Answers the contact."""
    validate_contact(call, {**vars, "contact_id": str(contact_id)}, edit=True)
    changes: Row = {}
    for column in CONTACT_COLUMNS:
        if column in vars:
            changes[column] = None if column in _CLEARABLE and vars[column] == "" else vars[column]
    if "contact_type" in vars:
        changes["contact_type"] = vars["contact_type"]
    for column in ("contact_type_id", "user_id"):
        if column in vars:
            changes[column] = php.integer(vars[column]) or None
    row = call.state.update("contacts", contact_id, **changes)
    if "numbers" in vars:
        _replace_numbers(call, contact_id, php.items(vars["numbers"]))
    return call.rows.contact(row)


def _replace_numbers(call: Call, contact_id: int, numbers: list[Any]) -> None:
    """By id where there is one: an empty number removes it, no id adds; numbers that are not named stay."""
    for values in numbers:
        if not isinstance(values, dict):
            continue
        existing = call.state.get("contact_numbers", php.integer(values.get("id")))
        given = php.truthy(values.get("number"))
        if existing is None and given:
            _store_number(call, contact_id, values)
        elif existing is not None and existing["contact_id"] == contact_id:
            if given:
                call.state.update("contact_numbers", existing["id"], **_number_changes(values))
            else:
                call.state.delete("contact_numbers", existing["id"])


def _number_changes(values: Array) -> Row:
    return {column: values[column] for column in ("number", "type", "location") if column in values}


@method("Contacts", "delete", writes=True)
def delete(call: Call, contact_id: int) -> None:
    row = call.state.get("contacts", contact_id)
    if row is None:
        raise refuse("contact_id", "exists", "Invalid contact ID.")
    if row["contact_type"] == "primary":
        raise refuse("contact_id", "primary", "The primary contact may not be deleted.")
    for number in call.state.where("contact_numbers", contact_id=contact_id):
        call.state.delete("contact_numbers", number["id"])
    call.state.delete("contacts", contact_id)


@method("Contacts", "addNumber", writes=True)
def add_number(call: Call, contact_id: int, vars: Array) -> int:
    check({**vars, "contact_id": contact_id}, contact_rules.number(call, "contact_id", "contacts"))
    number_id: int = _store_number(call, contact_id, vars)["id"]
    return number_id


@method("Contacts", "editNumber", writes=True)
def edit_number(call: Call, contact_number_id: int, vars: Array) -> None:
    check({**vars, "id": contact_number_id}, contact_rules.number(call, "id", "contact_numbers"))
    call.state.update("contact_numbers", contact_number_id, **_number_changes(vars))


@method("Contacts", "deleteNumber", writes=True)
def delete_number(call: Call, contact_number_id: int) -> None:
    """Deleting what is not there deletes nothing and says nothing."""
    if contact_number_id in call.state.tables["contact_numbers"]:
        call.state.delete("contact_numbers", contact_number_id)


@method("Contacts", "setPermissions", writes=True)
def set_permissions(call: Call, contact_id: int, vars: Array) -> None:
    """Exactly these."""
    if contact_id not in call.state.tables["contacts"]:
        raise refuse("contact_id", "exists", "Invalid contact ID.")
    for row in call.state.where("contact_permissions", contact_id=contact_id):
        call.state.delete("contact_permissions", (contact_id, row["area"]))
    for area in php.items(vars.get("area")):
        call.state.insert("contact_permissions", contact_id=contact_id, area=str(area))
