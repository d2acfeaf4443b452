"""What may be called, how it is spelt, what is told about it afterwards."""

from __future__ import annotations

import contextlib
import logging
import pickle
import threading
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from django_blesta.connection import (
    CallRecord,
    Connection,
    Shape,
    Signature,
    connection_for,
    declarations,
    declare,
    declared,
    observe,
)
from django_blesta.exceptions import (
    BadRequest,
    Misunderstood,
    NoSuchResource,
    NotAllowed,
    NotConfigured,
    OutcomeUnknown,
    Rejected,
    Unavailable,
    UnsupportedFormat,
)
from tests.connection.conftest import Connect, LeapingClock
from tests.connection.faulty_server import Arrived, FaultyServer, answer, send

ONE = send(answer('{"response":1}'))
MISSING = answer('{"message":"The requested resource does not exist."}', 404)

pytestmark = pytest.mark.usefixtures("declared_pairs")


def test_undeclared_pair_is_refused_before_a_socket_opens(server: FaultyServer, connect: Connect) -> None:
    connection = connect(server)
    for call in (connection.read, connection.write):
        with pytest.raises(NotAllowed, match=r"ApiKeys\.add is neither declared nor listed"):
            call("ApiKeys", "add")
    assert server.connections == 0


@pytest.mark.parametrize(
    ("model", "method", "extension"),
    [
        ("Clients/../x", "get", "json"),
        ("Clients%2e", "get", "json"),
        ("..", "get", "json"),
        ("", "get", "json"),
        ("a.b.c", "get", "json"),
        ("Clients", "get.php?", "json"),
        ("Clients", "get/x", "json"),
        ("Clients", "get\n", "json"),
        ("Things", "get", "php"),
        ("Things", "get", "json?x=1"),
    ],
)
def test_what_cannot_be_part_of_a_path_is_refused(
    model: str, method: str, extension: str, server: FaultyServer, connect: Connect
) -> None:
    with pytest.raises(NotAllowed, match="cannot be part of a path"):
        connect(server).read(model, method, extension=extension)
    assert server.connections == 0


def test_declared_pair_is_called_as_it_was_declared(server: FaultyServer, connect: Connect) -> None:
    signature = declare("PackageGroups", "getAll", writes=False, shape=Shape.ROWS)
    assert signature == declared("PackageGroups", "getAll") == Signature("PackageGroups", "getAll", False, Shape.ROWS)
    assert signature in set(declarations())
    server.otherwise = send(answer('{"response":{"1":{"id":"7"}}}'))
    connection = connect(server)
    assert connection.read("PackageGroups", "getAll") == [{"id": "7"}]
    assert server.requests[0].path == "/api/package_groups/getAll.json"
    with pytest.raises(NotAllowed, match="is a read and was called as a write"):
        connection.write("PackageGroups", "getAll")


def test_declared_write_is_not_read(server: FaultyServer, connect: Connect) -> None:
    declare("Things", "remove", writes=True, shape=Shape.NOTHING)
    with pytest.raises(NotAllowed, match="is a write and was called as a read"):
        connect(server).read("Things", "remove")


def test_declaring_twice_is_harmless_and_differently_is_an_error() -> None:
    declare("Things", "list", writes=False, shape=Shape.ROWS)
    declare("Things", "list", writes=False, shape=Shape.ROWS)
    with pytest.raises(ValueError, match="already declared"):
        declare("Things", "list", writes=False, shape=Shape.ROWS, false_is_empty=True)
    with pytest.raises(ValueError, match="cannot be part of a path"):
        declare("Things/x", "list", writes=False, shape=Shape.ROWS)


def test_read_only_refuses_writes_and_nothing_else(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = ONE
    connection = connect(server, READ_ONLY=True)
    assert connection.read("Things", "get") == 1
    with pytest.raises(NotAllowed) as caught:
        connection.write("Things", "add")
    assert caught.value.reason == "read-only"
    assert len(server.requests) == 1


def test_mistaken_arguments_never_reach_the_socket(server: FaultyServer, connect: Connect) -> None:
    with pytest.raises(ValueError, match="finite"):
        connect(server).read("Things", "get", {"a": Decimal("NaN")})
    assert server.connections == 0


def test_write_that_names_no_new_row_is_unknown(server: FaultyServer, connect: Connect) -> None:
    connection = connect(server)
    for response, shape in [("null", Shape.ID), ("false", Shape.ID), ("{}", Shape.ID), ("false", Shape.ROW)]:
        server.otherwise = send(answer(f'{{"response":{response}}}'))
        with pytest.raises(OutcomeUnknown):
            connection.write("Things", "add", shape=shape)


@pytest.mark.parametrize("body", ['{"response":null}', '{"response":{"id":1}}', "{}", "[]"])
def test_write_that_answers_nothing_takes_whatever_comes(body: str, server: FaultyServer, connect: Connect) -> None:
    server.otherwise = send(answer(body))
    assert connect(server).write("Things", "add", shape=Shape.NOTHING) is None


@pytest.mark.parametrize("body", ["{}", "[]"])
def test_read_without_a_response_is_not_an_empty_list(body: str, server: FaultyServer, connect: Connect) -> None:
    server.otherwise = send(answer(body))
    with pytest.raises(Misunderstood):
        connect(server).read("Things", "get", shape=Shape.ROWS)


def test_other_format_is_asked_for_when_named(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = send(answer('{"message":"The format requested is not supported by the server."}', 415))
    with pytest.raises(UnsupportedFormat):
        connect(server).read("Things", "get", extension="yaml")
    assert server.requests[0].path == "/api/things/get.yaml"


PLUGIN = "some_plugin.SomePluginThings"
SPELLINGS = [
    "some_plugin.some_plugin_things",
    "SomePlugin.SomePluginThings",
    "some_plugin.SomePluginThings",
]


def only(spelling: str) -> Any:
    def step(conversation: Any, arrived: Arrived) -> None:
        fits = arrived.path == f"/api/{spelling}/get.json"
        conversation.sendall(answer('{"response":1}') if fits else MISSING)

    return step


@pytest.mark.parametrize("known", range(3))
def test_spelling_of_a_plugin_that_works_is_found_and_remembered(
    known: int, server: FaultyServer, connect: Connect
) -> None:
    server.otherwise = only(SPELLINGS[known])
    connection = connect(server)
    assert connection.read(PLUGIN, "get") == 1
    assert connection.read(PLUGIN, "get") == 1
    tried = [*SPELLINGS[: known + 1], SPELLINGS[known]]
    assert [request.path for request in server.requests] == [f"/api/{spelling}/get.json" for spelling in tried]


def test_plugin_that_is_not_installed_is_no_such_resource(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = send(MISSING)
    with pytest.raises(NoSuchResource):
        connect(server).read(PLUGIN, "get")
    assert len(server.requests) == 3


def test_spelling_in_the_setting_is_the_only_one_tried(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = send(MISSING)
    with pytest.raises(NoSuchResource):
        connect(server, PLUGIN_PATHS={PLUGIN: "other.name"}).read(PLUGIN, "get")
    assert [request.path for request in server.requests] == ["/api/other.name/get.json"]


def test_spelling_is_not_guessed_on_while_blesta_fails(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = send(answer('{"message":"x"}', 400))
    with pytest.raises(BadRequest):
        connect(server).read(PLUGIN, "get")
    assert len(server.requests) == 1


def test_core_model_that_is_missing_is_asked_for_once(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = send(MISSING)
    with pytest.raises(NoSuchResource):
        connect(server).read("Things", "get")
    assert len(server.requests) == 1


def test_observers_are_told_of_every_call_in_every_thread(server: FaultyServer, connect: Connect) -> None:
    server.steps = [ONE, send(answer("", 500))]
    server.otherwise = send(answer('{"response":null,"errors":{"a":{"b":"c"}}}'))
    connection = connect(server)
    seen: list[CallRecord] = []

    def work() -> None:
        for call, method in ((connection.read, "get"), (connection.write, "add"), (connection.write, "add")):
            with contextlib.suppress(OutcomeUnknown, Rejected):
                call("Things", method, {"secret_value": "hunter2hunter2"})
        connection.hang_up()

    with observe(seen.append):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(10)
    assert [(record.method, record.writes, record.status, record.outcome, record.tries) for record in seen] == [
        ("get", False, 200, "ok", 1),
        ("add", True, 500, "OutcomeUnknown", 1),
        ("add", True, 200, "Rejected", 1),
    ]
    first = seen[0]
    assert (first.using, first.company_id, first.names, first.bytes) == ("default", None, ("secret_value",), 14)
    assert "hunter2" not in repr(seen)


def test_observer_is_told_how_many_tries_it_took(server: FaultyServer, connect: Connect) -> None:
    server.steps = [send(answer("", 500)), send(answer("", 500))]
    server.otherwise = ONE
    seen: list[CallRecord] = []
    with observe(seen.append):
        connect(server).read("Things", "get")
    assert [(record.tries, record.outcome) for record in seen] == [(3, "ok")]


def test_observer_that_raises_does_not_spoil_the_call(
    server: FaultyServer, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    server.otherwise = ONE

    def broken(record: CallRecord) -> None:
        raise RuntimeError("The observer is broken.")

    with observe(broken):
        assert connect(server).write("Things", "add", shape=Shape.ID) == 1
    assert "the call itself stands" in caplog.text


def test_log_names_the_call_and_its_arguments_and_no_value(
    server: FaultyServer, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    server.otherwise = send(answer("<html>hunter2hunter2", 500, "text/html"))
    caplog.set_level(logging.DEBUG, "django_blesta.connection")
    with pytest.raises(OutcomeUnknown):
        connect(server).write("Things", "add", {"vars": {"password": "hunter2hunter2"}})
    lines = [record.getMessage() for record in caplog.records if record.name == "django_blesta.connection"]
    assert len(lines) == 1
    assert lines[0].startswith("write Things.add(vars): OutcomeUnknown, status 500, 1 tries")


def test_reads_are_tried_with_growing_waits_and_no_more_than_the_setting_says(
    server: FaultyServer, connect: Connect, clock: LeapingClock
) -> None:
    server.otherwise = send(answer("", 502))
    with pytest.raises(Unavailable):
        connect(server, READ_TRIES=5).read("Things", "get")
    assert len(server.requests) == 5
    assert clock.slept == [0.5, 1.0, 2.0, 4.0]


def test_tries_end_with_the_deadline(server: FaultyServer, connect: Connect, clock: LeapingClock) -> None:
    server.otherwise = send(answer("", 502))
    with pytest.raises(Unavailable):
        connect(server, READ_TRIES=10, READ_DEADLINE=3.0).read("Things", "get")
    assert clock.slept == [0.5, 1.0]


def test_failing_server_is_not_asked_more_than_the_budget_allows(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = send(answer("", 502))
    connection = connect(server)
    for _ in range(20):
        with pytest.raises(Unavailable):
            connection.read("Things", "get")
    assert len(server.requests) == 20 + 10
    server.otherwise = ONE
    for _ in range(10):
        connection.read("Things", "get")
    server.otherwise = send(answer("", 502))
    before = len(server.requests)
    with pytest.raises(Unavailable):
        connection.read("Things", "get")
    assert len(server.requests) - before == 2


def test_connection_is_one_per_alias_and_company(settings: Settings) -> None:
    settings.BLESTA = {"URL": "https://x.example/", "COMPANIES": {7: {"USER": "u", "KEY": "k"}}}
    assert connection_for() is connection_for("default", 7)
    assert (connection_for().using, connection_for().company_id) == ("default", 7)
    assert repr(connection_for()) == "Connection(using='default', company_id=7)"
    copy = pickle.loads(pickle.dumps(connection_for()))  # noqa: S301  (made in this line)
    assert copy is connection_for()
    with pytest.raises(NotConfigured, match="no company 8"):
        connection_for("default", 8)
    with pytest.raises(NotConfigured, match="no installation named 'other'"):
        connection_for("other")


def test_one_key_serves_the_company_that_was_found_by_asking(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = ONE
    connect(server)
    connection = connection_for("default", 3)
    assert connection.company_id == 3
    assert connection.read("Things", "get") == 1
    connection.hang_up()


def test_connection_without_a_clock_of_its_own_uses_real_time(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = ONE
    connect(server)
    connection = Connection("default", None)
    assert connection.read("Things", "get") == 1
    connection.hang_up()
