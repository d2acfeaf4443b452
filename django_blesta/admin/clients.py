"""Clients, their groups, contacts, numbers and logins."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from django_blesta import money
from django_blesta.admin._filters import CompanyFilter, GoneFilter, WordFilter
from django_blesta.admin._mirror import MirrorAdmin, Related
from django_blesta.admin._words import may_see
from django_blesta.admin.links import linked_users
from django_blesta.models import (
    Client,
    ClientGroup,
    Contact,
    ContactNumber,
    ContactPermission,
    ContactType,
    Invoice,
    Transaction,
    User,
)

PERSON = ("first_name", "last_name", "company_name", "email")


@admin.register(Client)
class ClientAdmin(MirrorAdmin):
    change_form_template = "django_blesta/admin/client.html"
    list_display = ("row", "company_name", "email", "status_word", "client_group_link", "country")
    list_filter = (WordFilter.of("active", "inactive", "fraud"), "client_group", CompanyFilter, GoneFilter)
    search_fields = ("id_code", *PERSON)
    search_help_text = _("Number, name, company or e-mail; or Blesta's id.")
    facts = (
        ("id_code", "status_word", "client_group_link"),
        ("first_name", "last_name", "title"),
        ("company_name", "email"),
        ("address1", "address2"),
        ("zip", "city", "state", "country"),
        ("contact_link", "user_link", "company_link"),
        ("default_currency", "language", "id"),
        "settings",
    )
    related = (
        Related("services", ("row", "package_link", "status_word", "renews_at_day")),
        Related("invoices", ("row", "status_word", "total_money", "due_money", "billed_at_day", "due_at_day")),
        Related("transactions", ("row", "status_word", "amount_money", "type_word", "added_at_day")),
        Related("contacts", ("row", "contact_type_word", "email", "city"), ordering=("pk",)),
        Related("notes", ("row", "staff_link", "added_at_day"), ordering=("-stickied", "-pk")),
        Related("tickets", ("row", "status_word", "updated_at_day")),
        Related("orders", ("row", "status_word", "added_at_day")),
        Related("quotations", ("row", "status_word", "total_money", "expires_at_day")),
        Related("recurring_invoices", ("row", "term_word", "renews_at_day")),
        Related("card_accounts", ("row", "expires", "status_word")),
        Related("bank_accounts", ("row", "status_word")),
    )

    def context_of(self, obj: Client, request: HttpRequest) -> dict[str, Any]:
        return {
            "linked_users": linked_users(obj, request, self.admin_site),
            "balance": self._balance(obj) if self._may_see_money(request) else None,
        }

    def _may_see_money(self, request: HttpRequest) -> bool:
        return all(may_see(model, self.admin_site, request) for model in (Invoice, Transaction))

    def _balance(self, obj: Client) -> list[tuple[str, str, str]]:
        owed, credit = obj.balance(), obj.credit()
        return [
            (currency, *(money.written(sums.get(currency, Decimal(0)), currency) for sums in (owed, credit)))  # type: ignore[misc]  # three of them
            for currency in sorted({*owed, *credit})
        ]


@admin.register(ClientGroup)
class ClientGroupAdmin(MirrorAdmin):
    list_display = ("row", "id", "description", "company_link")
    list_filter = (CompanyFilter, GoneFilter)
    search_fields = ("name",)
    related = (Related("clients", ("row", "company_name", "email", "status_word")),)


@admin.register(Contact)
class ContactAdmin(MirrorAdmin):
    list_display = ("row", "client_link", "contact_type_word", "company_name", "email", "city", "country")
    list_filter = (
        WordFilter.of("primary", "billing", "other", column="contact_type", title=_("type")),
        CompanyFilter,
        GoneFilter,
    )
    search_fields = PERSON
    search_help_text = _("Name, company or e-mail; or Blesta's id.")
    facts = (
        ("client_link", "contact_type_word", "contact_type_ref_link"),
        ("first_name", "last_name", "title"),
        ("company_name", "email"),
        ("address1", "address2"),
        ("zip", "city", "state", "country"),
        ("user_link", "company_link"),
        ("added_at", "id"),
    )
    related = (
        Related("numbers", ("row", "type_word", "location_word"), ordering=("pk",)),
        Related("permissions", ("row",), ordering=("area",)),
    )


@admin.register(ContactNumber)
class ContactNumberAdmin(MirrorAdmin):
    list_display = ("row", "contact_link", "type_word", "location_word")
    search_fields = ("number",)


@admin.register(ContactPermission)
class ContactPermissionAdmin(MirrorAdmin):
    list_display = ("row", "contact_link")
    search_fields = ("area",)


@admin.register(ContactType)
class ContactTypeAdmin(MirrorAdmin):
    list_display = ("row", "id", "company_link", "is_lang")
    list_filter = (CompanyFilter, GoneFilter)
    search_fields = ("name",)


@admin.register(User)
class UserAdmin(MirrorAdmin):
    list_display = ("row", "id", "two_factor_mode")
    search_fields = ("username",)
    related = (
        Related("clients", ("row", "company_name", "email", "status_word")),
        Related("contacts", ("row", "client_link", "contact_type_word", "email")),
    )
