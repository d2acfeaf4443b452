"""Stored means of payment: enough to tell a person which one it is, and nothing that could be paid with."""

from __future__ import annotations

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.models.base import Mirror, MirrorForeignKey
from django_blesta.models.clients import Client, Contact
from django_blesta.models.words import label_for
from django_blesta.resources import Call, Resource, mapped

_NAMES = "The contact's own names are mirrored."
_PAYMENT = "A token of the payment provider's."
_NUMBER = "A number of a card or an account is never kept."


class PaymentAccount(Mirror):
    """What stored cards and bank accounts share. The columns are too short for a number to fit by mistake."""

    client_path = "client"

    type = models.CharField(_("type"), max_length=16, blank=True)
    last_four = models.CharField(_("last four digits"), max_length=4, blank=True)
    status = models.CharField(_("status"), max_length=32, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.type} …{self.last_four}".strip()

    @property
    def status_label(self) -> str | Promise:
        return label_for(self.status)

    @property
    def type_label(self) -> str | Promise:
        return label_for(self.type)


class CardAccount(PaymentAccount):
    id = models.BigIntegerField(_("id"), primary_key=True)
    client = MirrorForeignKey(Client, related_name="card_accounts", verbose_name=_("client"))
    contact = MirrorForeignKey(Contact, related_name="card_accounts", verbose_name=_("contact"))
    expires = models.CharField(_("expires"), max_length=6, blank=True, help_text=_("Year and month."))

    resource = Resource(
        remote="Accounts",
        fields=mapped(
            "id",
            "type",
            "status",
            client="client_id",
            contact="contact_id",
            last_four="last4",
            expires="expiration",
        ),
        listing=Call("getAllCcByClient", key="client_id", paged=False),
        get=Call("getCc", {"decrypt": False}, key="account_id"),
        parent="client",
        company="contact",
        left_out={
            "first_name": _NAMES,
            "last_name": _NAMES,
            "gateway_id": _PAYMENT,
            "reference_id": _PAYMENT,
            "client_reference_id": _PAYMENT,
            "number": _NUMBER,
        },
    )

    class Meta:
        verbose_name = _("stored card")
        verbose_name_plural = _("stored cards")
        ordering = ("id",)


class BankAccount(PaymentAccount):
    id = models.BigIntegerField(_("id"), primary_key=True)
    client = MirrorForeignKey(Client, related_name="bank_accounts", verbose_name=_("client"))
    contact = MirrorForeignKey(Contact, related_name="bank_accounts", verbose_name=_("contact"))

    resource = Resource(
        remote="Accounts",
        fields=mapped("id", "type", "status", client="client_id", contact="contact_id", last_four="last4"),
        listing=Call("getAllAchByClient", {"unverified": True}, key="client_id", paged=False),
        get=Call("getAch", {"decrypt": False}, key="account_id"),
        parent="client",
        company="contact",
        left_out={
            "first_name": _NAMES,
            "last_name": _NAMES,
            "gateway_id": _PAYMENT,
            "account": _NUMBER,
            "routing": _NUMBER,
            "reference_id": _PAYMENT,
        },
    )

    class Meta:
        verbose_name = _("stored bank account")
        verbose_name_plural = _("stored bank accounts")
        ordering = ("id",)
