"""Is the wheel whole? Compares it with the tree, then uses the installed package as a bare site would.

Run by the interpreter of an environment that has the wheel and nothing else of the project: `check_wheel.py <wheel>`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "django_blesta"

USE = """
import importlib.resources, pathlib, sys
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "django_blesta"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    BLESTA={"URL": "https://billing.example.com/api/", "USER": "someone", "KEY": "a-key"},
    SECRET_KEY="wheel", USE_TZ=True,
)
django.setup()
from django.core.management import call_command
import django_blesta
assert "site-packages" in django_blesta.__file__, django_blesta.__file__
call_command("check", verbosity=0)
call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)
call_command("migrate", verbosity=0)
"""


def main(wheel: str) -> int:
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if name.startswith("django_blesta/")}
    tree = {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    for name in sorted(tree - inside):
        print(f"not in the wheel: {name}", file=sys.stderr)
    for name in sorted(inside - tree):
        print(f"in the wheel but not in the tree: {name}", file=sys.stderr)
    if tree != inside:
        return 1
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DJANGO"))}
    with tempfile.TemporaryDirectory() as elsewhere:
        # Our own interpreter and words.
        done = subprocess.run([sys.executable, "-c", USE], cwd=elsewhere, env=environ, check=False)  # noqa: S603
    if done.returncode == 0:
        print(f"wheel: {Path(wheel).name} holds all {len(inside)} files of the package, installs and migrates")
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
