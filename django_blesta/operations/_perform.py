"""From a request for a change to its result: each call written down, sent at most once, its answer recorded."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from django_blesta import correlation
from django_blesta.connection import connection_for, encode
from django_blesta.exceptions import BlestaError, Facts, FieldError, OutcomeUnknown, Rejected, Unavailable
from django_blesta.models import Operation
from django_blesta.operations._journal import (
    NOTHING_DONE,
    PARTLY_DONE,
    Change,
    PartlyDone,
    Result,
    State,
    Who,
    claim,
    keep,
    new_token,
    note,
    recall,
    record,
    save,
    storable,
)
from django_blesta.operations._kinds import AlreadySo, Case, Kind, refuse
from django_blesta.operations._mirror import refreshed
from django_blesta.operations.errors import plain_field

NUL_IN_TEXT: Final = _("This must not contain characters that are no text.")


@sensitive_variables("change")
def perform(change: Change, who: Who) -> Result:
    """Send it once; on a token that was used before, tell what came of the first instead."""
    using = who.get("using") or (change.row and change.row._state.db) or DEFAULT_DB_ALIAS
    if who.get("validate_only"):
        return _try_out(change, using)
    names = sorted({name for name, _ in encode(change.asked)})
    token = who.get("token")
    wait = bool(who.get("wait")) and change.kind.may_wait
    behind = wait and _others_wait(change, using)
    operation, claimed = claim(
        change, names, using, who.get("actor"), new_token() if token is None else token, queued=behind
    )
    if not claimed:
        return recall(operation, using)
    if behind:
        return Result(operation)
    return send(operation, change.kind, change.asked, using, wait=wait)


@sensitive_variables("asked", "arguments", "answer")
def send(operation: Operation, kind: Kind, asked: Mapping[str, Any], using: str, *, wait: bool = False) -> Result:
    """Send the calls that are still to be made of a row that is ours, each written down before its socket opens."""
    with correlation.within(operation_id=operation.pk):
        return _send(operation, kind, asked, using, wait=wait)


@sensitive_variables("asked", "arguments", "answer")
def _send(operation: Operation, kind: Kind, asked: Mapping[str, Any], using: str, *, wait: bool) -> Result:
    case = Case.of(operation, using)
    while True:
        step = kind.steps[operation.step]
        sent, ids, began = False, {}, time.monotonic()
        try:
            arguments = step.build(asked if operation.step == 0 else operation.queued_arguments or {}, case)
            _refuse_nul(step.signature.call, arguments)
            connection = connection_for(using, operation.company_id)
            _write_down(operation, using, case)
            sent = True
            began = time.monotonic()
            answer = connection.write(step.signature.model, step.signature.method, arguments)
            ids = step.ids(answer)
        except AlreadySo as so:
            ids = so.ids
            note(operation, so.evidence)
        except BlestaError as error:
            known = not sent or isinstance(error, NOTHING_DONE)
            raised = _fall(operation, kind, asked, using, error, known=known, wait=wait, took=_since(began, sent))
            if raised is None:
                return Result(operation)
            if raised is error:
                raise
            raise raised from error
        except BaseException as error:  # a time limit, an interrupt, a mistake: what was sent stays sent
            state = State.UNKNOWN if sent or operation.step else State.FAILED
            record(operation, using, state=state, outcome=type(error).__name__, next_look_at=timezone.now())
            raise
        took = _since(began, sent)
        done = {**operation.result_ids, **ids}
        case.keys |= ids
        if operation.step + 1 == len(kind.steps):
            break
        keep(
            operation,
            using,
            step=operation.step + 1,
            in_doubt=False,
            result_ids=done,
            milliseconds=operation.milliseconds + took,
            sent_at=timezone.now(),
        )
    record(
        operation,
        using,
        state=State.SUCCEEDED,
        result_ids=done,
        client_id=operation.client_id or ids.get("client_id"),
        step=operation.step + 1,
        in_doubt=False,
        milliseconds=operation.milliseconds + took,
    )
    return Result(operation, fresh=refreshed(*kind.rows(case), using=using))


def _refuse_nul(call: str, arguments: Mapping[str, Any]) -> None:
    """No database of Blesta's or ours holds NUL in a text; what would become of it there is not known."""
    wrong = [name for name, value in encode(arguments) if "\x00" in value]
    if wrong:
        refuse(call, *((plain_field(name), "format", str(NUL_IN_TEXT)) for name in wrong))


def _since(began: float, sent: bool) -> int:
    return round((time.monotonic() - began) * 1000) if sent else 0


def _write_down(operation: Operation, using: str, case: Case) -> None:
    """What must be in the journal before the request leaves and is not there yet."""
    values: dict[str, Any] = {}
    if case.new_keys:
        values["probe_keys"] = {**operation.probe_keys, **case.new_keys}
        case.new_keys = {}
    if not operation.in_doubt:
        values |= {"in_doubt": True, "sent_at": timezone.now()}
    if values:
        save(operation, using, **values)


def _fall(
    operation: Operation,
    kind: Kind,
    asked: Mapping[str, Any],
    using: str,
    error: BlestaError,
    *,
    known: bool,
    wait: bool,
    took: int,
) -> BlestaError | None:
    """Record that the call did not go well; what to raise, or None where it is queued instead."""
    first = operation.step == 0
    later = known and isinstance(error, Unavailable)
    values: dict[str, Any] = {
        "outcome": type(error).__name__,
        "reason": error.reason[:50],
        "errors": [[one.field[:200], one.code[:100]] for one in error.errors],
        "milliseconds": operation.milliseconds + took,
    }
    if first and later and wait and error.reason == "maintenance":
        record(operation, using, state=State.QUEUED, in_doubt=False, queued_arguments=storable(asked), **values)
        return None
    if first and known:
        record(operation, using, state=State.FAILED, in_doubt=False, **values)
        return error
    if known and not later:
        note(operation, f"{operation.step} of {len(kind.steps)} calls done; the next was refused.")
        record(operation, using, state=State.NEEDS_HUMAN, in_doubt=False, **values)
    else:
        record(operation, using, state=State.UNKNOWN, in_doubt=not known, next_look_at=timezone.now(), **values)
    if not known:
        return error
    facts = Facts(operation.kind, error.status, PARTLY_DONE, errors=error.errors)
    return PartlyDone("The first part was done, and the rest was not.", facts)


def _others_wait(change: Change, using: str) -> bool:
    """Whether an earlier change of the same target is queued, which must come first."""
    rows = Operation.objects.using(using).filter(state=State.QUEUED, resource=change.kind.model._meta.label_lower)
    return change.target_id is not None and rows.filter(target_id=change.target_id).exists()


def _try_out(change: Change, using: str) -> Result:
    """Ask Blesta whether it would take this. The operation of the result is not in the journal."""
    if change.kind.dry_run is None:
        raise ValueError(f"Blesta offers no dry run of {change.kind.name}.")
    case = Case(using, change.row.company_id if change.row else None, dict(change.keys))
    case.keys |= {"target_id": change.target_id, "client_id": change.client_id}
    model, method, arguments = change.kind.dry_run(change.asked, case)
    errors: tuple[FieldError, ...] = ()
    try:
        # By POST like a write: what is tried may hold a password, and addresses of pages are logged everywhere.
        if connection_for(using, case.company_id).write(model, method, arguments) is False:
            errors = (FieldError("", "invalid", ""),)
    except Rejected as rejected:
        errors = rejected.errors
    except OutcomeUnknown as unknown:
        raise Unavailable("Blesta could not try this out.", Facts(unknown.call, unknown.status, "failing")) from unknown
    return Result(Operation(kind=change.kind.name), errors=errors)
