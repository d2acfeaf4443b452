"""Rows on demand for tests: each `add_…` fills in what a test does not care about and keeps the books right.

`Factories(state, clock)` works on any state; the simulator offers the same methods. Every method takes the columns of
its table by keyword, as `state.TABLES` lists them, and returns the stored row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django_blesta.testing.simulator import books
from django_blesta.testing.simulator.clock import Clock
from django_blesta.testing.simulator.dates import add_term
from django_blesta.testing.simulator.state import Row, State

LANGUAGE = "en_us"
# Shaped like a bcrypt hash and worth nothing: a mirror that holds it has stored what it should not.
PASSWORD_HASH = "$2y$10$neverMirrorThisHash.neverMirrorThisHash.neverMirror"


class Factories:
    """Adds rows at the clock's time, and the company, group or package that a row needs when none is there."""

    state: State
    clock: Clock

    def __init__(self, state: State, clock: Clock) -> None:
        self.state = state
        self.clock = clock

    # Company

    def add_company(self, **columns: Any) -> Row:
        """A company with a default client group, US dollars and English."""
        number = self.state.last_id("companies") + 1
        columns = {"name": f"Company {number}", "hostname": f"billing{number}.example", **columns}
        company = self.state.insert("companies", **columns)
        self.state.insert("languages", company_id=company["id"], code=LANGUAGE, name="English, US")
        self.add_currency(company_id=company["id"], code="USD", prefix="$")
        self.add_client_group(company_id=company["id"], name="General")
        return company

    def add_currency(self, **columns: Any) -> Row:
        """`code` is wanted; two decimal places unless `precision` says otherwise."""
        columns = {"company_id": self._company_id(), "format": "#,###.##", **columns}
        return self.state.insert("currencies", **columns)

    def add_tax(self, **columns: Any) -> Row:
        """An exclusive tax of 20 percent for everybody, unless told otherwise."""
        columns = {"company_id": self._company_id(), "name": "VAT", "amount": "20.0000", **columns}
        return self.state.insert("taxes", **columns)

    # Clients

    def add_client_group(self, **columns: Any) -> Row:
        number = self.state.last_id("client_groups") + 1
        columns = {"company_id": self._company_id(), "name": f"Group {number}", "color": "3366cc", **columns}
        return self.state.insert("client_groups", **columns)

    def add_user(self, **columns: Any) -> Row:
        number = self.state.last_id("users") + 1
        columns = {
            "username": f"user{number}@example.com",
            "password": PASSWORD_HASH,
            "date_added": self.clock.now(),
            **columns,
        }
        return self.state.insert("users", **columns)

    def add_client(self, *, settings: Mapping[str, str] | None = None, **columns: Any) -> Row:
        """A client with a login, a primary contact and settings; columns of `contacts` go to that contact.

        `user_id=None` makes a client without a login; `username` names the login.
        """
        with self.state.lock:
            number = self.state.last_id("clients") + 1
            contact_names = {"first_name", "last_name", "title", "company", "email", "address1", "address2", "city"}
            contact_names |= {"state", "zip", "country", "date_added"}
            contact = {name: columns.pop(name) for name in list(columns) if name in contact_names}
            contact = {"first_name": "Ada", "last_name": f"Byron {number}", "country": "GB", **contact}
            contact.setdefault("email", f"client{number}@example.com")
            username = columns.pop("username", contact["email"])
            if "user_id" not in columns:
                columns["user_id"] = self.add_user(username=username)["id"]
            if "client_group_id" not in columns:
                columns["client_group_id"] = self._client_group_id()
            client = self.state.insert("clients", **_numbered(columns, 1499 + number))
            self.add_contact(client["id"], contact_type="primary", **contact)
            for key, value in {"default_currency": "USD", "language": LANGUAGE, **(settings or {})}.items():
                self.state.insert("client_settings", client_id=client["id"], key=key, value=value)
            return client

    def add_contact(self, client_id: int, **columns: Any) -> Row:
        """A contact for billing matters, unless `contact_type` says otherwise."""
        number = self.state.last_id("contacts") + 1
        columns = {
            "contact_type": "billing",
            "first_name": "Charles",
            "last_name": "Babbage",
            "email": f"contact{number}@example.com",
            "date_added": self.clock.now(),
            **columns,
        }
        return self.state.insert("contacts", client_id=client_id, **columns)

    def add_number(self, contact_id: int, **columns: Any) -> Row:
        columns = {"number": "+44 20 7946 0000", "type": "phone", "location": "work", **columns}
        return self.state.insert("contact_numbers", contact_id=contact_id, **columns)

    # Catalogue

    def add_package_group(self, **columns: Any) -> Row:
        """`name` and `description` are stored for English when `names` and `descriptions` are not given."""
        number = self.state.last_id("package_groups") + 1
        name, description = columns.pop("name", f"Package group {number}"), columns.pop("description", "")
        columns = {
            "company_id": self._company_id(),
            "names": [{"lang": LANGUAGE, "name": name}],
            "descriptions": [{"lang": LANGUAGE, "description": description}],
            **columns,
        }
        return self.state.insert("package_groups", **columns)

    def add_package(self, *, groups: Iterable[int] = (), **columns: Any) -> Row:
        """A package without prices; `groups` are ids of the package groups it is in."""
        with self.state.lock:
            number = self.state.last_id("packages") + 1
            name, description = columns.pop("name", f"Package {number}"), columns.pop("description", "")
            columns = {
                "company_id": self._company_id(),
                "names": [{"lang": LANGUAGE, "name": name}],
                "descriptions": [{"lang": LANGUAGE, "text": description, "html": f"<p>{description}</p>"}],
                "email_content": [{"lang": LANGUAGE, "text": "Welcome.", "html": "<p>Welcome.</p>"}],
                "meta": {},
                **columns,
            }
            package = self.state.insert("packages", **_numbered(columns, number))
            for group_id in groups:
                self.state.insert("package_group_members", package_id=package["id"], package_group_id=group_id)
            return package

    def add_pricing(self, package_id: int, **columns: Any) -> Row:
        """A monthly price of 9.99 USD unless told otherwise; its two ids differ, as they do at Blesta."""
        number = self.state.last_id("package_pricing") + 1
        columns = {"pricing_id": number + 1000, "price": "9.9900", "currency": "USD", **columns}
        return self.state.insert("package_pricing", package_id=package_id, **columns)

    # Services

    def add_service(self, client_id: int, pricing_id: int | None = None, **columns: Any) -> Row:
        """An active service bought now, on a package made for it when no price is named; renews after one term."""
        with self.state.lock:
            number = self.state.last_id("services") + 1
            if pricing_id is None:
                company_id = books.company_of_client(self.state, client_id)
                pricing_id = self.add_pricing(self.add_package(company_id=company_id)["id"])["id"]
            pricing = self.state.tables["package_pricing"][pricing_id]
            columns = {"date_added": self.clock.now(), "name": f"site{number}.example", **columns}
            columns.setdefault("date_renews", add_term(columns["date_added"], pricing["term"], pricing["period"]))
            columns = _numbered(columns, number)
            return self.state.insert("services", client_id=client_id, pricing_id=pricing_id, **columns)

    # Billing

    def add_invoice(self, client_id: int, lines: Sequence[Mapping[str, Any]] | None = None, **columns: Any) -> Row:
        """An active invoice billed now and due in ten days, with its sums.

        A line is `{"description", "qty", "amount", "service_id", "taxes"}`, all optional; `taxes` holds tax ids, or
        (tax id, cascade) pairs. Without `lines` there is one of 10.00. `delivery` names the ways it is sent.
        """
        with self.state.lock:
            number = self.state.last_id("invoices") + 1
            delivery = columns.pop("delivery", ("email",))
            columns = {"date_billed": self.clock.now(), "currency": "USD", **columns}
            columns.setdefault("date_due", columns["date_billed"] + timedelta(days=10))
            columns = _numbered(columns, number, id_format="INV-{num}")
            invoice = self.state.insert("invoices", client_id=client_id, **columns)
            for order, line in enumerate([{}] if lines is None else lines):
                self._add_line(invoice["id"], order, line)
            for method in delivery:
                self.state.insert("invoice_delivery", invoice_id=invoice["id"], method=method)
            return books.recompute_invoice(self.state, invoice["id"], self.clock.now())

    def add_transaction(
        self, client_id: int, amount: Decimal | int | str = "10.0000", *, invoice_id: int | None = None, **columns: Any
    ) -> Row:
        """An approved payment received now; all of it put on `invoice_id` when that is given, else left as credit."""
        with self.state.lock:
            number = self.state.last_id("transactions") + 1
            columns = {"currency": "USD", "date_added": self.clock.now(), "transaction_id": f"TX-{number}", **columns}
            transaction = self.state.insert("transactions", client_id=client_id, amount=amount, **columns)
            books.recompute_transaction(self.state, transaction["id"])
            if invoice_id is not None:
                self.apply(transaction["id"], {invoice_id: transaction["amount"]})
            return transaction

    def apply(
        self, transaction_id: int, amounts: Mapping[int, Decimal | int | str], at: datetime | None = None
    ) -> None:
        """Put parts of a payment on invoices; see `books.apply` for what is refused."""
        books.apply(self.state, transaction_id, amounts, at or self.clock.now())

    def _add_line(self, invoice_id: int, order: int, line: Mapping[str, Any]) -> None:
        columns = {"description": "Hosting", "amount": "10.0000", "order": order, **line}
        taxes = columns.pop("taxes", ())
        row = self.state.insert("invoice_lines", invoice_id=invoice_id, **columns)
        for tax in taxes:
            tax_id, cascade = tax if isinstance(tax, tuple) else (tax, False)
            self.state.insert("invoice_line_taxes", line_id=row["id"], tax_id=tax_id, cascade=cascade)

    def _company_id(self) -> int:
        company_id: int = next(iter(self.state.tables["companies"]), 0)
        return company_id or int(self.add_company()["id"])

    def _client_group_id(self) -> int:
        groups = self.state.where("client_groups", company_id=self._company_id())
        return int(groups[0]["id"] if groups else self.add_client_group()["id"])


def _numbered(columns: dict[str, Any], number: int, *, id_format: str = "{num}") -> dict[str, Any]:
    """The three columns of a display number, unless the caller gave them."""
    columns = {"id_format": id_format, "id_value": number, **columns}
    columns.setdefault("id_code", str(columns["id_format"]).replace("{num}", str(columns["id_value"])))
    return columns
