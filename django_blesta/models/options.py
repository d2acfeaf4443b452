"""What can be chosen with a package: options, their values with prices, and the groups that packages offer."""

from __future__ import annotations

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.models.base import Mirror, MirrorForeignKey
from django_blesta.models.fields import PricesField
from django_blesta.models.words import label_for
from django_blesta.resources import Call, Resource, mapped


class PackageOptionGroup(Mirror):
    id = models.BigIntegerField(_("id"), primary_key=True)
    name = models.CharField(_("name"), max_length=255, blank=True)
    description = models.TextField(_("description"), blank=True)
    hidden = models.BooleanField(_("hidden"), default=False)
    hide_options = models.BooleanField(_("hides its options"), default=False)

    resource = Resource(
        remote="PackageOptionGroups",
        fields=mapped("id", "name", "description", "hidden", "hide_options", company="company_id"),
        listing=Call(
            "getList",
            company="company_id",
            order_by="id",
            order_by_qualified="package_option_groups.id",
        ),
        count=Call("getListCount", company="company_id"),
        get=Call("get", key="option_group_id"),
        company="key",
    )

    class Meta:
        verbose_name = _("package option group")
        verbose_name_plural = _("package option groups")
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name or f"#{self.pk}"


class PackageOption(Mirror):
    """`label` is what clients read, `name` what the module reads."""

    id = models.BigIntegerField(_("id"), primary_key=True)
    label = models.CharField(_("label"), max_length=255, blank=True)
    name = models.CharField(_("name"), max_length=255, blank=True)
    type = models.CharField(_("type"), max_length=32, blank=True)
    addable = models.BooleanField(_("clients may add it"), default=False)
    editable = models.BooleanField(_("clients may change it"), default=False)
    hidden = models.BooleanField(_("hidden"), default=False)

    resource = Resource(
        remote="PackageOptions",
        fields=mapped("id", "label", "name", "type", "addable", "editable", "hidden", company="company_id"),
        detail=mapped(children={"values": "values", "memberships": "groups"}),
        listing=Call(
            "getList",
            company="company_id",
            order_by="id",
            order_by_qualified="package_options.id",
        ),
        count=Call("getListCount", company="company_id"),
        get=Call("get", key="option_id"),
        company="key",
    )

    class Meta:
        verbose_name = _("package option")
        verbose_name_plural = _("package options")
        ordering = ("label", "id")

    def __str__(self) -> str:
        return self.label or self.name or f"#{self.pk}"

    @property
    def type_label(self) -> str | Promise:
        return label_for(self.type)


class PackageOptionValue(Mirror):
    """One choice of an option; `least`, `most` and `step` are for options that take a number."""

    id = models.BigIntegerField(_("id"), primary_key=True)
    option = MirrorForeignKey(PackageOption, related_name="values", verbose_name=_("option"))
    name = models.CharField(_("name"), max_length=255, blank=True)
    value = models.TextField(_("value"), blank=True)
    is_default = models.BooleanField(_("default"), default=False)
    status = models.CharField(_("status"), max_length=32, blank=True)
    least = models.IntegerField(_("least"), null=True, blank=True)
    most = models.IntegerField(_("most"), null=True, blank=True)
    step = models.IntegerField(_("step"), null=True, blank=True)
    pricing = PricesField(_("prices"))

    resource = Resource(
        remote="PackageOptions",
        fields=mapped(
            "id", "name", "value", "status", "step", "pricing", is_default="default", least="min", most="max"
        ),
        embedded_in="PackageOption.values",
        company="option",
    )

    class Meta:
        verbose_name = _("package option value")
        verbose_name_plural = _("package option values")
        ordering = ("option_id", "id")

    def __str__(self) -> str:
        return self.name or f"#{self.pk}"

    @property
    def status_label(self) -> str | Promise:
        return label_for(self.status)


class PackageOptionMember(Mirror):
    """That an option is in a group; Blesta shows it inside the option and gives it no id."""

    id = models.BigAutoField(primary_key=True)
    option = MirrorForeignKey(PackageOption, related_name="memberships", verbose_name=_("option"))
    group = MirrorForeignKey(PackageOptionGroup, related_name="memberships", verbose_name=_("option group"))

    resource = Resource(
        remote="PackageOptions",
        fields=mapped(group="id"),
        embedded_in="PackageOption.memberships",
        key=("option", "group"),
        company="option",
    )

    class Meta:
        verbose_name = _("package option group member")
        verbose_name_plural = _("package option group members")
        ordering = ("option_id", "group_id")
        constraints = [models.UniqueConstraint(fields=["option", "group"], name="blesta_option_member_key")]

    def __str__(self) -> str:
        return f"{self.option_id} ∈ {self.group_id}"
