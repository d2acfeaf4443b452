"""What Blesta's own plugins bring: tickets, orders, top-level domains, webhooks."""

from __future__ import annotations

from django.contrib import admin

from django_blesta.admin._filters import CompanyFilter, GoneFilter, WordFilter
from django_blesta.admin._mirror import MirrorAdmin, Related
from django_blesta.models import (
    DomainTld,
    Order,
    OrderForm,
    Ticket,
    TicketDepartment,
    TicketReply,
    Webhook,
)


@admin.register(TicketDepartment)
class TicketDepartmentAdmin(MirrorAdmin):
    list_display = ("row", "id", "email", "status_word", "clients_only", "company_link")
    list_filter = (CompanyFilter, GoneFilter)
    search_fields = ("name", "email")


@admin.register(Ticket)
class TicketAdmin(MirrorAdmin):
    list_display = ("row", "client_link", "department_link", "status_word", "priority_word", "updated_at_day")
    list_filter = (
        WordFilter.of("open", "awaiting_reply", "in_progress", "on_hold", "closed", "trash"),
        CompanyFilter,
        GoneFilter,
    )
    search_fields = ("number", "summary", "email", "client__id_code", "client__email")
    related = (Related("replies", ("row", "type_word", "staff_link", "contact_link", "added_at"), ("pk",), 50),)


@admin.register(TicketReply)
class TicketReplyAdmin(MirrorAdmin):
    list_display = ("row", "ticket_link", "type_word", "staff_link", "contact_link", "added_at")
    list_filter = (WordFilter.of("reply", "note", "log", column="type"), GoneFilter)
    search_fields = ("ticket__number",)


@admin.register(OrderForm)
class OrderFormAdmin(MirrorAdmin):
    list_display = ("row", "label", "type", "visibility", "status_word", "company_link")
    list_filter = (WordFilter.of("active", "inactive"), CompanyFilter, GoneFilter)
    search_fields = ("name", "label")


@admin.register(Order)
class OrderAdmin(MirrorAdmin):
    list_display = ("row", "client_link", "order_form_link", "invoice_link", "status_word", "added_at_day")
    list_filter = (WordFilter.of("pending", "accepted", "fraud", "canceled"), CompanyFilter, GoneFilter)
    search_fields = ("number", "client__id_code", "client__email")


@admin.register(DomainTld)
class DomainTldAdmin(MirrorAdmin):
    list_display = ("row", "package_link", "module_link", "status_word", "company_link")
    list_filter = (CompanyFilter, GoneFilter)
    search_fields = ("tld",)


@admin.register(Webhook)
class WebhookAdmin(MirrorAdmin):
    list_display = ("row", "type_word", "method", "events", "company_link")
    list_filter = (WordFilter.of("incoming", "outgoing", column="type"), CompanyFilter, GoneFilter)
    search_fields = ("host",)
