"""Numbers that order fetches: drawn before a request leaves, compared as integers, never as time."""

from __future__ import annotations

from django.db import connections, transaction
from django.db.models import F

from django_blesta.models import FenceCounter


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
