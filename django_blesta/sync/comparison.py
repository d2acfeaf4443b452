"""One row of Blesta's beside ours, column by column. Reads the mirror, asks Blesta nothing, writes nothing."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, cast

from django.db import models

from django_blesta.models import Mirror
from django_blesta.resources import detail_mapping, resource_of, row_mapping
from django_blesta.sync.plan import Scope
from django_blesta.sync.store import Incoming

BOOKS = ("company_id", "gone_at", "fetched_at", "detail_fetched_at", "row_digest", "detail_digest")


@dataclass(frozen=True, slots=True)
class Difference:
    """A column as it is here and as Blesta has it; a child that only one side has differs as a whole."""

    column: str
    here: Any
    there: Any


class Nothing:
    """The side of a difference that has no such child."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING = Nothing()


def key_attnames(model: type[Mirror]) -> tuple[str, ...]:
    return tuple(cast("models.Field[Any, Any]", model._meta.get_field(name)).attname for name in resource_of(model).key)


def present_rows(model: type[Mirror], scope: Scope) -> models.QuerySet[Any]:
    """The rows of a scope that the mirror shows; a resource of no company has the same ones in every scope."""
    rows = model._base_manager.using(scope.using).filter(gone_at__isnull=True)
    return rows.filter(company_id=scope.company_id) if resource_of(model).company else rows


def held_rows(
    model: type[Mirror], keys: Iterable[tuple[Any, ...]], using: str, *, whole: bool = False
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """What the mirror holds under these keys, gone rows and other companies' included, by one query."""
    names = key_attnames(model)
    detail = detail_mapping(model).attnames if whole else ()
    columns = list(dict.fromkeys((*names, *BOOKS, *row_mapping(model).attnames, *detail)))
    rows = model._base_manager.using(using).filter(**{f"{names[0]}__in": {key[0] for key in keys}})
    return {tuple(row[name] for name in names): row for row in rows.values(*columns)}


def row_differences(incoming: Incoming, held: Mapping[str, Any]) -> list[Difference]:
    """Of the row tier; a column that Blesta did not send says nothing."""
    values = {**incoming.row.values, "company_id": incoming.company_id, "gone_at": None}
    return _differing(values, held)


def detail_differences(
    model: type[Mirror], incoming: Incoming, held: Mapping[str, Any], using: str
) -> list[Difference]:
    """Of the detail tier and the children, where the mirror holds them."""
    if incoming.detail is None or held["detail_fetched_at"] is None:
        return []
    found = _differing(incoming.detail.values, held)
    for related, children in incoming.children.items():
        found += _child_differences(model, related, incoming.key[0], children, using)
    return found


def _differing(values: Mapping[str, Any], held: Mapping[str, Any]) -> list[Difference]:
    return [Difference(name, held[name], value) for name, value in values.items() if held[name] != value]


def _child_differences(
    model: type[Mirror], related: str, parent: Any, children: list[Incoming], using: str
) -> list[Difference]:
    relation = cast("models.ForeignObjectRel", model._meta.get_field(related))
    child = cast("type[Mirror]", relation.related_model)
    reference = cast("models.ForeignKey[Any, Any]", relation.remote_field).attname
    names = key_attnames(child)
    columns = list(dict.fromkeys((*names, *row_mapping(child).attnames)))
    rows = child._base_manager.using(using).filter(**{reference: parent}).values(*columns)
    held = {tuple(row[name] for name in names): row for row in rows}
    found: list[Difference] = []
    for one in children:
        ours, label = held.pop(one.key, None), f"{related}[{named(one.key)}]"
        if ours is None:
            found.append(Difference(label, NOTHING, one.row.values))
            continue
        shown = {name: value for name, value in one.row.values.items() if name in ours}
        found += [Difference(f"{label}.{d.column}", d.here, d.there) for d in _differing(shown, ours)]
    found += [Difference(f"{related}[{named(key)}]", ours, NOTHING) for key, ours in held.items()]
    return found


class Keys:
    """Keys that were met, eight bytes each. Ask only after the last one was added."""

    def __init__(self) -> None:
        self._numbers = array("q")
        self._sorted = True

    def add(self, key: tuple[Any, ...]) -> None:
        self._numbers.append(number_of(key))
        self._sorted = False

    def __contains__(self, key: tuple[Any, ...]) -> bool:
        if not self._sorted:
            self._numbers, self._sorted = array("q", sorted(self._numbers)), True
        number = number_of(key)
        place = bisect_left(self._numbers, number)
        return place < len(self._numbers) and self._numbers[place] == number


def number_of(key: tuple[Any, ...]) -> int:
    """The id itself, or 64 bits that stand for a key of several parts."""
    if len(key) == 1 and isinstance(key[0], int):
        return key[0]
    return int.from_bytes(blake2b(repr(key).encode(), digest_size=8).digest(), "big", signed=True)


def named(key: tuple[Any, ...]) -> str:
    """How people find the row in Blesta: its id, or what stands for it."""
    return "/".join(str(part) for part in key)
