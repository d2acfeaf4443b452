"""The catalogue: packages, prices, groups."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from django_blesta.admin._filters import CompanyFilter, CurrencyFilter, GoneFilter, WordFilter
from django_blesta.admin._mirror import MirrorAdmin, Related
from django_blesta.models import Package, PackageGroup, PackageGroupMember, PackageGroupParent, PackagePricing


@admin.register(Package)
class PackageAdmin(MirrorAdmin):
    list_display = ("row", "id_code", "status_word", "qty", "taxable", "hidden", "company_link")
    list_filter = (WordFilter.of("active", "inactive", "restricted"), CompanyFilter, GoneFilter)
    search_fields = ("id_code", "name")
    facts = (
        ("name", "id_code", "status_word"),
        ("qty", "client_qty"),
        ("taxable", "single_term", "hidden"),
        ("prorata_day", "prorata_cutoff"),
        "description",
        "names",
        "descriptions",
        "descriptions_html",
        ("module_link", "module_row_link"),
        ("company_link", "id"),
    )
    related = (
        Related("pricing", ("row", "price_money", "price_renews_money", "setup_fee_money"), ("currency", "pk"), 30),
        Related("memberships", ("row", "package_group_link"), ("pk",)),
        Related("option_offers", ("row", "option_group_link"), ("pk",)),
        Related("services", ("row", "client_link", "status_word", "renews_at_day")),
    )


@admin.register(PackagePricing)
class PackagePricingAdmin(MirrorAdmin):
    list_display = ("row", "package_link", "price_money", "price_renews_money", "setup_fee_money", "cancel_fee_money")
    list_filter = (CurrencyFilter, GoneFilter)
    search_fields = ("package__name",)
    facts = (
        "package_link",
        ("term_word", "period", "currency"),
        ("price_money", "price_renews_money", "price_transfer_money"),
        ("setup_fee_money", "cancel_fee_money"),
        ("id", "pricing_id", "company_link"),
    )
    related = (Related("services", ("row", "client_link", "status_word", "renews_at_day")),)

    def name_of(self, obj: PackagePricing) -> str:
        return f"{obj.term_label}, {obj.currency}"


@admin.register(PackageGroup)
class PackageGroupAdmin(MirrorAdmin):
    list_display = ("row", "id", "type_word", "hidden", "company_link")
    list_filter = (WordFilter.of("standard", "addon", column="type", title=_("type")), CompanyFilter, GoneFilter)
    search_fields = ("name",)
    related = (
        Related("memberships", ("row", "package_link"), ("pk",)),
        Related("parenthoods", ("row", "parent_link"), ("pk",)),
        Related("addon_groups", ("row", "package_group_link"), ("pk",)),
    )


@admin.register(PackageGroupMember)
class PackageGroupMemberAdmin(MirrorAdmin):
    list_display = ("row", "package_link", "package_group_link")
    search_fields = ("package__name", "package_group__name")
    reads_in_list = ("package", "package_group")


@admin.register(PackageGroupParent)
class PackageGroupParentAdmin(MirrorAdmin):
    list_display = ("row", "package_group_link", "parent_link")
    search_fields = ("package_group__name", "parent__name")
