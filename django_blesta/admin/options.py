"""Options of packages, and coupons."""

from __future__ import annotations

from django.contrib import admin

from django_blesta.admin._filters import CompanyFilter, GoneFilter, WordFilter
from django_blesta.admin._mirror import MirrorAdmin, Related
from django_blesta.models import (
    Coupon,
    CouponAmount,
    PackageOption,
    PackageOptionGroup,
    PackageOptionMember,
    PackageOptionOffer,
    PackageOptionValue,
)


@admin.register(PackageOption)
class PackageOptionAdmin(MirrorAdmin):
    list_display = ("row", "name", "type_word", "addable", "editable", "hidden", "company_link")
    list_filter = (CompanyFilter, GoneFilter)
    search_fields = ("label", "name")
    related = (
        Related("values", ("row", "status_word", "is_default"), ("pk",), 50),
        Related("memberships", ("row", "group_link"), ("pk",)),
    )


@admin.register(PackageOptionValue)
class PackageOptionValueAdmin(MirrorAdmin):
    list_display = ("row", "option_link", "is_default", "status_word")
    search_fields = ("name", "option__label")


@admin.register(PackageOptionGroup)
class PackageOptionGroupAdmin(MirrorAdmin):
    list_display = ("row", "id", "hidden", "company_link")
    list_filter = (CompanyFilter, GoneFilter)
    search_fields = ("name",)
    related = (
        Related("memberships", ("row", "option_link"), ("pk",), 50),
        Related("offers", ("row", "package_link"), ("pk",), 50),
    )


@admin.register(PackageOptionMember)
class PackageOptionMemberAdmin(MirrorAdmin):
    list_display = ("row", "option_link", "group_link")
    search_fields = ("option__label", "group__name")


@admin.register(PackageOptionOffer)
class PackageOptionOfferAdmin(MirrorAdmin):
    list_display = ("row", "package_link", "option_group_link")
    search_fields = ("package__name", "option_group__name")


@admin.register(Coupon)
class CouponAdmin(MirrorAdmin):
    list_display = ("row", "id", "status_word", "used_qty", "max_qty", "starts_at_day", "ends_at_day", "company_link")
    list_filter = (WordFilter.of("active", "inactive"), CompanyFilter, GoneFilter)
    search_fields = ("code",)
    related = (
        Related("amounts", ("row", "currency", "type_word"), ("currency",), 25),
        Related("services", ("row", "client_link", "status_word")),
    )


@admin.register(CouponAmount)
class CouponAmountAdmin(MirrorAdmin):
    list_display = ("row", "coupon_link", "currency", "amount_number", "type_word")
    search_fields = ("coupon__code", "currency")
