"""Clients: reads, and the writes that make and change the client row itself. Names and addresses are its contact's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.listing import Selection
from django_blesta.testing.simulator.methods import contacts, users
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.rules import (
    Errors,
    Refused,
    Rule,
    Rules,
    at_most,
    blank_or,
    check,
    filled,
    one_of,
    validate,
)
from django_blesta.testing.simulator.state import Row

STATUSES: Final = ("active", "inactive", "fraud")
_DEPENDS: Final = ("client_groups", "contacts", "users", "client_settings")


def _selection(call: Call, status: str | None, filters: Array | None = None) -> Selection:
    filters = filters or {}
    fits = _filter(call, filters)

    def rows() -> list[Row]:
        found = call.state.where("clients", status=status) if status else call.state.tables["clients"].values()
        return [row for row in found if fits(row)]

    return Selection(
        "clients",
        "list",
        (call.company_id, status, php.to_json(filters)),
        rows,
        {"id_code": "ASC"},
        tables=_DEPENDS if filters else ("client_groups",),
    )


def _filter(call: Call, filters: Array) -> Callable[[Row], bool]:
    """Contact filters are partial and without regard to case. `last_seen…` is login activity, which nobody has here."""
    company = php.integer(filters.get("company_id")) or (call.company_id if call.switches.lists_scoped else None)
    group_id, method_wanted = php.integer(filters.get("client_group_id")), filters.get("invoice_method")
    wanted = {
        column: str(filters[key]).casefold()
        for key, column in (("contact_email", "email"), ("contact_company", "company"), ("contact_country", "country"))
        if filters.get(key)
    }
    name = str(filters.get("contact_name") or "").casefold()
    never_seen = filters.get("last_seen_start_date") or filters.get("last_seen_end_date")

    def fits(row: Row) -> bool:
        if never_seen or (company and call.company_of(row["id"]) != company):
            return False
        if group_id and row["client_group_id"] != group_id:
            return False
        if method_wanted:
            setting = call.state.get("client_settings", (row["id"], "inv_method"))
            if setting is None or setting["value"] != method_wanted:
                return False
        if not (wanted or name):
            return True
        contact = call.rows.client(row)
        full_name = f"{contact['first_name']} {contact['last_name']}".casefold()
        return name in full_name and all(
            text in str(contact[column] or "").casefold() for column, text in wanted.items()
        )

    return fits


@method("Clients", "getList")
def get_list(
    call: Call,
    status: str | None = None,
    page: int = 1,
    order_by: Array | None = None,
    filters: Array | None = None,
) -> list[Row]:
    return [call.rows.client(row) for row in call.listings.page(_selection(call, status, filters), page, order_by)]


@method("Clients", "getListCount")
def get_list_count(call: Call, status: str | None = None, filters: Array | None = None) -> int:
    return call.listings.count(_selection(call, status, filters))


@method("Clients", "getStatusCount")
def get_status_count(call: Call, status: str | None = "active", filters: Array | None = None) -> int:
    return call.listings.count(_selection(call, status, filters))


@method("Clients", "getAll")
def get_all(
    call: Call, status: str | None = None, client_group_id: int | None = None, get_settings: bool = False
) -> list[Row]:
    rows = call.listings.all(_selection(call, status))
    return [
        call.rows.client(row, settings=get_settings)
        for row in rows
        if not client_group_id or row["client_group_id"] == client_group_id
    ]


@method("Clients", "get")
def get(call: Call, client_id: int, get_settings: bool = True) -> Any:
    row = call.state.get("clients", client_id)
    return call.rows.client(row, wide=True, settings=get_settings) if row else False


@method("Clients", "getByUserId")
def get_by_user_id(call: Call, user_id: int, get_settings: bool = False) -> Any:
    rows = call.state.where("clients", user_id=user_id)
    return call.rows.client(rows[0], wide=True, settings=get_settings) if rows else False


@method("Clients", "getStatusTypes")
def get_status_types(call: Call) -> dict[str, str]:
    return {"active": "Active", "inactive": "Inactive", "fraud": "Fraud"}


def _search(call: Call, query: str) -> Selection:
    wanted = query.strip().casefold()

    def fits(row: Row) -> bool:
        if not wanted or not call.sees_client(row["id"]):
            return False
        shown = call.rows.client(row)
        columns = ("id_code", "company", "email", "address1", "address2", "city", "zip")
        texts = [f"{shown['first_name']} {shown['last_name']}", *(shown[column] for column in columns)]
        return any(wanted in str(text or "").casefold() for text in texts)

    return Selection(
        "clients",
        "search",
        (call.company_id, wanted),
        lambda: filter(fits, call.state.tables["clients"].values()),
        {"id": "ASC"},
        tables=_DEPENDS,
    )


@method("Clients", "search")
def search(call: Call, query: str, page: int = 1) -> list[Row]:
    """Numbers, names, companies, addresses of both kinds; not telephone numbers."""
    return [call.rows.client(row) for row in call.listings.page(_search(call, query), page)]


@method("Clients", "getSearchCount")
def get_search_count(call: Call, query: str) -> int:
    return call.listings.count(_search(call, query))


def _notes(call: Call, client_id: int) -> Selection:
    return Selection(
        "client_notes",
        "client",
        (client_id,),
        lambda: call.state.where("client_notes", client_id=client_id),
        {"date_added": "DESC"},
        keep=False,
    )


@method("Clients", "getNoteList")
def get_note_list(call: Call, client_id: int, page: int = 1, order_by: Array | None = None) -> list[Row]:
    rows = call.listings.page(_notes(call, client_id), page, order_by)
    return [call.rows.plain("client_notes", row) for row in rows]


@method("Clients", "getNoteListCount")
def get_note_list_count(call: Call, client_id: int) -> int:
    return call.listings.count(_notes(call, client_id))


@method("Clients", "getNote")
def get_note(call: Call, note_id: int) -> Any:
    row = call.state.get("client_notes", note_id)
    return call.rows.plain("client_notes", row) if row else False


def _client_rules(call: Call, *, edit: bool, client_id: int | None = None) -> Rules:
    def free(value: Any) -> bool:
        taken = call.state.where("clients", user_id=php.integer(value)) if value else []
        return all(row["id"] == client_id for row in taken)

    return (
        (
            "client_group_id",
            [
                Rule(
                    "exists",
                    lambda value: php.integer(value) in call.state.tables["client_groups"],
                    "Invalid client group ID.",
                    if_set=edit,
                )
            ],
        ),
        (
            "user_id",
            [
                Rule(
                    "exists",
                    blank_or(lambda value: php.integer(value) in call.state.tables["users"]),
                    "Invalid user ID.",
                    if_set=True,
                    last=True,
                ),
                Rule("unique", free, "That user ID is already used by another client.", if_set=True),
            ],
        ),
        ("status", [Rule("format", one_of(*STATUSES), "Invalid status.", if_set=True)]),
        ("id_code", [Rule("length", at_most(64), None, if_set=True)]),
    )


def _setting_errors(call: Call, settings: Any) -> Errors:
    """The codes name the setting alone, but for the tax id."""
    given: Array = settings if isinstance(settings, dict) else {}
    rules: Rules = (
        (
            "default_currency",
            [
                Rule(
                    "valid",
                    lambda value: (call.company_id, value) in call.state.tables["currencies"],
                    "Invalid currency.",
                    if_set=True,
                )
            ],
        ),
        (
            "language",
            [
                Rule(
                    "valid",
                    lambda value: (call.company_id, value) in call.state.tables["languages"],
                    "Invalid language.",
                    if_set=True,
                )
            ],
        ),
        ("receive_email_marketing", [Rule("valid", one_of("true", "false"), "Invalid value.", if_set=True)]),
    )
    return validate(given, rules)


def _creation_errors(call: Call, values: Array) -> Errors:
    settings: Any = values.get("settings")
    by_email = isinstance(settings, dict) and settings.get("username_type") == "email"
    login = {**values, "username": values.get("email", "")} if by_email else values
    parts = (
        validate(login, users.rules(call, login, edit=False)),
        validate(values, _client_rules(call, edit=False)),
        contacts.errors(call, {**values, "contact_type": "primary"}, client_group_id=values.get("client_group_id")),
        _setting_errors(call, settings),
    )
    errors: Errors = {}
    for part in parts:
        for field, codes in part.items():
            errors.setdefault(field, {}).update(codes)
    return errors


@method("Clients", "validateCreation")
def validate_creation(call: Call, vars: Array) -> bool:
    """A dry run of `create`: true, or a 400 with the errors."""
    errors = _creation_errors(call, vars)
    if errors:
        raise Refused(errors)
    return True


@method("Clients", "create", writes=True)
def create(call: Call, vars: Array) -> Row:
    """Login, client, primary contact with its numbers, settings: all or nothing. Answers the client."""
    validate_creation(call, vars)
    settings = vars.get("settings") if isinstance(vars.get("settings"), dict) else {}
    username = vars["email"] if (settings or {}).get("username_type") == "email" else vars["username"]
    user = call.state.insert(
        "users",
        username=username,
        password=users.hashed(vars["new_password"]),
        recovery_email=vars.get("recovery_email") or None,
        date_added=call.now(),
    )
    group_id = php.integer(vars["client_group_id"])
    company_id = call.state.tables["client_groups"][group_id]["company_id"]
    mine = (row for row in call.state.tables["clients"].values() if call.company_of(row["id"]) == company_id)
    number = max((row["id_value"] for row in mine), default=1499) + 1
    client = call.state.insert(
        "clients",
        id_value=number,
        id_code=str(number),
        user_id=user["id"],
        client_group_id=group_id,
        status=vars.get("status", "active"),
    )
    contacts.store(call, client["id"], {**vars, "contact_type": "primary"})
    defaults = {
        "default_currency": call.setting("default_currency") or "USD",
        "language": call.setting("language") or "en_us",
    }
    for key, value in {**defaults, **(settings or {})}.items():
        call.state.insert("client_settings", client_id=client["id"], key=key, value=str(value))
    return call.rows.client(client, wide=True, settings=True)


@method("Clients", "edit", writes=True)
def edit(call: Call, client_id: int, vars: Array) -> None:
    """Display number, login, group and status, nothing else: other keys are ignored without a word."""
    existing = (
        ("client_id", [Rule("exists", lambda value: value in call.state.tables["clients"], "Invalid client ID.")]),
    )
    values = {**vars, "client_id": client_id}
    check(values, (*existing, *_client_rules(call, edit=True, client_id=client_id)))
    changes: Row = {}
    for column in ("client_group_id", "user_id"):
        if column in vars:
            changes[column] = php.integer(vars[column]) or None
    for column in ("id_code", "status"):
        if filled(vars.get(column)):
            changes[column] = vars[column]
    call.state.update("clients", client_id, **changes)


_CLIENT_SETTINGS: Final = ("default_currency", "language", "inv_method", "tax_id", "receive_email_marketing")


@method("Clients", "setClientSettings", writes=True)
def set_client_settings(call: Call, client_id: int, vars: Array) -> None:
    """Under the rules for customers: a company may keep the currency and the language to itself."""
    if client_id not in call.state.tables["clients"]:
        raise Refused({"client_id": {"exists": "Invalid client ID."}})
    errors = _setting_errors(call, vars)
    for name, setting in (("default_currency", "client_set_currency"), ("language", "client_set_lang")):
        if name in vars and call.setting(setting) == "false":
            errors.setdefault(name, {})["editable"] = f"The {name} may not be updated."
    if errors:
        raise Refused(errors)
    for key in _CLIENT_SETTINGS:
        if key in vars:
            if call.state.get("client_settings", (client_id, key)):
                call.state.update("client_settings", (client_id, key), value=str(vars[key]))
            else:
                call.state.insert("client_settings", client_id=client_id, key=key, value=str(vars[key]))


@method("Clients", "delete", writes=True)
def delete(call: Call, client_id: int) -> None:
    """What belongs to the client stays and can no longer be reached through it."""
    if client_id not in call.state.tables["clients"]:
        raise Refused({"client_id": {"exists": "Invalid client ID."}})
    owed = any(
        row["status"] == "active" and row["date_closed"] is None
        for row in call.state.where("invoices", client_id=client_id)
    )
    running = any(row["status"] in ("active", "suspended") for row in call.state.where("services", client_id=client_id))
    if owed or running:
        text = "The client may not be deleted while invoices are open or services run."
        raise Refused({"client_id": {"deleteable": text}})
    call.state.delete("clients", client_id)
