"""Logins at Blesta: passwords and user names. No password is kept anywhere, so these are never queued."""

from __future__ import annotations

from typing import Any, Unpack

from django.views.decorators.debug import sensitive_variables

from django_blesta.connection import Shape, declare
from django_blesta.models import Client, User
from django_blesta.operations._journal import Change, Result, Who
from django_blesta.operations._kinds import Case, Finding, Kind, Step, define
from django_blesta.operations._perform import perform

_EDIT = declare("Users", "edit", writes=True, shape=Shape.NOTHING)

_CHANGE_PASSWORD = define(
    Kind(
        name="users.change_password",
        model=User,
        does="Change the password of a login, which must say its present one.",
        finds="Nothing in Blesta shows it, so an open outcome is a person's to decide; trying the password tells.",
        steps=(Step(signature=_EDIT),),
        touched=lambda case: (),
    )
)


@sensitive_variables("current_password", "new_password", "values")
def change_password(user: User, *, current_password: str, new_password: str, **who: Unpack[Who]) -> Result:
    """Blesta checks the present password (`current_password.matches`) and its own rules for the new one."""
    values = {
        "current_password": current_password,
        "new_password": new_password,
        "confirm_password": new_password,
    }
    asked = {"user_id": user.pk, "vars": values, "validate_pass": True}
    return perform(Change(_CHANGE_PASSWORD, asked, user), who)


def _has_username(case: Case) -> Finding:
    row: dict[str, Any] = case.ask("Users", "get", user_id=case["target_id"]) or {}
    fits = row.get("username") == case["username"]
    return Finding(fits, f"Login {case['target_id']} {'has' if fits else 'does not have'} the user name asked for.")


def _login_and_clients(case: Case) -> Any:
    clients = Client._base_manager.using(case.using).filter(user=case["target_id"])
    return [(User, case["target_id"]), *((Client, pk) for pk in clients.values_list("pk", flat=True))]


_CHANGE_USERNAME = define(
    Kind(
        name="users.change_username",
        model=User,
        does="Change the user name of a login.",
        finds="The login has the user name that was asked for.",
        steps=(Step(signature=_EDIT, probe=_has_username),),
        touched=_login_and_clients,
    )
)


def change_username(user: User, *, username: str, **who: Unpack[Who]) -> Result:
    """A client whose user name is the e-mail address keeps the old one when the address changes: this changes it."""
    asked = {"user_id": user.pk, "vars": {"username": username}}
    return perform(Change(_CHANGE_USERNAME, asked, user, keys={"username": username}), who)
