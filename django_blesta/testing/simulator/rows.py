"""Rows as the API shows them: stored columns plus what Blesta joins in; narrow in lists, wide from `get`.

Values stay native (Decimal, aware datetime); the wire makes them text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from django_blesta.testing.simulator import books
from django_blesta.testing.simulator.schema import resource
from django_blesta.testing.simulator.state import Row, State
from django_blesta.testing.simulator.switches import Switches

LANGUAGE: Final = "en_us"
CONTACT_COLUMNS: Final = (
    "first_name", "last_name", "title", "company", "email", "address1", "address2", "city", "state", "zip", "country",
)  # fmt: skip
# The collections that `Rows.wide` can show whole: the resource's name -> the table that holds it.
TABLE_OF: Final[Mapping[str, str]] = MappingProxyType(
    {
        name: name
        for name in (
            "companies", "client_groups", "clients", "contacts", "contact_numbers", "contact_types", "users",
            "packages", "package_pricing", "package_groups", "services", "invoices", "invoice_lines", "transactions",
            "transaction_applied", "transaction_types", "currencies", "client_notes", "accounts_cc", "accounts_ach",
            "staff", "recurring_invoices", "quotations", "taxes", "package_options",
            "package_option_groups", "coupons", "modules", "module_rows", "gateways", "service_changes",
            "ticket_departments", "tickets", "order_forms", "orders", "domain_tlds", "webhooks",
        )
    }
)  # fmt: skip


class Rows:
    """Presents the rows of one installation."""

    def __init__(self, state: State, switches: Switches) -> None:
        self._state = state
        self._switches = switches

    def wide(self, name: str) -> list[Row]:
        """All rows of a resource as its `get` (or, where it has none, its list) would show them."""
        with self._state.lock:
            return [self._one(name, row) for row in self._state.tables[TABLE_OF[name]].values()]

    def _one(self, name: str, row: Row) -> Row:
        match name:
            case "staff":
                return self.staff(row)
            case "webhooks":
                return self.webhook(row, wide=True)
            case "tickets":
                return self.ticket(row, replies=True)
            case "service_changes":
                return self.service_change(row)
            case "package_options":
                return self.option(row, wide=True)
            case "coupons":
                return self.coupon(row, wide=True)
            case "modules":
                return self.module(row, rows=True, groups=True)
            case "module_rows":
                return self.module_row(row)
            case "recurring_invoices":
                return self.recurring(row, wide=True)
            case "quotations":
                return self.quotation(row, wide=True)
            case "clients":
                return self.client(row, wide=True, settings=True)
            case "contacts":
                return self.contact(row)
            case "packages":
                return self.package(row, wide=True)
            case "package_groups":
                return self.package_group(row, wide=True)
            case "services":
                return self.service(row, wide=True)
            case "invoices":
                return self.invoice(row, wide=True)
            case "invoice_lines":
                return self.line(row)
            case "transactions":
                return self.transaction(row)
            case "transaction_applied":
                return self.applied(row)
        return self.plain(name, row)

    def plain(self, name: str, row: Row) -> Row:
        """A row without joins."""
        return self._shaped(name, dict(row))

    def client(self, row: Row, *, wide: bool = False, settings: bool = False) -> Row:
        """With the columns of the primary contact; `get` adds username, numbers, group, and settings when asked for."""
        state = self._state
        contacts = state.where("contacts", client_id=row["id"], contact_type="primary")
        contact: Mapping[str, Any] = contacts[0] if contacts else {}
        group = state.get("client_groups", row["client_group_id"])
        shown = dict(row)
        shown["contact_id"] = contact.get("id")
        for column in CONTACT_COLUMNS:
            shown[column] = contact.get(column)
        shown["company_id"] = group["company_id"] if group else None
        shown["group_name"] = group["name"] if group else None
        if wide:
            user = state.get("users", row["user_id"])
            shown["username"] = user["username"] if user else None
            numbers = state.where("contact_numbers", contact_id=contact["id"]) if contact else []
            shown["numbers"] = [self.plain("contact_numbers", number) for number in numbers]
            shown["group"] = self.plain("client_groups", group) if group else None
            shown["note_count"] = len(state.where("client_notes", client_id=row["id"]))
        if settings:
            values = {item["key"]: item["value"] for item in state.where("client_settings", client_id=row["id"])}
            shown["settings"] = self._map(values)
        return self._shaped("clients", shown)

    def contact(self, row: Row) -> Row:
        kind = self._state.get("contact_types", row["contact_type_id"])
        shown = dict(row)
        shown["contact_type_name"] = kind["real_name"] or kind["name"] if kind else None
        shown["contact_type_is_lang"] = kind["is_lang"] if kind else None
        return self._shaped("contacts", shown)

    def staff(self, row: Row) -> Row:
        """Which groups a member of staff is in is not simulated: nobody reads it."""
        return self._shaped("staff", {**row, "groups": []})

    def package(self, row: Row, *, wide: bool = False) -> Row:
        """Lists have no pricing, groups, options, plugins or meta."""
        shown = dict(row)
        meta = shown.pop("meta")
        shown["name"] = in_language(row["names"], "name")
        shown["description"] = in_language(row["descriptions"], "text")
        shown["description_html"] = in_language(row["descriptions"], "html")
        if wide:
            pricing = self._state.where("package_pricing", package_id=row["id"])
            shown["pricing"] = [self.plain("package_pricing", price) for price in pricing]
            members = self._state.where("package_group_members", package_id=row["id"])
            groups = (self._state.get("package_groups", member["package_group_id"]) for member in members)
            shown["groups"] = [self.package_group(group) for group in groups if group]
            offers = self._state.where("package_option_offers", package_id=row["id"])
            shown["option_groups"] = self._option_groups(offers)
            shown["plugins"] = []
            shown["meta"] = self._map(meta)
        return self._shaped("packages", shown)

    def option(self, row: Row, *, wide: bool = False) -> Row:
        """`get` adds values with their prices, and groups."""
        shown = dict(row)
        if wide:
            shown["values"] = [dict(value) for value in self._state.where("package_option_values", option_id=row["id"])]
            shown["groups"] = self._option_groups(self._state.where("package_option_members", option_id=row["id"]))
        return self._shaped("package_options", shown)

    def _option_groups(self, links: Iterable[Row]) -> list[Row]:
        groups = (self._state.get("package_option_groups", link["option_group_id"]) for link in links)
        return [self.plain("package_option_groups", group) for group in groups if group]

    def coupon(self, row: Row, *, wide: bool = False) -> Row:
        """`get` adds packages and amounts."""
        shown = dict(row)
        if wide:
            shown["packages"] = [dict(link) for link in self._state.where("coupon_packages", coupon_id=row["id"])]
            amounts = self._state.where("coupon_amounts", coupon_id=row["id"])
            shown["amounts"] = [{name: one[name] for name in ("currency", "amount", "type")} for one in amounts]
        return self._shaped("coupons", shown)

    def module(self, row: Row, *, rows: bool = False, groups: bool = False) -> Row:
        """With its rows and their credentials, when they are asked for."""
        shown = dict(row)
        if rows:
            shown["rows"] = [self.module_row(one) for one in self._state.where("module_rows", module_id=row["id"])]
        if groups:
            shown["groups"] = []
        return self._shaped("modules", shown)

    def module_row(self, row: Row) -> Row:
        return self._shaped("module_rows", {**row, "meta": self._map(row["meta"])})

    def package_group(self, row: Row, *, wide: bool = False) -> Row:
        """`get` adds the parents of an add-on group."""
        shown = dict(row)
        shown["name"] = in_language(row["names"], "name")
        shown["description"] = in_language(row["descriptions"], "description")
        if wide:
            links = self._state.where("package_group_parents", group_id=row["id"])
            parents = (self._state.get("package_groups", link["parent_group_id"]) for link in links)
            shown["parents"] = [self.package_group(parent) for parent in parents if parent]
        return self._shaped("package_groups", shown)

    def service(self, row: Row, *, wide: bool = False) -> Row:
        """With its package and price embedded; `get` adds fields and options."""
        state = self._state
        shown = dict(row)
        pricing = state.get("package_pricing", row["pricing_id"])
        package = state.get("packages", pricing["package_id"]) if pricing else None
        shown["package_pricing"] = self.plain("package_pricing", pricing) if pricing else None
        shown["package"] = (
            {
                "id": package["id"],
                "id_code": package["id_code"],
                "name": in_language(package["names"], "name"),
                "module_id": package["module_id"],
                "status": package["status"],
                "single_term": package["single_term"],
                "taxable": package["taxable"],
            }
            if package
            else None
        )
        if wide:
            fields = state.where("service_fields", service_id=row["id"])
            columns = ("key", "value", "serialized", "encrypted")
            shown["fields"] = [{column: item[column] for column in columns} for item in fields]
            chosen = state.where("service_options", service_id=row["id"])
            shown["options"] = [self._chosen(item) for item in chosen]
        return self._shaped("services", shown)

    def _chosen(self, item: Row) -> Row:
        option = self._state.tables["package_options"][item["option_id"]]
        value = self._state.get("package_option_values", item["option_value_id"])
        shown = {name: item[name] for name in item if name != "service_id"}
        return {**shown, "option_name": option["name"], "option_value_name": value["name"] if value else None}

    def ticket(self, row: Row, *, replies: bool = False) -> Row:
        """With the department's name; with replies, notes and log entries when they are asked for."""
        department = self._state.get("ticket_departments", row["department_id"])
        shown = {**row, "department_name": department["name"] if department else None}
        if replies:
            found = self._state.where("ticket_replies", ticket_id=row["id"])
            shown["replies"] = [{**reply, "attachments": []} for reply in found]
        return self._shaped("tickets", shown)

    def webhook(self, row: Row, *, wide: bool = False) -> Row:
        """`get` adds the fields that are sent."""
        return self._shaped("webhooks", {name: row[name] for name in row if wide or name != "fields"})

    def service_change(self, row: Row) -> Row:
        return self._shaped("service_changes", {**row, "data": self._map(row["data"])})

    def invoice(self, row: Row, *, wide: bool = False) -> Row:
        """`get` adds lines, taxes, delivery and meta."""
        state = self._state
        shown = dict(row)
        if wide:
            shown["line_items"] = self.lines(row["id"])
            shown["taxes"] = [
                {**self._tax(tax), "tax_total": total} for tax, total in books.invoice_taxes(state, row["id"])
            ]
            shown["delivery"] = [dict(item) for item in state.where("invoice_delivery", invoice_id=row["id"])]
            shown["meta"] = [
                {"key": item["key"], "value": item["value"]}
                for item in state.where("invoice_meta", invoice_id=row["id"])
            ]
        return self._shaped("invoices", shown)

    def lines(self, invoice_id: int) -> list[Row]:
        lines = self._state.where("invoice_lines", invoice_id=invoice_id)
        return [self.line(line) for line in sorted(lines, key=lambda line: (line["order"], line["id"]))]

    def line(self, row: Row) -> Row:
        links = self._state.where("invoice_line_taxes", line_id=row["id"])
        taxes = [self._state.tables["taxes"][link["tax_id"]] for link in links]
        return self._shaped("invoice_lines", {**row, "taxes": [self._tax(tax) for tax in taxes]})

    def recurring(self, row: Row, *, wide: bool = False) -> Row:
        """`get` adds lines and ways of delivery."""
        shown = dict(row)
        if wide:
            lines = self._state.where("recurring_invoice_lines", invoice_recur_id=row["id"])
            shown["line_items"] = [dict(line) for line in lines]
            shown["delivery"] = ["email"]
        return self._shaped("recurring_invoices", shown)

    def quotation(self, row: Row, *, wide: bool = False) -> Row:
        """`get` adds lines."""
        shown = dict(row)
        if wide:
            shown["line_items"] = [dict(line) for line in self._state.where("quotation_lines", quotation_id=row["id"])]
        return self._shaped("quotations", shown)

    def transaction(self, row: Row) -> Row:
        """With gateway and type joined in."""
        return self._shaped("transactions", {**row, **self._payment(row)})

    def applied(self, row: Row) -> Row:
        """An applied amount with what its transaction and its invoice say."""
        transaction = self._state.tables["transactions"][row["transaction_id"]]
        invoice = self._state.get("invoices", row["invoice_id"])
        return self._shaped(
            "transaction_applied",
            {
                **row,
                "amount": transaction["amount"],
                "currency": transaction["currency"],
                "status": transaction["status"],
                "type": transaction["type"],
                **self._payment(transaction),
                "transaction_number": transaction["transaction_id"],
                "reference_id": transaction["reference_id"],
                "invoice_id_code": invoice["id_code"] if invoice else None,
            },
        )

    def credits(self, client_id: int, currency: str | None) -> dict[str, list[Row]]:
        """What is left of the client's payments: currency -> [{transaction_id, credit}]."""
        found: dict[str, list[Row]] = {}
        for row in self._state.where("transactions", client_id=client_id, status="approved"):
            if row["credited_amount"] > Decimal(0) and currency in (None, row["currency"]):
                left = {"transaction_id": row["id"], "credit": row["credited_amount"]}
                found.setdefault(row["currency"], []).append(left)
        return found

    def _payment(self, transaction: Row) -> Row:
        gateway = self._state.get("gateways", transaction["gateway_id"])
        kind = self._state.get("transaction_types", transaction["transaction_type_id"])
        return {
            "gateway_name": gateway["name"] if gateway else None,
            "gateway_type": gateway["type"] if gateway else None,
            "type_name": kind["real_name"] or kind["name"] if kind else None,
        }

    @staticmethod
    def _tax(tax: Row) -> Row:
        return {column: tax[column] for column in ("id", "level", "name", "amount", "type")}

    def _map(self, values: Mapping[str, Any]) -> Any:
        if not values and self._switches.empty_map_as_list:
            return []
        return dict(values)

    def _shaped(self, name: str, row: Row) -> Row:
        mode = self._switches.inferred_columns
        if mode == "present":
            return row
        inferred = resource(name).inferred_columns - {"id"}  # without it no row could be told from another
        if mode == "absent":
            return {column: value for column, value in row.items() if column not in inferred}
        return {f"new_{column}" if column in inferred else column: value for column, value in row.items()}


def in_language(texts: Iterable[Mapping[str, Any]], key: str) -> Any:
    """The text in the company's language, else the first there is."""
    found = list(texts)
    return next((text[key] for text in found if text["lang"] == LANGUAGE), found[0][key] if found else None)
