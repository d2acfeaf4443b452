"""Every rule of Contacts.edit that a customer can break, told by what he enters."""

from __future__ import annotations

import json

from django_blesta.testing.simulator import Simulator

Entered = dict[str, str]

BROKEN: list[tuple[Entered, str, str]] = [
    # What is entered, our field, Blesta's code.
    ({"first_name": ""}, "first_name", "empty"),
    ({"last_name": ""}, "last_name", "empty"),
    ({"email": "nobody"}, "email", "format"),
    ({"email": ""}, "email", "format"),
    ({"email": "taken@example.com"}, "email", "unique"),
    ({"title": "t" * 65}, "title", "length"),
    ({"title": "é" * 33}, "title", "length"),
    ({"company_name": "c" * 129}, "company_name", "length"),
    ({"state": "ABCD"}, "state", "length"),
    ({"state": "CA", "country": "GB"}, "state", "country_exists"),
    ({"country": "GBRX"}, "country", "length"),
    ({"title": ""}, "title", "empty"),
    ({"company_name": ""}, "company_name", "empty"),
    ({"address1": ""}, "address1", "empty"),
    ({"address2": ""}, "address2", "empty"),
    ({"city": ""}, "city", "empty"),
    ({"state": ""}, "state", "empty"),
    ({"zip": ""}, "zip", "empty"),
    ({"country": ""}, "country", "empty"),
]
IDS = [f"{field}-{code}-{number}" for number, (_, field, code) in enumerate(BROKEN)]

NAMELESS: list[tuple[str, str]] = [
    # Rules about what a customer's form does not have.
    ("phone", "required"),
    ("fax", "required"),
    ("contact_id", "exists"),
    ("contact_type", "inv_address_to"),
    ("user_id", "exists"),
    ("db", "create"),
]


def make_strict(simulator: Simulator, field: str, code: str) -> None:
    """Set Blesta up so that the rule applies."""
    with simulator.state.lock:
        if code == "empty" and field not in ("first_name", "last_name"):
            wanted = "company" if field == "company_name" else field
            simulator.state.insert(
                "client_group_settings", client_group_id=1, key="required_contact_fields", value=wanted
            )
        if code == "unique":
            simulator.switches.unique_emails = True
            simulator.add_client(email="taken@example.com")


def refuse(simulator: Simulator, field: str, code: str, text: str | None = "No.") -> None:
    """Answer the next edit with this error."""
    simulator.fail(
        model="Contacts", method="edit", status=400, body=json.dumps({"message": "", "errors": {field: {code: text}}})
    )
