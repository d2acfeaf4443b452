from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig
from django.utils.module_loading import module_has_submodule
from django.utils.translation import gettext_lazy as _


class DjangoBlestaConfig(AppConfig):
    name = "django_blesta"
    label = "django_blesta"
    verbose_name = _("Blesta")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        if module_has_submodule(import_module("django_blesta"), "checks"):
            import_module("django_blesta.checks")  # registers itself
        import_module("django_blesta.ledger").install()
