"""Numbers that order fetches: drawn before a request leaves, compared as integers, never as time."""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.models import F

from django_blesta.models import FenceCounter, Mirror
from django_blesta.sync.statements import attempt


def draw(using: str) -> int:
    """A number greater than every one drawn before in this database, by any process."""
    connection = connections[using]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval('django_blesta_fence')")
            return int(cursor.fetchone()[0])
    counters = FenceCounter.objects.using(using)

    def raised() -> int:
        counters.filter(pk=1).update(value=F("value") + 1)
        return counters.filter(pk=1).values_list("value", flat=True).first() or 0

    number = attempt(raised, using=using)
    if not number:
        # A flushed test database has lost the row that the migration made; several may notice at once.
        counters.bulk_create([FenceCounter(pk=1)], ignore_conflicts=True)
        number = attempt(raised, using=using)
    return number


def begin_refresh(model: type[Mirror], pk: Any, *, using: str) -> int:
    """Draw the number for a refresh of one row, and mark the row with it; to be committed before the request leaves.

    A listing that finds the row unchanged writes nothing, so without the mark nobody would know that it had been
    seen: Blesta's row goes A → Z → A, the refresh sees Z, the listing sees A later and finds A held, and then the
    refresh stores Z. Who finds the mark raises the row's fence, and the refresh comes too late.
    """
    number = draw(using)
    model._base_manager.using(using).filter(pk=pk, refresh_fence__lt=number).update(refresh_fence=number)
    return number
