"""The few databases' ways to look at a batch of rows and to write one, with the fence in the statement."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import count
from operator import itemgetter
from typing import Any, TypeAlias, TypeVar

from django.db import IntegrityError, OperationalError, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import NOT_PROVIDED

from django_blesta.models import CountryField, MirrorForeignKey, MoneyField, TranslationsField

Column: TypeAlias = "models.Field[Any, Any]"
T = TypeVar("T")

logger = logging.getLogger("django_blesta.sync")

TRIES = 3
COPY_FROM = 40
"""Rows from which COPY into a temporary table is quicker than one INSERT (measured: 2.8 ms a batch either way)."""
ROWS_A_STATEMENT = 200

# Deadlock and serialization failure; deadlock, lock wait, and a row that changed under a snapshot.
_PASSING_STATES = {"40P01", "40001"}
_PASSING_NUMBERS = {1213, 1205, 1020}
_PASSING_NAMES = {"SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT"}

# Values of these classes, as the converters make them, are what every driver takes. A subclass may adapt its values
# in ways that only the ORM knows of, so it is not on the list unless it is ours.
_PLAIN = {
    models.BigIntegerField,
    models.BooleanField,
    models.CharField,
    models.DecimalField,
    models.IntegerField,
    models.PositiveBigIntegerField,
    models.PositiveIntegerField,
    models.PositiveSmallIntegerField,
    models.SmallIntegerField,
    models.TextField,
    CountryField,
    MoneyField,
}
_ADAPTED = {models.DateField, models.DateTimeField, models.JSONField, models.UUIDField, TranslationsField}
_REFERENCES = {models.ForeignKey, MirrorForeignKey}


class Way(StrEnum):
    """How rows are written: COPY and INSERT … SELECT, one INSERT of many rows, `executemany`, or the ORM."""

    COPY = "copy"
    ROWS = "rows"
    MANY = "many"
    MODELS = "models"


@dataclass(frozen=True, slots=True)
class Upsert:
    """One statement's worth of rows: `columns` of a new row, of which a conflict on `key` writes `updates` only."""

    model: type[models.Model]
    columns: Sequence[Column]
    key: Sequence[Column]
    updates: Sequence[Column]
    fence: Column


_only: ContextVar[Way | None] = ContextVar("way", default=None)


@contextmanager
def only(way: Way | None) -> Iterator[None]:
    """Write by this way alone (None: by the usual choice), so that all ways are held to one contract."""
    before = _only.set(way)
    try:
        yield
    finally:
        _only.reset(before)


def ways(using: str) -> tuple[Way, ...]:
    """The ways that this database and its driver have."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return (Way.MANY, Way.MODELS)
    return (Way.COPY, Way.ROWS, Way.MODELS) if _can_copy(connection) else (Way.ROWS, Way.MODELS)


def way_for(columns: Sequence[Column], rows: int, using: str) -> Way:
    forced = _only.get()
    if forced is not None:
        return forced
    if not all(map(_is_known, columns)):
        return Way.MODELS
    if connections[using].vendor != "postgresql":
        return Way.MANY
    return Way.COPY if rows >= COPY_FROM and _can_copy(connections[using]) else Way.ROWS


def attempt(work: Callable[[], T], *, using: str) -> T:
    """Do `work` in one transaction, and again as a whole where the database broke a deadlock at its cost.

    Inside a transaction that somebody else began it is done once: only who began it can begin it again.
    """
    for left in reversed(range(TRIES)):
        try:
            with transaction.atomic(using):
                return work()
        except OperationalError as error:
            if not left or connections[using].in_atomic_block or not is_passing(error):
                raise
            logger.info("The database broke a deadlock or gave up waiting; the batch is written again.")
    raise AssertionError("The last try either returns or raises.")


def is_passing(error: OperationalError) -> bool:
    """Whether the same transaction may well succeed when it is begun again."""
    cause = error.__cause__ or error
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    name = getattr(cause, "sqlite_errorname", None)
    number = error.args[0] if error.args else None
    return state in _PASSING_STATES or name in _PASSING_NAMES or number in _PASSING_NUMBERS


def look(
    model: type[models.Model], first: Column, values: Collection[Any], expressions: Sequence[str], *, using: str
) -> list[tuple[Any, ...]]:
    """Read `expressions` of the rows whose column `first` is among `values`, without a lock.

    An expression is a column's name, or `{column}` in a piece of SQL that every database takes.
    """
    connection = connections[using]
    quote = connection.ops.quote_name
    names = {field.attname: quote(str(field.column)) for field in model._meta.concrete_fields}
    shown = ", ".join(text.format_map(names) if "{" in text else names[text] for text in expressions)
    parameters: list[Any]
    if connection.vendor == "postgresql":
        among, parameters = "= ANY(%s)", [list(values)]
    elif connection.vendor == "sqlite":
        # One parameter, whatever the limit on their number.
        among, parameters = "IN (SELECT value FROM json_each(%s))", [json.dumps(list(values))]
    else:
        among, parameters = f"IN ({', '.join(['%s'] * len(values))})", list(values)
    # Every name comes from a model's own fields, quoted by the backend; values travel as parameters.
    sql = f"SELECT {shown} FROM {quote(model._meta.db_table)} WHERE {quote(str(first.column))} {among}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def upsert(what: Upsert, rows: Sequence[tuple[Any, ...]], *, fence: int, using: str) -> bool:
    """Write `rows`, a value per column each; say whether any may have lost to a later fetch.

    The fence stands in the statement: between our look at a row and this writing, another worker may have inserted it
    from a later fetch. All rows carry the same `fence`.
    """
    connection = connections[using]
    way = way_for(what.columns, len(rows), using)
    if way is Way.MODELS:
        return _by_models(what, rows, fence, using)
    prepared = _prepared(what.columns, rows, connection)
    with connection.wrap_database_errors:
        if way is Way.COPY:
            written = _by_copy(what, prepared, connection)
        elif way is Way.ROWS:
            written = _by_rows(what, prepared, connection)
        else:
            written = _by_many(what, prepared, connection)
    # MariaDB counts a row that it updated as two and one that it left alone as none: its sum tells nothing.
    return connection.vendor == "mysql" or written != len(rows)


def append(
    model: type[models.Model], columns: Sequence[Column], rows: Sequence[tuple[Any, ...]], *, using: str
) -> None:
    """Insert rows that can conflict with nothing."""
    connection = connections[using]
    prepared = _prepared(columns, rows, connection)
    table, names = _quoted(connection, model, columns)
    with connection.wrap_database_errors, connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", prepared)  # noqa: S608  (as in look)
        elif len(prepared) >= COPY_FROM and _is_psycopg3(connection):
            _copy(cursor, table, names, prepared)
        else:
            _insert_rows(cursor, f"INSERT INTO {table} ({names}) VALUES ", prepared, "")  # noqa: S608  (as in look)


def _by_copy(what: Upsert, rows: Sequence[tuple[Any, ...]], connection: BaseDatabaseWrapper) -> int:
    table, names = _quoted(connection, what.model, what.columns)
    order = ", ".join(connection.ops.quote_name(str(field.column)) for field in what.key)
    loaded = f"django_blesta_load_{next(_tables)}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMPORARY TABLE {loaded} ON COMMIT DROP AS SELECT {names} FROM {table} WITH NO DATA"  # noqa: S608
        )
        _copy(cursor, loaded, names, rows)
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {names} FROM {loaded} ORDER BY {order} "  # noqa: S608
            + _conflict(what, connection)
        )
        return int(cursor.rowcount)


# One transaction may load several times; a name is never used twice in a session.
_tables = count(1)


def _copy(cursor: Any, table: str, names: str, rows: Sequence[tuple[Any, ...]]) -> None:
    with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _by_rows(what: Upsert, rows: Sequence[tuple[Any, ...]], connection: BaseDatabaseWrapper) -> int:
    table, names = _quoted(connection, what.model, what.columns)
    with connection.cursor() as cursor:
        return _insert_rows(
            cursor,
            f"INSERT INTO {table} ({names}) VALUES ",  # noqa: S608  (as in look)
            rows,
            " " + _conflict(what, connection),
        )


def _insert_rows(cursor: Any, head: str, rows: Sequence[tuple[Any, ...]], tail: str) -> int:
    written = 0
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        part = rows[start : start + ROWS_A_STATEMENT]
        marks = f"({', '.join(['%s'] * len(part[0]))})"
        cursor.execute(head + ", ".join([marks] * len(part)) + tail, [value for row in part for value in row])
        written += cursor.rowcount
    return written


def _by_many(what: Upsert, rows: Sequence[tuple[Any, ...]], connection: BaseDatabaseWrapper) -> int:
    table, names = _quoted(connection, what.model, what.columns)
    marks = ", ".join(["%s"] * len(what.columns))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} ({names}) VALUES ({marks}) {_conflict(what, connection)}",  # noqa: S608  (as in look)
            rows,
        )
        return int(cursor.rowcount)


def _by_models(what: Upsert, rows: Sequence[tuple[Any, ...]], fence: int, using: str) -> bool:
    """By the ORM, which has no place for a fence: rows that are held are locked and compared first, and a new one that
    somebody else inserts meanwhile is looked at again."""
    attnames = [field.attname for field in what.columns]
    keyed = itemgetter(*(attnames.index(field.attname) for field in what.key))
    waiting = {keyed(row): row for row in rows}
    later = 0
    for left in reversed(range(TRIES)):
        held = _fences(what, using)(waiting)
        later += sum(one > fence for one in held.values())
        known = [waiting.pop(key) for key in held]
        _bulk_create(what, [row for row in known if held[keyed(row)] <= fence], attnames, using, update=True)
        try:
            with transaction.atomic(using):
                _bulk_create(what, list(waiting.values()), attnames, using, update=False)
            break
        except IntegrityError:
            if not left or not _fences(what, using)(waiting):
                raise
    return later > 0


def _fences(what: Upsert, using: str) -> Callable[[Collection[Any]], dict[Any, int]]:
    names = [field.attname for field in what.key]
    rows = what.model._base_manager.using(using).order_by(*names).select_for_update()

    def held(keys: Collection[Any]) -> dict[Any, int]:
        firsts = {key[0] for key in keys} if len(names) > 1 else set(keys)
        found = rows.filter(**{f"{names[0]}__in": firsts}).values_list(*names, what.fence.attname)
        pairs = (((row[0] if len(names) == 1 else row[:-1]), row[-1]) for row in found)
        return {key: fence for key, fence in pairs if key in keys}

    return held


def _bulk_create(
    what: Upsert, rows: Sequence[tuple[Any, ...]], attnames: Sequence[str], using: str, *, update: bool
) -> None:
    objects = [what.model(**dict(zip(attnames, row, strict=True))) for row in rows]
    if not objects:
        return
    options: dict[str, Any] = {}
    if update:
        options = {"update_conflicts": True, "update_fields": [field.name for field in what.updates]}
        if connections[using].features.supports_update_conflicts_with_target:
            options["unique_fields"] = [field.name for field in what.key]
    what.model._base_manager.using(using).bulk_create(objects, batch_size=500, **options)


def _conflict(what: Upsert, connection: BaseDatabaseWrapper) -> str:
    quote = connection.ops.quote_name
    guard = quote(str(what.fence.column))
    if connection.vendor == "mysql":
        # Assignments run left to right: the fence must be compared before it is raised, so it comes last.
        targets = [quote(str(field.column)) for field in what.updates if field is not what.fence] + [guard]
        sets = ", ".join(f"{c} = IF({guard} <= VALUES({guard}), VALUES({c}), {c})" for c in targets)
        return f"ON DUPLICATE KEY UPDATE {sets}"
    table = quote(what.model._meta.db_table)
    target = ", ".join(quote(str(field.column)) for field in what.key)
    sets = ", ".join(f"{c} = EXCLUDED.{c}" for c in (quote(str(field.column)) for field in what.updates))
    return f"ON CONFLICT ({target}) DO UPDATE SET {sets} WHERE {table}.{guard} <= EXCLUDED.{guard}"


def _quoted(connection: BaseDatabaseWrapper, model: type[models.Model], columns: Sequence[Column]) -> tuple[str, str]:
    quote = connection.ops.quote_name
    return quote(model._meta.db_table), ", ".join(quote(str(field.column)) for field in columns)


def _prepared(
    columns: Sequence[Column], rows: Sequence[tuple[Any, ...]], connection: BaseDatabaseWrapper
) -> Sequence[tuple[Any, ...]]:
    adapters = [(place, _adapter(field, connection)) for place, field in enumerate(columns)]
    needed = [(place, adapt) for place, adapt in adapters if adapt is not None]
    if not needed:
        return rows
    prepared = []
    for row in rows:
        values = list(row)
        for place, adapt in needed:
            if values[place] is not None:
                values[place] = adapt(values[place])
        prepared.append(tuple(values))
    return prepared


def _adapter(field: Column, connection: BaseDatabaseWrapper) -> Callable[[Any], Any] | None:
    kind = type(_target(field))
    if kind in _PLAIN or (kind is models.DateTimeField and connection.vendor == "postgresql"):
        return None
    if kind is models.DateTimeField:
        adapt = connection.ops.adapt_datetimefield_value
        # A batch has many columns of the same few moments, and the backend is slow with each.
        seen: dict[datetime, Any] = {}
        return lambda value: seen[value] if value in seen else seen.setdefault(value, adapt(value))
    return lambda value: field.get_db_prep_save(value, connection)


def _is_known(field: Column) -> bool:
    if field.db_default is not NOT_PROVIDED:
        return False
    return type(_target(field)) in _PLAIN or type(_target(field)) in _ADAPTED


def _target(field: Column) -> Column:
    """The column that a reference repeats, or the field itself."""
    while type(field) in _REFERENCES:
        field = field.target_field  # type: ignore[attr-defined]  # a foreign key's, by the line above
    return field


def _is_psycopg3(connection: BaseDatabaseWrapper) -> bool:
    from django.db.backends.postgresql.psycopg_any import is_psycopg3

    return bool(is_psycopg3)


_may_make_tables: dict[str, bool] = {}


def _can_copy(connection: BaseDatabaseWrapper) -> bool:
    """Whether the driver can COPY and the database lets us make a temporary table; some hardened ones do not."""
    if not _is_psycopg3(connection):
        return False
    name = f"{connection.alias}/{connection.settings_dict['USER']}/{connection.settings_dict['NAME']}"
    if name not in _may_make_tables:
        with connection.cursor() as cursor:
            cursor.execute("SELECT has_database_privilege(current_database(), 'TEMPORARY')")
            _may_make_tables[name] = bool(cursor.fetchone()[0])
    return _may_make_tables[name]
