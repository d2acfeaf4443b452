"""How a change is asked for: claim the token, send, record what came of it. Each function of `operations` goes here.

The journal row is committed as ``sending`` before a socket opens. From there it becomes ``succeeded``, ``failed`` or
``unknown``; a process that dies in between leaves ``sending``, which `state_of` shows as unknown once it is too old
to be alive.
"""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from django.conf import settings
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connections,
    transaction,
)
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.views.decorators.debug import sensitive_variables

from django_blesta import conf
from django_blesta.connection import Signature, connection_for, encode
from django_blesta.exceptions import (
    BadRequest,
    BlestaError,
    Denied,
    Facts,
    FieldError,
    NoSuchResource,
    NotAllowed,
    NotCallable,
    NotConfigured,
    OutcomeUnknown,
    Rejected,
    Unavailable,
    UnsupportedFormat,
)
from django_blesta.models import Operation

logger = logging.getLogger("django_blesta.operations")

State = Operation.State
Decorated = TypeVar("Decorated", bound=Callable[..., Any])

# Whatever else a write raises after it was sent means that nobody knows.
NOTHING_DONE: Final = (
    Rejected,
    Unavailable,
    Denied,
    NotCallable,
    NoSuchResource,
    UnsupportedFormat,
    BadRequest,
    NotAllowed,
    NotConfigured,
)
IN_FLIGHT: Final = "in-flight"
INTERRUPTED: Final = "interrupted"
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,64}")
_MARGIN: Final = timedelta(seconds=60)
_OPEN_TRANSACTION: Final = (
    "A change of Blesta's data must be written down before it is sent, and inside an open transaction on database "
    "{using!r} it cannot be. Call it outside transaction.atomic(); under ATOMIC_REQUESTS decorate the view with "
    "django_blesta.operations.outside_transactions (or transaction.non_atomic_requests)."
)


class TokenReused(NotAllowed):
    """This token already stands for another request; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Change:
    """One request for a change, before it is sent.

    ``asked`` is what the caller wants, in Blesta's argument names: the digest and the journal's names come from it.
    ``arguments`` completes it when its turn has come, and may read from Blesta for that. ``ids`` takes the ids out of
    the answer, and raises OutcomeUnknown where an answer lacks what a success would have.
    """

    kind: str
    signature: Signature
    resource: str
    asked: Mapping[str, Any]
    ids: Callable[[Any], dict[str, int]]
    arguments: Callable[[], Mapping[str, Any]]
    target_id: int | None = None
    client_id: int | None = None
    company_id: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A change that Blesta made.

    ``repeated``: an earlier submission with the same token had made it, and nothing was sent now. ``fresh``: the
    mirror shows the state after it. ``differs``: columns that show another value than was asked for (an e-mail
    address that waits for its confirmation, for one).
    """

    operation: Operation
    repeated: bool = False
    fresh: bool = False
    differs: tuple[str, ...] = ()

    @property
    def ids(self) -> dict[str, int]:
        return dict(self.operation.result_ids)


def new_token() -> str:
    return uuid.uuid4().hex


def is_token(text: str) -> bool:
    """Whether it can name an operation: 1 to 64 printable ASCII characters without blanks."""
    return _TOKEN.fullmatch(text) is not None


def find(token: str, *, using: str = DEFAULT_DB_ALIAS) -> Operation | None:
    return Operation.objects.using(using).filter(token=token).first() if is_token(token) else None


def state_of(operation: Operation, *, using: str = DEFAULT_DB_ALIAS) -> Operation.State:
    """What to tell people: a row that has been ``sending`` for longer than a call can last is unknown."""
    state = State(operation.state)
    if state is State.SENDING and (operation.sent_at is None or operation.sent_at < _oldest_alive(using)):
        return State.UNKNOWN
    return state


def overdue(*, using: str = DEFAULT_DB_ALIAS) -> QuerySet[Operation]:
    """Rows whose process died between sending and recording: the ones that `state_of` shows as unknown."""
    return Operation.objects.using(using).filter(state=State.SENDING, sent_at__lt=_oldest_alive(using))


def _oldest_alive(using: str) -> datetime:
    try:
        installation = conf.installation(using)
        lasts = timedelta(seconds=installation.read_deadline + installation.write_deadline)
    except NotConfigured:
        lasts = timedelta(minutes=5)
    return timezone.now() - lasts - _MARGIN


def outside_transactions(view: Decorated) -> Decorated:
    """Mark a view as one that ATOMIC_REQUESTS must not wrap, on any database."""
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


@sensitive_variables("change", "arguments")
def perform(change: Change, *, using: str, actor: Any = None, token: str | None = None) -> Result:
    """Send it once; on a token that was used before, tell what came of the first instead."""
    names = sorted({name for name, _ in encode(change.asked)})
    operation, claimed = _claim(change, names, using, actor, new_token() if token is None else token)
    if not claimed:
        return _recall(operation, using)
    sent = False
    try:
        arguments = change.arguments()
        connection = connection_for(using, change.company_id)
        sent = True
        ids = change.ids(connection.write(change.signature.model, change.signature.method, arguments))
    except BlestaError as error:
        known = not sent or isinstance(error, NOTHING_DONE)
        _record(
            operation,
            using,
            state=State.FAILED if known else State.UNKNOWN,
            outcome=type(error).__name__,
            reason=error.reason[:50],
            errors=[[one.field[:200], one.code[:100]] for one in error.errors],
        )
        raise
    except BaseException as error:  # a time limit, an interrupt, a mistake: what was sent stays sent
        _record(operation, using, state=State.UNKNOWN if sent else State.FAILED, outcome=type(error).__name__)
        raise
    _record(
        operation, using, state=State.SUCCEEDED, result_ids=ids, client_id=operation.client_id or ids.get("client_id")
    )
    return Result(operation)


@dataclass(frozen=True, slots=True)
class _Digest:
    """A keyed hash of a request: it recognises a request and cannot be searched for the values in it."""

    text: str = field(repr=False)

    @classmethod
    def of(cls, change: Change) -> _Digest:
        asked = [change.kind, change.target_id, change.asked]
        return cls(json.dumps(asked, sort_keys=True, default=str, separators=(",", ":")))

    def value(self, secret: str | bytes | None = None) -> str:
        return salted_hmac("django_blesta.operations", self.text, secret=secret, algorithm="sha256").hexdigest()

    def matches(self, stored: str) -> bool:
        secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
        return any(constant_time_compare(self.value(secret), stored) for secret in secrets)


@sensitive_variables("change", "digest")
def _claim(change: Change, names: list[str], using: str, actor: Any, token: str) -> tuple[Operation, bool]:
    """The committed row for this token, and whether it is ours to send."""
    if not is_token(token):
        raise ValueError("A token is 1 to 64 printable ASCII characters without blanks.")
    digest = _Digest.of(change)
    now = timezone.now()
    operation = Operation(
        token=token,
        kind=change.kind,
        state=State.SENDING,
        resource=change.resource,
        target_id=change.target_id,
        client_id=change.client_id,
        actor_id=getattr(actor, "pk", None),
        request_digest=digest.value(),
        argument_names=names,
        attempts=1,
        created_at=now,
        sent_at=now,
    )
    try:
        with _committed(using):
            operation.save(using=using, force_insert=True)
    except IntegrityError:
        first = find(token, using=using)
        if first is None:
            raise
    else:
        return operation, True
    if not digest.matches(first.request_digest):
        raise TokenReused("This token was already used for another request.", Facts(change.signature.call))
    return _claim_again(first, using, now)


def _claim_again(first: Operation, using: str, now: datetime) -> tuple[Operation, bool]:
    """A first attempt of which nothing reached Blesta may be sent after all; whoever changes the row sends."""
    if first.state != State.FAILED or first.outcome == Rejected.__name__:
        return first, False
    row = Operation.objects.using(using).filter(pk=first.pk, state=State.FAILED, attempts=first.attempts)
    with _committed(using):
        changed = row.update(
            state=State.SENDING, attempts=first.attempts + 1, sent_at=now, finished_at=None, outcome="", reason=""
        )
    first.refresh_from_db(using=using)
    return first, bool(changed)


def _recall(operation: Operation, using: str) -> Result:
    """What came of a request that was sent before, told as it was told the first time."""
    state = state_of(operation, using=using)
    if state is State.SUCCEEDED:
        return Result(operation, repeated=True)
    if state is State.FAILED:
        errors = tuple(FieldError(name, code, "") for name, code in operation.errors)
        raise Rejected("Blesta refused this request before.", Facts(operation.kind, reason="rejected", errors=errors))
    if state is State.UNKNOWN:
        reason = operation.reason or INTERRUPTED
        raise OutcomeUnknown(
            "This request was sent before; its outcome is not known.", Facts(operation.kind, None, reason)
        )
    raise OutcomeUnknown("This request is being sent right now.", Facts(operation.kind, None, IN_FLIGHT))


def _record(operation: Operation, using: str, **values: Any) -> None:
    """Write down how it ended; the call may have lasted longer than the database connection."""
    values |= {"finished_at": timezone.now()}
    try:
        try:
            _update(operation, using, values)
        except (OperationalError, InterfaceError):
            if connections[using].in_atomic_block:
                raise
            connections[using].close()
            _update(operation, using, values)
    except DatabaseError:
        logger.exception("%s ended as %s, and that could not be recorded", operation.token, values["state"])
        # The journal still says "sending", which grows into "unknown": so that is what must be said now.
        message = "Blesta answered, and its answer could not be written down."
        raise OutcomeUnknown(message, Facts(operation.kind, None, "not-recorded")) from None
    for name, value in values.items():
        setattr(operation, name, value)
    level = logging.WARNING if operation.state == State.UNKNOWN else logging.INFO
    words = (operation.kind, operation.token, operation.state, operation.outcome, operation.reason)
    logger.log(level, "%s %s: %s %s %s", *words)


def _update(operation: Operation, using: str, values: dict[str, Any]) -> None:
    with _committed(using):
        Operation.objects.using(using).filter(pk=operation.pk, attempts=operation.attempts).update(**values)


@contextmanager
def _committed(using: str) -> Iterator[None]:
    """A transaction that is committed at its end, or a RuntimeError that says why it cannot be."""
    connection = connections[using]
    with ExitStack() as stack:
        if not connection.in_atomic_block and not connection.get_autocommit():
            raise RuntimeError(_OPEN_TRANSACTION.format(using=using))
        try:
            stack.enter_context(transaction.atomic(using=using, durable=True))
        except RuntimeError as error:
            raise RuntimeError(_OPEN_TRANSACTION.format(using=using)) from error
        yield
