from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from django_blesta.testing.simulator.clock import START, Clock
from django_blesta.testing.simulator.schema import resources
from django_blesta.testing.simulator.seed import seed
from django_blesta.testing.simulator.state import TABLES, Row, State

# What no field table says about references; the rest comes from the published schema.
REFERENCES = {
    ("order_forms", "company_id"): "companies",
    ("order_forms", "client_group_id"): "client_groups",
    ("orders", "order_form_id"): "order_forms",
    ("orders", "client_id"): "clients",
    ("orders", "invoice_id"): "invoices",
    ("domain_tlds", "company_id"): "companies",
    ("domain_tlds", "package_id"): "packages",
    ("domain_tlds", "module_id"): "modules",
    ("webhooks", "company_id"): "companies",
    ("webhook_logs", "webhook_id"): "webhooks",
    ("webhook_logs", "staff_id"): "staff",
    ("log_client_settings", "by_user_id"): "users",
    ("log_service_change", "transaction_id"): "transactions",
    ("tickets", "department_id"): "ticket_departments",
    ("ticket_replies", "ticket_id"): "tickets",
    ("ticket_departments", "company_id"): "companies",
    ("service_options", "service_id"): "services",
    ("service_options", "option_id"): "package_options",
    ("service_options", "option_value_id"): "package_option_values",
    ("package_option_values", "option_id"): "package_options",
    ("package_option_members", "option_id"): "package_options",
    ("package_option_members", "option_group_id"): "package_option_groups",
    ("package_option_offers", "package_id"): "packages",
    ("package_option_offers", "option_group_id"): "package_option_groups",
    ("coupon_amounts", "coupon_id"): "coupons",
    ("coupon_packages", "coupon_id"): "coupons",
    ("quotation_invoices", "quotation_id"): "quotations",
    ("quotation_invoices", "invoice_id"): "invoices",
    ("coupon_packages", "package_id"): "packages",
    ("recurring_invoice_lines", "invoice_recur_id"): "recurring_invoices",
    ("quotation_lines", "quotation_id"): "quotations",
    ("contact_permissions", "contact_id"): "contacts",
    ("client_group_settings", "client_group_id"): "client_groups",
    ("client_settings", "client_id"): "clients",
    ("company_settings", "company_id"): "companies",
    ("invoice_delivery", "invoice_id"): "invoices",
    ("invoice_line_taxes", "line_id"): "invoice_lines",
    ("invoice_line_taxes", "tax_id"): "taxes",
    ("invoice_meta", "invoice_id"): "invoices",
    ("languages", "company_id"): "companies",
    ("package_group_members", "package_group_id"): "package_groups",
    ("package_group_members", "package_id"): "packages",
    ("package_group_parents", "group_id"): "package_groups",
    ("package_group_parents", "parent_group_id"): "package_groups",
    ("packages", "module_row"): "module_rows",
    ("service_fields", "service_id"): "services",
}
NOT_REFERENCES = {
    ("package_pricing", "pricing_id"),  # a number in Blesta's common table of prices, which the API does not list
    ("transactions", "transaction_id"),  # the gateway's
    ("transactions", "parent_transaction_id"),  # the gateway's
    ("transactions", "reference_id"),  # the gateway's
    ("accounts_cc", "reference_id"),
    ("accounts_cc", "client_reference_id"),
    ("accounts_ach", "reference_id"),
}


def seeded(clients: int = 300, number: int = 1, companies: int = 1, months: int = 24) -> State:
    state = State()
    seed(state, Clock(), clients=clients, seed=number, companies=companies, months=months)
    return state


@pytest.fixture(scope="module")
def one() -> State:
    return seeded()


@pytest.fixture(scope="module")
def two() -> State:
    return seeded(clients=200, number=7, companies=2)


@pytest.fixture(params=["one", "two"])
def state(request: pytest.FixtureRequest) -> State:
    """Read-only: the same state serves every test of the module."""
    found: State = request.getfixturevalue(request.param)
    return found


def company_of(state: State, client_id: int) -> int:
    group = state.tables["client_groups"][state.tables["clients"][client_id]["client_group_id"]]
    company_id: int = group["company_id"]
    return company_id


def rows(state: State, table: str) -> Iterator[Row]:
    return iter(state.tables[table].values())


def grouped(state: State, table: str, column: str) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows(state, table):
        groups[row[column]].append(row)
    return groups


# The same for the same numbers


def test_the_same_numbers_give_the_same_company() -> None:
    assert seeded(60, 5).tables == seeded(60, 5).tables


@pytest.mark.parametrize("other", [{"number": 6}, {"clients": 61}, {"companies": 2}, {"months": 12}])
def test_other_numbers_give_another_company(other: dict[str, int]) -> None:
    assert seeded(**{"clients": 60, "number": 5, **other}).tables["contacts"] != seeded(60, 5).tables["contacts"]


def test_all_dates_follow_the_clock() -> None:
    early, late = State(), State()
    seed(early, Clock(), clients=40, seed=3)
    seed(late, Clock(START + timedelta(days=365)), clients=40, seed=3)
    newest = [max(row["date_billed"] for row in rows(state, "invoices")) for state in (early, late)]
    assert newest[0] <= START < newest[1] <= START + timedelta(days=365)


def test_the_history_covers_the_months_asked_for() -> None:
    state = seeded(120, 2, months=6)
    first = min(row["date_added"] for row in rows(state, "contacts"))
    assert START - timedelta(days=190) < first < START - timedelta(days=150)


@pytest.mark.parametrize("clients", [0, 1, 2, 3])
def test_a_tiny_company_can_be_seeded(clients: int) -> None:
    assert len(seeded(clients).tables["clients"]) == clients


# The books, computed anew


def test_every_line_comes_to_its_sums(state: State) -> None:
    links = grouped(state, "invoice_line_taxes", "line_id")
    for line in rows(state, "invoice_lines"):
        invoice = state.tables["invoices"][line["invoice_id"]]
        currency = state.tables["currencies"][company_of(state, invoice["client_id"]), invoice["currency"]]
        unit = Decimal(1).scaleb(-currency["precision"])
        subtotal = (line["qty"] * line["amount"]).quantize(unit, ROUND_HALF_UP)
        total, below = subtotal, Decimal(0)
        taxes = [(state.tables["taxes"][link["tax_id"]], link["cascade"]) for link in links[line["id"]]]
        for tax, cascade in sorted(taxes, key=lambda pair: pair[0]["level"]):
            assert tax["type"] == "exclusive"
            base = subtotal + (below if cascade else 0)
            share = (base * tax["amount"] / 100).quantize(unit, ROUND_HALF_UP)
            below += share
            total += share
        assert (line["subtotal"], line["total"]) == (subtotal, total), line


def test_every_invoice_balances(state: State) -> None:
    lines = grouped(state, "invoice_lines", "invoice_id")
    applied = grouped(state, "transaction_applied", "invoice_id")
    for invoice in rows(state, "invoices"):
        mine = lines[invoice["id"]]
        assert mine
        assert invoice["subtotal"] == sum(line["subtotal"] for line in mine)
        assert invoice["total"] == sum(line["total"] for line in mine)
        paid = [
            row["applied_amount"]
            for row in applied[invoice["id"]]
            if state.tables["transactions"][row["transaction_id"]]["status"] == "approved"
        ]
        assert invoice["paid"] == sum(paid)
        assert Decimal(0) <= invoice["paid"] <= invoice["total"]
        assert invoice["total"] - invoice["paid"] == invoice["due"]
        in_full = invoice["status"] == "active" and invoice["paid"] == invoice["total"]
        assert (invoice["date_closed"] is not None) == in_full
        if in_full and paid:
            assert invoice["date_closed"] == max(row["applied_date"] for row in applied[invoice["id"]])


def test_every_payment_balances(state: State) -> None:
    applied = grouped(state, "transaction_applied", "transaction_id")
    for transaction in rows(state, "transactions"):
        mine = applied[transaction["id"]]
        used = sum((row["applied_amount"] for row in mine), Decimal(0))
        assert transaction["amount"] > 0
        assert transaction["applied_amount"] == used <= transaction["amount"]
        if transaction["status"] == "approved":
            assert transaction["credited_amount"] == transaction["amount"] - used
        else:
            assert (used, transaction["credited_amount"]) == (0, 0)
        for row in mine:
            invoice = state.tables["invoices"][row["invoice_id"]]
            assert row["applied_amount"] > 0
            assert (invoice["client_id"], invoice["currency"]) == (transaction["client_id"], transaction["currency"])
            assert transaction["date_added"] <= row["applied_date"] < START
            assert invoice["date_billed"] <= row["applied_date"]


# What refers to what


def test_every_reference_leads_somewhere(state: State) -> None:
    checked = 0
    for table, definition in TABLES.items():
        published = resources()[table].fields if table in resources() else {}
        for column in definition.columns:
            if not column.endswith("_id") and column not in ("module_row",):
                continue
            if (table, column) in NOT_REFERENCES:
                continue
            reference = published[column].references if column in published else ""
            target = REFERENCES.get((table, column)) or reference.partition(".")[0]
            assert target, f"{table}.{column} refers to nothing known"
            for row in rows(state, table):
                if row[column] is None:
                    continue
                targets = {"accounts": account_tables(row)}.get(target, (target,))
                assert any(row[column] in state.tables[name] for name in targets), (table, column, row)
                checked += 1
    assert checked > 10_000


def account_tables(row: Row) -> tuple[str, ...]:
    return ("accounts_cc",) if "cc" in (row.get("type"), row.get("primary_account_type")) else ("accounts_ach",)


def test_no_row_leads_into_another_company(state: State) -> None:
    companies: dict[str, Callable[[Row], int]] = {
        "services": lambda row: company_of(state, row["client_id"]),
        "invoices": lambda row: company_of(state, row["client_id"]),
        "transactions": lambda row: company_of(state, row["client_id"]),
    }
    for service in rows(state, "services"):
        pricing = state.tables["package_pricing"][service["pricing_id"]]
        assert state.tables["packages"][pricing["package_id"]]["company_id"] == companies["services"](service)
        assert (pricing["package_id"], service["package_group_id"]) in state.tables["package_group_members"]
        if service["parent_service_id"] is not None:
            assert state.tables["services"][service["parent_service_id"]]["client_id"] == service["client_id"]
    for name in ("invoices", "transactions"):
        for row in rows(state, name):
            assert (companies[name](row), row["currency"]) in state.tables["currencies"]
    for line in rows(state, "invoice_lines"):
        if line["service_id"] is not None:
            owner = state.tables["invoices"][line["invoice_id"]]["client_id"]
            assert state.tables["services"][line["service_id"]]["client_id"] == owner
    for transaction in rows(state, "transactions"):
        if transaction["gateway_id"] is not None:
            gateway = state.tables["gateways"][transaction["gateway_id"]]
            assert gateway["company_id"] == companies["transactions"](transaction)


def test_every_service_line_charges_what_the_price_says(state: State) -> None:
    seen = 0
    for line in rows(state, "invoice_lines"):
        if line["service_id"] is None or line["amount"] <= 0 or line["description"].endswith(": setup"):
            continue
        service = state.tables["services"][line["service_id"]]
        pricing = state.tables["package_pricing"][service["pricing_id"]]
        prices = {pricing["price"], pricing["price_renews"]}
        expected = {service["override_price"]} if service["override_price"] is not None else prices
        assert line["amount"] in expected
        assert state.tables["invoices"][line["invoice_id"]]["currency"] == pricing["currency"]
        assert line["qty"] == service["qty"]
        seen += 1
    assert seen > 300


def test_logins_are_unique_and_everybody_has_one_primary_contact(state: State) -> None:
    usernames = [row["username"] for row in rows(state, "users")]
    assert len(usernames) == len(set(usernames))
    owners = [row["user_id"] for name in ("clients", "contacts", "staff") for row in rows(state, name)]
    taken = [owner for owner in owners if owner is not None]
    assert sorted(taken) == sorted(state.tables["users"])
    contacts = grouped(state, "contacts", "client_id")
    for client in rows(state, "clients"):
        assert [c["contact_type"] for c in contacts[client["id"]]].count("primary") == 1


def test_addresses_of_contacts_are_of_known_places(state: State) -> None:
    for contact in rows(state, "contacts"):
        assert contact["email"].endswith(".example")
        assert contact["email"].isascii()
        assert contact["country"] in state.tables["countries"]
        if contact["state"] is not None:
            assert (contact["country"], contact["state"]) in state.tables["states"]


def test_ids_rise_with_time(state: State) -> None:
    for table, column in (("services", "date_added"), ("invoices", "date_billed"), ("transactions", "date_added")):
        dates = [row[column] for _, row in sorted(state.tables[table].items())]
        assert dates == sorted(dates)
        assert dates[-1] <= START


def test_ids_have_holes_as_after_deletions(one: State) -> None:
    for table in ("clients", "invoices", "transactions"):
        assert one.last_id(table) > len(one.tables[table])


def test_two_companies_are_apart_but_their_ids_interleave(two: State) -> None:
    owners = [company_of(two, client_id) for client_id in sorted(two.tables["clients"])]
    assert set(owners[::2]) != set(owners[1::2])
    assert len(set(owners)) == len(set(owners[::2])) + len(set(owners[1::2])) == 2
    for table in ("client_groups", "packages", "package_groups", "taxes", "gateways", "currencies"):
        assert len({row["company_id"] for row in rows(two, table)}) == 2
    assert two.tables["companies"][1]["name"] != two.tables["companies"][2]["name"]


def test_dates_are_whole_seconds(state: State) -> None:
    for table, definition in TABLES.items():
        times = [column for column, kind in definition.columns.items() if kind == "time"]
        for row in rows(state, table):
            assert all(row[column] is None or row[column].microsecond == 0 for column in times)


# Everything occurs


def words(state: State, table: str, column: str) -> set[Any]:
    return {row[column] for row in rows(state, table)}


@pytest.mark.parametrize(
    ("table", "column", "values"),
    [
        ("clients", "status", {"active", "inactive", "fraud"}),
        ("clients", "primary_account_type", {"cc", "ach", None}),
        ("contacts", "contact_type", {"primary", "billing", "other"}),
        ("contact_numbers", "type", {"phone", "fax"}),
        ("contact_numbers", "location", {"home", "work", "mobile"}),
        ("users", "two_factor_mode", {"none", "totp"}),
        ("packages", "status", {"active", "inactive", "restricted"}),
        ("package_groups", "type", {"standard", "addon"}),
        ("package_pricing", "period", {"day", "week", "month", "year", "onetime"}),
        ("package_pricing", "currency", {"USD", "EUR", "GBP", "JPY"}),
        ("services", "status", {"active", "canceled", "pending", "suspended", "in_review"}),
        ("invoices", "status", {"active", "draft", "proforma", "void"}),
        ("invoices", "currency", {"USD", "EUR", "GBP", "JPY"}),
        (
            "transactions",
            "status",
            {"approved", "declined", "void", "error", "pending", "refunded", "returned"},
        ),
        ("transactions", "type", {"cc", "ach", "other"}),
        ("gateways", "type", {"merchant", "nonmerchant"}),
        ("taxes", "status", {"active", "inactive"}),
        ("taxes", "level", {1, 2}),
    ],
)
def test_every_word_occurs(one: State, table: str, column: str, values: set[Any]) -> None:
    assert words(one, table, column) == values


def is_open(invoice: Row) -> bool:
    return invoice["status"] == "active" and invoice["date_closed"] is None


def later(moment: datetime | None) -> bool:
    return moment is not None and moment > START


CASES: dict[str, Callable[[State], bool]] = {
    "an open invoice that is not yet due": lambda s: any(
        is_open(i) and later(i["date_due"]) for i in rows(s, "invoices")
    ),
    "an invoice past due": lambda s: any(is_open(i) and i["date_due"] < START for i in rows(s, "invoices")),
    "an invoice paid in part": lambda s: any(is_open(i) and i["paid"] > 0 for i in rows(s, "invoices")),
    "a paid invoice": lambda s: any(i["date_closed"] is not None for i in rows(s, "invoices")),
    "two payments on one invoice": lambda s: any(
        len(g) > 1 for g in grouped(s, "transaction_applied", "invoice_id").values()
    ),
    "one payment on two invoices": lambda s: any(
        len(g) > 1 for g in grouped(s, "transaction_applied", "transaction_id").values()
    ),
    "credit left over": lambda s: any(
        t["credited_amount"] > 0 and t["applied_amount"] > 0 for t in rows(s, "transactions")
    ),
    "a payment of which nothing came through": lambda s: any(
        t["status"] == "declined" and t["message"] for t in rows(s, "transactions")
    ),
    "a gateway's number": lambda s: any(t["gateway_id"] and t["transaction_id"] for t in rows(s, "transactions")),
    "a payment by other means with its type": lambda s: any(t["transaction_type_id"] for t in rows(s, "transactions")),
    "an add-on service": lambda s: any(v["parent_service_id"] for v in rows(s, "services")),
    "a cancellation to come": lambda s: any(
        v["status"] == "active" and later(v["date_canceled"]) for v in rows(s, "services")
    ),
    "a suspension with its reason": lambda s: any(
        v["status"] == "suspended" and v["date_suspended"] < START and v["suspension_reason"]
        for v in rows(s, "services")
    ),
    "an override price": lambda s: any(
        v["override_price"] is not None and v["override_currency"] for v in rows(s, "services")
    ),
    "a one-time service": lambda s: any(v["date_renews"] is None for v in rows(s, "services")),
    "more than one of a service": lambda s: any(v["qty"] > 1 for v in rows(s, "services")),
    "a renewed service": lambda s: any(v["date_last_renewed"] for v in rows(s, "services")),
    "a service paid through a date": lambda s: any(v["date_paid_through"] for v in rows(s, "services")),
    "a negative line": lambda s: any(line["amount"] < 0 for line in rows(s, "invoice_lines")),
    "a fraction of a quantity": lambda s: any(line["qty"] % 1 for line in rows(s, "invoice_lines")),
    "a line without a service": lambda s: any(line["service_id"] is None for line in rows(s, "invoice_lines")),
    "a setup fee": lambda s: any(line["description"].endswith(": setup") for line in rows(s, "invoice_lines")),
    "an invoice of several lines": lambda s: any(
        len(g) > 2 for g in grouped(s, "invoice_lines", "invoice_id").values()
    ),
    "a cascading tax": lambda s: any(t["cascade"] for t in rows(s, "invoice_line_taxes")),
    "an invoice without tax": lambda s: any(
        i["total"] == i["subtotal"] for i in rows(s, "invoices") if i["total"] != 0
    ),
    "a draft that was never sent": lambda s: any(
        d["date_sent"] is None and s.tables["invoices"][d["invoice_id"]]["status"] == "draft"
        for d in rows(s, "invoice_delivery")
    ),
    "a client without a login": lambda s: any(c["user_id"] is None for c in rows(s, "clients")),
    "a client without services": lambda s: bool(set(s.tables["clients"]) - words(s, "services", "client_id")),
    "a client billed in two currencies": lambda s: any(
        len({i["currency"] for i in g}) > 1 for g in grouped(s, "invoices", "client_id").values()
    ),
    "a contact with a login of its own": lambda s: any(c["user_id"] for c in rows(s, "contacts")),
    "a contact of a custom type": lambda s: any(c["contact_type_id"] for c in rows(s, "contacts")),
    "letters beyond ASCII": lambda s: any(not c["last_name"].isascii() for c in rows(s, "contacts")),
    "another script": lambda s: any(c["city"] == "東京" for c in rows(s, "contacts")),
    "an apostrophe": lambda s: any("'" in c["last_name"] for c in rows(s, "contacts")),
    "markup in a name": lambda s: any("<b>" in (c["company"] or "") for c in rows(s, "contacts")),
    "a tax-exempt client": lambda s: any(r["key"] == "tax_exempt" for r in rows(s, "client_settings")),
    "a note": lambda s: bool(s.tables["client_notes"]),
    "a limited package": lambda s: any(p["qty"] is not None for p in rows(s, "packages")),
    "a price that renews dearer": lambda s: any(
        (p["price_renews"] or 0) > p["price"] for p in rows(s, "package_pricing")
    ),
}


@pytest.mark.parametrize("case", list(CASES))
def test_every_case_occurs(one: State, case: str) -> None:
    assert CASES[case](one)


def test_secrets_that_nobody_may_mirror_are_there(one: State) -> None:
    assert all(user["password"].startswith("$2y$") for user in rows(one, "users"))
    assert any(user["two_factor_key"] for user in rows(one, "users"))
    assert all(row["meta"]["api_key"] for row in rows(one, "module_rows"))
    assert all(gateway["meta"] for gateway in rows(one, "gateways"))
    assert any(field["encrypted"] for field in rows(one, "service_fields"))
    assert any(account["number"] for account in rows(one, "accounts_cc"))


def test_amounts_keep_to_the_precision_of_their_currency(state: State) -> None:
    for table in ("invoices", "transactions"):
        for row in rows(state, table):
            places = state.tables["currencies"][company_of(state, row["client_id"]), row["currency"]]["precision"]
            amount = row["total"] if table == "invoices" else row["amount"]
            assert amount == round(amount, places)
            assert amount.as_tuple().exponent == -4
