"""Coupons: what they take off, from which packages, for how long."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.models.base import Mirror, MirrorForeignKey
from django_blesta.models.fields import IdentifiersField
from django_blesta.models.packages import Package
from django_blesta.models.words import label_for
from django_blesta.resources import Call, Resource, mapped


class Coupon(Mirror):
    id = models.BigIntegerField(_("id"), primary_key=True)
    code = models.CharField(_("code"), max_length=255, blank=True, db_index=True)
    used_qty = models.IntegerField(_("times used"), default=0)
    max_qty = models.IntegerField(_("times at most"), default=0, help_text=_("0: without limit."))
    starts_at = models.DateTimeField(_("valid from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("valid until"), null=True, blank=True)
    status = models.CharField(_("status"), max_length=32, blank=True, db_index=True)
    recurring = models.BooleanField(_("for renewals too"), default=False)
    limit_recurring = models.BooleanField(_("limits hold for renewals too"), default=False)
    apply_package_options = models.BooleanField(_("takes off options too"), default=False)
    internal_use_only = models.BooleanField(_("for staff only"), default=False)
    package_ids = IdentifiersField(_("packages"), names=("package_id", "id"))

    resource = Resource(
        remote="Coupons",
        fields=mapped(
            "id",
            "code",
            "used_qty",
            "max_qty",
            "status",
            "recurring",
            "limit_recurring",
            "apply_package_options",
            "internal_use_only",
            company="company_id",
            starts_at="start_date",
            ends_at="end_date",
        ),
        detail=mapped(package_ids="packages", children={"amounts": "amounts"}),
        listing=Call("getList", company="company_id", order_by="id", order_by_qualified="coupons.id"),
        count=Call("getListCount", company="company_id"),
        get=Call("get", key="coupon_id"),
        company="key",
    )

    class Meta:
        verbose_name = _("coupon")
        verbose_name_plural = _("coupons")
        ordering = ("code", "id")

    def __str__(self) -> str:
        return self.code or f"#{self.pk}"

    @property
    def packages(self) -> models.QuerySet[Any]:
        return Package._base_manager.using(self._state.db).filter(pk__in=self.package_ids)

    @property
    def is_usable(self) -> bool:
        """Whether its state, dates and count allow another use; Blesta may have further reasons against it."""
        now = timezone.now()
        begun = self.starts_at is None or self.starts_at <= now
        ended = self.ends_at is not None and self.ends_at < now
        return self.status == "active" and begun and not ended and (not self.max_qty or self.used_qty < self.max_qty)

    @property
    def status_label(self) -> str | Promise:
        return label_for(self.status)


class CouponAmount(Mirror):
    """What a coupon takes off in one currency: a share of 100 where `type` is percent, else an amount."""

    id = models.BigAutoField(primary_key=True)
    coupon = MirrorForeignKey(Coupon, related_name="amounts", verbose_name=_("coupon"))
    currency = models.CharField(_("currency"), max_length=3)
    amount = models.DecimalField(_("amount"), max_digits=19, decimal_places=4)
    type = models.CharField(_("type"), max_length=32, blank=True)

    resource = Resource(
        remote="Coupons",
        fields=mapped("currency", "amount", "type"),
        embedded_in="Coupon.amounts",
        key=("coupon", "currency"),
        company="coupon",
    )

    class Meta:
        verbose_name = _("coupon amount")
        verbose_name_plural = _("coupon amounts")
        ordering = ("coupon_id", "currency")
        constraints = [models.UniqueConstraint(fields=["coupon", "currency"], name="blesta_coupon_amount_key")]

    def __str__(self) -> str:
        return f"{self.amount} {'%' if self.type == 'percent' else self.currency}"

    @property
    def type_label(self) -> str | Promise:
        return label_for(self.type)
