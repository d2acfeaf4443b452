"""All that a database holds, for proving that something wrote nothing."""

from __future__ import annotations

from typing import Any

from django.db import connections


def contents(using: str = "default") -> dict[str, list[Any]]:
    """Every row of every table, and where the fence's sequence stands."""
    connection = connections[using]
    held: dict[str, list[Any]] = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608  (the database's own name)
            held[table] = sorted(map(repr, cursor.fetchall()))
        if connection.vendor == "postgresql":
            cursor.execute("SELECT last_value, is_called FROM django_blesta_fence")
            held["the fence"] = [cursor.fetchone()]
    assert "django_blesta_invoice" in held
    return held
