"""What became of a change whose outcome is open: look for its effect, with patience, and decide.

An effect that is found ends the matter at any look. That there is none is believed only after the last look of the
kind's schedule; what cannot be told then is a person's decision. Only what was never sent is sent from here: the
later calls of an operation, and what was queued.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Q
from django.utils import timezone

from django_blesta.exceptions import BlestaError
from django_blesta.models import Operation
from django_blesta.operations._journal import (
    INTERRUPTED,
    NOT_DONE,
    State,
    lasting,
    note,
    overdue,
    record,
    swap,
)
from django_blesta.operations._kinds import KINDS, NAMELESS, NOBODY_KNOWS, Case, Finding, Kind, Step
from django_blesta.operations._mirror import refreshed
from django_blesta.operations._perform import send

logger = logging.getLogger("django_blesta.operations")

AGAIN: Final = timedelta(minutes=5)
"""When to ask again a Blesta that did not answer a look."""
DECIDED: Final = "decided"


def reconcile(using: str = DEFAULT_DB_ALIAS, *, now: datetime | None = None, limit: int = 200) -> list[Operation]:
    """Look into everything that is due, send what is queued, and return what was looked into.

    Harmless to run at any time, twice at once too: every row is taken by one of them only.
    """
    now = now or timezone.now()
    for operation in overdue(using=using, now=now)[:limit]:
        swap(operation, using, (State.SENDING,), state=State.UNKNOWN, reason=INTERRUPTED, next_look_at=now)
    open_ = Operation.objects.using(using).filter(state__in=(State.UNKNOWN, State.RECONCILING))
    due = open_.filter(Q(next_look_at__lte=now) | Q(state=State.UNKNOWN, next_look_at=None)).order_by("pk")[:limit]
    looked = [operation for operation in due if look_into(operation, using=using, now=now)]
    send_queued(using)
    return looked


def look_into(operation: Operation, *, using: str = DEFAULT_DB_ALIAS, now: datetime | None = None) -> bool:
    """Look once for the effect of one operation and record what that says; False where it was not ours to look."""
    now = now or timezone.now()
    until = now + lasting(using)
    taken = swap(
        operation,
        using,
        (State.UNKNOWN, State.RECONCILING),
        state=State.RECONCILING,
        looks=operation.looks + 1,
        next_look_at=until,
    )
    if not taken:
        return False
    kind = KINDS.get(operation.kind)
    if kind is None:
        own = operation.kind.startswith(NAMELESS)
        note(operation, NOBODY_KNOWS if own else "This version of the site knows no operation of this name.")
        record(operation, using, state=State.NEEDS_HUMAN, next_look_at=None)
        return True
    try:
        _look(operation, kind, using, now)
    except BlestaError as error:
        note(operation, f"{type(error).__name__} {error.reason}".strip())
        record(operation, using, state=State.UNKNOWN, next_look_at=now + AGAIN)
    return True


def _look(operation: Operation, kind: Kind, using: str, now: datetime) -> None:
    case = Case.of(operation, using)
    step = kind.steps[operation.step]
    if not operation.in_doubt and operation.step:
        _go_on(operation, kind, using)
        return
    finding = _found(step, case)
    note(operation, finding.evidence)
    if finding.happened:
        _happened(operation, kind, using, finding)
        return
    sent = operation.sent_at or operation.created_at
    if step.probe is not None and now < sent + timedelta(seconds=kind.looks[-1]):
        later = (sent + timedelta(seconds=seconds) for seconds in kind.looks)
        record(operation, using, state=State.UNKNOWN, next_look_at=min(moment for moment in later if moment > now))
    elif finding.happened is None:
        record(operation, using, state=State.NEEDS_HUMAN, next_look_at=None)
    elif operation.step == 0:
        record(operation, using, state=State.FAILED, reason=NOT_DONE, in_doubt=False)
    elif step.safe_again(case):
        _go_on(operation, kind, using)
    else:
        record(operation, using, state=State.NEEDS_HUMAN, next_look_at=None)


def _found(step: Step, case: Case) -> Finding:
    if step.probe is None:
        return Finding(None, NOBODY_KNOWS)
    try:
        return step.probe(case)
    except BlestaError:
        raise
    except Exception as error:  # a row of an older version, or an answer of an unknown shape: nobody can tell
        logger.exception("The probe of %s failed", step.signature.call)
        return Finding(None, f"The look itself failed: {type(error).__name__}.")


def _happened(operation: Operation, kind: Kind, using: str, finding: Finding) -> None:
    done = {**operation.result_ids, **finding.ids}
    step = operation.step + 1
    if step < len(kind.steps):
        operation.result_ids, operation.step = done, step
        _go_on(operation, kind, using)
        return
    client_id = operation.client_id or done.get("client_id")
    case = Case.of(operation, using)  # the journal forgets what it was found by as soon as that is the end of it
    case.keys |= done
    record(
        operation,
        using,
        state=State.SUCCEEDED,
        result_ids=done,
        step=step,
        in_doubt=False,
        reason="",
        client_id=client_id,
    )
    refreshed(*kind.rows(case), using=using)


def _go_on(operation: Operation, kind: Kind, using: str) -> None:
    """Send the calls that were never sent, or that Blesta does not do twice."""
    taken = swap(
        operation,
        using,
        (State.RECONCILING,),
        state=State.SENDING,
        step=operation.step,
        result_ids=operation.result_ids,
        in_doubt=False,
        evidence=operation.evidence,
        sent_at=timezone.now(),
    )
    if taken:
        _send(operation, kind, {}, using)


def send_queued(using: str = DEFAULT_DB_ALIAS) -> int:
    """Send what waits for Blesta, oldest first; stop where Blesta is still not there. How many were sent."""
    count = 0
    held: set[tuple[str, int | None]] = set()
    for operation in Operation.objects.using(using).filter(state=State.QUEUED).order_by("pk"):
        kind = KINDS.get(operation.kind)
        target = (operation.resource, operation.target_id)
        if kind is None or target in held:
            continue
        asked = dict(operation.queued_arguments or {})
        changes: dict[str, object] = {"sent_at": timezone.now(), "in_doubt": True, "attempts": operation.attempts + 1}
        changes |= {} if kind.keeps_arguments else {"queued_arguments": None}
        if not swap(operation, using, (State.QUEUED,), state=State.SENDING, **changes):
            held.add(target)
            continue
        _send(operation, kind, asked, using)
        count += 1
        if operation.state == State.QUEUED:
            return count - 1
    return count


def _send(operation: Operation, kind: Kind, asked: dict[str, object], using: str) -> None:
    """Nobody waits for this answer: the journal has what came of it."""
    try:
        send(operation, kind, asked, using, wait=kind.may_wait)
    except BlestaError as error:
        logger.info("%s %s: %s", operation.kind, operation.token, error)


def settle(operation: Operation, *, happened: bool, actor: object = None, using: str = DEFAULT_DB_ALIAS) -> bool:
    """A person's decision, who looked in Blesta; False where the operation's outcome is not open any more."""
    operation.actor_id = operation.actor_id or getattr(actor, "pk", None)
    open_ = (State.UNKNOWN, State.RECONCILING, State.NEEDS_HUMAN)
    if not swap(operation, using, open_, looks=operation.looks + 1):
        return False
    word = "done" if happened else "not done"
    note(operation, f"Decided by a person ({getattr(actor, 'pk', None) or 'unnamed'}): {word}.")
    state = State.SUCCEEDED if happened else State.FAILED
    record(operation, using, state=state, reason=DECIDED if happened else NOT_DONE, in_doubt=False)
    return True
