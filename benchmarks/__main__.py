"""`make bench`: the promises of speed and memory, each beside its gate and its goal.

Everything is measured against a stub that does nothing but serve pages of 20 invoices, in a fresh process each time,
in databases of the bench's own that are removed at the end. A ratio compares two processes of one round, and rounds
follow each other, so a busy machine slows both sides; what is printed is the median round and the range.

    make bench
    make bench ARGS="--rounds 1 --rows 2000 --only first second"

The whole of it takes about ten minutes. The table is Markdown; the same goes to `--json` with every single measurement.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import machine
from benchmarks.figures import Figure, printed
from tests.surroundings import WHY_NOT
from tests.worker_process import Broker, WorkerProcess

CHECKOUT = Path(__file__).resolve().parent.parent
Measured = dict[str, Any]


@dataclass
class Bench:
    """One invocation: where the databases are, what was asked for, what was measured so far."""

    rows: int
    large: int
    rounds: int
    databases: Mapping[str, str]
    measured: list[Measured] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)

    def run(self, job: str, database: str = "postgresql", **environ: str) -> Measured:
        words = [sys.executable, "-m", "benchmarks.jobs", job]
        settings = {
            "BLESTA_TEST_DATABASE": database,
            "BLESTA_TEST_DATABASE_NAME": self.databases[database],
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            **environ,
        }
        found = last_line(words, settings)
        self.measured.append({"job": job, "database": database, **environ, **found})
        states = found.get("states", ["complete"])
        assert states == ["complete"], f"{job} ended {states}: {found.get('errors')}"
        return found

    def add(
        self, title: str, values: Sequence[float], unit: str, gate: float, goal: float, at_most: bool, remark: str = ""
    ) -> None:
        figure = Figure(title, median(values), unit, gate, goal, at_most, (min(values), max(values)), remark)
        self.figures.append(figure)
        print(f"  {title}: {figure.value:.2f} {unit} ({figure.verdict})", flush=True)


def last_line(words: Sequence[str], environ: Mapping[str, str]) -> Measured:
    # Our own interpreter and modules.
    done = subprocess.run(  # noqa: S603
        words, cwd=CHECKOUT, env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words[1:])} failed:\n{done.stderr}")
    found: Measured = json.loads(done.stdout.splitlines()[-1])
    return found


@contextmanager
def stub(rows: int, milliseconds: int = 0) -> Iterator[dict[str, str]]:
    """The page server in a process of its own; what a job needs to know of it."""
    words = [sys.executable, "-m", "benchmarks.server", "--rows", str(rows), "--milliseconds", str(milliseconds)]
    # Our own interpreter and modules.
    with subprocess.Popen(words, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield {"BENCH_URL": f"http://127.0.0.1:{int(server.stdout.readline())}/"}
        finally:
            server.stdin.close()


@contextmanager
def database(kind: str, folder: str) -> Iterator[tuple[str, str]]:
    """The name of one that is empty, and its server's version."""
    name = f"{folder}/bench.sqlite3" if kind == "sqlite" else f"bench_{uuid.uuid4().hex[:8]}"
    environ = {"BLESTA_TEST_DATABASE": kind, "DJANGO_SETTINGS_MODULE": "benchmarks.settings"}
    words = [sys.executable, "-m", "benchmarks.jobs"]
    made = last_line([*words, "create_database"], {**environ, "BLESTA_TEST_DATABASE_NAME": name})
    try:
        yield made["name"], made["server"]
    finally:
        last_line([*words, "destroy_database"], {**environ, "BLESTA_TEST_DATABASE_NAME": made["name"]})


# --- the figures ----------------------------------------------------------------------------------------------


def first(bench: Bench) -> None:
    """First and second sync against the baseline's, in turns, on each database."""
    gates = {"postgresql": (10, 12), "sqlite": (5, 10), "mariadb": (6, 10)}
    cpu: list[float] = []
    with stub(bench.rows) as where:
        for kind in bench.databases:
            ratios: dict[str, list[float]] = {"first": [], "second": []}
            speeds: dict[str, list[float]] = {"first": [], "second": []}
            written = 0
            for _ in range(bench.rounds):
                for job in ("first", "second"):
                    theirs = bench.run(f"baseline_{job}", kind, **where)
                    speeds[job].append(theirs["seconds"])
                for job in ("first", "second"):
                    ours = bench.run(job, kind, **where)
                    ratios[job].append(speeds[job][-1] / ours["seconds"])
                    speeds[job][-1] = ours["seconds"]
                written = max(written, ours["written"])
                if kind == "postgresql":
                    cpu.append(ours["cpu"] * 1000 / bench.rows * 1000)
            gate, goal = gates[kind]
            bench.add(f"first sync, {kind}", ratios["first"], "x B", gate, goal, False, _pace(bench, speeds["first"]))
            if kind == "postgresql":
                remark = _pace(bench, speeds["second"])
                bench.add(f"second sync, {kind}", ratios["second"], "x B", 15, 25, False, remark)
                bench.add("rows written by a second sync", [written], "", 0, 0, True)
            else:
                print(f"  second sync, {kind}: {median(ratios['second']):.1f} x B")
    if cpu:
        bench.add("CPU per 1,000 unchanged rows", cpu, "ms", 70, 45, True)


def _pace(bench: Bench, seconds: Sequence[float]) -> str:
    return f"{bench.rows / median(seconds):,.0f} rows/s"


def queries(bench: Bench) -> None:
    with stub(bench.rows) as where:
        for job, gate, goal in (("first", 10, 6), ("second", 5, 2)):
            found = bench.run(f"queries_{job}", **where)
            title = {"first": "queries per 1,000 rows, first", "second": "queries per 1,000 rows, unchanged"}[job]
            remark = f"and {found['transaction_words']} BEGIN, COMMIT, SAVEPOINT … in all"
            bench.add(title, [found["statements"] / bench.rows * 1000], "", gate, goal, True, remark)


def latency(bench: Bench) -> None:
    ratios = []
    with stub(bench.rows, 80) as where:
        for _ in range(bench.rounds):
            plain = bench.run("fetch_only", BENCH_IN_FLIGHT="8", **where)
            ours = bench.run("first", BENCH_IN_FLIGHT="8", **where)
            ratios.append(ours["seconds"] / plain["seconds"])
    bench.add(
        "80 ms, 8 in flight, over fetching alone", ratios, "x", 1.15, 1.05, True, f"fetching {plain['seconds']:.1f} s"
    )


def memory(bench: Bench) -> None:
    grown, times = [], []
    highest = 0.0
    for _ in range(max(1, bench.rounds - 1)):
        with stub(bench.rows) as where:
            small = bench.run("first", **where)
        with stub(bench.large) as where:
            large = bench.run("first", **where)
        grown.append(large["mib"] - small["mib"])
        highest = max(highest, large["mib"])
        times.append((large["seconds"] / bench.large) / (small["seconds"] / bench.rows))
    size = f"{bench.rows:,} → {bench.large:,} rows"
    bench.add(f"memory grown, {size}", grown, "MiB", 15, 5, True)
    bench.add("memory at its highest", [highest], "MiB", 130, 100, True)
    bench.add(f"time per row, {size}", times, "x", 1.15, 1.05, True)


def requests(bench: Bench) -> None:
    with stub(bench.rows) as where:
        bench.run("first", **where)
        found = bench.run("requests_second", **where)
    pages = -(-bench.rows // 20)
    remark = f"{pages} pages; with the two questions about companies {found['asked'] - pages} more"
    bench.add("requests of an unchanged pass, beyond pages", [found["requests"] - pages], "", 4, 2, True, remark)


def workers(bench: Bench) -> None:
    """Two Celery workers on one run against one, four requests in flight each."""
    reason = WHY_NOT["redis"]()
    if reason:
        print(f"  two workers against one: not measured, Redis does not answer: {reason}")
        return
    ratios = []
    with stub(bench.rows, 80) as where:
        for _ in range(max(1, bench.rounds - 1)):
            one, two = (_by_workers(bench, number, where) for number in (1, 2))
            ratios.append(one["seconds"] / two["seconds"])
    bench.add("two Celery workers against one", ratios, "x", 1.8, 1.95, False, f"one {one['seconds']:.1f} s")


def _by_workers(bench: Bench, number: int, where: Mapping[str, str]) -> Measured:
    queue = f"blesta_bench_{uuid.uuid4().hex[:12]}"
    broker = Broker("redis", queue, f"{queue}:")
    environ = {
        "BLESTA_TEST_DATABASE": "postgresql",
        "BLESTA_TEST_DATABASE_NAME": bench.databases["postgresql"],
        "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
        "BENCH_IN_FLIGHT": "4",
        **where,
    }
    names = {"CELERY_BROKER_URL": broker.url, "CELERY_QUEUE": queue, "CELERY_KEY_PREFIX": broker.key_prefix}
    with ExitStack() as stack:
        for place in range(number):
            worker = WorkerProcess(
                broker, pool="solo", concurrency=1, environ=environ, name=f"{queue}_{place}@localhost"
            )
            stack.callback(worker.stop)
            worker.wait_until_ready()
        found = bench.run("by_workers", **where, **names)
    _remove_traces(broker)
    return found


def _remove_traces(broker: Broker) -> None:
    import redis

    with redis.Redis.from_url(broker.url) as store:
        for key in store.scan_iter(match=f"{broker.key_prefix}*", count=500):
            store.delete(key)


PARTS: dict[str, Callable[[Bench], None]] = {
    part.__name__: part for part in (first, queries, latency, memory, requests, workers)
}


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000, help="invoices that the stub has (default: %(default)s)")
    parser.add_argument("--large", type=int, default=200_000, help="and for the memory's growth (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each ratio is measured (default: %(default)s)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument(
        "--database", nargs="+", choices=("postgresql", "mariadb", "sqlite"), help="default: what answers"
    )
    parser.add_argument("--json", type=Path, default=CHECKOUT / "benchmarks" / "results.json")
    options = parser.parse_args(words)

    kinds = options.database or [kind for kind in ("postgresql", "mariadb", "sqlite") if not WHY_NOT[kind]()]
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="django_blesta_bench_"))
        made = {kind: stack.enter_context(database(kind, folder)) for kind in kinds}
        databases = {kind: name for kind, (name, _) in made.items()}
        bench = Bench(options.rows, options.large, options.rounds, databases)
        for name in options.only:
            if name != "first" and "postgresql" not in databases:
                print(f"{name}: not measured, it is promised on PostgreSQL.")
                continue
            print(f"{name}:", flush=True)
            PARTS[name](bench)
    print(f"\n{options.rows:,} invoices, {options.rounds} rounds, Python {platform.python_version()}\n")
    print(printed(bench.figures))
    report = {
        "rows": options.rows,
        "rounds": options.rounds,
        "machine": machine.facts(),
        "servers": {kind: server for kind, (_, server) in made.items()},
        "figures": [figure.as_dict() for figure in bench.figures],
        "measurements": bench.measured,
    }
    options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"\nEvery measurement: {options.json}")
    return int(any(figure.verdict == "MISSED" for figure in bench.figures))


if __name__ == "__main__":
    raise SystemExit(main())
