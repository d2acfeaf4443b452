"""What happened to one row, newest first: columns that changed, changes that were asked for, hints that came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from django_blesta.admin._words import link_to, may_see
from django_blesta.freshness import remote_name
from django_blesta.models import Change, Client, Hint, Mirror, Operation

SHOWN = 12


@dataclass(frozen=True, slots=True)
class Moment:
    """`kind` is the word for what it is; `what` may be a link. `before` and `after` are of changed columns alone."""

    at: datetime
    kind: str
    what: str
    before: str | None = None
    after: str | None = None
    note: str = ""
    state: str = ""
    is_change: bool = False
    is_withheld: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    moments: tuple[Moment, ...]
    more: tuple[tuple[str, str], ...]


def timeline_of(obj: Mirror, request: HttpRequest, site: admin.AdminSite) -> Timeline | None:
    """None for staff who may see nothing of it; what they may see of it is in it."""
    found: list[Moment] = []
    more: list[tuple[str, str]] = []
    visible = False
    for model, collect in ((Change, _changes), (Operation, _operations), (Hint, _hints)):
        if not may_see(model, site, request):
            continue
        visible = True
        moments, query = collect(obj, request, site)
        found += moments[:SHOWN]
        if len(moments) > SHOWN:
            address = reverse(f"{site.name}:{model._meta.app_label}_{model._meta.model_name}_changelist")
            more.append((str(model._meta.verbose_name_plural), f"{address}?{urlencode(query)}"))
    if not visible:
        return None
    found.sort(key=lambda moment: moment.at, reverse=True)
    return Timeline(tuple(found), tuple(more))


def _changes(obj: Mirror, request: HttpRequest, site: admin.AdminSite) -> tuple[list[Moment], dict[str, Any]]:
    label, name = obj._meta.label_lower, remote_name(obj)
    rows = Change.objects.using(obj._state.db).filter(resource=label, remote_id=name)[: SHOWN + 1]
    moments = [
        Moment(
            row.at,
            _("changed"),
            row.column,
            row.old,
            row.new,
            _("by %(cause)s") % {"cause": row.cause} if row.cause else "",
            is_change=True,
            is_withheld=row.is_personal,
        )
        for row in rows
    ]
    return moments, {"resource": label, "q": name}


def _operations(obj: Mirror, request: HttpRequest, site: admin.AdminSite) -> tuple[list[Moment], dict[str, Any]]:
    rows = Operation.objects.using(obj._state.db).select_related("actor")
    if isinstance(obj, Client):
        rows, query = rows.filter(client_id=obj.pk), {"q": str(obj.pk)}
    else:
        rows = rows.filter(resource=obj._meta.label_lower, target_id=obj.pk)
        query = {"resource": obj._meta.label_lower, "q": str(obj.pk)}
    moments = [
        Moment(
            row.created_at,
            _("asked"),
            link_to(row, site, row.kind),
            note=_("by %(who)s") % {"who": row.actor} if row.actor else "",
            state=row.state,
            after=str(row.get_state_display()),
        )
        for row in rows.order_by("-pk")[: SHOWN + 1]
    ]
    return moments, query


def _hints(obj: Mirror, request: HttpRequest, site: admin.AdminSite) -> tuple[list[Moment], dict[str, Any]]:
    label = obj._meta.label_lower
    rows = Hint.objects.using(obj._state.db).filter(resource=label, remote_id=obj.pk).exclude(hinted_at=None)
    moments = [
        Moment(
            row.hinted_at,
            _("hinted at"),
            str(row.get_source_display()),
            note=_("%(count)d times in all") % {"count": row.hints} if row.hints > 1 else "",
            state=row.state,
            after=str(row.get_state_display()),
        )
        for row in rows[: SHOWN + 1]
        if row.hinted_at is not None
    ]
    return moments, {"q": str(obj.pk)}


__all__ = ["Moment", "Timeline", "timeline_of"]
