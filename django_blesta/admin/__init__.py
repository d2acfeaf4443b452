"""The mirror, the journal and the status page in Django's admin; a site's own mirrors may use `MirrorAdmin`."""

from __future__ import annotations

from django_blesta.admin import (
    accounts,
    agreements,
    billing,
    calls,
    clients,
    companies,
    hints,
    invoices,
    journal,
    links,
    modules,
    options,
    packages,
    plugins,
    services,
    staff,
    status,
    transactions,
)
from django_blesta.admin._mirror import MirrorAdmin, ReadOnlyAdmin, Related
from django_blesta.admin._others import register_the_rest
from django_blesta.admin.operations import OperationAdminMixin

__all__ = [
    "MirrorAdmin",
    "OperationAdminMixin",
    "ReadOnlyAdmin",
    "Related",
    "accounts",
    "agreements",
    "billing",
    "calls",
    "clients",
    "companies",
    "hints",
    "invoices",
    "journal",
    "links",
    "modules",
    "options",
    "packages",
    "plugins",
    "services",
    "staff",
    "status",
    "transactions",
]

register_the_rest()
