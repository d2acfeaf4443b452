"""Tax rules of a company. Blesta keeps an edited rule's old row as inactive, for the invoices that bear it."""

from __future__ import annotations

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.models.base import CountryField, Mirror
from django_blesta.models.words import label_for
from django_blesta.resources import Call, Resource, mapped


class Tax(Mirror):
    id = models.BigIntegerField(_("id"), primary_key=True)
    level = models.IntegerField(_("level"), default=1)
    name = models.CharField(_("name"), max_length=255, blank=True)
    rate = models.DecimalField(_("rate"), max_digits=19, decimal_places=4, null=True, blank=True)
    type = models.CharField(_("type"), max_length=32, blank=True)
    country = CountryField(_("country"))
    state = models.CharField(_("state"), max_length=8, blank=True)
    status = models.CharField(_("status"), max_length=32, blank=True, db_index=True)

    resource = Resource(
        remote="Taxes",
        fields=mapped("id", "level", "name", "type", "country", "state", "status", company="company_id", rate="amount"),
        listing=Call("getAll", company="company_id", paged=False),
        get=Call("get", key="tax_id"),
        company="key",
    )

    class Meta:
        verbose_name = _("tax")
        verbose_name_plural = _("taxes")
        ordering = ("level", "name", "id")

    def __str__(self) -> str:
        return self.name or f"#{self.pk}"

    @property
    def status_label(self) -> str | Promise:
        return label_for(self.status)

    @property
    def type_label(self) -> str | Promise:
        return label_for(self.type)
