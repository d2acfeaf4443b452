"""What clients have bought: services and their add-ons."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.db import models
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.models.base import (
    FORMAT,
    JOINED,
    AllowedMapField,
    Mirror,
    MirrorForeignKey,
    MirrorQuerySet,
    MoneyField,
)
from django_blesta.models.clients import Client
from django_blesta.models.coupons import Coupon
from django_blesta.models.modules import ModuleRow
from django_blesta.models.options import PackageOption, PackageOptionValue
from django_blesta.models.packages import Package, PackageGroup, PackagePricing
from django_blesta.models.words import label_for
from django_blesta.resources import Call, Resource, mapped

#: A module's fields may be passwords; of these words, alone or after the module's own name, none is (reference 6.8).
SERVICE_FIELDS = ("domain", "hostname", "ip", "nameserver", "username")


RENEWAL = timedelta(days=1)


class ServiceQuerySet(MirrorQuerySet):
    def active(self) -> Self:
        """What runs, that which is to end on a day included."""
        return self.filter(status="active")

    def renewing_before(self, moment: datetime) -> Self:
        """Active services that renew before then; one whose cancellation comes first does not renew."""
        ending = models.Q(canceled_at__isnull=False, canceled_at__lte=models.F("renews_at"))
        return self.active().filter(renews_at__lt=moment).exclude(ending)

    def pending(self) -> Self:
        return self.filter(status="pending")

    def renewing_soon(self) -> Self:
        """Within a day, or overdue by less than one: Blesta's cron moves the date on when it bills."""
        now = timezone.now()
        return self.renewing_before(now + RENEWAL).filter(renews_at__gt=now - RENEWAL)

    def cancellation_scheduled(self, at: datetime | None = None) -> Self:
        return self.active().filter(canceled_at__gt=at or timezone.now())


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
    module_row = MirrorForeignKey(ModuleRow, related_name="services", verbose_name=_("module row"))
    coupon = MirrorForeignKey(Coupon, related_name="services", verbose_name=_("coupon"))
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
    paid_through_at = models.DateTimeField(_("paid through"), null=True, blank=True)
    suspended_at = models.DateTimeField(_("suspended at"), null=True, blank=True)
    canceled_at = models.DateTimeField(_("canceled at"), null=True, blank=True)
    fields = AllowedMapField(_("what the module keeps"), allowed=SERVICE_FIELDS, by_ending=True)

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
            module_row="module_row_id",
            coupon="coupon_id",
            added_at="date_added",
            renews_at="date_renews",
            last_renewed_at="date_last_renewed",
            paid_through_at="date_paid_through",
            suspended_at="date_suspended",
            canceled_at="date_canceled",
        ),
        detail=mapped("suspension_reason", "cancellation_reason", "fields", children={"options": "options"}),
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
        left_out={
            "id_format": FORMAT,
            "id_value": FORMAT,
            "package_pricing": JOINED,
        },
        hot=("pending", "renewing_soon"),
    )

    objects: ClassVar[Any] = ServiceQuerySet.as_manager()

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


class ServiceOption(Mirror):
    """What was chosen of an option. The text of a free choice is not kept: it may be a password."""

    client_path = "service__client"

    id = models.BigIntegerField(_("id"), primary_key=True)
    service = MirrorForeignKey(Service, related_name="options", verbose_name=_("service"))
    option = MirrorForeignKey(PackageOption, related_name="chosen", verbose_name=_("option"))
    option_value = MirrorForeignKey(PackageOptionValue, related_name="chosen", verbose_name=_("value"))
    option_name = models.CharField(_("option's name"), max_length=255, blank=True)
    value_name = models.CharField(_("value's name"), max_length=255, blank=True)
    qty = models.IntegerField(_("quantity"), null=True, blank=True)
    price = MoneyField(_("price"), null=True, blank=True)
    setup_fee = MoneyField(_("setup fee"), null=True, blank=True)

    resource = Resource(
        remote="Services",
        fields=mapped(
            "id",
            "option_name",
            "qty",
            "price",
            "setup_fee",
            option="option_id",
            option_value="option_value_id",
            value_name="option_value_name",
        ),
        embedded_in="Service.options",
        company="service",
        left_out={"value": "What a client typed; may be a password."},
    )

    class Meta:
        verbose_name = _("chosen option")
        verbose_name_plural = _("chosen options")
        ordering = ("service_id", "id")

    def __str__(self) -> str:
        return f"{self.option_name}: {self.value_name}" if self.value_name else self.option_name or f"#{self.pk}"


class ServiceChange(Mirror):
    """An upgrade or downgrade that waits for its invoice, or what became of it. What exactly changes stays in Blesta:
    it may hold what the client typed into a module's fields."""

    client_path = "service__client"

    id = models.BigIntegerField(_("id"), primary_key=True)
    service = MirrorForeignKey(Service, related_name="changes", verbose_name=_("service"))
    invoice = MirrorForeignKey("django_blesta.Invoice", related_name="service_changes", verbose_name=_("invoice"))
    status = models.CharField(_("status"), max_length=32, blank=True, db_index=True)
    added_at = models.DateTimeField(_("added at"), null=True, blank=True)
    decided_at = models.DateTimeField(_("in this state since"), null=True, blank=True)

    resource = Resource(
        remote="ServiceChanges",
        fields=mapped(
            "id",
            "status",
            service="service_id",
            invoice="invoice_id",
            added_at="date_added",
            decided_at="date_status",
        ),
        listing=Call("getList", order_by="id", order_by_qualified="service_changes.id"),
        count=Call("getListCount"),
        get=Call("get", key="service_change_id"),
        company="service",
        left_out={
            "data": "What a client asked for; may hold what was typed as a password.",
        },
    )

    class Meta:
        verbose_name = _("service change")
        verbose_name_plural = _("service changes")
        ordering = ("id",)

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def status_label(self) -> str | Promise:
        return label_for(self.status)
