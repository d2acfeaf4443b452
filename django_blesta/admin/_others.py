"""The mirrors of other apps, which get a face without asking for one."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db import models
from django.utils.module_loading import module_has_submodule

from django_blesta.admin._mirror import HIDDEN, MirrorAdmin
from django_blesta.models import Mirror, MirrorForeignKey, MoneyField, mirrors

COLUMNS_LISTED = 6
TEXTS_SEARCHED = 4


def register_the_rest() -> None:
    """Show a site's own mirrors too, unless their app has an `admin` module and with it a mind of its own."""
    for model in mirrors():
        app = apps.get_app_config(model._meta.app_label)
        shows_its_own = app.module is None or module_has_submodule(app.module, "admin")
        if not (shows_its_own or admin.site.is_registered(model)):
            columns = [column for field in model._meta.concrete_fields for column in _listed(model, field)]
            texts = [field.name for field in model._meta.concrete_fields if isinstance(field, models.CharField)]
            options = {
                "list_display": ("row", *columns[:COLUMNS_LISTED]),
                "search_fields": tuple(texts[:TEXTS_SEARCHED]),
            }
            admin.site.register(model, type(f"{model.__name__}Admin", (MirrorAdmin,), options))


def _listed(model: type[Mirror], field: models.Field[Any, Any]) -> list[str]:
    """The column that a list of a site's own mirror has for a field, if any."""
    if field.primary_key or field.name in HIDDEN or field.name == "company":
        return []
    if isinstance(field, MirrorForeignKey):
        return [f"{field.name}_link"]
    if isinstance(field, MoneyField):
        return [f"{field.name}_money"]
    if isinstance(field, models.DecimalField):
        return [f"{field.name}_number"]
    if hasattr(model, f"{field.name}_label"):
        return [f"{field.name}_word"]
    return [] if isinstance(field, models.TextField | models.JSONField) else [field.name]
