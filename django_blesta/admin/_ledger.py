"""From a run or an operation to the calls that were made for it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext

from django_blesta.admin._words import may_see
from django_blesta.models import LoggedCall


def calls_link(site: admin.AdminSite, request: HttpRequest | None, **wanted: Any) -> str | None:
    """A link to the calls of a run or an operation, for staff who may see calls."""
    if request is None or not may_see(LoggedCall, site, request):
        return None
    found = LoggedCall.objects.filter(**wanted).count()
    if not found:
        return None
    (name, value), address = next(iter(wanted.items())), reverse(f"{site.name}:django_blesta_loggedcall_changelist")
    return format_html('<a href="{}?{}={}">{}</a>', address, name, value, gettext("%(count)d kept") % {"count": found})
