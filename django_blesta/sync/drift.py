"""What Blesta's rows look like, against what their declaration expects: columns, kinds of values, words.

Nothing of this can harm a row: what is declared is read, what is not is left, and this only keeps count. A row costs
one look-up of its shape (its names and the classes of its values); whatever else there is to say is worked out once
per shape. Values are never kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, TypeAlias, cast

from django.db import connections, models
from django.utils import timezone

from django_blesta.models import Mirror, MirrorForeignKey, SchemaDrift, SyncRun, SyncScope
from django_blesta.models.words import is_known
from django_blesta.resources import resource_of

Row = Mapping[str, Any]
Kind = SchemaDrift.Kind
_Shape: TypeAlias = tuple[tuple[str, ...], tuple[type, ...]]
_Sighting: TypeAlias = tuple[type[Mirror], bool, _Shape]
#: What a resource was seen to look like in a tier, as a run keeps it: `{"kinds": {column: [kind]}, "unknown": {column:
#: rows}, "missing": {column: rows}, "words": {column: {word: rows}}}`.
Sight: TypeAlias = dict[str, Any]

REMEMBERED_FOR = timedelta(days=30)
MAX_NAMES = 200
MAX_SHAPES = 1000
MAX_WORDS = 50
#: Without digits, so that no number of anything is ever kept as a word.
_WORD = re.compile(r"[A-Za-z][A-Za-z_.-]{0,31}")
_UNPRINTABLE = "…"
_ROW, _WHOLE = "row", "detail"
_KINDS = ((bool, "flag"), (int, "number"), (Decimal, "number"), (float, "number"), (str, "text"), (dict, "map"))


@dataclass(slots=True)
class Seen:
    """The rows of some pages by shape, and their new words; keyed by mirror and by whether a `get` brought them."""

    shapes: dict[tuple[type[Mirror], bool], dict[_Shape, list[Any]]] = field(default_factory=dict)
    words: dict[tuple[type[Mirror], bool, str, str], int] = field(default_factory=dict)

    def look_at(self, model: type[Mirror], rows: Iterable[Row], *, whole: bool) -> None:
        if not _is_of_its_own(model):
            return
        shapes = self.shapes.setdefault((model, whole), {})
        worded = _worded(model)
        for row in rows:
            shape = (tuple(row), tuple(map(type, row.values())))
            known = shapes.get(shape)
            if known is None:
                shapes[shape] = [1, row]
            else:
                known[0] += 1
            for name in worded:
                word = row.get(name)
                if type(word) is str and not is_known(word):
                    key = (model, whole, name, word if _WORD.fullmatch(word) else _UNPRINTABLE)
                    self.words[key] = self.words.get(key, 0) + 1

    def add(self, other: Seen) -> None:
        for place, shapes in other.shapes.items():
            mine = self.shapes.setdefault(place, {})
            for shape, (times, row) in shapes.items():
                mine.setdefault(shape, [0, row])[0] += times
        for key, times in other.words.items():
            self.words[key] = self.words.get(key, 0) + times

    def sights(self) -> dict[str, Sight]:
        """What is to be kept of it, per mirror and tier."""
        found: dict[str, Sight] = {}
        for (model, whole), shapes in self.shapes.items():
            sight = found.setdefault(_place(model, whole), {"kinds": {}, "unknown": {}, "missing": {}, "words": {}})
            for (names, _), (times, row) in shapes.items():
                unknown, missing = _judged(model, whole, names)
                for name in unknown:
                    sight["unknown"][name] = sight["unknown"].get(name, 0) + times
                for name in missing:
                    sight["missing"][name] = sight["missing"].get(name, 0) + times
                for name, value in list(row.items())[:MAX_NAMES]:
                    kinds = sight["kinds"].setdefault(_named(name), [])
                    kind = kind_of(value)
                    if kind and kind not in kinds:
                        kinds.append(kind)
        for (model, whole, name, word), times in self.words.items():
            words = found[_place(model, whole)]["words"].setdefault(name, {})
            if word in words or len(words) < MAX_WORDS:
                words[word] = words.get(word, 0) + times
        return found


class Notebook:
    """What one worker has already told the run, so that pages like those before cost no statement."""

    def __init__(self) -> None:
        self._told: set[_Sighting] = set()
        self._untold: set[_Sighting] = set()

    def told(self) -> None:
        """After the commit."""
        self._told |= self._untold
        self._untold = set()

    def untold(self) -> None:
        """Before a transaction that may have been rolled back is tried again."""
        self._untold = set()

    def note(self, seen: Seen, run: models.QuerySet[SyncRun]) -> None:
        """Add to the run's row what it does not know yet; inside the transaction that stores the pages."""
        shown = {(*place, shape) for place, shapes in seen.shapes.items() for shape in shapes}
        if not seen.words and shown <= self._told:
            return
        sights = seen.sights()
        held = dict(run.select_for_update().values_list("drift", flat=True)[0])
        for place, sight in sights.items():
            held[place] = _merged(held.get(place), sight)
        run.update(drift=held)
        if len(self._told) > MAX_SHAPES:
            self._told.clear()
        # Rows that lack something, or have something new, are counted wherever they come.
        self._untold |= {one for one in shown if not any(_judged(one[0], one[1], one[2][0]))}


def _merged(held: Sight | None, sight: Sight) -> Sight:
    """Of names that never end, as no sane server has them, the first are kept."""
    held = {"kinds": {}, "unknown": {}, "missing": {}, "words": {}} if held is None else held
    for name, kinds in sight["kinds"].items():
        if name in held["kinds"] or len(held["kinds"]) < MAX_NAMES:
            known = held["kinds"].setdefault(name, [])
            known += [kind for kind in kinds if kind not in known]
    for part in ("unknown", "missing"):
        _count(held[part], sight[part], MAX_NAMES)
    for name, words in sight["words"].items():
        _count(held["words"].setdefault(name, {}), words, MAX_WORDS)
    return held


def _count(held: dict[str, int], more: Mapping[str, int], most: int) -> None:
    for name, times in more.items():
        if name in held or len(held) < most:
            held[name] = held.get(name, 0) + times


def conclude(run: SyncRun, using: str) -> None:
    """Put what a complete run saw in the place of what the one before had found, and remember it for the next.

    In the transaction that ends the run.
    """
    if not run.drift or run.company_id is None:
        return
    scope = SyncScope.objects.using(using).filter(resource=run.resource, company_id=run.company_id)
    known: dict[str, dict[str, list[str]]] = dict(scope.values_list("columns", flat=True).first() or {})
    now = timezone.now()
    found: dict[tuple[str, str, str, str, str], SchemaDrift] = {}
    for place, sight in run.drift.items():
        label, _, tier = place.partition(" ")
        for kind, column, word, types, rows in _findings(sight, known.get(place)):
            found[label, tier, kind, column, word] = SchemaDrift(
                resource=label, company_id=run.company_id, tier=tier, kind=kind, column=column[:100], word=word,
                types=types[:200], rows=rows, first_seen_at=now, last_seen_at=now, run_id=run.pk,
            )  # fmt: skip
        known[place] = _united(known.get(place, {}), sight["kinds"])
    _keep(found, run, run.company_id, using)
    scope.update(columns=known)


def glimpse(seen: Seen, company_id: int, *, using: str) -> None:
    """What one row outside any run shows for the first time; that something is lacking is for a whole run to say.

    Where there is nothing new, which is nearly always, this costs no statement.
    """
    now = timezone.now()
    news = []
    for place, sight in seen.sights().items():
        label, _, tier = place.partition(" ")
        for kind, column, word, types, rows in _findings(sight, None):
            if kind not in {Kind.UNKNOWN, Kind.WORD}:
                continue
            news.append(
                SchemaDrift(
                    resource=label, company_id=company_id, tier=tier, kind=kind, column=column, word=word,
                    types=types[:200], rows=rows, first_seen_at=now, last_seen_at=now,
                )
            )  # fmt: skip
    if news:
        SchemaDrift.objects.using(using).bulk_create(news, ignore_conflicts=True)


def _findings(sight: Sight, before: dict[str, list[str]] | None) -> Iterable[tuple[str, str, str, str, int]]:
    """Kind, column, word, types and rows. A column is missing when no row had it; some rows may well lack one."""
    kinds: dict[str, list[str]] = sight["kinds"]
    for name, rows in sight["unknown"].items():
        yield Kind.UNKNOWN, name, "", " ".join(kinds.get(name, ())), rows
    for name, rows in sight["missing"].items():
        if name not in kinds:
            was_there = before is not None and name in before
            yield (Kind.VANISHED if was_there else Kind.MISSING), name, "", " ".join((before or {}).get(name, ())), rows
    for name, now in kinds.items():
        was = (before or {}).get(name, [])
        if was and (new := [kind for kind in now if kind not in was]):
            yield Kind.RETYPED, name, "", f"{' '.join(was)} → {' '.join(new)}", 0
    for name, words in sight["words"].items():
        for word, rows in words.items():
            yield Kind.WORD, name, word, "", rows


def _united(before: Mapping[str, list[str]], kinds: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Columns that have vanished stay known, so that they are still told from those that never were."""
    return {
        name: sorted({*before.get(name, ()), *kinds.get(name, ())}) for name in sorted({*before, *kinds})[:MAX_NAMES]
    }


def _keep(
    found: Mapping[tuple[str, str, str, str, str], SchemaDrift], run: SyncRun, company_id: int, using: str
) -> None:
    """A change of type is an event and stays for a while; the rest stands as long as it is seen.

    A `get` shows few rows, so a word that they do not show stays for a while, too.
    """
    places = [place.partition(" ")[::2] for place in run.drift]
    rows = SchemaDrift.objects.using(using)
    held = rows.filter(resource__in={label for label, _ in places}, company_id=company_id)
    limit = timezone.now() - REMEMBERED_FOR
    over: list[int] = []
    for old in held:
        if (old.resource, old.tier) not in places:
            continue
        stays = old.kind == Kind.RETYPED or (old.kind == Kind.WORD and old.tier == _WHOLE)
        if (old.resource, old.tier, old.kind, old.column, old.word) not in found and not (
            stays and old.last_seen_at > limit
        ):
            over.append(old.pk)
    if over:
        rows.filter(pk__in=over).delete()
    if found:
        key = ["resource", "company_id", "tier", "kind", "column", "word"]
        rows.bulk_create(
            found.values(),
            batch_size=500,
            update_conflicts=True,
            update_fields=["types", "rows", "last_seen_at", "run_id"],
            unique_fields=key if connections[using].features.supports_update_conflicts_with_target else None,
        )


def kind_of(value: Any) -> str:
    """What a value is, in JSON's words; empty for what may mean "nothing" in the place of any kind (reference 3)."""
    if value is None or value is False or value == "" or value == [] or value == {}:
        return ""
    return next((word for kind, word in _KINDS if isinstance(value, kind)), "list")


def _named(name: Any) -> str:
    """A column's name as a database can hold it: Blesta's JSON may have anything for a key."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in str(name)[:100])


def _place(model: type[Mirror], whole: bool) -> str:
    return f"{model._meta.label_lower} {_WHOLE if whole else _ROW}"


@lru_cache(maxsize=2048)
def _judged(model: type[Mirror], whole: bool, names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns of a shape that nobody has declared, and the declared ones that it lacks."""
    resource = resource_of(model)
    wanted = resource.read_columns | resource.read_whole if whole else resource.read_columns
    known = resource.read_columns | resource.read_whole | resource.left_out.keys() | {"company_id"}
    unknown = sorted({_named(name) for name in {*names} - known - _given(model)})
    return tuple(unknown[:MAX_NAMES]), tuple(sorted(wanted - {*names} - _given(model)))


@cache
def _is_of_its_own(model: type[Mirror]) -> bool:
    """Not where the rows are those of another mirror, shown inside a parent, of which only the ids are read."""
    resource = resource_of(model)
    read = [model._meta.get_field(name) for name in resource.fields.columns]
    return not resource.embedded_in or not all(isinstance(column, models.ForeignKey) for column in read)


@cache
def _given(model: type[Mirror]) -> frozenset[str]:
    """Columns that a request fixes itself, or that the parent's row gives: they need not be in the row, and may be."""
    resource = resource_of(model)
    given = {resource.fields.columns.get(resource.parent, "")}
    if resource.embedded_in:
        parent, _, relation = resource.embedded_in.partition(".")
        keys = [one for one in model._meta.concrete_fields if isinstance(one, MirrorForeignKey)]
        wanted = (parent, relation)
        given |= {one.attname for one in keys if (one.related_model.__name__, one.remote_field.related_name) == wanted}
    return frozenset(given - {""})


@cache
def _worded(model: type[Mirror]) -> tuple[str, ...]:
    """Blesta's names of the columns that hold words of its own: those that the model has a label for."""
    resource = resource_of(model)
    columns = {**resource.fields.columns, **resource.detail.columns}
    worded = []
    for ours, theirs in columns.items():
        column = cast("models.Field[Any, Any]", model._meta.get_field(ours))
        if isinstance(column, models.CharField) and hasattr(model, f"{ours}_label"):
            worded.append(theirs)
    return tuple(worded)
