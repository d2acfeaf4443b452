"""Modules, their rows, and gateways: by name."""

from __future__ import annotations

from django.contrib import admin

from django_blesta.admin._filters import CompanyFilter, GoneFilter, WordFilter
from django_blesta.admin._mirror import MirrorAdmin, Related
from django_blesta.models import Gateway, Module, ModuleRow


@admin.register(Module)
class ModuleAdmin(MirrorAdmin):
    list_display = ("row", "id", "class_name", "company_link")
    list_filter = (CompanyFilter, GoneFilter)
    search_fields = ("name", "class_name")
    related = (Related("rows", ("row",), ("pk",), 25), Related("packages", ("row", "status_word")))


@admin.register(ModuleRow)
class ModuleRowAdmin(MirrorAdmin):
    list_display = ("row", "id", "module_link")
    list_filter = (CompanyFilter, GoneFilter)
    search_fields = ("label",)
    related = (Related("services", ("row", "client_link", "status_word")),)


@admin.register(Gateway)
class GatewayAdmin(MirrorAdmin):
    list_display = ("row", "id", "type_word", "company_link")
    list_filter = (
        WordFilter.of("merchant", "nonmerchant", "hybrid", column="type"),
        CompanyFilter,
        GoneFilter,
    )
    search_fields = ("name",)
