"""Top-level domains on sale, where Blesta has its Domains plugin. A domain itself is a service, and mirrored as one."""

from __future__ import annotations

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.models.base import Mirror, MirrorForeignKey
from django_blesta.models.modules import Module
from django_blesta.models.packages import Package
from django_blesta.models.words import label_for
from django_blesta.resources import Call, Resource, mapped


class DomainTld(Mirror):
    """Blesta asks for it by company and name (".com"), so those name it here, too."""

    id = models.BigAutoField(primary_key=True)
    tld = models.CharField(_("name"), max_length=64)
    package = MirrorForeignKey(Package, related_name="tlds", verbose_name=_("package"))
    module = MirrorForeignKey(Module, related_name="tlds", verbose_name=_("module"))
    position = models.IntegerField(_("position"), null=True, blank=True)
    status = models.CharField(_("status"), max_length=32, blank=True)
    dns_management = models.BooleanField(_("with DNS"), default=False)
    email_forwarding = models.BooleanField(_("with mail forwarding"), default=False)
    id_protection = models.BooleanField(_("with privacy"), default=False)
    epp_code = models.BooleanField(_("with transfer code"), default=False)

    resource = Resource(
        plugin="domains",
        remote="DomainsTlds",
        fields=mapped(
            "tld",
            "status",
            "dns_management",
            "email_forwarding",
            "id_protection",
            "epp_code",
            company="company_id",
            package="package_id",
            module="module_id",
            position="order",
        ),
        listing=Call("getList", order_by="tld", order_by_qualified="domains_tlds.tld", order_argument="order"),
        count=Call("getListCount"),
        get=Call("get", key="tld", company="company_id"),
        key=("company", "tld"),
        company="key",
        left_out={
            "id": "Blesta asks for a top-level domain by company and name.",
        },
    )

    class Meta:
        verbose_name = _("top-level domain")
        verbose_name_plural = _("top-level domains")
        ordering = ("tld",)
        constraints = [models.UniqueConstraint(fields=["company", "tld"], name="blesta_tld_key")]

    def __str__(self) -> str:
        return self.tld

    @property
    def status_label(self) -> str | Promise:
        return label_for(self.status)
