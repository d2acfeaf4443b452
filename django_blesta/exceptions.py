"""Everything that can go wrong between this site and Blesta, as one tree.

::

    BlestaError
    ├── NotConfigured       also ImproperlyConfigured: the BLESTA setting, or a redirect that it earns
    │   └── ForeignInstallation     rows that the mirror remembers are others: another Blesta, or another company
    ├── NotAllowed          refused by us: not declared, READ_ONLY, wrong company
    ├── Denied              401 in Blesta's JSON: the credentials
    ├── NotCallable         403 in Blesta's JSON: this method
    ├── NoSuchResource      404 in Blesta's JSON: this model or method (a plugin that is not installed)
    ├── UnsupportedFormat   415
    ├── BadRequest          400 without errors: our mistake, named
    ├── Rejected            Blesta's rules said no: .errors, with Blesta's own words
    ├── Unavailable         nothing was changed; .reason is unreachable, maintenance, throttled, blocked or failing
    ├── OutcomeUnknown      a write left and no clear answer came: never send it again by machine
    └── Misunderstood       not JSON, or not the shape that was declared

All state travels in ``args``, so each of them survives pickling (a Celery result, a process pool).
"""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured

__all__ = [
    "BadRequest",
    "BlestaError",
    "Denied",
    "Facts",
    "FieldError",
    "ForeignInstallation",
    "Misunderstood",
    "NoSuchResource",
    "NotAllowed",
    "NotCallable",
    "NotConfigured",
    "OutcomeUnknown",
    "Rejected",
    "Unavailable",
    "UnsupportedFormat",
]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One rule of Blesta's that said no.

    ``field`` is named as Blesta names it (``lines[2][amount]``; "" when Blesta names none), ``code`` is Blesta's
    rule ("" when it gives none), ``message`` is Blesta's words in its own language ("" when they are null).
    """

    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a failed call; holds no argument values, no credentials and no whole body.

    ``call`` is ``Clients.getList``; ``reason`` is one of five words on Unavailable and a stable slug elsewhere;
    ``retry_after`` is in seconds; ``snippet`` is at most 200 printable characters of a body that was not understood.
    """

    call: str = ""
    status: int | None = None
    reason: str = ""
    retry_after: float | None = None
    errors: tuple[FieldError, ...] = ()
    snippet: str = ""


class BlestaError(Exception):
    """Catch this to catch all of them; ``str(error)`` is one sentence for an operator."""

    def __init__(self, message: str = "", facts: Facts = Facts()) -> None:
        super().__init__(message, facts)

    def __str__(self) -> str:
        return str(self.args[0])

    @property
    def facts(self) -> Facts:
        facts = self.args[1]
        assert isinstance(facts, Facts)  # noqa: S101  (the constructor put it there)
        return facts

    @property
    def call(self) -> str:
        return self.facts.call

    @property
    def status(self) -> int | None:
        return self.facts.status

    @property
    def reason(self) -> str:
        return self.facts.reason

    @property
    def retry_after(self) -> float | None:
        return self.facts.retry_after

    @property
    def errors(self) -> tuple[FieldError, ...]:
        return self.facts.errors

    @property
    def snippet(self) -> str:
        return self.facts.snippet


class NotConfigured(BlestaError, ImproperlyConfigured):
    """The BLESTA setting cannot work as it stands; trying again without changing it is of no use."""


class ForeignInstallation(NotConfigured):
    """This is not the Blesta that the mirror was made from; nothing was stored."""


class NotAllowed(BlestaError):
    """This site refused the call before a socket opened."""


class Denied(BlestaError):
    """Blesta does not know the user and key that were sent."""


class NotCallable(BlestaError):
    """Blesta has this method and does not let the API call it."""


class NoSuchResource(BlestaError):
    """Blesta has no such model or method; never a sign that a row was deleted."""


class UnsupportedFormat(BlestaError):
    """Blesta does not speak the format that the path asked for."""


class BadRequest(BlestaError):
    """Blesta could not use the request and named no field: a mistake of the caller's, not of a customer's."""


class Rejected(BlestaError):
    """Blesta validated the request and refused it; ``errors`` holds every field, rule and text."""


class Unavailable(BlestaError):
    """Nothing was changed and the same call may succeed later."""


class OutcomeUnknown(BlestaError):
    """A write left this process and nobody can say from the answer whether it took effect."""


class Misunderstood(BlestaError):
    """A read was answered with something that must not be taken for data."""
