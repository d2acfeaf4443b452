"""What is known of an operation before anybody asks for it: its calls, how to find out whether each took effect.

A kind is data and pure functions. Its `Case` is all that they see of one operation: what the journal holds, and a way
to ask Blesta. So a probe works as well in another process, a day later, as in the one that sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, TypeAlias

from django_blesta.connection import Shape, Signature, connection_for
from django_blesta.exceptions import Facts, FieldError, Rejected
from django_blesta.models import Mirror, Operation

LOOKS: Final = (0.0, 15.0, 60.0, 300.0, 900.0)
"""Seconds after sending at which to look for an effect. Only the last look may say that there is none."""
PATIENT: Final = (*LOOKS, 3600.0)
"""Where a registrar, a server or a gateway answers inside the call, effects may come late."""
EDGE: Final = "edge"
"""The reason of a `Rejected` that this site raised itself, so that nothing was sent."""
NAMELESS: Final = "call "
"""Begins the journal's name of a call that has no operation of its own."""
NOBODY_KNOWS: Final = "Blesta shows nothing by which this change could be found."


@dataclass(slots=True)
class Case:
    """One operation, as its calls and probes see it.

    `keys` are the journal's probe keys together with the ids that came out of earlier steps, `target_id` and
    `client_id`. `keep` adds a key that must be in the journal before the request leaves.
    """

    using: str
    company_id: int | None
    keys: dict[str, Any]
    new_keys: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, operation: Operation, using: str) -> Case:
        known = {"target_id": operation.target_id, "client_id": operation.client_id}
        keys = {name: value for name, value in known.items() if value is not None}
        return cls(using, operation.company_id, {**keys, **operation.probe_keys, **operation.result_ids})

    def ask(self, model: str, method: str, *, shape: Shape | None = None, **arguments: Any) -> Any:
        """Read from Blesta; the pair must be declared."""
        return connection_for(self.using, self.company_id).read(model, method, arguments, shape=shape)

    def keep(self, **keys: Any) -> None:
        self.keys |= keys
        self.new_keys |= keys

    def __getitem__(self, name: str) -> Any:
        return self.keys[name]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look brought: `happened` is None where it cannot be told; `evidence` names ids and words of state."""

    happened: bool | None
    evidence: str
    ids: Mapping[str, int] = field(default_factory=dict)


Asked: TypeAlias = Mapping[str, Any]
Build: TypeAlias = Callable[[Asked, Case], Mapping[str, Any]]
Probe: TypeAlias = Callable[[Case], Finding]
DryRun: TypeAlias = Callable[[Asked, Case], tuple[str, str, Mapping[str, Any]]]
Touched: TypeAlias = Callable[[Case], Sequence[tuple[type[Mirror], int | None]]]


def as_asked(asked: Asked, case: Case) -> Asked:
    return asked


def no_ids(answer: Any) -> dict[str, int]:
    return {}


def own_row(case: Case) -> Sequence[tuple[type[Mirror], int | None]]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call of an operation.

    `build` completes the arguments when its turn has come; it may read from Blesta, refuse (`refuse`) or find that
    there is nothing to do (`AlreadySo`). A later step is built from the case alone, unless the kind keeps its
    arguments. `ids` takes the ids out of the
    answer, and raises OutcomeUnknown where an answer lacks what a success would have. `safe_again`: Blesta itself
    refuses to do it twice, so it may be sent again where it was not found.
    """

    signature: Signature
    build: Build = as_asked
    ids: Callable[[Any], dict[str, int]] = no_ids
    probe: Probe | None = None
    safe_again: Callable[[Case], bool] = field(default=lambda case: False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One operation of this module. `does` and `finds` are sentences for the documentation.

    `model` is the mirror that the target is a row of; `touched` names the rows to fetch anew. `may_wait`: may be kept
    while Blesta is under maintenance. `exclusive`: while one of these has an open outcome, none is sent for the same
    target. `dry_run` names the call by which Blesta says whether it would take it. `marked`: a marker of the journal's
    own travels with it, by which it is found. `keeps_arguments`: a later call needs what was asked for, which the
    journal therefore keeps until the last one is answered. `once`: not even what never left is sent again under the
    same token, so that no machine that repeats a task repeats this.
    """

    name: str
    model: type[Mirror]
    does: str
    finds: str
    steps: tuple[Step, ...]
    touched: Touched | None = None
    dry_run: DryRun | None = None
    may_wait: bool = False
    exclusive: bool = False
    marked: bool = False
    keeps_arguments: bool = False
    once: bool = False
    looks: tuple[float, ...] = LOOKS

    @property
    def signature(self) -> Signature:
        return self.steps[0].signature

    def rows(self, case: Case) -> Sequence[tuple[type[Mirror], int | None]]:
        return self.touched(case) if self.touched else ((self.model, case.keys.get("target_id")),)


KINDS: Final[dict[str, Kind]] = {}


def define(kind: Kind) -> Kind:
    """Make a kind known under its name, by which the journal holds it."""
    if KINDS.setdefault(kind.name, kind) is not kind:
        raise ValueError(f"{kind.name} is already defined.")
    return kind


class AlreadySo(Exception):
    """Blesta shows that what is asked for is so already; nothing needs to be sent."""

    def __init__(self, evidence: str, **ids: int) -> None:
        super().__init__(evidence)
        self.evidence = evidence
        self.ids = ids


def refuse(call: str, *errors: tuple[str, str, str]) -> NoReturn:
    """Refuse as Blesta would, before anything is sent: (field, code, message) each, in Blesta's names."""
    listed = tuple(FieldError(name, code, str(message)) for name, code, message in errors)
    raise Rejected(f"{call}: refused before it was sent.", Facts(call, reason=EDGE, errors=listed))
