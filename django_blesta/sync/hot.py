"""Rows that are looked at more often than the rest: those that the declarations call hot, and those that people open.

A row counts as fresh from its own fetch, or from the last complete run that showed it, whichever is later.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DEFAULT_DB_ALIAS, DatabaseError, transaction
from django.db.models import Count, ExpressionWrapper, Max, Min, Q, QuerySet
from django.db.models import DateTimeField as Moment
from django.db.models.functions import Now
from django.utils import timezone

from django_blesta import conf
from django_blesta.exceptions import NotConfigured
from django_blesta.models import Hint, Lease, Mirror, SyncRun, mirror_named
from django_blesta.resources import resource_of
from django_blesta.sync.hints import hint, tell

logger = logging.getLogger("django_blesta.sync.hot")

LOOKED_AT_FOR = timedelta(minutes=15)
NOTED_AGAIN_AFTER = timedelta(minutes=1)
#: A row is asked for this long before its target, so that it is there in time.
AHEAD = timedelta(minutes=2)
TURN = "hot rows"


@dataclass(frozen=True, slots=True)
class Lag:
    """How far hot rows are behind their target: how many there are, how many of them are late, and since when the
    least fresh of all was known to be so."""

    model: type[Mirror]
    target: timedelta
    rows: int
    late: int
    oldest: datetime | None


def targets(using: str = DEFAULT_DB_ALIAS) -> dict[type[Mirror], timedelta]:
    """FRESHNESS by mirror; a name that is no mirror's is an error of the system checks, and is passed over."""
    found: dict[type[Mirror], timedelta] = {}
    for name, seconds in conf.installation(using).freshness.items():
        try:
            found[mirror_named(name)] = timedelta(seconds=seconds)
        except LookupError:
            continue
    return found


def hot_rows(model: type[Mirror], using: str) -> QuerySet[Mirror]:
    """Present rows that one of the declaration's methods picks, or that somebody looked at lately."""
    rows = model._default_manager.using(using)
    looked_at = Hint.objects.using(using).filter(
        resource=model._meta.label_lower, looked_at__gt=timezone.now() - LOOKED_AT_FOR
    )
    chosen = Q(pk__in=looked_at.values("remote_id"))
    for name in resource_of(model).hot:
        chosen |= Q(pk__in=getattr(rows, name)().values("pk"))
    return rows.filter(chosen, gone_at__isnull=True)


def due_after(target: timedelta) -> timedelta:
    return max(target / 2, target - AHEAD)


def _stale(rows: QuerySet[Mirror], model: type[Mirror], before: datetime, using: str) -> QuerySet[Mirror]:
    """Without the rows of companies of which a complete run that began since then has shown every row."""
    fresh = [company for company, start in _proven(model, using).items() if start >= before]
    stale = rows.filter(fetched_at__lt=before)
    if None in fresh:
        return stale.none()
    return stale.exclude(company_id__in=[company for company in fresh if company is not None])


def _proven(model: type[Mirror], using: str) -> dict[int | None, datetime]:
    """When the last complete run of each company began."""
    runs = SyncRun.objects.using(using).filter(
        resource=model._meta.label_lower, state=SyncRun.State.COMPLETE, unconfirmed=0
    )
    return dict(runs.order_by().values_list("company_id").annotate(Max("started_at")))


def choose(using: str = DEFAULT_DB_ALIAS) -> int:
    """Hint at the hot rows that are due, the oldest first and as many as HOT_ROWS_PER_MINUTE; return how many."""
    left = conf.installation(using).hot_rows_per_minute
    if not left or not _my_turn(using):
        return 0
    chosen = 0
    for model, target in targets(using).items():
        stale = _stale(hot_rows(model, using), model, timezone.now() - due_after(target), using)
        pks = list(stale.order_by("fetched_at").values_list("pk", flat=True)[: left - chosen])
        if pks:
            chosen += hint(model, pks, using=using, source=Hint.Source.HOT, delay=0, with_related=False)
    return chosen


def _my_turn(using: str) -> bool:
    """Once a minute at most, however many ask."""
    leases = Lease.objects.using(using)
    leases.get_or_create(name=TURN)
    free = Q(until__isnull=True) | Q(until__lt=Now())
    until = ExpressionWrapper(Now() + timedelta(seconds=55), output_field=Moment())
    return bool(leases.filter(free, name=TURN).update(until=until))


def looked_at(rows: Iterable[Mirror]) -> None:
    """Somebody looks at these rows, all of one mirror: those older than their target are asked for at once, and all of
    them are kept fresh for a quarter of an hour. A page is shown whether or not this can be noted."""
    shown = list(rows)
    if not shown:
        return
    model, using = type(shown[0]), shown[0]._state.db or DEFAULT_DB_ALIAS
    try:
        target = targets(using).get(model)
        if target is None or not conf.installation(using).hot_rows_per_minute:
            return
        with transaction.atomic(using):
            asked_for = _note_looks(model, [row.pk for row in shown], using)
            before = timezone.now() - due_after(target)
            stale = _stale(model._base_manager.using(using), model, before, using)
            wanted = {row.pk for row in shown} - asked_for
            pks = list(stale.filter(pk__in=wanted).values_list("pk", flat=True))
            if pks:
                tell(model, pks, using=using, source=Hint.Source.VIEW, delay=0, with_related=False)
    except (DatabaseError, NotConfigured) as error:
        logger.warning("That rows were looked at could not be noted: %s", type(error).__name__)


def _note_looks(model: type[Mirror], pks: list[int], using: str) -> set[int]:
    """Return those whose refresh is under way or waits already."""
    label, now = model._meta.label_lower, timezone.now()
    held = Hint.objects.using(using).filter(resource=label, remote_id__in=pks)
    states = {pk: (at, state) for pk, at, state in held.values_list("remote_id", "looked_at", "state")}
    known = {pk: at for pk, (at, _state) in states.items()}
    old = [pk for pk, at in known.items() if at is None or at < now - NOTED_AGAIN_AFTER]
    if old:
        held.filter(remote_id__in=old).update(looked_at=now)
    fresh = [
        Hint(resource=label, remote_id=pk, source=Hint.Source.VIEW, looked_at=now) for pk in pks if pk not in known
    ]
    Hint.objects.using(using).bulk_create(fresh, ignore_conflicts=True)
    return {pk for pk, (_at, state) in states.items() if state != Hint.State.DONE}


def lags(using: str = DEFAULT_DB_ALIAS, *, without: Collection[type[Mirror]] = ()) -> list[Lag]:
    """For each target, how the hot rows stand to it now; from local tables only, a look at every hot row."""
    found = []
    now = timezone.now()
    for model, target in targets(using).items():
        if model in without:
            continue
        proven = _proven(model, using)
        by_company = hot_rows(model, using).order_by().values_list("company_id")
        late = Count("pk", filter=Q(fetched_at__lt=now - target))
        known = []
        for company, rows, oldest, behind in by_company.annotate(rows=Count("pk"), oldest=Min("fetched_at"), late=late):
            since = max(filter(None, (oldest, proven.get(company), proven.get(None))))
            known.append((rows, since, behind if since < now - target else 0))
        oldest_of_all = min((since for _, since, _ in known), default=None)
        found.append(Lag(model, target, sum(one[0] for one in known), sum(one[2] for one in known), oldest_of_all))
    return found
