"""The few databases' ways to say: insert, or update unless what is there was fetched later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connections, models


def upsert(
    model: type[models.Model],
    rows: Iterable[Sequence[Any]],
    *,
    columns: Sequence[models.Field[Any, Any]],
    key: Sequence[models.Field[Any, Any]],
    updates: Sequence[models.Field[Any, Any]],
    fence: models.Field[Any, Any],
    using: str,
) -> None:
    """Write `rows`, each a value per field of `columns`; a conflict on `key` updates only `updates`.

    The fence stands in the statement itself: between our reading of a row and this writing, another worker may have
    inserted it from a later fetch.
    """
    connection = connections[using]

    def quoted(field: models.Field[Any, Any]) -> str:
        return connection.ops.quote_name(str(field.column))

    table = connection.ops.quote_name(model._meta.db_table)
    names = ", ".join(map(quoted, columns))
    marks = ", ".join(["%s"] * len(columns))
    guard = quoted(fence)
    if connection.vendor == "mysql":
        # Assignments run left to right: the fence must be compared before it is raised, so it comes last.
        targets = [quoted(field) for field in updates if field is not fence] + [guard]
        sets = ", ".join(f"{c} = IF({guard} <= VALUES({guard}), VALUES({c}), {c})" for c in targets)
        tail = f"ON DUPLICATE KEY UPDATE {sets}"
    else:
        sets = ", ".join(f"{c} = EXCLUDED.{c}" for c in map(quoted, updates))
        conflict = ", ".join(map(quoted, key))
        tail = f"ON CONFLICT ({conflict}) DO UPDATE SET {sets} WHERE {table}.{guard} <= EXCLUDED.{guard}"
    # Every name comes from a model's own fields, quoted by the backend; values travel as parameters.
    statement = f"INSERT INTO {table} ({names}) VALUES ({marks}) {tail}"  # noqa: S608
    prepare = [field.get_db_prep_save for field in columns]
    prepared = [tuple(to_db(value, connection) for to_db, value in zip(prepare, row, strict=True)) for row in rows]
    with connection.cursor() as cursor:
        cursor.executemany(statement, prepared)
