"""Links and words that every page of the admin shares, and who may see which rows."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db import models
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from django_blesta.models import Mirror


def may_see(model: type[models.Model], site: admin.AdminSite, request: HttpRequest) -> bool:
    """Whether this admin shows rows of the model to whoever asks."""
    return site.is_registered(model) and site.get_model_admin(model).has_view_permission(request)


def link_to(obj: models.Model, site: admin.AdminSite, text: str = "") -> str:
    """A link to the row's own page in this admin, or its name where the admin has none."""
    meta = obj._meta
    try:
        address = reverse(f"{site.name}:{meta.app_label}_{meta.model_name}_change", args=[quote(obj.pk)])
    except NoReverseMatch:
        return text or str(obj)
    if isinstance(obj, Mirror) and obj.is_gone:
        gone = gettext("gone")
        return format_html(
            '<a href="{}">{}</a> <span class="blesta-word blesta-gone">{}</span>', address, text or str(obj), gone
        )
    return format_html('<a href="{}">{}</a>', address, text or str(obj))


def format_word(word: str, label: Any) -> SafeString:
    """A state as a word in a frame; the colour repeats what the word says."""
    slug = "".join(character for character in word.lower() if character.isascii() and character.isalnum())
    return format_html('<span class="blesta-word blesta-{}">{}</span>', slug[:32], label)
