"""How old our knowledge of a row is: one answer for admin, portal, REST and entitlements."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Q

from django_blesta.models import Mirror, QuarantinedRow, SyncRun


def as_of(row: Mirror) -> datetime:
    """The later of the row's own fetch and the start of the last complete run that covered it.

    A run that found the row and could not hold it (it is in quarantine) proves nothing about what we show; neither
    does any run about a row that is gone or that no listing shows, nor one that missed rows and has not yet asked
    what became of them.
    """
    moment = as_of_all([row])
    assert moment is not None  # noqa: S101  (one row was given)
    return moment


def as_of_all(rows: Iterable[Mirror]) -> datetime | None:
    """`as_of` the least fresh of these rows, all of one mirror and one database; None when there are none."""
    held = list(rows)
    if not held:
        return None
    model, using = type(held[0]), held[0]._state.db or DEFAULT_DB_ALIAS
    proven = {company: last_complete_start(model, company, using=using) for company in {r.company_id for r in held}}
    names = {remote_name(row): row for row in held}
    doubtful = set(
        QuarantinedRow.objects.using(using)
        .filter(resource=model._meta.label_lower, remote_id__in=names)
        .values_list("remote_id", flat=True)
    )
    moments = []
    for name, row in names.items():
        start = proven[row.company_id]
        is_proven = start is not None and name not in doubtful and not row.is_gone and row.unlisted_at is None
        moments.append(max(row.fetched_at, start) if start is not None and is_proven else row.fetched_at)
    return min(moments)


def last_complete_start(
    model: type[Mirror], company_id: int | None = None, *, using: str = DEFAULT_DB_ALIAS
) -> datetime | None:
    """When the last complete run over this mirror began, of this company or of all; before it, nothing is proven."""
    complete = SyncRun.objects.using(using).filter(state=SyncRun.State.COMPLETE, unconfirmed=0)
    runs = complete.filter(resource=model._meta.label_lower)
    scoped = runs.filter(Q(company_id=company_id) | Q(company_id__isnull=True))
    return scoped.order_by("-started_at").values_list("started_at", flat=True).first()


def remote_name(row: Mirror) -> str:
    """How the quarantine would call this row; see the key of its declaration."""
    parts = []
    for name in row.resource.key:
        attname = row._meta.get_field(name).attname  # type: ignore[union-attr]  # declarations name columns only
        parts.append(str(getattr(row, attname)))
    return "/".join(parts)[:100]
