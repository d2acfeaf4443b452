"""The bench compares like with like: both sides read the same pages and end with the same rows."""

from __future__ import annotations

import json
import platform

import pytest

from benchmarks import baseline, machine
from benchmarks.__main__ import stub
from benchmarks.figures import Figure, printed
from benchmarks.page import page
from benchmarks.server import PAGE, Pages
from django_blesta import sync
from django_blesta.models import Invoice, SyncRun

ROWS = 3 * PAGE + 7
COLUMNS = (
    *("id", "id_code", "client_id", "company_id", "status", "currency", "subtotal", "total", "paid", "due"),
    *("billed_at", "due_at", "closed_at", "autodebit_at"),
)


def response(pages: Pages, target: str) -> object:
    return json.loads(pages[target].partition(b"\r\n\r\n")[2])["response"]


def test_stub_serves_every_row_once_and_counts_what_was_asked():
    pages = Pages(ROWS)
    shown = [row["id"] for page in range(1, 6) for row in response(pages, f"/api/invoices/getList.json?page={page}")]
    assert shown == [str(number) for number in range(1, ROWS + 1)]
    assert response(pages, "/api/Invoices/getListCount.json?status=all") == ROWS
    assert response(pages, "/api/invoices/get.json?invoice_id=9999") is False
    assert response(pages, "/api/invoices/get.json?invoice_id=7")["id"] == "7"
    assert response(pages, "/api/clients/getList.json?page=1") == []
    assert response(pages, "/api/count/x.json") == 9
    assert response(pages, "/api/count/x.json") == 0


@pytest.mark.django_db
def test_baseline_and_sync_end_with_the_same_rows(settings):
    with stub(ROWS) as where:
        url = where["BENCH_URL"]
        assert baseline.sync(f"{url}api/") == ROWS
        theirs = list(Invoice.objects.order_by("pk").values(*COLUMNS))
        Invoice.objects.all().delete()
        settings.BLESTA = {"URL": url, "USER": "user", "KEY": "key", "REQUESTS_PER_SECOND": None}
        (run,) = sync.run([Invoice], details=False)
    assert (run.state, run.created) == (SyncRun.State.COMPLETE, ROWS)
    assert list(Invoice.objects.order_by("pk").values(*COLUMNS)) == theirs
    assert len(theirs) == ROWS


@pytest.mark.parametrize(
    ("value", "at_most", "verdict"),
    [
        (9.9, False, "MISSED"),
        (10, False, "gate"),
        (12, False, "goal"),
        (12.1, True, "MISSED"),
        (11, True, "gate"),
        (10, True, "goal"),
    ],
)
def test_a_figure_says_whether_it_meets_its_gate(value, at_most, verdict):
    gate, goal = (12, 10) if at_most else (10, 12)
    figure = Figure("speed", value, "x", gate, goal, at_most, (value, value))
    assert figure.verdict == verdict
    assert f"| {verdict}" in printed([figure])


def test_the_page_says_what_was_measured_where_and_takes_the_later_of_two():
    first, later = (
        Figure("speed", value, "x B", 10, 12, False, (value, value), "quick").as_dict() for value in (9.0, 13.5)
    )
    reports = [{"machine": machine.facts(), "servers": {"sqlite": "3.40"}, "figures": [one]} for one in (first, later)]
    text = page(reports)
    assert "13.5 x B" in text
    assert "9 x B" not in text
    assert "| goal" in text
    assert "sqlite 3.40" in text
    assert platform.python_version() in text
