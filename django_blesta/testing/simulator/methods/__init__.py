"""Blesta's methods, one module per noun, one function per method. Importing this package registers all of them."""

from __future__ import annotations

from django_blesta.testing.simulator.calls import METHODS
from django_blesta.testing.simulator.methods import (
    accounts,
    agreements,
    client_groups,
    clients,
    companies,
    contacts,
    coupons,
    currencies,
    invoice_writes,
    invoices,
    modules,
    options,
    packages,
    plugins,
    service_changes,
    services,
    settings,
    staff,
    taxes,
    transactions,
    users,
)

__all__ = [
    "METHODS",
    "accounts",
    "agreements",
    "client_groups",
    "clients",
    "companies",
    "contacts",
    "coupons",
    "currencies",
    "invoice_writes",
    "invoices",
    "modules",
    "options",
    "packages",
    "plugins",
    "service_changes",
    "services",
    "settings",
    "staff",
    "taxes",
    "transactions",
    "users",
]
