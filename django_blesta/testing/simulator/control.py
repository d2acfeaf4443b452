"""`/_control/…`: the simulator's own desk, for a process that has it on a socket. Loopback only, JSON in and out.

| path | GET | POST | DELETE |
|---|---|---|---|
| switches | all positions | set those in the body | reset |
| clock | the time | `{"advance": {"days": 1}}` or `{"set": "2026-11-01T09:00:00Z"}` | |
| faults | what was scripted, with hits | script one: the fields of `Fault` | forget all |
| release | | let all who are held go on | |
| requests | what arrived | | forget |
| counts | rows per table | | |
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from django_blesta.testing.simulator.faults import Fault
from django_blesta.testing.simulator.wire import HTML, Request, Response

if TYPE_CHECKING:
    from django_blesta.testing.simulator.application import Application

_SHOWN: Final = (
    "times", "skip", "model", "method", "verb", "arguments", "status", "headers", "content_type", "after_effect",
    "close", "truncate", "drip", "hold", "hits",
)  # fmt: skip
_SETTABLE: Final = frozenset(field.name for field in fields(Fault) if not field.name.startswith("_")) - {"hits"}


class Control:
    """Reads and turns an application's knobs."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._doors: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = {
            ("GET", "switches"): lambda body: application.switches.as_dict(),
            ("POST", "switches"): self._set_switches,
            ("DELETE", "switches"): self._reset_switches,
            ("GET", "clock"): lambda body: self._time(),
            ("POST", "clock"): self._set_clock,
            ("GET", "faults"): lambda body: self._faults(),
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "release"): self._release,
            ("GET", "requests"): lambda body: [list(request) for request in list(application.requests)],
            ("DELETE", "requests"): self._forget_requests,
            ("GET", "counts"): lambda body: {name: len(rows) for name, rows in application.state.tables.items()},
        }

    def handle(self, request: Request, name: str) -> Response:
        if not _is_loopback(request.peer):
            return Response(403, b"<html><body>The control desk is for this machine alone.</body></html>", HTML)
        door = self._doors.get((request.verb, name.strip("/")))
        if door is None:
            return _json(404, {"error": f"nothing at {request.verb} {name}"})
        try:
            body = json.loads(request.body) if request.body else {}
            if not isinstance(body, dict):
                raise ValueError("the body must be a JSON object")
            return _json(200, door(body))
        except (ValueError, TypeError) as error:
            return _json(400, {"error": str(error)})

    def _set_switches(self, body: dict[str, Any]) -> Any:
        self._application.switches.set(**body)
        return self._application.switches.as_dict()

    def _reset_switches(self, body: dict[str, Any]) -> Any:
        self._application.switches.reset()
        return self._application.switches.as_dict()

    def _time(self) -> Any:
        return {"now": self._application.clock.now().isoformat()}

    def _set_clock(self, body: dict[str, Any]) -> Any:
        if "set" in body:
            self._application.clock.set(datetime.fromisoformat(body["set"]))
        self._application.clock.advance(**body.get("advance", {}))
        return self._time()

    def _faults(self) -> Any:
        return [{name: getattr(fault, name) for name in _SHOWN} for fault in self._application.faults.listed()]

    def _add_fault(self, body: dict[str, Any]) -> Any:
        unknown = body.keys() - _SETTABLE
        if unknown:
            raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
        self._application.faults.add(Fault(**body))
        return self._faults()

    def _clear_faults(self, body: dict[str, Any]) -> Any:
        self._application.faults.clear()
        return []

    def _release(self, body: dict[str, Any]) -> Any:
        for fault in self._application.faults.listed():
            fault.release()
        return self._faults()

    def _forget_requests(self, body: dict[str, Any]) -> Any:
        self._application.requests.clear()
        return []


def _is_loopback(peer: str) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _json(status: int, value: Any) -> Response:
    return Response(status, json.dumps(value).encode())
