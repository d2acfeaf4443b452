"""The README's own lines, pasted into a project that was just started, make a site that answers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[2] / "README.md"
ROOT = str(README.parent)

VISIT = """
from django.test import Client
browser = Client(headers={"host": "localhost"})
for address in ("/billing/", "/admin/django_blesta/status/"):
    answer = browser.get(address, follow=True)
    print(address, answer.redirect_chain, answer.status_code)
print("REST", browser.get("/api/billing/contacts/1/").status_code)
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    django_admin(tmp_path, "startproject", "site_of_mine", ".")
    section = README.read_text(encoding="utf-8").split("## Add it to your site")[1].split("\n## ")[0]
    for name, block in zip(("settings", "urls"), re.findall(r"```python\n(.*?)```", section, re.DOTALL), strict=True):
        with (tmp_path / "site_of_mine" / f"{name}.py").open("a", encoding="utf-8") as file:
            file.write(f"\n{block}")
    return tmp_path


def django_admin(folder: Path, *arguments: str) -> str:
    environ = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    environ |= {"BLESTA_USER": "site", "BLESTA_KEY": "key", "PYTHONPATH": ROOT}
    program = ["manage.py"] if (folder / "manage.py").exists() else ["-m", "django"]
    ended = subprocess.run(  # noqa: S603  (our own words)
        [sys.executable, *program, *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_site_of_the_readme_passes_its_checks_and_asks_people_to_log_in(site: Path) -> None:
    assert "no issues" in django_admin(site, "check")

    told = django_admin(site, "shell", "--verbosity=0", "--command", VISIT)

    assert "/billing/ [('/admin/login/?next=/billing/', 302)] 200" in told
    assert "/admin/django_blesta/status/ [(" in told
    assert "REST 403" in told
