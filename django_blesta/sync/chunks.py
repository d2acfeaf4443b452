"""The work of one chunk: its requests, and the short transaction in which what they brought is stored."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from django.db import models, transaction
from django.db.models import F
from django.utils import timezone

from django_blesta.connection import CallRecord
from django_blesta.exceptions import NotAllowed
from django_blesta.models import Mirror, SyncChunk, SyncRun, mirror_named
from django_blesta.resources import Unfit, resource_of
from django_blesta.sync._checkpoint import reached
from django_blesta.sync.fence import draw
from django_blesta.sync.fetch import FirstLook, Listing, Row, Window, ascends, gather
from django_blesta.sync.leases import Claim
from django_blesta.sync.plan import Scope
from django_blesta.sync.rows import Mapped, map_rows, quarantine, release
from django_blesta.sync.seen import Identity, packed
from django_blesta.sync.store import Tally, store

Kind = SyncChunk.Kind


@dataclass(slots=True)
class Sent:
    """A chunk whose requests are on their way."""

    claim: Claim
    fence: int
    before: datetime
    answers: list[tuple[Any, Future[Any]]] = field(default_factory=list)


class Worker:
    """One worker's hands on one run: it sends a chunk's requests, later gathers and stores them."""

    def __init__(self, run: SyncRun, scope: Scope, in_flight: int) -> None:
        self.run, self.scope = run, scope
        self.model = mirror_named(run.resource)
        self.resource = resource_of(self.model)
        self.window = Window(in_flight)
        self._requests = 0
        self._lock = threading.Lock()
        self.listing = (
            Listing(scope.connection, self.resource, scope.company_id, run.order) if self.resource.listing else None
        )

    def count_call(self, call: CallRecord) -> None:
        """Any thread's calls to this installation and company are counted as this run's: one run at a time has it."""
        if (call.using, call.company_id) == (self.scope.using, self.scope.connection.company_id):
            with self._lock:
                self._requests += call.tries

    def requests(self) -> int:
        """How many requests left since this was last asked."""
        with self._lock:
            requests, self._requests = self._requests, 0
        return requests

    def highest_of(self, look: FirstLook) -> int | None:
        """The highest id before the walk; rows beyond it are new, and no run is blamed for missing them."""
        if not look.order:
            return None
        rows = look.rows if look.pages == 1 else self._listing().page(look.pages, look.order)
        numbers = [one for one in self._listing().identities(rows or look.rows) if isinstance(one, int)]
        return max(numbers, default=None)

    def send(self, claim: Claim) -> Sent:
        """The fence is drawn before the first request leaves."""
        sent = Sent(claim, draw(self.scope.using), timezone.now())
        work = claim.chunk.work
        if claim.chunk.kind == Kind.PAGES and "first" in work:
            listing, order = self._listing(), self.run.order
            numbers = range(work["first"], work["last"] - 1, -1)
            sent.answers = self.window.send(lambda number: listing.page(number, order), numbers)
        elif claim.chunk.kind == Kind.PARENTS:
            listing, page_size = self._listing(), self.run.page_size
            sent.answers = self.window.send(lambda parent: listing.under(parent, page_size), work["ids"])
        elif claim.chunk.kind == Kind.GETS:
            sent.answers = self.window.send(lambda pk: get_row(self.model, pk, self.scope), work["ids"])
        return sent

    def finish(self, sent: Sent) -> None:
        """Gather, map, store and check off, the last two in one transaction under the chunk's lock."""
        chunk = sent.claim.chunk
        bad: list[str] = []
        if chunk.kind == Kind.PAGES:
            rows = self._pages(sent, bad)
            self._keep(sent, rows, bad)
        elif chunk.kind == Kind.PARENTS:
            self._under_parents(sent, gather(sent.answers, bad, self.resource.parent or "list"), bad)
        else:
            answers = gather(sent.answers, bad, str(self.model._meta.verbose_name))
            self._singles(sent, answers, bad)

    # --- pages ---------------------------------------------------------------------------------------------

    def _pages(self, sent: Sent, bad: list[str]) -> list[Row]:
        work, listing = sent.claim.chunk.work, self._listing()
        if "first" not in work:
            if work.get("whole"):
                return listing.page(1, "")
            return [row for page in listing.until_two_agree() for row in page]
        rows: list[Row] = []
        above: list[Identity] = []
        for number, page in gather(sent.answers, bad, "page"):
            identities = listing.identities(page)
            if identities and identities == above:
                bad.append(f"page {number} (the same as the one after it: Blesta ignores the page number)")
            elif not ascends(identities) or not ascends(identities[:1] + above[:1]):
                bad.append(f"page {number} (out of order: the listing changed its order on the way)")
            elif not page and above:
                # Deletions shorten a listing from its end only.
                bad.append(f"page {number} (empty, though the one after it is not)")
            above = identities or above
            rows += page
        reached("chunk-fetched")
        return rows

    def _keep(self, sent: Sent, rows: list[Row], bad: list[str], **options: Any) -> None:
        mapped = map_rows(self.model, rows, self.scope, **options)
        seen = packed(self._listing().identities(rows))
        with transaction.atomic(self.scope.using):
            sent.claim.hold()
            tally = self._store(mapped, sent)
            sent.claim.finish(seen=seen, bad=bad)
            self._add(mapped, tally, fetched=len(rows))
        reached("chunk-done")

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
        with transaction.atomic(self.scope.using):
            sent.claim.hold()
            tally = self._store(whole, sent)
            if self.resource.get is None and column:
                tally.removed += self._remove_unlisted(sent, [parent for parent, _ in answers], whole)
            sent.claim.finish(seen=packed(seen), bad=bad)
            self._add(whole, tally, fetched=fetched)
        reached("chunk-done")

    def _remove_unlisted(self, sent: Sent, parents: list[int], mapped: Mapped) -> int:
        """Rows that cannot be asked for one by one come as a set with their parent, as children do."""
        reference = cast("models.ForeignKey[Any, Any]", self.model._meta.get_field(self.resource.parent)).attname
        key = [cast("models.Field[Any, Any]", self.model._meta.get_field(k)).attname for k in self.resource.key]
        rows = self.model._base_manager.using(self.scope.using)
        held = rows.filter(**{f"{reference}__in": parents}, fence__lt=sent.fence)
        words = {"/".join(map(str, incoming.key)) for incoming in mapped.incoming}
        words |= {name for name, _, _ in mapped.unfit}
        extra = [pk for pk, *parts in held.values_list("pk", *key) if "/".join(map(str, parts)) not in words]
        return rows.filter(pk__in=extra).delete()[0] if extra else 0

    # --- single rows ---------------------------------------------------------------------------------------

    def _singles(self, sent: Sent, answers: list[tuple[Any, Row | None]], bad: list[str]) -> None:
        purpose = sent.claim.chunk.work["purpose"]
        found = [row for _, row in answers if row is not None]
        missing = [pk for pk, row in answers if row is None]
        mapped = map_rows(self.model, found, self.scope, whole=True)
        with transaction.atomic(self.scope.using):
            sent.claim.hold()
            tally = self._store(mapped, sent, confirming=purpose == "confirm")
            run = SyncRun.objects.using(self.scope.using).filter(pk=self.run.pk)
            if purpose == "confirm":
                run.update(unlisted=F("unlisted") + len(found), unconfirmed=F("unconfirmed") + len(bad))
                self._note_unlisted([incoming.key[-1] for incoming in mapped.incoming], sent.before)
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

    def _note_unlisted(self, keys: list[Any], at: datetime) -> None:
        rows = self.model._base_manager.using(self.scope.using)
        rows.filter(pk__in=keys, gone_at__isnull=True).update(unlisted_at=at)

    def _mark_gone(self, ids: list[Any], sent: Sent) -> None:
        """Only rows that nothing fetched later; a refresh that saw one meanwhile holds a higher fence."""
        if not ids:
            return
        rows = self.model._base_manager.using(self.scope.using)
        name = cast("models.Field[Any, Any]", self.model._meta.get_field(self.resource.key[-1])).attname
        going = rows.filter(**{f"{name}__in": ids}, fence__lte=sent.fence, gone_at__isnull=True)
        if self.resource.company and name != "id":
            going = going.filter(company_id=self.scope.company_id)
        gone = going.update(gone_at=sent.before, fence=sent.fence)
        SyncRun.objects.using(self.scope.using).filter(pk=self.run.pk).update(gone=F("gone") + gone)
        reached("gone-marked")

    # --- what all kinds share ------------------------------------------------------------------------------

    def _store(self, mapped: Mapped, sent: Sent, *, confirming: bool = False) -> Tally:
        using = self.scope.using
        tally = store(
            self.model, mapped.incoming, fence=sent.fence, fetched_at=sent.before, using=using, confirming=confirming
        )
        reached("chunk-stored")
        refused: list[tuple[str, Unfit, Mapping[str, Any]]] = [
            ("/".join(map(str, row.key)), Unfit("", "refused", f"The database refused the row ({complaint})."), {})
            for row, complaint in tally.refused
        ]
        mapped.unfit += refused
        quarantine(self.model, mapped.unfit, at=sent.before, using=using)
        release(self.model, {row.key for row in mapped.incoming} - {row.key for row, _ in tally.refused}, using=using)
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
        if mapped.drift:
            drift = dict(run.select_for_update().values_list("drift", flat=True)[0])
            for column, times in mapped.drift.items():
                drift[column] = drift.get(column, 0) + times
            run.update(drift=drift)
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
