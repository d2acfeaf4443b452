"""A name for the status page, so that Django gives it a permission and a line in the admin's index."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from django_blesta.models.runs import SyncRun


class Status(SyncRun):
    """What all runs together say; holds nothing of its own, and seeing it is the one thing that can be permitted."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = _("status")
        verbose_name_plural = _("status")
