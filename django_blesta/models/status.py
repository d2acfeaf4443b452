"""Names for pages that are about no one row, so that Django gives them permissions and lines in the admin's index."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from django_blesta.models.runs import SyncRun


class Status(SyncRun):
    """What all runs together say; holds nothing of its own.

    The permissions for what staff may have done in Blesta are here too: each wants, beside itself, that the row may be
    seen.
    """

    class Meta:
        proxy = True
        default_permissions = ("view",)
        permissions = (
            ("refresh_rows", "Can have single rows read anew from Blesta"),
            ("see_raw_rows", "Can see what Blesta itself says of a row"),
            ("suspend_service", "Can suspend services in Blesta"),
            ("unsuspend_service", "Can take suspensions off in Blesta"),
            ("cancel_service", "Can cancel services in Blesta"),
            ("record_payment", "Can record payments in Blesta"),
            ("deliver_invoice", "Can have invoices sent by Blesta"),
        )
        verbose_name = _("status")
        verbose_name_plural = _("status")


class Billing(SyncRun):
    """What was billed, paid and owed; holds nothing of its own, and may be seen or not."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = _("billing overview")
        verbose_name_plural = _("billing overview")
