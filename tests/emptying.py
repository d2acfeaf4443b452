"""Emptying the database after a test that committed: `DELETE` from the few tables that hold rows.

Django's own way truncates every table and then writes the content types and permissions anew. With some seventy
tables that takes longer than most of the tests that it follows, on MariaDB many times longer. What a migration or
`post_migrate` wrote is left alone here, so nothing has to be written again.
"""

from __future__ import annotations

from typing import Any

from django.db import connections, transaction
from django.test import TransactionTestCase

# Written when the tables are made, and the same after every test.
KEPT = {"django_migrations", "django_content_type", "auth_permission", "django_blesta_fencecounter"}


def empty(alias: str) -> list[str]:
    """Removes every row that tests can have written to this database; returns the tables that held some."""
    connection = connections[alias]
    quote = connection.ops.quote_name
    names = [name for name in connection.introspection.table_names() if name not in KEPT]
    with connection.cursor() as cursor:
        held: list[str] = []
        for start in range(0, len(names), 100):  # SQLite takes at most 500 parts of a compound SELECT
            some = names[start : start + 100]
            cursor.execute(
                " UNION ALL ".join(
                    f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {quote(name)})"  # noqa: S608  (names of our tables)
                    for name in some
                )
            )
            held += [row[0] for row in cursor.fetchall()]
        if not held:
            return held
        with transaction.atomic(using=alias), connection.constraint_checks_disabled():
            for name in held:
                cursor.execute(f"DELETE FROM {quote(name)}")  # noqa: S608  (as above)
    return held


def _empty_after(test: Any) -> None:
    for alias in test._databases_names(include_mirrors=False):
        empty(alias)


def install() -> None:
    """From now on, a test case that commits is followed by `empty` instead of Django's flush."""
    TransactionTestCase._fixture_teardown = _empty_after  # type: ignore[attr-defined]
