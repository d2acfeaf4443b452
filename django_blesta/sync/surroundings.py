"""What is worth knowing and would be slow to find out on a page: how many rows there are, and how Blesta itself is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Count
from django.utils import timezone

from django_blesta import conf, ledger
from django_blesta.connection import Connection, Shape, Unreadable, connection_for, datetime_from, declare
from django_blesta.exceptions import BlestaError, NotConfigured
from django_blesta.models import Census, Mirror, Vital, mirrors
from django_blesta.sync import hot

# Reference 8: "good health indicators"; what they answer was never seen, so any form that holds the fact is taken.
_VERSION: Final = declare("Settings", "getVersion", writes=False, shape=Shape.ANY)
_CRON: Final = declare("Logs", "getCronLastExecution", writes=False, shape=Shape.ANY)
VERSION: Final = "version"
CRON: Final = "cron"
COUNTED_ANEW_AFTER: Final = timedelta(minutes=10)
_MOMENTS: Final = ("end_date", "start_date", "date", "date_last_run", "last_run")


def look_around(using: str = DEFAULT_DB_ALIAS) -> None:
    """Count the rows of every mirror and ask Blesta for its vital signs; what it does not tell is noted as such.

    Mirrors that were counted within the last ten minutes are not counted again.
    """
    due = timezone.now() - COUNTED_ANEW_AFTER
    fresh = set(Census.objects.using(using).filter(counted_at__gt=due).values_list("resource", flat=True))
    count_rows(using, [model for model in mirrors() if model._meta.label_lower not in fresh])
    ask_vitals(using)


def count_rows(using: str, chosen: Iterable[type[Mirror]]) -> None:
    lags = _lags(using)
    for model in chosen:
        rows = model._base_manager.using(using).order_by()
        figures = rows.aggregate(rows=Count("*"), gone=Count("gone_at"), detailed=Count("detail_fetched_at"))
        values = {**figures, **lags.get(model, {}), "counted_at": timezone.now()}
        Census.objects.using(using).update_or_create(resource=model._meta.label_lower, defaults=values)


def _lags(using: str) -> dict[type[Mirror], dict[str, Any]]:
    try:
        found = hot.lags(using)
    except NotConfigured:
        return {}
    return {one.model: {"hot": one.rows, "hot_late": one.late, "hot_since": one.oldest} for one in found}


def ask_vitals(using: str = DEFAULT_DB_ALIAS) -> None:
    """Raises nothing: a Blesta that cannot be asked is told of by the sync, and here it only tells nothing new."""
    try:
        connection = connection_for(using, _any_company(using))
    except BlestaError as error:
        _keep(using, VERSION, error=str(error))
        return
    for name, ask in ((VERSION, _version), (CRON, _cron)):
        try:
            found = ask(connection)
        except (BlestaError, Unreadable) as error:
            _keep(using, name, error=str(error))
        else:
            _keep(using, name, **found)
    ledger.flush(using)


def _any_company(using: str) -> int | None:
    return next(iter(conf.installation(using).companies))


def _keep(using: str, name: str, *, value: str = "", moment: datetime | None = None, error: str = "") -> None:
    facts: dict[str, Any] = {"error": error[:500], "told_at": timezone.now()}
    if not error:
        facts |= {"value": value[:200], "moment": moment}
    Vital.objects.using(using).update_or_create(name=name, defaults=facts)


def _version(connection: Connection) -> dict[str, Any]:
    answer = connection.read(_VERSION.model, _VERSION.method, {})
    if not isinstance(answer, str | int | float) or isinstance(answer, bool) or not str(answer).strip():
        raise Unreadable("no-version", "Blesta names no version.")
    return {"value": str(answer).strip()}


def _cron(connection: Connection) -> dict[str, Any]:
    answer = connection.read(_CRON.model, _CRON.method, {"limit": 1})
    moments = list(_moments(answer))
    if not moments:
        raise Unreadable("no-cron", "Blesta does not tell when its cron last ran.")
    return {"moment": max(moments)}


def _moments(answer: Any) -> Iterator[datetime]:
    """Every moment that bears a known name, in one row, a list of rows or a map of them."""
    if isinstance(answer, dict):
        for name in _MOMENTS:
            with suppress(Unreadable):
                if isinstance(answer.get(name), str) and (moment := datetime_from(answer[name])):
                    yield moment
        answer = list(answer.values())
    if isinstance(answer, list):
        for inner in answer:
            if isinstance(inner, dict | list):
                yield from _moments(inner)
