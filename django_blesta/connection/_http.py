"""One request, one answer, over ``requests``: the only module that opens a socket.

It returns an :class:`Answer` for whatever the network or the server does, and raises nothing for it. So no frame of an
HTTP library, where the headers with the key are at hand, is ever chained to an error that leaves this package.
"""

from __future__ import annotations

import base64
import http.client
import io
import os
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import DecodeError, HTTPError
from urllib3.poolmanager import PoolManager

from django_blesta import __version__
from django_blesta.conf import Credentials, Installation, Revealed
from django_blesta.connection._errors import Answer, Sign
from django_blesta.connection._pace import Clock

CHUNK = 65536
SLACK = 0.05  # seconds by which a time-out may be too short


@dataclass(slots=True)
class _Attempt:
    """What one try knows of itself: read by the socket's wrappers, which the HTTP libraries create on their own."""

    deadline: float
    silence: float
    clock: Clock
    departed: bool = False
    late: bool = False


_current = threading.local()


class _TimedStream(io.RawIOBase):
    """Gives every single read of a socket what is left until the deadline, so that no drip outlives it."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, attempt: _Attempt) -> None:
        self._raw = raw
        self._sock = sock
        self._attempt = attempt

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        attempt = self._attempt
        left = attempt.deadline - attempt.clock.monotonic()
        try:
            if left <= 0:
                raise TimeoutError("The deadline has passed.")
            wanted, present = min(attempt.silence, left), self._sock.gettimeout()
            # Setting it is a call to the system, which costs a busy process more than most other things here.
            if present is None or present > wanted or present < wanted - SLACK:
                self._sock.settimeout(wanted)
            read: int | None = self._raw.readinto(buffer)
        except TimeoutError:
            attempt.late = left <= attempt.silence
            raise
        return read

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_TimedStream(raw, sock, _current.attempt), CHUNK)


class _Connection(HTTPConnection):
    response_class = _TimedResponse

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        # From here on the server may have seen something.
        _current.attempt.departed = True
        super().send(data)


class _SecureConnection(HTTPSConnection):
    response_class = _TimedResponse

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _current.attempt.departed = True
        super().send(data)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    """One connection, verified against one set of authorities that is loaded once and not for each connection."""

    def __init__(self, ca_file: str) -> None:
        self._ca_file = ca_file
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        self.poolmanager = PoolManager(connections, maxsize=maxsize, ssl_context=_trust(self._ca_file), **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave the connection to its context, which demands a certificate and the host's name in it."""

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, response.headers, response.raw = resp.status, resp.headers, resp
        return response


@lru_cache(maxsize=8)
def _trust(ca_file: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file or DEFAULT_CA_BUNDLE_PATH)


_lines = threading.local()


def _line_for(installation: Installation) -> _Adapter:
    """Return this thread's own adapter.

    It is requests' transport without its Session: a Session reads the environment for proxies and passwords, keeps
    PHP's session cookie (which makes Blesta serve a thread's calls as one visitor's), and reads the body of a redirect
    whole, without a cap, to prepare the request that is never to be sent.
    """
    by_alias: dict[str, tuple[Installation, _Adapter]] = _lines.__dict__
    known = by_alias.get(installation.alias)
    if known is not None and known[0] is installation:
        return known[1]
    hang_up(installation.alias)
    adapter = _Adapter(installation.ca_file)
    by_alias[installation.alias] = (installation, adapter)
    return adapter


def hang_up(alias: str) -> None:
    """Close what this thread holds open to an installation; the next call opens it again."""
    known = _lines.__dict__.pop(alias, None)
    if known is not None:
        known[1].close()


def _forget_lines() -> None:
    # A forked child must not talk on its parent's sockets.
    global _lines
    _lines = threading.local()


os.register_at_fork(after_in_child=_forget_lines)


def exchange(
    installation: Installation,
    credentials: Credentials,
    path: str,
    text: str,
    *,
    writes: bool,
    deadline: float,
    clock: Clock,
) -> Answer:
    """Send one request and read its whole answer; ``text`` is the form-encoded arguments.

    A write goes out on a connection of its own: on one that was kept open, a server that hangs up at that moment
    leaves it unknown whether the write arrived. Raises NotConfigured when the credentials cannot be had.
    """
    line = _line_for(installation)
    headers = _headers(installation, credentials)
    request = requests.PreparedRequest()
    request.url = installation.url + path
    if writes:
        line.close()
        headers["Connection"] = "close"
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        request.method, request.body = "POST", text.encode("ascii")
        headers["Content-Length"] = str(len(request.body))
    else:
        request.method, request.body = "GET", None
        if text:
            request.url += "?" + text
    request.headers = headers
    silence = installation.write_timeout if writes else installation.read_timeout
    attempt = _current.attempt = _Attempt(deadline, silence, clock)
    left = max(0.001, deadline - clock.monotonic())
    answer = Answer()
    try:
        timeouts = (min(installation.connect_timeout, left), silence)
        response = line.send(request, stream=True, timeout=timeouts)
        _receive(response, installation.max_body_bytes, answer)
    except (OSError, HTTPError, http.client.HTTPException, ValueError) as error:
        answer.sign, answer.detail = _failure(error, attempt)
        line.close()
    except BaseException as interruption:
        # A time limit or Ctrl-C: let it through without the frames that hold the headers.
        line.close()
        raise interruption.with_traceback(None) from None
    if writes:
        line.close()
    return answer


def _receive(response: requests.Response, most: int, answer: Answer) -> None:
    answer.status, answer.headers = response.status_code, response.headers
    raw = response.raw
    parts: list[bytes] = []
    size = 0
    try:
        while part := raw.read(CHUNK, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > most:
                answer.sign = Sign.TOO_LARGE
                parts.clear()
                break
    except DecodeError:
        answer.sign = Sign.NOT_TEXT
    finally:
        if answer.sign is not None:
            raw.close()
        answer.body = b"".join(parts)


def _headers(installation: Installation, credentials: Credentials) -> CaseInsensitiveDict[str]:
    user, key = credentials.resolve()
    headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    headers["Accept"] = "application/json"
    headers["Accept-Encoding"] = "gzip, identity"
    headers["User-Agent"] = f"django-blesta/{__version__}"
    if installation.authentication == "basic":
        pair = base64.b64encode(f"{user}:{key}".encode("ascii"))
        headers["Authorization"] = Revealed("Basic " + pair.decode("ascii"))
    else:
        headers["BLESTA-API-USER"] = user
        headers["BLESTA-API-KEY"] = key
    return headers


def _failure(error: BaseException, attempt: _Attempt) -> tuple[Sign, str]:
    causes = list(_causes(error))
    tls = [cause for cause in causes if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError)]
    detail = _words_for(causes)
    if not attempt.departed:
        return (Sign.UNTRUSTED if tls else Sign.UNREACHABLE), detail
    if attempt.late:
        return Sign.TOO_SLOW, "no whole answer before the deadline"
    if any(isinstance(cause, http.client.IncompleteRead) for cause in causes):
        return Sign.TRUNCATED, ""
    return Sign.INTERRUPTED, detail


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Every exception inside an exception: causes, contexts, arguments and urllib3's reasons."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
        waiting.extend(item for item in inner if isinstance(item, BaseException))


def _words_for(causes: list[BaseException]) -> str:
    """A few words of ours; the libraries' own hold the address with the arguments in it."""
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not valid: {cause.verify_message}"
    for kind, words in _WORDS.items():
        if any(isinstance(cause, kind) for cause in causes):
            return words
    return ""


_WORDS: Mapping[type[BaseException], str] = {
    ssl.SSLEOFError: "it hung up during the TLS handshake",
    ssl.SSLError: "it does not speak TLS as expected",
    socket.gaierror: "its name cannot be resolved",
    ConnectionRefusedError: "connection refused",
    ConnectionResetError: "connection reset",
    TimeoutError: "no answer in time",
    http.client.RemoteDisconnected: "it hung up without an answer",
    http.client.BadStatusLine: "it does not speak HTTP",
}
