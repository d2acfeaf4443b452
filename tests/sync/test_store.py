"""What every way of writing must keep, on every database: one row, the newest fetch, and nothing for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_blesta.models import AppliedAmount, Client, Company, Currency, Invoice, InvoiceLine, Package
from django_blesta.resources import Converted
from django_blesta.sync.fence import begin_refresh, draw
from django_blesta.sync.statements import Upsert, Way, only, upsert, way_for, ways
from django_blesta.sync.store import Incoming, mark_gone, store

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 5, 1, 13, tzinfo=UTC)
USING = "default"


@pytest.fixture(autouse=True, params=list(Way), ids=str)
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    """Every promise below is kept by every way that the database has."""
    if request.param not in ways(USING):
        pytest.skip(f"{connection.vendor} is not written by {request.param}")
    with only(request.param):
        yield request.param


def writes(queries: CaptureQueriesContext) -> list[str]:
    words = ("INSERT", "UPDATE", "DELETE", "COPY", "CREATE")
    return [q["sql"] for q in queries if q["sql"].lstrip().upper().startswith(words)]


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
    assert len(queries) == 1
    assert not writes(queries)
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


def test_rows_are_written_in_key_order_however_they_came(way):
    """Two workers that share rows take their locks in one order."""
    if way is not Way.ROWS:
        pytest.skip("only this way shows its values in its statement; the order is made before the ways part")
    with CaptureQueriesContext(connection) as queries:
        put(Company, *(company(pk, f"name {pk}") for pk in (3, 1, 5, 2, 4)))
    (insert,) = writes(queries)
    assert [insert.index(f"name {pk}") for pk in range(1, 6)] == sorted(
        insert.index(f"name {pk}") for pk in range(1, 6)
    )


def test_a_gone_row_that_is_shown_again_comes_back():
    put(Company, company(1, "Ada"))
    Company.objects.update(gone_at=NOON)
    assert put(Company, company(1, "Ada"), fence=11) == (0, 1, 0, 0)
    assert Company.objects.get().gone_at is None


def test_the_statement_itself_refuses_an_older_fetch():
    """As when another worker inserts between our look and our writing: nothing was held, so the insert conflicts."""
    put(Company, company(1, "new"), fence=20)
    columns = [
        f for f in Company._meta.concrete_fields if f.attname in {"id", "name", "fence", "fetched_at", "address"}
    ]
    columns += [f for f in Company._meta.concrete_fields if not f.null and not f.primary_key and f not in columns]
    updates = [f for f in columns if f.attname in {"name", "fence", "fetched_at"}]
    what = Upsert(Company, columns, [Company._meta.pk], updates, Company._meta.get_field("fence"))

    def write(name: str, fence: int, at: datetime) -> bool:
        given = {"id": 1, "name": name, "fence": fence, "fetched_at": at, "address": "not carried"}
        row = tuple(given.get(f.attname, f.get_default()) for f in columns)
        return upsert(what, [row], fence=fence, using=USING)

    assert write("old", 19, NOON)
    assert (Company.objects.get().name, Company.objects.get().fence) == ("new", 20)
    write("newer", 21, LATER)
    row = Company.objects.get()
    assert (row.name, row.fence, row.fetched_at, row.address) == ("newer", 21, LATER, "")


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


def test_rows_that_carry_different_columns_land_in_one_batch():
    put(Company, company(1, "a", phone="1", fax="1"), company(2, "b", phone="2"), company(3, "c"))
    put(Company, company(1, "A"), company(2, "B", fax="2"), company(3, "C", phone="3", fax="3"), fence=11)
    found = Company.objects.order_by("pk").values_list("name", "phone", "fax")
    assert list(found) == [("A", "1", "1"), ("B", "2", "2"), ("C", "3", "3")]


def test_structured_values_are_read_back_as_they_came():
    names = {"en": "Basic \u2028 \U0001f680", "de": 'Ein "Paket"', "xx": "a\tb\\c\nd"}
    row = Incoming((1,), Converted({"id": 1, "name": "\\N", "names": names, "taxable": True}, (), 5), 1)
    assert put(Package, row) == (1, 0, 0, 0)
    held = Package.objects.get()
    assert (held.names, held.name, held.taxable, held.hidden, held.qty) == (names, "\\N", True, False, None)


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


def test_a_listing_raises_the_fence_of_a_row_whose_refresh_is_open():
    """Active, then suspended for a moment that only the refresh sees, then active again."""
    put(Invoice, invoice(1, "5"), fence=0)
    fence = begin_refresh(Invoice, 1, using=USING)
    assert put(Invoice, invoice(1, "5"), fence=fence + 1, at=LATER) == (0, 0, 1, 0)
    assert put(Invoice, invoice(1, "9", lines=[]), fence=fence, confirming=True) == (0, 0, 0, 1)
    row = Invoice.objects.get()
    assert (row.total, row.fence, row.fetched_at) == (Decimal(5), fence + 1, NOON)
    with CaptureQueriesContext(connection) as queries:
        put(Invoice, invoice(1, "5"), fence=fence + 2)
    assert not writes(queries)


def test_a_missing_row_is_marked_gone_unless_it_was_fetched_since():
    put(Company, company(1, "Ada"), company(2, "Bé"), company(3, "Cy"), fence=10)
    put(Company, company(2, "Bo"), fence=12)
    assert mark_gone(Company, [1, 2, 7], fence=11, at=LATER, using=USING) == [1]
    assert mark_gone(Company, [1], fence=13, at=LATER, using=USING) == []
    assert list(Company.objects.order_by("pk").values_list("gone_at", flat=True)) == [LATER, None, None]
    assert put(Company, company(1, "Ada"), fence=9) == (0, 0, 0, 1)
    assert put(Company, company(1, "Ada"), fence=14) == (0, 1, 0, 0)


def test_a_row_that_the_database_refuses_is_found_and_the_rest_land():
    rows = [Incoming((n,), Converted({"id": n, "status": "active"}, (), n), 1) for n in range(1, 40)]
    rows[16].row.values["company_name"] = "nul \x00 in text" if connection.vendor == "postgresql" else None
    rows[29].row.values["company_name"] = "lone \ud800 surrogate"
    tally = store(Client, rows, fence=5, fetched_at=NOON, using=USING)
    assert sorted(row.key for row, _ in tally.refused) == [(17,), (30,)]
    assert tally.created == 37
    assert Client.objects.count() == 37


def test_fences_only_rise():
    drawn = [draw(USING) for _ in range(5)]
    assert drawn == sorted(set(drawn))


def test_a_thousand_rows_take_few_queries(way):
    if way in {Way.ROWS, Way.MODELS}:
        pytest.skip("a way for small batches, and for field classes that only the ORM can write")

    def batch(total: str) -> list[Incoming]:
        return [invoice(pk, total) for pk in range(1, 1001)]

    counts = []
    for total, fence in (("5", 10), ("5", 11), ("6", 12)):
        with CaptureQueriesContext(connection) as queries:
            store(Invoice, batch(total), fence=fence, fetched_at=NOON, using=USING)
        counts.append(len([q for q in queries if "SAVEPOINT" not in q["sql"]]))
    first, unchanged, _ = counts
    assert first <= 4
    assert unchanged == 1
    assert Invoice.objects.filter(total=6, fence=12).count() == 1000


def test_a_field_class_that_only_the_orm_knows_goes_by_the_orm():
    class Odd(Invoice._meta.get_field("id_code").__class__):
        """A site's own way of writing text."""

    columns = list(Invoice._meta.concrete_fields)
    with only(None):
        assert way_for(columns, 500, USING) in {Way.COPY, Way.MANY}
        assert way_for([*columns, Odd(max_length=5)], 500, USING) is Way.MODELS
