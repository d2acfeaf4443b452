"""The suite on every supported pair of Python and Django: `make matrix`.

`make matrix ARGS="--list"` shows the sessions; `ARGS="-t django-6.1"` or `ARGS="-t python-3.13"` picks some.

Runs on the database that `BLESTA_TEST_DATABASE` names, or the best that answers. A Python that the machine lacks is
skipped.
"""

from __future__ import annotations

import nox

nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = True

# Django 6 needs Python 3.12. The range takes the newest patch release of each.
SUPPORTED = {"5.2": ("3.11", "3.12", "3.13"), "6.0": ("3.12", "3.13"), "6.1": ("3.12", "3.13")}
PAIRS = [
    nox.param(python, django, tags=[f"django-{django}", f"python-{python}"])
    for django, pythons in SUPPORTED.items()
    for python in pythons
]


@nox.session
@nox.parametrize(("python", "django"), PAIRS)
def tests(session: nox.Session, django: str) -> None:
    session.install("--upgrade", "pip>=25.1")
    session.install("--group", "test", "--editable", ".", f"django~={django}.0")
    session.run("python", "-m", "django", "--version")
    session.run("python", "-m", "pytest", "-n", "2", *session.posargs)
