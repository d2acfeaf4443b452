"""Invoices that Blesta makes again and again by itself, outside any service."""

from __future__ import annotations

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.models.base import Mirror, MirrorForeignKey, MoneyField
from django_blesta.models.clients import Client
from django_blesta.models.words import term_label
from django_blesta.resources import Call, Resource, mapped


class RecurringInvoice(Mirror):
    """Blesta counts these per client only, so they are asked for client by client."""

    client_path = "client"

    id = models.BigIntegerField(_("id"), primary_key=True)
    client = MirrorForeignKey(Client, related_name="recurring_invoices", verbose_name=_("client"))
    term = models.IntegerField(_("term"), default=0)
    period = models.CharField(_("period"), max_length=32, blank=True)
    duration = models.IntegerField(_("times"), null=True, blank=True, help_text=_("Empty: without end."))
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    renews_at = models.DateTimeField(_("next on"), null=True, blank=True, db_index=True)
    last_renewed_at = models.DateTimeField(_("last on"), null=True, blank=True)
    note_public = models.TextField(_("public note"), blank=True)
    note_private = models.TextField(_("private note"), blank=True)

    resource = Resource(
        remote="Invoices",
        fields=mapped(
            "id",
            "term",
            "period",
            "duration",
            "currency",
            client="client_id",
            renews_at="date_renews",
            last_renewed_at="date_last_renewed",
        ),
        detail=mapped("note_public", "note_private", children={"lines": "line_items"}),
        listing=Call("getRecurringList", key="client_id", order_by="id", order_argument="order"),
        count=Call("getRecurringListCount", key="client_id"),
        get=Call("getRecurring", key="invoice_recur_id"),
        parent="client",
        company="client",
        left_out={
            "delivery": "Nobody has said what it looks like.",
        },
    )

    class Meta:
        verbose_name = _("recurring invoice")
        verbose_name_plural = _("recurring invoices")
        ordering = ("id",)

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def term_label(self) -> str | Promise:
        return term_label(self.term, self.period)


class RecurringInvoiceLine(Mirror):
    client_path = "recurring_invoice__client"

    id = models.BigIntegerField(_("id"), primary_key=True)
    recurring_invoice = MirrorForeignKey(RecurringInvoice, related_name="lines", verbose_name=_("recurring invoice"))
    description = models.TextField(_("description"), blank=True)
    qty = models.DecimalField(_("quantity"), max_digits=19, decimal_places=4)
    amount = MoneyField(_("unit cost"))
    position = models.IntegerField(_("position"), default=0)

    resource = Resource(
        remote="Invoices",
        fields=mapped("id", "description", "qty", "amount", position="order"),
        embedded_in="RecurringInvoice.lines",
        company="recurring_invoice",
        left_out={"invoice_recur_id": "The parent says it."},
    )

    class Meta:
        verbose_name = _("recurring invoice line")
        verbose_name_plural = _("recurring invoice lines")
        ordering = ("recurring_invoice_id", "position", "id")

    def __str__(self) -> str:
        return self.description
