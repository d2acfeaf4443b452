"""The table of errors, row by row, over a real socket, as a read and as a write."""

from __future__ import annotations

import gzip
import pickle
import re
from typing import Any

import pytest

from django_blesta import exceptions
from django_blesta.connection import Shape
from django_blesta.connection._errors import TABLE, Answer, Sign, field_errors, judge, printable
from django_blesta.exceptions import (
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
    answer,
    send,
    zipped,
)
from tests.connection.vectors import HTML, USERNAME, VECTORS, VECTORS_BY_NAME, Vector

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
