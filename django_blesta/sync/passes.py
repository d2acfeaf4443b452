"""One run over one resource of one company: begun or resumed, planned, worked on by anyone, judged, ended."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from django_blesta import conf
from django_blesta.connection import observe
from django_blesta.exceptions import BlestaError, NoSuchResource
from django_blesta.models import Mirror, SyncChunk, SyncRun, SyncScope
from django_blesta.resources import resource_of
from django_blesta.sync._checkpoint import reached
from django_blesta.sync.chunks import Sent, Worker
from django_blesta.sync.fence import draw
from django_blesta.sync.leases import Claim, LeaseLost, claim, renew, worker_name
from django_blesta.sync.plan import Scope, parents_of, referenced_by
from django_blesta.sync.settle import Judge, Verdict, close_scope, forget_what_was_seen, id_chunks, page_chunks
from django_blesta.wake import wake

logger = logging.getLogger("django_blesta.sync")
Kind, State = SyncChunk.Kind, SyncRun.State
TOO_OLD_TO_RESUME = timedelta(hours=1)
WAIT_FOR_OTHERS = 0.2
CHUNKS_A_HELPER = 4
MAX_HELPERS = 8


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
    """One resource of one company, from plan to end.

    `details` and `scoped` say whether to go beyond the row tier: one `get` per changed row, one listing per parent.
    `helpers` names the task by which other workers are told of it. `failure` is what befell the run and may befall
    the next one too.
    """

    model: type[Mirror]
    scope: Scope
    batch: uuid.UUID
    cause: str
    details: bool = True
    page_size: int = 0
    progress: Progress = field(default_factory=Silence)
    helpers: str = ""
    failure: BlestaError | None = field(default=None, init=False)
    _shown: int = field(default=0, init=False)

    def run(self) -> SyncRun:
        """Begin or resume, plan, and work until it is ended, by us or by the other workers that took part."""
        run = self._begin()
        title = str(self.model._meta.verbose_name_plural)
        try:
            if not run.chunks.using(self.scope.using).exists():
                self._plan(run)
            self.page_size = max(self.page_size, run.page_size)
            self.progress.begin(run, title, run.expected)
            self._call_helpers(run)
            work_on(run, self.scope, on_chunk=lambda: self._after_chunk(run), wait=True)
        except BlestaError as failure:
            if self._is_absent(failure):
                _end(run, self.scope, State.ABSENT, "This plugin is not installed in Blesta.", type(failure).__name__)
                run.refresh_from_db(using=self.scope.using)
                self.progress.end(run)
                return run
            self.failure = failure
            _end(run, self.scope, State.FAILED, str(failure), failure.reason or type(failure).__name__)
        except KeyboardInterrupt:
            _end(run, self.scope, State.INTERRUPTED, "Stopped by hand.")
            raise
        run.refresh_from_db(using=self.scope.using)
        self.progress.end(run)
        return run

    def _is_absent(self, failure: BlestaError) -> bool:
        """A plugin that Blesta does not have is how things are, not an error."""
        return isinstance(failure, NoSuchResource) and bool(resource_of(self.model).plugin)

    def _call_helpers(self, run: SyncRun) -> None:
        if not self.helpers:
            return
        others = run.chunks.using(self.scope.using).filter(state=SyncChunk.State.WAITING).count() // CHUNKS_A_HELPER
        if others:
            wake(self.helpers, self.scope.using, times=min(others, MAX_HELPERS), run_id=run.pk)

    def _after_chunk(self, run: SyncRun) -> None:
        renew(str(self.batch), self.scope.using)
        fetched = SyncRun.objects.using(self.scope.using).values_list("fetched", flat=True).get(pk=run.pk)
        self.progress.advance(run, fetched - self._shown)
        self._shown = fetched

    def _begin(self) -> SyncRun:
        """A run that died is gone on with; one that died long ago, or before it was planned, is written off."""
        using, label = self.scope.using, self.model._meta.label_lower
        scopes = SyncScope.objects.using(using)
        scopes.get_or_create(resource=label, company_id=self.scope.company_id)
        fence = draw(using)
        with transaction.atomic(using):
            scope = scopes.select_for_update().get(resource=label, company_id=self.scope.company_id)
            old = scope.run
            if old is not None and old.state == State.RUNNING:
                young = old.started_at > timezone.now() - TOO_OLD_TO_RESUME
                if young and old.chunks.using(using).exists() and old.options == self._options():
                    return old
                old.state, old.error, old.finished_at = State.INTERRUPTED, "Left behind by its worker.", timezone.now()
                old.save(using=using)
            run = SyncRun(
                batch=self.batch,
                resource=label,
                company_id=self.scope.company_id,
                cause=self.cause,
                started_at=timezone.now(),
                fence=fence,
                options=self._options(),
            )
            run.save(using=using)
            scope.run = run
            scope.save(using=using)
        reached("run-begun")
        return run

    def _options(self) -> dict[str, Any]:
        return {"details": self.details, "in_flight": conf.installation(self.scope.using).max_in_flight}

    def _plan(self, run: SyncRun) -> None:
        using = self.scope.using
        worker = Worker(run, self.scope, 1)
        with observe(worker.count_call):
            work = self._work(run, worker)
        worker.window.close()
        run.requests += worker.requests()
        run.save(using=using)
        add_chunks(run, Verdict(tuple(work), "walk"), using)
        reached("planned")

    def _work(self, run: SyncRun, worker: Worker) -> list[tuple[str, dict[str, Any]]]:
        resource = resource_of(self.model)
        if resource.reached_by:
            ids = referenced_by(self.model, self.scope)
            run.expected = len(ids)
            return id_chunks(Kind.GETS, ids, purpose="reference")
        if resource.each:
            run.page_size = self.page_size
            return id_chunks(Kind.PARENTS, resource.each)
        if resource.parent:
            run.page_size = self.page_size
            return id_chunks(Kind.PARENTS, parents_of(self.model, self.scope))
        if worker.listing is None or resource.listing is None:
            return []
        if not resource.listing.paged:
            return [(Kind.PAGES, {"whole": True})]
        look = worker.listing.first_look()
        run.expected, run.order, run.page_size = look.count, look.order, len(look.rows)
        run.highest_id = worker.highest_of(look)
        return page_chunks(look)


def add_chunks(run: SyncRun, verdict: Verdict, using: str) -> None:
    """The work that a plan or a judgement asks for, and a judgement to follow it."""
    held = SyncChunk.objects.using(using).filter(run_id=run.pk).count()
    chunks = [
        SyncChunk(run_id=run.pk, walk=run.walk, kind=kind, position=held + at, work=work)
        for at, (kind, work) in enumerate([*verdict.more, (Kind.SETTLE, {"stage": verdict.next_stage})])
    ]
    SyncChunk.objects.using(using).bulk_create(chunks)


def work_on(run: SyncRun, scope: Scope, *, on_chunk: Callable[[], None] | None = None, wait: bool = False) -> bool:
    """Do chunks of a run until there are none to take; True when the run has ended.

    Any number of threads, processes and machines may do so at once. `wait` stays until the others have finished
    theirs, or until what they held falls to us. `on_chunk` is called after each of ours, from this thread.
    """
    using = scope.using
    in_flight = conf.installation(using).max_in_flight
    worker = Worker(run, scope, in_flight)
    name = worker_name()
    pause = threading.Event()
    current: Sent | None = None
    ahead: Sent | None = None
    try:
        with observe(worker.count_call):
            while True:
                current = ahead or _take(run, worker, name)
                ahead = None
                if current is None:
                    ended = not SyncRun.objects.using(using).filter(pk=run.pk, state=State.RUNNING).exists()
                    if ended or not wait:
                        return ended
                    pause.wait(WAIT_FOR_OTHERS)
                    continue
                try:
                    if current.claim.chunk.kind == Kind.SETTLE:
                        _settle(run, worker, current.claim)
                    else:
                        # While this chunk is stored, the next one's requests are already on their way.
                        ahead = _take(run, worker, name)
                        worker.finish(current)
                except LeaseLost as lost:
                    logger.warning("%s", lost)
                if on_chunk:
                    on_chunk()
    except BaseException:
        for sent in filter(None, (current, ahead)):
            sent.claim.give_back()
        raise
    finally:
        worker.window.close()


def _take(run: SyncRun, worker: Worker, name: str) -> Sent | None:
    taken = claim(run, worker.scope.using, name)
    return worker.send(taken) if taken else None


def _settle(run: SyncRun, worker: Worker, taken: Claim) -> None:
    """Judge, and in one transaction either plan what is still to be done or end the run."""
    using = worker.scope.using
    run.refresh_from_db(using=using)
    verdict = Judge(worker).judge(taken.chunk.work["stage"])
    with transaction.atomic(using):
        taken.hold()
        taken.finish()
        SyncRun.objects.using(using).filter(pk=run.pk).update(requests=F("requests") + worker.requests())
        if verdict.state is None:
            add_chunks(run, verdict, using)
        else:
            _end(run, worker.scope, verdict.state, verdict.error)
    reached("settle-planned" if verdict.state is None else "run-finished")


def _end(run: SyncRun, scope: Scope, state: SyncRun.State, error: str, kind: str = "") -> None:
    """Once only: a run that somebody has ended stays as it was ended."""
    using = scope.using
    ended = SyncRun.objects.using(using).filter(pk=run.pk, state=State.RUNNING)
    if not ended.update(state=state, error=error[:500], error_kind=kind[:50], finished_at=timezone.now()):
        return
    run.refresh_from_db(using=using)
    close_scope(run, using)
    forget_what_was_seen(run, using)
