from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DjangoBlestaConfig(AppConfig):
    name = "django_blesta"
    label = "django_blesta"
    verbose_name = _("Blesta")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_blesta import checks  # noqa: F401  (registers itself)
