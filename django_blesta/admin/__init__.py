"""The mirror, the journal and the status page in Django's admin; a site's own mirrors may use `MirrorAdmin`."""

from __future__ import annotations

from django_blesta.admin import clients, companies, invoices, journal, links, packages, services, status, transactions
from django_blesta.admin._mirror import MirrorAdmin, ReadOnlyAdmin, Related

__all__ = [
    "MirrorAdmin",
    "ReadOnlyAdmin",
    "Related",
    "clients",
    "companies",
    "invoices",
    "journal",
    "links",
    "packages",
    "services",
    "status",
    "transactions",
]
