"""One request and one answer, free of sockets; the answers whose bodies are documented word for word."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from django_blesta.testing.simulator import php

JSON: Final = "application/json"
HTML: Final = "text/html; charset=UTF-8"

MESSAGES: Final[Mapping[int, str]] = {
    400: "The request cannot be fulfilled due to bad syntax.",
    401: "The authorization details given appear to be invalid.",
    403: "The requested resource is not accessible.",
    404: "The requested resource does not exist.",
    415: "The format requested is not supported by the server.",
    500: "An unexpected error occured.",
    503: "The requested resource is currently unavailable due to maintenance.",
}
FATAL_PAGE: Final = (
    b"<html><head><title>Error</title></head><body><b>Fatal error</b>: Allowed memory size exhausted</body></html>"
)

_PATH: Final = re.compile(
    r"(?P<base>(?:/[^/]+)*?)(?:/index\.php)?/api(?:/(?P<model>[^/]*))?(?:/(?P<method>[^/.]*)(?:\.(?P<format>[^/]*))?)?/?"
)


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived; header names in lower case."""

    verb: str
    target: str  # "/api/clients/get.json?client_id=1"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    peer: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Response:
    """What goes out, and how badly: a dropped connection, a body cut short, a body that drips."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    close: bool = False
    truncate: int | None = None
    drip: float | None = None

    @classmethod
    def documented(cls, status: int, detail: str | None = None) -> Response:
        """The documented body of that status; a plain HTML page, as a proxy would send, where none is documented."""
        if status not in MESSAGES:
            return cls(status, f"<html><body><h1>{status}</h1></body></html>".encode(), HTML)
        members = {"message": MESSAGES[status]} | ({} if detail is None else {"response": detail})
        return cls(status, php.to_json(members).encode())


@dataclass(frozen=True, slots=True)
class Target:
    """What a path asks for; `model` by its class ("ClientGroups", "support_manager.SupportManagerTickets")."""

    model: str
    method: str
    format: str


def read_target(path: str) -> Target | None:
    """Model, method and format of an API path below any install path; None for a path that is not the API's."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    extension = match["format"]
    return Target(class_name(match["model"] or ""), match["method"] or "", "json" if extension is None else extension)


@cache
def class_name(model: str) -> str:
    """`client_groups` to `ClientGroups`, "" for any other spelling; a plugin's model may come in either."""
    plugin, dot, name = model.rpartition(".")
    if not dot:
        return _camel(model) if re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", model) else ""
    return f"{_snake(plugin)}.{_camel(name) if name.islower() else name}"


def _camel(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?<!_)(?=[A-Z])", "_", name).lower()


def read_arguments(request: Request, query: str) -> php.Array:
    """Query and form together, the form winning. A JSON or multipart body carries no arguments."""
    arguments = php.decode_form(query)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.body and kind == "application/x-www-form-urlencoded":
        arguments.update(php.decode_form(request.body.decode("utf-8", "replace")))
    return arguments


def read_credentials(headers: Mapping[str, str], carrier: str) -> tuple[str, str] | None:
    """User and key from the two headers or from Basic authentication, as far as `carrier` lets either through."""
    if carrier != "basic" and "blesta-api-user" in headers:
        return headers["blesta-api-user"], headers.get("blesta-api-key", "")
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if carrier != "headers" and scheme.lower() == "basic":
        try:
            user, _, key = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return user, key
    return None


def plugin_of(model: str) -> str:
    """The plugin that a model belongs to; "" for one of the core."""
    return model.rpartition(".")[0]


def as_plain(arguments: php.Array) -> dict[str, Any]:
    """A copy that later changes do not reach, for the log."""
    return {key: as_plain(value) if isinstance(value, dict) else value for key, value in arguments.items()}
