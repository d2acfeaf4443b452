"""Companies of the installation and what they count money in."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_blesta.models.base import Mirror
from django_blesta.resources import Call, Resource, mapped


class Company(Mirror):
    id = models.BigIntegerField(_("id"), primary_key=True)
    name = models.CharField(_("name"), max_length=255, blank=True)
    hostname = models.CharField(_("host name"), max_length=255, blank=True)
    address = models.TextField(_("address"), blank=True)
    phone = models.CharField(_("phone"), max_length=64, blank=True)
    fax = models.CharField(_("fax"), max_length=64, blank=True)

    resource = Resource(
        remote="Companies",
        fields=mapped("id", "name", "hostname", "address", "phone", "fax"),
        listing=Call("getList", order_by="id", order_by_qualified="companies.id"),
        count=Call("getListCount"),
        get=Call("get", key="company_id"),
        company="self",
        events={"Companies.add": "company_id", "Companies.edit": "company_id", "Companies.delete": "company_id"},
    )

    class Meta:
        verbose_name = _("company")
        verbose_name_plural = _("companies")
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name or f"#{self.pk}"


class Currency(Mirror):
    """How a company writes one currency; it has no id in Blesta, so its code and company name it."""

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(_("code"), max_length=3)
    format = models.CharField(_("format"), max_length=64, blank=True)
    precision = models.IntegerField(_("precision"), default=2)
    prefix = models.CharField(_("prefix"), max_length=32, blank=True)
    suffix = models.CharField(_("suffix"), max_length=32, blank=True)
    exchange_rate = models.DecimalField(_("exchange rate"), max_digits=19, decimal_places=6, null=True, blank=True)
    exchange_updated_at = models.DateTimeField(_("exchange rate updated at"), null=True, blank=True)

    resource = Resource(
        remote="Currencies",
        fields=mapped(
            "code",
            "format",
            "precision",
            "prefix",
            "suffix",
            "exchange_rate",
            company="company_id",
            exchange_updated_at="exchange_updated",
        ),
        listing=Call("getList", company="company_id", order_by="code", order_by_qualified="currencies.code"),
        count=Call("getListCount", company="company_id"),
        get=Call("get", key="currency_code", company="company_id"),
        key=("company", "code"),
        company="key",
    )

    class Meta:
        verbose_name = _("currency")
        verbose_name_plural = _("currencies")
        ordering = ("code",)
        constraints = [models.UniqueConstraint(fields=["company", "code"], name="blesta_currency_key")]

    def __str__(self) -> str:
        return self.code
