"""The table of errors, row by row, over a real socket, as a read and as a write."""

from __future__ import annotations

import gzip
import pickle
import re
from dataclasses import dataclass
from typing import Any

import pytest

from django_blesta import exceptions
from django_blesta.connection import Shape
from django_blesta.connection._errors import TABLE, Answer, Sign, field_errors, judge, printable
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
from tests.connection.conftest import DATA, Connect, LeapingClock
from tests.connection.faulty_server import (
    FaultyServer,
    Step,
    answer,
    reset,
    send,
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
# Some vectors hold more than the small cap that the others are read under.
LARGE = {"nested 20,000 deep", "a 5,000-digit integer"}


def serve(server: FaultyServer, vector: Vector) -> dict[str, Any]:
    server.otherwise = send(vector.step) if isinstance(vector.step, bytes) else vector.step
    return {} if vector.name in LARGE else {"MAX_BODY_BYTES": 2048}


@pytest.mark.parametrize("name", VECTORS_BY_NAME)
def test_read_raises_what_the_table_says(name: str, server: FaultyServer, connect: Connect) -> None:
    vector = VECTORS_BY_NAME[name]
    connection = connect(server, **serve(server, vector))
    with pytest.raises(BlestaError) as caught:
        connection.read("Things", "get", {"id": 1}, shape=Shape.ROWS)
    error = caught.value
    assert (type(error), error.reason) == vector.read
    assert error.errors == vector.errors
    assert error.retry_after == vector.retry_after
    assert len(server.requests) == vector.read_tries
    assert {request.verb for request in server.requests} == {"GET"}


@pytest.mark.parametrize("name", ["404 page", "page at 200", "page at 200 that says JSON"])
def test_read_is_advised_about_the_url_when_a_page_answers(name: str, server: FaultyServer, connect: Connect) -> None:
    connection = connect(server, **serve(server, VECTORS_BY_NAME[name]))
    with pytest.raises(Misunderstood, match=r"check BLESTA's URL.*index\.php"):
        connection.read("Things", "get", {"id": 1}, shape=Shape.ROWS)


@pytest.mark.parametrize("name", VECTORS_BY_NAME)
def test_write_raises_what_the_table_says_and_is_sent_once(name: str, server: FaultyServer, connect: Connect) -> None:
    vector = VECTORS_BY_NAME[name]
    connection = connect(server, **serve(server, vector))
    with pytest.raises(BlestaError) as caught:
        connection.write("Things", "add", {"vars": {"name": "Ada"}}, shape=Shape.ID)
    error = caught.value
    assert (type(error), error.reason) == vector.write
    assert error.errors == vector.errors
    assert error.retry_after == vector.retry_after
    assert [request.verb for request in server.requests] == ["POST"]


def test_every_row_is_reached_by_a_vector_or_by_a_sign() -> None:
    """A row that no answer reaches is a row that nobody tests."""
    reached = set()
    for vector in VECTORS:
        if isinstance(vector.step, bytes):
            head, _, body = vector.step.partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:])
            if "content-encoding" in headers:
                body = gzip.decompress(body) if body.startswith(b"\x1f\x8b\x08") else b"\xff"
            came = Answer(status=int(lines[0].split()[1]), headers=headers, body=body)
            reached |= {id(judge(came, writes=writes).row) for writes in (False, True)}
    for sign in (Sign.UNREACHABLE, Sign.UNTRUSTED, Sign.NO_TURN, Sign.INTERRUPTED, Sign.TOO_SLOW):
        reached |= {id(judge(Answer(sign), writes=writes).row) for writes in (False, True)}
    good = judge(Answer(status=200, body=b'{"response":1}'), writes=True)
    assert good.row.error is None
    missed = [row for row in TABLE if id(row) not in reached | {id(good.row)}]
    assert missed == []


@pytest.mark.parametrize("writes", [False, True])
@pytest.mark.parametrize("status", [None, 100, 200, 201, 299, 302, 399, 400, 401, 418, 429, 499, 500, 503, 599, 999])
@pytest.mark.parametrize("sign", Sign)
def test_table_is_closed_and_never_calls_a_write_unavailable_after_it_left(
    sign: Sign, status: int | None, writes: bool
) -> None:
    rows = [
        row for row in TABLE if row.writes in (None, writes) and sign in row.signs and (status or 0) in row.statuses
    ]
    first = rows[0]
    if first.error is None:
        assert (status, sign) in {(200, Sign.RESPONSE), (200, Sign.VOID)}
    nothing_was_sent = sign in (Sign.UNREACHABLE, Sign.UNTRUSTED, Sign.NO_TURN)
    if writes and first.error is Unavailable:
        assert nothing_was_sent or sign in (Sign.MAINTENANCE, Sign.MESSAGE)
    if writes and first.again:
        assert sign is Sign.UNREACHABLE
    if not writes:
        assert first.error is not OutcomeUnknown
    if writes:
        assert first.error not in (Misunderstood, NotConfigured)


PAGE = (DATA / "api-page-errors-older-revision.txt").read_text()
EXAMPLE = re.compile(r" {4}HTTP/1\.1 (\d+) [^\n]*\n {4}Content-Length: (\d+)\n {4}\n((?: {4}[^\n]*\n)+)")
EXAMPLES = [
    (int(status), int(length), "\n".join(line[4:] for line in body.splitlines()))
    for status, length, body in EXAMPLE.findall(PAGE)
]
PAGE_OUTCOMES = [Rejected, Denied, NotCallable, NoSuchResource, UnsupportedFormat, Unavailable, Unavailable]


def test_manuals_page_holds_seven_examples_as_long_as_it_says() -> None:
    assert [status for status, _, _ in EXAMPLES] == [400, 401, 403, 404, 415, 500, 500]
    assert [len(re.sub(r"\n *", "", body)) for _, _, body in EXAMPLES] == [length for _, length, _ in EXAMPLES]


@pytest.mark.parametrize("compact", [False, True], ids=["as printed", "as long as it says"])
@pytest.mark.parametrize("index", range(7))
@pytest.mark.parametrize("writes", [False, True], ids=["read", "write"])
def test_manuals_examples_are_understood_byte_for_byte(
    index: int, compact: bool, writes: bool, server: FaultyServer, connect: Connect
) -> None:
    status, _, body = EXAMPLES[index]
    server.otherwise = send(answer(re.sub(r"\n *", "", body) if compact else body, status, content_type=None))
    connection = connect(server)
    call = connection.write if writes else connection.read
    with pytest.raises(BlestaError) as caught:
        call("Things", "add", {"id": 1})
    expected: type[BlestaError] = PAGE_OUTCOMES[index]
    if writes and index == 5:
        expected = OutcomeUnknown
    assert type(caught.value) is expected
    if index == 0:
        assert caught.value.errors == (
            USERNAME,
            FieldError("new_password", "format", "Please enter a password at least 6 characters in length."),
        )
    if index == 6:
        assert caught.value.reason == "maintenance"


def test_byte_order_mark_is_let_through(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = send(answer(b'\xef\xbb\xbf{"response":"\xc3\xa9"}'))
    assert connect(server).read("Things", "get", shape=Shape.TEXT) == "é"


def test_zipped_answer_is_read(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = send(zipped(b'{"response":3}'))
    assert connect(server).read("Things", "get", shape=Shape.COUNT) == 3
    assert server.requests[0].headers["accept-encoding"] == "gzip, identity"


WARNED = '<br />\n<b>Warning</b>:  Undefined index: x in <b>/y.php</b> on line <b>3</b><br />\n{"response":17}'


def test_php_warnings_are_read_past_only_for_reads_and_only_when_asked(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = send(answer(WARNED))
    connection = connect(server, SALVAGE_WARNINGS=True)
    assert connection.read("Things", "get", shape=Shape.COUNT) == 17
    with pytest.raises(OutcomeUnknown):
        connection.write("Things", "add", shape=Shape.ID)


@pytest.mark.parametrize(
    "body",
    [
        'Hello {"response":17}',
        'Warning: x {"response":17} Warning: y',
        'Warning: x {"response":17',
        "Warning: x",
        'Warning: x {"response":NaN}',
        f"{HTML} Warning",
    ],
)
def test_salvage_takes_nothing_but_a_whole_answer_after_warnings(
    body: str, server: FaultyServer, connect: Connect
) -> None:
    server.otherwise = send(answer(body))
    with pytest.raises(Misunderstood):
        connect(server, SALVAGE_WARNINGS=True, READ_TRIES=1).read("Things", "get", shape=Shape.COUNT)


def test_redirect_is_named_by_host_only_and_nothing_is_sent_on(server: FaultyServer, connect: Connect) -> None:
    with FaultyServer() as other:
        location = f"http://127.0.0.1:{other.port}/secret-path?token=1"
        server.otherwise = send(answer("", 307, headers={"Location": location}))
        with pytest.raises(NotConfigured) as caught:
            connect(server).read("Things", "get")
        assert other.requests == []
    assert "http://127.0.0.1" in str(caught.value)
    assert "secret-path" not in str(caught.value)


@pytest.mark.parametrize("kind", [getattr(exceptions, name) for name in exceptions.__all__])
def test_errors_survive_pickling(kind: type) -> None:
    if not issubclass(kind, BlestaError):
        return
    facts = exceptions.Facts("Clients.get", 400, "rejected", 2.0, (USERNAME,), "snippet")
    copy = pickle.loads(pickle.dumps(kind("A sentence.", facts)))  # noqa: S301  (made one line above)
    assert type(copy) is kind
    assert (str(copy), copy.facts) == ("A sentence.", facts)
    assert (copy.call, copy.status, copy.reason, copy.retry_after, copy.errors, copy.snippet) == (
        "Clients.get",
        400,
        "rejected",
        2.0,
        (USERNAME,),
        "snippet",
    )


def test_snippet_is_short_printable_and_without_what_was_sent(server: FaultyServer, connect: Connect) -> None:
    sent = "correct-horse-battery"
    page = f"<html>\x00\x1b[2J‮ posted {sent} by canary-3f9c1e77 " + "x" * 5000
    server.otherwise = send(answer(page, 200, "text/html"))
    with pytest.raises(OutcomeUnknown) as caught:
        connect(server).write("Things", "add", {"vars": {"new_password": sent}}, shape=Shape.ID)
    snippet = caught.value.snippet
    assert len(snippet) <= 200
    assert snippet.isprintable()
    assert sent not in snippet
    assert "canary" not in snippet
    assert "posted … by ********" in snippet


@pytest.mark.parametrize("errors", [None, {}, [], "", False, True, 0, 7, {"a": {}}, {"a": []}, [[]]])
def test_no_errors_are_no_errors(errors: Any) -> None:
    assert field_errors(errors) == ()


def test_errors_nested_without_end_are_still_errors() -> None:
    deep: Any = "x"
    for _ in range(200):
        deep = {"a": deep}
    assert len(field_errors(deep)) == 1


def test_printable_is_one_line() -> None:
    assert printable("a\r\nb\x1b[2J\u202ec\ud800d") == "a b [2J c d"


def test_reads_wait_as_asked_when_it_is_short(server: FaultyServer, connect: Connect, clock: LeapingClock) -> None:
    server.steps = [send(answer("", 429, headers={"Retry-After": "2"}))]
    server.otherwise = send(answer('{"response":1}'))
    assert connect(server).read("Things", "get", shape=Shape.COUNT) == 1
    assert clock.slept == [2.5]
