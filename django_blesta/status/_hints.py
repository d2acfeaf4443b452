"""What came from webhooks, change logs and hot rows: counted from our own tables, by index."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import Count, Max, Min
from django.utils.text import capfirst
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_blesta.exceptions import NotConfigured
from django_blesta.models import Delivery, Feed, Hint
from django_blesta.status._numbers import large
from django_blesta.status._troubles import Level, Trouble
from django_blesta.sync import hot

LATELY = timedelta(hours=1)
MOST_LAGS = 1000
STUCK_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class EventCount:
    """One event of Blesta's over the deliveries that are kept, a week's; `state` is what became of them."""

    event: str
    state: str
    label: str
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class FeedStatus:
    name: str
    company_id: int
    is_on: bool
    error: str
    entries: int
    polled_at: datetime | None


@dataclass(frozen=True, slots=True)
class FreshnessStatus:
    """A target of FRESHNESS beside what is so: `lag` is the age of what is known of the least fresh hot row.

    `hint_lag` is the median of the last hour, from a webhook's arrival to the row being in the mirror.
    """

    name: str
    label: str
    target: timedelta
    rows: int
    late: int
    lag: timedelta | None
    hint_lag: timedelta | None


@dataclass(frozen=True, slots=True)
class HintStatus:
    """`received` counts the deliveries of a week, `pending` those no worker has looked at; `waiting`, `working` and
    `quarantined` are objects. `lag` is the median of the last hour over all mirrors."""

    received: int = 0
    pending: int = 0
    failed: int = 0
    unknown: int = 0
    last_received_at: datetime | None = None
    waiting: int = 0
    working: int = 0
    quarantined: int = 0
    oldest_due_at: datetime | None = None
    lag: timedelta | None = None
    events: tuple[EventCount, ...] = ()
    feeds: tuple[FeedStatus, ...] = ()
    freshness: tuple[FreshnessStatus, ...] = ()


def hint_status(using: str, now: datetime) -> HintStatus:
    events = _events(using)
    by_state = {state: sum(one.count for one in events if one.state == state) for state in Delivery.State.values}
    hints = Hint.objects.using(using).order_by()
    states = hints.exclude(state=Hint.State.DONE).values_list("state").annotate(Count("pk"), Min("due_at"))
    open_hints = {state: (count, oldest) for state, count, oldest in states}
    counted = {state: count for state, (count, _oldest) in open_hints.items()}
    _waiting, oldest = open_hints.get(Hint.State.PENDING, (0, None))
    lags = _lags(using, now)
    return HintStatus(
        received=sum(by_state.values()),
        pending=by_state[Delivery.State.PENDING],
        failed=by_state[Delivery.State.FAILED],
        unknown=by_state[Delivery.State.UNKNOWN],
        last_received_at=max((one.last_at for one in events), default=None),
        waiting=counted.get(Hint.State.PENDING, 0),
        working=counted.get(Hint.State.WORKING, 0),
        quarantined=counted.get(Hint.State.QUARANTINED, 0),
        oldest_due_at=oldest,
        lag=_median([lag for _label, lag in lags]),
        events=events,
        feeds=_feeds(using),
        freshness=_freshness(using, now, lags),
    )


def _events(using: str) -> tuple[EventCount, ...]:
    rows = Delivery.objects.using(using).order_by("event", "state").values_list("event", "state")
    found = rows.annotate(count=Count("pk"), last=Max("received_at"))
    return tuple(
        EventCount(event, state, str(Delivery.State(state).label), count, last) for event, state, count, last in found
    )


def _lags(using: str, now: datetime) -> list[tuple[str, float]]:
    done = Hint.objects.using(using).filter(refreshed_at__gt=now - LATELY, lag__isnull=False)
    told = done.filter(source__in=(Hint.Source.WEBHOOK, Hint.Source.FEED, Hint.Source.PROBE))
    newest = told.order_by("-refreshed_at").values_list("resource", "lag")[:MOST_LAGS]
    return [(label, lag or 0.0) for label, lag in newest]


def _median(seconds: list[float]) -> timedelta | None:
    return timedelta(seconds=median(seconds)) if seconds else None


def _feeds(using: str) -> tuple[FeedStatus, ...]:
    return tuple(
        FeedStatus(feed.name, feed.company_id, feed.state == Feed.State.ON, feed.error, feed.entries, feed.polled_at)
        for feed in Feed.objects.using(using).order_by("name", "company_id").defer("overlap")
    )


def _freshness(using: str, now: datetime, lags: list[tuple[str, float]]) -> tuple[FreshnessStatus, ...]:
    try:
        counted = large(using)
        found = hot.lags(using, without=counted)
        targets = hot.targets(using)
    except NotConfigured:
        return ()
    # Of a large mirror, what the last census found.
    found += [
        hot.Lag(model, targets[model], one.hot, one.hot_late, one.hot_since)
        for model, one in counted.items()
        if model in targets
    ]
    return tuple(
        FreshnessStatus(
            name=one.model._meta.label_lower,
            label=str(one.model._meta.verbose_name_plural),
            target=one.target,
            rows=one.rows,
            late=one.late,
            lag=now - one.oldest if one.oldest else None,
            hint_lag=_median([lag for label, lag in lags if label == one.model._meta.label_lower]),
        )
        for one in found
    )


def about_hints(found: HintStatus, now: datetime) -> list[Trouble]:
    troubles: list[Trouble] = []
    if found.quarantined:
        sentence = ngettext(
            "%(count)d object that Blesta hinted at could not be refreshed.",
            "%(count)d objects that Blesta hinted at could not be refreshed.",
            found.quarantined,
        )
        advice = _("Each says why; it is tried again about once an hour, and read by the next whole run in any case.")
        troubles.append(Trouble(Level.WARNING, "hints-quarantined", sentence % {"count": found.quarantined}, advice))
    if found.oldest_due_at and now - found.oldest_due_at > STUCK_AFTER:
        sentence = _("What Blesta hinted at has been waiting for a worker for %(time)s.")
        advice = _("Check that a Celery worker runs, and that beat starts the task “django_blesta.poll”.")
        facts = {"time": timesince(found.oldest_due_at, now)}
        troubles.append(Trouble(Level.WARNING, "hints-waiting", sentence % facts, advice))
    late = [capfirst(one.label) for one in found.freshness if one.late and _is_polled(found)]
    if late:
        sentence = _("Behind the target of FRESHNESS: %(resources)s.") % {"resources": ", ".join(late)}
        advice = _("Raise HOT_ROWS_PER_MINUTE or the target, or sync more often.")
        troubles.append(Trouble(Level.WARNING, "freshness", sentence, advice))
    return troubles


def _is_polled(found: HintStatus) -> bool:
    """A site that never starts the poll is told of its late runs, not of targets that it did not ask for."""
    return bool(found.feeds)
