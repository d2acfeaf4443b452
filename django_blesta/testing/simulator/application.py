"""From a request to an answer: authentication, routing, the call, the envelope, and what was scripted to go wrong."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import unquote

from django_blesta.testing.simulator import cron, php
from django_blesta.testing.simulator.calls import BadArguments, Call, Failure, Method, models
from django_blesta.testing.simulator.clock import Clock
from django_blesta.testing.simulator.control import Control
from django_blesta.testing.simulator.envelope import encode, encode_errors
from django_blesta.testing.simulator.events import raising
from django_blesta.testing.simulator.faults import Fault, Faults
from django_blesta.testing.simulator.listing import EmptyBody, Listings, OrderError
from django_blesta.testing.simulator.methods import METHODS
from django_blesta.testing.simulator.rows import Rows
from django_blesta.testing.simulator.rules import Refused
from django_blesta.testing.simulator.schema import resources
from django_blesta.testing.simulator.served import Served, ServedMethod
from django_blesta.testing.simulator.state import State
from django_blesta.testing.simulator.switches import Switches
from django_blesta.testing.simulator.webhooks import Webhooks
from django_blesta.testing.simulator.wire import (
    FATAL_PAGE,
    HTML,
    Request,
    Response,
    Target,
    as_plain,
    plugin_of,
    read_arguments,
    read_credentials,
    read_target,
)

# What exists on every model without being callable: PHP's own, the base model's, and the examples' private method.
_HIDDEN: Final = frozenset({"getPrivateThing", "setDefaultIfEmpty", "validateExists", "executeAndParseEvent"})
_CONTROL: Final = "/_control/"


class Recorded(NamedTuple):
    """One call as it arrived."""

    verb: str
    model: str
    method: str
    arguments: dict[str, Any]


#: Given a way to the true answer for any arguments, and the arguments that were sent: what is answered.
Lie: TypeAlias = Callable[[Callable[[Mapping[str, Any]], Any], php.Array], Any]


class Application:
    """The simulated installation, without a socket: `handle` takes a request and answers it."""

    def __init__(
        self,
        state: State,
        clock: Clock,
        switches: Switches,
        callable_methods: Mapping[tuple[str, str], Method] = METHODS,
    ) -> None:
        self.state = state
        self.clock = clock
        self.switches = switches
        self.faults = Faults()
        self.requests: list[Recorded] = []
        self.crashes: list[str] = []  # tracebacks of what the simulator itself got wrong; each answered 500
        self.peak_in_flight = 0
        self.on_request: Callable[[Recorded], None] | None = None
        self.lies: dict[tuple[str, str], Lie] = {}
        self.served: dict[str, Served] = {}
        self.stopping = threading.Event()
        self.rows = Rows(state, switches)
        self._listings = Listings(state, clock, switches)
        self.webhooks = Webhooks(state, clock, switches)
        self._control = Control(self)
        self._methods = callable_methods
        self._models = models(callable_methods) | {resource.model for resource in resources().values()}
        self._in_flight = 0
        self._late: list[tuple[Request, Target, php.Array]] = []
        self._counting = threading.Lock()

    def handle(self, request: Request) -> Response:
        path, _, query = request.target.partition("?")
        if _CONTROL in f"{path}/" and "/api/" not in path:
            return self._control.handle(request, f"{path}/".partition(_CONTROL)[2])
        target = read_target(unquote(path, errors="replace"))
        if target is None or not (self.switches.rewriting or "/index.php/" in path):
            return Response(404, b"<html><body><h1>Page Not Found</h1></body></html>", HTML)
        with self._counting:
            self._in_flight += 1
            self.peak_in_flight = max(self.peak_in_flight, self._in_flight)
        try:
            return self._answer(request, target, read_arguments(request, query))
        finally:
            with self._counting:
                self._in_flight -= 1

    def _answer(self, request: Request, target: Target, arguments: php.Array) -> Response:
        recorded = Recorded(request.verb, target.model, target.method, as_plain(arguments))
        self.requests.append(recorded)
        if self.on_request is not None:
            self.on_request(recorded)
        if self.switches.latency:
            self.stopping.wait(self.switches.latency)
        fault = self.faults.strike(request.verb, target.model, target.method, arguments)
        if fault is None:
            return self._true_answer(request, target, arguments)
        return self._faulty_answer(fault, request, target, arguments)

    def _faulty_answer(self, fault: Fault, request: Request, target: Target, arguments: php.Array) -> Response:
        fault.before()
        response = None
        if fault.late:
            self._late.append((request, target, arguments))
        elif fault.after_effect or not fault.replaces:
            response = self._true_answer(request, target, arguments)
        fault.after()
        return fault.spoil(response)

    def land(self) -> int:
        """Let the effects come that were held back; how many did."""
        late, self._late = self._late, []
        for request, target, arguments in late:
            self._true_answer(request, target, arguments)
        return len(late)

    def run_cron(self) -> dict[str, int]:
        """Blesta's cron, once, for every company."""
        done: dict[str, int] = {}
        for company_id in list(self.state.tables["companies"])[:1]:
            call = Call(self.state, self.clock, self.switches, self._listings, self.rows, company_id)
            done |= cron.run(call)
        return done

    def _true_answer(self, request: Request, target: Target, arguments: php.Array) -> Response:
        switches = self.switches
        if switches.maintenance != "off":
            unavailable = Response.documented(503)
            return unavailable if switches.maintenance == "503" else Response(500, unavailable.body)
        if switches.html_fatal != "off":
            empty = switches.html_fatal == "empty"
            return Response(500 if empty else int(switches.html_fatal), b"" if empty else FATAL_PAGE, HTML)
        company_id = self._company_of_key(read_credentials(request.headers, switches.auth_carrier))
        if company_id is None:
            return Response.documented(401)
        if target.format != "json":  # xml and php exist at Blesta; here only what a JSON caller can see
            return Response.documented(415)
        found = self._find(target)
        if isinstance(found, Response):
            return found
        if switches.verb_strict and request.verb != _verb_of(found):
            return Response.documented(403)
        return self._run(found, arguments, company_id)

    def _company_of_key(self, credentials: tuple[str, str] | None) -> int | None:
        for row in self.state.tables["api_keys"].values():
            if (row["user"], row["key"]) == credentials:
                company_id: int = row["company_id"]
                return company_id
        return None

    def _find(self, target: Target) -> Method | ServedMethod | Response:
        missing, plugin = self.switches.missing_plugin, plugin_of(target.model)
        if plugin and missing in (True, plugin):
            return Response.documented(404)
        method = self._methods.get((target.model, target.method))
        if method is not None:
            return method
        served = self.served.get(target.model)
        if served is not None and (own := served.method(target.method)) is not None:
            return own
        known_model = target.model in self._models or served is not None
        hidden = target.method.startswith("__") or target.method in _HIDDEN
        return Response.documented(403 if known_model and hidden else 404)

    def _run(self, method: Method | ServedMethod, arguments: php.Array, company_id: int) -> Response:
        call = Call(self.state, self.clock, self.switches, self._listings, self.rows, company_id, self.webhooks)
        try:
            # Whoever is told of an event may ask about it at once, so the lock is not held meanwhile.
            with raising(method, call, arguments, self.webhooks) as answer, self._alone(method):
                lie = self.lies.get((method.model, method.name))
                value = lie(lambda sent: method(call, dict(sent)), arguments) if lie else method(call, arguments)
                answer.append(value)
                response = Response(200, encode(value, self.switches, void=method.returns_nothing))
            return response
        except EmptyBody:
            return Response(200, b"")
        except BadArguments:
            return Response.documented(400)
        except Refused as refused:
            status = 200 if self.switches.error_shape == "200" else 400
            return Response(status, encode_errors(refused.errors, self.switches))
        except Failure as failure:
            return Response.documented(500, failure.detail and f"Internal error: {failure.detail}")
        except OrderError:
            return Response.documented(500)
        except Exception:  # a mistake of ours must not look like a fault of the network
            self.crashes.append(traceback.format_exc())
            return Response.documented(500)

    @contextmanager
    def _alone(self, method: Method | ServedMethod) -> Iterator[None]:
        if method.name == "retryLog":  # posts from within
            yield
            return
        with self.state.lock:
            yield


_verbs: Final[dict[tuple[str, str], str]] = {}


def _verb_of(method: Method | ServedMethod) -> str:
    """The documented meaning of the verbs: what the resource table says of a write, GET for a read."""
    if not method.writes:
        return "GET"
    if not _verbs:
        for resource in resources().values():
            for write in resource.writes.values():
                _verbs[resource.model, write.name] = write.verb
    with suppress(KeyError):
        return _verbs[method.model, method.name]
    return "POST"
