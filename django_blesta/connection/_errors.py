"""What an answer means: one table from (kind of call, status, sign) to a class of error, closed by default.

The first row that fits decides. The last row catches everything: a read is Misunderstood, a write's outcome is
unknown. A new oddity of Blesta's, or of what stands before it, is a new row with its test.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from django_blesta.connection._values import UNSTORABLE
from django_blesta.connection._wire import ABSENT, Unparsable, parse, salvage
from django_blesta.exceptions import (
    BadRequest,
    BlestaError,
    Denied,
    FieldError,
    Misunderstood,
    NoSuchResource,
    NotCallable,
    NotConfigured,
    OutcomeUnknown,
    Rejected,
    Unavailable,
    UnsupportedFormat,
)


class Sign(StrEnum):
    """What came back, told from the bytes alone; the values are the slugs that errors carry as ``reason``."""

    # No answer.
    UNREACHABLE = "unreachable"  # no connection was made: nothing was sent
    UNTRUSTED = "untrusted"  # TLS could not be agreed on: nothing was sent
    NO_TURN = "no-turn"  # our own pacing let the deadline pass: nothing was sent
    INTERRUPTED = "interrupted"  # sent, then silence or a reset
    TOO_SLOW = "too-slow"  # sent, and the deadline passed before the answer was whole
    # Blesta's JSON.
    RESPONSE = "response"
    VOID = "void"  # {} or []: an answer without a response member
    ERRORS = "errors"
    MAINTENANCE = "maintenance"
    DEFAULT_VALUE = "default-value"  # encoded builds of Blesta cannot fill in arguments that are left out
    MESSAGE = "message"
    # JSON, and not Blesta's.
    OTHER_JSON = "other-json"
    # Not JSON.
    FIREWALL = "firewall"
    HTML = "html"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    TRAILING_DATA = "trailing-data"
    NOT_JSON = "not-json"
    NOT_TEXT = "not-text"
    TOO_DEEP = "too-deep"
    BAD_NUMBER = "bad-number"
    DUPLICATE_KEY = "duplicate-key"
    WRONG_CONTENT_TYPE = "wrong-content-type"
    TOO_LARGE = "too-large"
    # Decided after the table, where the declared shape is known.
    MISFIT = "misfit"


@dataclass(frozen=True, slots=True)
class Row:
    """``writes`` None fits both kinds; empty ``statuses`` and ``signs`` fit all; ``error`` None is a good answer.

    ``reason`` "" takes the sign's own word. ``again`` says that a read may be repeated; a write is repeated only for
    the signs under which nothing was sent. The sentence may name {status}, {host}, {said} and {place}.
    """

    writes: bool | None
    statuses: Container[int]
    signs: frozenset[Sign]
    error: type[BlestaError] | None
    reason: str = ""
    sentence: str = ""
    again: bool = False


class _Every(Container[int]):
    def __contains__(self, status: object) -> bool:
        return True


EVERY: Final = _Every()
READ, WRITE, BOTH = False, True, None
REDIRECTS, FAILURES = range(300, 400), range(500, 600)
ANY: Final[frozenset[Sign]] = frozenset(Sign)


def _signs(*signs: Sign) -> frozenset[Sign]:
    return frozenset(signs)


_UNSURE = "The write was sent and the answer does not say whether it took effect"

TABLE: Final[tuple[Row, ...]] = (
    # Nothing was sent.
    Row(BOTH, EVERY, _signs(Sign.UNREACHABLE), Unavailable, "unreachable", "{host} cannot be reached{said}.", True),
    Row(BOTH, EVERY, _signs(Sign.UNTRUSTED), Unavailable, "unreachable", "No trusted connection to {host}{said}."),
    Row(BOTH, EVERY, _signs(Sign.NO_TURN), Unavailable, "throttled", "Too many calls to {host} wait for their turn."),
    # Sent, and no whole answer.
    Row(READ, EVERY, _signs(Sign.INTERRUPTED), Unavailable, "unreachable", "{host} did not answer{said}.", True),
    Row(READ, EVERY, _signs(Sign.TOO_SLOW), Unavailable, "failing", "{host} did not finish its answer in time."),
    Row(WRITE, EVERY, _signs(Sign.INTERRUPTED, Sign.TOO_SLOW), OutcomeUnknown, "", _UNSURE + "{said}."),
    # Blesta's JSON, whatever its status.
    Row(BOTH, EVERY, _signs(Sign.ERRORS), Rejected, "rejected", "Blesta refused it: {said}."),
    Row(BOTH, FAILURES, _signs(Sign.MAINTENANCE), Unavailable, "maintenance", "Blesta is under maintenance."),
    Row(BOTH, (503,), _signs(Sign.MESSAGE), Unavailable, "maintenance", "Blesta is under maintenance."),
    Row(
        READ,
        FAILURES,
        _signs(Sign.DEFAULT_VALUE),
        BadRequest,
        "default-value",
        "Blesta cannot fill in an argument that was left out; every argument must be given.",
    ),
    Row(
        WRITE,
        FAILURES,
        _signs(Sign.DEFAULT_VALUE),
        OutcomeUnknown,
        "default-value",
        _UNSURE + " (Blesta could not fill in an argument that was left out).",
    ),
    Row(BOTH, (200,), _signs(Sign.RESPONSE, Sign.VOID), None),
    Row(BOTH, (400,), _signs(Sign.MESSAGE), BadRequest, "bad-request", "Blesta cannot use the request: {said}."),
    Row(BOTH, (401,), _signs(Sign.MESSAGE), Denied, "denied", "Blesta at {host} does not accept the API user and key."),
    Row(BOTH, (403,), _signs(Sign.MESSAGE), NotCallable, "not-callable", "Blesta does not let the API call it."),
    Row(
        BOTH,
        (404,),
        _signs(Sign.MESSAGE),
        NoSuchResource,
        "no-such-resource",
        "Blesta has no such model or method (is a plugin missing?).",
    ),
    Row(
        BOTH,
        (415,),
        _signs(Sign.MESSAGE),
        UnsupportedFormat,
        "unsupported-format",
        "Blesta lacks this format.",
    ),
    # What stands before Blesta.
    Row(
        READ,
        REDIRECTS,
        ANY,
        NotConfigured,
        "redirected",
        "{host} redirects to {place}, and the API key is not sent on: correct BLESTA's URL.",
    ),
    Row(WRITE, REDIRECTS, ANY, OutcomeUnknown, "redirected", _UNSURE + " (redirected to {place})."),
    Row(READ, (429,), ANY, Unavailable, "throttled", "{host} asks to slow down.", True),
    Row(WRITE, (429,), ANY, OutcomeUnknown, "throttled", _UNSURE + " (status 429)."),
    Row(READ, EVERY, _signs(Sign.FIREWALL), Unavailable, "blocked", "A firewall before {host} answers in its place."),
    Row(WRITE, EVERY, _signs(Sign.FIREWALL), OutcomeUnknown, "blocked", _UNSURE + " (a firewall answered)."),
    Row(
        READ,
        (401, 403),
        _signs(Sign.HTML),
        Unavailable,
        "blocked",
        "Something before Blesta at {host} refuses with status {status}.",
    ),
    Row(
        READ,
        (404,),
        _signs(Sign.HTML, Sign.EMPTY, Sign.NOT_JSON),
        Misunderstood,
        "not-blesta",
        "{host} has a page there that is not Blesta's API: check BLESTA's URL (is index.php missing?).",
    ),
    Row(
        READ,
        (200,),
        _signs(Sign.HTML),
        Misunderstood,
        "",
        "{host} answers with a page in place of data: check BLESTA's URL (is it Blesta's own, is index.php missing?).",
    ),
    # Blesta in trouble.
    Row(READ, FAILURES, ANY, Unavailable, "failing", "Blesta at {host} fails with status {status}.", True),
    Row(WRITE, FAILURES, ANY, OutcomeUnknown, "failing", _UNSURE + " (status {status})."),
    # Cut short on the way, or by a PHP process that died.
    Row(READ, EVERY, _signs(Sign.TRUNCATED), Misunderstood, "", "The answer was cut short.", True),
    Row(READ, EVERY, _signs(Sign.EMPTY), Misunderstood, "", "The answer was empty.", True),
    # Closed by default.
    Row(READ, EVERY, ANY, Misunderstood, "", "The answer (status {status}) cannot be taken for data: {sign}."),
    Row(WRITE, EVERY, ANY, OutcomeUnknown, "", _UNSURE + " ({sign}, status {status})."),
)


@dataclass(slots=True)
class Answer:
    """One answer as it came, or the sign of why none came; ``detail`` is a few words for the sentence."""

    sign: Sign | None = None
    detail: str = ""
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(slots=True)
class Verdict:
    """The row that decided, and what was read on the way to it."""

    row: Row
    sign: Sign
    response: Any = ABSENT
    message: str = ""
    errors: tuple[FieldError, ...] = ()
    salvaged: bool = False


def judge(answer: Answer, *, writes: bool, salvage_warnings: bool = False) -> Verdict:
    """Find the row for an answer; raises nothing whatever the bytes are."""
    verdict = _read(answer, salvage_warnings and not writes)
    status = answer.status or 0
    for row in TABLE:
        if row.writes in (None, writes) and verdict.sign in row.signs and status in row.statuses:
            verdict.row = row
            break
    return verdict


def _read(answer: Answer, may_salvage: bool) -> Verdict:
    closed = TABLE[-1]
    if answer.sign is not None:
        return Verdict(closed, answer.sign)
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and not JSON_LIKE.fullmatch(kind):
        return Verdict(closed, Sign.WRONG_CONTENT_TYPE)
    salvaged = False
    try:
        parsed = parse(answer.body)
    except Unparsable as error:
        sign = Sign(error.slug)
        first = answer.body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        looks_html = first == b"<" or (kind == "text/html" and first not in (b"", b"{", b"["))
        try:
            if not may_salvage:
                return Verdict(closed, _page_of(answer) if looks_html else sign)
            parsed, salvaged = salvage(answer.body), True
        except Unparsable:
            return Verdict(closed, _page_of(answer) if looks_html else sign)
    return _understand(parsed, answer.status, salvaged)


#: PHP labels what it prints text/html unless told otherwise, so a label of text is no proof against JSON; a label of
#: anything else (CSV, PDF, XML) is.
JSON_LIKE: Final = re.compile(
    r"text/(?:html|plain|json|javascript)|application/(?:xhtml\+xml|javascript|(?:[a-z0-9.-]+\+)?json)"
)
#: Words that the pages of well-known firewalls carry.
FIREWALL: Final = re.compile(
    rb"cf-chl|challenge-platform|cf-error-details|attention required! \| cloudflare|captcha|mod_?security"
    rb"|incapsula|sucuri|request unsuccessful|web application firewall",
    re.IGNORECASE,
)


def _page_of(answer: Answer) -> Sign:
    is_firewall = "cf-mitigated" in answer.headers or FIREWALL.search(answer.body[:65536])
    return Sign.FIREWALL if is_firewall else Sign.HTML


def _understand(parsed: Any, status: int | None, salvaged: bool) -> Verdict:
    closed = TABLE[-1]
    if parsed in ({}, []):
        return Verdict(closed, Sign.VOID, salvaged=salvaged)
    if not isinstance(parsed, dict):
        return Verdict(closed, Sign.OTHER_JSON, salvaged=salvaged)
    wrapped = parsed.get("model")
    if isinstance(wrapped, dict) and "errors" not in parsed and "response" not in parsed:
        parsed = wrapped
    message, response = parsed.get("message"), parsed.get("response", ABSENT)
    words = message if isinstance(message, str) else ""
    verdict = Verdict(closed, Sign.OTHER_JSON, response, UNSTORABLE.sub("\ufffd", words), salvaged=salvaged)
    verdict.errors = field_errors(parsed.get("errors"))
    detail = f"{words} {response}" if isinstance(response, str) and status != 200 else words
    if verdict.errors:
        verdict.sign = Sign.ERRORS
    elif status == 200 and response is not ABSENT:
        verdict.sign = Sign.RESPONSE
    elif "due to maintenance" in detail:
        verdict.sign = Sign.MAINTENANCE
    elif "Failed to retrieve the default value" in detail:
        verdict.sign = Sign.DEFAULT_VALUE
    elif words:
        # Without Blesta's message it is not Blesta's refusal: gateways before it speak JSON too.
        verdict.sign = Sign.MESSAGE
    return verdict


def field_errors(errors: Any) -> tuple[FieldError, ...]:
    """Take ``errors`` in every form that Blesta, its framework or a module gives them; () when there are none.

    field → code → text is the documented one. Also taken: field → text, field → list of texts, a list of texts, one
    text, null texts, and fields nested to any depth (their path is written with brackets, as Blesta writes it).
    """
    found: list[FieldError] = []
    if isinstance(errors, (dict, list, str)):
        _collect(errors, (), found)
    return tuple(found)


#: More than this many levels are not an error report.
DEEPEST: Final = 32


def _collect(errors: Any, path: tuple[str, ...], found: list[FieldError]) -> None:
    if isinstance(errors, dict) and len(path) < DEEPEST:
        for key, value in errors.items():
            if path and not isinstance(value, (dict, list)):
                found.append(FieldError(_name_of(path), _clean(key), _clean(value)))
            else:
                _collect(value, (*path, key), found)
    elif isinstance(errors, list) and len(path) < DEEPEST:
        for index, value in enumerate(errors):
            if isinstance(value, (dict, list)):
                # A list of texts has no positions worth naming; a list of maps has rows.
                _collect(value, (*path, str(index)) if path else path, found)
            else:
                found.append(FieldError(_name_of(path), "", _clean(value)))
    elif path or errors != "":
        found.append(FieldError(_name_of(path), "", _clean(errors)))


def _name_of(path: tuple[str, ...]) -> str:
    if not path:
        return ""
    name = path[0] + "".join(f"[{part}]" for part in path[1:])
    inner = VARS.fullmatch(name)
    return _clean(f"{inner[1]}{inner[2]}" if inner else name)


#: Rules run on the array inside ``vars``, so its name does not belong to a field's.
VARS: Final = re.compile(r"vars\[([^\]]*)\](.*)", re.DOTALL)


def _clean(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return ""
    return "" if value is None else UNSTORABLE.sub("\ufffd", str(value))


LONGEST_WAIT: Final = 300.0
PLAIN_SECONDS: Final = re.compile(r"[+-]?[0-9]{1,18}(?:\.[0-9]{1,9})?(?:[eE]\+?[0-9]{1,2})?")


def retry_after_from(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After as seconds between 0 and 300, whether it is a number or a date; None when it is neither."""
    given = headers.get("retry-after", "").strip()
    if PLAIN_SECONDS.fullmatch(given):
        seconds = float(given)
    else:
        moment = _moment(given)
        if moment is None:
            return None
        # Against the server's own clock where it tells it, since ours may differ by hours.
        seconds = (moment - (_moment(headers.get("date", "")) or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), LONGEST_WAIT)


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")


def printable(text: str, limit: int = 200) -> str:
    """Make text of unknown origin safe for a log line or a page: one line, no control or direction characters."""
    return UNPRINTABLE.sub(" ", text).strip()[:limit]


def place_of(location: str) -> str:
    """Name the scheme and host of a redirect, without the path and query that may repeat what was sent."""
    try:
        parts = urlsplit(location)
        if parts.scheme in ("http", "https") and parts.hostname:
            return f"{parts.scheme}://{printable(parts.hostname)}"
    except ValueError:
        return "somewhere else"
    return "another path of its own" if location.startswith("/") and not location.startswith("//") else "somewhere else"
