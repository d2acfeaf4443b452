"""The catalogue: packages, what they cost per term and currency, and the groups that offer them."""

from __future__ import annotations

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_blesta import money
from django_blesta.models.base import FORMAT, Mirror, MirrorForeignKey, MoneyField, TranslationsField
from django_blesta.models.fields import SanitisedTranslationsField
from django_blesta.models.modules import Module, ModuleRow
from django_blesta.models.options import PackageOptionGroup
from django_blesta.models.words import label_for, term_label
from django_blesta.resources import Call, Resource, mapped


class Package(Mirror):
    id = models.BigIntegerField(_("id"), primary_key=True)
    id_code = models.CharField(_("number"), max_length=64, blank=True, db_index=True)
    module = MirrorForeignKey(Module, related_name="packages", verbose_name=_("module"))
    module_row = MirrorForeignKey(ModuleRow, related_name="packages", verbose_name=_("module row"))
    name = models.CharField(_("name"), max_length=255, blank=True)
    names = TranslationsField(_("names"))
    description = models.TextField(_("description"), blank=True)
    descriptions = TranslationsField(_("descriptions"), key="text")
    descriptions_html = SanitisedTranslationsField(_("descriptions as HTML"), key="html")
    status = models.CharField(_("status"), max_length=32, blank=True, db_index=True)
    qty = models.IntegerField(_("quantity"), null=True, blank=True, help_text=_("Empty: without limit."))
    client_qty = models.IntegerField(_("quantity per client"), null=True, blank=True)
    taxable = models.BooleanField(_("taxable"), default=False)
    single_term = models.BooleanField(_("single term"), default=False)
    hidden = models.BooleanField(_("hidden"), default=False)
    prorata_day = models.IntegerField(_("pro rata day"), null=True, blank=True)
    prorata_cutoff = models.IntegerField(_("pro rata cut-off day"), null=True, blank=True)

    resource = Resource(
        remote="Packages",
        fields=mapped("id", "id_code", "name", "status", company="company_id", module="module_id"),
        detail=mapped(
            "names",
            "description",
            "descriptions",
            "qty",
            "client_qty",
            "taxable",
            "single_term",
            "hidden",
            "prorata_day",
            "prorata_cutoff",
            descriptions_html="descriptions",
            module_row="module_row",
            children={"pricing": "pricing", "memberships": "groups", "option_offers": "option_groups"},
        ),
        listing=Call("getList", order_by="id", order_by_qualified="packages.id"),
        count=Call("getListCount"),
        get=Call("get", key="package_id"),
        company="key",
        events={"Packages.add": "package_id", "Packages.edit": "package_id", "Packages.delete": "package_id"},
        left_out={
            "id_format": FORMAT,
            "id_value": FORMAT,
            "description_html": "In `descriptions_html`, made safe.",
            "module_group": "Groups of module rows are not mirrored.",
            "email_content": "A template of mails.",
            "plugins": "Of use to nobody but Blesta.",
            "meta": "The module's own settings; may hold credentials.",
        },
    )

    class Meta:
        verbose_name = _("package")
        verbose_name_plural = _("packages")
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name or self.id_code or f"#{self.pk}"

    @property
    def status_label(self) -> str | Promise:
        return label_for(self.status)


class PackagePricing(Mirror):
    """A price of a package for one term in one currency; `id` is what a service calls its pricing id.

    `pricing_id` is Blesta's other, global number for the same price (reference 6.7): kept, never joined on.
    """

    id = models.BigIntegerField(_("id"), primary_key=True)
    pricing_id = models.BigIntegerField(_("global pricing id"), null=True, blank=True)
    package = MirrorForeignKey(Package, related_name="pricing", verbose_name=_("package"))
    term = models.IntegerField(_("term"), default=0)
    period = models.CharField(_("period"), max_length=32, blank=True)
    currency = models.CharField(_("currency"), max_length=3)
    price = MoneyField(_("price"))
    price_renews = MoneyField(_("renewal price"), null=True, blank=True, help_text=_("Empty: the same as the price."))
    price_transfer = MoneyField(_("transfer price"), null=True, blank=True)
    setup_fee = MoneyField(_("setup fee"), null=True, blank=True)
    cancel_fee = MoneyField(_("cancellation fee"), null=True, blank=True)

    resource = Resource(
        remote="Packages",
        fields=mapped(
            "id",
            "pricing_id",
            "term",
            "period",
            "currency",
            "price",
            "price_renews",
            "price_transfer",
            "setup_fee",
            "cancel_fee",
            package="package_id",
        ),
        embedded_in="Package.pricing",
        company="package",
    )

    class Meta:
        verbose_name = _("package price")
        verbose_name_plural = _("package prices")
        ordering = ("package_id", "currency", "term", "id")

    def __str__(self) -> str:
        return f"{money.written(self.price, self.currency)} / {self.term_label}"

    @property
    def term_label(self) -> str | Promise:
        return term_label(self.term, self.period)


class PackageGroup(Mirror):
    id = models.BigIntegerField(_("id"), primary_key=True)
    name = models.CharField(_("name"), max_length=255, blank=True)
    names = TranslationsField(_("names"))
    description = models.TextField(_("description"), blank=True)
    descriptions = TranslationsField(_("descriptions"), key="description")
    type = models.CharField(_("type"), max_length=32, blank=True)
    hidden = models.BooleanField(_("hidden"), default=False)
    allow_upgrades = models.BooleanField(_("allows upgrades"), default=False)

    resource = Resource(
        remote="PackageGroups",
        fields=mapped("id", "name", "type", company="company_id"),
        detail=mapped(
            "names", "description", "descriptions", "hidden", "allow_upgrades", children={"parenthoods": "parents"}
        ),
        listing=Call("getList", company="company_id", order_by="id", order_by_qualified="package_groups.id"),
        count=Call("getListCount", company="company_id"),
        get=Call("get", key="package_group_id"),
        company="key",
    )

    class Meta:
        verbose_name = _("package group")
        verbose_name_plural = _("package groups")
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name or f"#{self.pk}"

    @property
    def type_label(self) -> str | Promise:
        return label_for(self.type)


class PackageGroupMember(Mirror):
    """That a package is offered in a group; Blesta shows it inside the package and gives it no id."""

    id = models.BigAutoField(primary_key=True)
    package = MirrorForeignKey(Package, related_name="memberships", verbose_name=_("package"))
    package_group = MirrorForeignKey(PackageGroup, related_name="memberships", verbose_name=_("package group"))

    resource = Resource(
        remote="Packages",
        fields=mapped(package_group="id"),
        embedded_in="Package.memberships",
        key=("package", "package_group"),
        company="package",
    )

    class Meta:
        verbose_name = _("package group member")
        verbose_name_plural = _("package group members")
        ordering = ("package_id", "package_group_id")
        constraints = [models.UniqueConstraint(fields=["package", "package_group"], name="blesta_package_member_key")]

    def __str__(self) -> str:
        """By name where both rows are at hand; a name is not worth a query for each row of a list."""
        loaded = self._state.fields_cache
        package, group = loaded.get("package"), loaded.get("package_group")
        names = {"package": package or f"#{self.package_id}", "group": group or f"#{self.package_group_id}"}
        return gettext("%(package)s in %(group)s") % names


class PackageGroupParent(Mirror):
    """That an add-on group is offered with packages of another group."""

    id = models.BigAutoField(primary_key=True)
    package_group = MirrorForeignKey(PackageGroup, related_name="parenthoods", verbose_name=_("add-on group"))
    parent = MirrorForeignKey(PackageGroup, related_name="addon_groups", verbose_name=_("offered with"))

    resource = Resource(
        remote="PackageGroups",
        fields=mapped(parent="id"),
        embedded_in="PackageGroup.parenthoods",
        key=("package_group", "parent"),
        company="package_group",
    )

    class Meta:
        verbose_name = _("parent of an add-on group")
        verbose_name_plural = _("parents of add-on groups")
        ordering = ("package_group_id", "parent_id")
        constraints = [models.UniqueConstraint(fields=["package_group", "parent"], name="blesta_group_parent_key")]

    def __str__(self) -> str:
        return f"{self.package_group_id} → {self.parent_id}"


class PackageOptionOffer(Mirror):
    """That a package offers a group of options; Blesta shows it inside the package and gives it no id."""

    id = models.BigAutoField(primary_key=True)
    package = MirrorForeignKey(Package, related_name="option_offers", verbose_name=_("package"))
    option_group = MirrorForeignKey(PackageOptionGroup, related_name="offers", verbose_name=_("option group"))

    resource = Resource(
        remote="Packages",
        fields=mapped(option_group="id"),
        embedded_in="Package.option_offers",
        key=("package", "option_group"),
        company="package",
    )

    class Meta:
        verbose_name = _("option group of a package")
        verbose_name_plural = _("option groups of packages")
        ordering = ("package_id", "option_group_id")
        constraints = [models.UniqueConstraint(fields=["package", "option_group"], name="blesta_option_offer_key")]

    def __str__(self) -> str:
        return f"{self.package_id} ∈ {self.option_group_id}"
