"""Orders and the forms they came through, where Blesta has its Order plugin."""

from __future__ import annotations

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.models.base import Mirror, MirrorForeignKey
from django_blesta.models.clients import Client, ClientGroup
from django_blesta.models.invoices import Invoice
from django_blesta.models.words import label_for
from django_blesta.resources import Call, Resource, mapped

PLUGIN = "order"


class OrderForm(Mirror):
    """`label` is the form's part of the address under which clients order."""

    id = models.BigIntegerField(_("id"), primary_key=True)
    label = models.CharField(_("label"), max_length=255, blank=True)
    name = models.CharField(_("name"), max_length=255, blank=True)
    type = models.CharField(_("type"), max_length=32, blank=True)
    template = models.CharField(_("template"), max_length=64, blank=True)
    client_group = MirrorForeignKey(ClientGroup, related_name="order_forms", verbose_name=_("client group"))
    visibility = models.CharField(_("visibility"), max_length=32, blank=True)
    status = models.CharField(_("status"), max_length=32, blank=True)
    added_at = models.DateTimeField(_("added at"), null=True, blank=True)

    resource = Resource(
        plugin=PLUGIN,
        remote="OrderForms",
        fields=mapped(
            "id",
            "label",
            "name",
            "type",
            "template",
            "visibility",
            "status",
            company="company_id",
            client_group="client_group_id",
            added_at="date_added",
        ),
        listing=Call("getList", key="status", company="company_id", order_by="id", order_by_qualified="order_forms.id"),
        get=Call("get", key="order_form_id"),
        each=("active", "inactive"),
        company="key",
        left_out={
            "require_tos": "Of Blesta's own form.",
        },
    )

    class Meta:
        verbose_name = _("order form")
        verbose_name_plural = _("order forms")
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name or self.label or f"#{self.pk}"

    @property
    def status_label(self) -> str | Promise:
        return label_for(self.status)


class Order(Mirror):
    """What a fraud check said about the buyer stays in Blesta."""

    client_path = "client"

    id = models.BigIntegerField(_("id"), primary_key=True)
    number = models.CharField(_("number"), max_length=64, blank=True, db_index=True)
    order_form = MirrorForeignKey(OrderForm, related_name="orders", verbose_name=_("order form"))
    invoice = MirrorForeignKey(Invoice, related_name="orders", verbose_name=_("invoice"))
    client = MirrorForeignKey(Client, related_name="orders", verbose_name=_("client"))
    status = models.CharField(_("status"), max_length=32, blank=True, db_index=True)
    added_at = models.DateTimeField(_("added at"), null=True, blank=True)

    resource = Resource(
        plugin=PLUGIN,
        remote="OrderOrders",
        fields=mapped(
            "id",
            "status",
            number="order_number",
            order_form="order_form_id",
            invoice="invoice_id",
            client="client_id",
            added_at="date_added",
        ),
        listing=Call("getList", key="status", order_by="id", order_by_qualified="orders.id"),
        get=Call("get", key="order_id"),
        each=("pending", "accepted", "fraud", "canceled"),
        company="client",
        left_out={
            "fraud_report": "What others say of a person.",
        },
    )

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.number or f"#{self.pk}"

    @property
    def status_label(self) -> str | Promise:
        return label_for(self.status)
