"""How a change is asked for: claim the token, send, record what came of it. Each function of `operations` goes here.

The journal row is committed as ``sending`` before a socket opens. From there it becomes ``succeeded``, ``failed`` or
``unknown``; a process that dies in between leaves ``sending``, which `state_of` shows as unknown once it is too old
to be alive. What becomes of unknown ones is `_reconcile`'s.
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
from typing import Any, Final, TypedDict, TypeVar

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
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

from django_blesta import conf, correlation, signals
from django_blesta.exceptions import (
    BadRequest,
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
from django_blesta.models import Client, Mirror, Operation
from django_blesta.operations._kinds import Kind
from django_blesta.wake import wake

logger = logging.getLogger("django_blesta.operations")

State = Operation.State
Decorated = TypeVar("Decorated", bound=Callable[..., Any])

RECONCILE: Final = "django_blesta.reconcile"
"""The task that looks for what is unknown and sends what is queued."""
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
OPEN: Final = (State.PENDING, State.QUEUED, State.SENDING, State.UNKNOWN, State.RECONCILING, State.NEEDS_HUMAN)
IN_FLIGHT: Final = "in-flight"
INTERRUPTED: Final = "interrupted"
NOT_DONE: Final = "not-done"
PARTLY_DONE: Final = "partly-done"
NEEDS_HUMAN: Final = "needs-human"
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,64}")
_MARGIN: Final = timedelta(seconds=60)
_OPEN_TRANSACTION: Final = (
    "A change of Blesta's data must be written down before it is sent, and inside an open transaction on database "
    "{using!r} it cannot be. Call it outside transaction.atomic(); under ATOMIC_REQUESTS decorate the view with "
    "django_blesta.operations.outside_transactions (or transaction.non_atomic_requests)."
)


class TokenReused(NotAllowed):
    """This token already stands for another request; nothing was sent."""


class PartlyDone(OutcomeUnknown):
    """The first of several calls took effect, and the next was refused or must wait; never send it all again."""


class Who(TypedDict, total=False):
    """What every operation takes beside its own arguments.

    `actor` is the site's user who asks. `token` names this one request: whoever sends it again finds the first.
    `using` is the installation, where the row does not tell. `wait`: rather than fail while Blesta is under
    maintenance, keep it and send it when Blesta is back, where the operation allows that. `validate_only`: ask Blesta
    whether it would take this, change nothing and write nothing down; `Result.errors` says what it would refuse.
    """

    actor: Any
    token: str | None
    using: str
    wait: bool
    validate_only: bool


@dataclass(frozen=True, slots=True)
class Change:
    """One request for a change, before it is sent.

    ``asked`` is what the caller wants, in Blesta's argument names: the digest and the journal's names come from it.
    ``row`` is what it concerns; client, company and installation follow from it. ``keys`` are for the probe.
    ``live`` narrows which others an exclusive kind holds back; without it, those for the same row.
    """

    kind: Kind
    asked: Mapping[str, Any]
    row: Mirror | None = None
    keys: Mapping[str, Any] = field(default_factory=dict)
    live: str = ""

    @property
    def target_id(self) -> int | None:
        return self.row.pk if isinstance(self.row, self.kind.model) else None

    @property
    def client_id(self) -> int | None:
        if isinstance(self.row, Client):
            return int(self.row.pk)
        found: int | None = getattr(self.row, "client_id", None)
        return found

    @property
    def live_key(self) -> str | None:
        if not self.kind.exclusive:
            return None
        return f"{self.kind.name}:{self.live or self.target_id}"[:150]


@dataclass(frozen=True, slots=True)
class Result:
    """A change that Blesta made, or, where `queued`, will be asked for when Blesta is back.

    ``repeated``: an earlier submission with the same token had made it, and nothing was sent now. ``fresh``: the
    mirror shows the state after it. ``differs``: columns that show another value than was asked for (an e-mail
    address that waits for its confirmation, for one). ``errors`` are a dry run's, and ``answer`` is of `call` alone.
    """

    operation: Operation
    repeated: bool = False
    fresh: bool = False
    differs: tuple[str, ...] = ()
    errors: tuple[FieldError, ...] = ()
    answer: Any = None

    @property
    def ids(self) -> dict[str, int]:
        return dict(self.operation.result_ids)

    @property
    def queued(self) -> bool:
        return self.operation.state == State.QUEUED


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
    if state is State.SENDING and (operation.sent_at is None or operation.sent_at < timezone.now() - lasting(using)):
        return State.UNKNOWN
    return state


def overdue(*, using: str = DEFAULT_DB_ALIAS, now: datetime | None = None) -> QuerySet[Operation]:
    """Rows whose process died between sending and recording: the ones that `state_of` shows as unknown."""
    oldest_alive = (now or timezone.now()) - lasting(using)
    return Operation.objects.using(using).filter(state=State.SENDING, sent_at__lt=oldest_alive)


def lasting(using: str) -> timedelta:
    """How long a process may be busy with one call before it must be dead."""
    try:
        installation = conf.installation(using)
        lasts = timedelta(seconds=installation.read_deadline + installation.write_deadline)
    except NotConfigured:
        lasts = timedelta(minutes=5)
    return lasts + _MARGIN


def outside_transactions(view: Decorated) -> Decorated:
    """Mark a view as one that ATOMIC_REQUESTS must not wrap, on any database."""
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


@dataclass(frozen=True, slots=True)
class _Digest:
    """A keyed hash of a request: it recognises a request and cannot be searched for the values in it."""

    text: str = field(repr=False)

    @classmethod
    def of(cls, change: Change) -> _Digest:
        asked = [change.kind.name, change.target_id, change.asked]
        return cls(json.dumps(asked, sort_keys=True, default=str, separators=(",", ":")))

    def value(self, secret: str | bytes | None = None) -> str:
        return salted_hmac("django_blesta.operations", self.text, secret=secret, algorithm="sha256").hexdigest()

    def matches(self, stored: str) -> bool:
        secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
        return any(constant_time_compare(self.value(secret), stored) for secret in secrets)


@sensitive_variables("change", "digest")
def claim(
    change: Change, names: list[str], using: str, actor: Any, token: str, *, queued: bool
) -> tuple[Operation, bool]:
    """The committed row for this token, and whether it is ours to send."""
    if not is_token(token):
        raise ValueError("A token is 1 to 64 printable ASCII characters without blanks.")
    digest = _Digest.of(change)
    now = timezone.now()
    marker = {"marker": f"django-blesta:{uuid.uuid4().hex}"} if change.kind.marked else {}
    operation = Operation(
        token=token,
        kind=change.kind.name,
        state=State.QUEUED if queued else State.SENDING,
        resource=change.kind.model._meta.label_lower,
        target_id=change.target_id,
        client_id=change.client_id,
        company_id=change.row.company_id if change.row else None,
        actor_id=getattr(actor, "pk", None),
        correlation_id=correlation.current().id,
        request_digest=digest.value(),
        live_key=change.live_key,
        argument_names=names,
        queued_arguments=storable(change.asked) if queued or change.kind.keeps_arguments else None,
        probe_keys={**change.keys, **marker},
        in_doubt=not queued,
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
            _refuse_beside_another(change, using)
            raise
    else:
        return operation, True
    if not digest.matches(first.request_digest):
        raise TokenReused("This token was already used for another request.", Facts(change.kind.signature.call))
    return _claim_again(first, change, using, now)


def _refuse_beside_another(change: Change, using: str) -> None:
    if change.live_key and Operation.objects.using(using).filter(live_key=change.live_key).exists():
        facts = Facts(change.kind.name, reason=IN_FLIGHT)
        raise OutcomeUnknown("The outcome of another request for the same change is still open.", facts)


def _claim_again(first: Operation, change: Change, using: str, now: datetime) -> tuple[Operation, bool]:
    """A first attempt of which nothing reached Blesta may be sent after all; whoever changes the row sends."""
    if first.state != State.FAILED or first.outcome == Rejected.__name__ or first.reason == NOT_DONE:
        return first, False
    if change.kind.once:
        return first, False
    row = Operation.objects.using(using).filter(pk=first.pk, state=State.FAILED, attempts=first.attempts)
    try:
        with _committed(using):
            changed = row.update(
                state=State.SENDING,
                attempts=first.attempts + 1,
                sent_at=now,
                in_doubt=True,
                finished_at=None,
                outcome="",
                reason="",
                live_key=change.live_key,
                queued_arguments=storable(change.asked) if change.kind.keeps_arguments else None,
                probe_keys={**change.keys, **first.probe_keys},
            )
    except IntegrityError:
        _refuse_beside_another(change, using)
        raise
    first.refresh_from_db(using=using)
    return first, bool(changed)


def recall(operation: Operation, using: str) -> Result:
    """What came of a request that was sent before, told as it was told the first time."""
    state = state_of(operation, using=using)
    if state in (State.SUCCEEDED, State.QUEUED):
        return Result(operation, repeated=True)
    if state is State.FAILED and (operation.reason == NOT_DONE or operation.outcome != Rejected.__name__):
        raise Unavailable("This request was sent before and took no effect.", Facts(operation.kind, reason=NOT_DONE))
    errors = tuple(FieldError(name, code, "") for name, code in operation.errors)
    if state is State.FAILED:
        raise Rejected("Blesta refused this request before.", Facts(operation.kind, reason="rejected", errors=errors))
    if operation.step and state is not State.SENDING:
        facts = Facts(operation.kind, None, PARTLY_DONE, errors=errors)
        raise PartlyDone("This request was sent before; only its first part is known to be done.", facts)
    if state in (State.UNKNOWN, State.RECONCILING, State.NEEDS_HUMAN):
        reason = NEEDS_HUMAN if state is State.NEEDS_HUMAN else operation.reason or INTERRUPTED
        raise OutcomeUnknown(
            "This request was sent before; its outcome is not known.", Facts(operation.kind, None, reason)
        )
    raise OutcomeUnknown("This request is being sent right now.", Facts(operation.kind, None, IN_FLIGHT))


def storable(asked: Mapping[str, Any]) -> Any:
    return json.loads(json.dumps(asked, cls=DjangoJSONEncoder))


def note(operation: Operation, evidence: str) -> None:
    """Add one sentence to what was found; the first and the latest stay."""
    said = {"at": timezone.now().isoformat(timespec="seconds"), "said": evidence[:300]}
    operation.evidence = [*operation.evidence[:1], *operation.evidence[1:][-18:], said]


def record(operation: Operation, using: str, **values: Any) -> None:
    """Write down how it stands after a call or a look, and say so where that is the end of it."""
    state = values["state"]
    ended = state not in OPEN
    values |= {"finished_at": timezone.now(), "evidence": operation.evidence}
    if ended:
        # Nothing is looked for any more: of the keys only the mark that stands in Blesta stays.
        kept = {name: value for name, value in operation.probe_keys.items() if name == "marker"}
        values |= {"live_key": None, "next_look_at": None, "queued_arguments": None, "probe_keys": kept}
    elif state is State.NEEDS_HUMAN:
        values["queued_arguments"] = None  # nothing sends it any more
    # Whoever looked in the meantime knows better, but for an answer that says that it was done.
    keep(operation, using, unless_looked=state != State.SUCCEEDED, **values)
    level = logging.WARNING if operation.state in (State.UNKNOWN, State.NEEDS_HUMAN) else logging.INFO
    words = (operation.kind, operation.token, operation.state, operation.outcome, operation.reason)
    logger.log(level, "%s %s: %s %s %s", *words)
    if state in (State.UNKNOWN, State.QUEUED):
        wake(RECONCILE, using)
    if ended or state is State.NEEDS_HUMAN:
        signals.send(signals.operation_finished, Operation, operation=operation, using=using)


def keep(operation: Operation, using: str, **values: Any) -> None:
    """`save` what Blesta answered; where that fails, the journal's "sending" grows into "unknown", so that is said."""
    try:
        save(operation, using, **values)
    except DatabaseError:
        logger.exception("%s was answered (%s), and that could not be recorded", operation.token, values.get("state"))
        message = "Blesta answered, and its answer could not be written down."
        raise OutcomeUnknown(message, Facts(operation.kind, None, "not-recorded")) from None


def save(operation: Operation, using: str, *, unless_looked: bool = True, **values: Any) -> None:
    """The call may have lasted longer than the database connection: a lost one is made again, once."""
    try:
        _update(operation, using, values, unless_looked)
    except (OperationalError, InterfaceError):
        if connections[using].in_atomic_block:
            raise
        connections[using].close()
        _update(operation, using, values, unless_looked)
    for name, value in values.items():
        setattr(operation, name, value)


def _update(operation: Operation, using: str, values: dict[str, Any], unless_looked: bool) -> None:
    rows = Operation.objects.using(using).filter(pk=operation.pk, attempts=operation.attempts)
    with _committed(using):
        (rows.filter(looks=operation.looks) if unless_looked else rows).update(**values)


def swap(operation: Operation, using: str, states: tuple[Operation.State, ...], **values: Any) -> bool:
    """Take the row over if it still stands so; of several that try, one is told True."""
    row = Operation.objects.using(using).filter(
        pk=operation.pk, state__in=states, attempts=operation.attempts, looks=operation.looks
    )
    with _committed(using):
        changed = row.update(**values)
    if changed:
        for name, value in values.items():
            setattr(operation, name, value)
    return bool(changed)


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
