"""The writes and their rules: every code of theirs that is known can be had, and what passes shows in the reads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from django_blesta.testing.simulator import Clock, Simulator
from tests.testing.calling import read, send, write

ADA = {
    "username": "ada",
    "new_password": "difference",
    "confirm_password": "difference",
    "client_group_id": 1,
    "first_name": "Ada",
    "last_name": "Byron",
    "email": "ada@example.com",
}
NAMES = {"first_name": "Ada", "last_name": "Byron", "email": "ada@example.com"}
INVOICE = {
    "client_id": 1,
    "date_billed": "2026-10-01T00:00:00Z",
    "date_due": "2026-10-10T00:00:00Z",
    "currency": "USD",
    "lines": [{"description": "Hosting", "qty": "2", "amount": "10.00"}],
}
LINE = {"description": "Hosting", "amount": "1"}
PAYMENT = {"client_id": 1, "amount": "7.50", "currency": "USD", "type": "other"}


@pytest.fixture
def blesta() -> Iterator[Simulator]:
    simulator = Simulator(companies=0, clock=Clock(datetime(2026, 10, 2, 9, tzinfo=UTC)))
    simulator.add_company()
    simulator.state.insert("company_settings", company_id=1, key="timezone", value="America/Chicago")
    for code in ("LND", "KEN"):
        simulator.state.insert("states", country_alpha2="GB", code=code, name=code)
    simulator.add_client(username="charles")
    simulator.add_number(1)
    simulator.add_invoice(1)
    simulator.add_transaction(1, "10")
    simulator.add_transaction(1, "10")
    simulator.apply(1, {1: "2.50"})
    simulator.add_invoice(1)
    yield simulator
    assert simulator.crashes == []


def with_(base: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """`None` leaves a value out."""
    return {name: value for name, value in {**base, **changes}.items() if value is not None}


def long(size: int) -> str:
    return "x" * size


REFUSED: list[tuple[str, dict[str, Any], dict[str, list[str]]]] = [
    # Clients
    ("clients/create", {"vars": with_(ADA, username="")}, {"username": ["empty"]}),
    ("clients/create", {"vars": with_(ADA, username="charles")}, {"username": ["unique"]}),
    (
        "clients/create",
        {"vars": with_(ADA, new_password="short", confirm_password="short")},
        {"new_password": ["format"]},
    ),
    ("clients/create", {"vars": with_(ADA, confirm_password="other")}, {"new_password": ["matches"]}),
    ("clients/create", {"vars": with_(ADA, new_password="abc")}, {"new_password": ["format", "matches"]}),
    ("clients/create", {"vars": with_(ADA, client_group_id=99)}, {"client_group_id": ["exists"]}),
    ("clients/create", {"vars": with_(ADA, status="gone")}, {"status": ["format"]}),
    ("clients/create", {"vars": with_(ADA, email="nobody")}, {"email": ["format"]}),
    ("clients/create", {"vars": with_(ADA, settings={"default_currency": "XXX"})}, {"default_currency": ["valid"]}),
    ("clients/create", {"vars": with_(ADA, settings={"language": "xx_xx"})}, {"language": ["valid"]}),
    ("clients/create", {"vars": with_(ADA, numbers=[{"number": "1", "type": "x"}])}, {"numbers[0][type]": ["format"]}),
    (
        "clients/create",
        {"vars": {"nothing": "of use"}},
        {
            "username": ["empty"],
            "new_password": ["format"],
            "client_group_id": ["exists"],
            "first_name": ["empty"],
            "last_name": ["empty"],
            "email": ["format"],
        },
    ),
    ("clients/validateCreation", {"vars": with_(ADA, username="charles")}, {"username": ["unique"]}),
    ("clients/edit", {"client_id": 9, "vars": {"status": "active"}}, {"client_id": ["exists"]}),
    ("clients/edit", {"client_id": 1, "vars": {"status": ""}}, {"status": ["format"]}),
    ("clients/edit", {"client_id": 1, "vars": {"user_id": 99}}, {"user_id": ["exists"]}),
    ("clients/edit", {"client_id": 1, "vars": {"client_group_id": 99}}, {"client_group_id": ["exists"]}),
    # Contacts
    ("contacts/edit", {"contact_id": 9, "vars": NAMES}, {"contact_id": ["exists"]}),
    (
        "contacts/edit",
        {"contact_id": 1, "vars": {"city": "Rye"}},
        {"first_name": ["empty"], "last_name": ["empty"], "email": ["format"]},
    ),
    ("contacts/edit", {"contact_id": 1, "vars": with_(NAMES, first_name="  ")}, {"first_name": ["empty"]}),
    ("contacts/edit", {"contact_id": 1, "vars": with_(NAMES, contact_type="boss")}, {"contact_type": ["format"]}),
    ("contacts/edit", {"contact_id": 1, "vars": with_(NAMES, contact_type_id=9)}, {"contact_type_id": ["format"]}),
    ("contacts/edit", {"contact_id": 1, "vars": with_(NAMES, title=long(65))}, {"title": ["length"]}),
    ("contacts/edit", {"contact_id": 1, "vars": with_(NAMES, company=long(129))}, {"company": ["length"]}),
    ("contacts/edit", {"contact_id": 1, "vars": with_(NAMES, company="é" * 65)}, {"company": ["length"]}),
    (
        "contacts/edit",
        {"contact_id": 1, "vars": with_(NAMES, state="LONG", country="GBRX")},
        {"state": ["length"], "country": ["length"]},
    ),
    ("contacts/edit", {"contact_id": 1, "vars": with_(NAMES, state="TX", country="GB")}, {"state": ["country_exists"]}),
    ("contacts/edit", {"contact_id": 1, "vars": with_(NAMES, state="LND")}, {"state": ["country_exists"]}),
    (
        "contacts/edit",
        {"contact_id": 1, "vars": with_(NAMES, numbers=[{"number": "1"}, {"number": "2", "location": "moon"}])},
        {"numbers[1][location]": ["format"]},
    ),
    ("contacts/add", {"vars": with_(NAMES, client_id=9)}, {"client_id": ["exists"]}),
    ("contacts/add", {"vars": with_(NAMES, client_id=1, email="a b@c")}, {"email": ["format"]}),
    ("contacts/validateContact", {"vars": with_(NAMES, last_name=None)}, {"last_name": ["empty"]}),
    ("contacts/delete", {"contact_id": 1}, {"contact_id": ["primary"]}),
    ("contacts/delete", {"contact_id": 9}, {"contact_id": ["exists"]}),
    ("contacts/addNumber", {"contact_id": 9, "vars": {"number": "1"}}, {"contact_id": ["exists"]}),
    (
        "contacts/addNumber",
        {"contact_id": 1, "vars": {"number": "", "type": "x", "location": "y"}},
        {"number": ["empty"], "type": ["format"], "location": ["format"]},
    ),
    ("contacts/editNumber", {"contact_number_id": 9, "vars": {"number": "1"}}, {"id": ["exists"]}),
    # Users
    ("users/edit", {"user_id": 9, "vars": {"username": "x"}}, {"user_id": ["exists"]}),
    ("users/edit", {"user_id": 1, "vars": {"username": ""}}, {"username": ["empty"]}),
    ("users/edit", {"user_id": 1, "vars": {"new_password": "abc"}}, {"new_password": ["format", "matches"]}),
    ("users/edit", {"user_id": 1, "vars": {"two_factor_mode": "smoke"}}, {"two_factor_mode": ["format"]}),
    ("users/edit", {"user_id": 1, "vars": {"recovery_email": "x"}}, {"recovery_email": ["format"]}),
    ("users/edit", {"user_id": 1, "vars": {"username": "x"}, "validate_pass": "1"}, {"current_password": ["matches"]}),
    # Services
    ("services/suspend", {"service_id": 9}, {"service_id": ["exists"]}),
    ("services/unsuspend", {"service_id": 9}, {"service_id": ["exists"]}),
    # Invoices
    ("invoices/add", {"vars": with_(INVOICE, client_id=9)}, {"client_id": ["exists"]}),
    ("invoices/add", {"vars": with_(INVOICE, date_billed="soon")}, {"date_billed": ["format"]}),
    ("invoices/add", {"vars": with_(INVOICE, date_due="soon")}, {"date_due": ["format"]}),
    ("invoices/add", {"vars": with_(INVOICE, date_due="2026-09-01 00:00:00 UTC")}, {"date_due": ["after_billed"]}),
    ("invoices/add", {"vars": with_(INVOICE, status="paid")}, {"status": ["format"]}),
    ("invoices/add", {"vars": with_(INVOICE, currency="DOLLAR")}, {"currency": ["length"]}),
    ("invoices/add", {"vars": with_(INVOICE, delivery=["email", "pigeon"])}, {"delivery[1]": ["exists"]}),
    (
        "invoices/add",
        {"vars": with_(INVOICE, lines=None)},
        {"lines[0][description]": ["empty"], "lines[0][amount]": ["format"]},
    ),
    ("invoices/add", {"vars": with_(INVOICE, lines=[LINE, with_(LINE, qty="some")])}, {"lines[1][qty]": ["format"]}),
    ("invoices/add", {"vars": with_(INVOICE, lines=[with_(LINE, qty="0.5")])}, {"lines[0][qty]": ["minimum"]}),
    ("invoices/add", {"vars": with_(INVOICE, lines=[with_(LINE, service_id=9)])}, {"lines[0][service_id]": ["exists"]}),
    ("invoices/add", {"vars": with_(INVOICE, lines=[with_(LINE, tax="1")])}, {"lines[0][tax]": ["format"]}),
    (
        "invoices/add",
        {"vars": with_(INVOICE, lines={"5": LINE})},
        {"lines[0][description]": ["empty"], "lines[0][amount]": ["format"]},
    ),
    ("invoices/edit", {"invoice_id": 9, "vars": {"status": "active"}}, {"invoice_id": ["exists"]}),
    ("invoices/edit", {"invoice_id": 2, "vars": {"note_public": "x"}}, {"status": ["format"], "currency": ["length"]}),
    ("invoices/edit", {"invoice_id": 1, "vars": {"status": "void", "currency": "USD"}}, {"id": ["amount_applied"]}),
    # Transactions
    (
        "transactions/add",
        {"vars": {"x": "y"}},
        {"client_id": ["exists"], "amount": ["format"], "currency": ["length"], "type": ["format"]},
    ),
    ("transactions/add", {"vars": with_(PAYMENT, transaction_id=long(129))}, {"transaction_id": ["length"]}),
    ("transactions/add", {"vars": with_(PAYMENT, message=long(256))}, {"message": ["length"]}),
    ("transactions/add", {"vars": with_(PAYMENT, status="maybe")}, {"status": ["format"]}),
    ("transactions/add", {"vars": with_(PAYMENT, date_added="2027-01-01 00:00:00 UTC")}, {"date_added": ["format"]}),
    ("transactions/add", {"vars": with_(PAYMENT, gateway_id=9)}, {"gateway_id": ["exists"]}),
    (
        "transactions/apply",
        {"transaction_id": 9, "vars": {"amounts": [{"invoice_id": 2}]}},
        {"transaction_id": ["exists"]},
    ),
    (
        "transactions/apply",
        {"transaction_id": 2, "vars": {"amounts": [{"invoice_id": 9, "amount": 1}]}},
        {"invoice_id": ["exists"]},
    ),
    (
        "transactions/apply",
        {"transaction_id": 2, "vars": {"amounts": [{"invoice_id": 2, "amount": "-1"}]}},
        {"amounts": ["positive"]},
    ),
    (
        "transactions/apply",
        {"transaction_id": 1, "vars": {"amounts": [{"invoice_id": 2, "amount": "7.51"}]}},
        {"amounts": ["overage"]},
    ),
    (
        "transactions/apply",
        {"transaction_id": 2, "vars": {"date": "soon", "amounts": [{"invoice_id": 2, "amount": "1"}]}},
        {"date": ["format"]},
    ),
]


@pytest.mark.parametrize(
    ("path", "arguments", "errors"), REFUSED, ids=[f"{row[0]}-{'-'.join(row[2])}" for row in REFUSED]
)
def test_what_breaks_a_rule_is_refused_and_changes_nothing(
    path: str, arguments: dict[str, Any], errors: dict[str, list[str]], blesta: Simulator
) -> None:
    before = dict(blesta.state.versions)
    assert write(blesta, path, **arguments).errors == errors
    assert blesta.state.versions == before


def test_a_missing_vars_is_a_missing_argument(blesta: Simulator) -> None:
    found = write(blesta, "contacts/edit", contact_id=1, first_name="Ada")
    assert (found.status, list(found.body)) == (400, ["message"])


def test_a_client_is_created_whole(blesta: Simulator) -> None:
    values = with_(
        ADA,
        country="GB",
        state="KEN",
        numbers=[{"number": "1"}, {"number": "2", "type": "fax", "location": "work"}],
        settings={"tax_id": "GB1"},
    )
    client = write(blesta, "clients/create", vars=values).value
    assert read(blesta, "clients/get", client_id=client["id"]) == client
    assert (client["id_code"], client["username"], client["settings"]["tax_id"]) == ("1501", "ada", "GB1")
    assert [(one["number"], one["type"], one["location"]) for one in client["numbers"]] == [
        ("1", "phone", "home"),
        ("2", "fax", "work"),
    ]
    assert read(blesta, "users/getByUsername", username="ada")["id"] == client["user_id"]
    assert read(blesta, "clients/getByUserId", user_id=client["user_id"])["id"] == client["id"]
    assert read(blesta, "clients/getListCount") == 2
    (found,) = read(blesta, "clients/search", query="ADA@")
    assert found["id"] == client["id"]
    assert read(blesta, "clients/getSearchCount", query="byron") == 2


def test_a_username_may_be_the_email(blesta: Simulator) -> None:
    values = with_(ADA, username=None, settings={"username_type": "email"})
    assert write(blesta, "clients/create", vars=values).value["username"] == "ada@example.com"
    assert write(blesta, "clients/create", vars=values).errors == {"username": ["unique"]}


def test_a_dry_run_says_true_and_does_nothing(blesta: Simulator) -> None:
    before = dict(blesta.state.versions)
    assert read(blesta, "clients/validateCreation", vars=ADA) is True
    assert read(blesta, "contacts/validateContact", vars=NAMES) is True
    assert blesta.state.versions == before


def test_a_client_edit_changes_its_few_columns_alone(blesta: Simulator) -> None:
    values = {"status": "fraud", "id_code": "X-1", "first_name": "Nobody", "user_id": ""}
    assert write(blesta, "clients/edit", client_id=1, vars=values).value is None
    client = read(blesta, "clients/get", client_id=1)
    assert (client["status"], client["id_code"], client["first_name"], client["user_id"]) == (
        "fraud",
        "X-1",
        "Ada",
        None,
    )


def test_a_contact_edit_changes_what_was_sent_and_empties_what_was_blank(blesta: Simulator) -> None:
    blesta.state.update("contacts", 1, title="Countess", city="London", company="Engine Ltd")
    found = write(blesta, "contacts/edit", contact_id=1, vars=with_(NAMES, city="Rye", title="", zip="TN31")).value
    assert (found["city"], found["title"], found["company"], found["zip"]) == ("Rye", None, "Engine Ltd", "TN31")
    assert read(blesta, "contacts/get", contact_id=1) == found
    assert read(blesta, "clients/get", client_id=1)["city"] == "Rye"


def test_numbers_in_a_contact_edit_go_by_their_ids(blesta: Simulator) -> None:
    blesta.add_number(1, number="2")
    blesta.add_number(1, number="3")
    numbers = [
        {"id": 1, "number": "1-new", "location": "mobile"},
        {"id": 2, "number": ""},
        {"number": "4", "type": "fax"},
    ]
    write(blesta, "contacts/edit", contact_id=1, vars=with_(NAMES, numbers=numbers))
    found = read(blesta, "contacts/getNumbers", contact_id=1)
    assert [(one["id"], one["number"], one["location"]) for one in found] == [
        (3, "3", "work"), (4, "4", "home"), (1, "1-new", "mobile"),
    ]  # fmt: skip
    assert [one["id"] for one in read(blesta, "contacts/getNumbers", contact_id=1, type="fax")] == [4]


def test_numbers_are_added_edited_and_deleted(blesta: Simulator) -> None:
    number = write(blesta, "contacts/addNumber", contact_id=1, vars={"number": "5"}).value
    assert read(blesta, "contacts/getNumber", contact_number_id=number)["location"] == "home"
    write(blesta, "contacts/editNumber", contact_number_id=number, vars={"number": "6", "type": "fax"})
    changed = read(blesta, "contacts/getNumber", contact_number_id=number)
    assert (changed["number"], changed["type"], changed["location"]) == ("6", "fax", "home")
    for _ in range(2):
        assert send(blesta, "DELETE", "contacts/deleteNumber.json", {"contact_number_id": number}).value is None
    assert read(blesta, "contacts/getNumber", contact_number_id=number) is False


def test_a_contact_is_added_and_deleted(blesta: Simulator) -> None:
    contact = write(blesta, "contacts/add", vars=with_(NAMES, client_id=1, contact_type="billing")).value
    assert [row["id"] for row in read(blesta, "contacts/getAll", client_id=1, contact_type="billing")] == [contact]
    assert write(blesta, "contacts/delete", contact_id=contact).value is None
    assert read(blesta, "contacts/getListCount", client_id=1) == 1


def test_what_a_group_requires_is_required_of_its_clients_alone(blesta: Simulator) -> None:
    blesta.state.insert(
        "client_group_settings", client_group_id=1, key="required_contact_fields", value="city, zip,fax"
    )
    found = write(blesta, "contacts/edit", contact_id=1, vars=NAMES)
    assert found.errors == {"city": ["empty"], "zip": ["empty"], "fax": ["required"]}
    blesta.add_client(client_group_id=blesta.add_client_group()["id"])
    assert write(blesta, "contacts/edit", contact_id=2, vars=NAMES).status == 200


def test_a_login_is_edited(blesta: Simulator) -> None:
    changed = {"username": "babbage", "new_password": "analytical", "confirm_password": "analytical"}
    assert write(blesta, "users/edit", user_id=1, vars=changed).value is None
    again = {"recovery_email": "b@example.com", "current_password": "analytical"}
    assert write(blesta, "users/edit", user_id=1, vars=again, validate_pass="1").value is None
    user = read(blesta, "users/get", user_id=1)
    assert (user["username"], user["recovery_email"]) == ("babbage", "b@example.com")


def test_a_service_is_suspended_cancelled_and_deleted(blesta: Simulator) -> None:
    blesta.add_service(1)
    write(blesta, "services/suspend", service_id=1)
    write(blesta, "services/unsuspend", service_id=1)
    assert read(blesta, "services/get", service_id=1)["status"] == "active"
    write(blesta, "services/cancel", service_id=1, vars={"date_canceled": "2026-12-01T00:00:00Z"})
    assert read(blesta, "services/getListCount", status="scheduled_cancellation") == 1
    write(blesta, "services/unCancel", service_id=1)
    assert read(blesta, "services/getListCount", status="scheduled_cancellation") == 0
    write(blesta, "services/cancel", service_id=1, vars={"use_module": "true"})
    assert read(blesta, "services/get", service_id=1)["status"] == "canceled"
    assert write(blesta, "services/delete", service_id=1).value is None
    assert read(blesta, "services/get", service_id=1) is False


def test_an_invoice_is_made_with_its_sums_and_taxes(blesta: Simulator) -> None:
    blesta.add_tax(country="GB")
    blesta.add_tax(country="FR")
    lines = [with_(LINE, qty="3", amount="3.333", tax="true"), with_(LINE, amount="-1")]
    number = write(blesta, "invoices/add", vars=with_(INVOICE, lines=lines, delivery=["paper"])).value
    invoice = read(blesta, "invoices/get", invoice_id=number)
    assert (invoice["subtotal"], invoice["total"], invoice["due"]) == ("9.0000", "11.0000", "11.0000")
    assert [(tax["id"], tax["tax_total"]) for tax in invoice["taxes"]] == [(1, "2.0000")]
    assert [(line["order"], len(line["taxes"])) for line in invoice["line_items"]] == [(0, 1), (1, 0)]
    assert read(blesta, "invoices/getTotal", invoice_id=number) == 11
    assert read(blesta, "invoices/getListCount", status="to_print") == 1


def test_a_date_without_a_zone_is_the_companys(blesta: Simulator) -> None:
    values = with_(INVOICE, date_billed="2026-07-01 00:00:00", date_due="2026-12-01")
    invoice = read(blesta, "invoices/get", invoice_id=write(blesta, "invoices/add", vars=values).value)
    assert (invoice["date_billed"], invoice["date_due"]) == ("2026-07-01 05:00:00", "2026-12-01 06:00:00")


def test_lines_of_an_invoice_are_edited_by_their_ids(blesta: Simulator) -> None:
    blesta.add_invoice(1, [LINE, LINE, LINE], status="draft")
    kept, changed, emptied = (row["id"] for row in read(blesta, "invoices/getLineItems", invoice_id=3))
    lines = [
        {"id": changed, "description": "More", "amount": "5"},
        {"id": emptied, "description": "", "amount": ""},
        LINE,
    ]
    values = {"status": "active", "currency": "USD", "lines": lines, "note_public": "Hello"}
    assert write(blesta, "invoices/edit", invoice_id=3, vars=values).value == 3
    invoice = read(blesta, "invoices/get", invoice_id=3)
    assert (invoice["total"], invoice["status"], invoice["delivery"]) == ("7.0000", "active", [])
    assert [line["id"] for line in invoice["line_items"]] == [kept, changed, blesta.state.last_id("invoice_lines")]


def test_a_payment_closes_what_it_pays_and_the_rest_is_credit(blesta: Simulator) -> None:
    number = write(blesta, "transactions/add", vars=with_(PAYMENT, amount="30", transaction_id="WIRE-1")).value
    assert read(blesta, "transactions/getByTransactionId", transaction_id="WIRE-1")["id"] == number
    assert read(blesta, "transactions/getTotalCredit", client_id=1, currency="USD") == 47.5
    amounts = {"0": {"invoice_id": 1, "amount": "7.50"}, "1": {"invoice_id": 2, "amount": "10"}}
    assert write(blesta, "transactions/apply", transaction_id=number, vars={"amounts": amounts}).value is None
    assert read(blesta, "invoices/getListCount") == 0
    assert read(blesta, "invoices/getListCount", status="closed") == 2
    assert read(blesta, "transactions/get", transaction_id=number)["credited_amount"] == "12.5000"
    credits = read(blesta, "transactions/getCredits", client_id=1)
    assert {one["transaction_id"]: one["credit"] for one in credits["USD"]} == {1: "7.5000", 2: "10.0000", 3: "12.5000"}


def test_a_payment_in_another_currency_does_not_pay(blesta: Simulator) -> None:
    number = write(blesta, "transactions/add", vars=with_(PAYMENT, currency="EUR")).value
    amounts = {"amounts": [{"invoice_id": 2, "amount": "1"}]}
    found = write(blesta, "transactions/apply", transaction_id=number, vars=amounts)
    assert found.errors == {"transaction_id": ["currency_matches"]}


def test_nothing_guards_against_the_same_payment_twice(blesta: Simulator) -> None:
    values = with_(PAYMENT, transaction_id="WIRE-1")
    assert [write(blesta, "transactions/add", vars=values).value for _ in range(2)] == [3, 4]


def test_the_seeded_contacts_pass_the_rules_of_their_group() -> None:
    blesta = Simulator(clients=80, seed=11)
    columns = (
        "first_name",
        "last_name",
        "email",
        "title",
        "company",
        "address1",
        "address2",
        "city",
        "state",
        "zip",
        "country",
    )
    for contact in list(blesta.state.tables["contacts"].values()):
        same = {column: contact[column] for column in columns if contact[column] is not None}
        before = dict(contact)
        assert write(blesta, "contacts/edit", contact_id=contact["id"], vars=same).status == 200, contact
        assert contact == before
