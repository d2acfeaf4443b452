"""Declarations are right in themselves, and ask Blesta only for what it publishes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import Error
from django.db import models
from django.test.utils import isolate_apps

from django_blesta.checks import DECLARATION_CHECKS, SETTING_CHECKS, _check_one, check_declarations
from django_blesta.models import Client, Mirror, mirrors
from django_blesta.resources import Call, Resource, mapped, resource_of
from django_blesta.testing.simulator import schema


def test_own_declarations_have_no_mistake():
    assert check_declarations(None) == []


def declared(**options: Any) -> Resource:
    defaults: dict[str, Any] = {"remote": "Widgets", "fields": mapped("id", "name"), "listing": Call("getList")}
    return Resource(**(defaults | options))


@pytest.fixture
def widget() -> Iterator[type[Mirror]]:
    """A mirror outside the project's registry: only its declaration is looked at."""
    with isolate_apps("django_blesta"):

        class Widget(Mirror):
            id = models.BigIntegerField(primary_key=True)
            name = models.CharField(max_length=10)
            resource = declared()

            class Meta:
                app_label = "django_blesta"

        yield Widget


@pytest.mark.parametrize(
    ("resource", "code"),
    [
        (declared(), None),
        (declared(fields=mapped("id", "name", "color")), "E102"),
        (declared(detail=mapped(children={"parts": "parts"})), "E102"),
        (declared(parent="owner"), "E102"),
        (declared(listing=None, reached_by=("Gadget.widget",)), "E102"),
        (declared(fields=mapped("id")), "E103"),
        (declared(listing=None), "E104"),
        (declared(reached_by=("Client.user",)), "E104"),
    ],
)
def test_mistake_is_named_by_its_code(widget, resource, code):
    found = [error.id for error in _check_one(widget, resource) if isinstance(error, Error)]
    assert found == ([] if code is None else [f"django_blesta.{code}"])


def test_ids_of_checks_are_documented(docs_settings_page):
    for check in (*SETTING_CHECKS, *DECLARATION_CHECKS):
        assert f"`{check}`" in docs_settings_page


@pytest.fixture
def docs_settings_page() -> str:
    return Path(__file__, "../../../docs/reference/settings.md").resolve().read_text()


def published() -> dict[str, Any]:
    """The schema that a public Python client carries, taken from the documentation of Blesta's source."""
    text = files("blesta_sdk.schemas").joinpath("blesta_api_schema.json").read_text(encoding="utf-8")
    models: dict[str, Any] = json.loads(text)["models"]
    return models


def calls() -> list[tuple[type[Mirror], Call]]:
    found = []
    for model in mirrors():
        resource = resource_of(model)
        found += [(model, call) for call in (resource.listing, resource.count, resource.get) if call]
    return found


@pytest.mark.parametrize(("model", "call"), calls(), ids=lambda value: getattr(value, "__name__", None) or value.method)
def test_every_method_and_argument_is_published(model, call):
    resource = resource_of(model)
    used = {*call.arguments, call.key, call.company} - {""}
    if call is resource.listing and call.paged:
        used |= {"page", call.order_argument}
    if resource.plugin:  # of plugins nothing is published but what the reference has gathered
        entry = schema.resource(RESOURCES[model.__name__])
        assert call.method in {entry.list_method, entry.count_method, entry.get_method}
        known = entry.get_arguments if call is resource.get else entry.list_arguments
        assert used <= {argument.name for argument in known}
        return
    methods = published()[call.remote or resource.remote]["methods"]
    assert used <= {parameter["name"] for parameter in methods[call.method]["params"]}


RESOURCES = {
    "Company": "companies",
    "Currency": "currencies",
    "ClientGroup": "client_groups",
    "Client": "clients",
    "Contact": "contacts",
    "ContactNumber": "contact_numbers",
    "ContactType": "contact_types",
    "User": "users",
    "Package": "packages",
    "PackagePricing": "package_pricing",
    "PackageGroup": "package_groups",
    "Service": "services",
    "Invoice": "invoices",
    "InvoiceLine": "invoice_lines",
    "Transaction": "transactions",
    "TransactionType": "transaction_types",
    "AppliedAmount": "transaction_applied",
    "CardAccount": "accounts_cc",
    "BankAccount": "accounts_ach",
    "Staff": "staff",
    "ClientNote": "client_notes",
    "RecurringInvoice": "recurring_invoices",
    "Quotation": "quotations",
    "Tax": "taxes",
    "PackageOption": "package_options",
    "PackageOptionGroup": "package_option_groups",
    "Coupon": "coupons",
    "Module": "modules",
    "ModuleRow": "module_rows",
    "Gateway": "gateways",
    "ServiceChange": "service_changes",
    "TicketDepartment": "ticket_departments",
    "Ticket": "tickets",
    "TicketReply": "ticket_replies",
    "OrderForm": "order_forms",
    "Order": "orders",
    "DomainTld": "domain_tlds",
    "Webhook": "webhooks",
}
# Made of ids inside other rows, or of rows whose columns nobody has written down.
NOT_IN_THE_REFERENCE = {
    "ContactPermission",
    "InvoiceDelivery",
    "InvoiceTax",
    "CouponAmount",
    "PackageGroupMember",
    "PackageGroupParent",
    "PackageOptionMember",
    "PackageOptionOffer",
    "PackageOptionValue",
    "QuotationLine",
    "RecurringInvoiceLine",
    "ServiceOption",
}


@pytest.mark.parametrize("model", mirrors(), ids=lambda model: model.__name__)
def test_every_mapped_name_is_in_the_reference(model):
    if model.__name__ in NOT_IN_THE_REFERENCE:
        return
    fields = schema.resource(RESOURCES[model.__name__]).fields
    resource = resource_of(model)
    theirs = {name.partition(".")[0] for tier in (resource.fields, resource.detail) for name in tier.columns.values()}
    theirs |= set(resource.detail.children.values())
    # What a request itself fixes: the parent that a scoped listing is asked under.
    given = {resource.fields.columns[resource.parent]} if resource.parent else set()
    assert theirs - given <= {*fields, "company_id"} if model is Client else theirs - given <= set(fields)
