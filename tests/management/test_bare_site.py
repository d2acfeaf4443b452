"""The commands on a site that sets nothing but what it must: no LOGGING, and perhaps no tables yet."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SITE = """
import sys
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django_blesta"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
    BLESTA={"URL": "http://127.0.0.1:9/", "USER": "site", "KEY": "key", "READ_TRIES": 1},
    USE_TZ=True,
)
from django.core.management import execute_from_command_line
for command in sys.argv[2:]:
    execute_from_command_line(["manage.py", *command.split()])
"""


def run(folder: Path, *commands: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(  # noqa: S603  (our own program text)
        [sys.executable, "-c", SITE, str(folder / "site.sqlite3"), *commands],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_failure_is_one_line_when_the_site_sets_no_logging(tmp_path: Path) -> None:
    ended = run(tmp_path, "migrate --verbosity=0", "blesta_sync")

    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert "127.0.0.1:9" in line


@pytest.mark.parametrize("before", [[], ["migrate django_blesta 0001 --verbosity=0"]], ids=["no tables", "old tables"])
@pytest.mark.parametrize("command", ["blesta_sync", "blesta_sync --dry-run", "blesta_verify"])
def test_command_asks_for_migrate_in_one_line_when_tables_are_missing(
    command: str, before: list[str], tmp_path: Path
) -> None:
    ended = run(tmp_path, *before, command)

    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert "manage.py migrate" in line
