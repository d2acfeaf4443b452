"""`make bench-admin`: what the operator's pages cost on a million invoices, in queries and in the database's own time.

Rows are made inside a PostgreSQL database of the bench's own, which is removed at the end; the pages are asked through
Django's test client. Each is asked three times, and the median counts: a page that was never asked before pays for
imports and templates too.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.figures import Figure, printed
from tests.surroundings import WHY_NOT

CHECKOUT = Path(__file__).resolve().parent.parent
ADMIN = "/admin/django_blesta"
ROUNDS = 3


@dataclass
class Meter:
    """Counts statements and the time spent in them; transaction control is the driver's own and not seen here."""

    queries: int = 0
    seconds: float = 0.0
    slowest: tuple[float, str] = (0.0, "")

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            took = time.perf_counter() - began
            self.queries += 1
            self.seconds += took
            self.slowest = max(self.slowest, (took, sql[:160]))


@dataclass
class Bench:
    invoices: int
    figures: list[Figure] = field(default_factory=list)
    verbose: bool = False

    def page(self, title: str, browser: Any, address: str, *, queries: int, milliseconds: float) -> None:
        from django.db import connection

        meters = []
        for _ in range(ROUNDS):
            meter = Meter()
            with connection.execute_wrapper(meter):
                answer = browser.get(address)
            assert answer.status_code == 200, (address, answer.status_code)
            meters.append(meter)
        taken = [meter.seconds * 1000 for meter in meters]
        counted = [float(meter.queries) for meter in meters]
        self._add(f"{title}: time in the database", taken, "ms", milliseconds, f"{meters[-1].queries} queries")
        self._add(f"{title}: queries", counted, "", queries)
        if self.verbose:
            took, sql = max(meter.slowest for meter in meters)
            print(f"    {took * 1000:.1f} ms: {sql}")

    def _add(self, title: str, values: list[float], unit: str, gate: float, remark: str = "") -> None:
        figure = Figure(title, median(values), unit, gate, gate / 2, True, (min(values), max(values)), remark)
        self.figures.append(figure)
        print(f"  {title}: {figure.value:.1f} {unit} ({figure.verdict})", flush=True)


@contextmanager
def database() -> Iterator[None]:
    """An empty PostgreSQL database of the bench's own."""
    os.environ["BLESTA_TEST_DATABASE"] = "postgresql"
    os.environ["BLESTA_TEST_DATABASE_NAME"] = f"bench_{uuid.uuid4().hex[:8]}"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
    import django

    django.setup()
    from django.db import connection
    from django.test.utils import setup_test_environment

    setup_test_environment()
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(str(connection.settings_dict["NAME"]), verbosity=0)


def replicate(row: Any, number: int, columns: Mapping[str, str]) -> None:
    """So many copies of a row, with these columns written in SQL; `g` counts from 1."""
    from django.db import connection

    meta = row._meta
    quote = connection.ops.quote_name
    names = [one.column for one in meta.concrete_fields]
    written = [columns.get(name, f"t.{quote(name)}") for name in names]
    with connection.cursor() as cursor:
        # Our own columns, copied from a row that is already there.
        cursor.execute(
            f"INSERT INTO {quote(meta.db_table)} ({', '.join(map(quote, names))}) "  # noqa: S608
            f"SELECT {', '.join(written)} FROM {quote(meta.db_table)} t, generate_series(1, %s) g "
            f"WHERE t.{quote(meta.pk.column)} = %s",
            [number, row.pk],
        )


def fill(invoices: int) -> None:
    from django.db import connection
    from django.utils import timezone

    from django_blesta.models import CallTally, Change, Invoice, LoggedCall, Operation, SyncRun, mirrors
    from django_blesta.sync.surroundings import count_rows

    # The tests' own rows, which no type checker looks at.
    rows: Any = import_module("tests.rows")
    clients = max(10, invoices // 20)
    base = 1_000_000_000
    firm = rows.company()
    currency = rows.row(rows.Currency, code="USD", company=firm)
    assert currency is not None
    person = rows.client(company=firm, id=base)
    numbers = {"id": "g", "id_code": "'C-' || g", "email": "'client' || g || '@example.com'", "last_name": "'B' || g"}
    replicate(person, clients, numbers)
    of_client = {"client_id": f"1 + g %% {clients}"}
    day = "now() - (g %% 2000) * interval '1 day'"
    state = "CASE WHEN g %% 20 = 0 THEN 'draft' ELSE 'active' END"
    invoice = rows.invoice(person, id=base)
    columns = {"id": "g", "id_code": "'INV-' || g", "due_at": day, "billed_at": day, "status": state, **of_client}
    closed = f"CASE WHEN g %% 10 = 0 THEN NULL ELSE {day} END"
    replicate(invoice, invoices, {**columns, "closed_at": closed})
    line = rows.line(invoice, id=base)
    replicate(line, invoices, {"id": "g", "invoice_id": "g"})
    service = rows.service(person, id=base)
    replicate(service, invoices // 4, {"id": "g", "id_code": "'S-' || g", "renews_at": day, **of_client})
    payment = rows.transaction(person, id=base)
    paid = {"id": "g", "number": "'ch_' || g", "added_at": day, **of_client}
    replicate(payment, invoices // 2, paid)
    contact = rows.contact(person, id=base)
    replicate(contact, clients, {"id": "g", "client_id": "g"})
    now = timezone.now()
    for model in mirrors():
        if not model.resource.embedded_in:
            run = rows.run(model, company_id=firm.pk)
    replicate(run, 5_000, {"id": "g + 100000", "started_at": "now() - interval '30 days'"})
    change = Change.objects.create(resource="django_blesta.invoice", remote_id="1", column="status", at=now)
    replicate(change, 200_000, {"id": "g + 10", "remote_id": "(g %% 100000)::text"})
    operation = Operation.objects.create(
        token=uuid.uuid4().hex, kind="contacts.edit", state="succeeded", created_at=now
    )
    done = {"id": "g + 10", "token": "'t' || g", "client_id": f"1 + g %% {clients}", "created_at": day}
    replicate(operation, 100_000, done)
    call = LoggedCall.objects.create(at=now, remote="Clients", method="getList", outcome="ok")
    replicate(call, 200_000, {"id": "g + 10", "at": day})
    tally = CallTally.objects.create(begins_at=now, calls=100, milliseconds=9000, slowest=400)
    replicate(tally, 4_000, {"id": "g + 10", "begins_at": "now() - g * interval '5 minutes'"})
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    count_rows("default", mirrors())
    assert SyncRun.objects.count() > 5_000
    assert Invoice.objects.count() == invoices + 1


def measure(bench: Bench) -> None:
    from django.contrib.auth import get_user_model
    from django.test import Client as Browser

    user = get_user_model().objects.create_superuser("bench", "bench@example.com", "bench")
    browser = Browser()
    browser.force_login(user)
    bench.page("status page", browser, f"{ADMIN}/status/", queries=40, milliseconds=100)
    lists = {
        "invoices": "invoice/",
        "invoices, last page that is counted": "invoice/?p=300",
        "invoices past due": "invoice/?state=past_due",
        "invoices of one month": "invoice/?due_at_in=2024-03",
        "invoices of one client": "invoice/?client__id__exact=77",
        "invoices found by number": "invoice/?q=INV-4711",
        "invoices found by e-mail of their client": "invoice/?q=client4711@example.com",
        "clients": "client/",
        "clients found by a word": "client/?q=client4711",
        "services": "service/",
        "transactions": "transaction/",
        "invoice lines": "invoiceline/",
        "changes": "change/",
        "operations": "operation/",
        "calls": "loggedcall/",
    }
    for title, address in lists.items():
        bench.page(title, browser, f"{ADMIN}/{address}", queries=20, milliseconds=100)
    bench.page("page of a client", browser, f"{ADMIN}/client/77/change/", queries=60, milliseconds=100)
    bench.page("page of an invoice", browser, f"{ADMIN}/invoice/77/change/", queries=40, milliseconds=100)
    bench.page("billing overview", browser, f"{ADMIN}/billing/", queries=25, milliseconds=3000)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench-admin", description=__doc__)
    parser.add_argument("--invoices", type=int, default=1_000_000, help="how many there are (default: %(default)s)")
    parser.add_argument("--verbose", action="store_true", help="name the slowest statement of each page")
    parser.add_argument("--json", type=Path, default=CHECKOUT / "benchmarks" / "results-admin.json")
    options = parser.parse_args(words)
    if reason := WHY_NOT["postgresql"]():
        print(f"Not measured: it is promised on PostgreSQL, which does not answer: {reason}")
        return 1
    bench = Bench(options.invoices, verbose=options.verbose)
    with database():
        began = time.monotonic()
        fill(options.invoices)
        print(f"{options.invoices:,} invoices were made in {time.monotonic() - began:.0f} s", flush=True)
        measure(bench)
    print("\n" + printed(bench.figures))
    report = {"invoices": options.invoices, "figures": [one.as_dict() for one in bench.figures]}
    options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return int(any(one.verdict == "MISSED" for one in bench.figures))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
