"""Offers that a client may approve, and which then become invoices."""

from __future__ import annotations

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.models.base import Mirror, MirrorForeignKey, MoneyField
from django_blesta.models.clients import Client
from django_blesta.models.staff import Staff
from django_blesta.models.words import label_for
from django_blesta.resources import Call, Resource, mapped


class Quotation(Mirror):
    client_path = "client"

    id = models.BigIntegerField(_("id"), primary_key=True)
    id_code = models.CharField(_("number"), max_length=64, blank=True, db_index=True)
    client = MirrorForeignKey(Client, related_name="quotations", verbose_name=_("client"))
    staff = MirrorForeignKey(Staff, related_name="quotations", verbose_name=_("made by"))
    title = models.CharField(_("title"), max_length=255, blank=True)
    status = models.CharField(_("status"), max_length=32, blank=True, db_index=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    subtotal = MoneyField(_("subtotal"), null=True, blank=True)
    total = MoneyField(_("total"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True, db_index=True)
    note_public = models.TextField(_("public note"), blank=True)
    note_private = models.TextField(_("private note"), blank=True)

    resource = Resource(
        remote="Quotations",
        fields=mapped(
            "id",
            "id_code",
            "title",
            "status",
            "currency",
            "subtotal",
            "total",
            client="client_id",
            staff="staff_id",
            created_at="date_created",
            expires_at="date_expires",
        ),
        detail=mapped(note_public="notes", note_private="private_notes", children={"lines": "line_items"}),
        listing=Call("getList", {"status": "all"}, order_by="id", order_by_qualified="quotations.id"),
        count=Call("getListCount", {"status": "all"}),
        get=Call("get", key="quotation_id"),
        company="client",
    )

    class Meta:
        verbose_name = _("quotation")
        verbose_name_plural = _("quotations")
        ordering = ("id",)

    def __str__(self) -> str:
        return self.id_code or self.title or f"#{self.pk}"

    @property
    def status_label(self) -> str | Promise:
        return label_for(self.status)


class QuotationLine(Mirror):
    client_path = "quotation__client"

    id = models.BigIntegerField(_("id"), primary_key=True)
    quotation = MirrorForeignKey(Quotation, related_name="lines", verbose_name=_("quotation"))
    description = models.TextField(_("description"), blank=True)
    qty = models.DecimalField(_("quantity"), max_digits=19, decimal_places=4)
    amount = MoneyField(_("unit cost"))
    position = models.IntegerField(_("position"), default=0)

    resource = Resource(
        remote="Quotations",
        fields=mapped("id", "description", "qty", "amount", position="order"),
        embedded_in="Quotation.lines",
        company="quotation",
    )

    class Meta:
        verbose_name = _("quotation line")
        verbose_name_plural = _("quotation lines")
        ordering = ("quotation_id", "position", "id")

    def __str__(self) -> str:
        return self.description
