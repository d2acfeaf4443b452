"""A proxy in this process between a client and its server, which cuts the line when and how it is told."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field


@dataclass
class _Line:
    """One connection: the client's end and the server's."""

    client: socket.socket
    server: socket.socket
    #: The next answer is lost, and the line with it.
    loses_answer: bool = False

    def cut(self) -> None:
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@dataclass
class Proxy:
    """Listens on a free port of loopback and passes on what comes, until it cuts.

    `cut()` cuts every line at once. `cut_at(number)` cuts the line on which the so manieth packet comes from a client,
    counted from the call: before it is passed on, or with `answer=True` after the server has answered it, so that the
    client cannot know whether it was done.
    """

    host: str
    port: int
    cuts: int = 0
    _packets: int = 0
    _cut_at: int | None = None
    _answer: bool = False
    _lines: list[_Line] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Proxy:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.own_port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(10)

    def count(self) -> int:
        """Packets from clients since this was last asked; forgets a cut that has not come to pass."""
        with self._lock:
            packets, self._packets, self._cut_at = self._packets, 0, None
        return packets

    def cut_at(self, number: int, *, answer: bool = False) -> None:
        with self._lock:
            self._packets, self._cut_at, self._answer = 0, number, answer

    def cut(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, []
            self.cuts += bool(lines)
        for line in lines:
            line.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection((self.host, self.port), 5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = _Line(client, server)
            with self._lock:
                self._lines.append(line)
            thread = threading.Thread(target=self._serve, args=(line,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, line: _Line) -> None:
        answers = threading.Thread(target=self._to_client, args=(line,), daemon=True)
        answers.start()
        self._to_server(line)
        answers.join()
        with self._lock, contextlib.suppress(ValueError):
            self._lines.remove(line)
        line.client.close()
        line.server.close()

    def _to_server(self, line: _Line) -> None:
        with contextlib.suppress(OSError):
            while packet := line.client.recv(65536):
                with self._lock:
                    is_due = self._packets == self._cut_at
                    self._packets += 1
                    self.cuts += is_due
                if is_due and not self._answer:
                    break
                line.loses_answer |= is_due
                line.server.sendall(packet)
        line.cut()

    def _to_client(self, line: _Line) -> None:
        with contextlib.suppress(OSError):
            while packet := line.server.recv(65536):
                if line.loses_answer:
                    break
                line.client.sendall(packet)
        line.cut()
