"""Numbers that order fetches: drawn before a request leaves, compared as integers, never as time."""

from __future__ import annotations

from typing import Any

from django.db import connections, transaction
from django.db.models import F

from django_blesta.models import FenceCounter, Mirror


def draw(using: str) -> int:
    """A number greater than every one drawn before in this database, by any process."""
    connection = connections[using]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval('django_blesta_fence')")
            return int(cursor.fetchone()[0])
    counters = FenceCounter.objects.using(using)
    with transaction.atomic(using):
        if not counters.filter(pk=1).update(value=F("value") + 1):
            # A flushed test database has lost the row that the migration made.
            counters.create(pk=1, value=1)
        return counters.values_list("value", flat=True).get(pk=1)


def begin_refresh(model: type[Mirror], pk: Any, *, using: str) -> int:
    """Draw the number for a refresh of one row, and mark the row with it; to be committed before the request leaves.

    A listing that finds the row unchanged writes nothing, so without the mark nobody would know that it had been
    seen: Blesta's row goes A → Z → A, the refresh sees Z, the listing sees A later and finds A held, and then the
    refresh stores Z. Who finds the mark raises the row's fence, and the refresh comes too late.
    """
    number = draw(using)
    model._base_manager.using(using).filter(pk=pk, refresh_fence__lt=number).update(refresh_fence=number)
    return number
