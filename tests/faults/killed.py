"""A process that is killed while it asks: started from a fork server that has everything loaded already."""

from __future__ import annotations

import multiprocessing
import os
from typing import Any

import django

if os.environ.get("BLESTA_KILLED_DATABASE"):
    # Only in the fork server and what it forks: the settings must name the test's own database from the first.
    os.environ["BLESTA_TEST_DATABASE_NAME"] = os.environ["BLESTA_KILLED_DATABASE"]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()


def ask(kind: str, ids: dict[str, int], token: str, blesta: dict[str, Any]) -> None:
    """What the child does: one operation, which its parent kills it in."""
    from django.test import override_settings

    from tests.faults.money import MONEY

    with override_settings(BLESTA=blesta):
        MONEY[kind].ask(ids, token)


def server(database: str) -> Any:
    """The context whose processes start in milliseconds; one fork server per test process."""
    os.environ["BLESTA_KILLED_DATABASE"] = database
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.killed", "tests.faults.money"])
    return context
