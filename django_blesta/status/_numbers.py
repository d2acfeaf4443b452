"""How many rows each mirror holds: small tables are counted on the spot, large ones by the last census."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connections

from django_blesta.models import Census, Mirror, mirrors

COUNTED_UP_TO = 10_000
"""A mirror that the census found larger than this is not counted for a page."""
TABLES_AT_ONCE = 50


def large(using: str) -> dict[type[Mirror], Census]:
    """The mirrors of which no page counts anything, each with its last census."""
    held = {one.resource: one for one in Census.objects.using(using).filter(rows__gt=COUNTED_UP_TO)}
    return {model: held[model._meta.label_lower] for model in mirrors() if model._meta.label_lower in held}


@dataclass(frozen=True, slots=True)
class Numbers:
    """`counted_at` is None where the rows were counted just now; the share with detail is always of the census."""

    rows: int = 0
    gone: int = 0
    detailed: int | None = None
    counted_at: datetime | None = None


def numbers_of(using: str) -> Mapping[type[Mirror], Numbers]:
    """From one query for the census and one for all small tables together."""
    census = {one.resource: one for one in Census.objects.using(using)}
    found: dict[type[Mirror], Numbers] = {}
    small: list[type[Mirror]] = []
    for model in mirrors():
        held = census.get(model._meta.label_lower)
        if held is None or held.rows <= COUNTED_UP_TO:
            small.append(model)
        else:
            found[model] = Numbers(held.rows - held.gone, held.gone, held.detailed, held.counted_at)
    for start in range(0, len(small), TABLES_AT_ONCE):
        some = small[start : start + TABLES_AT_ONCE]
        for model, (every, gone) in zip(some, _counted(some, using), strict=True):
            held = census.get(model._meta.label_lower)
            found[model] = Numbers(every - gone, gone, held.detailed if held else None)
    return found


def _counted(models: list[type[Mirror]], using: str) -> list[tuple[int, int]]:
    """All rows and gone rows of each, in the order given."""
    if not models:
        return []
    connection = connections[using]
    quote = connection.ops.quote_name
    # Names of tables and nothing else: what a model's Meta says, quoted.
    parts = [
        f"SELECT {place} AS place, COUNT(*) AS every_row, COUNT({quote('gone_at')}) AS gone FROM {quote(table)}"  # noqa: S608
        for place, table in enumerate(model._meta.db_table for model in models)
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        by_place = {int(place): (int(every), int(gone)) for place, every, gone in cursor.fetchall()}
    return [by_place[place] for place in range(len(models))]
