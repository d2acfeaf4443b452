"""What people are told: Blesta's refusals on the fields they concern, and one fixed sentence for everything else.

Texts of Blesta's are shown as plain text and only where they read like a sentence for people; markup, paths of a
server and traces become "Invalid value". The rule's code always stays.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import DEFAULT_DB_ALIAS
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_blesta.exceptions import (
    BlestaError,
    Denied,
    Facts,
    FieldError,
    Misunderstood,
    NotAllowed,
    NotConfigured,
    OutcomeUnknown,
    Rejected,
    Unavailable,
)
from django_blesta.models import Operation
from django_blesta.operations._journal import IN_FLIGHT, NEEDS_HUMAN, NOT_DONE, PartlyDone, TokenReused, state_of

LONGEST: Final = 300
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]+")
_NOT_FOR_PEOPLE: Final = re.compile(
    r"<\s*[a-z/!?]"  # markup
    r"|&(?:#\d+|#x[0-9a-f]+|[a-z]+);"  # and what is left of it
    r"|(?:^|[\s\"'(=:])(?:/[\w.-]+){2,}"  # /var/www/…
    r"|\b[a-z]:\\|\\\\\w"  # C:\…, \\server
    r"|\.php\b|\bon line \d|stack trace|sqlstate|exception\b|\bfatal error\b",
    re.IGNORECASE,
)
_SEGMENT: Final = re.compile(r"\[([^\[\]]*)\]")
_INDEXED: Final = re.compile(r"(\w+)\[(\d+)\](?:\[(\w+)\])?")

SAVED: Final = _("Your changes were saved.")
SAVED_BUT: Final = _("Your changes were saved. The billing system still shows another value for: %(fields)s.")
REJECTED: Final = _("The billing system did not accept this. Please correct what is marked and send it again.")
UNREACHABLE: Final = _(
    "The billing system cannot be reached at the moment. Nothing was changed; please try again later."
)
MAINTENANCE: Final = _("The billing system is under maintenance. Nothing was changed; please try again later.")
THROTTLED: Final = _("The billing system is busy. Nothing was changed; please try again in a few minutes.")
UNKNOWN: Final = _(
    "The billing system did not confirm this change, and it may have taken effect. Please do not send it again; "
    "look here a little later."
)
UNDER_WAY: Final = _("This change is already being sent. Please do not send it again; look here in a moment.")
PARTLY: Final = _(
    "The first part of this was done, and the rest could not be. Please do not send it again; our staff will look "
    "into it."
)
IN_HANDS: Final = _(
    "It could not be found out whether this change took effect. Please do not send it again; our staff will look into "
    "it."
)
TOOK_NO_EFFECT: Final = _("This change took no effect. You may send it again.")
QUEUED: Final = _(
    "The billing system is under maintenance. Your change is queued and will be sent when it is back; please do not "
    "send it again."
)
DENIED: Final = _("The billing system does not accept this site. Nothing was changed; our staff must look into it.")
NOT_CONFIGURED: Final = _("The billing system is not set up on this site. Nothing was changed.")
NOT_ALLOWED: Final = _("This site does not change anything in the billing system at the moment. Nothing was changed.")
TOKEN_REUSED: Final = _(
    "Another change was already sent from this page, so this one was not. Load the page again and repeat it there."
)
NOT_UNDERSTOOD: Final = _(
    "The billing system and this site did not understand each other. Nothing was changed; our staff must look into it."
)
INVALID: Final = _("Please correct what is marked and send it again.")

_BY_REASON: Final[Mapping[tuple[type[BlestaError], str], Promise]] = {
    (Unavailable, "maintenance"): MAINTENANCE,
    (Unavailable, "throttled"): THROTTLED,
    (Unavailable, "blocked"): THROTTLED,
    (Unavailable, NOT_DONE): TOOK_NO_EFFECT,
    (OutcomeUnknown, IN_FLIGHT): UNDER_WAY,
    (OutcomeUnknown, NEEDS_HUMAN): IN_HANDS,
}
# The first class that fits decides.
_BY_CLASS: Final[tuple[tuple[type[BlestaError], str, Promise], ...]] = (
    (Rejected, "rejected", REJECTED),
    (Unavailable, "unavailable", UNREACHABLE),
    (PartlyDone, "unknown", PARTLY),
    (OutcomeUnknown, "unknown", UNKNOWN),
    (TokenReused, "refused", TOKEN_REUSED),
    (NotAllowed, "refused", NOT_ALLOWED),
    (NotConfigured, "refused", NOT_CONFIGURED),
    (Denied, "refused", DENIED),
    (Misunderstood, "unavailable", NOT_UNDERSTOOD),
    (BlestaError, "refused", NOT_UNDERSTOOD),
)


def outcome_of(error: BlestaError) -> str:
    """rejected, unavailable, unknown or refused."""
    return next(outcome for kind, outcome, _sentence in _BY_CLASS if isinstance(error, kind))


def sentence_for(error: BlestaError) -> Promise:
    """One sentence for whoever asked for the change; it names no server, no path and no setting."""
    kind, _outcome, sentence = next(row for row in _BY_CLASS if isinstance(error, row[0]))
    return _BY_REASON.get((kind, error.reason), sentence)


def sentence_of(operation: Operation, *, using: str = DEFAULT_DB_ALIAS) -> Promise:
    """The same sentence, told later from the journal."""
    state = state_of(operation, using=using)
    if state is Operation.State.SUCCEEDED:
        return SAVED
    if state in (Operation.State.SENDING, Operation.State.PENDING):
        return UNDER_WAY
    if state is Operation.State.QUEUED:
        return QUEUED
    if state is Operation.State.NEEDS_HUMAN:
        return PARTLY if operation.step else IN_HANDS
    if state in (Operation.State.UNKNOWN, Operation.State.RECONCILING):
        return UNKNOWN
    if operation.reason == NOT_DONE:
        return TOOK_NO_EFFECT
    kind = next((kind for kind, _outcome, _sentence in _BY_CLASS if kind.__name__ == operation.outcome), BlestaError)
    return sentence_for(kind("", Facts(reason=operation.reason)))


@dataclass(frozen=True, slots=True)
class Complaint:
    """One rule that said no, as it is shown."""

    message: str
    code: str
    blesta_field: str


def complaints(
    error: Rejected, *, fields: Collection[str], renamed: Mapping[str, str] | None = None
) -> dict[str, list[Complaint]]:
    """Our field names to what is wrong there; what concerns none of `fields` stands under `NON_FIELD_ERRORS`.

    `renamed` is Blesta's name to ours; ``lines[][amount]`` in it stands for every index.
    """
    found: dict[str, list[Complaint]] = {}
    for one in error.errors:
        blesta_field = plain_field(one.field)
        name = _ours(blesta_field, fields, renamed or {})
        message = _message(one)
        if not name and blesta_field:
            message = gettext("%(message)s (%(field)s)") % {"message": message, "field": blesta_field}
        found.setdefault(name or NON_FIELD_ERRORS, []).append(Complaint(message, one.code or "invalid", blesta_field))
    return found or {NON_FIELD_ERRORS: [Complaint(str(REJECTED), "invalid", "")]}


def validation_error(
    error: Rejected, *, fields: Collection[str], renamed: Mapping[str, str] | None = None
) -> ValidationError:
    """For `form.add_error(None, …)`: every complaint keeps its code, and Blesta's field in `params`."""
    by_field = complaints(error, fields=fields, renamed=renamed)
    return ValidationError(
        {
            name: [
                # Django fills params in with %, so a percent sign of Blesta's must not look like a placeholder.
                ValidationError(one.message.replace("%", "%%"), one.code, {"blesta_field": one.blesta_field})
                for one in listed
            ]
            for name, listed in by_field.items()
        }
    )


def plain_field(name: str) -> str:
    """`vars[email]` and `email` are the same field; what no field could be called is cut down to what it could."""
    if name.startswith("vars[") and (segments := _SEGMENT.findall(name)):
        name = segments[0] + "".join(f"[{segment}]" for segment in segments[1:])
    return re.sub(r"[^\w\[\].-]", "", name)[:100]


def indexed_field(name: str) -> tuple[str, int, str] | None:
    """`lines[2][amount]` as ("lines", 2, "amount"); the last is empty for `lines[2]`."""
    found = _INDEXED.fullmatch(name)
    return (found[1], int(found[2]), found[3] or "") if found else None


def _ours(name: str, fields: Collection[str], renamed: Mapping[str, str]) -> str:
    """The field of ours for Blesta's `settings[tax_id]`: renamed, `settings__tax_id`, or the whole `settings`."""
    base = name.partition("[")[0]
    anywhere = re.sub(r"\[\d+\]", "[]", name)
    nested = "__".join([base, *_SEGMENT.findall(name)])
    for candidate in (renamed.get(name), renamed.get(anywhere), name, nested, renamed.get(base), base):
        if candidate and candidate in fields:
            return candidate
    return ""


def _message(one: FieldError) -> str:
    text = " ".join(_CONTROL.sub(" ", one.message).split())
    if text and len(text) <= LONGEST and not _NOT_FOR_PEOPLE.search(text):
        return text
    code = re.sub(r"[^\w.-]", "", one.code)[:50]
    return gettext("Invalid value (%(code)s).") % {"code": code} if code else gettext("Invalid value.")
