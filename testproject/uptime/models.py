"""What the site's own Blesta plugin "uptime" knows: whether the servers of clients answer."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_blesta.models import Mirror, MirrorForeignKey
from django_blesta.resources import Call, Resource, mapped


class UptimeCheck(Mirror):
    """The latest look at one address of a client's."""

    client_path = "client"

    id = models.BigIntegerField(_("id"), primary_key=True)
    client = MirrorForeignKey("django_blesta.Client", related_name="uptime_checks", verbose_name=_("client"))
    address = models.CharField(_("address"), max_length=255, blank=True)
    status = models.CharField(_("status"), max_length=32, blank=True, db_index=True)
    answered_in = models.IntegerField(_("answered in milliseconds"), null=True, blank=True)
    checked_at = models.DateTimeField(_("checked at"), null=True, blank=True)

    resource = Resource(
        plugin="uptime",
        remote="UptimeChecks",
        fields=mapped("id", "address", "status", client="client_id", answered_in="time", checked_at="date_checked"),
        listing=Call("getList", order_by="id", order_by_qualified="uptime_checks.id"),
        count=Call("getListCount"),
        get=Call("get", key="check_id"),
        company="client",
        events={"Uptime.changed": "check_id"},
        left_out={"probe": "Of use to nobody but the plugin."},
    )

    class Meta:
        verbose_name = _("uptime check")
        verbose_name_plural = _("uptime checks")
        ordering = ("address", "id")

    def __str__(self) -> str:
        return self.address or f"#{self.pk}"
