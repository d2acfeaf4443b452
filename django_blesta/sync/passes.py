"""One pass over one resource of one company: fetch, map, store, record."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from django.db.models import F, Q
from django.utils import timezone

from django_blesta import conf
from django_blesta.connection import CallRecord, observe
from django_blesta.exceptions import BlestaError, Misunderstood, NotAllowed, Unavailable
from django_blesta.models import Mirror, SyncRun
from django_blesta.resources import Unfit, resource_of
from django_blesta.sync.fence import draw
from django_blesta.sync.fetch import Listing, Walk
from django_blesta.sync.plan import Scope, parents_of, referenced_by
from django_blesta.sync.rows import Mapped, map_rows, quarantine, release
from django_blesta.sync.store import Tally, store

DETAILS_A_BATCH = 20


class Progress(Protocol):
    """Told of a run as it goes, from the thread that runs it."""

    def begin(self, run: SyncRun, title: str, expected: int | None) -> None: ...

    def advance(self, run: SyncRun, rows: int) -> None: ...

    def end(self, run: SyncRun) -> None: ...


class Silence:
    """The progress that nobody watches."""

    def begin(self, run: SyncRun, title: str, expected: int | None) -> None:
        return None

    def advance(self, run: SyncRun, rows: int) -> None:
        return None

    def end(self, run: SyncRun) -> None:
        return None


@dataclass
class Pass:
    """The work of one `SyncRun`.

    `details` and `scoped` say whether to go beyond the row tier: one `get` per changed row, one listing per parent.
    """

    model: type[Mirror]
    scope: Scope
    batch: uuid.UUID
    cause: str
    details: bool = True
    scoped: bool = True
    page_size: int = 0
    progress: Progress = field(default_factory=Silence)
    failure: BlestaError | None = field(default=None, init=False)

    def run(self) -> SyncRun:
        """Whatever Blesta does is on the run that is returned; what is not its doing is raised, after recording."""
        self._tally = Tally()
        self._record = SyncRun(
            batch=self.batch,
            resource=self.model._meta.label_lower,
            company_id=self.scope.company_id,
            cause=self.cause,
            started_at=timezone.now(),
            fence=draw(self.scope.using),
        )
        self._record.save(using=self.scope.using)
        run = self._record
        state, error = SyncRun.State.INTERRUPTED, ""
        try:
            with observe(self._count_call):
                error = self._work()
            state = SyncRun.State.PARTIAL if error else SyncRun.State.COMPLETE
        except BlestaError as failure:
            state, error = SyncRun.State.FAILED, str(failure)
            run.error_kind = failure.reason or type(failure).__name__
            self.failure = failure
        finally:
            self._finish(run, state, error)
        return run

    def _finish(self, run: SyncRun, state: SyncRun.State, error: str) -> None:
        tally = self._tally
        run.created, run.changed, run.unchanged = tally.created, tally.changed, tally.unchanged
        run.stale, run.removed = tally.stale, tally.removed
        run.state, run.error, run.finished_at = state, error[:500], timezone.now()
        run.save(using=self.scope.using)
        self.progress.end(run)

    def _count_call(self, call: CallRecord) -> None:
        self._record.requests += call.tries

    def _work(self) -> str:
        """Return why the pass is not complete, or nothing."""
        resource = resource_of(self.model)
        if resource.reached_by:
            return self._by_reference()
        if resource.parent:
            return self._under_parents()
        walk = Walk()
        listing = Listing(self.scope.connection, resource, self.scope.company_id)
        pages = listing.backward(walk) if resource.listing and resource.listing.paged else listing.whole(walk)
        self._store_pages(pages, walk)
        self._record.expected, self.page_size = walk.expected, walk.page_size
        if self.details and resource.detail and resource.get:
            return "; ".join(filter(None, (walk.incomplete, self._details())))
        return walk.incomplete

    def _store_pages(self, pages: Iterator[list[Mapping[str, Any]]], walk: Walk, **options: Any) -> None:
        """Gather pages to a batch. The fence is drawn before the first request of the batch that it guards."""
        size = conf.installation(self.scope.using).batch_size
        begun = False
        while True:
            gathered: list[Mapping[str, Any]] = []
            fence, before = self._record.fence, self._record.started_at
            if begun:
                fence, before = draw(self.scope.using), timezone.now()
            for rows in pages:
                if not begun:
                    begun = True
                    self.progress.begin(self._record, str(self.model._meta.verbose_name_plural), walk.expected)
                gathered += rows
                if len(gathered) >= size:
                    break
            if not gathered:
                break
            self._keep(map_rows(self.model, gathered, self.scope, **options), len(gathered), fence, before)
        if not begun:
            self.progress.begin(self._record, str(self.model._meta.verbose_name_plural), walk.expected)

    def _keep(self, mapped: Mapped, rows: int, fence: int, before: datetime, *, first_sight: bool = True) -> Tally:
        using = self.scope.using
        tally = store(self.model, mapped.incoming, fence=fence, fetched_at=before, using=using)
        refused: list[tuple[str, Unfit, Mapping[str, Any]]] = [
            ("/".join(map(str, row.key)), Unfit("", "refused", f"The database refused the row ({complaint})."), {})
            for row, complaint in tally.refused
        ]
        quarantine(self.model, [*mapped.unfit, *refused], at=before, using=using)
        release(self.model, {row.key for row in mapped.incoming} - {row.key for row, _ in tally.refused}, using=using)
        run = self._record
        run.quarantined += len(mapped.unfit) + len(refused)
        for column, times in mapped.drift.items():
            run.drift[column] = run.drift.get(column, 0) + times
        if first_sight:
            self._tally.add(tally)
            run.fetched += rows
            run.foreign += mapped.foreign
            self.progress.advance(run, rows)
        else:
            self._tally.removed += tally.removed
        return tally

    def _by_reference(self) -> str:
        """Resources that Blesta does not list: one `get` for each id that other mirrors name."""
        if not self.scoped:
            return self._left_out()
        ids = referenced_by(self.model, self.scope)
        self._record.expected = len(ids)
        self.progress.begin(self._record, str(self.model._meta.verbose_name_plural), len(ids))
        return self._gets(ids, first_sight=True)

    def _under_parents(self) -> str:
        if not self.scoped:
            return self._left_out()
        resource = resource_of(self.model)
        parents = parents_of(self.model, self.scope)
        title = str(self.model._meta.verbose_name_plural)
        self.progress.begin(self._record, title, None)
        failures: list[str] = []
        listing = Listing(self.scope.connection, resource, self.scope.company_id)
        paged = resource.listing is not None and resource.listing.paged
        for parent_id in parents:
            fence, before = draw(self.scope.using), timezone.now()
            walk = Walk()
            under = listing.under(parent_id)
            pages = under.forward(walk, page_size=self.page_size) if paged else under.whole(walk)
            try:
                rows = [row for page in pages for row in page]
            except (Misunderstood, Unavailable) as error:
                if isinstance(error, Unavailable) and error.reason != "failing":
                    raise
                failures.append(f"{resource.parent} {parent_id} ({error})")
                continue
            mapped = map_rows(self.model, rows, self.scope, given=self._given(parent_id))
            self._keep(mapped, len(rows), fence, before)
        self._record.expected = self._record.fetched
        return _listed(failures)

    def _given(self, parent_id: int) -> dict[str, Any]:
        """A scoped row that does not name its parent belongs to the one it was asked under."""
        resource = resource_of(self.model)
        return {resource.fields.columns[resource.parent]: parent_id}

    def _details(self) -> str:
        """The `get` of every row that is new, changed since its last one, or never had one."""
        rows = self.model._base_manager.using(self.scope.using).filter(
            Q(detail_fetched_at__isnull=True) | Q(detail_fetched_at__lt=F("fetched_at")),
            company_id=self.scope.company_id,
            gone_at__isnull=True,
        )
        return self._gets(list(rows.order_by("pk").values_list("pk", flat=True)), first_sight=False)

    def _gets(self, ids: Iterable[int], *, first_sight: bool) -> str:
        failures: list[str] = []
        todo = list(ids)
        for start in range(0, len(todo), DETAILS_A_BATCH):
            fence, before = draw(self.scope.using), timezone.now()
            rows: list[Mapping[str, Any]] = []
            for pk in todo[start : start + DETAILS_A_BATCH]:
                try:
                    row = get_row(self.model, pk, self.scope)
                except (Misunderstood, Unavailable) as error:
                    if isinstance(error, Unavailable) and error.reason != "failing":
                        raise
                    failures.append(f"{self.model.__name__} {pk} ({error})")
                    continue
                if row is not None:
                    rows.append(row)
            mapped = map_rows(self.model, rows, self.scope, whole=True)
            self._keep(mapped, len(rows), fence, before, first_sight=first_sight)
            self._record.details += len(rows)
        return _listed(failures)

    def _left_out(self) -> str:
        self.progress.begin(self._record, str(self.model._meta.verbose_name_plural), 0)
        return ""


def get_row(model: type[Mirror], pk: Any, scope: Scope) -> Mapping[str, Any] | None:
    """One row as Blesta shows it alone, or None where it shows none."""
    resource = resource_of(model)
    call = resource.get
    if call is None or not call.key:
        raise NotAllowed(f"Blesta has no way to ask for one {model._meta.verbose_name}.")
    arguments = {**call.arguments, call.key: pk}
    if call.company:
        arguments[call.company] = scope.company_id
    row: Mapping[str, Any] | None = scope.connection.read(resource.remote_of(call), call.method, arguments)
    return row


def _listed(failures: list[str]) -> str:
    if not failures:
        return ""
    shown = "; ".join(failures[:3])
    more = f" and {len(failures) - 3} more" if len(failures) > 3 else ""
    return f"Could not be read: {shown}{more}"
