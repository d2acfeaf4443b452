"""Making a customer: login, client, primary contact and settings in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.views.decorators.debug import sensitive_variables

from django_blesta.connection import Shape, Unreadable, declare, identifier_from
from django_blesta.exceptions import Facts, OutcomeUnknown
from django_blesta.models import Client, ClientGroup, Contact, User
from django_blesta.operations._journal import Change, Result, perform
from django_blesta.operations._mirror import refreshed
from django_blesta.operations.contacts import COLUMNS

# Documented to answer with the client; an id alone is understood as well.
_CREATE = declare("Clients", "create", writes=True, shape=Shape.ANY)


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
    actor: Any = None,
    token: str | None = None,
    using: str = "",
) -> Result:
    """Create a client of that group; `ids["client_id"]` is the new one.

    `contact` holds columns of `contacts.COLUMNS`, of which Blesta wants both names and the e-mail address. `numbers`
    are maps of number, type and location. `settings` and `custom` are passed as Blesta names them.
    """
    if unknown := sorted(set(contact) - set(COLUMNS)):
        raise ValueError(f"clients.create knows no {', '.join(unknown)} of a contact; it knows {', '.join(COLUMNS)}.")
    using = using or client_group._state.db or DEFAULT_DB_ALIAS
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
    result = perform(
        Change(
            kind="clients.create",
            signature=_CREATE,
            resource="Client",
            asked={"vars": asked},
            arguments=lambda: {"vars": asked},
            ids=_created,
            company_id=client_group.company_id,
        ),
        using=using,
        actor=actor,
        token=token,
    )
    ids = result.ids
    rows = ((Client, ids["client_id"]), (Contact, ids.get("contact_id")), (User, ids.get("user_id")))
    fresh = not result.repeated and refreshed(*rows, using=using)
    return Result(result.operation, repeated=result.repeated, fresh=fresh)


def _created(answer: Any) -> dict[str, int]:
    row = answer if isinstance(answer, dict) else {"id": answer}
    try:
        found = {"client_id": identifier_from(row.get("id"))}
        found |= {name: identifier_from(row.get(name)) for name in ("contact_id", "user_id")}
    except Unreadable:
        found = {"client_id": None}
    ids = {name: value for name, value in found.items() if value is not None}
    if "client_id" not in ids:
        raise OutcomeUnknown("Blesta answered without the new client.", Facts(_CREATE.call, 200, "no-id"))
    return ids
