"""What the demo consists of: a simulated Blesta, a first sync, two logins, a sync every minute, a web server, and
webhooks from the one to the other."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.signals import setting_changed
from django.core.wsgi import get_wsgi_application
from django.db import DatabaseError, connections
from django.db.models import Count, Q
from django.utils import timezone

import django_blesta
from django_blesta import sync
from django_blesta.exceptions import BlestaError
from django_blesta.models import Client, ClientLink, SyncRun
from django_blesta.sync import hints
from django_blesta.testing.simulator import Clock, Simulator
from testproject.celery import app as celery_app

logger = logging.getLogger("testproject.demo")

HOST = "127.0.0.1"
PORTS_TRIED = 50
FRESH_FOR = timedelta(days=14)
SYNC_EVERY = 60.0
# Contacts and applied amounts cost one request per parent; a look at them every tenth time keeps the demo light.
WHOLE_EVERY = 10
# Whoever reads this can have rows of a simulated Blesta looked up on a demo that listens on this machine alone.
WEBHOOK_SECRET = "demo-only-and-public-webhook-secret"
LOOK_EVERY = 0.5
# A demo that was killed must not keep the next one waiting for long.
LEASE = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a demo's database was made for; another plan, or another schema, starts a new one.

    `began` is the simulator's date: it stands still, so that a second demo finds the company as the first left it.
    """

    clients: int
    seed: int
    began: str
    schema: str

    @classmethod
    def new(cls, *, clients: int, seed: int) -> Self:
        began = timezone.now().replace(minute=0, second=0, microsecond=0)
        return cls(clients, seed, began.isoformat(), _schema())

    @classmethod
    def kept(cls, file: Path) -> Self | None:
        with suppress(OSError, ValueError, TypeError):
            return cls(**json.loads(file.read_text()))
        return None

    def keep(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self), indent=1))

    def fits(self, *, clients: int, seed: int) -> bool:
        with suppress(ValueError):
            fresh = timezone.now() - datetime.fromisoformat(self.began) < FRESH_FOR
            return fresh and (self.clients, self.seed, self.schema) == (clients, seed, _schema())
        return False

    def simulator(self) -> Simulator:
        clock = Clock(datetime.fromisoformat(self.began))
        return Simulator(clients=self.clients, seed=self.seed, clock=clock)


def _schema() -> str:
    migrations = Path(django_blesta.__file__).parent / "migrations"
    digest = hashlib.sha256()
    for file in sorted(migrations.glob("0*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def prepare(database: Path, *, clients: int, seed: int) -> Plan:
    """The plan of the demo whose database is there, or a new one after removing what an older demo left."""
    file = database.with_name("demo.json")
    plan = Plan.kept(file)
    if plan is not None and plan.fits(clients=clients, seed=seed) and database.exists():
        return plan
    if plan is not None:
        for name in (database.name, f"{database.name}-wal", f"{database.name}-shm"):
            database.with_name(name).unlink(missing_ok=True)
    plan = Plan.new(clients=clients, seed=seed)
    database.parent.mkdir(parents=True, exist_ok=True)
    plan.keep(file)
    return plan


def point_at(simulator: Simulator) -> None:
    """Make this process's setting lead to the simulator, which answers as fast as it is asked; no broker is needed."""
    settings.BLESTA = {
        **simulator.settings(),
        "REQUESTS_PER_SECOND": None,
        "LEASE_SECONDS": LEASE,
        "WEBHOOK_SECRETS": [WEBHOOK_SECRET],
    }
    celery_app.conf.update(broker_url="memory://localhost/")
    setting_changed.send(sender=None, setting="BLESTA", value=settings.BLESTA, enter=True)


def make_logins(staff: str, customer: str) -> Client:
    """Each login's password is its name. The customer speaks for a client with enough to look at."""
    users = get_user_model()
    for name, powers in ((staff, {"is_staff": True, "is_superuser": True}), (customer, {})):
        user, made = users.objects.get_or_create(username=name, defaults=powers)
        if made:
            user.set_password(name)
            user.save()
    link = ClientLink.objects.filter(user__username=customer, using="default").first()
    linked = link.client if link else None
    if linked is not None:
        return linked
    ClientLink.objects.filter(user__username=customer, using="default").delete()
    chosen = believable_client()
    ClientLink.objects.create(
        user=users.objects.get(username=customer),
        linked_by=users.objects.get(username=staff),
        client_id=chosen.pk,
    )
    return chosen


def believable_client() -> Client:
    """The first client with several running services and open invoices and a history of payments."""
    owed = Q(invoices__status="active", invoices__closed_at__isnull=True)
    counted = Client.objects.present().annotate(
        running=Count("services", filter=Q(services__status="active"), distinct=True),
        unpaid=Count("invoices", filter=owed, distinct=True),
        paid=Count("transactions", distinct=True),
    )
    wanted = counted.filter(status="active", contact__isnull=False)
    for services, invoices, payments in ((2, 2, 3), (2, 1, 1), (1, 1, 0), (0, 0, 0)):
        found = wanted.filter(running__gte=services, unpaid__gte=invoices, paid__gte=payments).order_by("pk").first()
        if found is not None:
            client: Client = found
            return client
    raise LookupError("The simulated company has no client that a customer could be.")


def first_sync(progress: sync.Progress, tell: Callable[[str], None]) -> list[SyncRun]:
    """Mirror everything, after any sync that another process began on this database, or was killed in."""
    told = False
    while True:
        try:
            runs = sync.run(cause="demo", progress=progress)
            sync.look_around()
            return runs
        except sync.AlreadyRunning as error:
            if not told:
                tell(f"{error} Waiting for its end ...")
            told = True
            threading.Event().wait(1)


class Stopped(Exception):
    """Ends a sync from within when the demo is stopped; the run is then on record as interrupted."""


class Minutely(threading.Thread):
    """The sync that a site would start from Celery beat, here in a thread."""

    def __init__(self, every: float = SYNC_EVERY) -> None:
        super().__init__(name="sync", daemon=True)
        self._every = every
        self._stopping = threading.Event()

    def run(self) -> None:
        count = 0
        while not self._stopping.wait(self._every):
            count += 1
            try:
                sync.run(cause="demo", scoped=count % WHOLE_EVERY == 0, progress=self)
            except Stopped:
                pass
            except sync.AlreadyRunning:
                logger.info("Another sync is under way.")
            except BlestaError as error:
                logger.warning("The sync ended early: %s", error)
            finally:
                connections.close_all()

    def stop(self) -> None:
        self._stopping.set()
        if self.is_alive():
            self.join(timeout=10)

    # The sync's progress, which is where it can be stopped.

    def begin(self, run: SyncRun, title: str, expected: int | None) -> None:
        self._look_up()

    def advance(self, run: SyncRun, rows: int) -> None:
        self._look_up()

    def end(self, run: SyncRun) -> None:
        return None

    def _look_up(self) -> None:
        if self._stopping.is_set():
            raise Stopped


def hook_up(simulator: Simulator, site: Site) -> None:
    """Have the simulator tell the site of every event, as staff would set it up in Blesta."""
    simulator.add_webhook(f"http://{HOST}:{site.port}/blesta/hooks/{WEBHOOK_SECRET}/")


class Following(threading.Thread):
    """Refreshes what the webhooks hinted at, as a Celery worker would."""

    def __init__(self) -> None:
        super().__init__(name="hints", daemon=True)
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            try:
                hints.follow(patience=LOOK_EVERY)
            except (BlestaError, DatabaseError) as error:
                logger.warning("Hints could not be followed: %s", error)
        connections.close_all()

    def stop(self) -> None:
        self._stopping.set()
        if self.is_alive():
            self.join(timeout=10)


class Site:
    """The demo site on the first free port from the wanted one on; static files included."""

    def __init__(self, port: int) -> None:
        self._server = _listening(port)
        self._server.set_app(StaticFilesHandler(get_wsgi_application()))
        self._thread = threading.Thread(target=self._server.serve_forever, name="site", daemon=True)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/"

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(timeout=10)
        self._server.server_close()


def _listening(wanted: int) -> Any:
    for port in range(wanted, min(wanted + PORTS_TRIED, 65_536)):
        if _is_taken(port):
            continue
        try:
            return ThreadedWSGIServer((HOST, port), WSGIRequestHandler)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    raise OSError(errno.EADDRINUSE, f"no free port from {wanted} on")


def _is_taken(port: int) -> bool:
    """Whether someone answers there: another program's listener on all addresses would let us bind beside it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0


def in_order(*stops: Callable[[], None]) -> None:
    """Call each, whatever the ones before it did."""
    for stop in stops:
        try:
            stop()
        except Exception:
            logger.exception("Something did not stop cleanly.")
