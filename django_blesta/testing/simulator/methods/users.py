"""Logins. There is no list of them."""

from __future__ import annotations

import hashlib
from typing import Any

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.rules import Rule, Rules, blank_or, check, email, filled, one_of
from django_blesta.testing.simulator.state import Row


@method("Users", "get")
def get(call: Call, user_id: int) -> Any:
    """With the hash and the second factor's secrets, which nobody may keep."""
    row = call.state.get("users", user_id)
    return call.rows.plain("users", row) if row else False


@method("Users", "getByUsername")
def get_by_username(call: Call, username: str) -> Any:
    rows = call.state.where("users", username=username)
    return call.rows.plain("users", rows[0]) if rows else False


def hashed(password: str) -> str:
    """Shaped like a hash, so that a mirror which stores it can be caught."""
    return f"$2y$10${hashlib.sha256(password.encode()).hexdigest()[:53]}"


def rules(call: Call, values: Array, *, edit: bool, user_id: int | None = None) -> Rules:
    size = call.switches.password_length

    def long_enough(value: Any) -> bool:
        return isinstance(value, str) and len(value) >= size

    def free(value: Any) -> bool:
        taken = call.state.where("users", username=value) if isinstance(value, str) else []
        return all(row["id"] == user_id for row in taken)

    return (
        (
            "username",
            [
                Rule("empty", filled, "Please enter a username.", if_set=edit, last=True),
                Rule("unique", free, "That username has already been taken.", if_set=edit),
            ],
        ),
        (
            "new_password",
            [
                Rule(
                    "format",
                    long_enough,
                    f"Please enter a password at least {size} characters in length.",
                    if_set=edit,
                ),
                Rule(
                    "matches",
                    lambda value: value == values.get("confirm_password"),
                    "The passwords do not match.",
                    if_set=edit,
                ),
            ],
        ),
        ("two_factor_mode", [Rule("format", one_of("none", "motp", "totp"), "Invalid mode.", if_set=True)]),
        ("recovery_email", [Rule("format", blank_or(email), "Please enter a valid recovery email.", if_set=True)]),
    )


@method("Users", "edit", writes=True)
def edit(call: Call, user_id: int, vars: Array, validate_pass: bool = False) -> None:
    row = call.state.get("users", user_id)
    values: Array = {name: value for name, value in vars.items() if not (name == "new_password" and value == "")}
    values["user_id"] = user_id
    current = vars.get("current_password")

    def right(value: Any) -> bool:
        return row is not None and isinstance(current, str) and hashed(current) == row["password"]

    known = ("user_id", [Rule("exists", lambda value: row is not None, "Invalid user ID.", final=True)])
    password = ("current_password", [Rule("matches", right, "Invalid password.")])
    own = rules(call, values, edit=True, user_id=user_id)
    check(values, (known, *([password] if validate_pass else []), *own))
    changes: Row = {
        name: values[name]
        for name in ("username", "two_factor_mode", "two_factor_key", "two_factor_pin")
        if name in values
    }
    if "recovery_email" in values:
        changes["recovery_email"] = values["recovery_email"] or None
    if php.truthy(values.get("new_password")):
        changes["password"] = hashed(values["new_password"])
    call.state.update("users", user_id, **changes)
