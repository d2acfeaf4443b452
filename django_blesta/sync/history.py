"""What changed when: append-only rows, written in the transaction of the row they speak of, pruned by age."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, models
from django.utils import timezone

from django_blesta import conf
from django_blesta.models import Change, Mirror, TranslationsField
from django_blesta.sync.statements import append

PERSONAL = frozenset(
    {
        "address",
        "address1",
        "address2",
        "city",
        "company_name",
        "country",
        "email",
        "fax",
        "first_name",
        "last_name",
        "message",
        "phone",
        "state",
        "title",
        "username",
        "zip",
    }
)
"""Columns that speak of a person, in whichever mirror they stand; free text (TextField, JSONField) counts as such
everywhere. A mirror adds its own in `personal_columns`, and a field says so, or the contrary, by `personal = …`."""

PRUNED_AT_ONCE = 1000
_COLUMNS = ("resource", "remote_id", "column", "old", "new", "is_personal", "at", "cause", "run_id")


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why and when rows are being changed: what their history and signals say of it."""

    at: datetime
    using: str
    cause: str = ""
    run_id: int | None = None


def is_kept(using: str) -> bool:
    return conf.installation(using).history_days != 0


def difference(
    model: type[Mirror], before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, tuple[str | None, str | None]]:
    """The columns of `after` whose value is another than `before`, with both as text."""
    changed = {}
    for attname, new in after.items():
        old = before[attname]
        if old != new and (texts := (_text(old), _text(new)))[0] != texts[1]:
            changed[attname] = texts
    return changed


def record(
    model: type[Mirror],
    changes: Iterable[tuple[tuple[Any, ...], Mapping[str, tuple[str | None, str | None]]]],
    occasion: Occasion,
) -> None:
    """Append what `difference` found, per key. To be called in the transaction that writes the rows."""
    withheld = personal_columns(model)
    label, cause = model._meta.label_lower, occasion.cause[:32]
    rows = []
    for key, columns in changes:
        remote_id = remote_id_of(key)
        for column, (old, new) in columns.items():
            hidden = column in withheld
            values = (None, None) if hidden else (old, new)
            rows.append((label, remote_id, column, *values, hidden, occasion.at, cause, occasion.run_id))
    if rows:
        fields = {field.attname: field for field in Change._meta.concrete_fields}
        append(Change, [fields[name] for name in _COLUMNS], rows, using=occasion.using)


def remote_id_of(key: tuple[Any, ...]) -> str:
    """Blesta's id, or what names the row where it has none."""
    return "/".join(map(str, key))[:100]


@cache
def personal_columns(model: type[Mirror]) -> frozenset[str]:
    """The attnames whose values no history keeps."""
    named = PERSONAL | model.personal_columns
    return frozenset(field.attname for field in model._meta.concrete_fields if _is_personal(field, named))


def _is_personal(field: models.Field[Any, Any], named: frozenset[str]) -> bool:
    said = getattr(field, "personal", None)
    if said is not None:
        return bool(said)
    free = isinstance(field, models.TextField | models.JSONField) and not isinstance(field, TranslationsField)
    return free or field.name in named or field.attname in named


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return str(value)


def prune_history(using: str = DEFAULT_DB_ALIAS, *, now: datetime | None = None) -> int:
    """Delete what is older than HISTORY_DAYS, a bounded batch at a time; return how many rows that were."""
    days = conf.installation(using).history_days
    if days is None:
        return 0
    old = Change.objects.using(using).filter(at__lt=(now or timezone.now()) - timedelta(days=days))
    deleted = 0
    while pks := list(old.order_by("at").values_list("pk", flat=True)[:PRUNED_AT_ONCE]):
        deleted += Change.objects.using(using).filter(pk__in=pks).delete()[0]
    return deleted
