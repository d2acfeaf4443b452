"""The work of one chunk: its requests, and the short transaction in which what they brought is stored."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast

from django.db import models, transaction
from django.db.models import F
from django.utils import timezone

from django_blesta import conf
from django_blesta.connection import CallRecord
from django_blesta.exceptions import BlestaError, NotAllowed
from django_blesta.models import Mirror, SyncChunk, SyncRun, mirror_named
from django_blesta.resources import Unfit, resource_of
from django_blesta.sync._checkpoint import reached
from django_blesta.sync.drift import Notebook
from django_blesta.sync.fence import draw
from django_blesta.sync.fetch import Listing, Row, Window, ascends, concerns_one_answer, gather
from django_blesta.sync.leases import Claim, Vigil, turn_for
from django_blesta.sync.plan import Scope
from django_blesta.sync.rows import Mapped, is_quarantined, map_rows, quarantine, release
from django_blesta.sync.seen import Identity, packed
from django_blesta.sync.store import Tally, mark_gone, store

Kind = SyncChunk.Kind
PAGES_A_BATCH = 25
T = TypeVar("T")


@dataclass(slots=True)
class Sent:
    """A chunk whose requests are on their way, or where they have to wait for their turn, will be."""

    claim: Claim
    fence: int
    before: datetime
    answers: list[tuple[Any, Future[Any]]] = field(default_factory=list)
    unsent: list[Any] = field(default_factory=list)


class Worker:
    """One worker's hands on one run: it sends a chunk's requests, later gathers and stores them."""

    def __init__(self, run: SyncRun, scope: Scope, in_flight: int, vigil: Vigil | None = None) -> None:
        self.run, self.scope = run, scope
        self.model = mirror_named(run.resource)
        self.resource = resource_of(self.model)
        self.window = Window(in_flight)
        self.vigil = vigil or Vigil(scope.using)
        self._requests, self._told = 0, 0
        self._notebook = Notebook()
        self._has_quarantined: bool | None = None
        self._lock = threading.Lock()
        self._thread = threading.get_ident()
        self.listing = (
            Listing(scope.connection, self.resource, scope.company_id, run.order) if self.resource.listing else None
        )

    def count_call(self, call: CallRecord) -> None:
        """Only of this worker's threads: others in this process may work on the same run."""
        thread = threading.get_ident()
        if thread == self._thread or thread in self.window.members:
            with self._lock:
                self._requests += call.tries

    def requests(self) -> int:
        """How many requests left since this was last asked; asked inside the transaction that adds them up."""
        with self._lock:
            new, self._told = self._requests - self._told, self._requests
        return new

    def told(self) -> None:
        """After the commit."""
        with self._lock:
            self._requests, self._told = self._requests - self._told, 0
        self._notebook.told()

    def untold(self) -> None:
        """Before a transaction that may have been rolled back is tried again."""
        with self._lock:
            self._told = 0
        self._notebook.untold()

    def ask(self, request: Callable[[], T]) -> T:
        """The answer to one request, while the leases are kept."""
        ((_, future),) = self.window.send(lambda _: request(), [None])
        while not wait((future,), timeout=self.vigil.beat()).done:
            continue
        return future.result()

    def send(self, claim: Claim) -> Sent:
        """The fence is drawn before the first request leaves; a judgement draws its own."""
        judges = claim.chunk.kind == Kind.SETTLE
        sent = Sent(claim, 0 if judges else draw(self.scope.using), timezone.now())
        work = claim.chunk.work
        if claim.chunk.kind == Kind.PAGES and "first" in work:
            self._leave(sent, range(work["first"], work["last"] - 1, -1))
        elif claim.chunk.kind in {Kind.PARENTS, Kind.GETS}:
            if conf.installation(self.scope.using).single_rows_per_minute is None:
                self._leave(sent, work["ids"])
            else:
                sent.unsent = list(work["ids"])
        return sent

    def _leave(self, sent: Sent, items: Iterable[Any]) -> None:
        if sent.claim.chunk.kind == Kind.PAGES:
            listing, order = self._listing(), self.run.order
            sent.answers = self.window.send(lambda number: listing.page(number, order), items)
        elif sent.claim.chunk.kind == Kind.PARENTS:
            listing, page_size = self._listing(), self.run.page_size
            sent.answers = self.window.send(lambda parent: listing.under(parent, page_size), items)
        else:
            sent.answers = self.window.send(lambda pk: get_row(self.model, pk, self.scope), items)

    def _await_turn(self, sent: Sent) -> None:
        if sent.unsent:
            self.vigil.wait(turn_for(len(sent.unsent), self.scope.using))
            sent.fence, sent.before = draw(self.scope.using), timezone.now()
            self._leave(sent, sent.unsent)
            sent.unsent = []

    def finish(self, sent: Sent) -> None:
        """Gather, map, store and check off, the last two in one transaction under the chunk's lock.

        May be called again where the database failed: the answers are still there.
        """
        chunk = sent.claim.chunk
        bad: list[str] = []
        self.untold()
        self._await_turn(sent)
        if chunk.kind == Kind.PAGES:
            self._pages(sent, bad)
        elif chunk.kind == Kind.PARENTS:
            answers = gather(sent.answers, bad, self.resource.parent or "list", self.vigil.beat)
            self._under_parents(sent, list(answers), bad)
        else:
            name = str(self.model._meta.verbose_name)
            self._singles(sent, list(gather(sent.answers, bad, name, self.vigil.beat)), bad)
        self.told()

    # --- pages ---------------------------------------------------------------------------------------------

    def _pages(self, sent: Sent, bad: list[str]) -> None:
        work, listing = sent.claim.chunk.work, self._listing()
        if work.get("unordered"):
            self._unordered(sent, bad)
        elif work.get("whole"):
            self.keep(sent, self.ask(lambda: listing.page(1, "")), bad)
        else:
            answers: list[tuple[int, list[Row]]] = []
            mapped = Mapped()
            for number, page in gather(sent.answers, bad, "page", self.vigil.beat):
                answers.append((number, page))
                if self.scope.alone:
                    # While others are still on their way. Rows of several companies are placed in one statement.
                    mapped.add(map_rows(self.model, page, self.scope))
            unread = sorted({number for number, _ in sent.answers} - {number for number, _ in answers})
            rows = [row for _, page in answers for row in page]
            if not self.scope.alone:
                mapped = map_rows(self.model, rows, self.scope)
            reached("chunk-fetched")
            self._keep(sent, rows, mapped, bad, unread=unread, disorder=self._disorder_in(answers))

    def _disorder_in(self, answers: list[tuple[int, list[Row]]]) -> list[str]:
        """Pages come from the last to the first, and each must lie wholly below those after it.

        A row that is on two pages was moved by a deletion between the two; and what is new moves down, too. Many
        deletions at once look like disorder, which is for the judgement to tell apart.
        """
        listing, highest, disorder = self._listing(), self.run.highest_id, []
        above: list[Identity] = []
        shown: set[Identity] = set()
        for number, page in answers:
            identities = listing.identities(page)
            moved = {one for one in identities if above and not ascends([one, above[0]])} - shown
            if highest is not None:
                moved = {one for one in moved if isinstance(one, int) and one <= highest}
            if identities and identities == above:
                disorder.append(f"page {number} (the same as the one after it: Blesta ignores the page number)")
            elif not ascends(identities) or not ascends(identities[:1] + above[:1]) or moved:
                disorder.append(f"page {number} (out of order: the listing changed its order on the way)")
            elif not page and above:
                disorder.append(f"page {number} (empty, though the one after it is not)")
            above = identities or above
            shown.update(identities)
        return disorder

    def _unordered(self, sent: Sent, bad: list[str]) -> None:
        """Stored as it comes, since all of it may be too much to hold; checked off at the end."""
        seen: list[Identity] = []
        rows: list[Row] = []
        pages = 0
        try:
            for page in self._listing().until_two_agree(self.ask, self.run.order):
                rows += page
                pages += 1
                if pages % PAGES_A_BATCH == 0:
                    seen += self._listing().identities(rows)
                    self._keep_some(sent, rows)
                    rows = []
        except BlestaError as error:
            if not concerns_one_answer(error):
                raise
            bad.append(str(error))
        reached("chunk-fetched")
        self.keep(sent, rows, bad, seen)

    def _keep_some(self, sent: Sent, rows: list[Row]) -> None:
        mapped = map_rows(self.model, rows, self.scope)
        with transaction.atomic(self.scope.using):
            sent.claim.hold()
            self._add(mapped, self._store(mapped, sent), fetched=len(rows))
        self.told()

    def keep(
        self, sent: Sent, rows: list[Row], bad: list[str], seen: Iterable[Identity] = (), **noted: list[Any]
    ) -> None:
        self._keep(sent, rows, map_rows(self.model, rows, self.scope), bad, seen, **noted)

    def _keep(
        self,
        sent: Sent,
        rows: list[Row],
        mapped: Mapped,
        bad: list[str],
        seen: Iterable[Identity] = (),
        **noted: list[Any],
    ) -> None:
        blob = packed([*seen, *self._listing().identities(rows)])
        news = {name: found for name, found in noted.items() if found}
        with transaction.atomic(self.scope.using):
            # First, since it locks the chunk and sees that it is still ours.
            sent.claim.finish(seen=blob, bad=bad, **({"work": sent.claim.chunk.work | news} if news else {}))
            self._add(mapped, self._store(mapped, sent), fetched=len(rows))
        reached("chunk-done")

    def keep_new(self, rows: list[Row], fence: int, before: datetime) -> None:
        """What came after the plan; in the transaction of the judgement that met it."""
        mapped = map_rows(self.model, rows, self.scope)
        tally = self._put(mapped, fence, before)
        self._add(mapped, tally, fetched=len(rows))

    # --- lists under parents -------------------------------------------------------------------------------

    def _under_parents(self, sent: Sent, answers: list[tuple[int, list[Row]]], bad: list[str]) -> None:
        column = self.resource.fields.columns.get(self.resource.parent)
        whole = Mapped()
        seen: list[Identity] = []
        for parent_id, rows in answers:
            # A scoped row that does not name its parent belongs to the one it was asked under.
            whole.add(map_rows(self.model, rows, self.scope, given={column: parent_id} if column else None))
            seen += self._listing().identities(rows)
        fetched = sum(len(rows) for _, rows in answers)
        work = sent.claim.chunk.work
        reached("chunk-fetched")
        with transaction.atomic(self.scope.using):
            sent.claim.hold()
            tally = self._store(whole, sent)
            if self.resource.get is None and column:
                work = {**work, "unshown": self._unshown(sent, [parent for parent, _ in answers], whole)}
            sent.claim.finish(seen=packed(seen), bad=bad, work=work)
            if sent.claim.chunk.walk > 1:  # a further round: what the first one showed was counted then
                tally.unchanged, fetched = 0, tally.created
            self._add(whole, tally, fetched=fetched)
        reached("chunk-done")

    def _unshown(self, sent: Sent, parents: list[int], mapped: Mapped) -> list[int]:
        """Rows that cannot be asked for one by one come as a set with their parent; whether those that are missing
        from it may be removed is for the judgement of the whole run to say."""
        reference = cast("models.ForeignKey[Any, Any]", self.model._meta.get_field(self.resource.parent)).attname
        key = [cast("models.Field[Any, Any]", self.model._meta.get_field(k)).attname for k in self.resource.key]
        rows = self.model._base_manager.using(self.scope.using)
        held = rows.filter(**{f"{reference}__in": parents}, fence__lt=sent.fence)
        words = {"/".join(map(str, incoming.key)) for incoming in mapped.incoming}
        words |= {name for name, _, _ in mapped.unfit}
        return [pk for pk, *parts in held.values_list("pk", *key) if "/".join(map(str, parts)) not in words]

    # --- single rows ---------------------------------------------------------------------------------------

    def _singles(self, sent: Sent, answers: list[tuple[Any, Row | None]], bad: list[str]) -> None:
        purpose = sent.claim.chunk.work["purpose"]
        found = [row for _, row in answers if row is not None]
        missing = [pk for pk, row in answers if row is None]
        mapped = map_rows(self.model, found, self.scope, whole=True)
        reached("chunk-fetched")
        with transaction.atomic(self.scope.using):
            sent.claim.hold()
            tally = self._store(mapped, sent, confirming=purpose == "confirm")
            run = SyncRun.objects.using(self.scope.using).filter(pk=self.run.pk)
            if purpose == "confirm":
                run.update(unlisted=F("unlisted") + len(found), unconfirmed=F("unconfirmed") + len(bad))
                self._note_unlisted([incoming.key for incoming in mapped.incoming], sent.before)
                self._mark_gone(missing, sent)
                bad = []
            if purpose == "detail":
                self._tally_details(tally)
            run.update(details=F("details") + len(found))
            seen = packed([pk for pk, row in answers if row is not None])
            sent.claim.finish(seen=seen if purpose == "reference" else None, bad=bad)
            self._add(mapped, tally, fetched=len(found) if purpose == "reference" else 0)
        reached("chunk-done")

    def _tally_details(self, tally: Tally) -> None:
        """The row was counted when its listing was stored; its detail is not a second change of it."""
        tally.created = tally.changed = tally.unchanged = 0

    def _named(self, names: Iterable[Any]) -> Any:
        """Rows of this company by what `get` is asked with."""
        name = cast("models.Field[Any, Any]", self.model._meta.get_field(self.resource.key[-1])).attname
        rows = self.model._base_manager.using(self.scope.using).filter(**{f"{name}__in": list(names)})
        return rows if name == "id" else rows.filter(company_id=self.scope.company_id)

    def _note_unlisted(self, keys: list[tuple[Any, ...]], at: datetime) -> None:
        self._named(key[-1] for key in keys).filter(gone_at__isnull=True).update(unlisted_at=at)

    def _mark_gone(self, ids: list[Any], sent: Sent) -> None:
        """Only rows that nothing fetched later; a refresh that saw one meanwhile holds a higher fence."""
        if not ids:
            return
        gone = mark_gone(
            self.model,
            list(self._named(ids).filter(gone_at__isnull=True).values_list("pk", flat=True)),
            fence=sent.fence,
            at=sent.before,
            using=self.scope.using,
            cause=self.run.cause,
            run_id=self.run.pk,
        )
        SyncRun.objects.using(self.scope.using).filter(pk=self.run.pk).update(gone=F("gone") + len(gone))
        reached("gone-marked")

    # --- what all kinds share ------------------------------------------------------------------------------

    def _store(self, mapped: Mapped, sent: Sent, *, confirming: bool = False) -> Tally:
        return self._put(mapped, sent.fence, sent.before, confirming=confirming)

    def _put(self, mapped: Mapped, fence: int, before: datetime, *, confirming: bool = False) -> Tally:
        using = self.scope.using
        tally = store(
            self.model,
            mapped.incoming,
            fence=fence,
            fetched_at=before,
            using=using,
            confirming=confirming,
            cause=self.run.cause,
            run_id=self.run.pk,
        )
        reached("chunk-stored")
        refused: list[tuple[str, Unfit, Mapping[str, Any]]] = [
            ("/".join(map(str, row.key)), Unfit("", "refused", f"The database refused the row ({complaint})."), {})
            for row, complaint in tally.refused
        ]
        mapped.unfit += refused
        quarantine(self.model, mapped.unfit, at=before, using=using)
        if self._has_quarantined is None:
            self._has_quarantined = is_quarantined(self.model, using=using)
        if self._has_quarantined:
            fitting = {row.key for row in mapped.incoming} - {row.key for row, _ in tally.refused}
            release(self.model, fitting, using=using)
        # What another worker puts there meanwhile is released by the next run.
        self._has_quarantined |= bool(mapped.unfit)
        return tally

    def _add(self, mapped: Mapped, tally: Tally, *, fetched: int) -> None:
        """Last in the transaction: the run's row is every worker's, and is locked for as short as possible."""
        requests = self.requests()
        sums = {
            "created": tally.created,
            "changed": tally.changed,
            "unchanged": tally.unchanged,
            "stale": tally.stale,
            "removed": tally.removed,
            "fetched": fetched,
            "foreign": mapped.foreign,
            "quarantined": len(mapped.unfit),
            "requests": requests,
        }
        run = SyncRun.objects.using(self.scope.using).filter(pk=self.run.pk)
        self._notebook.note(mapped.seen, run)
        run.update(**{name: F(name) + number for name, number in sums.items() if number})

    def _listing(self) -> Listing:
        if self.listing is None:
            raise TypeError(f"{self.model.__name__} has no listing.")
        return self.listing


def get_row(model: type[Mirror], pk: Any, scope: Scope) -> Row | None:
    """One row as Blesta shows it alone, or None where it shows none."""
    resource = resource_of(model)
    call = resource.get
    if call is None or not call.key:
        raise NotAllowed(f"Blesta has no way to ask for one {model._meta.verbose_name}.")
    arguments = {**call.arguments, call.key: pk}
    if call.company:
        arguments[call.company] = scope.company_id
    row: Row | None = scope.connection.read(resource.remote_of(call), call.method, arguments)
    return row
