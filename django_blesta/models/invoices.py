"""Invoices and their lines."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.models.base import Mirror, MirrorForeignKey, MoneyField
from django_blesta.models.clients import Client
from django_blesta.models.services import Service
from django_blesta.models.words import label_for
from django_blesta.resources import Call, Resource, mapped


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
        detail=mapped("note_public", "note_private", children={"lines": "line_items"}),
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
    )

    class Meta:
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        ordering = ("id",)
        indexes = [models.Index(fields=["client", "status"], name="blesta_invoice_client_status")]

    def __str__(self) -> str:
        return self.id_code or f"#{self.pk}"

    @property
    def is_paid(self) -> bool:
        return self.closed_at is not None and self.status in {"active", "proforma"}

    @property
    def is_overdue(self) -> bool:
        owed = self.status in {"active", "proforma"} and self.closed_at is None
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
    position = models.IntegerField(_("position"), default=0)

    resource = Resource(
        remote="Invoices",
        fields=mapped("id", "description", "qty", "amount", service="service_id", position="order"),
        embedded_in="Invoice.lines",
        company="invoice",
    )

    class Meta:
        verbose_name = _("invoice line")
        verbose_name_plural = _("invoice lines")
        ordering = ("invoice_id", "position", "id")

    def __str__(self) -> str:
        return self.description
