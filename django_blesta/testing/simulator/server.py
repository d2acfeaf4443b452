"""The application on a socket: HTTP/1.1 with keep-alive, one thread per connection.

The standard library's handler parses headers as mail; this one reads only what an API caller sends, and is several
times as quick, which a sync of thousands of requests notices.
"""

from __future__ import annotations

import contextlib
import http
import socket
import socketserver
import threading
import time
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any, Final

from django_blesta.testing.simulator.application import Application
from django_blesta.testing.simulator.wire import Request, Response

LOOPBACK: Final = "127.0.0.1"
_LONGEST_LINE: Final = 1 << 20  # a search with many filters makes long URLs
_LARGEST_BODY: Final = 32 << 20
_REASONS: Final[Mapping[int, str]] = {status.value: status.phrase for status in http.HTTPStatus}


class _BadRequest(Exception):
    """Not HTTP, or too large to be meant."""


class _Exchange(socketserver.StreamRequestHandler):
    """Answers one connection until either side is done."""

    server: _Sockets
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError, OSError):
            while self._answer_one():
                pass

    def _answer_one(self) -> bool:
        try:
            request = self._read()
        except _BadRequest:
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return False
        if request is None:
            return False
        response = self.server.application.handle(request)
        if response.close:
            return False
        keep = request.headers.get("connection", "").lower() != "close"
        self._write(response, keep=keep)
        return keep and response.truncate is None

    def _read(self) -> Request | None:
        line = self.rfile.readline(_LONGEST_LINE)
        if not line:
            return None
        words = line.split()
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            raise _BadRequest
        headers = self._read_headers()
        if headers.get("expect", "").lower() == "100-continue":
            self.request.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return Request(
            verb=words[0].decode("latin-1").upper(),
            target=words[1].decode("utf-8", "replace"),
            headers=headers,
            body=self._read_body(headers),
            peer=self.client_address[0],
        )

    def _read_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        while (line := self.rfile.readline(_LONGEST_LINE)) not in (b"\r\n", b"\n", b""):
            name, colon, value = line.partition(b":")
            if not colon or len(headers) > 200:
                raise _BadRequest
            headers[name.decode("latin-1").strip().lower()] = value.decode("latin-1").strip()
        return headers

    def _read_body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._read_chunks()
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > _LARGEST_BODY:
            raise _BadRequest
        return self.rfile.read(int(length))

    def _read_chunks(self) -> bytes:
        chunks: list[bytes] = []
        while True:
            try:
                size = int(self.rfile.readline(_LONGEST_LINE).partition(b";")[0], 16)
            except ValueError as error:
                raise _BadRequest from error
            if size > _LARGEST_BODY or sum(map(len, chunks)) > _LARGEST_BODY:
                raise _BadRequest
            chunks.append(self.rfile.read(size))
            self.rfile.readline(_LONGEST_LINE)
            if size == 0:
                return b"".join(chunks)

    def _write(self, response: Response, *, keep: bool) -> None:
        given = {name.lower() for name, _ in response.headers}
        headers = [(name, value) for name, value in response.headers]
        if "content-type" not in given:
            headers.append(("Content-Type", response.content_type))
        if "content-length" not in given:
            headers.append(("Content-Length", str(len(response.body))))
        headers.append(("Connection", "keep-alive" if keep else "close"))
        if "date" not in given:
            behind = self.server.application.switches.clock_behind
            headers.append(("Date", formatdate(time.time() - behind * 60, usegmt=True)))
        reason = _REASONS.get(response.status, "Unknown")
        lines = [f"HTTP/1.1 {response.status} {reason}", *(f"{name}: {value}" for name, value in headers), "", ""]
        head = "\r\n".join(lines).encode("latin-1")
        body = response.body if response.truncate is None else response.body[: response.truncate]
        if response.drip is None:
            self.request.sendall(head + body)
            return
        self.request.sendall(head)
        for place in range(len(body)):
            self.request.sendall(body[place : place + 1])
            if self.server.application.stopping.wait(response.drip):
                return


class _Sockets(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, application: Application, address: tuple[str, int]) -> None:
        self.application = application
        self._open: set[socket.socket] = set()
        self._opening = threading.Lock()
        super().__init__(address, _Exchange)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._opening:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._opening:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that goes away is no news."""

    def drop_all(self) -> None:
        with self._opening:
            sockets = list(self._open)
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class Server:
    """Serves an application on a loopback port until stopped."""

    def __init__(self, application: Application, port: int = 0) -> None:
        self._application = application
        self._sockets = _Sockets(application, (LOOPBACK, port))
        self.port: int = self._sockets.server_address[1]
        self._thread = threading.Thread(
            target=self._sockets.serve_forever, kwargs={"poll_interval": 0.05}, name="blesta-simulator", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Accept nothing more, free who is held, drop every connection."""
        self._application.stopping.set()
        self._application.faults.clear()
        self._sockets.shutdown()
        self._sockets.drop_all()
        self._sockets.server_close()
        self._thread.join()
