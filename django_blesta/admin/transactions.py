"""Payments, their kinds, and what they were applied to."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from django_blesta import money
from django_blesta.admin._filters import CompanyFilter, CurrencyFilter, GoneFilter, PeriodFilter, WordFilter
from django_blesta.admin._mirror import EMPTY, MirrorAdmin, Related
from django_blesta.models import AppliedAmount, Transaction, TransactionType


@admin.register(Transaction)
class TransactionAdmin(MirrorAdmin):
    list_display = ("row", "client_link", "status_word", "amount_money", "credit", "type_word", "added_at_day")
    list_filter = (
        WordFilter.of("approved", "pending", "declined", "error", "refunded", "returned", "void"),
        WordFilter.of("cc", "ach", "other", column="type", title=_("type")),
        CurrencyFilter,
        PeriodFilter.of("added_at", _("added at")),
        CompanyFilter,
        GoneFilter,
    )
    search_fields = ("number__startswith", "reference__exact", "client__id_code", "client__email")
    search_help_text = _("The gateway's number or reference; number or e-mail of the client; or Blesta's id.")
    facts = (
        ("number", "status_word", "client_link"),
        ("amount_money", "applied_amount_money", "credit"),
        ("type_word", "transaction_type_link", "gateway_name"),
        ("reference", "parent_number", "message"),
        ("added_at", "currency"),
        ("company_link", "account_id", "gateway_link", "id"),
    )
    related = (
        Related("applied", ("row", "invoice_link", "amount_money", "applied_at_day"), ("-applied_at", "pk"), 25),
    )

    @admin.display(description=_("credit left"))
    def credit(self, obj: Transaction) -> str:
        return EMPTY if obj.credit is None else money.written(obj.credit, obj.currency)


@admin.register(TransactionType)
class TransactionTypeAdmin(MirrorAdmin):
    list_display = ("row", "id", "name", "type_word")
    search_fields = ("name", "real_name")


@admin.register(AppliedAmount)
class AppliedAmountAdmin(MirrorAdmin):
    list_display = ("row", "transaction_link", "invoice_link", "amount_money", "applied_at_day")
    search_fields = ("transaction__number", "invoice__id_code")

    def name_of(self, obj: AppliedAmount) -> str:
        return f"#{obj.pk}"
