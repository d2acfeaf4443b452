"""`manage.py blesta_simulator`: a pretended Blesta on this machine, to try things against.

The first line that it prints is for programs: ``Blesta simulator at URL user USER key KEY``.
"""

from __future__ import annotations

import signal
import sys
import threading
from argparse import ArgumentParser
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from django_blesta.testing.simulator import Simulator

BOUNDS: Final = {
    "port": (0, 65_535),
    "clients": (0, sys.maxsize),
    "companies": (1, sys.maxsize),
    "months": (1, sys.maxsize),
}


class Command(BaseCommand):
    help = "Serve a simulated Blesta with seeded data on this machine until it is interrupted."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=0, help="Port on 127.0.0.1; 0 takes a free one.")
        parser.add_argument("--clients", type=int, default=50, help="How many clients to make up.")
        parser.add_argument("--seed", type=int, default=1, help="The same seed makes the same data.")
        parser.add_argument("--companies", type=int, default=1, help="How many companies share the clients.")
        parser.add_argument("--months", type=int, default=24, help="How far back the first client signed up.")

    def handle(self, *args: Any, **options: Any) -> None:
        for name, (least, most) in BOUNDS.items():
            if not least <= options[name] <= most:
                range_ = f"from {least} to {most:,}" if most < sys.maxsize else f"{least} or more"
                raise CommandError(f"--{name} is {options[name]}; it must be {range_}.")
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
            self.stdout.write(f"BLESTA = {dict(simulator.settings())!r}")
            self.stdout.write(f"Its control desk is at {simulator.control_url}; ctrl-C ends it.")
            self.stdout.flush()
            interrupted.wait()
        finally:
            simulator.stop()
