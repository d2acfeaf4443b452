"""Pages of a long list without counting all of it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db import connections
from django.db.models import QuerySet

from django_blesta.models import Census

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator

COUNTED_UP_TO = 20_000
"""As many rows as a list counts; beyond, a figure that is already there is taken, or this one."""


class EstimatingPaginator(_Paginator):
    """Counts up to a bound, which an index does in milliseconds, and takes an estimate for what is longer.

    The whole table takes the last census or the database's own estimate. A part of it that is longer than the bound
    is shown as just so long: whoever wants row 20,001 of a filter narrows the filter.
    """

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]  # the admin gives a queryset
        bounded = rows.order_by()[: COUNTED_UP_TO + 1]
        counted = bounded.count()
        if counted <= COUNTED_UP_TO:
            return counted
        if rows.query.where or rows.query.distinct:
            return COUNTED_UP_TO
        return max(COUNTED_UP_TO, self._estimate(rows))

    def _estimate(self, rows: QuerySet[Any]) -> int:
        meta = rows.model._meta
        counted = Census.objects.using(rows.db).filter(resource=meta.label_lower).values_list("rows", flat=True).first()
        if counted is not None:
            return counted
        connection = connections[rows.db]
        asked = {
            "postgresql": "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(%s)",
            "mysql": "SELECT table_rows FROM information_schema.tables WHERE table_schema = DATABASE()"
            " AND table_name = %s",
        }.get(connection.vendor)
        if asked is None:
            return COUNTED_UP_TO
        name = connection.ops.quote_name(meta.db_table) if connection.vendor == "postgresql" else meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(asked, [name])
            found = cursor.fetchone()
        return int(found[0]) if found and found[0] is not None else 0
