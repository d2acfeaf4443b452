"""Poll what Blesta tells only when asked: its change logs, its log of failed deliveries, the newest rows of its lists.

All are read from the newest entry back to the mark of the last poll and a little further. In that direction an entry
that arrives meanwhile moves others to pages still to be read, so none is skipped. Entries become hints, never data.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import Any, Final

from django.db.models import F
from django.utils import timezone

from django_blesta import conf
from django_blesta.connection import Shape, Unreadable, datetime_from, declare, identifier_from
from django_blesta.exceptions import BlestaError, Misunderstood, NoSuchResource, NotCallable, Unavailable
from django_blesta.models import Client, Contact, Delivery, Feed, Hint, Mirror, Service, Transaction, mirrors
from django_blesta.resources import resource_of
from django_blesta.sync.events import Malformed, ids_in, meaning, parsed_json
from django_blesta.sync.hints import hint
from django_blesta.sync.plan import Scope
from django_blesta.sync.statements import attempt

logger = logging.getLogger("django_blesta.sync.feeds")

Row = Mapping[str, Any]
Told = tuple[type[Mirror], int]

MOST_PAGES: Final = 100
MOST_REMEMBERED: Final = 500
#: An entry gets its time or its number when it is written, and is seen when that process of Blesta's has committed.
OVERLAP: Final = timedelta(minutes=5)
OVERLAPPING_IDS: Final = 20
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
ASKED_AGAIN_AFTER: Final = timedelta(days=1)


class Disordered(Exception):
    """The list is not in the order that was asked for, so nothing tells where to stop."""


@dataclass(frozen=True, slots=True)
class Source:
    """One list to poll: how a page is asked for, what orders it, and which row an entry speaks of.

    `order` is the column that the newest come first by; `hints` is empty for an entry that asks for nothing.
    """

    name: str
    remote: str
    method: str
    order: str
    hints: Callable[[Row], list[Told]]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    company: str = ""
    cause: Hint.Source = Hint.Source.FEED
    qualified: str = ""

    def page(self, scope: Scope, number: int) -> list[Row]:
        """In the order that is needed; raise Disordered where this list can be had in other orders only."""
        refusal: BlestaError | None = None
        for order in filter(None, (self.order, self.qualified)):
            try:
                return self._ask(scope, page=number, order_by={order: "DESC"})
            except Unavailable as error:
                if error.reason != "failing":
                    raise
                refusal = error
        self._ask(scope, page=number)
        raise Disordered(f"{self.remote}.{self.method} cannot be ordered by {self.order}.") from refusal

    def _ask(self, scope: Scope, **arguments: Any) -> list[Row]:
        asked = {**self.arguments, **arguments, **({self.company: scope.company_id} if self.company else {})}
        rows: list[Row] = scope.connection.read(self.remote, self.method, asked)
        return rows

    def mark_of(self, row: Row) -> datetime | int:
        """What orders this entry; raise Misunderstood where it has no such column."""
        try:
            read = identifier_from if self.order == "id" else datetime_from
            found: datetime | int | None = read(row.get(self.order))
        except Unreadable:
            found = None
        if found is None:
            raise Misunderstood(f"{self.remote}.{self.method} shows entries without a {self.order} that can be read.")
        return found


def _change_log(name: str, method: str, model: type[Mirror], column: str) -> Source:
    declare("Logs", method, writes=False, shape=Shape.ROWS, false_is_empty=True)

    def told(row: Row) -> list[Told]:
        try:
            pk = identifier_from(row.get(column))
        except Unreadable:
            return []
        return [(model, pk)] if pk else []

    return Source(name, "Logs", method, "date_changed", told)


def _failed_delivery(row: Row) -> list[Told]:
    """What Blesta could not deliver; what it delivered has come by itself (reference 7.1: 0 or 500 on failures)."""
    if row.get("type") != "outgoing" or str(row.get("http_response"))[:1] == "2":
        return []
    fields = row.get("fields")
    try:
        parameters = parsed_json(fields.encode()) if isinstance(fields, str) else fields
    except (Malformed, UnicodeEncodeError):
        return []
    found = meaning(str(row.get("event")), ids_in(parameters))
    return [(found.model, found.pk)] if found.state == Delivery.State.RESOLVED and found.model else []


CHANGE_LOGS: Final = (
    _change_log("contact changes", "getContactList", Contact, "contact_id"),
    _change_log("client setting changes", "getClientSettingsList", Client, "client_id"),
    _change_log("transaction changes", "getTransactionList", Transaction, "transaction_id"),
    _change_log("service changes", "getServiceChangeList", Service, "service_id"),
)
declare("webhooks.WebhooksLogs", "getAllLogs", writes=False, shape=Shape.ROWS, false_is_empty=True)
DELIVERY_LOG: Final = Source("failed deliveries", "webhooks.WebhooksLogs", "getAllLogs", "id", _failed_delivery)


def probes() -> Iterator[Source]:
    """For each mirror that Blesta has events for and lists by id: its newest rows, until one that we knew."""
    for model in mirrors():
        resource = resource_of(model)
        listing, get = resource.listing, resource.get
        if listing is None or get is None or not (resource.events and listing.paged) or resource.is_scoped:
            continue
        if listing.order_by == "id" and listing.order_argument == "order_by":
            name = f"new {model._meta.label_lower.partition('.')[2]} rows"
            told = partial(_new_row, model)
            remote = resource.remote_of(listing)
            yield Source(
                name,
                remote,
                listing.method,
                "id",
                told,
                listing.arguments,
                listing.company,
                Hint.Source.PROBE,
                listing.order_by_qualified,
            )


def _new_row(model: type[Mirror], row: Row) -> list[Told]:
    try:
        pk = identifier_from(row.get("id"))
    except Unreadable:
        return []
    return [(model, pk)] if pk else []


def sources() -> list[Source]:
    return [*CHANGE_LOGS, DELIVERY_LOG, *probes()]


def poll(scope: Scope) -> int:
    """Read every feed of one company on; return how many entries asked for a row.

    What befalls one feed is on its row. What befalls them all (no connection, the wrong key) is raised.
    """
    if not conf.installation(scope.using).feeds:
        return 0
    return sum(_poll(source, scope) for source in sources())


def _poll(source: Source, scope: Scope) -> int:
    rows = Feed.objects.using(scope.using)
    feed, _ = rows.get_or_create(name=source.name, company_id=scope.company_id, defaults={"since": timezone.now()})
    if feed.state == Feed.State.OFF and feed.since and timezone.now() - feed.since < ASKED_AGAIN_AFTER:
        return 0
    try:
        entries = _read_on(source, scope, feed)
    except (NoSuchResource, NotCallable, Misunderstood, Disordered) as error:
        _note(feed, scope.using, state=Feed.State.OFF, error=str(error))
        return 0
    except BlestaError as error:
        _note(feed, scope.using, state=feed.state, error=str(error))
        if error.reason == "failing":
            return 0
        raise
    told = attempt(partial(_keep, source, scope, feed, entries), using=scope.using)
    if feed.state == Feed.State.OFF:
        _note(feed, scope.using, state=Feed.State.ON, error="")
    return told


def _note(feed: Feed, using: str, *, state: str, error: str) -> None:
    """The moment counts anew where the state changes, and where what is off was asked for once more."""
    now = timezone.now()
    since = now if state != feed.state or state == Feed.State.OFF else feed.since
    if state != feed.state:
        logger.info("The feed %r of company %s is %s. %s", feed.name, feed.company_id, state, error)
    Feed.objects.using(using).filter(pk=feed.pk).update(state=state, error=error[:500], polled_at=now, since=since)


@dataclass(slots=True)
class Entries:
    """Entries newer than the mark, newest first; `near` names them and those of the overlap.

    `mark` is that of the newest; `gap` says that the list went on where reading ended.
    """

    rows: dict[str, Row]
    mark: datetime | int
    near: list[str]
    gap: bool = False


def _read_on(source: Source, scope: Scope, feed: Feed) -> Entries:
    """Back to the mark and past its overlap. The first time, only what is newest is looked at, to set the mark."""
    is_id = source.order == "id"
    mark: Any = None if not feed.mark else int(feed.mark) if is_id else datetime.fromisoformat(feed.mark)
    floor: Any = None if mark is None else mark - (OVERLAPPING_IDS if is_id else OVERLAP)
    known = set(feed.overlap)
    entries = Entries({}, mark or (0 if is_id else LONG_AGO), [])
    previous: Any = None
    for number in range(1, MOST_PAGES + 1):
        before = len(entries.near)
        for row in source.page(scope, number):
            at: Any = source.mark_of(row)
            if previous is not None and at > previous:
                raise Disordered(f"{source.remote}.{source.method} is not ordered by {source.order}, newest first.")
            previous = at
            entries.mark = max(entries.mark, at)
            if floor is not None and at < floor:
                return entries
            name = blake2b(json.dumps(row, sort_keys=True, default=str).encode(), digest_size=8).hexdigest()
            if name not in entries.near:
                entries.near.append(name)
                if name not in known and mark is not None:
                    entries.rows[name] = row
        # A page without news ends the list: some servers repeat the last one for ever.
        if mark is None or len(entries.near) == before:
            return entries
    entries.gap = True
    return entries


def _keep(source: Source, scope: Scope, feed: Feed, entries: Entries) -> int:
    """Hints and mark in one transaction: the mark never passes what was committed."""
    told: dict[type[Mirror], set[int]] = {}
    for row in entries.rows.values():
        for model, pk in source.hints(row):
            told.setdefault(model, set()).add(pk)
    for model, pks in told.items():
        hint(model, pks, using=scope.using, source=source.cause, delay=0)
    gap = f"More than {MOST_PAGES} pages were new at once; what lay further back is left to the next whole run."
    Feed.objects.using(scope.using).filter(pk=feed.pk).update(
        mark=entries.mark.isoformat() if isinstance(entries.mark, datetime) else str(entries.mark),
        overlap=entries.near[:MOST_REMEMBERED],
        entries=F("entries") + len(entries.rows),
        error=gap if entries.gap else "",
        polled_at=timezone.now(),
    )
    return sum(map(len, told.values()))
