"""Customers: making one (login, client, primary contact and settings in one call), and the client row itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Unpack

from django.views.decorators.debug import sensitive_variables

from django_blesta.connection import Shape, Unreadable, declare, identifier_from
from django_blesta.exceptions import Facts, OutcomeUnknown
from django_blesta.models import Client, ClientGroup, Contact, User
from django_blesta.operations._journal import Change, Result, Who
from django_blesta.operations._kinds import Case, Finding, Kind, Step, define
from django_blesta.operations._perform import perform
from django_blesta.operations._probes import row_has_the_values, row_is_gone, seal, seal_fits
from django_blesta.operations.contacts import COLUMNS

CLIENT_COLUMNS: Final = ("id_code", "user_id", "client_group_id", "status")
"""Blesta's names of what `edit` can change; names and addresses are the primary contact's."""


def _created(answer: Any) -> dict[str, int]:
    row = answer if isinstance(answer, dict) else {"id": answer}
    try:
        found = {"client_id": identifier_from(row.get("id"))}
        found |= {name: identifier_from(row.get(name)) for name in ("contact_id", "user_id")}
    except Unreadable:
        found = {"client_id": None}
    ids = {name: value for name, value in found.items() if value is not None}
    if "client_id" not in ids:
        raise OutcomeUnknown("Blesta answered without the new client.", Facts("Clients.create", 200, "no-id"))
    return ids


def _found_by_username(case: Case) -> Finding:
    user = case.ask("Users", "getByUsername", username=case["username"])
    if user is None:
        return Finding(False, "No login has this user name.")
    user_id = identifier_from(user.get("id")) or 0
    client = case.ask("Clients", "getByUserId", user_id=user_id, get_settings=False)
    if client is None:
        return Finding(None, f"Login {user_id} has the user name, and no client.")
    found = _created(client)
    if identifier_from(client.get("client_group_id")) != case["client_group_id"]:
        return Finding(None, f"Client {found['client_id']} has the user name and is in another group.")
    if found["client_id"] <= case["after_id"]:
        return Finding(False, f"Client {found['client_id']} had this user name before.")
    return Finding(True, f"Client {found['client_id']} has the user name.", found)


def _newest_client(asked: Mapping[str, Any], case: Case) -> Mapping[str, Any]:
    rows = case.ask("Clients", "getList", page=1, order_by={"id": "DESC"})
    case.keep(after_id=max((identifier_from(row.get("id")) or 0 for row in rows), default=0))
    return asked


_CREATE = define(
    Kind(
        name="clients.create",
        model=Client,
        does="Create a client with login, primary contact, telephone numbers and settings.",
        finds="A new client belongs to the login with the user name that was asked for.",
        steps=(
            Step(
                # Documented to answer with the client; an id alone is understood as well.
                signature=declare("Clients", "create", writes=True, shape=Shape.ANY),
                build=_newest_client,
                ids=_created,
                probe=_found_by_username,
            ),
        ),
        touched=lambda case: (
            (Client, case.keys.get("client_id")),
            (Contact, case.keys.get("contact_id")),
            (User, case.keys.get("user_id")),
        ),
        dry_run=lambda asked, case: ("Clients", "validateCreation", asked),
    )
)
declare("Clients", "validateCreation", writes=True, shape=Shape.ANY)


@sensitive_variables("password", "asked")
def create(
    client_group: ClientGroup,
    *,
    username: str,
    password: str,
    contact: Mapping[str, str],
    numbers: Sequence[Mapping[str, str]] = (),
    settings: Mapping[str, str] | None = None,
    custom: Mapping[str, str] | None = None,
    send_registration_email: bool = True,
    **who: Unpack[Who],
) -> Result:
    """Create a client of that group; `ids["client_id"]` is the new one.

    `contact` holds columns of `contacts.COLUMNS`, of which Blesta wants both names and the e-mail address. `numbers`
    are maps of number, type and location. `settings` and `custom` are passed as Blesta names them.
    """
    if unknown := sorted(set(contact) - set(COLUMNS)):
        raise ValueError(f"clients.create knows no {', '.join(unknown)} of a contact; it knows {', '.join(COLUMNS)}.")
    asked: dict[str, Any] = {COLUMNS[name]: value for name, value in contact.items()}
    asked |= {
        "username": username,
        "new_password": password,
        "confirm_password": password,
        "client_group_id": client_group.pk,
        "send_registration_email": send_registration_email,
    }
    asked |= {"numbers": [dict(one) for one in numbers]} if numbers else {}
    asked |= {"settings": dict(settings)} if settings else {}
    asked |= {"custom": dict(custom)} if custom else {}
    by_email = (settings or {}).get("username_type") == "email"
    keys = {"username": contact.get("email", "") if by_email else username, "client_group_id": client_group.pk}
    return perform(Change(_CREATE, {"vars": asked}, client_group, keys=keys), who)


_EDIT = define(
    Kind(
        name="clients.edit",
        model=Client,
        does="Change a client's number, login, group or status.",
        finds="The client has the values that were asked for.",
        steps=(
            Step(
                signature=declare("Clients", "edit", writes=True, shape=Shape.NOTHING),
                probe=row_has_the_values("Clients", "get", "client_id"),
            ),
        ),
        may_wait=True,
    )
)


def edit(client: Client, *, changes: Mapping[str, Any], **who: Unpack[Who]) -> Result:
    """Change some of `CLIENT_COLUMNS`."""
    if unknown := sorted(set(changes) - set(CLIENT_COLUMNS)):
        raise ValueError(f"clients.edit cannot change {', '.join(unknown)}; it can change {', '.join(CLIENT_COLUMNS)}.")
    asked = {"client_id": client.pk, "vars": dict(changes)}
    return perform(Change(_EDIT, asked, client, keys=seal(changes)), who)


def set_status(client: Client, status: str, **who: Unpack[Who]) -> Result:
    """Make it active, inactive or fraud."""
    return edit(client, changes={"status": status}, **who)


def _has_settings(case: Case) -> Finding:
    row = case.ask("Clients", "get", client_id=case["target_id"], get_settings=True) or {}
    settings = row.get("settings")
    fits = isinstance(settings, dict) and seal_fits(case.keys, settings)
    return Finding(fits, f"Client {case['target_id']} {'has' if fits else 'does not have'} the settings asked for.")


_SETTINGS = define(
    Kind(
        name="clients.set_settings",
        model=Client,
        does="Change what a client may set: currency, language, how invoices are sent, tax id.",
        finds="The client has the settings that were asked for.",
        steps=(
            Step(
                signature=declare("Clients", "setClientSettings", writes=True, shape=Shape.NOTHING),
                probe=_has_settings,
            ),
        ),
    )
)


def set_settings(client: Client, *, settings: Mapping[str, str], **who: Unpack[Who]) -> Result:
    """Under the rules for customers: Blesta refuses what the company does not let them change (`….editable`)."""
    asked = {"client_id": client.pk, "vars": dict(settings)}
    return perform(Change(_SETTINGS, asked, client, keys=seal(settings)), who)


_DELETE = define(
    Kind(
        name="clients.delete",
        model=Client,
        does="Delete a client; Blesta refuses while invoices are open or services run.",
        finds="Clients.get shows no such client any more.",
        steps=(
            Step(
                signature=declare("Clients", "delete", writes=True, shape=Shape.NOTHING),
                probe=row_is_gone("Clients", "get", "client_id"),
            ),
        ),
        touched=lambda case: (),
        exclusive=True,
    )
)


def delete(client: Client, *, confirmed_number: str, **who: Unpack[Who]) -> Result:
    """Delete the client for good; `confirmed_number` is the client's number, said again by whoever asks for it."""
    if confirmed_number != client.id_code:
        raise ValueError("clients.delete wants the number of the very client that is to be deleted.")
    return perform(Change(_DELETE, {"client_id": client.pk}, client), who)
