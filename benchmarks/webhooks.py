"""`make bench-webhooks`: how many deliveries a second the receiver takes, and how long one of them waits.

A real gunicorn (gthread, 2 workers of 4 threads) before a real PostgreSQL, in a database of the bench's own that is
removed at the end. The load comes from this process over kept-open connections, each sending the next delivery when
the last was answered; it shares the machine's cores with what it measures. No worker follows the hints.

    make bench-webhooks
    make bench-webhooks ARGS="--seconds 10"
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.__main__ import database, last_line
from benchmarks.figures import Figure, printed

CHECKOUT = Path(__file__).resolve().parent.parent
SECRET = "the-secret-of-a-benchmark-0123456789"  # noqa: S105  (of a database that lives for a minute)
WORKERS, THREADS = 2, 4
ACCEPTED = b"202"
READY_IN = 30.0


@dataclass(slots=True)
class Load:
    """What was sent and what came back; `latencies` are seconds."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    accepted: int = 0
    other: dict[str, int] = field(default_factory=dict)

    def quantile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


class Sender(asyncio.Protocol):
    """One kept-open connection: a delivery, its answer, the next delivery."""

    def __init__(self, load: Load, place: int, until: float, done: asyncio.Future[None]) -> None:
        self._load, self._until, self._done = load, until, done
        self._number = place
        self._buffer = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._number += 1009
        body = json.dumps({"client_id": self._number % 50_000 + 1, "vars": {"status": "active"}}).encode()
        head = (
            f"POST /blesta/hooks/{SECRET}/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Blesta-Event: Clients.editAfter\r\n"
            f"X-Webhook-Id: 3\r\nUser-Agent: Blesta-Webhook\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._sent = time.perf_counter()
        self._transport.write(head.encode() + body)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator or len(body) < _length(head):
            return
        now = time.perf_counter()
        self._load.latencies.append(now - self._sent)
        status = self._buffer[9:12]
        if status == ACCEPTED:
            self._load.accepted += 1
        else:
            self._load.other[status.decode()] = self._load.other.get(status.decode(), 0) + 1
        self._buffer = b""
        if now < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None or self._buffer:
            self._load.other["connection lost"] = self._load.other.get("connection lost", 0) + 1
        if not self._done.done():
            self._done.set_result(None)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


async def send(port: int, seconds: float, connections: int) -> Load:
    load = Load(seconds)
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    waiting = []
    for place in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        waiting.append(done)

        def sender(place: int = place, done: asyncio.Future[None] = done) -> Sender:
            return Sender(load, place, began + seconds, done)

        await loop.create_connection(sender, "127.0.0.1", port)
    await asyncio.gather(*waiting)
    load.seconds = time.perf_counter() - began
    return load


@contextmanager
def site(environ: Mapping[str, str]) -> Iterator[int]:
    """The demo site behind gunicorn, on a free port; the port is bound here, so nobody else can take it first."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        listening.set_inheritable(True)
        port = int(listening.getsockname()[1])
        words = [
            *(sys.executable, "-m", "gunicorn", "testproject.wsgi", "--bind", f"fd://{listening.fileno()}"),
            *("--workers", str(WORKERS), "--worker-class", "gthread", "--threads", str(THREADS)),
            *("--keep-alive", "75", "--log-level", "warning"),
        ]
        # Our own interpreter and modules.
        server = subprocess.Popen(  # noqa: S603
            words, cwd=CHECKOUT, env={**os.environ, **environ}, pass_fds=[listening.fileno()]
        )
    try:
        _await(port, server)
        yield port
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def _await(port: int, server: subprocess.Popen[bytes]) -> None:
    """Until it answers; what it answers does not matter."""
    until = time.monotonic() + READY_IN
    while time.monotonic() < until and server.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=READY_IN) as probe:
                probe.sendall(b"GET /blesta/hooks/ HTTP/1.0\r\n\r\n")
                if probe.recv(100):
                    return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("gunicorn did not come up; is it installed? (pip install --group bench)")


def measure(title: str, seconds: float, name: str, **environ: str) -> tuple[Load, int]:
    """One load on an empty table; what was accepted, and how many rows there are."""
    settings = {
        "BLESTA_TEST_DATABASE": "postgresql",
        "BLESTA_TEST_DATABASE_NAME": name,
        "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
        "BENCH_WEBHOOK_SECRET": SECRET,
        "CELERY_BROKER_URL": "memory://localhost/",
        **environ,
    }
    with site(settings) as port:
        asyncio.run(send(port, min(2.0, seconds), WORKERS * THREADS))  # imports, connections, plans
        last_line([sys.executable, "-m", "benchmarks.jobs", "empty_deliveries"], settings)
        load = asyncio.run(send(port, seconds, WORKERS * THREADS))
    rows = int(last_line([sys.executable, "-m", "benchmarks.jobs", "count_deliveries"], settings)["rows"])
    rate = load.accepted / load.seconds
    print(f"  {title}: {load.accepted} accepted in {load.seconds:.1f} s, {rate:.0f}/s, {rows} rows", flush=True)
    return load, rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-webhooks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    with ExitStack() as stack:
        name, _server = stack.enter_context(database("postgresql", ""))
        kept, rows = measure("kept connections", options.seconds, name, BENCH_CONN_MAX_AGE="60")
        short, _ = measure("a connection per delivery", min(15.0, options.seconds), name, BENCH_CONN_MAX_AGE="0")
    rate = kept.accepted / kept.seconds
    slowest, lost, strange = max(kept.latencies) * 1000, kept.accepted - rows, sum(kept.other.values())
    each = short.accepted / short.seconds
    figures = [
        Figure("accepted per second", rate, "", 500, 1000, False, (rate, rate)),
        Figure(
            "receipt, p99", kept.quantile(0.99), "ms", 50, 25, True, (kept.quantile(0.5), slowest), "median … slowest"
        ),
        Figure("accepted without a row", lost, "", 0, 0, True, (lost, lost)),
        Figure("answers that were not 202", strange, "", 0, 0, True, (strange, strange)),
        Figure("per second with CONN_MAX_AGE = 0", each, "", 0, 0, False, (each, each), "for comparison"),
    ]
    print(f"\n{platform.python_version()}, {os.cpu_count()} cores, gunicorn gthread {WORKERS} x {THREADS}\n")
    print(printed(figures))
    raise SystemExit(any(figure.verdict == "MISSED" for figure in figures))


if __name__ == "__main__":
    main()
