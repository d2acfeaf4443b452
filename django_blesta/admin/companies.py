"""Companies and their currencies."""

from __future__ import annotations

from django.contrib import admin

from django_blesta.admin._filters import CompanyFilter, GoneFilter
from django_blesta.admin._mirror import MirrorAdmin
from django_blesta.models import Company, Currency


@admin.register(Company)
class CompanyAdmin(MirrorAdmin):
    list_display = ("row", "id", "hostname", "phone")
    search_fields = ("name", "hostname")


@admin.register(Currency)
class CurrencyAdmin(MirrorAdmin):
    list_display = (
        "row",
        "company_link",
        "prefix",
        "suffix",
        "precision",
        "exchange_rate_number",
        "exchange_updated_at",
    )
    list_filter = (CompanyFilter, GoneFilter)
    search_fields = ("code",)
    ordering = ("code", "pk")
