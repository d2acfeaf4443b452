"""Put converted rows into the mirror: what is new or changed, and nothing that was fetched before what is there.

A batch is looked at without a lock first, and what is unchanged costs no more than that. Only rows that differ are
locked, in key order, judged again and written, together with their children and their history, in one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from operator import attrgetter, itemgetter
from typing import Any, cast

from django.db import DataError, IntegrityError, OperationalError, models, transaction

from django_blesta import signals
from django_blesta.models import Mirror
from django_blesta.resources import resource_of
from django_blesta.sync import history, reuse
from django_blesta.sync.incoming import Fetch, Incoming, Known, Tally, Verdict, is_first_sight, judge
from django_blesta.sync.statements import Upsert, attempt, look, upsert

__all__ = ["Incoming", "Tally", "mark_gone", "remove_rows", "store"]

# What a database or its driver says of one row's values. MariaDB's two for text and dates that a column cannot hold
# arrive as OperationalError, by number.
REFUSALS = (DataError, IntegrityError, UnicodeEncodeError, OverflowError, ArithmeticError)
REFUSAL_NUMBERS = {1366, 1292}

LOOKED_AT = (
    "row_digest",
    "detail_digest",
    "fence",
    "refresh_fence",
    "company_id",
    "{gone_at} IS NOT NULL",
    "{detail_fetched_at} IS NULL OR {detail_fetched_at} < {fetched_at}",
)
LOCKED = (*LOOKED_AT[:5], "gone_at", "fetched_at", "detail_fetched_at")


@dataclass(slots=True)
class Stored:
    """One row that was created or changed, for its signal."""

    incoming: Incoming
    created: bool
    changed: set[str]


def store(
    model: type[Mirror],
    rows: Iterable[Incoming],
    *,
    fence: int,
    fetched_at: datetime,
    using: str,
    confirming: bool = False,
    cause: str = "",
    run_id: int | None = None,
) -> Tally:
    """Write a batch in one short transaction; a row that the database refuses is found by halving, the rest land.

    `fence` was drawn, and `fetched_at` is the instant, before the request left. A row seen twice in a batch counts
    once. `confirming` raises the fence of unchanged rows too: a listing that left earlier must not undo what a
    refresh has just confirmed. `cause` and `run_id` go to the history and to the signals.
    """
    batch = list({row.key: row for row in rows}.values())
    fetch = Fetch(fence, confirming, history.Occasion(fetched_at, using, cause, run_id))
    return _halving(model, batch, fetch)


def _halving(model: type[Mirror], batch: Sequence[Incoming], fetch: Fetch) -> Tally:
    tally = Tally()
    if not batch:
        return tally
    try:
        wanted = _sift(model, batch, fetch, tally)
        if wanted:
            tally.add(attempt(lambda: _write(model, wanted, fetch)[0], using=fetch.using))
        return tally
    except (*REFUSALS, OperationalError) as error:
        if isinstance(error, OperationalError) and not REFUSAL_NUMBERS.intersection(error.args[:1]):
            raise
        if len(batch) == 1:
            return Tally(refused=[(batch[0], type(error).__name__)])
    tally = _halving(model, batch[: len(batch) // 2], fetch)
    tally.add(_halving(model, batch[len(batch) // 2 :], fetch))
    return tally


def _sift(model: type[Mirror], batch: Sequence[Incoming], fetch: Fetch, tally: Tally) -> list[tuple[Incoming, bool]]:
    """Count what needs no writing; return the rest in key order, each with whether it is held.

    No lock is needed for leaving a row alone: a store of an earlier fetch that might still overwrite it is a
    refresh, which marked the row before its request left (see `fence.begin_refresh`).
    """
    form = _form(model)
    size = len(form.key)
    found = look(model, form.key[0], {row.key[0] for row in batch}, form.looked_at, using=fetch.using)
    held = {row[:size]: Known._make(row[size:]) for row in found}
    wanted = []
    for incoming in batch:
        known = held.get(incoming.key)
        verdict = judge(known, incoming, fetch)
        if verdict is Verdict.SAME:
            tally.unchanged += 1
        elif verdict is Verdict.STALE:
            tally.stale += 1
        else:
            wanted.append((incoming, known is not None))
    return _in_order(wanted)


def _in_order(wanted: list[tuple[Incoming, bool]]) -> list[tuple[Incoming, bool]]:
    """By key, so that two workers lock the rows that they share in the same order."""
    try:
        return sorted(wanted, key=lambda pair: pair[0].key)
    except TypeError:
        return sorted(wanted, key=lambda pair: tuple((part is not None, part) for part in pair[0].key))


def _write(
    model: type[Mirror], wanted: Sequence[tuple[Incoming, bool]], fetch: Fetch, *, for_parent: bool = False
) -> tuple[Tally, list[Stored]]:
    """Inside a transaction: lock what is held, judge again, write, and keep what was before.

    Return what the listeners are told too; it is empty where nobody listens, unless it is wanted `for_parent`.
    """
    tally = Tally()
    is_kept, is_heard = history.is_kept(fetch.using), signals.row_stored.has_listeners(model)
    is_noted = is_heard or for_parent
    wants_before = is_kept or is_noted or reuse.is_watched(model)
    locked = _lock(model, [incoming for incoming, is_held in wanted if is_held], fetch.using, with_values=wants_before)
    fresh: list[Incoming] = []
    changed: list[Incoming] = []
    touched: list[tuple[Incoming, Any]] = []
    families: list[Incoming] = []
    stored: dict[tuple[Any, ...], Stored] = {}
    changes: list[tuple[tuple[Any, ...], Mapping[str, tuple[str | None, str | None]]]] = []
    reused: list[int] = []
    for incoming, _ in wanted:
        known, before = locked.get(incoming.key, (None, {}))
        verdict = judge(known, incoming, fetch)
        if verdict is Verdict.NEW:
            fresh.append(incoming)
        elif verdict is Verdict.STALE:
            tally.stale += 1
        elif verdict is Verdict.CHANGED:
            changed.append(incoming)
            if wants_before:
                found = history.difference(model, before, {**incoming.values(), "gone_at": None})
                seen_before = {
                    name: texts for name, texts in found.items() if not is_first_sight(known, incoming, name)
                }
                changes.append((incoming.key, seen_before))
                stored |= {incoming.key: Stored(incoming, False, set(found))} if is_noted else {}
                if reuse.is_another(model, before, incoming.values()):
                    reused.append(incoming.key[0])
            if known is not None and known.detail_digest != incoming.detail_digest:
                families.append(incoming)
        else:
            tally.unchanged += 1
            touched.append((incoming, before["pk"]))
    overtaken = _upsert(model, _in_order([(row, True) for row in (*fresh, *changed)]), fresh, fetch)
    fresh = [row for row in fresh if row.key not in overtaken]
    stored |= {row.key: Stored(row, True, set(row.values())) for row in fresh if is_noted}
    _touch(model, touched, fetch)
    tally.created += len(fresh)
    tally.changed += len(changed)
    tally.stale += len(overtaken)
    for related in resource_of(model).detail.children:
        parents = [row for row in (*fresh, *families) if related in row.children]
        if parents:
            counted, disturbed = _replace_children(model, related, parents, fetch, for_parent=is_heard)
            tally.add(counted)
            for parent in parents:
                if parent.key[0] in disturbed and parent.key in stored:
                    stored[parent.key].changed.add(related)
    if is_kept:
        history.record(model, changes, fetch.occasion)
    if reused:
        reuse.suspend_links(reused, at=fetch.occasion.at, using=fetch.using)
    events = [one for one in stored.values() if one.created or one.changed]
    if is_heard and events:
        _announce(model, events, fetch)
    return tally, events


def _lock(
    model: type[Mirror], rows: Sequence[Incoming], using: str, *, with_values: bool
) -> dict[tuple[Any, ...], tuple[Known, dict[str, Any]]]:
    """What is held of rows that differ, under locks taken in key order; with their old values where these are kept."""
    if not rows:
        return {}
    form = _form(model)
    carried = sorted({name for row in rows for name in row.values()}) if with_values else []
    names = list(dict.fromkeys(("pk", *form.key_names, *LOCKED, *carried)))
    held = model._base_manager.using(using).filter(**{f"{form.key_names[0]}__in": {row.key[0] for row in rows}})
    wanted = {row.key for row in rows}
    locked = {}
    for found in held.order_by(*form.key_names).select_for_update().values_list(*names):
        before = dict(zip(names, found, strict=True))
        key = tuple(before[name] for name in form.key_names)
        if key in wanted:
            detailed = before["detail_fetched_at"]
            due = detailed is None or detailed < before["fetched_at"]
            is_gone = before["gone_at"] is not None
            locked[key] = (Known._make((*(before[name] for name in LOCKED[:5]), is_gone, due)), before)
    return locked


def _upsert(
    model: type[Mirror], rows: Sequence[tuple[Incoming, bool]], fresh: Sequence[Incoming], fetch: Fetch
) -> set[tuple[Any, ...]]:
    """Write; return the keys of new rows that somebody else inserted meanwhile, from a later fetch."""
    groups: dict[tuple[Any, ...], list[tuple[dict[str, Any], Incoming]]] = {}
    for incoming, _ in rows:
        values = incoming.values()
        groups.setdefault((incoming.whole, *values), []).append((values, incoming))
    lost = False
    for group in groups.values():
        what, tuples = _laid_out(model, group, fetch)
        lost = upsert(what, tuples, fence=fetch.fence, using=fetch.using) or lost
    if not (lost and fresh):
        return set()
    form = _form(model)
    expressions = (*form.key_names, "fence")
    found = look(model, form.key[0], {row.key[0] for row in fresh}, expressions, using=fetch.using)
    later = {row[:-1] for row in found if row[-1] > fetch.fence}
    return later.intersection(row.key for row in fresh)


def _laid_out(
    model: type[Mirror], group: Sequence[tuple[dict[str, Any], Incoming]], fetch: Fetch
) -> tuple[Upsert, list[tuple[Any, ...]]]:
    """An insert needs every column; an update touches only what this payload carried."""
    form = _form(model)
    values, first = group[0]
    fixed = {"fence": fetch.fence, "fetched_at": fetch.occasion.at, "gone_at": None}
    own = ["row_digest"]
    if first.whole:
        fixed["detail_fetched_at"] = fetch.occasion.at
        own.append("detail_digest")
    written = [*values, *own, *fixed]
    left = [f for f in form.columns if f.attname not in {*written}]
    rest = (*fixed.values(), *(None if f.null else f.get_default() for f in left))
    carried = itemgetter(*values) if len(values) > 1 else lambda values: tuple(values.values())
    digests = (
        [(row.row.digest, row.detail_digest) for _, row in group]
        if first.whole
        else [(row.row.digest,) for _, row in group]
    )
    tuples = [(*carried(values), *digest, *rest) for (values, _), digest in zip(group, digests, strict=True)]
    updates = [form.fields[name] for name in written if form.fields[name] not in form.key]
    columns = [*(form.fields[name] for name in written), *left]
    return Upsert(model, columns, form.key, updates, form.fields["fence"]), tuples


def _touch(model: type[Mirror], rows: Sequence[tuple[Incoming, Any]], fetch: Fetch) -> None:
    """Unchanged rows whose fence must rise. Only a whole row has also answered the question how old its detail is."""
    for whole in (True, False):
        pks = [pk for incoming, pk in rows if incoming.whole is whole]
        if pks:
            news: dict[str, Any] = {"fence": fetch.fence}
            if whole:
                news |= {"fetched_at": fetch.occasion.at, "detail_fetched_at": fetch.occasion.at}
            model._base_manager.using(fetch.using).filter(pk__in=pks).update(**news)


def _replace_children(
    model: type[Mirror], related: str, parents: Sequence[Incoming], fetch: Fetch, *, for_parent: bool
) -> tuple[Tally, set[Any]]:
    """Children come as a set with a whole parent: those not in it are gone for good, in the parent's transaction.

    Return the ids of parents whose children are not what they were, beside the tally.
    """
    relation = cast("models.ForeignObjectRel", model._meta.get_field(related))
    child = cast("type[Mirror]", relation.related_model)
    reference = cast("models.ForeignKey[Any, Any]", relation.remote_field).attname
    arrived = {row.key: row for parent in parents for row in parent.children[related]}
    tally, disturbed = Tally(), set()
    if arrived:
        wanted = _sift(child, list(arrived.values()), fetch, tally)
        if wanted:
            written, events = _write(child, wanted, fetch, for_parent=for_parent)
            tally.add(written)
            disturbed = {one.incoming.row.values[reference] for one in events}
    key = _form(child).key_names
    siblings = child._base_manager.using(fetch.using).filter(**{f"{reference}__in": [row.key[0] for row in parents]})
    held = siblings.values_list("pk", reference, *key)
    extra = {pk: (parent, tuple(parts)) for pk, parent, *parts in held if tuple(parts) not in arrived}
    if extra:
        tally.removed += siblings.filter(pk__in=extra).delete()[0]
        disturbed |= {parent for parent, _ in extra.values()}
        _record_gone(child, {pk: parts for pk, (_, parts) in extra.items()}, fetch.occasion)
    return tally, disturbed


def mark_gone(
    model: type[Mirror],
    pks: Collection[Any],
    *,
    fence: int,
    at: datetime,
    using: str,
    cause: str = "",
    run_id: int | None = None,
) -> list[Any]:
    """Mark rows that Blesta no longer has; return those that were present and not fetched since.

    `fence` was drawn before the first request that missed them left.
    """
    occasion = history.Occasion(at, using, cause, run_id)
    key = _form(model).key_names

    def mark() -> list[Any]:
        rows = model._base_manager.using(using).filter(pk__in=pks, gone_at__isnull=True, fence__lte=fence)
        found = {pk: tuple(parts) for pk, *parts in rows.order_by(*key).select_for_update().values_list("pk", *key)}
        if found:
            model._base_manager.using(using).filter(pk__in=found).update(gone_at=at, fence=fence)
            _record_gone(model, found, occasion)
        return list(found)

    return attempt(mark, using=using) if pks else []


def remove_rows(
    model: type[Mirror], pks: Collection[Any], *, at: datetime, using: str, cause: str = "", run_id: int | None = None
) -> int:
    """Delete rows that come as a set with their parent and that it no longer has; return how many were there."""
    key = _form(model).key_names
    occasion = history.Occasion(at, using, cause, run_id)

    def remove() -> int:
        rows = model._base_manager.using(using).filter(pk__in=pks)
        found = {pk: tuple(parts) for pk, *parts in rows.order_by(*key).select_for_update().values_list("pk", *key)}
        deleted = rows.delete()[0] if found else 0
        _record_gone(model, found, occasion)
        return deleted

    return attempt(remove, using=using) if pks else 0


def _record_gone(model: type[Mirror], rows: Mapping[Any, tuple[Any, ...]], occasion: history.Occasion) -> None:
    """`rows` is primary key to the declaration's key."""
    if history.is_kept(occasion.using):
        gone = {"gone_at": (None, occasion.at.isoformat())}
        history.record(model, [(key, gone) for key in rows.values()], occasion)
    if signals.row_gone.has_listeners(model):
        facts = {"using": occasion.using, "run_id": occasion.run_id, "cause": occasion.cause}
        for pk in rows:
            transaction.on_commit(partial(signals.send, signals.row_gone, model, pk=pk, **facts), using=occasion.using)


def _announce(model: type[Mirror], events: Sequence[Stored], fetch: Fetch) -> None:
    """Tell the listeners after commit. What was stored is on the instance; other columns are read when touched."""
    form = _form(model)
    pk_name = model._meta.pk.attname
    pks: dict[tuple[Any, ...], Any] = {}
    if form.key_names != (pk_name,):
        expressions = (*form.key_names, pk_name)
        found = look(model, form.key[0], {one.incoming.key[0] for one in events}, expressions, using=fetch.using)
        pks = {row[:-1]: row[-1] for row in found}
    bookkeeping = {"fence": fetch.fence, "fetched_at": fetch.occasion.at, "gone_at": None}
    for one in events:
        pk = pks.get(one.incoming.key, one.incoming.key[0])
        values = {**one.incoming.values(), **bookkeeping, pk_name: pk}
        carried = [field.attname for field in model._meta.concrete_fields if field.attname in values]
        instance = model.from_db(fetch.using, carried, [values[name] for name in carried])
        transaction.on_commit(
            partial(
                signals.send,
                signals.row_stored,
                model,
                instance=instance,
                pk=pk,
                created=one.created,
                changed=frozenset(one.changed),
                using=fetch.using,
                run_id=fetch.occasion.run_id,
                cause=fetch.occasion.cause,
            ),
            using=fetch.using,
        )


@dataclass(frozen=True, slots=True)
class Form:
    """What the store needs to know of a mirror's columns, worked out once."""

    fields: Mapping[str, models.Field[Any, Any]]
    columns: tuple[models.Field[Any, Any], ...]
    key: tuple[models.Field[Any, Any], ...]
    key_names: tuple[str, ...]
    looked_at: tuple[str, ...]


@cache
def _form(model: type[Mirror]) -> Form:
    fields = {f.attname: f for f in model._meta.concrete_fields}
    key = tuple(cast("models.Field[Any, Any]", model._meta.get_field(name)) for name in resource_of(model).key)
    names = tuple(map(attrgetter("attname"), key))
    columns = tuple(f for f in fields.values() if not (isinstance(f, models.AutoField) or f.generated))
    return Form(fields, columns, key, names, (*names, *LOOKED_AT))
