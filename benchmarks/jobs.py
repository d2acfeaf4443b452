"""One measurement in a process of its own: `python -m benchmarks.jobs NAME` prints what it found as one line of JSON.

The environment says which database (`BLESTA_TEST_DATABASE`, `BLESTA_TEST_DATABASE_NAME`) and where the stub is.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.request import urlopen

TRANSACTION_WORDS = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


@dataclass
class Found:
    """Seconds of wall clock and of this process's processors, memory at its highest, and what the sync says."""

    seconds: float = 0.0
    cpu: float = 0.0
    mib: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def timed(self) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.seconds, self.cpu = time.perf_counter() - wall, time.process_time() - cpu
        self.mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    def __str__(self) -> str:
        return json.dumps({"seconds": self.seconds, "cpu": self.cpu, "mib": self.mib, **self.facts})


def empty() -> None:
    from django.core.management import call_command

    call_command("flush", interactive=False, verbosity=0)


def baseline_first(found: Found) -> None:
    empty()
    baseline_second(found)


def baseline_second(found: Found) -> None:
    from benchmarks import baseline

    connect()
    with found.timed():
        found.facts["rows"] = baseline.sync(os.environ["BENCH_URL"] + "api/")


def first(found: Found) -> None:
    empty()
    second(found)


def second(found: Found) -> None:
    """Whatever is held is held: after `first`, a pass in which nothing changed."""
    from django_blesta import sync
    from django_blesta.models import Invoice

    connect()
    with found.timed():
        runs = sync.run([Invoice], details=False)
    found.facts |= {
        "rows": sum(run.fetched for run in runs),
        "written": sum(run.created + run.changed for run in runs),
        "requests": sum(run.requests for run in runs),
        "states": sorted({str(run.state) for run in runs}),
        "errors": sorted({run.error for run in runs if run.error}),
    }


def queries_first(found: Found) -> None:
    empty()
    queries_second(found)


def queries_second(found: Found) -> None:
    """Every statement of the whole run, its bookkeeping included; transaction control is counted beside them."""
    from django.db import connection

    connection.queries_log = deque()
    connection.force_debug_cursor = True
    second(found)
    words = [str(query["sql"]).lstrip().upper() for query in connection.queries_log]
    found.facts["statements"] = sum(not word.startswith(TRANSACTION_WORDS) for word in words)
    found.facts["transaction_words"] = len(words) - found.facts["statements"]


def fetch_only(found: Found) -> None:
    """The same pages through the same connection, as many at a time, each read and thrown away."""
    from django_blesta import conf
    from django_blesta.connection import connection_for
    from django_blesta.models import Invoice  # noqa: F401  (declares what may be called)

    talk = connection_for("default", 1)

    def page(number: int) -> int:
        arguments = {"status": "all", "page": number, "order_by": {"id": "ASC"}}
        return len(talk.read("Invoices", "getList", arguments))

    with found.timed():
        count = talk.read("Invoices", "getListCount", {"status": "all"})
        size = page(1)
        rest = range(2, -(-count // size) + 1)
        with ThreadPoolExecutor(conf.installation("default").max_in_flight) as pool:
            found.facts["rows"] = size + sum(pool.map(page, rest))


def requests_second(found: Found) -> None:
    """What the stub itself counts, in a pass in which nothing changed."""
    where = os.environ["BENCH_URL"] + "api/count/x.json"
    urlopen(where).close()  # noqa: S310  (our own stub on loopback)
    second(found)
    with urlopen(where) as answer:  # noqa: S310  (as above)
        found.facts["asked"] = json.load(answer)["response"]


def by_workers(found: Found) -> None:
    """Ask the workers that are running for a sync, and wait until its run over invoices has ended."""
    from django_blesta.models import SyncRun
    from django_blesta.tasks import sync_all

    empty()
    sync_all.delay(details=False, scoped=False)
    deadline = time.monotonic() + 600
    ended = SyncRun.objects.filter(resource="django_blesta.invoice", finished_at__isnull=False)
    while not (run := ended.first()):
        if time.monotonic() > deadline:
            raise TimeoutError("The workers did not finish a sync within ten minutes.")
        time.sleep(0.05)
    assert run.finished_at is not None
    found.seconds = (run.finished_at - run.started_at).total_seconds()
    workers = set(run.chunks.values_list("worker", flat=True)) - {""}
    found.facts |= {"rows": run.fetched, "states": [str(run.state)], "workers": len(workers)}


def connect() -> None:
    from django.db import connection

    connection.ensure_connection()


def create_database(found: Found) -> None:
    from django.core.management import call_command
    from django.db import connection

    if connection.vendor == "sqlite":
        call_command("migrate", interactive=False, verbosity=0)
    else:
        # The name is the bench's own, so what a killed bench left behind may go.
        connection.creation.create_test_db(verbosity=0, autoclobber=True)
    found.facts["name"] = str(connection.settings_dict["NAME"])
    found.facts["server"] = ".".join(map(str, connection.get_database_version()))


def empty_deliveries(found: Found) -> None:
    from django_blesta.models import Delivery

    Delivery.objects.all().delete()


def count_deliveries(found: Found) -> None:
    from django_blesta.models import Delivery

    found.facts["rows"] = Delivery.objects.count()


def destroy_database(found: Found) -> None:
    from django.db import connection

    if connection.vendor != "sqlite":
        connection.creation.destroy_test_db(str(connection.settings_dict["NAME"]), verbosity=0)


JOBS: dict[str, Callable[[Found], None]] = {
    job.__name__: job
    for job in (
        baseline_first,
        baseline_second,
        by_workers,
        count_deliveries,
        create_database,
        destroy_database,
        empty_deliveries,
        fetch_only,
        first,
        queries_first,
        queries_second,
        requests_second,
        second,
    )
}


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
    django.setup()
    found = Found()
    JOBS[sys.argv[1]](found)
    print(found)


if __name__ == "__main__":
    main()
