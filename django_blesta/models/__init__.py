"""Mirrors of Blesta's resources, each with its declaration beside it, and our own journal."""

from __future__ import annotations

from django_blesta.models.accounts import BankAccount, CardAccount
from django_blesta.models.base import (
    AllowedMapField,
    CountryField,
    Mirror,
    MirrorForeignKey,
    MirrorQuerySet,
    MoneyField,
    TranslationsField,
    mirror_named,
    mirrors,
)
from django_blesta.models.calls import CallTally, LoggedCall
from django_blesta.models.clients import (
    Client,
    ClientGroup,
    ClientLink,
    Contact,
    ContactNumber,
    ContactPermission,
    ContactType,
    User,
)
from django_blesta.models.companies import Company, Currency
from django_blesta.models.coupons import Coupon, CouponAmount
from django_blesta.models.domains import DomainTld
from django_blesta.models.hints import Delivery, Feed, Hint
from django_blesta.models.invoices import Invoice, InvoiceDelivery, InvoiceLine, InvoiceTax
from django_blesta.models.journal import Operation
from django_blesta.models.modules import Gateway, Module, ModuleRow
from django_blesta.models.options import PackageOption, PackageOptionGroup, PackageOptionMember, PackageOptionValue
from django_blesta.models.orders import Order, OrderForm
from django_blesta.models.packages import (
    Package,
    PackageGroup,
    PackageGroupMember,
    PackageGroupParent,
    PackageOptionOffer,
    PackagePricing,
)
from django_blesta.models.presence import Census, Heartbeat, Vital
from django_blesta.models.quotations import Quotation, QuotationLine
from django_blesta.models.recurring import RecurringInvoice, RecurringInvoiceLine
from django_blesta.models.runs import (
    Certificate,
    Change,
    FenceCounter,
    IdentityMark,
    Lease,
    QuarantinedRow,
    SchemaDrift,
    SyncChunk,
    SyncRun,
    SyncScope,
)
from django_blesta.models.services import Service, ServiceChange, ServiceOption
from django_blesta.models.staff import ClientNote, Staff
from django_blesta.models.status import Billing, Status
from django_blesta.models.taxes import Tax
from django_blesta.models.tickets import Ticket, TicketDepartment, TicketReply
from django_blesta.models.transactions import AppliedAmount, Transaction, TransactionType
from django_blesta.models.webhooks import Webhook

__all__ = [
    "AllowedMapField",
    "AppliedAmount",
    "BankAccount",
    "Billing",
    "CallTally",
    "CardAccount",
    "Census",
    "Certificate",
    "Change",
    "Client",
    "ClientGroup",
    "ClientLink",
    "ClientNote",
    "Company",
    "Contact",
    "ContactNumber",
    "ContactPermission",
    "ContactType",
    "CountryField",
    "Coupon",
    "CouponAmount",
    "Currency",
    "Delivery",
    "DomainTld",
    "Feed",
    "FenceCounter",
    "Gateway",
    "Heartbeat",
    "Hint",
    "IdentityMark",
    "Invoice",
    "InvoiceDelivery",
    "InvoiceLine",
    "InvoiceTax",
    "Lease",
    "LoggedCall",
    "Mirror",
    "MirrorForeignKey",
    "MirrorQuerySet",
    "Module",
    "ModuleRow",
    "MoneyField",
    "Operation",
    "Order",
    "OrderForm",
    "Package",
    "PackageGroup",
    "PackageGroupMember",
    "PackageGroupParent",
    "PackageOption",
    "PackageOptionGroup",
    "PackageOptionMember",
    "PackageOptionOffer",
    "PackageOptionValue",
    "PackagePricing",
    "QuarantinedRow",
    "Quotation",
    "QuotationLine",
    "RecurringInvoice",
    "RecurringInvoiceLine",
    "SchemaDrift",
    "Service",
    "ServiceChange",
    "ServiceOption",
    "Staff",
    "Status",
    "SyncChunk",
    "SyncRun",
    "SyncScope",
    "Tax",
    "Ticket",
    "TicketDepartment",
    "TicketReply",
    "Transaction",
    "TransactionType",
    "TranslationsField",
    "User",
    "Vital",
    "Webhook",
    "mirror_named",
    "mirrors",
]
