"""When every chunk of a run is done: was it everything, what else is to be asked, and what is gone."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple, cast

from django.db import models
from django.db.models import BigIntegerField, Case, F, Q, Value, When
from django.utils import timezone

from django_blesta import conf
from django_blesta.exceptions import BlestaError
from django_blesta.models import Mirror, SyncChunk, SyncRun, SyncScope
from django_blesta.sync._checkpoint import reached
from django_blesta.sync.chunks import Worker, get_row
from django_blesta.sync.fence import draw
from django_blesta.sync.fetch import MAX_WALKS, FirstLook, Listing, Row, concerns_one_answer
from django_blesta.sync.plan import parent_of, present_parents
from django_blesta.sync.seen import Seen

PAGES_A_CHUNK = 25
#: For a worker by itself, which gains nothing by small shares: so many pages or rows, and a walk in at least so many.
MOST_PAGES_A_CHUNK, ROWS_A_CHUNK, CHUNKS_ALONE = 175, 3500, 3
IDS_A_CHUNK = 25
IDS_A_DELETE = 1000
CANARIES = 3
MINUTES_FOR_SINGLE_ROWS = 5
ASK_UNLISTED_AGAIN_AFTER = timedelta(days=1)
Kind, State = SyncChunk.Kind, SyncRun.State


@dataclass(frozen=True, slots=True)
class Look:
    """A first look at a listing, and the fence and the instant from before it."""

    at: FirstLook
    fence: int
    before: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a stage of judgement found: more work to plan, or the end of the run in a state with its reason.

    `news` are columns of the run and `also` is what else the judgement itself brought, to be written in the
    transaction that ends its chunk.
    """

    more: tuple[tuple[str, dict[str, Any]], ...] = ()
    next_stage: str = ""
    state: SyncRun.State | None = None
    error: str = ""
    look: Look | None = None
    also: tuple[Callable[[], Any], ...] = ()
    news: Mapping[str, Any] = field(default_factory=dict)


def is_numbered(look: FirstLook, listing: Listing) -> bool:
    return all(isinstance(one, int) for one in listing.identities(look.last_rows or look.rows))


def page_chunks(look: FirstLook, *, is_numbered: bool, is_shared: bool) -> list[tuple[str, dict[str, Any]]]:
    """First the page that the look has brought, then the others, last page to first, in ranges.

    Ranges are small where several workers are to share the walk. For one alone they grow with the listing, since each
    costs the same few statements. A listing without a reliable order is one chunk of its own kind; so is one of
    several pages whose rows have no rising number, for a new row may come anywhere in it.
    """
    if not look.order or (look.last > 1 and not is_numbered):
        return [(Kind.PAGES, {"unordered": True})]
    looked = {"first": look.last, "last": look.last, "standing": look.standing, "counted": look.count}
    size = PAGES_A_CHUNK
    if not is_shared and look.rows:
        share = min(-(-look.last // CHUNKS_ALONE), ROWS_A_CHUNK // len(look.rows), MOST_PAGES_A_CHUNK)
        size = max(size, share)
    return [
        (Kind.PAGES, looked),
        *((Kind.PAGES, {"first": top, "last": max(1, top - size + 1)}) for top in range(look.last - 1, 0, -size)),
    ]


def highest_in(look: FirstLook, listing: Listing) -> int | None:
    """The highest id before the walk; rows beyond it are new, and no run is blamed for missing them."""
    if not look.order:
        return None
    numbers = [one for one in listing.identities(look.last_rows or look.rows) if isinstance(one, int)]
    return max(numbers, default=None)


def id_chunks(kind: str, ids: Iterable[Any], **work: Any) -> list[tuple[str, dict[str, Any]]]:
    todo = list(ids)
    return [(kind, {"ids": todo[at : at + IDS_A_CHUNK], **work}) for at in range(0, len(todo), IDS_A_CHUNK)]


class _Done(NamedTuple):
    """A chunk of the walk that is judged."""

    kind: str
    work: dict[str, Any]
    bad: list[str]
    worker: str
    token: int

    @property
    def is_single(self) -> bool:
        return self.kind == Kind.GETS and self.work.get("purpose") != "reference"


class Judge:
    """Decides over one run; its requests are few, and are made while no other chunk of the run is open."""

    def __init__(self, worker: Worker) -> None:
        self.worker, self.run, self.scope = worker, worker.run, worker.scope
        self.model, self.resource = worker.model, worker.resource
        self.using = worker.scope.using
        self._also: list[Callable[[], Any]] = []
        self._news: dict[str, Any] = {}
        self._walked: list[_Done] | None = None
        self._united: Seen | None = None

    def judge(self, stage: str) -> Verdict:
        reached("settle-begun")
        if stage == "walk":
            verdict = self._after_walk()
        elif stage == "detail":
            verdict = self._after_detail()
        else:
            verdict = self._end()
        return replace(verdict, also=tuple(self._also), news=self._news)

    # --- was it everything? --------------------------------------------------------------------------------

    def _after_walk(self) -> Verdict:
        bad = self._bad()
        unsettled, may_walk_again = self._doubt(bool(bad))
        if unsettled and may_walk_again and not bad and self.run.walk < MAX_WALKS:
            return self._lists_again() if self.resource.each else self._walk_again()
        error = "; ".join(filter(None, [_listed(bad), unsettled]))
        self.run.error = error
        self._later(error=error[:500])  # for the stages that follow
        singles = id_chunks(Kind.GETS, self._unread_ids(), purpose="unread") if bad else []
        if self.run.options.get("details"):
            singles += id_chunks(Kind.GETS, self._due_details(), purpose="detail")
        return Verdict(tuple(singles), "detail") if singles else self._after_detail()

    def _is_walked(self) -> bool:
        return self.resource.listing is not None and self.resource.listing.paged and not self.resource.is_scoped

    def _doubt(self, is_bad: bool) -> tuple[str, bool]:
        """What speaks against everything having been shown, and whether reading it again may help."""
        if self._is_walked():
            return self._unproven(is_bad)
        return self._differing_rounds() if self.resource.each and not is_bad else ("", False)

    def _differing_rounds(self) -> tuple[str, bool]:
        """A row may pass from a list that is still to be read to one that was. A round that shows no row that those
        before it did not show, but for new ones, saw it wherever it went."""
        rounds: dict[int, list[bytes]] = {}
        for walk, blob in self._chunks().exclude(seen=None).order_by("position").values_list("walk", "seen"):
            rounds.setdefault(walk, []).append(blob)
        first, *others = [Seen(blobs) for _, blobs in sorted(rounds.items())] or [Seen(())]
        if not others:
            return "The lists were read only once.", True
        before, highest = {*first.numbers}, max(first.numbers, default=0)
        for earlier in others[:-1]:
            before.update(earlier.numbers)
        late = sum(one not in before for one in others[-1].numbers if one <= highest)
        return (f"{late} rows were shown by one round and not by those before it." if late else ""), True

    def _lists_again(self) -> Verdict:
        self.run.walk += 1
        self._later(walk=self.run.walk)
        return Verdict(tuple(id_chunks(Kind.PARENTS, self.resource.each)), "walk")

    def _unproven(self, is_bad: bool) -> tuple[str, bool]:
        """What speaks against the walk having shown everything (architecture D5), and whether another may help.

        In an order that is kept, rows up to the highest id at the plan can only become fewer. If they are as many as
        then, none was deleted meanwhile, so none moved from a page that was still to be read to one that had been.
        """
        listing, look = self.worker.listing, self._looked()
        if listing is None or is_bad:
            return "", False
        if look is None:
            return self._uncounted(listing)
        standing, over = look["standing"], (look["counted"] or 0) > look["standing"]
        seen = self._seen().up_to(self.run.highest_id)
        if look["first"] == 1 and not over:
            return "", False
        disorder = self._noted("disorder")
        one_at_a_time = self.run.options.get("in_flight") == 1 and self._workers() <= 1 and not disorder
        if one_at_a_time and seen >= standing and not over:
            return "", False
        try:
            still, total = self._tail(listing, look)
        except BlestaError as error:
            if not concerns_one_answer(error):
                raise
            return f"The end of the listing could not be read again ({error}).", False
        if over and (counted := self.worker.ask(listing.count) or 0) > total:
            return f"{counted - total} of {counted} rows that Blesta counts are not shown.", False
        if still != standing and not one_at_a_time:
            return f"{standing - still} rows were deleted while the listing was read, so others may be missing.", True
        if disorder:
            return _listed(disorder), False
        missing = still - seen
        return (f"{missing} of {still} rows were not shown.", True) if missing > 0 else ("", False)

    def _uncounted(self, listing: Listing) -> tuple[str, bool]:
        """Two walks agreed; they must also have shown as many rows as Blesta counts."""
        counts = [one for one in (self.run.expected, self.worker.ask(listing.count)) if one is not None]
        lower, seen = min(counts, default=0), len(self._seen())
        return (f"{lower - seen} of {lower} rows that Blesta counts are not shown." if seen < lower else ""), False

    def _looked(self) -> dict[str, Any] | None:
        works = [one.work for one in self._done() if one.kind == Kind.PAGES]
        return works[0] if works and "standing" in works[0] else None

    def _workers(self) -> int:
        """Besides the one that took the first look, which was over before the others began."""
        pages = [one for one in self._done() if one.kind == Kind.PAGES][1:]
        was_retried = any(one.token > 1 for one in pages)
        return 2 if was_retried else len({one.worker for one in pages})

    def _tail(self, listing: Listing, look: dict[str, Any]) -> tuple[int, int]:
        """How many rows up to the highest id there are still, and how many rows in all.

        What has come since is stored, too, as far as the last page of then was not full.
        """
        size, highest, order = self.run.page_size, self.run.highest_id, self.run.order
        fence, before = draw(self.using), timezone.now()
        new: dict[Any, Row] = {}
        number = look["first"]

        def look_at(page: int) -> tuple[set[Any], int]:
            rows = self.worker.ask(lambda: listing.page(page, order))
            shown = {listing.identity(row): row for row in rows}
            later = {one: row for one, row in shown.items() if isinstance(one, int) and (not highest or one > highest)}
            new.update(later)
            return shown.keys() - later.keys(), len(rows)

        old, rows = look_at(number)
        # Some servers repeat the last page for ever: what stands here must be what stood here.
        has_moved = highest not in old
        total = (number - 1) * size + rows
        has_grown = bool(size) and rows == size and look["standing"] % size
        top = number
        while has_grown:
            held, top = len(new), top + 1
            _, rows = look_at(top)
            total += rows if len(new) > held else 0
            has_grown = rows == size and len(new) > held
        while not old and number > 1:
            number -= 1
            old, rows = look_at(number)
            total = total if new else (number - 1) * size + rows
        if new:
            rows_of_new = list(new.values())
            self._also.append(lambda: self.worker.keep_new(rows_of_new, fence, before))
        still = (number - 1) * size + len(old)
        return min(still, look["standing"] - 1) if has_moved else still, total

    def _walk_again(self) -> Verdict:
        listing = self.worker.listing
        if listing is None:
            return Verdict(state=State.PARTIAL, error="The listing cannot be walked again.")
        fence, before = draw(self.using), timezone.now()
        look = self.worker.ask(lambda: listing.first_look(self.run.page_size))
        highest, is_shared = highest_in(look, listing), self._workers() > 1
        self.run.walk += 1
        self.run.highest_id, self.run.order = highest, look.order
        self._later(
            walk=self.run.walk,
            expected=look.count,
            highest_id=highest,
            order=look.order,
            page_size=len(look.rows) or self.run.page_size,
        )
        chunks = page_chunks(look, is_numbered=is_numbered(look, listing), is_shared=is_shared)
        return Verdict(tuple(chunks), "walk", look=Look(look, fence, before))

    # --- what else is to be asked? -------------------------------------------------------------------------

    def _due_details(self) -> list[Any]:
        if not (self.resource.detail and self.resource.get):
            return []
        due = Q(detail_fetched_at__isnull=True) | Q(detail_fetched_at__lt=F("fetched_at"))
        longest_ago_first = self._present().filter(due).order_by(F("detail_fetched_at").asc(nulls_first=True), "pk")
        return list(longest_ago_first.values_list("pk", flat=True)[: self._budget()])

    def _budget(self) -> int | None:
        """How many single rows of a kind one run may ask for; what is beyond is left to the next."""
        per_minute = conf.installation(self.using).single_rows_per_minute
        return None if per_minute is None else per_minute * MINUTES_FOR_SINGLE_ROWS

    def _unread_ids(self) -> list[Any]:
        """Rows that are held and, by their number, stand on pages that could not be read."""
        size, unread = self.run.page_size, sorted(set(self._noted("unread")))
        if not (unread and size and self.resource.get) or self._identity_column() != "id":
            return []
        numbers = self._seen().numbers
        holes = Q()
        for at, page in enumerate(unread):
            place = min((page - 1 - at) * size, len(numbers))
            hole = Q(pk__gt=numbers[place - 1]) if place else Q()
            holes |= hole & (Q(pk__lt=numbers[place]) if place < len(numbers) else Q())
        held = self._present().filter(holes, fence__lte=self.run.fence).order_by("pk").values_list("pk", flat=True)
        return list(held[: 2 * size * len(unread)])

    def _after_detail(self) -> Verdict:
        if self.run.error:
            return self._end()
        missing = self._missing()
        held = self._present().count() if missing else 0
        limits = conf.installation(self.using)
        if len(missing) > limits.loss_limit_rows and len(missing) > limits.loss_limit_share * held:
            share = f"{len(missing)} of {held} rows"
            return self._suspect(missing, f"{share} are not shown any more. None was marked gone.")
        if missing and not self._canary():
            return self._suspect(missing, "No row that is still shown can be read. None was marked gone.")
        if missing and self.resource.get is None:
            self._also.append(lambda: self._remove(missing))
            return self._end()
        if missing:
            asked = missing[: self._budget()]
            self._later(unconfirmed=len(missing) - len(asked))
            return Verdict(tuple(id_chunks(Kind.GETS, asked, purpose="confirm")), "gone")
        return self._end()

    def _end(self) -> Verdict:
        """Single rows that could not be read leave the listing complete."""
        self._also.append(self._list_again)
        error = self.run.error
        if not error and (bad := self._bad(single=True)):
            self._later(notice=_listed(bad)[:500])
        return Verdict(state=State.PARTIAL if error else State.COMPLETE, error=error)

    def _suspect(self, missing: list[Any], why: str) -> Verdict:
        self._later(unconfirmed=len(missing))
        return Verdict(state=State.SUSPECT, error=why)

    # --- what is gone? -------------------------------------------------------------------------------------

    def _missing(self) -> list[Any]:
        """Rows here that a complete, ordered run did not see, by what they may be asked for one by one.

        Where Blesta has no way to ask, they are the rows that did not come with their parents.
        """
        if self._is_walked() and not self.run.order:
            return []
        if self.resource.get is None:
            works = self._chunks().filter(kind=Kind.PARENTS).values_list("work", flat=True)
            return [pk for work in works for pk in work.get("unshown", ())]
        seen = self._seen()
        name = self._identity_column()
        rows = self._present().filter(Q(unlisted_at__isnull=True) | Q(unlisted_at__lt=self._yesterday()))
        # A row stored by something later than this run's beginning is not this run's to miss.
        rows = rows.filter(fence__lte=self.run.fence)
        if self.resource.parent:
            rows = rows.filter(**{f"{self.resource.parent}__in": present_parents(self.model, self.scope)})
        return [one for one in _streamed(rows, name) if one not in seen]

    def _canary(self) -> bool:
        """The credentials must still show a row of ours that this run has seen, or their silence about others means
        nothing; of rows that cannot be asked for, some must have come, and their parent must be shown."""
        if self.resource.get is None:
            fetched = SyncRun.objects.using(self.using).values_list("fetched", flat=True).get(pk=self.run.pk)
            parent = present_parents(self.model, self.scope).order_by("pk").values_list("pk", flat=True).first()
            return bool(fetched) and parent is not None and self._is_shown(parent_of(self.model), parent)
        seen = self._seen()
        # A cursor that is left half read is closed here, not whenever its garbage is collected.
        with closing(_streamed(self._present(), self._identity_column())) as ours:
            canaries = list(islice((one for one in ours if one in seen), CANARIES))
        return any(self._is_shown(self.model, canary) for canary in canaries)

    def _is_shown(self, model: type[Mirror], identity: Any) -> bool:
        try:
            return self.worker.ask(lambda: get_row(model, identity, self.scope)) is not None
        except BlestaError as error:
            if not concerns_one_answer(error):
                raise
            return False

    def _remove(self, pks: list[int]) -> None:
        rows = self.model._base_manager.using(self.using)
        removed = 0
        for at in range(0, len(pks), IDS_A_DELETE):
            removed += rows.filter(pk__in=pks[at : at + IDS_A_DELETE]).delete()[0]
        self._update(removed=F("removed") + removed)

    def _list_again(self) -> None:
        """A row that no listing showed, and that one shows again."""
        seen = self._seen()
        name = self._identity_column()
        unlisted = self._present().filter(unlisted_at__isnull=False)
        again = [pk for pk, one in unlisted.values_list("pk", name) if one in seen]
        if again:
            unlisted.filter(pk__in=again).update(unlisted_at=None)

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
        if self._united is None:
            blobs = self._chunks().exclude(seen=None).order_by("-position").values_list("seen", flat=True)
            self._united = Seen(blobs.iterator(chunk_size=100))
        return self._united

    def _bad(self, *, single: bool = False) -> list[str]:
        """Named of the last walk only: what an earlier one could not read, a later one may have."""
        return [bad for one in self._done() if one.kind != Kind.SETTLE and one.is_single == single for bad in one.bad]

    def _noted(self, name: str) -> list[Any]:
        """What the chunks of the last walk noted beside their work."""
        works = [one.work for one in reversed(self._done()) if one.kind == Kind.PAGES]
        return [noted for work in works for noted in work.get(name, ())]

    def _done(self) -> list[_Done]:
        """The chunks of the last walk in their order, as they were when this judgement began."""
        if self._walked is None:
            chunks = self._chunks().filter(walk=self.run.walk).order_by("position")
            self._walked = [_Done(*one) for one in chunks.values_list("kind", "work", "bad", "worker", "token")]
        return self._walked

    def _later(self, **columns: Any) -> None:
        """Columns of the run; the state, and the error of one that ends, are the verdict's."""
        self._news |= columns

    def _update(self, **columns: Any) -> None:
        SyncRun.objects.using(self.using).filter(pk=self.run.pk).update(**columns)


def forget_what_was_seen(run: SyncRun, using: str) -> None:
    """It has been judged; only the chunks' course is of interest now."""
    SyncChunk.objects.using(using).filter(run_id=run.pk).update(seen=None)


def close_scope(run: SyncRun, using: str) -> None:
    """The scope is free for the next run; what was fetched before a completed one is dropped from now on."""
    news: dict[str, Any] = {"run": None}
    if run.state == State.COMPLETE:
        older = When(completed_fence__lt=run.fence, then=Value(run.fence))
        news["completed_fence"] = Case(older, default=F("completed_fence"), output_field=BigIntegerField())
    SyncScope.objects.using(using).filter(resource=run.resource, run_id=run.pk).update(**news)


def _streamed(rows: Any, column: str) -> Generator[Any, None, None]:
    yield from rows.order_by(column).values_list(column, flat=True).iterator(chunk_size=2000)


def _listed(bad: list[str]) -> str:
    if not bad:
        return ""
    more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
    return f"Could not be read: {'; '.join(bad[:3])}{more}"
