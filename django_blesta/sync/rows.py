"""From Blesta's rows to rows of ours: converted, placed in a company, or quarantined with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, cast

from django.db import connections, models

from django_blesta.connection import Unreadable, identifier_from
from django_blesta.models import Mirror, QuarantinedRow
from django_blesta.resources import Converted, Unfit, detail_mapping, resource_of, row_mapping
from django_blesta.sync.drift import Seen
from django_blesta.sync.plan import Scope
from django_blesta.sync.store import Incoming

MAX_NAMES = 100


@dataclass(slots=True)
class Mapped:
    """What a page of rows became, and what its rows looked like."""

    incoming: list[Incoming] = field(default_factory=list)
    unfit: list[tuple[str, Unfit, Mapping[str, Any]]] = field(default_factory=list)
    foreign: int = 0
    seen: Seen = field(default_factory=Seen)

    def add(self, other: Mapped) -> None:
        self.incoming += other.incoming
        self.unfit += other.unfit
        self.foreign += other.foreign
        self.seen.add(other.seen)


def map_rows(
    model: type[Mirror],
    rows: Iterable[Mapping[str, Any]],
    scope: Scope,
    *,
    whole: bool = False,
    given: Mapping[str, Any] | None = None,
    placed: Mapping[type[Mirror], Mapping[Any, int | None]] | None = None,
) -> Mapped:
    """Convert rows and keep those of the scope's company; `given` are columns that the request itself fixes.

    `whole` rows come from a single `get` and carry the detail tier and the children too. `placed` tells the company
    of parents that the mirror does not hold, for those who read Blesta without storing.
    """
    mapped = Mapped()
    rows = list(rows)
    mapped.seen.look_at(model, rows, whole=whole)
    converted: list[tuple[Mapping[str, Any], Incoming]] = []
    for row in rows:
        try:
            converted.append((row, _convert(model, row, whole, given or {}, mapped.seen)))
        except Unfit as error:
            mapped.unfit.append((_name_of(model, row), error, row))
    companies = _companies(model, [incoming for _, incoming in converted], scope)
    if placed:
        companies = _placed(model, [incoming for _, incoming in converted], placed) | companies
    way = resource_of(model).company
    for row, incoming in converted:
        company = _own_company(way, row, incoming) or companies.get(incoming.key)
        if company is None and way in {"", "key"}:
            company = scope.company_id if way else None
        elif company is None and scope.alone:
            # A child may arrive before its parent; where there is one company only, it is that company's.
            company = scope.company_id
        elif company != scope.company_id:
            mapped.foreign += 1
            continue
        incoming.company_id = company
        if None in incoming.key:
            # A row whose key names its company is that company's, whether or not Blesta spelled it out.
            named = zip(_key_names(model), incoming.key, strict=True)
            incoming.key = tuple(company if name == "company_id" and part is None else part for name, part in named)
        for children in incoming.children.values():
            for child in children:
                child.company_id = company
        mapped.incoming.append(incoming)
    return mapped


def _convert(
    model: type[Mirror], row: Mapping[str, Any], whole: bool, given: Mapping[str, Any], seen: Seen
) -> Incoming:
    resource = resource_of(model)
    converted = row_mapping(model).convert({**row, **given} if given else row)
    key = tuple(map(converted.values.get, _key_names(model)))
    if key[-1] is None:
        raise Unfit(resource.key[-1], "missing", "Blesta's row has no id.")
    incoming = Incoming(key, converted, None, whole=whole)
    if whole:
        _add_detail(model, incoming, row, seen)
    return incoming


def _add_detail(model: type[Mirror], incoming: Incoming, row: Mapping[str, Any], seen: Seen) -> None:
    tier = detail_mapping(model)
    incoming.detail = tier.convert(row)
    digests: list[Any] = []
    for related, name in resource_of(model).detail.children.items():
        if name not in row:
            continue
        children = _children(model, incoming, related, name, row[name], seen)
        incoming.children[related] = children
        digests.append((related, [(child.key, child.row.digest) for child in children]))
    incoming.detail_digest = tier.digest(incoming.detail.values, digests)


def _children(model: type[Mirror], parent: Incoming, related: str, name: str, value: Any, seen: Seen) -> list[Incoming]:
    if not value:
        return []
    rows = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unfit(related, "not-a-list", f"{name} is expected as a list of maps.")
    relation = cast("models.ForeignObjectRel", model._meta.get_field(related))
    child = cast("type[Mirror]", relation.related_model)
    reference = cast("models.ForeignKey[Any, Any]", relation.remote_field).attname
    key = [_attname(child, part) for part in resource_of(child).key]
    seen.look_at(child, rows, whole=True)
    children = []
    for position, row in enumerate(rows):
        try:
            converted = row_mapping(child).convert(row)
        except Unfit as error:
            # Half a set of children would be a lie about the parent, so the whole detail is held back.
            raise Unfit(f"{related}[{position}].{error.column}", error.code, error.sentence) from None
        values = {**converted.values, reference: parent.key[0]}
        digest = row_mapping(child).digest(values)
        children.append(Incoming(tuple(values.get(part) for part in key), Converted(values, (), digest), None))
    return children


def _own_company(way: str, row: Mapping[str, Any], incoming: Incoming) -> int | None:
    if way == "self":
        return int(incoming.key[0])
    named = incoming.row.values.get("company_id")
    if named is None and "company_id" in row:
        try:
            named = identifier_from(row.get("company_id"))
        except Unreadable:
            return None
    return named


def _companies(model: type[Mirror], batch: Sequence[Incoming], scope: Scope) -> dict[tuple[Any, ...], int]:
    """The company of each row, through the foreign key that the declaration names; nothing where there is but one."""
    name = resource_of(model).company
    if name in {"", "key", "self"} or not batch or scope.alone:
        return {}
    reference = cast("models.ForeignKey[Any, Any]", model._meta.get_field(name))
    parent = cast("type[Mirror]", reference.related_model)
    ids = {incoming.row.values.get(reference.attname) for incoming in batch} - {None}
    known = dict(parent._base_manager.using(scope.using).filter(pk__in=ids).values_list("pk", "company_id"))
    found = {incoming.key: known.get(incoming.row.values.get(reference.attname)) for incoming in batch}
    return {key: company for key, company in found.items() if company is not None}


def _placed(
    model: type[Mirror], batch: Sequence[Incoming], placed: Mapping[type[Mirror], Mapping[Any, int | None]]
) -> dict[tuple[Any, ...], int]:
    name = resource_of(model).company
    if name in {"", "key", "self"}:
        return {}
    reference = cast("models.ForeignKey[Any, Any]", model._meta.get_field(name))
    known = placed.get(cast("type[Mirror]", reference.related_model), {})
    found = {incoming.key: known.get(incoming.row.values.get(reference.attname)) for incoming in batch}
    return {key: company for key, company in found.items() if company is not None}


def quarantine(
    model: type[Mirror], unfit: Sequence[tuple[str, Unfit, Mapping[str, Any]]], *, at: datetime, using: str
) -> None:
    """Remember rows that do not fit, in one statement however many there are; when each was first seen stays."""
    if not unfit:
        return
    label = model._meta.label_lower
    entries = {
        remote_id: QuarantinedRow(
            resource=label,
            remote_id=remote_id,
            column=error.column[:100],
            code=error.code[:50],
            sentence=error.sentence[:500],
            names={str(name)[:100]: type(value).__name__ for name, value in list(row.items())[:MAX_NAMES]},
            last_seen_at=at,
        )
        for remote_id, error, row in unfit
    }
    has_targets = connections[using].features.supports_update_conflicts_with_target
    QuarantinedRow.objects.using(using).bulk_create(
        entries.values(),
        batch_size=500,
        update_conflicts=True,
        update_fields=["column", "code", "sentence", "names", "last_seen_at"],
        unique_fields=["resource", "remote_id"] if has_targets else None,
    )


def is_quarantined(model: type[Mirror], *, using: str) -> bool:
    """Whether there is any row of this kind to be released."""
    return QuarantinedRow.objects.using(using).filter(resource=model._meta.label_lower).exists()


def release(model: type[Mirror], keys: Iterable[tuple[Any, ...]], *, using: str) -> int:
    """Forget quarantined rows that fit by now."""
    entries = QuarantinedRow.objects.using(using).filter(resource=model._meta.label_lower)
    names = [_joined(key) for key in keys]
    fitting = list(entries.filter(remote_id__in=names).values_list("pk", flat=True)) if names else []
    return entries.filter(pk__in=fitting).delete()[0] if fitting else 0


def _joined(key: tuple[Any, ...]) -> str:
    return "/".join(str(part) for part in key)[:100]


def _name_of(model: type[Mirror], row: Mapping[str, Any]) -> str:
    """How to find the row in Blesta: its id, or what stands for it; never another value."""
    columns = resource_of(model).fields.columns
    parts = []
    for name in resource_of(model).key:
        value = row.get(columns.get(name, name))
        parts.append(str(value) if isinstance(value, int | str) and str(value).strip() else "?")
    return "/".join(parts)[:100]


@cache
def _key_names(model: type[Mirror]) -> tuple[str, ...]:
    return tuple(_attname(model, name) for name in resource_of(model).key)


def _attname(model: type[Mirror], name: str) -> str:
    return cast("models.Field[Any, Any]", model._meta.get_field(name)).attname
