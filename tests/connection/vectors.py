"""One answer of Blesta, or of what stands in front of it, per row, and what a read and a write must make of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
from tests.connection.faulty_server import (
    Step,
    answer,
    reset,
    send_and_hang_up,
    zipped,
)

HTML = "<!DOCTYPE html><html><head><title>Oops</title></head><body>It broke</body></html>"
CHALLENGE = '<html><title>Just a moment...</title><script src="/cdn-cgi/challenge-platform/x.js"></script></html>'
SYNTAX = '"message":"The request cannot be fulfilled due to bad syntax."'
USERNAME = FieldError("username", "empty", "Please enter a username.")
ERRORS = '{"username":{"empty":"Please enter a username."}}'
MAINTENANCE = '{"message":"The requested resource is currently unavailable due to maintenance."}'
DEFAULT_VALUE = "Internal error: Failed to retrieve the default value"

Outcome = tuple[type[BlestaError], str]


@dataclass(frozen=True)
class Vector:
    """What the server does, and what comes of it for a read and for a write: the class and its reason."""

    name: str
    step: bytes | Step
    read: Outcome
    write: Outcome
    errors: tuple[FieldError, ...] = ()
    read_tries: int = 1
    retry_after: float | None = None


def unknown(reason: str) -> Outcome:
    return (OutcomeUnknown, reason)


def misunderstood(reason: str) -> Outcome:
    return (Misunderstood, reason)


REJECTED: Outcome = (Rejected, "rejected")
MAINTAINED: Outcome = (Unavailable, "maintenance")
FAILING: Outcome = (Unavailable, "failing")
BLOCKED: Outcome = (Unavailable, "blocked")
THROTTLED: Outcome = (Unavailable, "throttled")


def refused(name: str, body: str, *errors: FieldError, status: int = 400) -> Vector:
    return Vector(name, answer(body, status), REJECTED, REJECTED, errors)


def same(name: str, kind: type[BlestaError], reason: str, body: str, status: int) -> Vector:
    return Vector(name, answer(body, status), (kind, reason), (kind, reason))


def throttled(name: str, header: str, seconds: float | None, tries: int = 1) -> Vector:
    step = answer(HTML, 429, "text/html", {"Retry-After": header, "Date": "Mon, 23 Nov 2026 12:00:00 GMT"})
    return Vector(name, step, THROTTLED, unknown("throttled"), read_tries=tries, retry_after=seconds)


def unreadable(name: str, reason: str, body: bytes | str, tries: int = 1, **kwargs: Any) -> Vector:
    return Vector(name, answer(body, **kwargs), misunderstood(reason), unknown(reason), read_tries=tries)


VECTORS = [
    # Validation, in every form.
    refused("flat", f'{{{SYNTAX},"errors":{ERRORS}}}', USERNAME),
    refused("wrapped in model", f'{{"model":{{{SYNTAX},"errors":{ERRORS}}}}}', USERNAME),
    refused("errors on a 200", f'{{"response":null,"errors":{ERRORS}}}', USERNAME, status=200),
    refused("errors on a 500", f'{{"message":"x","errors":{ERRORS}}}', USERNAME, status=500),
    refused("errors on a 401", f'{{"message":"x","errors":{ERRORS}}}', USERNAME, status=401),
    refused(
        "several codes, one text null",
        '{"errors":{"username":{"empty":null,"length":"short"}}}',
        FieldError("username", "empty", ""),
        FieldError("username", "length", "short"),
    ),
    refused(
        "dict of strings",
        '{"errors":{"api":"The registrar is down.","module_row":null}}',
        FieldError("api", "", "The registrar is down."),
        FieldError("module_row", "", ""),
    ),
    refused(
        "dict of lists",
        '{"errors":{"domain":["Taken.","Too long."]}}',
        FieldError("domain", "", "Taken."),
        FieldError("domain", "", "Too long."),
    ),
    refused("list of strings", '{"errors":["No.",null]}', FieldError("", "", "No."), FieldError("", "", "")),
    refused("plain string", '{"errors":"No."}', FieldError("", "", "No.")),
    refused("list of maps", '{"errors":[{"username":{"empty":"x"}}]}', FieldError("username", "empty", "x")),
    refused(
        "paths of list rows",
        '{"errors":{"lines[1][amount]":{"format":"a"},"vars[lines][2][amount]":{"format":"b"},"vars[x]":{"c":"d"}}}',
        FieldError("lines[1][amount]", "format", "a"),
        FieldError("lines[2][amount]", "format", "b"),
        FieldError("x", "c", "d"),
    ),
    refused(
        "nested maps",
        '{"errors":{"lines":{"2":{"amount":{"format":"x"}}},"values":[{"pricing":{"term":"y"}}]}}',
        FieldError("lines[2][amount]", "format", "x"),
        FieldError("values[0][pricing]", "term", "y"),
    ),
    refused("numbers as texts", '{"errors":{"a":{"b":7}}}', FieldError("a", "b", "7")),
    # Blesta's own refusals.
    same("400 without errors", BadRequest, "bad-request", f"{{{SYNTAX}}}", 400),
    same("400 with empty errors", BadRequest, "bad-request", f'{{{SYNTAX},"errors":[]}}', 400),
    same("400 wrapped, without errors", BadRequest, "bad-request", f'{{"model":{{{SYNTAX},"errors":{{}}}}}}', 400),
    same("401", Denied, "denied", '{"message":"The authorization details given appear to be invalid."}', 401),
    same("403", NotCallable, "not-callable", '{"message":"The requested resource is not accessible."}', 403),
    same("404", NoSuchResource, "no-such-resource", '{"message":"The requested resource does not exist."}', 404),
    same(
        "415",
        UnsupportedFormat,
        "unsupported-format",
        '{"message":"The format requested is not supported by the server."}',
        415,
    ),
    Vector(
        "no content type at all",
        answer('{"message":"x"}', 401, content_type=None),
        (Denied, "denied"),
        (Denied, "denied"),
    ),
    Vector(
        "JSON that PHP labels as HTML",
        answer('{"message":"x"}', 401, content_type="text/html; charset=UTF-8"),
        (Denied, "denied"),
        (Denied, "denied"),
    ),
    # Maintenance.
    same("maintenance by status", *MAINTAINED, '{"message":"Wartungsarbeiten"}', 503),
    same("maintenance by message at 500", *MAINTAINED, MAINTENANCE, 500),
    same("maintenance by message at 503", *MAINTAINED, MAINTENANCE, 503),
    same("maintenance by message at 502", *MAINTAINED, MAINTENANCE, 502),
    Vector("503 page", answer(HTML, 503, "text/html"), FAILING, unknown("failing"), read_tries=3),
    # Failures.
    Vector("500", answer('{"message":"An unexpected error occured."}', 500), FAILING, unknown("failing"), read_tries=3),
    Vector("500 without a message", answer('{"response":"x"}', 500), FAILING, unknown("failing"), read_tries=3),
    Vector("500 empty", answer("", 500), FAILING, unknown("failing"), read_tries=3),
    Vector("502 page", answer(HTML, 502, "text/html"), FAILING, unknown("failing"), read_tries=3),
    Vector("524 page", answer(HTML, 524, "text/html"), FAILING, unknown("failing"), read_tries=3),
    Vector(
        "default value in the response",
        answer(f'{{"message":"An unexpected error occured.","response":"{DEFAULT_VALUE}"}}', 500),
        (BadRequest, "default-value"),
        unknown("default-value"),
    ),
    Vector(
        "default value in the message",
        answer(f'{{"message":"{DEFAULT_VALUE}"}}', 500),
        (BadRequest, "default-value"),
        unknown("default-value"),
    ),
    # What stands before Blesta.
    Vector(
        "redirect",
        answer("", 301, headers={"Location": "https://other.example/login?secret=1"}),
        (NotConfigured, "redirected"),
        unknown("redirected"),
    ),
    Vector(
        "redirect that keeps the body",
        answer("", 307, headers={"Location": "/login"}),
        (NotConfigured, "redirected"),
        unknown("redirected"),
    ),
    Vector("redirect to nowhere", answer("", 302), (NotConfigured, "redirected"), unknown("redirected")),
    Vector("401 page", answer(HTML, 401, "text/html"), BLOCKED, unknown("html")),
    Vector("403 page", answer(HTML, 403, "text/html"), BLOCKED, unknown("html")),
    Vector("404 page", answer(HTML, 404, "text/html"), misunderstood("not-blesta"), unknown("html")),
    Vector("challenge at 200", answer(CHALLENGE, 200, "text/html"), BLOCKED, unknown("blocked")),
    Vector("challenge at 503", answer(CHALLENGE, 503, "text/html"), BLOCKED, unknown("blocked")),
    Vector(
        "challenge by header",
        answer(HTML, 403, "text/html", {"cf-mitigated": "challenge"}),
        BLOCKED,
        unknown("blocked"),
    ),
    Vector("401 in another's JSON", answer('{"error":"no"}', 401), misunderstood("other-json"), unknown("other-json")),
    # Slow down.
    throttled("429 with a short wait", "2", 2.0, tries=3),
    throttled("429 with a long wait", "120", 120.0),
    throttled("429 with an endless wait", "1000000000", 300.0),
    throttled("429 with an exponent", "1e9", 300.0),
    throttled("429 with a fraction", "1.5", 1.5, tries=3),
    throttled("429 with a negative wait", "-7", 0.0, tries=3),
    throttled("429 with a date", "Mon, 23 Nov 2026 12:01:30 GMT", 90.0),
    throttled("429 with a date gone by", "Mon, 23 Nov 2026 11:00:00 GMT", 0.0, tries=3),
    throttled("429 with garbage", "soon", None, tries=3),
    throttled("429 with a date that is none", "Mon, 99 Nov 2026 11:00:00 GMT", None, tries=3),
    throttled("429 with infinity", "inf", None, tries=3),
    Vector("429 in JSON", answer('{"message":"slow"}', 429), THROTTLED, unknown("throttled"), read_tries=3),
    # Not JSON, or not whole.
    unreadable("page at 200", "html", HTML, content_type="text/html"),
    unreadable("page at 200 that says JSON", "html", HTML),
    unreadable("plain text", "not-json", "It broke"),
    unreadable("CSV", "wrong-content-type", '{"response":1}', content_type="text/csv"),
    unreadable("PDF", "wrong-content-type", b"%PDF-1.4", content_type="application/pdf"),
    unreadable("XML", "wrong-content-type", "<response/>", content_type="application/xml"),
    unreadable("PHP warning before the JSON", "html", '<br />\n<b>Warning</b>:  x in <b>y</b><br />\n{"response":1}'),
    unreadable("plain PHP notice before the JSON", "not-json", 'Notice: x in y on line 3\n{"response":1}'),
    unreadable("PHP warning after the JSON", "trailing-data", '{"response":1}\nWarning: x'),
    unreadable("truncated in a list", "truncated", '{"response":[{"id":1},', 3),
    unreadable("truncated in a string", "truncated", '{"response":"abc', 3),
    unreadable("truncated in an escape", "truncated", '{"response":"abc\\u00', 3),
    unreadable("truncated in a word", "truncated", '{"response":tru', 3),
    unreadable("truncated after a colon", "truncated", '{"response":', 3),
    Vector(
        "shorter than its length",
        send_and_hang_up(answer('{"response":1}', length=400)),
        misunderstood("truncated"),
        unknown("truncated"),
        read_tries=3,
    ),
    Vector(
        "chunks without an end",
        send_and_hang_up(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ne\r\n{"response":1}\r\n'),
        misunderstood("truncated"),
        unknown("truncated"),
        read_tries=3,
    ),
    unreadable("longer than its length", "truncated", '{"response":[1,2,3]}', 3, length=12),
    unreadable("empty", "empty", "", 3),
    unreadable("white space", "empty", " \n ", 3),
    unreadable("nested 20,000 deep", "too-deep", '{"response":' + "[" * 20_000 + "]" * 20_000 + "}"),
    unreadable("a 5,000-digit integer", "bad-number", '{"response":' + "9" * 5000 + "}"),
    unreadable("an exponent without bounds", "bad-number", '{"response":1.0e' + "9" * 30 + "}"),
    unreadable("NaN", "bad-number", '{"response":NaN}'),
    unreadable("Infinity", "bad-number", '{"response":-Infinity}'),
    unreadable("duplicate keys", "duplicate-key", '{"response":[{"id":1,"id":2}]}'),
    unreadable("duplicate envelopes", "duplicate-key", '{"response":1,"response":2}'),
    unreadable("two values", "trailing-data", '{"response":1}{"response":2}'),
    unreadable("UTF-16", "not-text", '{"response":"é"}'.encode("utf-16")),
    unreadable("Latin-1", "not-text", '{"response":"é"}'.encode("latin-1")),
    unreadable("gzip that is none", "not-text", b"\x1f\x8b garbage", headers={"Content-Encoding": "gzip"}),
    unreadable("JSON null", "other-json", "null"),
    unreadable("JSON without an envelope", "other-json", '{"data":[]}'),
    unreadable("JSON list without an envelope", "other-json", "[1]"),
    unreadable("a message at 200", "message", '{"message":"Hello"}'),
    unreadable("neither 200 nor an error", "other-json", '{"response":1}', status=206),
    unreadable("no content", "empty", "", 3, status=204),
    unreadable("larger than allowed", "too-large", '{"response":"' + "x" * 3_000 + '"}'),
    Vector(
        "larger than allowed, once unzipped",
        zipped(b'{"response":"' + b"x" * 3_000 + b'"}'),
        misunderstood("too-large"),
        unknown("too-large"),
    ),
    # No answer.
    Vector("reset", reset, (Unavailable, "unreachable"), unknown("interrupted"), read_tries=3),
    Vector("hang-up", send_and_hang_up(), (Unavailable, "unreachable"), unknown("interrupted"), read_tries=3),
    Vector(
        "hang-up in the headers",
        send_and_hang_up(b"HTTP/1.1 200 OK\r\nContent-"),
        misunderstood("empty"),
        unknown("empty"),
        read_tries=3,
    ),
    Vector(
        "not HTTP",
        send_and_hang_up(b"SSH-2.0-OpenSSH_9.2\r\n"),
        (Unavailable, "unreachable"),
        unknown("interrupted"),
        read_tries=3,
    ),
]
VECTORS_BY_NAME = {vector.name: vector for vector in VECTORS}
