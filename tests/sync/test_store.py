"""What every way of writing must keep, on every database: one row, the newest fetch, and nothing for nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_blesta.models import AppliedAmount, Client, Company, Currency, Invoice, InvoiceLine
from django_blesta.resources import Converted
from django_blesta.sync.fence import draw
from django_blesta.sync.store import Incoming, store

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 5, 1, 13, tzinfo=UTC)
USING = "default"


def company(pk: int, name: str, *, digest: int | None = None, **more: Any) -> Incoming:
    values = {"id": pk, "name": name, **more}
    return Incoming((pk,), Converted(values, (), hash(name) if digest is None else digest), pk)


def invoice(pk: int, total: str, *, lines: list[tuple[int, str]] | None = None, detail: int = 1) -> Incoming:
    money = {name: Decimal(total) for name in ("subtotal", "total", "due")}
    values = {"id": pk, "currency": "USD", "paid": Decimal(0), **money}
    row = Incoming((pk,), Converted(values, (), hash(total)), 1)
    if lines is not None:
        row.whole, row.detail, row.detail_digest = True, Converted({"note_public": "n"}, (), 0), detail
        row.children["lines"] = [
            Incoming(
                (line,),
                Converted(
                    {
                        "id": line,
                        "description": text,
                        "qty": Decimal(1),
                        "amount": Decimal(total),
                        "invoice_id": pk,
                    },
                    (),
                    hash(text),
                ),
                1,
            )
            for line, text in lines
        ]
    return row


def put(
    model: Any, *rows: Incoming, fence: int = 10, at: datetime = NOON, confirming: bool = False
) -> tuple[int, int, int, int]:
    tally = store(model, rows, fence=fence, fetched_at=at, using=USING, confirming=confirming)
    assert tally.refused == []
    return tally.created, tally.changed, tally.unchanged, tally.stale


def test_new_rows_are_created_and_read_back_whole():
    assert put(Company, company(1, "Ada", address="1 High St\nLondon"), company(2, "Bé 🚀")) == (2, 0, 0, 0)
    first, second = Company.objects.order_by("pk")
    assert (first.name, first.address, first.company_id, first.fence) == ("Ada", "1 High St\nLondon", 1, 10)
    assert (second.name, second.fetched_at, second.gone_at) == ("Bé 🚀", NOON, None)


def test_an_unchanged_row_is_not_written():
    put(Company, company(1, "Ada"))
    with CaptureQueriesContext(connection) as queries:
        assert put(Company, company(1, "Ada"), fence=11, at=LATER) == (0, 0, 1, 0)
    assert not [q for q in queries if q["sql"].lstrip().upper().startswith(("INSERT", "UPDATE"))]
    assert Company.objects.get().fetched_at == NOON


def test_a_changed_row_is_written_and_keeps_columns_that_did_not_come():
    put(Company, company(1, "Ada", phone="123"))
    assert put(Company, company(1, "Byron"), fence=11, at=LATER) == (0, 1, 0, 0)
    row = Company.objects.get()
    assert (row.name, row.phone, row.fence, row.fetched_at) == ("Byron", "123", 11, LATER)


def test_a_fetch_that_left_earlier_loses_however_late_it_arrives():
    put(Company, company(1, "new"), fence=20)
    assert put(Company, company(1, "old"), fence=19, at=LATER) == (0, 0, 0, 1)
    assert Company.objects.get().name == "new"


def test_a_row_twice_in_a_batch_is_one_row():
    assert put(Company, company(1, "first"), company(1, "second")) == (1, 0, 0, 0)
    assert Company.objects.get().name == "second"


def test_a_gone_row_that_is_shown_again_comes_back():
    put(Company, company(1, "Ada"))
    Company.objects.update(gone_at=NOON)
    assert put(Company, company(1, "Ada"), fence=11) == (0, 1, 0, 0)
    assert Company.objects.get().gone_at is None


def test_the_statement_itself_refuses_an_older_fetch():
    """As when another worker inserts between our reading and our writing: nothing was held, so the insert conflicts."""
    put(Company, company(1, "new"), fence=20)
    names = tuple(_values_of(company(1, "old"), 19, NOON))
    _write(Company, names, [company(1, "old")], 19, NOON, USING)
    assert (Company.objects.get().name, Company.objects.get().fence) == ("new", 20)
    _write(Company, names, [company(1, "newer")], 21, LATER, USING)
    row = Company.objects.get()
    assert (row.name, row.fence, row.fetched_at) == ("newer", 21, LATER)


def test_rows_without_an_id_are_found_by_their_natural_key():
    def usd(prefix: str) -> Incoming:
        values = {"company_id": 1, "code": "USD", "prefix": prefix}
        return Incoming((1, "USD"), Converted(values, (), hash(prefix)), 1)

    assert put(Currency, usd("$")) == (1, 0, 0, 0)
    pk = Currency.objects.get().pk
    assert put(Currency, usd("US$"), fence=11) == (0, 1, 0, 0)
    assert (Currency.objects.get().pk, Currency.objects.get().prefix) == (pk, "US$")
    pair = Incoming((7, 8), Converted({"transaction_id": 7, "invoice_id": 8, "amount": Decimal("2.5000")}, (), 1), 1)
    assert put(AppliedAmount, pair) == (1, 0, 0, 0)
    assert put(AppliedAmount, pair, fence=11) == (0, 0, 1, 0)


def test_children_are_replaced_as_a_set():
    put(Invoice, invoice(1, "5", lines=[(1, "a"), (2, "b")]), invoice(2, "6", lines=[(3, "c")]))
    tally = store(
        Invoice, [invoice(1, "5", lines=[(2, "B"), (4, "d")], detail=2)], fence=11, fetched_at=LATER, using=USING
    )
    assert tally.removed == 1
    assert list(InvoiceLine.objects.order_by("pk").values_list("pk", "invoice_id", "description")) == [
        (2, 1, "B"),
        (3, 2, "c"),
        (4, 1, "d"),
    ]


def test_a_listing_row_leaves_children_and_detail_alone():
    put(Invoice, invoice(1, "5", lines=[(1, "a")]))
    put(Invoice, invoice(1, "7"), fence=11, at=LATER)
    row = Invoice.objects.get()
    assert (row.total, row.note_public, row.detail_fetched_at) == (Decimal(7), "n", NOON)
    assert row.lines.count() == 1


def test_a_refresh_raises_the_fence_even_where_nothing_changed():
    put(Invoice, invoice(1, "5", lines=[]))
    assert put(Invoice, invoice(1, "5", lines=[]), fence=15, at=LATER, confirming=True) == (0, 0, 1, 0)
    row = Invoice.objects.get()
    assert (row.fence, row.detail_fetched_at) == (15, LATER)
    assert put(Invoice, invoice(1, "9"), fence=12) == (0, 0, 0, 1)


def test_a_row_that_the_database_refuses_is_found_and_the_rest_land():
    rows = [Incoming((n,), Converted({"id": n, "status": "active"}, (), n), 1) for n in range(1, 40)]
    rows[16].row.values["company_name"] = "nul \x00 in text" if connection.vendor == "postgresql" else None
    tally = store(Client, rows, fence=5, fetched_at=NOON, using=USING)
    assert [row.key for row, _ in tally.refused] == [(17,)]
    assert tally.created == 38
    assert Client.objects.count() == 38


def test_fences_only_rise():
    drawn = [draw(USING) for _ in range(5)]
    assert drawn == sorted(set(drawn))
