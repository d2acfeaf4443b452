"""`manage.py demo` (`make demo`): a whole simulated Blesta, its mirror, and a site on localhost with two logins."""

from __future__ import annotations

import logging
import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, connections

from django_blesta.exceptions import BlestaError
from django_blesta.management.commands.blesta_sync import Bar
from django_blesta.models import SyncRun
from django_blesta.status import snapshot
from django_blesta.testing.simulator import Simulator
from testproject import demo

STAFF, CUSTOMER = "admin", "customer"


class Command(BaseCommand):
    help = "Show django_blesta at work: no Blesta, no keys, no network, no broker needed. ctrl-C ends it all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="The first port to try; a taken one is passed over.")
        parser.add_argument("--clients", type=int, default=300, help="How many clients the simulated company has.")
        parser.add_argument("--seed", type=int, default=1, help="The same seed makes the same company.")
        parser.add_argument("--sync-every", type=float, default=demo.SYNC_EVERY, help="Seconds between two syncs.")

    def handle(self, *args: Any, **options: Any) -> None:
        if connection.vendor != "sqlite":
            raise CommandError("The demo keeps its own SQLite file; unset BLESTA_TEST_DATABASE and start it again.")
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _interrupt)
            signal.signal(signal.SIGINT, _interrupt)
        try:
            self._run(options)
        except KeyboardInterrupt:
            self.stdout.write("Stopped before it was ready; the next start goes on from here.")

    def _run(self, options: dict[str, Any]) -> None:
        database = Path(connection.settings_dict["NAME"])
        connections.close_all()
        plan = demo.prepare(database, clients=options["clients"], seed=options["seed"])
        self.stdout.write(f"Simulating a Blesta with {plan.clients} clients ...")
        simulator = plan.simulator()
        minutely, following = demo.Minutely(options["sync_every"]), demo.Following()
        site = None
        try:
            simulator.start()
            demo.point_at(simulator)
            call_command("migrate", verbosity=0, interactive=False)
            self._sync()
            person = demo.make_logins(STAFF, CUSTOMER)
            site = demo.Site(options["port"])
            # Where each request is logged, the address and the logins scroll out of sight. Making the site has set
            # logging up anew, so this comes after it.
            logging.getLogger("django.server").setLevel(logging.INFO if options["verbosity"] > 1 else logging.ERROR)
            site.start()
            demo.hook_up(simulator, site)
            minutely.start()
            following.start()
            self._tell(site, simulator, str(person), wanted=options["port"])
            # A signal may be handed to another thread, and an endless wait in this one would not end by it.
            forever = threading.Event()
            while not forever.wait(0.5):
                pass
        except KeyboardInterrupt:
            if site is None:
                raise
            self.stdout.write("\nStopping ...")
        finally:
            _deafen()
            demo.in_order(
                minutely.stop,
                *([site.stop] if site is not None else []),
                following.stop,
                simulator.stop,
                connections.close_all,
            )
        self.stdout.write("Stopped.")

    def _sync(self) -> None:
        bar, began = Bar(self), monotonic()
        try:
            runs = demo.first_sync(bar, self.stdout.write)
        except BlestaError as error:
            raise CommandError(str(error)) from None
        finally:
            bar.clear()
        incomplete = [run for run in runs if run.state != SyncRun.State.COMPLETE]
        if incomplete:
            raise CommandError("\n".join(f"{run.resource} ended {run.state}: {run.error}" for run in incomplete))
        rows, requests = snapshot().rows, sum(run.requests for run in runs)
        told = f"{rows:,} rows mirrored, {requests:,} requests in {monotonic() - began:.1f} s."
        is_news = any(run.created or run.changed or run.removed for run in runs)
        self.stdout.write(told if is_news else f"{told} Nothing was new.")

    def _tell(self, site: demo.Site, simulator: Simulator, person: str, *, wanted: int) -> None:
        was_taken = wanted not in (0, site.port)
        logins = [("Staff", STAFF, "admin/django_blesta/status/", ""), ("Customer", CUSTOMER, "billing/", person)]
        lines = [
            "",
            f"  {self.style.SUCCESS(site.url)}",
            *([f"  Another program has port {wanted}, so this is port {site.port}."] if was_taken else []),
            "",
            *(
                f"  {who:<9} {f'{name} / {name}':<20} {site.url}{path:<28} {note}".rstrip()
                for who, name, path, note in logins
            ),
            f"  {'API':<9} {'as the customer':<20} {site.url}api/billing/contacts/",
            "",
            f"  The simulated Blesta answers at {simulator.url} to user {simulator.user}, key {simulator.key}",
            f"  Its control desk is at {simulator.control_url}",
            "  What is changed in it is forgotten when the demo ends, and is on the site seconds after the change:",
            f'  curl -H "BLESTA-API-USER: {simulator.user}" -H "BLESTA-API-KEY: {simulator.key}" \\',
            f"    -d service_id=1 {simulator.url}services/suspend.json",
            "",
            "  ctrl-C ends everything.",
            "",
        ]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _deafen() -> None:
    """What is being stopped is not to be interrupted by an impatient second ctrl-C."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
