from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django_blesta.testing.simulator.clock import START, Clock
from django_blesta.testing.simulator.factories import PASSWORD_HASH, Factories
from django_blesta.testing.simulator.state import State


def factories() -> Factories:
    return Factories(State(), Clock())


def test_a_client_comes_whole() -> None:
    make = factories()
    client = make.add_client(first_name="Zoë", country="FR", settings={"default_currency": "EUR"})
    (contact,) = make.state.where("contacts", client_id=client["id"])
    user = make.state.tables["users"][client["user_id"]]
    group = make.state.tables["client_groups"][client["client_group_id"]]
    settings = {row["key"]: row["value"] for row in make.state.where("client_settings", client_id=client["id"])}
    assert (contact["first_name"], contact["contact_type"], contact["country"]) == ("Zoë", "primary", "FR")
    assert (user["username"], user["password"]) == (contact["email"], PASSWORD_HASH)
    assert group["company_id"] == next(iter(make.state.tables["companies"]))
    assert settings == {"default_currency": "EUR", "language": "en_us"}
    assert client["id_code"] == "1500"


def test_a_client_may_have_no_login() -> None:
    make = factories()
    assert make.add_client(user_id=None)["user_id"] is None
    assert make.state.tables["users"] == {}


def test_two_clients_share_what_is_there() -> None:
    make = factories()
    first, second = make.add_client(), make.add_client(username="ada")
    assert first["client_group_id"] == second["client_group_id"]
    assert len(make.state.tables["companies"]) == 1
    assert make.state.tables["users"][second["user_id"]]["username"] == "ada"


def test_contacts_and_numbers_belong_to_their_parents() -> None:
    make = factories()
    client = make.add_client()
    contact = make.add_contact(client["id"], contact_type="other")
    number = make.add_number(contact["id"], location="mobile")
    assert (contact["client_id"], contact["contact_type"]) == (client["id"], "other")
    assert (number["contact_id"], number["type"], number["location"]) == (contact["id"], "phone", "mobile")


def test_a_service_renews_after_one_term_of_its_price() -> None:
    make = factories()
    client = make.add_client()
    group = make.add_package_group(name="Hosting")
    package = make.add_package(name="Gold", groups=[group["id"]])
    yearly = make.add_pricing(package["id"], term=1, period="year", price="99.00")
    once = make.add_pricing(package["id"], term=0, period="onetime", price="5.00")
    assert make.add_service(client["id"], yearly["id"])["date_renews"] == START.replace(year=START.year + 1)
    assert make.add_service(client["id"], once["id"])["date_renews"] is None
    assert make.add_service(client["id"])["date_renews"] == START.replace(month=12)
    assert yearly["id"] != yearly["pricing_id"]
    assert (package["id"], group["id"]) in make.state.tables["package_group_members"]
    assert package["names"] == [{"lang": "en_us", "name": "Gold"}]


def test_an_invoice_has_its_sums_and_delivery() -> None:
    make = factories()
    client = make.add_client()
    tax = make.add_tax(amount="19")
    lines: list[dict[str, Any]] = [
        {"qty": 2, "amount": "50", "taxes": [tax["id"]]},
        {"description": "Discount", "amount": "-9.99"},
    ]
    invoice = make.add_invoice(client["id"], lines, delivery=("email", "paper"))
    assert (invoice["subtotal"], invoice["total"], invoice["due"]) == (
        Decimal("90.01"),
        Decimal("109.01"),
        invoice["total"],
    )
    assert invoice["date_due"] - invoice["date_billed"] == timedelta(days=10)
    assert [row["order"] for row in make.state.where("invoice_lines", invoice_id=invoice["id"])] == [0, 1]
    assert [row["method"] for row in make.state.where("invoice_delivery", invoice_id=invoice["id"])] == [
        "email",
        "paper",
    ]


def test_void_and_draft_invoices_are_never_closed() -> None:
    make = factories()
    client = make.add_client()
    for status in ("void", "draft", "proforma"):
        invoice = make.add_invoice(client["id"], [], status=status)
        assert (invoice["total"], invoice["date_closed"]) == (Decimal(0), None)
    assert make.add_invoice(client["id"], [])["date_closed"] == START


def test_a_payment_is_credit_until_it_is_applied() -> None:
    make = factories()
    client = make.add_client()
    invoice = make.add_invoice(client["id"])
    credit = make.add_transaction(client["id"], "25")
    used = make.add_transaction(client["id"], "10", invoice_id=invoice["id"])
    refused = make.add_transaction(client["id"], "10", status="declined")
    assert (credit["applied_amount"], credit["credited_amount"]) == (Decimal(0), Decimal(25))
    assert (used["applied_amount"], used["credited_amount"]) == (Decimal(10), Decimal(0))
    assert refused["credited_amount"] == Decimal(0)
    assert invoice["date_closed"] == START
