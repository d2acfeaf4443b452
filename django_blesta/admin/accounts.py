"""Stored means of payment."""

from __future__ import annotations

from django.contrib import admin

from django_blesta.admin._filters import CompanyFilter, GoneFilter, WordFilter
from django_blesta.admin._mirror import MirrorAdmin
from django_blesta.models import BankAccount, CardAccount


@admin.register(CardAccount)
class CardAccountAdmin(MirrorAdmin):
    list_display = ("row", "client_link", "type_word", "last_four", "expires", "status_word")
    list_filter = (WordFilter.of("active", "inactive"), CompanyFilter, GoneFilter)
    search_fields = ("last_four", "client__id_code", "client__email")


@admin.register(BankAccount)
class BankAccountAdmin(MirrorAdmin):
    list_display = ("row", "client_link", "type_word", "last_four", "status_word")
    list_filter = (WordFilter.of("active", "inactive", "unverified"), CompanyFilter, GoneFilter)
    search_fields = ("last_four", "client__id_code", "client__email")
