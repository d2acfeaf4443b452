"""A stateful Blesta for tests and demonstrations, on a real socket or in the process.

    with Simulator(clients=50, seed=1) as simulator:
        simulator.url, simulator.user, simulator.key

An independent witness: written from what is publicly known of Blesta's API, it imports nothing of the package that it
helps to test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from types import TracebackType
from typing import Any

from django_blesta.testing.simulator.application import Application, Lie, Recorded
from django_blesta.testing.simulator.clock import Clock
from django_blesta.testing.simulator.events import NAMES as EVENTS
from django_blesta.testing.simulator.factories import Factories
from django_blesta.testing.simulator.faults import Fault
from django_blesta.testing.simulator.seed import seed as fill
from django_blesta.testing.simulator.served import Served
from django_blesta.testing.simulator.server import LOOPBACK, Server
from django_blesta.testing.simulator.state import Row, State
from django_blesta.testing.simulator.switches import Switches
from django_blesta.testing.simulator.webhooks import Webhooks
from django_blesta.testing.simulator.wire import Request, Response, class_name

__all__ = ["Clock", "Fault", "Recorded", "Request", "Response", "Simulator", "State", "Switches"]


class Simulator(Factories):
    """One Blesta installation with its socket; a context manager. `handle` works without having been started.

    `clients=0` makes companies with a catalogue and no customers; `companies=0` makes nothing at all, for tests that
    begin with `add_company()`.
    """

    def __init__(
        self,
        *,
        clients: int = 50,
        seed: int = 1,
        companies: int = 1,
        months: int = 24,
        port: int = 0,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(State(), clock or Clock())
        self.switches = Switches()
        if companies:
            fill(self.state, self.clock, clients=clients, seed=seed, companies=companies, months=months)
        self._application = Application(self.state, self.clock, self.switches)
        self._wanted_port = port
        self._server: Server | None = None
        for company_id in self.state.tables["companies"]:
            if not self.state.where("api_keys", company_id=company_id):
                self.add_key(company_id, key=f"{Random(f'key {seed} {company_id}').getrandbits(128):032x}")

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Simulator:
        """Listen on the loopback address, on the wanted port or a free one."""
        if self._server is None:
            self._application.stopping.clear()
            self._server = Server(self._application, self._wanted_port)
            self._wanted_port = self._server.port  # the same one, should it be started again
        return self

    def stop(self) -> None:
        self.webhooks.stop()
        if self._server is not None:
            self._server.stop()
            self._server = None

    # Where and as whom

    @property
    def port(self) -> int:
        """The port, also while stopped, once it was started."""
        if not self._wanted_port:
            raise RuntimeError("the simulator has not been started: use it as a context manager, or call start()")
        return self._wanted_port

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/api/"

    @property
    def control_url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/_control/"

    @property
    def credentials(self) -> dict[int, tuple[str, str]]:
        """Company id -> (user, key); the first key of each."""
        found: dict[int, tuple[str, str]] = {}
        for row in self.state.tables["api_keys"].values():
            found.setdefault(row["company_id"], (row["user"], row["key"]))
        return found

    @property
    def user(self) -> str:
        return self.credentials[min(self.credentials)][0]

    @property
    def key(self) -> str:
        return self.credentials[min(self.credentials)][1]

    def add_company(self, **columns: Any) -> Row:
        """A company with a default client group, US dollars, English and a key."""
        company = super().add_company(**columns)
        self.add_key(company["id"])
        return company

    def add_key(self, company_id: int, user: str | None = None, key: str | None = None) -> Row:
        """Another user and key that enter the company."""
        return self.state.insert(
            "api_keys",
            company_id=company_id,
            user=user or f"company{company_id}",
            key=key or f"{Random(f'key {user} {company_id}').getrandbits(128):032x}",
            date_created=self.clock.now(),
        )

    # What happens, and what happened

    def handle(self, request: Request) -> Response:
        """Answer without a socket."""
        return self._application.handle(request)

    def fail(self, **fields: Any) -> Fault:
        """Script a fault; see `Fault` for the fields. The first that matches a call wins."""
        return self._application.faults.add(Fault(**fields))

    def heal(self) -> None:
        """Forget all faults and lies, and let those who are held go on."""
        self._application.faults.clear()
        self._application.lies.clear()

    def land(self) -> int:
        """Let the effects of calls come that a `late` fault answered without them; how many did."""
        return self._application.land()

    def cron(self) -> Mapping[str, int]:
        """Do what Blesta's cron would do at the clock's time, and say how much of what."""
        return self._application.run_cron()

    def lie(self, model: str, method: str, lie: Lie) -> None:
        """Answer a method with what `lie(truth, arguments)` returns; `truth(arguments)` is what would be answered.

        `simulator.lie("Invoices", "getList", lambda truth, sent: truth({**sent, "page": "1"}))` ignores the page.
        """
        self._application.lies[model, method] = lie

    def serve(self, model: str, rows: Iterable[Mapping[str, Any]], *, key: str = "id", argument: str) -> None:
        """Answer `getList`, `getListCount` and `get` of a model of your own plugin's ("uptime.UptimeChecks").

        `rows` may be changed between calls; Decimal and aware datetime are written as Blesta writes them. `argument`
        is what `get` takes the `key` by.
        """
        self._application.served[class_name(model)] = Served(class_name(model), rows, key, argument)

    def meddle(self, callback: Callable[[Recorded], None] | None) -> None:
        """Call back before each call is answered, in the thread that answers it: the moment to change the state."""
        self._application.on_request = callback

    @property
    def webhooks(self) -> Webhooks:
        """What is told to others: `emit` an event, `settle` what is on its way; the switches `webhook_…` spoil it."""
        return self._application.webhooks

    def add_webhook(self, callback: str, *, events: Sequence[str] = EVENTS, **columns: Any) -> Row:
        """Have this installation call an address of this machine, on all events it knows unless some are named."""
        columns = {"company_id": min(self.state.tables["companies"]), "fields": [], **columns}
        return self.state.insert("webhooks", callback=callback, events=list(events), **columns)

    @property
    def requests(self) -> list[Recorded]:
        """What arrived, (verb, model, method, arguments); `clear()` it between the steps of a test."""
        return self._application.requests

    @property
    def crashes(self) -> list[str]:
        """Tracebacks of the simulator's own mistakes: a test suite should find none."""
        return self._application.crashes

    @property
    def peak_in_flight(self) -> int:
        """The most calls that were being answered at once."""
        return self._application.peak_in_flight

    def rows(self, resource: str) -> list[Row]:
        """The rows of a resource as `get` would show them, in native values: Decimal, aware datetime."""
        return self._application.rows.wide(resource)

    def settings(self) -> Mapping[str, Any]:
        """What a site writes in its settings to reach this installation."""
        companies = self.credentials
        if len(companies) == 1:
            return {"URL": self.url, "USER": self.user, "KEY": self.key}
        keys = {company_id: {"USER": user, "KEY": key} for company_id, (user, key) in companies.items()}
        return {"URL": self.url, "COMPANIES": keys}
