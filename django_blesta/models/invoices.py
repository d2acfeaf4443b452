"""Invoices and their lines."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Self

from django.db import models
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.models.base import (
    FORMAT,
    Mirror,
    MirrorForeignKey,
    MirrorQuerySet,
    MoneyField,
    address_of,
    per_currency,
)
from django_blesta.models.clients import Client
from django_blesta.models.services import Service
from django_blesta.models.taxes import Tax
from django_blesta.models.words import label_for
from django_blesta.resources import Call, Resource, mapped

#: A pro forma waits for its payment as an issued invoice does; drafts and void ones do not.
BILLED = ("active", "proforma")


class InvoiceQuerySet(MirrorQuerySet):
    """What people mean by an invoice's state: Blesta's word, whether it is closed, and the day together."""

    def issued(self) -> Self:
        """All but drafts, which are the business of Blesta's staff until they are issued."""
        return self.exclude(status="draft")

    def open(self) -> Self:
        return self.filter(status__in=BILLED, closed_at__isnull=True)

    def overdue(self, at: datetime | None = None) -> Self:
        return self.open().filter(due_at__lt=at or timezone.now())

    def paid(self) -> Self:
        return self.filter(status__in=BILLED, closed_at__isnull=False)

    def due(self) -> dict[str, Decimal]:
        """What these invoices still ask for, per currency; added up here, since SQLite would round."""
        return per_currency(self.values_list("currency", "due"))


class Invoice(Mirror):
    """`subtotal`, `total`, `paid` and `due` are Blesta's own figures in `currency`; paid in full is a `closed_at`."""

    client_path = "client"

    id = models.BigIntegerField(_("id"), primary_key=True)
    id_code = models.CharField(_("number"), max_length=64, blank=True, db_index=True)
    client = MirrorForeignKey(Client, related_name="invoices", verbose_name=_("client"))
    status = models.CharField(_("status"), max_length=32, blank=True, db_index=True)
    currency = models.CharField(_("currency"), max_length=3)
    subtotal = MoneyField(_("subtotal"))
    total = MoneyField(_("total"))
    paid = MoneyField(_("paid"))
    due = MoneyField(_("due"))
    billed_at = models.DateTimeField(_("billed"), null=True, blank=True)
    due_at = models.DateTimeField(_("due on"), null=True, blank=True, db_index=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    autodebit_at = models.DateTimeField(_("autodebit on"), null=True, blank=True)
    note_public = models.TextField(_("public note"), blank=True)
    note_private = models.TextField(_("private note"), blank=True)

    resource = Resource(
        remote="Invoices",
        fields=mapped(
            "id",
            "id_code",
            "status",
            "currency",
            "subtotal",
            "total",
            "paid",
            "due",
            client="client_id",
            billed_at="date_billed",
            due_at="date_due",
            closed_at="date_closed",
            autodebit_at="date_autodebit",
        ),
        detail=mapped(
            "note_public",
            "note_private",
            children={"lines": "line_items", "taxes": "taxes", "deliveries": "delivery"},
        ),
        listing=Call("getList", {"status": "all"}, order_by="id", order_by_qualified="invoices.id"),
        count=Call("getListCount", {"status": "all"}),
        get=Call("get", key="invoice_id"),
        company="client",
        events={
            "Invoices.add": "invoice_id",
            "Invoices.edit": "invoice_id",
            "Invoices.setClosed": "invoice_id",
            "Invoices.createFromServices": "invoice_id",
        },
        left_out={
            "id_format": FORMAT,
            "id_value": FORMAT,
            "previous_due": "Not known to be filled.",
            "meta": "A plugin's or gateway's own.",
        },
        hot=("open",),
    )

    objects: ClassVar[Any] = InvoiceQuerySet.as_manager()

    class Meta:
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        ordering = ("id",)
        indexes = [models.Index(fields=["client", "status"], name="blesta_invoice_client_status")]

    def __str__(self) -> str:
        return self.id_code or f"#{self.pk}"

    def get_absolute_url(self) -> str:
        """The customer's own page of it, where the site has such pages."""
        return address_of("blesta:invoice", self.pk)

    @property
    def is_paid(self) -> bool:
        return self.closed_at is not None and self.status in BILLED

    @property
    def is_overdue(self) -> bool:
        owed = self.status in BILLED and self.closed_at is None
        return owed and self.due_at is not None and self.due_at < timezone.now()

    @property
    def status_label(self) -> str | Promise:
        if self.is_paid:
            return label_for("paid")
        if self.is_overdue:
            return label_for("past_due")
        return label_for("open" if self.status == "active" else self.status)


class InvoiceLine(Mirror):
    """Comes with its invoice's whole `get` and is replaced as a set; `amount` is the unit cost and may be negative."""

    client_path = "invoice__client"

    id = models.BigIntegerField(_("id"), primary_key=True)
    invoice = MirrorForeignKey(Invoice, related_name="lines", verbose_name=_("invoice"))
    service = MirrorForeignKey(Service, related_name="invoice_lines", verbose_name=_("service"))
    description = models.TextField(_("description"), blank=True)
    qty = models.DecimalField(_("quantity"), max_digits=19, decimal_places=4)
    amount = MoneyField(_("unit cost"))
    subtotal = MoneyField(_("subtotal"), null=True, blank=True)
    total = MoneyField(_("total"), null=True, blank=True)
    position = models.IntegerField(_("position"), default=0)

    resource = Resource(
        remote="Invoices",
        fields=mapped(
            "id", "description", "qty", "amount", "subtotal", "total", service="service_id", position="order"
        ),
        embedded_in="Invoice.lines",
        company="invoice",
        left_out={
            "taxes": "The invoice's taxes are mirrored, with their sums.",
        },
    )

    class Meta:
        verbose_name = _("invoice line")
        verbose_name_plural = _("invoice lines")
        ordering = ("invoice_id", "position", "id")

    def __str__(self) -> str:
        return self.description


class InvoiceTax(Mirror):
    """One tax of an invoice with its sum, as Blesta added it up; the tax itself may have changed since."""

    client_path = "invoice__client"

    id = models.BigAutoField(primary_key=True)
    invoice = MirrorForeignKey(Invoice, related_name="taxes", verbose_name=_("invoice"))
    tax = MirrorForeignKey(Tax, related_name="invoice_taxes", verbose_name=_("tax"))
    level = models.IntegerField(_("level"), default=1)
    name = models.CharField(_("name"), max_length=255, blank=True)
    rate = models.DecimalField(_("rate"), max_digits=19, decimal_places=4, null=True, blank=True)
    type = models.CharField(_("type"), max_length=32, blank=True)
    total = MoneyField(_("total"), null=True, blank=True)

    resource = Resource(
        remote="Invoices",
        fields=mapped("level", "name", "type", tax="id", rate="amount", total="tax_total"),
        embedded_in="Invoice.taxes",
        key=("invoice", "tax"),
        company="invoice",
    )

    class Meta:
        verbose_name = _("invoice tax")
        verbose_name_plural = _("invoice taxes")
        ordering = ("invoice_id", "level", "tax_id")
        constraints = [models.UniqueConstraint(fields=["invoice", "tax"], name="blesta_invoice_tax_key")]

    def __str__(self) -> str:
        return self.name or f"#{self.tax_id}"

    @property
    def type_label(self) -> str | Promise:
        return label_for(self.type)


class InvoiceDelivery(Mirror):
    """A way in which an invoice is to reach the client; without `sent_at` it still waits for Blesta's cron."""

    client_path = "invoice__client"

    id = models.BigIntegerField(_("id"), primary_key=True)
    invoice = MirrorForeignKey(Invoice, related_name="deliveries", verbose_name=_("invoice"))
    method = models.CharField(_("method"), max_length=64, blank=True)
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)

    resource = Resource(
        remote="Invoices",
        fields=mapped("id", "method", sent_at="date_sent"),
        embedded_in="Invoice.deliveries",
        company="invoice",
    )

    class Meta:
        verbose_name = _("invoice delivery")
        verbose_name_plural = _("invoice deliveries")
        ordering = ("invoice_id", "id")

    def __str__(self) -> str:
        return self.method or f"#{self.pk}"
