"""What provisions services and what takes payments, by name: their settings are credentials and stay in Blesta."""

from __future__ import annotations

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.models.base import Mirror, MirrorForeignKey
from django_blesta.models.fields import LabelField
from django_blesta.models.words import label_for
from django_blesta.resources import Call, Resource, mapped


class Module(Mirror):
    id = models.BigIntegerField(_("id"), primary_key=True)
    name = models.CharField(_("name"), max_length=255, blank=True)
    class_name = models.CharField(_("class"), max_length=255, blank=True)

    resource = Resource(
        remote="ModuleManager",
        fields=mapped("id", "name", company="company_id", class_name="class"),
        listing=Call("getAll", {"sort_by": "name", "order": "asc"}, company="company_id", paged=False),
        get=Call("get", {"rows": False, "groups": False}, key="module_id"),
        company="key",
        left_out={
            "version": "A label is all that is needed.",
            "rows": "Mirrored by themselves, by name.",
            "groups": "A label is all that is needed.",
        },
    )

    class Meta:
        verbose_name = _("module")
        verbose_name_plural = _("modules")
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name or self.class_name or f"#{self.pk}"


class ModuleRow(Mirror):
    """One server or account of a module's. Of what Blesta knows of it, only what it is called is kept."""

    id = models.BigIntegerField(_("id"), primary_key=True)
    module = MirrorForeignKey(Module, related_name="rows", verbose_name=_("module"))
    label = LabelField(_("name"), keys=("server_name", "label", "name", "account_name"))

    resource = Resource(
        remote="ModuleManager",
        fields=mapped("id", module="module_id", label="meta"),
        listing=Call("getRows", key="module_id", paged=False),
        get=Call("getRow", key="module_row_id"),
        parent="module",
        company="module",
    )

    class Meta:
        verbose_name = _("module row")
        verbose_name_plural = _("module rows")
        ordering = ("module_id", "id")

    def __str__(self) -> str:
        return self.label or f"#{self.pk}"


class Gateway(Mirror):
    id = models.BigIntegerField(_("id"), primary_key=True)
    name = models.CharField(_("name"), max_length=255, blank=True)
    type = models.CharField(_("type"), max_length=32, blank=True)

    resource = Resource(
        remote="GatewayManager",
        fields=mapped("id", "name", "type", company="company_id"),
        listing=Call("getAll", company="company_id", paged=False),
        get=Call("get", key="gateway_id"),
        company="key",
        left_out={
            "class": "A label is all that is needed.",
            "version": "A label is all that is needed.",
            "currencies": "A label is all that is needed.",
            "meta": "Credentials.",
        },
    )

    class Meta:
        verbose_name = _("gateway")
        verbose_name_plural = _("gateways")
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name or f"#{self.pk}"

    @property
    def type_label(self) -> str | Promise:
        return label_for(self.type)
