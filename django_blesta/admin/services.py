"""Services and their add-ons."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from django_blesta.admin._filters import CompanyFilter, GoneFilter, WordFilter
from django_blesta.admin._mirror import MirrorAdmin, Related
from django_blesta.models import Service


@admin.register(Service)
class ServiceAdmin(MirrorAdmin):
    list_display = ("row", "client_link", "package_link", "status_word", "qty", "renews_at_day")
    list_filter = (
        WordFilter.of("active", "pending", "suspended", "canceled", "in_review"),
        CompanyFilter,
        GoneFilter,
    )
    date_hierarchy = "renews_at"
    search_fields = ("id_code", "name", "client__id_code", "client__email")
    search_help_text = _("Number or name of the service, number or e-mail of its client; or Blesta's id.")
    currencies = {"override_price": "override_currency"}
    facts = (
        ("name", "id_code", "status_word"),
        ("client_link", "parent_service_link"),
        ("package_link", "package_group_link", "qty"),
        ("pricing_link", "override_price_money"),
        ("added_at", "last_renewed_at", "renews_at"),
        ("suspended_at", "canceled_at"),
        "suspension_reason",
        "cancellation_reason",
        ("company_link", "module_row_id", "coupon_id", "id"),
    )
    related = (
        Related("addons", ("row", "package_link", "status_word", "renews_at_day")),
        Related("invoice_lines", ("row", "invoice_link", "qty_number", "amount_money")),
    )

    def shade_of(self, name: str, obj: Service) -> str:
        scheduled = name == "status" and obj.is_cancellation_scheduled
        return "pending" if scheduled else super().shade_of(name, obj)
