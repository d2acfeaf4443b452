"""Calls to a simulator that has no socket, as a caller would spell them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django_blesta.testing.simulator import Request, Response, Simulator


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any  # decoded JSON; None when there is none
    raw: bytes
    content_type: str

    @property
    def value(self) -> Any:
        assert self.status == 200, self.raw
        return self.body["response"]

    @property
    def errors(self) -> dict[str, list[str]]:
        """Field -> rule codes."""
        assert self.status == 400, self.raw
        return {field: list(codes) for field, codes in self.body["errors"].items()}


def flat(arguments: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Bracket names: {"vars": {"lines": [{"qty": 1}]}} gives vars[lines][0][qty]."""
    for name, value in arguments.items():
        key = f"{prefix}[{name}]" if prefix else name
        if isinstance(value, list):
            value = dict(enumerate(value))
        if isinstance(value, Mapping):
            yield from flat(value, key)
        else:
            yield key, str(value)


def headers_of(simulator: Simulator, company_id: int = 1) -> dict[str, str]:
    user, key = simulator.credentials[company_id]
    return {"blesta-api-user": user, "blesta-api-key": key}


def send(
    simulator: Simulator,
    verb: str,
    path: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    company_id: int = 1,
) -> Answer:
    """`path` is below /api/ ("clients/get.json"). GET sends a query, the other verbs a form."""
    query, body = urlencode(list(flat(arguments or {}))), b""
    sent = dict(headers_of(simulator, company_id) if headers is None else headers)
    target = f"/api/{path}"
    if verb == "GET" and query:
        target = f"{target}?{query}"
    elif query:
        body = query.encode()
        sent["content-type"] = "application/x-www-form-urlencoded"
    return answer(simulator.handle(Request(verb, target, sent, body)))


def answer(response: Response) -> Answer:
    is_json = response.body and response.content_type == "application/json"
    return Answer(response.status, json.loads(response.body) if is_json else None, response.body, response.content_type)


def read(simulator: Simulator, path: str, **arguments: Any) -> Any:
    return send(simulator, "GET", f"{path}.json", arguments).value


def write(simulator: Simulator, path: str, **arguments: Any) -> Answer:
    return send(simulator, "POST", f"{path}.json", arguments)
