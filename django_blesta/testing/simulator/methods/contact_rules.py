"""What makes a contact and a telephone number acceptable."""

from __future__ import annotations

from typing import Any, Final

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.calls import Call
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.rules import Rule, Rules, at_most, blank_or, email, filled, one_of

# A client group's setting of this name lists, with commas, the fields that a contact of the group must have. Blesta
# keeps that list in a form of its own; the codes are what is known.
REQUIRED_FIELDS: Final = "required_contact_fields"
_NUMBER_TYPES: Final = ("phone", "fax")
_LOCATIONS: Final = ("home", "work", "mobile")
_TEXTS: Final = {
    "title": "Please enter a title.",
    "company": "Please enter a company.",
    "address1": "Please enter an address.",
    "address2": "Please enter the second line of the address.",
    "city": "Please enter a city.",
    "state": "Please choose a state.",
    "zip": "Please enter a postal code.",
    "country": "Please choose a country.",
}


def contact(call: Call, values: Array, *, client_group_id: int, contact_id: int | None) -> Rules:
    required = _required(call, client_group_id)

    def state_fits(value: Any) -> bool:
        country = values.get("country")
        known = call.state.where("states", country_alpha2=country) if isinstance(country, str) else []
        return any(row["code"] == value for row in known) if known else php.truthy(country)

    def kind_exists(value: Any) -> bool:
        return php.integer(value) in call.state.tables["contact_types"]

    def free(value: Any) -> bool:
        taken = (row["id"] for row in call.state.tables["contacts"].values() if row["email"] == value)
        return not call.switches.unique_emails or all(found == contact_id for found in taken)

    lengths = {"title": 64, "company": 128, "state": 3, "country": 3}
    rules: list[tuple[str, list[Rule]]] = [
        (
            "user_id",
            [
                Rule(
                    "exists",
                    blank_or(lambda value: php.integer(value) in call.state.tables["users"]),
                    "Invalid user ID.",
                    if_set=True,
                )
            ],
        ),
        (
            "contact_type",
            [Rule("format", one_of("primary", "billing", "other"), "Invalid contact type.", if_set=True)],
        ),
        ("contact_type_id", [Rule("format", blank_or(kind_exists), "Invalid contact type ID.", if_set=True)]),
        ("first_name", [Rule("empty", filled, "Please enter a first name.")]),
        ("last_name", [Rule("empty", filled, "Please enter a last name.")]),
        (
            "email",
            [
                Rule("format", email, "Please enter a valid email address.", last=True),
                Rule("unique", free, "That email address has already been taken."),
            ],
        ),
    ]
    for field, text in _TEXTS.items():
        field_rules = [Rule("empty", filled, text, last=True)] if field in required else []
        if field in lengths:
            size = lengths[field]
            field_rules.append(
                Rule("length", at_most(size), f"The {field} may not exceed {size} characters.", if_set=True)
            )
        if field == "state":
            field_rules.append(
                Rule(
                    "country_exists",
                    blank_or(state_fits),
                    "Please choose the country that matches the state.",
                    if_set=True,
                )
            )
        rules.append((field, field_rules))
    if php.items(values.get("numbers")):
        rules.append(("numbers[][type]", [_type()]))
        rules.append(("numbers[][location]", [_location()]))
    numbers = [entry for entry in php.items(values.get("numbers")) if isinstance(entry, dict)]
    for kind in sorted(required & set(_NUMBER_TYPES)):
        has = any(entry.get("type", "phone") == kind and php.truthy(entry.get("number")) for entry in numbers)
        stored = contact_id is not None and call.state.where("contact_numbers", contact_id=contact_id, type=kind)
        if not has and not stored:
            rules.append((kind, [Rule("required", lambda value: False, f"At least one {kind} number is required.")]))
    return rules


def number(call: Call, key: str, table: str) -> Rules:
    return (
        (key, [Rule("exists", lambda value: value in call.state.tables[table], "Invalid ID.")]),
        ("number", [Rule("empty", filled, "Please enter a number.")]),
        ("type", [_type()]),
        ("location", [_location()]),
    )


def _type() -> Rule:
    return Rule("format", one_of(*_NUMBER_TYPES), "Invalid number type.", if_set=True)


def _location() -> Rule:
    return Rule("format", one_of(*_LOCATIONS), "Invalid location.", if_set=True)


def _required(call: Call, client_group_id: int) -> set[str]:
    row = call.state.get("client_group_settings", (client_group_id, REQUIRED_FIELDS))
    return {name.strip() for name in str(row["value"] if row else "").split(",") if name.strip()}
