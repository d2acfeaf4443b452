"""From a hint that something may have changed to the row being refreshed: coalesced, after a moment, and not forgotten.

Everything is in the database: a delivery that waits, a hint that waits, a refresh whose worker died. The broker only
says when to look. Time is the database's own, as in `leases`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypedDict, Unpack

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from django_blesta import conf, signals
from django_blesta.exceptions import BadRequest, BlestaError, NoSuchResource, NotCallable
from django_blesta.models import Delivery, Hint, Lease, Mirror, mirror_named
from django_blesta.resources import resource_of
from django_blesta.sync._checkpoint import reached
from django_blesta.sync.events import Meaning, meaning
from django_blesta.sync.fetch import concerns_one_answer
from django_blesta.sync.leases import turn_for
from django_blesta.sync.related import Related
from django_blesta.sync.statements import attempt
from django_blesta.sync.together import Outcome, refresh_together
from django_blesta.wake import nudge

logger = logging.getLogger("django_blesta.sync.hints")
State, Source = Hint.State, Hint.Source

#: However often an object is hinted at, it is refreshed at least this often.
LONGEST_DELAY = timedelta(seconds=30)
MOST_TRIES = 5
AFTER_QUARANTINE = timedelta(hours=1)
#: While Blesta as a whole cannot be asked; nothing of it counts as a try.
WHILE_UNAVAILABLE = timedelta(seconds=15)
#: SQLite's clock counts milliseconds, and what is due at once must be so when it is looked at in the same one.
A_MOMENT = timedelta(milliseconds=2)
BATCH = 16
DELIVERIES_A_BATCH = 500
PATIENCE = 45.0
WAKE = "wake for hints"
FOLLOW = "django_blesta.follow_hints"
DAYS_KEPT = timedelta(days=7)


def can_be_hinted_at(model: type[Mirror]) -> bool:
    """Whether Blesta can be asked for one row of it by id."""
    resource = resource_of(model)
    return resource.get is not None and bool(resource.get.key) and resource.key == ("id",)


class How(TypedDict, total=False):
    """What `hint` takes beside the rows."""

    using: str
    source: Hint.Source
    delay: float | None
    with_related: bool
    since: datetime | None


def hint(
    model: type[Mirror],
    ids: Iterable[int],
    *,
    using: str = DEFAULT_DB_ALIAS,
    source: Hint.Source = Source.CODE,
    delay: float | None = None,
    with_related: bool = True,
    since: datetime | None = None,
) -> int:
    """Say that these rows may have changed in Blesta; return how many there are.

    `delay` is in seconds, and HINT_DELAY by default; 0 where the change is known to be made. `since` is when the first
    of the hints came. Raise LookupError where Blesta cannot be asked for one row of this mirror.
    """
    wanted = sorted(set(ids))
    if not can_be_hinted_at(model):
        raise LookupError(f"Blesta has no way to ask for one {model._meta.verbose_name}.")
    label, seconds = model._meta.label_lower, conf.installation(using).hint_delay if delay is None else delay
    for start in range(0, len(wanted), DELIVERIES_A_BATCH):
        some = wanted[start : start + DELIVERIES_A_BATCH]
        attempt(partial(_open, label, some, using, source, seconds, with_related, since), using=using)
    return len(wanted)


def tell(model: type[Mirror], ids: Iterable[int], **how: Unpack[How]) -> int:
    """`hint`, and have a worker look once this is committed."""
    told = hint(model, ids, **how)
    nudge(FOLLOW, how.get("using", DEFAULT_DB_ALIAS))
    return told


def _open(
    label: str,
    ids: list[int],
    using: str,
    source: Hint.Source,
    seconds: float,
    with_related: bool,
    since: datetime | None,
) -> None:
    rows = Hint.objects.using(using)
    rows.bulk_create((Hint(resource=label, remote_id=pk, source=source) for pk in ids), ignore_conflicts=True)
    held = rows.filter(resource=label, remote_id__in=ids).order_by("pk").select_for_update()
    closed: list[int] = []
    now: datetime | None = None
    for one in held.annotate(now=Now()):
        now = one.now
        if one.state == State.DONE:
            closed.append(one.pk)
            continue
        quiet = now + timedelta(seconds=seconds) - A_MOMENT
        one.quiet_at = max(filter(None, (one.quiet_at, quiet)))
        if one.state != State.QUARANTINED:
            longest = max(LONGEST_DELAY, timedelta(seconds=seconds))
            one.due_at = min(one.quiet_at, (one.first_hinted_at or now) + longest)
        rows.filter(pk=one.pk).update(
            hints=F("hints") + 1,
            source=source,
            hinted_at=now,
            quiet_at=one.quiet_at,
            due_at=one.due_at,
            with_related=one.with_related or with_related,
        )
    if closed and now is not None:
        due = now + timedelta(seconds=seconds) - A_MOMENT
        rows.filter(pk__in=closed).update(
            state=State.PENDING,
            hints=F("hints") + 1,
            source=source,
            first_hinted_at=min(since or now, now),
            hinted_at=now,
            quiet_at=due,
            due_at=due,
            with_related=with_related,
            tries=0,
            error="",
        )


# --- deliveries become hints ------------------------------------------------------------------------------------------


def resolve(using: str = DEFAULT_DB_ALIAS) -> int:
    """Turn a batch of waiting deliveries into hints; return how many there were. `event_received` is sent for each."""
    batch = attempt(partial(_resolve, using), using=using)
    for delivery, found in batch:
        signals.send(
            signals.event_received,
            Delivery,
            event=delivery.event,
            ids=delivery.ids,
            model=found.model,
            pk=found.pk or None,
            received_at=delivery.received_at,
            using=using,
        )
    return len(batch)


def _resolve(using: str) -> list[tuple[Delivery, Meaning]]:
    rows = Delivery.objects.using(using)
    can_skip = connections[using].features.has_select_for_update_skip_locked
    batch = list(
        rows.filter(state=Delivery.State.PENDING)
        .order_by("pk")
        .select_for_update(skip_locked=can_skip)[:DELIVERIES_A_BATCH]
    )
    if not batch:
        return []
    told = [(delivery, meaning(delivery.event, delivery.ids)) for delivery in batch]
    models_told = {found.model for _, found in told if found.model is not None}
    # In one order, so that two workers lock the hints that they share in the same one.
    for model in sorted(models_told, key=lambda one: one._meta.label_lower):
        of_model = [(delivery, found.pk) for delivery, found in told if found.model is model]
        first = min(delivery.received_at for delivery, _ in of_model)
        hint(model, (pk for _, pk in of_model), using=using, source=Source.WEBHOOK, since=first)
    for state in {found.state for _, found in told}:
        pks = [delivery.pk for delivery, found in told if found.state == state]
        rows.filter(pk__in=pks).update(state=state, resolved_at=Now())
    reached("deliveries-resolved")
    return told


# --- hints become refreshes -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Claimed:
    """A hint that is ours while nobody raised its token; `began` is the database's time of the claim."""

    row: Hint
    token: int
    began: datetime


def follow(using: str = DEFAULT_DB_ALIAS, *, patience: float = PATIENCE) -> float | None:
    """Resolve what waits and refresh what is due, for about `patience` seconds at most.

    Return in how many seconds the next is due (0: at once), or None where nothing waits. Any number may follow at once.
    """
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if not (resolve(using) + work(using)):
            return next_due(using)
    return 0.0


def next_due(using: str = DEFAULT_DB_ALIAS) -> float | None:
    if Delivery.objects.using(using).filter(state=Delivery.State.PENDING).exists():
        return 0.0
    waiting = Hint.objects.using(using).filter(state__in=(State.PENDING, State.QUARANTINED))
    soonest = waiting.order_by("due_at").annotate(now=Now()).values_list("due_at", "now").first()
    if soonest is None:
        return None
    due_at, now = soonest
    return max(0.0, float((due_at - now).total_seconds())) if due_at else 0.0


def may_wake(seconds: float, using: str = DEFAULT_DB_ALIAS) -> bool:
    """Whether nobody has announced to look by then; who is told yes has announced it."""
    leases = Lease.objects.using(using)
    leases.get_or_create(name=WAKE)
    by = Now() + timedelta(seconds=seconds)
    free = Q(until__isnull=True) | Q(until__lt=Now()) | Q(until__gt=_moment(by + timedelta(seconds=0.2)))
    return bool(leases.filter(free, name=WAKE).update(until=_moment(by)))


def _moment(expression: Any) -> Any:
    return models.ExpressionWrapper(expression, output_field=models.DateTimeField())


def work(using: str = DEFAULT_DB_ALIAS) -> int:
    """Refresh a batch of what is due, of one mirror; return how many were taken."""
    claimed = _claim(using)
    if not claimed:
        return 0
    reached("hints-claimed")
    model = mirror_named(claimed[0].row.resource)
    related = Related(model, using)
    pks = [one.row.remote_id for one in claimed]
    wanted = [one.row.remote_id for one in claimed if one.row.with_related]
    before = related.of(wanted)
    try:
        outcomes = refresh_together(model, pks, using=using, cause="hint")
        changed_with = related.after(before, [pk for pk in wanted if outcomes[pk] is True])
    except (BlestaError, DatabaseError) as error:
        outcomes, changed_with = dict.fromkeys(pks, error), {}
    reached("hints-refreshed")
    for other, others in changed_with.items():
        hint(other, others, using=using, source=Source.RELATED, delay=0, with_related=False)
    for one in claimed:
        _finish(one, outcomes[one.row.remote_id], using)
    reached("hints-finished")
    stopped = any(isinstance(found, BlestaError) and _concerns_all(found) for found in outcomes.values())
    return 0 if stopped else len(claimed)


def _claim(using: str) -> list[Claimed]:
    """Of the mirror whose hint is due first, as many as may be asked for at once."""
    rows = Hint.objects.using(using)
    is_due = Q(state__in=(State.PENDING, State.QUARANTINED), due_at__lte=Now())
    takeable = is_due | Q(state=State.WORKING, lease_until__lt=Now())
    first = rows.filter(takeable).order_by("due_at").values_list("resource", flat=True).first()
    if first is None:
        return []
    claimed = []
    lease = _moment(Now() + timedelta(seconds=conf.installation(using).read_deadline + 30))
    for row in rows.filter(takeable, resource=first).order_by("due_at").annotate(now=Now())[: _share(using)]:
        mine = rows.filter(takeable, pk=row.pk, token=row.token)
        if mine.update(state=State.WORKING, token=F("token") + 1, tries=F("tries") + 1, lease_until=lease):
            row.tries += 1
            claimed.append(Claimed(row, row.token + 1, row.now))
    return claimed


def _share(using: str) -> int:
    """How many may be asked for now; all workers stand in one line for single rows, where a rate is set."""
    per_minute = conf.installation(using).single_rows_per_minute
    if per_minute is None:
        return BATCH
    some = max(1, min(BATCH, per_minute // 12))
    time.sleep(min(turn_for(some, using), PATIENCE))
    return some


def _finish(one: Claimed, outcome: Outcome, using: str) -> None:
    """Done where no hint came since, and the last one had come long enough before; else it is due again."""
    rows = Hint.objects.using(using).filter(pk=one.row.pk, token=one.token, state=State.WORKING)
    if isinstance(outcome, Exception):
        _fail(rows, one, outcome)
        return
    now = Hint.objects.using(using).filter(pk=one.row.pk).annotate(now=Now()).values_list("now", flat=True).first()
    since = one.row.first_hinted_at
    facts: dict[str, Any] = {
        "tries": 0,
        "error": "",
        "lease_until": None,
        "refreshed_at": now,
        "found": outcome,
        "lag": (now - since).total_seconds() if now and since else None,
    }
    was_quiet = one.row.quiet_at is None or one.row.quiet_at <= one.began
    unchanged = rows.filter(hints=one.row.hints) if was_quiet else rows.none()
    if not unchanged.update(state=State.DONE, **facts):
        rows.update(state=State.PENDING, first_hinted_at=one.began, due_at=F("quiet_at"), **facts)


def _fail(rows: models.QuerySet[Hint], one: Claimed, error: Exception) -> None:
    told = f"{type(error).__name__}: {error}"[:500] if isinstance(error, BlestaError) else type(error).__name__
    facts: dict[str, Any] = {"error": told, "lease_until": None}
    if isinstance(error, BlestaError) and _concerns_all(error):
        pause = max(WHILE_UNAVAILABLE, timedelta(seconds=min(error.retry_after or 0, 3600)))
        rows.update(state=State.PENDING, tries=F("tries") - 1, due_at=_moment(Now() + pause), **facts)
        return
    logger.warning("%s could not be refreshed (try %s of %s): %s", one.row, one.row.tries, MOST_TRIES, told)
    if one.row.tries >= MOST_TRIES:
        rows.update(state=State.QUARANTINED, due_at=_moment(Now() + AFTER_QUARANTINE), **facts)
    else:
        rows.update(state=State.PENDING, due_at=_moment(Now() + timedelta(seconds=2**one.row.tries)), **facts)


def _concerns_all(error: BlestaError) -> bool:
    """Whether nothing can be asked now: no connection, maintenance, the wrong key. Else it is about this row."""
    return not (concerns_one_answer(error) or isinstance(error, NoSuchResource | NotCallable | BadRequest))


# --- keeping house ----------------------------------------------------------------------------------------------------


def left_over(using: str = DEFAULT_DB_ALIAS) -> bool:
    """Whether something is due that nobody works on: the broker may have lost its queue."""
    lost = Hint.objects.using(using).filter(state=State.WORKING, lease_until__lt=Now()).exists()
    return lost or next_due(using) == 0.0


def prune(using: str = DEFAULT_DB_ALIAS) -> int:
    """Forget deliveries and hints that were done with a week ago; return how many."""
    long_ago = _moment(Now() - DAYS_KEPT)
    deliveries = Delivery.objects.using(using).exclude(state=Delivery.State.PENDING).filter(received_at__lt=long_ago)
    hints = Hint.objects.using(using).filter(state=State.DONE, hinted_at__lt=long_ago)
    with transaction.atomic(using):
        return deliveries.delete()[0] + hints.delete()[0]
