"""Refresh several rows of one mirror: their requests side by side, what came stored in one batch."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import Future
from typing import Any, cast

from django.db import DatabaseError, models
from django.utils import timezone

from django_blesta import conf, sync
from django_blesta.exceptions import BlestaError
from django_blesta.models import Mirror
from django_blesta.resources import resource_of
from django_blesta.sync._checkpoint import reached
from django_blesta.sync.chunks import get_row
from django_blesta.sync.fence import draw
from django_blesta.sync.fetch import Listing, Row, Window
from django_blesta.sync.plan import Scope
from django_blesta.sync.rows import map_rows, quarantine

Outcome = bool | BlestaError | DatabaseError


def refresh_together(model: type[Mirror], pks: Collection[int], *, using: str, cause: str) -> dict[int, Outcome]:
    """What `sync.refresh` does, for each of these rows: whether Blesta shows it, or what kept us from knowing."""
    held = model._base_manager.using(using).filter(pk__in=pks).values_list("pk", "company_id")
    companies = dict(held)
    outcomes: dict[int, Outcome] = {}
    waiting: dict[int, list[Scope]] = {pk: sync.scopes_for(using, companies.get(pk)) for pk in pks}
    window = Window(min(len(waiting), conf.installation(using).max_in_flight))
    try:
        while waiting:
            scopes = {pk: likely.pop(0) for pk, likely in waiting.items()}
            for scope in {scope.company_id: scope for scope in scopes.values()}.values():
                wanted = [pk for pk, one in scopes.items() if one.company_id == scope.company_id]
                outcomes |= _refresh_in(scope, model, wanted, window, cause)
            waiting = {pk: likely for pk, likely in waiting.items() if likely and outcomes[pk] is False}
    finally:
        window.close()
    return outcomes


def _refresh_in(
    scope: Scope, model: type[Mirror], pks: Collection[int], window: Window, cause: str
) -> dict[int, Outcome]:
    using = scope.using
    number, before = draw(using), timezone.now()
    # See `fence.begin_refresh` for why the rows are marked.
    marked = model._base_manager.using(using).filter(pk__in=pks, refresh_fence__lt=number)
    marked.update(refresh_fence=number)
    sent = window.send(lambda pk: get_row(model, pk, scope), pks)
    outcomes: dict[int, Outcome] = {}
    rows = [row for pk, future in sent if (row := _answer(pk, future, outcomes)) is not None]
    reached("row-fetched")
    mapped = map_rows(model, rows, scope, whole=True)
    quarantine(model, mapped.unfit, at=before, using=using)
    if not mapped.incoming:
        return outcomes
    try:
        kept = sync.store_unless_overtaken(model, scope, mapped, number, before, cause)
    except DatabaseError:
        kept = False
    for incoming in mapped.incoming:
        pk = int(incoming.key[-1])
        # Those that came too late, or with a row that the database would not take, are fetched again one by one.
        outcomes[pk] = True if kept else _alone(model, pk, using, cause)
    return outcomes


def _answer(pk: int, future: Future[Row | None], outcomes: dict[int, Outcome]) -> Row | None:
    outcomes[pk] = False
    try:
        return future.result()
    except BlestaError as error:
        outcomes[pk] = error
        return None


def _alone(model: type[Mirror], pk: int, using: str, cause: str) -> Outcome:
    try:
        return sync.refresh(model, pk, using=using, cause=cause)
    except (BlestaError, DatabaseError) as error:
        return error


def refresh_under(model: type[Mirror], parent_ids: Iterable[int], *, using: str, cause: str) -> None:
    """List anew the rows under these parents; a row that is missing is left for a complete run to judge."""
    resource = resource_of(model)
    reference = cast("models.ForeignKey[Any, Any]", model._meta.get_field(resource.parent))
    parent = cast("type[Mirror]", reference.related_model)
    column = resource.fields.columns.get(resource.parent)
    companies = dict(parent._base_manager.using(using).filter(pk__in=parent_ids).values_list("pk", "company_id"))
    for pk, company_id in companies.items():
        for scope in sync.scopes_for(using, company_id):
            number, before = draw(using), timezone.now()
            rows = model._base_manager.using(using).filter(**{reference.attname: pk})
            rows.filter(refresh_fence__lt=number).update(refresh_fence=number)
            found = Listing(scope.connection, resource, scope.company_id).under(pk)
            mapped = map_rows(model, found, scope, given={column: pk} if column else None)
            quarantine(model, mapped.unfit, at=before, using=using)
            if mapped.incoming:
                # A run that was completed meanwhile listed them later than this.
                sync.store_unless_overtaken(model, scope, mapped, number, before, cause)
                break
