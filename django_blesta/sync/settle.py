"""When every chunk of a run is done: was it everything, what else is to be asked, and what is gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from django_blesta import conf
from django_blesta.models import SyncChunk, SyncRun, SyncScope
from django_blesta.sync._checkpoint import reached
from django_blesta.sync.chunks import Worker, get_row
from django_blesta.sync.fence import draw
from django_blesta.sync.fetch import MAX_WALKS, FirstLook, Row
from django_blesta.sync.plan import parents_of
from django_blesta.sync.rows import map_rows
from django_blesta.sync.seen import Seen
from django_blesta.sync.store import store

PAGES_A_CHUNK = 25
IDS_A_CHUNK = 25
ASK_UNLISTED_AGAIN_AFTER = timedelta(days=1)
Kind, State = SyncChunk.Kind, SyncRun.State


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a stage of judgement found: more work to plan, or the end of the run in a state with its reason."""

    more: tuple[tuple[str, dict[str, Any]], ...] = ()
    next_stage: str = ""
    state: SyncRun.State | None = None
    error: str = ""


def page_chunks(look: FirstLook) -> list[tuple[str, dict[str, Any]]]:
    """Last page to first, in ranges; a listing without a reliable order is one chunk of its own kind."""
    if look.count is not None and look.count > 0 and not look.rows:
        return [(Kind.PAGES, {"first": 1, "last": 1})]
    pages = look.pages
    if look.rows and not look.order:
        return [(Kind.PAGES, {"unordered": True})]
    ranges = range(pages, 0, -PAGES_A_CHUNK)
    return [(Kind.PAGES, {"first": top, "last": max(1, top - PAGES_A_CHUNK + 1)}) for top in ranges]


def id_chunks(kind: str, ids: Iterable[Any], **work: Any) -> list[tuple[str, dict[str, Any]]]:
    todo = list(ids)
    return [(kind, {"ids": todo[at : at + IDS_A_CHUNK], **work}) for at in range(0, len(todo), IDS_A_CHUNK)]


class Judge:
    """Decides over one run; its requests are few, and are made while no other chunk of the run is open."""

    def __init__(self, worker: Worker) -> None:
        self.worker, self.run, self.scope = worker, worker.run, worker.scope
        self.model, self.resource = worker.model, worker.resource
        self.using = worker.scope.using

    def judge(self, stage: str) -> Verdict:
        reached("settle-begun")
        if stage == "walk":
            return self._after_walk()
        if stage == "detail":
            return self._after_detail()
        return Verdict(state=State.COMPLETE)

    # --- was it everything? --------------------------------------------------------------------------------

    def _after_walk(self) -> Verdict:
        bad = self._bad()
        unsettled = ""
        if self.run.order or not self._is_paged():
            unsettled = self._unproven() if self._is_paged() and not self.resource.is_scoped else ""
            if unsettled and not bad and self.run.walk < MAX_WALKS:
                return self._walk_again()
        state, error = State.COMPLETE, "; ".join(filter(None, [_listed(bad), unsettled]))
        if error:
            state = State.PARTIAL
        self._update(state=State.RUNNING, error=error[:500])
        self.run.error = error
        details = self._due_details() if self.run.options.get("details") else []
        if details:
            return Verdict(tuple(id_chunks(Kind.GETS, details, purpose="detail")), "detail")
        return self._after_detail() if state == State.COMPLETE else Verdict(state=state, error=error)

    def _is_paged(self) -> bool:
        return self.resource.listing is not None and self.resource.listing.paged

    def _unproven(self) -> str:
        """Compare what was seen with what Blesta counted before and counts now (architecture D5)."""
        listing, before = self.worker.listing, self.run.expected
        if listing is None or before is None:
            return ""
        seen, highest = self._seen(), self.run.highest_id
        old = seen.up_to(highest)
        one_at_a_time = self.run.options.get("in_flight") == 1 and self._workers() <= 1
        if one_at_a_time and old >= before:
            return ""
        after = listing.count()
        if after is None:
            return ""
        new = self._tail(after, highest)
        deleted = before - (after - new)
        if deleted == 0 or one_at_a_time:
            missing = before - max(deleted, 0) - old
            return f"{missing} of {before} rows that Blesta counts were not shown." if missing > 0 else ""
        return f"{deleted} rows were deleted while the listing was read, so others may have been skipped."

    def _workers(self) -> int:
        chunks = self._chunks().filter(walk=self.run.walk).exclude(kind=Kind.SETTLE)
        retried = chunks.filter(token__gt=1).exists()
        return 2 if retried else chunks.values("worker").distinct().count()

    def _tail(self, count: int, highest: int | None) -> int:
        """How many rows came after the plan; they are stored, too."""
        listing, size = self.worker.listing, self.run.page_size
        if listing is None or highest is None or not size:
            return 0
        fence, before = draw(self.using), timezone.now()
        new: dict[Any, Row] = {}
        number = max(1, -(-count // size))
        while True:
            rows = listing.page(number, self.run.order)
            ids = listing.identities(rows)
            fresh = {listing.identity(row): row for row in rows}
            new |= {one: row for one, row in fresh.items() if isinstance(one, int) and one > highest}
            if number == 1 or (ids and isinstance(ids[0], int) and ids[0] <= highest):
                break
            number -= 1
        if new:
            mapped = map_rows(self.model, new.values(), self.scope)
            tally = store(self.model, mapped.incoming, fence=fence, fetched_at=before, using=self.using)
            self._update(created=F("created") + tally.created, fetched=F("fetched") + len(new))
        return len(new)

    def _walk_again(self) -> Verdict:
        listing = self.worker.listing
        if listing is None:
            return Verdict(state=State.PARTIAL, error="The listing cannot be walked again.")
        look = listing.first_look()
        highest = self.worker.highest_of(look)
        self.run.walk += 1
        self.run.expected, self.run.highest_id = look.count, highest
        self._update(walk=self.run.walk, expected=look.count, highest_id=highest)
        return Verdict(tuple(page_chunks(look)), "walk")

    # --- what else is to be asked? -------------------------------------------------------------------------

    def _due_details(self) -> list[Any]:
        if not (self.resource.detail and self.resource.get):
            return []
        due = Q(detail_fetched_at__isnull=True) | Q(detail_fetched_at__lt=F("fetched_at"))
        rows = self._present().filter(due)
        return list(rows.order_by("pk").values_list("pk", flat=True))

    def _after_detail(self) -> Verdict:
        if self.run.error:
            return Verdict(state=State.PARTIAL, error=self.run.error)
        bad = self._bad()
        missing = self._missing()
        held = self._present().count() if missing else 0
        limits = conf.installation(self.using)
        if len(missing) > limits.loss_limit_rows and len(missing) > limits.loss_limit_share * held:
            share = f"{len(missing)} of {held} rows"
            self._update(unconfirmed=len(missing))
            return Verdict(state=State.SUSPECT, error=f"{share} are not shown any more. None was marked gone.")
        if missing and not self._canary():
            self._update(unconfirmed=len(missing))
            return Verdict(
                state=State.SUSPECT, error="A row that was just listed cannot be read. None was marked gone."
            )
        if missing:
            return Verdict(tuple(id_chunks(Kind.GETS, missing, purpose="confirm")), "gone")
        return Verdict(state=State.PARTIAL if bad else State.COMPLETE, error=_listed(bad))

    # --- what is gone? -------------------------------------------------------------------------------------

    def _missing(self) -> list[Any]:
        """Rows here that a complete, ordered run did not see, and that may be asked for one by one."""
        if self.resource.get is None or (self._is_paged() and not self.run.order and not self.resource.is_scoped):
            return []
        seen = self._seen()
        name = self._identity_column()
        rows = self._present().filter(Q(unlisted_at__isnull=True) | Q(unlisted_at__lt=self._yesterday()))
        rows = rows.filter(fence__lte=self._last_fence())
        if self.run.highest_id is not None and name == "id":
            rows = rows.filter(pk__lte=self.run.highest_id)
        if self.resource.parent:
            rows = rows.filter(**{f"{self.resource.parent}__in": parents_of(self.model, self.scope)})
        return [one for one in _streamed(rows, name) if one not in seen]

    def _last_fence(self) -> int:
        """A row stored by something later than this run's beginning is not this run's to miss."""
        return self.run.fence

    def _canary(self) -> bool:
        """The credentials must still show a row that this run has seen, or their silence about others means nothing."""
        identity = self._seen().some()
        return identity is not None and get_row(self.model, identity, self.scope) is not None

    def _identity_column(self) -> str:
        name = self.resource.key[-1]
        return cast("models.Field[Any, Any]", self.model._meta.get_field(name)).attname

    def _present(self) -> Any:
        rows = self.model._base_manager.using(self.using).filter(gone_at__isnull=True)
        return rows.filter(company_id=self.scope.company_id) if self.resource.company else rows

    def _yesterday(self) -> Any:
        return timezone.now() - ASK_UNLISTED_AGAIN_AFTER

    # --- what all stages share -----------------------------------------------------------------------------

    def _chunks(self) -> Any:
        return SyncChunk.objects.using(self.using).filter(run_id=self.run.pk)

    def _seen(self) -> Seen:
        blobs = self._chunks().exclude(seen=None).order_by("-position").values_list("seen", flat=True)
        return Seen(blobs.iterator(chunk_size=100))

    def _bad(self) -> list[str]:
        """Named of the last walk only: what an earlier one could not read, a later one may have."""
        walks = self._chunks().exclude(kind=Kind.SETTLE).filter(walk=self.run.walk)
        return [one for bad in walks.exclude(bad=[]).values_list("bad", flat=True) for one in bad]

    def _update(self, **columns: Any) -> None:
        SyncRun.objects.using(self.using).filter(pk=self.run.pk).update(**columns)


def forget_what_was_seen(run: SyncRun, using: str) -> None:
    """It has been judged; only the chunks' course is of interest now."""
    SyncChunk.objects.using(using).filter(run_id=run.pk).update(seen=None)


def close_scope(run: SyncRun, using: str) -> None:
    scopes = SyncScope.objects.using(using).filter(resource=run.resource, run_id=run.pk)
    if run.state == State.COMPLETE:
        scopes.filter(completed_fence__lt=run.fence).update(completed_fence=run.fence)
    scopes.update(run=None)


def _streamed(rows: Any, column: str) -> Iterator[Any]:
    yield from rows.order_by(column).values_list(column, flat=True).iterator(chunk_size=2000)


def _listed(bad: list[str]) -> str:
    if not bad:
        return ""
    more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
    return f"Could not be read: {'; '.join(bad[:3])}{more}"
