"""What Blesta tells whom of its own accord, where it has its Webhooks plugin."""

from __future__ import annotations

import hashlib

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.models.base import Mirror
from django_blesta.models.fields import AddressDigestField, AddressHostField, WordsField
from django_blesta.models.words import label_for
from django_blesta.resources import Call, Resource, mapped


class Webhook(Mirror):
    """An address that Blesta calls on events. The address may be a secret, so its host and a digest are kept."""

    id = models.BigIntegerField(_("id"), primary_key=True)
    host = AddressHostField(_("host"))
    address_digest = AddressDigestField(_("digest of the address"))
    type = models.CharField(_("type"), max_length=32, blank=True)
    method = models.CharField(_("method"), max_length=32, blank=True)
    events = WordsField(_("events"), key="event")

    resource = Resource(
        plugin="webhooks",
        remote="WebhooksWebhooks",
        fields=mapped("id", "type", "method", company="company_id", host="callback", address_digest="callback"),
        detail=mapped("events"),
        listing=Call("getList", key="type", order_by="id", order_by_qualified="webhooks.id"),
        get=Call("get", key="webhook_id"),
        each=("incoming", "outgoing"),
        company="key",
        left_out={
            "fields": "What is sent, never how to reach it; nothing depends on it.",
        },
    )

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.host or self.type} #{self.pk}"

    def leads_to(self, address: str) -> bool:
        """Whether this is the whole address that Blesta calls."""
        return self.address_digest == hashlib.sha256(address.encode()).hexdigest()

    @property
    def type_label(self) -> str | Promise:
        return label_for(self.type)
