"""Recurring invoices and quotations."""

from __future__ import annotations

from django.contrib import admin

from django_blesta.admin._filters import CompanyFilter, CurrencyFilter, GoneFilter, WordFilter
from django_blesta.admin._mirror import MirrorAdmin, Related
from django_blesta.models import Quotation, QuotationLine, RecurringInvoice, RecurringInvoiceLine


@admin.register(RecurringInvoice)
class RecurringInvoiceAdmin(MirrorAdmin):
    list_display = ("row", "client_link", "term_word", "currency", "renews_at_day", "last_renewed_at_day")
    list_filter = (CurrencyFilter, CompanyFilter, GoneFilter)
    search_fields = ("client__id_code", "client__email")
    related = (Related("lines", ("row", "qty_number", "amount_money"), ("position", "pk"), 25),)


@admin.register(RecurringInvoiceLine)
class RecurringInvoiceLineAdmin(MirrorAdmin):
    list_display = ("row", "recurring_invoice_link", "qty_number", "amount_money")
    search_fields = ("description",)
    currencies = {"amount": "recurring_invoice.currency"}
    reads_in_list = ("recurring_invoice",)


@admin.register(Quotation)
class QuotationAdmin(MirrorAdmin):
    list_display = ("row", "title", "client_link", "status_word", "total_money", "expires_at_day")
    list_filter = (
        WordFilter.of("draft", "pending", "approved", "invoiced", "expired", "dead", "lost"),
        CurrencyFilter,
        CompanyFilter,
        GoneFilter,
    )
    search_fields = ("id_code", "title", "client__id_code", "client__email")
    related = (Related("lines", ("row", "qty_number", "amount_money"), ("position", "pk"), 25),)


@admin.register(QuotationLine)
class QuotationLineAdmin(MirrorAdmin):
    list_display = ("row", "quotation_link", "qty_number", "amount_money")
    search_fields = ("description",)
    currencies = {"amount": "quotation.currency"}
    reads_in_list = ("quotation",)
