"""Payments, and which invoices they were applied to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar, Self

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta import money
from django_blesta.models.base import JOINED, Mirror, MirrorForeignKey, MirrorQuerySet, MoneyField, per_currency
from django_blesta.models.clients import Client
from django_blesta.models.invoices import Invoice
from django_blesta.models.modules import Gateway
from django_blesta.models.words import label_for
from django_blesta.resources import Call, Resource, mapped


class TransactionType(Mirror):
    id = models.BigIntegerField(_("id"), primary_key=True)
    name = models.CharField(_("name"), max_length=255, blank=True)
    real_name = models.CharField(_("shown as"), max_length=255, blank=True)
    type = models.CharField(_("type"), max_length=32, blank=True)
    is_lang = models.BooleanField(_("name is a language key"), default=False)

    resource = Resource(
        remote="Transactions",
        fields=mapped("id", "name", "real_name", "type", "is_lang"),
        listing=Call("getTypes", paged=False),
        get=Call("getType", key="type_id"),
    )

    class Meta:
        verbose_name = _("transaction type")
        verbose_name_plural = _("transaction types")
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.real_name or self.name or f"#{self.pk}"

    @property
    def type_label(self) -> str | Promise:
        return label_for(self.type)


class TransactionQuerySet(MirrorQuerySet):
    def approved(self) -> Self:
        return self.filter(status="approved")

    def credit(self) -> dict[str, Decimal]:
        """What no invoice has used of the approved ones, per currency; what Blesta does not say counts as used."""
        rows = self.approved().exclude(applied_amount=None).values_list("currency", "amount", "applied_amount")
        return per_currency((currency, amount - applied) for currency, amount, applied in rows)


class Transaction(Mirror):
    """A payment in `currency`; `number` is the gateway's own, which Blesta calls transaction_id (reference trap 7)."""

    client_path = "client"

    id = models.BigIntegerField(_("id"), primary_key=True)
    client = MirrorForeignKey(Client, related_name="transactions", verbose_name=_("client"))
    amount = MoneyField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    type = models.CharField(_("type"), max_length=32, blank=True)
    transaction_type = MirrorForeignKey(
        TransactionType, related_name="transactions", verbose_name=_("transaction type")
    )
    account_id = models.BigIntegerField(_("payment account id"), null=True, blank=True)
    gateway = MirrorForeignKey(Gateway, related_name="transactions", verbose_name=_("gateway"))
    gateway_name = models.CharField(_("gateway's name"), max_length=255, blank=True)
    number = models.CharField(_("gateway's number"), max_length=255, blank=True, db_index=True)
    parent_number = models.CharField(_("parent's number"), max_length=255, blank=True)
    reference = models.CharField(_("reference"), max_length=255, blank=True)
    message = models.CharField(_("message"), max_length=255, blank=True)
    status = models.CharField(_("status"), max_length=32, blank=True, db_index=True)
    added_at = models.DateTimeField(_("added at"), null=True, blank=True, db_index=True)
    applied_amount = MoneyField(_("applied"), null=True, blank=True)

    resource = Resource(
        remote="Transactions",
        fields=mapped(
            "id",
            "amount",
            "currency",
            "type",
            "gateway_name",
            "message",
            "status",
            "applied_amount",
            client="client_id",
            transaction_type="transaction_type_id",
            account_id="account_id",
            gateway="gateway_id",
            number="transaction_id",
            parent_number="parent_transaction_id",
            reference="reference_id",
            added_at="date_added",
        ),
        listing=Call("getList", {"status": "all"}, order_by="id", order_by_qualified="transactions.id"),
        count=Call("getListCount", {"status": "all"}),
        get=Call("get", key="transaction_id"),
        company="client",
        events={"Transactions.add": "transaction_id", "Transactions.edit": "transaction_id"},
        left_out={
            "gateway_type": JOINED,
            "type_name": JOINED,
            "credited_amount": "`amount - applied_amount`.",
        },
        related=("applied", "applied.invoice"),
    )

    objects: ClassVar[Any] = TransactionQuerySet.as_manager()

    class Meta:
        verbose_name = _("transaction")
        verbose_name_plural = _("transactions")
        ordering = ("id",)

    def __str__(self) -> str:
        return self.number or f"#{self.pk}"

    @property
    def credit(self) -> Decimal | None:
        """What of an approved payment no invoice has used, in its currency; None while Blesta does not say."""
        if self.status != "approved" or self.applied_amount is None:
            return None
        return Decimal(self.amount - self.applied_amount)

    @property
    def status_label(self) -> str | Promise:
        return label_for(self.status)

    @property
    def type_label(self) -> str | Promise:
        return label_for(self.type)


class AppliedAmount(Mirror):
    """How much of a payment went to an invoice; Blesta gives it no id, the pair names it."""

    client_path = "transaction__client"

    id = models.BigAutoField(primary_key=True)
    transaction = MirrorForeignKey(Transaction, related_name="applied", verbose_name=_("transaction"))
    invoice = MirrorForeignKey(Invoice, related_name="applied", verbose_name=_("invoice"))
    amount = MoneyField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    applied_at = models.DateTimeField(_("applied at"), null=True, blank=True)

    resource = Resource(
        remote="Transactions",
        fields=mapped(
            "currency",
            transaction="transaction_id",
            invoice="invoice_id",
            amount="applied_amount",
            applied_at="applied_date",
        ),
        listing=Call("getApplied", key="transaction_id", paged=False),
        parent="transaction",
        key=("transaction", "invoice"),
        company="transaction",
        left_out={
            "amount": JOINED,
            "status": JOINED,
            "type": JOINED,
            "type_name": JOINED,
            "gateway_name": JOINED,
            "gateway_type": JOINED,
            "transaction_number": JOINED,
            "reference_id": JOINED,
            "invoice_id_code": JOINED,
        },
    )

    class Meta:
        verbose_name = _("applied amount")
        verbose_name_plural = _("applied amounts")
        ordering = ("transaction_id", "invoice_id")
        constraints = [models.UniqueConstraint(fields=["transaction", "invoice"], name="blesta_applied_key")]

    def __str__(self) -> str:
        return money.written(self.amount, self.currency)
