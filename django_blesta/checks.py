"""System checks: mistakes in settings are told at start-up, by id, with what to do about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register

from django_blesta import conf

#: What each id stands for. An id is never given another meaning.
SETTING_CHECKS = {
    "django_blesta.E001": "BLESTA is missing, empty or not a dict.",
    "django_blesta.E002": "BLESTA has a key that nothing reads.",
    "django_blesta.E003": "URL is missing or is not the address of a Blesta.",
    "django_blesta.E004": "URL is not https (and not on loopback).",
    "django_blesta.E005": "URL holds a user, a password, a query or a fragment.",
    "django_blesta.E006": "USER or KEY is missing.",
    "django_blesta.E007": "USER or KEY is of the wrong kind, empty, or cannot travel in a header.",
    "django_blesta.E008": "An option has the wrong type or lies outside its range.",
    "django_blesta.E009": "CA_FILE is not a file.",
    "django_blesta.E010": "COMPANIES is malformed, or USER and KEY stand beside it.",
    "django_blesta.E011": "ALLOW is not a list of Model.method pairs.",
    "django_blesta.E012": "A credential's environment variable is not set.",
    "django_blesta.E013": "An installation is not named after a database alias.",
}


@register(Tags.security)
def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """One error for each problem that ``conf`` found; speaks to nobody."""
    return [
        Error(problem.message, hint=problem.hint, obj=problem.alias or None, id=f"django_blesta.{problem.code}")
        for problem in conf.problems()
    ]
