"""Staff, and what they note about clients."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from django_blesta.admin._filters import CompanyFilter, GoneFilter, WordFilter
from django_blesta.admin._mirror import MirrorAdmin
from django_blesta.models import ClientNote, Staff


@admin.register(Staff)
class StaffAdmin(MirrorAdmin):
    list_display = ("row", "id", "status_word", "user_link")
    list_filter = (WordFilter.of("active", "inactive"), GoneFilter)
    search_fields = ("first_name", "last_name")


@admin.register(ClientNote)
class ClientNoteAdmin(MirrorAdmin):
    list_display = ("row", "client_link", "staff_link", "stickied", "added_at_day")
    list_filter = (CompanyFilter, GoneFilter)
    search_fields = ("title", "client__id_code", "client__email")
    search_help_text = _("Title; number or e-mail of the client; or Blesta's id.")
    facts = (
        ("title", "stickied"),
        ("client_link", "staff_link"),
        "description",
        ("added_at", "updated_at"),
        ("company_link", "id"),
    )
