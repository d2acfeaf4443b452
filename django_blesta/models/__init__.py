"""Mirrors of Blesta's resources, each with its declaration beside it, and our own journal."""

from __future__ import annotations

from django_blesta.models.base import (
    CountryField,
    Mirror,
    MirrorForeignKey,
    MirrorQuerySet,
    MoneyField,
    TranslationsField,
    mirror_named,
    mirrors,
)
from django_blesta.models.clients import Client, ClientGroup, ClientLink, Contact, ContactNumber, ContactType, User
from django_blesta.models.companies import Company, Currency
from django_blesta.models.invoices import Invoice, InvoiceLine
from django_blesta.models.journal import Operation
from django_blesta.models.packages import Package, PackageGroup, PackageGroupMember, PackagePricing
from django_blesta.models.runs import (
    Certificate,
    Change,
    FenceCounter,
    IdentityMark,
    Lease,
    QuarantinedRow,
    SyncChunk,
    SyncRun,
    SyncScope,
)
from django_blesta.models.services import Service
from django_blesta.models.status import Status
from django_blesta.models.transactions import AppliedAmount, Transaction, TransactionType

__all__ = [
    "AppliedAmount",
    "Certificate",
    "Change",
    "Client",
    "ClientGroup",
    "ClientLink",
    "Company",
    "Contact",
    "ContactNumber",
    "ContactType",
    "CountryField",
    "Currency",
    "FenceCounter",
    "IdentityMark",
    "Invoice",
    "InvoiceLine",
    "Lease",
    "Mirror",
    "MirrorForeignKey",
    "MirrorQuerySet",
    "MoneyField",
    "Operation",
    "Package",
    "PackageGroup",
    "PackageGroupMember",
    "PackagePricing",
    "QuarantinedRow",
    "Service",
    "Status",
    "SyncChunk",
    "SyncRun",
    "SyncScope",
    "Transaction",
    "TransactionType",
    "TranslationsField",
    "User",
    "mirror_named",
    "mirrors",
]
