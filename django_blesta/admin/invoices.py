"""Invoices and their lines."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from django_blesta.admin._filters import (
    CompanyFilter,
    CurrencyFilter,
    GoneFilter,
    InvoiceStateFilter,
    PeriodFilter,
    WordFilter,
)
from django_blesta.admin._mirror import MirrorAdmin, Related
from django_blesta.models import Invoice, InvoiceDelivery, InvoiceLine, InvoiceTax, Tax


@admin.register(Invoice)
class InvoiceAdmin(MirrorAdmin):
    list_display = ("row", "client_link", "status_word", "total_money", "due_money", "due_at_day")
    list_filter = (
        InvoiceStateFilter,
        PeriodFilter.of("due_at", _("due on")),
        CurrencyFilter,
        CompanyFilter,
        GoneFilter,
    )
    search_fields = ("id_code__startswith", "client__id_code", "client__email", "client__company_name")
    search_help_text = _("Number of the invoice; number, e-mail or company of its client; or Blesta's id.")
    facts = (
        ("id_code", "status_word", "client_link"),
        ("subtotal_money", "total_money", "paid_money", "due_money"),
        ("billed_at", "due_at", "closed_at", "autodebit_at"),
        "note_public",
        "note_private",
        ("company_link", "currency", "id"),
    )
    related = (
        Related("lines", ("row", "service_link", "qty_number", "amount_money"), ("position", "pk"), 100),
        Related("taxes", ("row", "rate_number", "type_word", "total_money"), ("level", "pk")),
        Related("deliveries", ("row", "sent_at"), ("pk",)),
        Related("applied", ("row", "transaction_link", "amount_money", "applied_at_day"), ("-applied_at", "pk"), 25),
    )

    def shade_of(self, name: str, obj: Invoice) -> str:
        if obj.status not in ("active", "proforma"):
            return super().shade_of(name, obj)
        if obj.is_paid:
            return "paid"
        return "pastdue" if obj.is_overdue else "open"


@admin.register(InvoiceLine)
class InvoiceLineAdmin(MirrorAdmin):
    list_display = ("row", "invoice_link", "service_link", "qty_number", "amount_money")
    search_fields = ("description", "invoice__id_code")
    currencies = {"amount": "invoice.currency", "subtotal": "invoice.currency", "total": "invoice.currency"}
    reads_in_list = ("invoice",)


@admin.register(InvoiceTax)
class InvoiceTaxAdmin(MirrorAdmin):
    list_display = ("row", "invoice_link", "tax_link", "rate_number", "type_word", "total_money")
    search_fields = ("name", "invoice__id_code")
    currencies = {"total": "invoice.currency"}
    reads_in_list = ("invoice",)


@admin.register(InvoiceDelivery)
class InvoiceDeliveryAdmin(MirrorAdmin):
    list_display = ("row", "invoice_link", "sent_at")
    search_fields = ("method", "invoice__id_code")


@admin.register(Tax)
class TaxAdmin(MirrorAdmin):
    list_display = ("row", "id", "level", "rate_number", "type_word", "country", "state", "status_word", "company_link")
    list_filter = (WordFilter.of("active", "inactive"), CompanyFilter, GoneFilter)
    search_fields = ("name", "country")
