"""`/_control/…`: the simulator's own desk, for a process that has it on a socket. Loopback only, JSON in and out.

| path | GET | POST | DELETE |
|---|---|---|---|
| (none) | what there is | | |
| switches | all positions | set those in the body | reset |
| clock | the time | `{"advance": {"days": 1}}` or `{"set": "2026-11-01T09:00:00Z"}` | |
| faults | what was scripted, with hits | script one: the fields of `Fault` | forget all |
| release | | let all who are held go on | |
| land | | let the effects come that a `late` fault held back | |
| cron | | do what Blesta's cron would do at the clock's time | |
| requests | what arrived | | forget |
| counts | rows per table | | |
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from django_blesta.testing.simulator.faults import Fault
from django_blesta.testing.simulator.switches import positions
from django_blesta.testing.simulator.wire import HTML, Request, Response

if TYPE_CHECKING:
    from django_blesta.testing.simulator.application import Application

_CONTROL: Final = "/_control/"
_SHOWN: Final = (
    "times", "skip", "model", "method", "verb", "arguments", "status", "headers", "content_type", "after_effect",
    "close", "truncate", "drip", "hold", "late", "hits",
)  # fmt: skip
_SETTABLE: Final = frozenset(field.name for field in fields(Fault) if not field.name.startswith("_")) - {"hits"}


_GUIDE: Final[Mapping[str, Mapping[str, str]]] = {
    "": {"GET": "what there is"},
    "switches": {
        "GET": "the position of every switch",
        "POST": 'set some, as {"maintenance": "503"}',
        "DELETE": "put all back",
    },
    "clock": {
        "GET": "the simulated time, which stands still",
        "POST": 'move it, as {"advance": {"days": 1}} or {"set": "2026-11-01T09:00:00Z"}',
    },
    "faults": {
        "GET": "the scripted faults, and how often each struck",
        "POST": 'script one, as {"status": 503, "times": 1, "model": "Contacts", "method": "edit"}',
        "DELETE": "forget all",
    },
    "land": {"POST": "let the effects come that a late fault held back"},
    "cron": {"POST": "renewals, scheduled ends, paid changes: what is due at the clock's time"},
    "release": {"POST": "let the calls go on that a fault holds"},
    "requests": {"GET": "the calls that arrived", "DELETE": "forget them"},
    "counts": {"GET": "the number of rows in each table"},
}
_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "times": (int, type(None)),
    "skip": (int,),
    "arguments": (dict,),
    "status": (int, type(None)),
    "headers": (dict,),
    "after_effect": (bool,),
    "close": (bool,),
    "truncate": (int, type(None)),
    "drip": (int, float, type(None)),
    "hold": (bool,),
    "late": (bool,),
}
_STEPS: Final = ("days", "hours", "minutes", "seconds", "microseconds")


class Control:
    """Reads and turns an application's knobs."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._doors: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = {
            ("GET", ""): lambda body: self._guide(),
            ("GET", "switches"): lambda body: application.switches.as_dict(),
            ("POST", "switches"): self._set_switches,
            ("DELETE", "switches"): self._reset_switches,
            ("GET", "clock"): lambda body: self._time(),
            ("POST", "clock"): self._set_clock,
            ("GET", "faults"): lambda body: self._faults(),
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "release"): self._release,
            ("POST", "land"): lambda body: {"landed": application.land()},
            ("POST", "cron"): lambda body: application.run_cron(),
            ("GET", "requests"): lambda body: [list(request) for request in list(application.requests)],
            ("DELETE", "requests"): self._forget_requests,
            ("GET", "counts"): lambda body: {name: len(rows) for name, rows in application.state.tables.items()},
        }

    def handle(self, request: Request, name: str) -> Response:
        if not _is_loopback(request.peer):
            return Response(403, b"<html><body>The control desk is for this machine alone.</body></html>", HTML)
        door = self._doors.get((request.verb, name.strip("/")))
        if door is None:
            there = ", ".join(f"{verb} {path}" for verb, path in self._doors if path)
            return _json(404, {"error": f"There is nothing at {request.verb} {name}; there is {there}."})
        try:
            return _json(200, door(_read(request.body)))
        except ValueError as error:
            return _json(400, {"error": str(error)})

    def _guide(self) -> Any:
        paths = {f"{_CONTROL}{path}": dict(verbs) for path, verbs in _GUIDE.items()}
        return {
            "paths": paths,
            "switches": {name: positions(name) for name in self._application.switches.as_dict()},
            "fault": sorted(_SETTABLE),
        }

    def _set_switches(self, body: dict[str, Any]) -> Any:
        self._application.switches.set(**body)
        return self._application.switches.as_dict()

    def _reset_switches(self, body: dict[str, Any]) -> Any:
        self._application.switches.reset()
        return self._application.switches.as_dict()

    def _time(self) -> Any:
        return {"now": self._application.clock.now().isoformat()}

    def _set_clock(self, body: dict[str, Any]) -> Any:
        steps = body.get("advance", {})
        if not body or body.keys() - {"set", "advance"} or not isinstance(steps, dict):
            raise ValueError(f"The clock takes {_GUIDE['clock']['POST'].removeprefix('move it, as ')}.")
        if steps.keys() - set(_STEPS) or not all(type(step) in (int, float) for step in steps.values()):
            raise ValueError(f"The clock advances by numbers of {', '.join(_STEPS)}.")
        clock = self._application.clock
        moment = _moment(body["set"]) if "set" in body else clock.now()
        try:
            moment += timedelta(**steps)
        except (OverflowError, ValueError) as error:
            raise ValueError("The clock cannot show that time.") from error
        clock.set(moment)
        return self._time()

    def _faults(self) -> Any:
        return [{name: getattr(fault, name) for name in _SHOWN} for fault in self._application.faults.listed()]

    def _add_fault(self, body: dict[str, Any]) -> Any:
        unknown = body.keys() - _SETTABLE
        if unknown:
            raise ValueError(f"A fault has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(_SETTABLE))}.")
        for name, value in body.items():
            if type(value) not in _KINDS.get(name, (str, type(None))):
                raise ValueError(f"The field {name} of a fault cannot be {json.dumps(value)[:100]}.")
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


def _read(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw) if raw else {}
    except ValueError as error:
        raise ValueError("The body is not JSON.") from error
    if not isinstance(body, dict):
        raise ValueError("The body must be a JSON object.")
    return body


def _moment(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError
    except (TypeError, ValueError) as error:
        raise ValueError("The clock is set with a time zone, as in 2026-11-01T09:00:00Z.") from error
    return moment


def _is_loopback(peer: str) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _json(status: int, value: Any) -> Response:
    return Response(status, json.dumps(value).encode())
