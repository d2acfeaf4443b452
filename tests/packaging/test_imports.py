"""What a site pays for by listing the app: nothing heavy is imported before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

SETUP = """
import sys
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "django_blesta"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    USE_TZ=True,
)
django.setup()
print(*sorted(sys.modules), sep="\\n")
"""

HEAVY = [
    "celery",
    "kombu",
    "requests",
    "urllib3",
    "rest_framework.serializers",
    "rest_framework.views",
    "rest_framework.viewsets",
    "django_blesta.testing",
    "blesta_sdk",
]


@pytest.fixture(scope="module")
def modules_after_setup() -> set[str]:
    # Our own interpreter and words.
    done = subprocess.run([sys.executable, "-c", SETUP], capture_output=True, text=True, check=True)  # noqa: S603
    return set(done.stdout.split())


def test_app_is_set_up_when_a_bare_site_lists_it(modules_after_setup: set[str]) -> None:
    assert "django_blesta.apps" in modules_after_setup


@pytest.mark.parametrize("module", HEAVY)
def test_module_is_not_imported_when_a_bare_site_starts(modules_after_setup: set[str], module: str) -> None:
    assert module not in modules_after_setup
