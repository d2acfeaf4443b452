"""One run over one resource of one company: begun or resumed, planned, worked on by anyone, judged, ended."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from django.db import InterfaceError, OperationalError, connections, transaction
from django.db.models import F
from django.utils import timezone

from django_blesta import conf, correlation, ledger
from django_blesta.connection import observe
from django_blesta.exceptions import BlestaError, Facts, NoSuchResource
from django_blesta.models import Mirror, SyncChunk, SyncRun, SyncScope, mirrors
from django_blesta.resources import resource_of
from django_blesta.sync import drift
from django_blesta.sync._checkpoint import reached
from django_blesta.sync.chunks import Sent, Worker
from django_blesta.sync.fence import draw
from django_blesta.sync.leases import (
    MAX_TAKES,
    AlreadyRunning,
    Claim,
    FirstClaim,
    Free,
    LeaseLost,
    Vigil,
    claim,
    give_back_strays,
    renew,
    revoke,
    worker_name,
)
from django_blesta.sync.plan import Scope, parents_of, referenced_by
from django_blesta.sync.settle import (
    Judge,
    Look,
    Verdict,
    close_scope,
    forget_what_was_seen,
    highest_in,
    id_chunks,
    is_numbered,
    page_chunks,
)
from django_blesta.wake import wake

logger = logging.getLogger("django_blesta.sync")
Kind, State = SyncChunk.Kind, SyncRun.State
TOO_OLD_TO_RESUME = timedelta(hours=1)
WAIT_FOR_OTHERS = 0.2
CHUNKS_A_HELPER = 4
MAX_HELPERS = 8
MAX_FAILURES = 10
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0


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
    `holder` has the lease on the sync; `helpers` names the task by which other workers are told of it. `failure` is
    what befell the run and may befall the next one too.
    """

    model: type[Mirror]
    scope: Scope
    batch: uuid.UUID
    holder: str
    cause: str
    details: bool = True
    page_size: int = 0
    progress: Progress = field(default_factory=Silence)
    helpers: str = ""
    failure: BlestaError | None = field(default=None, init=False)
    _shown: int = field(default=0, init=False)
    _is_new: bool = field(default=False, init=False)

    def run(self) -> SyncRun:
        """Begin or resume, plan, and work until it is ended, by us or by the other workers that took part."""
        run = self._begin()
        try:
            with correlation.within(run_id=run.pk):
                return self._see_through(run)
        finally:
            ledger.flush(self.scope.using)

    def _see_through(self, run: SyncRun) -> SyncRun:
        title = str(self.model._meta.verbose_name_plural)
        try:
            vigil = Vigil(self.scope.using, also=self._keep_lease)
            worker = Worker(run, self.scope, conf.installation(self.scope.using).max_in_flight, vigil)
            with closing(worker.window):
                self._plan_unless_planned(run, worker)
                self.page_size = max(self.page_size, run.page_size)
                self.progress.begin(run, title, run.expected)
                self._call_helpers(run)
                watched = None if isinstance(self.progress, Silence) else lambda: self._tell(run)
                work_on(run, self.scope, on_chunk=watched, wait=True, worker=worker)
        except LeaseLost as lost:
            raise AlreadyRunning(
                "Another sync took this one over while it was held up.", Facts(reason="taken-over")
            ) from lost
        except BlestaError as failure:
            if self._is_absent(failure):
                sentence = "This plugin is not installed in Blesta."
                _end(run, self.scope.using, State.ABSENT, sentence, type(failure).__name__)
                run.refresh_from_db(using=self.scope.using)
                self.progress.end(run)
                return run
            self.failure = failure
            _end(run, self.scope.using, State.FAILED, str(failure), failure.reason or type(failure).__name__)
        except KeyboardInterrupt:
            _end(run, self.scope.using, State.INTERRUPTED, "Stopped by hand.")
            raise
        if run.state == State.RUNNING:
            run.refresh_from_db(using=self.scope.using)
        self.progress.end(run)
        return run

    def _keep_lease(self) -> None:
        renew(self.holder, self.scope.using)

    def _is_absent(self, failure: BlestaError) -> bool:
        """A plugin that Blesta does not have is how things are, not an error."""
        return isinstance(failure, NoSuchResource) and bool(resource_of(self.model).plugin)

    def _call_helpers(self, run: SyncRun) -> None:
        if not self.helpers:
            return
        others = run.chunks.using(self.scope.using).filter(state=SyncChunk.State.WAITING).count() // CHUNKS_A_HELPER
        if others:
            wake(self.helpers, self.scope.using, times=min(others, MAX_HELPERS), run_id=run.pk)

    def _tell(self, run: SyncRun) -> None:
        """Of the other workers' rows, too."""
        fetched = SyncRun.objects.using(self.scope.using).values_list("fetched", flat=True).get(pk=run.pk)
        self.progress.advance(run, fetched - self._shown)
        self._shown = fetched

    def _begin(self) -> SyncRun:
        """A run that died is gone on with; one that died long ago, or before it was planned, is written off."""
        using, label = self.scope.using, self.model._meta.label_lower
        scopes = SyncScope.objects.using(using)
        fence = draw(using)
        with transaction.atomic(using):
            self._keep_lease()
            # Nobody else makes one meanwhile: the lease was just renewed, and its row is locked by that.
            scope, _ = scopes.select_for_update().get_or_create(resource=label, company_id=self.scope.company_id)
            old = scope.run
            if old is not None and old.state == State.RUNNING:
                young = old.started_at > timezone.now() - TOO_OLD_TO_RESUME
                if young and old.chunks.using(using).exists() and old.options == self._options():
                    return old
                _end(old, using, State.INTERRUPTED, "Left behind by its worker.")
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
            scopes.filter(pk=scope.pk).update(run=run)
        self._is_new = True
        reached("run-begun")
        return run

    def _options(self) -> dict[str, Any]:
        return {"details": self.details, "in_flight": conf.installation(self.scope.using).max_in_flight}

    def _plan_unless_planned(self, run: SyncRun, worker: Worker) -> None:
        outage = Outage(self.scope.using)
        while True:
            try:
                if self._is_new or not run.chunks.using(self.scope.using).exists():
                    self._plan(run, worker)
                return
            except (OperationalError, InterfaceError) as error:
                outage.wait(error)
                self._is_new = False  # nobody told whether the plan was committed
                worker.untold()

    def _plan(self, run: SyncRun, worker: Worker) -> None:
        """Only the holder of the sync's lease writes a plan: whoever took over meanwhile has made one of its own."""
        using = self.scope.using
        with observe(worker.count_call):
            verdict = self._work(run, worker)
        learned = {name: getattr(run, name) for name in ("expected", "order", "page_size", "highest_id")}
        with transaction.atomic(using):
            self._keep_lease()
            running = SyncRun.objects.using(using).filter(pk=run.pk, state=State.RUNNING)
            if not running.update(requests=F("requests") + worker.requests(), **learned):
                raise LeaseLost(f"{run} was ended while it was planned.")
            add_chunks(run, verdict, worker, held=0)
        worker.told()
        reached("planned")

    def _work(self, run: SyncRun, worker: Worker) -> Verdict:
        resource = resource_of(self.model)
        if resource.reached_by:
            ids = referenced_by(self.model, self.scope)
            run.expected = len(ids)
            return Verdict(tuple(id_chunks(Kind.GETS, ids, purpose="reference")), "walk")
        if resource.each:
            run.page_size = self.page_size
            return Verdict(tuple(id_chunks(Kind.PARENTS, resource.each)), "walk")
        if resource.parent:
            run.page_size = self.page_size
            return Verdict(tuple(id_chunks(Kind.PARENTS, parents_of(self.model, self.scope))), "walk")
        listing = worker.listing
        if listing is None or resource.listing is None:
            return Verdict((), "walk")
        if not resource.listing.paged:
            return Verdict(((Kind.PAGES, {"whole": True}),), "walk")
        before = timezone.now()
        look = worker.ask(lambda: listing.first_look(self.page_size))
        run.expected, run.order, run.page_size = look.count, look.order, len(look.rows)
        run.highest_id = highest_in(look, listing)
        chunks = page_chunks(look, is_numbered=is_numbered(look, listing), is_shared=bool(self.helpers))
        return Verdict(tuple(chunks), "walk", look=Look(look, run.fence, before))


def add_chunks(run: SyncRun, verdict: Verdict, worker: Worker, *, held: int) -> None:
    """The work that a plan or a judgement asks for, and a judgement to follow it; inside a transaction.

    `held` is how many chunks the run has already.

    The page that a first look has brought is the first chunk, and done at once.
    """
    using = worker.scope.using
    chunks = [
        SyncChunk(run_id=run.pk, walk=run.walk, kind=kind, position=held + at, work=work)
        for at, (kind, work) in enumerate([*verdict.more, (Kind.SETTLE, {"stage": verdict.next_stage})])
    ]
    if verdict.look is not None and "standing" in chunks[0].work:
        chunks[0].token, chunks[0].worker = 1, worker_name()
        sent = Sent(FirstClaim(chunks[0], 1, using), verdict.look.fence, verdict.look.before)
        look = verdict.look.at
        worker.keep(sent, look.last_rows, look.bad, unread=look.unread)
        del chunks[0]
    SyncChunk.objects.using(using).bulk_create(chunks)


def work_on(
    run: SyncRun,
    scope: Scope,
    *,
    on_chunk: Callable[[], None] | None = None,
    wait: bool = False,
    worker: Worker | None = None,
) -> bool:
    """Do chunks of a run until there are none to take; True when the run has ended.

    Any number of threads, processes and machines may do so at once. `wait` stays until the others have finished
    theirs, or until what they held falls to us. `on_chunk` is called after each of ours, from this thread.
    """
    worker = worker or Worker(run, scope, conf.installation(scope.using).max_in_flight)
    shift = Shift(run, worker, on_chunk)
    try:
        with observe(worker.count_call):
            while True:
                try:
                    if run.state != State.RUNNING:
                        return True  # it was this worker that ended it
                    if not shift.do_one():
                        ended = not SyncRun.objects.using(scope.using).filter(pk=run.pk, state=State.RUNNING).exists()
                        if ended or not wait:
                            return ended
                        worker.vigil.wait(WAIT_FOR_OTHERS)
                except (OperationalError, InterfaceError) as error:
                    shift.recover(error)
    except BaseException:
        shift.give_back()
        raise
    finally:
        worker.window.close()


class Outage:
    """The database went away, or chose us as a deadlock's victim: how long to wait before the next try, and no more
    tries when there were too many. Inside a transaction that somebody else began there is none."""

    def __init__(self, using: str) -> None:
        self._using, self._failures = using, 0

    def wait(self, error: Exception) -> None:
        database = connections[self._using]
        self._failures += 1
        if database.in_atomic_block or self._failures > MAX_FAILURES:
            raise error
        logger.warning("The database failed (%s); trying again.", type(error).__name__)
        database.close()
        threading.Event().wait(min(LONGEST_PAUSE, FIRST_PAUSE * 2**self._failures))

    def is_over(self) -> None:
        self._failures = 0


class Shift:
    """What one worker has in hand: the chunk that it finishes, and the next, whose requests are on their way."""

    def __init__(self, run: SyncRun, worker: Worker, on_chunk: Callable[[], None] | None) -> None:
        self.run, self.worker, self.using = run, worker, worker.scope.using
        self.name = worker_name()
        self._free = Free()
        self.current: Sent | None = None
        self.ahead: Sent | None = None
        self._on_chunk = on_chunk or (lambda: None)
        self._outage = Outage(self.using)
        self._has_given_up = False

    def do_one(self) -> bool:
        """Finish one chunk; False where there is none to take. May be called again after the database failed."""
        if self.current is None:
            self.current, self.ahead = self.ahead, None
        if self.current is None:
            self.current = self._take()
        if self.current is None:
            return False
        try:
            if self.current.claim.chunk.kind == Kind.SETTLE:
                _settle(self.run, self.worker, self.current.claim)
            else:
                # While this chunk is stored, the next one's requests are already on their way.
                self.ahead = self.ahead or self._take(ahead=True)
                self.worker.finish(self.current)
        except LeaseLost as lost:
            logger.warning("%s", lost)
        self.current = None
        self._outage.is_over()
        self._hold()
        self.worker.vigil.beat()
        self._on_chunk()
        return True

    def _take(self, *, ahead: bool = False) -> Sent | None:
        if ahead and self._free.is_all and not self._free.chunks:
            return None  # but for the judgement, which waits for the chunk in hand
        while taken := claim(self.run, self.using, self.name, self._free):
            if taken.is_hopeless and not self._has_given_up:
                self._give_up(taken)
                continue
            if taken.chunk.walk != self.run.walk:
                self.run.refresh_from_db(using=self.using)
            try:
                sent = self.worker.send(taken)
            except BaseException:
                taken.give_back()
                raise
            self._hold(sent)
            return sent
        return None

    def _hold(self, *more: Sent) -> None:
        self.worker.vigil.held = [sent.claim for sent in (self.current, self.ahead, *more) if sent is not None]

    def _give_up(self, taken: Claim) -> None:
        """One chunk that ends whoever takes it must not keep all the others from ever being judged.

        One per worker: those that ended had taken the next chunk, too, and it may well be without fault.
        """
        self._has_given_up = True
        why = f"{taken.chunk.get_kind_display()} {taken.chunk.position}: given up, {MAX_TAKES} workers ended over it"
        logger.error("%s of run %s", why, self.run.pk)
        try:
            if taken.chunk.kind == Kind.SETTLE:
                _end(self.run, self.using, State.FAILED, f"{why}.", "given-up")
            else:
                taken.finish(bad=[why])
        except LeaseLost as lost:
            logger.warning("%s", lost)

    def recover(self, error: Exception) -> None:
        """Try again with the answers that we hold."""
        self._outage.wait(error)
        try:
            held = [sent.claim for sent in (self.current, self.ahead) if sent is not None]
            give_back_strays(self.run, self.using, self.name, held)
            self.run.refresh_from_db(using=self.using)  # what was set in a transaction that did not last
        except (OperationalError, InterfaceError) as again:
            self.recover(again)

    def give_back(self) -> None:
        for sent in filter(None, (self.current, self.ahead)):
            with suppress(OperationalError, InterfaceError):
                sent.claim.give_back()


def _settle(run: SyncRun, worker: Worker, taken: Claim) -> None:
    """Judge, and in one transaction either plan what is still to be done or end the run."""
    using = worker.scope.using
    run.refresh_from_db(using=using)
    worker.untold()
    verdict = Judge(worker).judge(taken.chunk.work["stage"])
    with transaction.atomic(using):
        taken.finish()  # first, since it locks the chunk and sees that it is still ours
        for write in verdict.also:
            write()
        news = {"requests": F("requests") + worker.requests(), **verdict.news}
        if verdict.state is None:
            SyncRun.objects.using(using).filter(pk=run.pk).update(**news)
            add_chunks(run, verdict, worker, held=SyncChunk.objects.using(using).filter(run_id=run.pk).count())
        else:
            _end(run, using, verdict.state, verdict.error, judged=news)
    worker.told()
    reached("settle-planned" if verdict.state is None else "run-finished")


def _end(
    run: SyncRun,
    using: str,
    state: SyncRun.State,
    error: str,
    kind: str = "",
    *,
    judged: Mapping[str, Any] | None = None,
) -> None:
    """Once only: a run that somebody has ended stays as it was ended, and nobody stores anything more for it.

    `judged` are columns that a judgement has found; it comes when every chunk is done, so there is none to revoke.
    """
    with transaction.atomic(using):
        ended = SyncRun.objects.using(using).filter(pk=run.pk, state=State.RUNNING)
        news = {"state": state, "error": error[:500], "error_kind": kind[:50], "finished_at": timezone.now()}
        if not ended.update(**{**(judged or {}), **news}):
            return
        run.refresh_from_db(using=using)
        if state == State.COMPLETE:
            drift.conclude(run, using)
        if judged is None:
            revoke(run, using)
        close_scope(run, using)
        forget_what_was_seen(run, using)


def write_off_the_forgotten(using: str) -> None:
    """Runs that nobody will go on with: too old, or of a resource or a company that is not synced any more."""
    labels = {model._meta.label_lower for model in mirrors()}
    companies = conf.installation(using).companies
    for run in SyncRun.objects.using(using).filter(state=State.RUNNING):
        is_old = run.started_at < timezone.now() - TOO_OLD_TO_RESUME
        if is_old or run.resource not in labels or not {None, run.company_id} & set(companies):
            _end(run, using, State.INTERRUPTED, "Left behind by its worker.")
