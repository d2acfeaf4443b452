"""Blesta's methods, one module per noun, one function per method. Importing this package registers all of them."""

from __future__ import annotations

from django_blesta.testing.simulator.calls import METHODS
from django_blesta.testing.simulator.methods import (
    client_groups,
    clients,
    companies,
    contacts,
    currencies,
    invoice_writes,
    invoices,
    packages,
    service_writes,
    services,
    settings,
    transaction_writes,
    transactions,
    users,
)

__all__ = [
    "METHODS",
    "client_groups",
    "clients",
    "companies",
    "contacts",
    "currencies",
    "invoice_writes",
    "invoices",
    "packages",
    "service_writes",
    "services",
    "settings",
    "transaction_writes",
    "transactions",
    "users",
]
