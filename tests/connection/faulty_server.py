"""A server of exact bytes: it answers each request with the next step of a script, however wrong that is."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 500: "Internal Server Error", 503: "Unavailable"}


@dataclass(frozen=True)
class Arrived:
    """One request as it came; `connection` counts the connections from 1."""

    verb: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def arguments(self) -> dict[str, str]:
        text = self.body.decode() if self.body else urlsplit(self.target).query
        return dict(parse_qsl(text, keep_blank_values=True))


def answer(
    body: bytes | str = b"",
    status: int = 200,
    content_type: str | None = "application/json",
    headers: Mapping[str, str] | None = None,
    length: int | None = None,
) -> bytes:
    """The bytes of a whole answer; `length` lies about the body's."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Whatever')}"]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    lines.append(f"Content-Length: {len(content) if length is None else length}")
    lines.extend(f"{name}: {value}" for name, value in (headers or {}).items())
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + content


def zipped(content: bytes, **kwargs: object) -> bytes:
    return answer(gzip.compress(content), headers={"Content-Encoding": "gzip"}, **kwargs)  # type: ignore[arg-type]


class HangUp(Exception):
    """Raised by a step: the server closes the connection there and then."""


Step = Callable[[socket.socket, Arrived], None]


def send(*pieces: bytes) -> Step:
    def step(conversation: socket.socket, arrived: Arrived) -> None:
        for piece in pieces:
            conversation.sendall(piece)

    return step


def send_and_hang_up(*pieces: bytes) -> Step:
    def step(conversation: socket.socket, arrived: Arrived) -> None:
        send(*pieces)(conversation, arrived)
        raise HangUp

    return step


def reset(conversation: socket.socket, arrived: Arrived) -> None:
    """Close with a reset instead of a farewell."""
    conversation.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    raise HangUp


def drip(first: bytes, then: bytes, pause: float = 0.05) -> Step:
    """Send `first`, then `then` byte by byte without end, until the other side hangs up."""

    def step(conversation: socket.socket, arrived: Arrived) -> None:
        conversation.sendall(first)
        conversation.settimeout(pause)
        while True:
            for position in range(len(then)):
                conversation.sendall(then[position : position + 1])
                # Wakes at once when the client closes, otherwise paces the drip.
                with contextlib.suppress(TimeoutError):
                    if conversation.recv(1) == b"":
                        raise HangUp

    return step


def silence(conversation: socket.socket, arrived: Arrived) -> None:
    """Say nothing until the other side hangs up."""
    conversation.recv(1)
    raise HangUp


@dataclass
class FaultyServer:
    """Serves `steps` in order and `otherwise` after them; `requests` is what arrived."""

    certificate: str = ""
    steps: list[Step] = field(default_factory=list)
    otherwise: Step = field(default_factory=lambda: send(answer('{"response":null}')))
    requests: list[Arrived] = field(default_factory=list)
    connections: int = 0
    #: 0 takes any free port; a server that is not `opened` refuses connections until `open` is called.
    fixed_port: int = 0
    opened: bool = True
    #: False accepts connections and never reads from them.
    greets: bool = True

    def __enter__(self) -> FaultyServer:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.fixed_port))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._patience = threading.Event()
        self._context = None
        if self.certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(self.certificate)
        if self.opened:
            self.open()
        return self

    def open(self) -> None:
        self._listener.listen()
        self._start(self._accept)

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._patience.set()
        self.hang_up()
        for thread in self._threads:
            thread.join(10)

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}/"

    def hang_up(self) -> None:
        """Close every connection from this side, as a server does with idle ones."""
        with self._lock:
            for conversation in self._open:
                with contextlib.suppress(OSError):
                    conversation.shutdown(socket.SHUT_RDWR)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                conversation, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                number = self.connections
                self._open.add(conversation)
            self._start(self._converse, conversation, number)

    def _converse(self, conversation: socket.socket, number: int) -> None:
        plain = conversation
        try:
            conversation.settimeout(20)
            if not self.greets:
                self._patience.wait(20)
                raise HangUp
            if self._context is None and conversation.recv(1, socket.MSG_PEEK) == b"\x16":
                # A TLS greeting: answered as web servers do, in plain HTTP.
                conversation.recv(65536)
                conversation.sendall(answer("", 400))
                raise HangUp
            if self._context is not None:
                conversation = self._context.wrap_socket(conversation, server_side=True)
            with conversation.makefile("rb") as stream:
                while (arrived := _read_request(stream, number)) is not None:
                    with self._lock:
                        self.requests.append(arrived)
                        step = self.steps.pop(0) if self.steps else self.otherwise
                    step(conversation, arrived)
        except (OSError, HangUp):
            pass
        finally:
            with self._lock:
                self._open.discard(plain)
                conversation.close()
                plain.close()


def _read_request(stream: object, number: int) -> Arrived | None:
    first = stream.readline().decode("latin-1").split()  # type: ignore[attr-defined]
    if len(first) != 3:
        return None
    headers: dict[str, str] = {}
    while line := stream.readline().decode("latin-1").strip():  # type: ignore[attr-defined]
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))  # type: ignore[attr-defined]
    return Arrived(first[0], first[1], headers, body, number)
