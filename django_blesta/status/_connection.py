"""What the last runs of the sync say about the way to Blesta."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from uuid import UUID

from django.utils.functional import Promise
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_blesta import conf
from django_blesta.models import Company, SyncRun
from django_blesta.status._troubles import Level, Trouble

_State = SyncRun.State


class Connected(StrEnum):
    """What the last runs say about the way to Blesta."""

    OK = "ok"
    SLOW = "slow"
    DENIED = "denied"
    NOT_CALLABLE = "not-callable"
    MAINTENANCE = "maintenance"
    FAILING = "failing"
    THROTTLED = "throttled"
    BLOCKED = "blocked"
    UNREACHABLE = "unreachable"
    MISUNDERSTOOD = "misunderstood"
    MISCONFIGURED = "misconfigured"
    NEVER = "never"

    @property
    def label(self) -> str | Promise:
        return _CONNECTED[self]


_CONNECTED = {
    Connected.OK: gettext_lazy("Connected"),
    Connected.SLOW: gettext_lazy("Slow"),
    Connected.DENIED: gettext_lazy("Denied"),
    Connected.NOT_CALLABLE: gettext_lazy("Calls refused"),
    Connected.MAINTENANCE: gettext_lazy("Blesta is under maintenance"),
    Connected.FAILING: gettext_lazy("Blesta fails"),
    Connected.THROTTLED: gettext_lazy("Slowed down"),
    Connected.BLOCKED: gettext_lazy("Blocked by a firewall"),
    Connected.UNREACHABLE: gettext_lazy("Unreachable"),
    Connected.MISUNDERSTOOD: gettext_lazy("Answers, but not as Blesta"),
    Connected.MISCONFIGURED: gettext_lazy("Misconfigured"),
    Connected.NEVER: gettext_lazy("Never tried"),
}

# The kind of error on a run, to what it says about the connection: first what strikes every question alike …
_EVERYWHERE = {
    "denied": Connected.DENIED,
    "Denied": Connected.DENIED,
    "maintenance": Connected.MAINTENANCE,
    "throttled": Connected.THROTTLED,
    "blocked": Connected.BLOCKED,
    "unreachable": Connected.UNREACHABLE,
    "Unavailable": Connected.UNREACHABLE,
    "not-blesta": Connected.MISUNDERSTOOD,
    "redirected": Connected.MISCONFIGURED,
    "foreign-installation": Connected.MISCONFIGURED,
    "NotConfigured": Connected.MISCONFIGURED,
}
# … then what may be so of one resource alone, and says something where nothing else was answered either. All other
# kinds are answers that nobody who knows Blesta's API gives.
_SOMEWHERE = {
    "failing": Connected.FAILING,
    "not-callable": Connected.NOT_CALLABLE,
    "not-allowed": Connected.MISCONFIGURED,
}


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """`since` is None where no run tells; `error` is the sentence of the newest run that failed so, `kind` its kind."""

    state: Connected
    since: datetime | None
    error: str = ""
    kind: str = ""


def connection_status(problems: tuple[conf.Problem, ...], recent: list[SyncRun]) -> ConnectionStatus:
    if problems:
        return ConnectionStatus(Connected.MISCONFIGURED, None, problems[0].message)
    told = list(_told(recent))
    if not told:
        return ConnectionStatus(Connected.NEVER, None)
    state = told[0][1]
    streak = [run for run, _state in takewhile(lambda one: one[1] is state, told)]
    error = "" if state is Connected.OK else next((run.error for run in streak if run.error), "")
    kind = "" if state is Connected.OK else told[0][0].error_kind
    return ConnectionStatus(state, streak[-1].started_at, error, kind)


def slowed(connection: ConnectionStatus, *, is_slow: bool) -> ConnectionStatus:
    """What answers well but late is slow; nothing else is said better so."""
    return replace(connection, state=Connected.SLOW) if is_slow and connection.state is Connected.OK else connection


def _told(recent: list[SyncRun]) -> Iterator[tuple[SyncRun, Connected]]:
    """What each run says, newest first, without those that say nothing: under way, or cut off on our side."""
    ended = [run for run in recent if run.state not in (_State.RUNNING, _State.INTERRUPTED)]
    companies = Company._meta.label_lower
    answered = {run.batch for run in ended if run.state != _State.FAILED and run.resource != companies}
    failures = Counter(run.batch for run in ended if run.state == _State.FAILED)
    struck: dict[UUID, Connected] = {}
    for run in ended:
        if run.state == _State.FAILED and failures[run.batch] > 1 and run.batch not in answered:
            struck.setdefault(run.batch, _said_by(run))
    for run in ended:
        first_question = run.company_id is None and run.state == _State.FAILED
        if run.error_kind in _EVERYWHERE or first_question:
            yield run, _said_by(run)
        else:
            yield run, struck.get(run.batch, Connected.OK)


def _said_by(run: SyncRun) -> Connected:
    return (_EVERYWHERE | _SOMEWHERE).get(run.error_kind, Connected.MISUNDERSTOOD)


def lasting(since: datetime, now: datetime) -> str:
    """How long that is, in words, without "0 minutes"."""
    if now - since < timedelta(minutes=1):
        return _("less than a minute")
    return timesince(since, now)


def troubles_of(connection: ConnectionStatus, now: datetime) -> list[Trouble]:
    since = lasting(connection.since, now) if connection.since else ""
    match connection.state:
        case Connected.NEVER:
            sentence, advice = _("Nothing was synced yet."), _("Run “manage.py blesta_sync”.")
            return [Trouble(Level.WARNING, "never", sentence, advice)]
        case Connected.DENIED:
            sentence = _("Blesta has refused the API user and key for %(time)s.") % {"time": since}
            advice = _("Compare USER and KEY of the BLESTA setting with the API access page of Blesta’s staff area.")
            return [Trouble(Level.BAD, "denied", sentence, advice)]
        case Connected.NOT_CALLABLE:
            sentence = _("Blesta has let the API user call nothing of what the mirror needs for %(time)s.")
            advice = _("Look in Blesta whether the API user is an active one of this company, and what it may call.")
            return [_bad(connection, sentence % {"time": since}, advice)]
        case Connected.MAINTENANCE:
            sentence = _("Blesta has been under maintenance for %(time)s.") % {"time": since}
            advice = _("The mirror goes on when Blesta does. If nobody meant this, look at Blesta’s maintenance mode.")
            return [Trouble(Level.WARNING, "maintenance", sentence, advice)]
        case Connected.FAILING:
            sentence = _("Blesta has been failing for %(time)s.") % {"time": since}
            advice = _("The cause is in the error logs of Blesta and of its web server.")
            return [_bad(connection, sentence, advice)]
        case Connected.THROTTLED:
            sentence = _("Blesta has been asking to slow down for %(time)s.") % {"time": since}
            advice = _("Lower REQUESTS_PER_SECOND in BLESTA, or have the limit raised for this machine.")
            return [Trouble(Level.WARNING, "throttled", f"{sentence} {connection.error}".strip(), advice)]
        case Connected.BLOCKED:
            sentence = _("A firewall has answered in Blesta’s place for %(time)s.") % {"time": since}
            advice = _("Have the firewall before Blesta let this machine’s address through to the API.")
            return [_bad(connection, sentence, advice)]
        case Connected.UNREACHABLE:
            sentence = _("Blesta has not been reachable for %(time)s.") % {"time": since}
            advice = _("Check that this machine can open the address in BLESTA, and any firewall between the two.")
            return [_bad(connection, sentence, advice)]
        case Connected.MISUNDERSTOOD:
            sentence = _("What answers at Blesta’s address has not answered as Blesta does for %(time)s.")
            advice = _("Check URL in the BLESTA setting: is it Blesta’s own address, and is index.php missing in it?")
            return [_bad(connection, sentence % {"time": since}, advice)]
        case Connected.MISCONFIGURED if connection.kind == "foreign-installation":
            advice = _(
                "Nothing was stored. Point URL and KEY back at the Blesta that the mirror was made from; if this one"
                " took its place on purpose, run “manage.py blesta_sync --accept-identity”."
            )
            sentence = _("This is not the Blesta that the mirror was made from.")
            return [_bad(connection, sentence, advice, code="foreign-installation")]
        case Connected.MISCONFIGURED if connection.since:
            advice = _("Correct the BLESTA setting, then run “manage.py blesta_sync”.")
            return [Trouble(Level.BAD, "misconfigured", connection.error, advice)]
        case _:
            return []


def _bad(connection: ConnectionStatus, sentence: str, advice: str, code: str = "") -> Trouble:
    return Trouble(Level.BAD, code or connection.state.value, f"{sentence} {connection.error}".strip(), advice)
