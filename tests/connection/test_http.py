"""What goes over the socket, and what must not: one server, exact bytes, real TLS."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from pytest_django import Settings

from django_blesta.connection import Shape, connection_for
from django_blesta.exceptions import Misunderstood, NotConfigured, OutcomeUnknown, Unavailable
from tests.connection.conftest import DATA, KEY, Connect, LeapingClock
from tests.connection.faulty_server import (
    FaultyServer,
    answer,
    drip,
    reset,
    send,
    send_and_hang_up,
    silence,
)

ONE = send(answer('{"response":1}'))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_importing_the_app_does_not_load_requests() -> None:
    code = (
        "import sys, django, django_blesta.conf, django_blesta.connection; "
        "sys.exit(any(name in sys.modules for name in ('requests', 'urllib3', 'celery', 'rest_framework')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603  (our own code)


def test_read_is_a_get_with_everything_in_the_query(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = ONE
    connect(server).read("Things", "get", {"page": 2, "order_by": {"id": "ASC"}, "left_out": None})
    request = server.requests[0]
    assert (request.verb, request.target) == ("GET", "/api/things/get.json?page=2&order_by%5Bid%5D=ASC")
    assert request.body == b""
    assert request.headers["blesta-api-user"] == "site-user"
    assert request.headers["blesta-api-key"] == KEY
    assert "authorization" not in request.headers
    assert request.headers["user-agent"].startswith("django-blesta/")


def test_read_without_arguments_has_no_query(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = ONE
    connect(server).read("Things", "get")
    assert server.requests[0].target == "/api/things/get.json"


def test_write_is_a_post_with_everything_in_the_form(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = ONE
    connect(server).write("Things", "add", {"client_id": 5, "vars": {"title": "a b", "lines": [{"amount": "1.00"}]}})
    request = server.requests[0]
    assert (request.verb, request.target) == ("POST", "/api/things/add.json")
    assert request.body == b"client_id=5&vars%5Btitle%5D=a+b&vars%5Blines%5D%5B0%5D%5Bamount%5D=1.00"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"


def test_write_without_arguments_has_an_empty_body(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = ONE
    connect(server).write("Things", "add")
    assert server.requests[0].headers["content-length"] == "0"


def test_basic_authentication_when_asked_for(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = ONE
    connect(server, AUTHENTICATION="basic").read("Things", "get")
    headers = server.requests[0].headers
    assert headers["authorization"] == "Basic c2l0ZS11c2VyOmNhbmFyeS0zZjljMWU3Nw=="
    assert "blesta-api-key" not in headers


def test_each_company_speaks_with_its_own_key(server: FaultyServer, settings: Settings) -> None:
    server.otherwise = ONE
    settings.BLESTA = {
        "URL": server.url,
        "COMPANIES": {1: {"USER": "one", "KEY": "key-one"}, 2: {"USER": "two", "KEY": lambda: "key-two"}},
        "ALLOW": ["Things.get"],
    }
    with pytest.raises(NotConfigured, match="several companies"):
        connection_for()
    with pytest.raises(NotConfigured, match="no company 3"):
        connection_for("default", 3)
    for company_id in (1, 2):
        connection = connection_for("default", company_id)
        connection.read("Things", "get")
        connection.hang_up()
    assert [request.headers["blesta-api-key"] for request in server.requests] == ["key-one", "key-two"]


def test_reads_share_a_connection(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = ONE
    connection = connect(server)
    for _ in range(3):
        connection.read("Things", "get")
    assert server.connections == 1


def test_each_thread_has_its_own_connection(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = ONE
    connection = connect(server)
    together = threading.Barrier(3)

    def work() -> None:
        together.wait(10)
        connection.read("Things", "get")
        connection.hang_up()

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(work) for _ in range(3)]:
            future.result()
    assert server.connections == 3


def test_read_on_a_connection_that_the_server_closed_meanwhile_is_repeated(
    server: FaultyServer, connect: Connect
) -> None:
    server.steps = [ONE, reset]
    server.otherwise = ONE
    connection = connect(server)
    connection.read("Things", "get")
    assert connection.read("Things", "get", shape=Shape.COUNT) == 1
    assert len(server.requests) == 3


def test_write_after_the_server_closed_the_idle_connection_arrives_exactly_once(
    server: FaultyServer, connect: Connect
) -> None:
    server.otherwise = ONE
    connection = connect(server)
    connection.read("Things", "get")
    server.hang_up()
    assert connection.write("Things", "add", {"a": 1}, shape=Shape.ID) == 1
    assert [request.verb for request in server.requests] == ["GET", "POST"]


def test_write_never_uses_a_connection_that_was_kept_open(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = ONE
    connection = connect(server)
    connection.read("Things", "get")
    connection.write("Things", "add")
    connection.write("Things", "add")
    connection.read("Things", "get")
    assert [request.connection for request in server.requests] == [1, 2, 3, 4]
    assert server.requests[1].headers["connection"] == "close"


def test_write_that_is_cut_off_after_it_left_is_unknown_and_not_repeated(
    server: FaultyServer, connect: Connect
) -> None:
    server.otherwise = reset
    with pytest.raises(OutcomeUnknown):
        connect(server).write("Things", "add")
    assert len(server.requests) == 1


def test_write_is_repeated_only_while_no_connection_is_made(connect: Connect, clock: LeapingClock) -> None:
    connection = connect(f"http://127.0.0.1:{free_port()}/")
    with pytest.raises(Unavailable) as caught:
        connection.write("Things", "add")
    assert (caught.value.reason, caught.value.status) == ("unreachable", None)
    assert "connection refused" in str(caught.value)
    assert clock.slept == [0.5, 1.0]


def test_write_goes_through_once_the_server_is_there(connect: Connect, clock: LeapingClock) -> None:
    port = free_port()
    connection = connect(f"http://127.0.0.1:{port}/")
    with FaultyServer(otherwise=ONE, fixed_port=port, opened=False) as server:
        clock.before_sleep = server.open
        assert connection.write("Things", "add", shape=Shape.ID) == 1
        assert len(server.requests) == 1
        connection.hang_up()
    assert len(clock.slept) == 1


def test_unknown_host_is_unavailable(connect: Connect) -> None:
    connection = connect("https://no-such-host.invalid/", READ_TRIES=1)
    for call in (connection.read, connection.write):
        with pytest.raises(Unavailable) as caught:
            call("Things", "get" if call == connection.read else "add")
        assert caught.value.reason == "unreachable"
        assert "no-such-host.invalid" in str(caught.value)


def test_silence_ends_with_the_time_out(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = silence
    connection = connect(server, READ_TIMEOUT=0.2, WRITE_TIMEOUT=0.2, READ_TRIES=1)
    with pytest.raises(Unavailable, match="no answer in time"):
        connection.read("Things", "get")
    with pytest.raises(OutcomeUnknown, match="no answer in time"):
        connection.write("Things", "add")


def test_silence_during_the_tls_handshake_is_no_connection(server: FaultyServer, connect: Connect) -> None:
    server.greets = False
    connection = connect(server.url.replace("http:", "https:"), CONNECT_TIMEOUT=0.2, READ_TRIES=1)
    with pytest.raises(Unavailable):
        connection.write("Things", "add")


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
        (b"", b"H"),
    ],
    ids=["body", "chunks", "headers", "status line"],
)
def test_drip_ends_with_the_deadline_although_no_time_out_fires(
    first: bytes, then: bytes, server: FaultyServer, connect: Connect
) -> None:
    server.otherwise = drip(first, then)
    connection = connect(server, READ_DEADLINE=0.4, WRITE_DEADLINE=0.4)
    with pytest.raises(Unavailable) as caught:
        connection.read("Things", "get")
    assert caught.value.reason == "failing"
    with pytest.raises(OutcomeUnknown) as lost:
        connection.write("Things", "add")
    assert lost.value.reason == "too-slow"
    assert len(server.requests) == 2


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b"\0" * 2**20
    return b"".join([packer.compress(block) for _ in range(size // len(block))]) + packer.flush()


def test_bomb_is_refused_before_it_unfolds(server: FaultyServer, connect: Connect) -> None:
    packed = bomb(256 * 2**20)
    server.otherwise = send_and_hang_up(answer(packed, headers={"Content-Encoding": "gzip"}))
    connection = connect(server, MAX_BODY_BYTES=2**20)
    with pytest.raises(Misunderstood):
        connection.read("Things", "get")
    tracemalloc.start()
    with pytest.raises(Misunderstood) as caught:
        connection.read("Things", "get")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.reason == "too-large"
    assert peak < 16 * 2**20


def test_environment_does_not_reroute_calls(
    server: FaultyServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.otherwise = ONE
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    connect(server).read("Things", "get")
    assert len(server.requests) == 1


def test_cookies_are_not_kept(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = send(answer('{"response":1}', headers={"Set-Cookie": "blesta_sid=abc; path=/"}))
    connection = connect(server)
    connection.read("Things", "get")
    connection.read("Things", "get")
    assert [("cookie" in request.headers) for request in server.requests] == [False, False]


TLS = DATA / "tls"


def test_certificate_of_a_given_authority_is_trusted(connect: Connect) -> None:
    with FaultyServer(str(TLS / "good.pem"), otherwise=ONE) as server:
        connection = connect(server, CA_FILE=str(TLS / "ca.pem"))
        assert connection.read("Things", "get", shape=Shape.COUNT) == 1
        assert connection.write("Things", "add", shape=Shape.ID) == 1
        connection.hang_up()


@pytest.mark.parametrize(
    ("certificate", "options"),
    [
        ("good.pem", {}),
        ("wrong_host.pem", {"CA_FILE": str(TLS / "ca.pem")}),
        ("expired.pem", {"CA_FILE": str(TLS / "ca.pem")}),
    ],
    ids=["unknown authority", "other host", "expired"],
)
def test_untrusted_certificate_sends_nothing_and_is_not_tried_again(
    certificate: str, options: dict[str, str], connect: Connect, clock: LeapingClock
) -> None:
    with FaultyServer(str(TLS / certificate), otherwise=ONE) as server:
        connection = connect(server, **options)
        for call, method in ((connection.read, "get"), (connection.write, "add")):
            with pytest.raises(Unavailable, match="certificate is not valid"):
                call("Things", method)
        assert server.requests == []
    assert clock.slept == []


def test_https_to_a_server_that_speaks_plain_http_is_unavailable(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = ONE
    connection = connect(server.url.replace("http:", "https:"))
    with pytest.raises(Unavailable, match="TLS"):
        connection.write("Things", "add")
    assert server.requests == []


def test_changed_setting_is_seen_by_the_next_call(server: FaultyServer, connect: Connect, settings: Settings) -> None:
    server.otherwise = ONE
    connection = connect(server)
    connection.read("Things", "get")
    with FaultyServer(otherwise=ONE) as other:
        settings.BLESTA = {**settings.BLESTA, "URL": other.url, "KEY": "another"}
        connection.read("Things", "get")
        assert [request.headers["blesta-api-key"] for request in other.requests] == ["another"]
        connection.hang_up()
    assert len(server.requests) == 1


def test_index_php_and_install_path_are_kept(server: FaultyServer, connect: Connect) -> None:
    server.otherwise = ONE
    connect(server.url + "billing/index.php/").read("Things", "get")
    assert server.requests[0].path == "/billing/index.php/api/things/get.json"


def test_interruption_passes_through_without_the_frames_that_hold_the_key(
    server: FaultyServer, connect: Connect
) -> None:
    class TimeLimit(BaseException):
        pass

    class Interrupting(LeapingClock):
        armed = False

        def monotonic(self) -> float:
            # Called inside the socket's read, below every frame of the HTTP libraries.
            if self.armed and sys._getframe(1).f_code.co_name == "readinto":
                raise TimeLimit
            return super().monotonic()

    connection = connect(server)
    connection._clock = clock = Interrupting()
    clock.armed = True
    with pytest.raises(TimeLimit) as caught:
        connection.write("Things", "add")
    files = [entry.path.name for entry in caught.traceback]
    assert files[-1] == "_http.py"
    assert "client.py" not in files


FORKING = """
import os
import django
from django.conf import settings
from tests.connection.faulty_server import FaultyServer, answer, send
with FaultyServer(otherwise=send(answer('{"response":1}'))) as server:
    settings.configure(
        BLESTA={"URL": server.url, "USER": "u", "KEY": "k", "ALLOW": ["Things.get"], "MAX_IN_FLIGHT": 1},
    )
    from django_blesta.connection import connection_for
    from django_blesta.connection._pace import Clock, traffic_of
    from django_blesta import conf
    connection = connection_for()
    connection.read("Things", "get")
    # The fork happens while the only slot is taken, as it may be by a thread that the child does not have.
    with traffic_of(conf.installation(), connection._clock).pace.turn(float("inf")):
        child = os.fork()
        if not child:
            connection.read("Things", "get")
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    connection.read("Things", "get")
    connection.hang_up()
    print(*[request.connection for request in server.requests])
"""


def test_forked_child_talks_on_a_connection_of_its_own() -> None:
    done = subprocess.run(  # noqa: S603  (our own code)
        [sys.executable, "-W", "ignore", "-c", FORKING], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout.split(), done.returncode) == (["1", "2", "1"], 0), done.stderr
