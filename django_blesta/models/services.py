"""What clients have bought: services and their add-ons."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.models.base import Mirror, MirrorForeignKey, MoneyField
from django_blesta.models.clients import Client
from django_blesta.models.packages import Package, PackageGroup, PackagePricing
from django_blesta.models.words import label_for
from django_blesta.resources import Call, Resource, mapped


class Service(Mirror):
    """A scheduled cancellation is an active service whose `canceled_at` lies ahead (reference 6.8)."""

    client_path = "client"

    id = models.BigIntegerField(_("id"), primary_key=True)
    id_code = models.CharField(_("number"), max_length=64, blank=True, db_index=True)
    client = MirrorForeignKey(Client, related_name="services", verbose_name=_("client"))
    parent_service = MirrorForeignKey("self", related_name="addons", verbose_name=_("parent service"))
    package = MirrorForeignKey(Package, related_name="services", verbose_name=_("package"))
    package_group = MirrorForeignKey(PackageGroup, related_name="services", verbose_name=_("package group"))
    pricing = MirrorForeignKey(PackagePricing, related_name="services", verbose_name=_("price"))
    module_row_id = models.BigIntegerField(_("module row id"), null=True, blank=True)
    coupon_id = models.BigIntegerField(_("coupon id"), null=True, blank=True)
    name = models.CharField(_("name"), max_length=255, blank=True)
    qty = models.IntegerField(_("quantity"), default=1)
    override_price = MoneyField(_("override price"), null=True, blank=True)
    override_currency = models.CharField(_("override currency"), max_length=3, blank=True)
    status = models.CharField(_("status"), max_length=32, blank=True, db_index=True)
    suspension_reason = models.TextField(_("suspension reason"), blank=True)
    cancellation_reason = models.TextField(_("cancellation reason"), blank=True)
    added_at = models.DateTimeField(_("added at"), null=True, blank=True)
    renews_at = models.DateTimeField(_("renews at"), null=True, blank=True, db_index=True)
    last_renewed_at = models.DateTimeField(_("last renewed at"), null=True, blank=True)
    suspended_at = models.DateTimeField(_("suspended at"), null=True, blank=True)
    canceled_at = models.DateTimeField(_("canceled at"), null=True, blank=True)

    resource = Resource(
        remote="Services",
        fields=mapped(
            "id",
            "id_code",
            "name",
            "qty",
            "override_price",
            "override_currency",
            "status",
            client="client_id",
            parent_service="parent_service_id",
            package="package.id",
            package_group="package_group_id",
            pricing="pricing_id",
            module_row_id="module_row_id",
            coupon_id="coupon_id",
            added_at="date_added",
            renews_at="date_renews",
            last_renewed_at="date_last_renewed",
            suspended_at="date_suspended",
            canceled_at="date_canceled",
        ),
        detail=mapped("suspension_reason", "cancellation_reason"),
        listing=Call("getList", {"status": "all"}, order_by="id", order_by_qualified="services.id"),
        count=Call("getListCount", {"status": "all"}),
        get=Call("get", key="service_id"),
        company="client",
        events={
            "Services.add": "service_id",
            "Services.edit": "service_id",
            "Services.cancel": "service_id",
            "Services.suspend": "service_id",
            "Services.unsuspend": "service_id",
            "Services.renew": "service_id",
        },
    )

    class Meta:
        verbose_name = _("service")
        verbose_name_plural = _("services")
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name or self.id_code or f"#{self.pk}"

    @property
    def is_cancellation_scheduled(self) -> bool:
        return self.status == "active" and self.canceled_at is not None and self.canceled_at > timezone.now()

    @property
    def status_label(self) -> str | Promise:
        return label_for("scheduled_cancellation" if self.is_cancellation_scheduled else self.status)
