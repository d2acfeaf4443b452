"""Services and their add-ons."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from django_blesta.admin._filters import CompanyFilter, GoneFilter, PeriodFilter, WordFilter
from django_blesta.admin._mirror import MirrorAdmin, Related
from django_blesta.models import Service, ServiceChange, ServiceOption


@admin.register(Service)
class ServiceAdmin(MirrorAdmin):
    list_display = ("row", "client_link", "package_link", "status_word", "qty", "renews_at_day")
    list_filter = (
        WordFilter.of("active", "pending", "suspended", "canceled", "in_review"),
        PeriodFilter.of("renews_at", _("renews at")),
        CompanyFilter,
        GoneFilter,
    )
    search_fields = ("id_code", "name", "client__id_code", "client__email")
    search_help_text = _("Number or name of the service, number or e-mail of its client; or Blesta's id.")
    currencies = {"override_price": "override_currency"}
    facts = (
        ("name", "id_code", "status_word"),
        ("client_link", "parent_service_link"),
        ("package_link", "package_group_link", "qty"),
        ("pricing_link", "override_price_money"),
        ("added_at", "last_renewed_at", "renews_at"),
        ("paid_through_at", "suspended_at", "canceled_at"),
        "fields",
        "suspension_reason",
        "cancellation_reason",
        ("module_row_link", "coupon_link"),
        ("company_link", "id"),
    )
    related = (
        Related("addons", ("row", "package_link", "status_word", "renews_at_day")),
        Related("options", ("row", "qty", "price_money"), ("pk",), 25),
        Related("changes", ("row", "status_word", "added_at_day", "invoice_link")),
        Related("invoice_lines", ("row", "invoice_link", "qty_number", "amount_money")),
    )

    def shade_of(self, name: str, obj: Service) -> str:
        scheduled = name == "status" and obj.is_cancellation_scheduled
        return "pending" if scheduled else super().shade_of(name, obj)


@admin.register(ServiceOption)
class ServiceOptionAdmin(MirrorAdmin):
    list_display = ("row", "service_link", "qty", "price_money", "setup_fee_money")
    search_fields = ("option_name", "value_name")
    currencies = {"price": "service.pricing.currency", "setup_fee": "service.pricing.currency"}
    reads_in_list = ("service", "service__pricing")


@admin.register(ServiceChange)
class ServiceChangeAdmin(MirrorAdmin):
    list_display = ("row", "service_link", "status_word", "invoice_link", "added_at_day", "decided_at_day")
    list_filter = (WordFilter.of("pending", "completed", "canceled", "error"), CompanyFilter, GoneFilter)
    search_fields = ("service__name", "service__id_code")
