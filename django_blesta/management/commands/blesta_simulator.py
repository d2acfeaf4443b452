"""`manage.py blesta_simulator`: a pretended Blesta on this machine, to try things against."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from django_blesta.testing.simulator import Simulator


class Command(BaseCommand):
    help = "Serve a simulated Blesta with seeded data on this machine until it is interrupted."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=0, help="Port on 127.0.0.1; 0 takes a free one.")
        parser.add_argument("--clients", type=int, default=50, help="How many clients to make up.")
        parser.add_argument("--seed", type=int, default=1, help="The same seed makes the same data.")
        parser.add_argument("--companies", type=int, default=1, help="How many companies share the clients.")
        parser.add_argument("--months", type=int, default=24, help="How far back the first client signed up.")
        parser.add_argument(
            "--print-settings", action="store_true", help="Print the BLESTA setting that reaches it, too."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        interrupted = threading.Event()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *caught: interrupted.set())
        simulator = Simulator(
            clients=options["clients"], seed=options["seed"], companies=options["companies"], months=options["months"],
            port=options["port"],
        )  # fmt: skip
        try:
            simulator.start()
        except OSError as error:
            raise CommandError(f"Port {options['port']} cannot be had: {error.strerror or error}.") from error
        try:
            self.stdout.write(f"Blesta simulator at {simulator.url} user {simulator.user} key {simulator.key}")
            if options["print_settings"]:
                self.stdout.write(f"BLESTA = {dict(simulator.settings())!r}")
            self.stdout.flush()
            interrupted.wait()
        finally:
            simulator.stop()
