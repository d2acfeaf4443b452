"""`make bench`: how quickly a simulated company is seeded, mirrored, and found unchanged.

Runs where the tests run (`BLESTA_TEST_DATABASE`, else the best database that answers), in a test database of its own
that is removed at the end. The simulator answers from this same process over a real socket, so its own work is part
of every figure: compare figures of one machine with each other, not with a real Blesta's.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence

import django


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--clients", type=int, default=200, help="how many clients the company has")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(words)

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from django.db import connection
    from django.test.utils import setup_databases, teardown_databases

    databases = setup_databases(verbosity=0, interactive=False)
    try:
        print(f"{options.clients} clients on {connection.vendor}, Django {django.get_version()}")
        measure(options.clients, options.seed)
    finally:
        teardown_databases(databases, verbosity=0)


def measure(clients: int, seed: int) -> None:
    from django.test import override_settings

    from django_blesta import sync
    from django_blesta.testing.simulator import Simulator

    started = time.perf_counter()
    with Simulator(clients=clients, seed=seed) as simulator:
        report("seed the company", time.perf_counter() - started, clients, "clients")
        blesta = {"URL": simulator.url, "USER": simulator.user, "KEY": simulator.key, "REQUESTS_PER_SECOND": None}
        with override_settings(BLESTA=blesta):
            rows = report_run("first run, row tier", lambda: sync.run(details=False, scoped=False))
            report_run("second run, nothing changed", lambda: sync.run(details=False, scoped=False))
            report_run("complete run, every detail", sync.run)
        assert rows, "nothing was mirrored"


def report_run(title: str, run: Callable[[], Sequence[object]]) -> int:
    from django_blesta.models import mirrors

    started = time.perf_counter()
    runs = run()
    seconds = time.perf_counter() - started
    rows = sum(model._base_manager.count() for model in mirrors())
    states = {str(getattr(one, "state", "")) for one in runs}
    report(title, seconds, rows, f"rows held ({', '.join(sorted(states))})")
    return rows


def report(title: str, seconds: float, amount: int, unit: str) -> None:
    print(
        f"{title:<32} {seconds:8.2f} s  {amount:8d} {unit}, {amount / max(seconds, 1e-9):9.0f} per second", flush=True
    )


if __name__ == "__main__":
    main()
