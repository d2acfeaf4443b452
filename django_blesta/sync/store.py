"""Put converted rows into the mirror: what is new or changed, and nothing that was fetched before what is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from django.db import DataError, IntegrityError, models, transaction

from django_blesta.models import Mirror
from django_blesta.resources import Converted, resource_of
from django_blesta.sync.statements import upsert

KNOWN = ("fence", "row_digest", "detail_digest", "company_id", "gone_at", "fetched_at", "detail_fetched_at")


@dataclass(slots=True)
class Incoming:
    """A row on its way in: `key` in the order of the declaration's key; `whole` when it came from a single `get`."""

    key: tuple[Any, ...]
    row: Converted
    company_id: int | None
    whole: bool = False
    detail: Converted | None = None
    detail_digest: int | None = None
    children: dict[str, list[Incoming]] = field(default_factory=dict)


@dataclass(slots=True)
class Tally:
    """What became of a batch. `refused` holds rows that the database would not take, with its complaint's class."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    stale: int = 0
    removed: int = 0
    refused: list[tuple[Incoming, str]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.created += other.created
        self.changed += other.changed
        self.unchanged += other.unchanged
        self.stale += other.stale
        self.removed += other.removed
        self.refused.extend(other.refused)


def store(
    model: type[Mirror],
    rows: Iterable[Incoming],
    *,
    fence: int,
    fetched_at: datetime,
    using: str,
    confirming: bool = False,
) -> Tally:
    """Write a batch in one short transaction; a row that the database refuses is found by halving, the rest land.

    `fetched_at` is the instant before the request left. A row seen twice in a batch counts once. `confirming` raises
    the fence of unchanged rows too: a listing that left earlier must not undo what a refresh has just confirmed.
    """
    batch = list({row.key: row for row in rows}.values())
    batch.sort(key=lambda row: tuple((part is not None, part) for part in row.key))
    if not batch:
        return Tally()
    try:
        with transaction.atomic(using):
            return _store(model, batch, fence, fetched_at, using, confirming)
    except (DataError, IntegrityError) as error:
        if len(batch) == 1:
            return Tally(refused=[(batch[0], type(error).__name__)])
    middle = len(batch) // 2
    tally = Tally()
    for half in (batch[:middle], batch[middle:]):
        tally.add(store(model, half, fence=fence, fetched_at=fetched_at, using=using, confirming=confirming))
    return tally


def _store(
    model: type[Mirror],
    batch: Sequence[Incoming],
    fence: int,
    fetched_at: datetime,
    using: str,
    confirming: bool = False,
) -> Tally:
    tally = Tally()
    held = _locked(model, batch, using)
    writes: dict[tuple[str, ...], list[Incoming]] = {}
    whole: list[Incoming] = []
    for incoming in batch:
        known = held.get(incoming.key)
        if known is not None and known.fence > fence:
            tally.stale += 1
            continue
        if known is None:
            tally.created += 1
        elif known.gone_at is None and _same(known, incoming):
            tally.unchanged += 1
            if not (confirming or (incoming.whole and _detail_is_due(known))):
                continue
        else:
            tally.changed += 1
        writes.setdefault(tuple(_values_of(incoming, fence, fetched_at)), []).append(incoming)
        if known is None or known.detail_digest != incoming.detail_digest:
            whole.append(incoming)
    for attnames, group in writes.items():
        _write(model, attnames, group, fence, fetched_at, using)
    for related in resource_of(model).detail.children:
        parents = [incoming for incoming in whole if related in incoming.children]
        if parents:
            tally.add(_replace_children(model, related, parents, fence, fetched_at, using))
    return tally


def _same(known: Any, incoming: Incoming) -> bool:
    if known.row_digest != incoming.row.digest or known.company_id != incoming.company_id:
        return False
    return not incoming.whole or known.detail_digest == incoming.detail_digest


def _detail_is_due(known: Any) -> bool:
    return known.detail_fetched_at is None or known.detail_fetched_at < known.fetched_at


def _locked(model: type[Mirror], batch: Sequence[Incoming], using: str) -> dict[tuple[Any, ...], Any]:
    """What is held of the batch, under row locks taken in key order so that two workers cannot deadlock."""
    key = _attnames(model, resource_of(model).key)
    firsts = {row.key[0] for row in batch}
    held = model._base_manager.using(using).filter(**{f"{key[0]}__in": firsts}).order_by(*key).select_for_update()
    columns = (*key, *KNOWN)
    return {tuple(found[: len(key)]): found for found in held.values_list(*columns, named=True)}


def _values_of(incoming: Incoming, fence: int, fetched_at: datetime) -> dict[str, Any]:
    values = {**incoming.row.values, "company_id": incoming.company_id}
    values |= {"row_digest": incoming.row.digest, "fence": fence, "fetched_at": fetched_at, "gone_at": None}
    if incoming.whole:
        values |= incoming.detail.values if incoming.detail else {}
        values |= {"detail_digest": incoming.detail_digest, "detail_fetched_at": fetched_at}
    return values


def _write(
    model: type[Mirror], attnames: tuple[str, ...], group: list[Incoming], fence: int, fetched_at: datetime, using: str
) -> None:
    """An insert needs every column; an update touches only what this payload carried."""
    fields = {f.attname: f for f in model._meta.concrete_fields}
    key = [fields[name] for name in _attnames(model, resource_of(model).key)]
    columns = [f for f in fields.values() if not isinstance(f, models.AutoField)]
    updates = [fields[name] for name in attnames if fields[name] not in key]
    rows = []
    for incoming in group:
        values = _values_of(incoming, fence, fetched_at)
        rows.append([values[f.attname] if f.attname in values else _empty(f) for f in columns])
    upsert(model, rows, columns=columns, key=key, updates=updates, fence=fields["fence"], using=using)


def _empty(target: models.Field[Any, Any]) -> Any:
    return None if target.null else target.get_default()


def _replace_children(
    model: type[Mirror], related: str, parents: list[Incoming], fence: int, fetched_at: datetime, using: str
) -> Tally:
    """Children come as a set with a whole parent: those not in it are gone for good, in the parent's transaction."""
    relation = cast("models.ForeignObjectRel", model._meta.get_field(related))
    child = cast("type[Mirror]", relation.related_model)
    arrived = {row.key: row for parent in parents for row in parent.children[related]}
    tally = Tally()
    if arrived:
        tally = _store(child, [arrived[key] for key in sorted(arrived)], fence, fetched_at, using)
    key = _attnames(child, resource_of(child).key)
    reference = cast("models.ForeignKey[Any, Any]", relation.remote_field).attname
    siblings = child._base_manager.using(using).filter(**{f"{reference}__in": [parent.key[0] for parent in parents]})
    extra = [pk for pk, *parts in siblings.values_list("pk", *key) if tuple(parts) not in arrived]
    if extra:
        tally.removed += siblings.filter(pk__in=extra).delete()[0]
    return tally


def _attnames(model: type[Mirror], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(cast("models.Field[Any, Any]", model._meta.get_field(name)).attname for name in names)
