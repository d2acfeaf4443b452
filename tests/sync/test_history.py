"""What the history keeps of a change, what it withholds, and what it never writes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_blesta.models import (
    Change,
    Client,
    ContactNumber,
    Currency,
    Invoice,
    InvoiceLine,
    Package,
    Service,
    SyncRun,
    Transaction,
)
from django_blesta.resources import Converted
from django_blesta.sync.history import PRUNED_AT_ONCE, personal_columns, prune_history, prune_runs
from django_blesta.sync.store import Incoming, mark_gone, remove_rows, store

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


def put(model: Any, *rows: Incoming, fence: int = 10, at: datetime = NOON, **why: Any) -> None:
    assert store(model, rows, fence=fence, fetched_at=at, using="default", **why).refused == []


def client(pk: int = 1, **values: Any) -> Incoming:
    return Incoming((pk,), Converted({"id": pk, **values}, (), hash(tuple(values.items()))), 1)


def invoice(total: str = "5", *, lines: dict[int, str] | None = None, **values: Any) -> Incoming:
    money = {name: Decimal(total) for name in ("subtotal", "total", "paid", "due")}
    row = Incoming((1,), Converted({"id": 1, "currency": "USD", **money, **values}, (), hash((total, *values))), 1)
    if lines is not None:
        row.whole, row.detail, row.detail_digest = True, Converted({"note_public": ""}, (), 0), hash(str(lines))
        row.children["lines"] = [
            Incoming(
                (pk,),
                Converted(
                    {"id": pk, "invoice_id": 1, "description": text, "qty": Decimal(1), "amount": Decimal(2)},
                    (),
                    hash(text),
                ),
                1,
            )
            for pk, text in lines.items()
        ]
    return row


def changes(model: type[models.Model] | None = None) -> list[tuple[Any, ...]]:
    rows = Change.objects.order_by("resource", "remote_id", "column", "pk")
    if model is not None:
        rows = rows.filter(resource=model._meta.label_lower)
    return list(rows.values_list("remote_id", "column", "old", "new"))


def test_nothing_is_written_at_first_sight_and_for_an_unchanged_row():
    put(Client, client(status="active"))
    put(Client, client(status="active"), fence=11)
    assert changes() == []


def test_a_change_names_its_column_its_values_its_time_and_its_cause():
    put(Client, client(status="active", id_code="A"))
    put(Client, client(status="suspended", id_code="A"), fence=11, at=LATER, cause="hint", run_id=7)
    change = Change.objects.get()
    assert (change.resource, change.remote_id, change.column) == ("django_blesta.client", "1", "status")
    assert (change.old, change.new, change.is_personal) == ("active", "suspended", False)
    assert (change.at, change.cause, change.run_id) == (LATER, "hint", 7)


def test_values_are_kept_as_plain_text():
    put(Invoice, invoice("5"))
    put(Invoice, invoice("5.2500", closed_at=NOON, client_id=4), fence=11)
    found = {column: (old, new) for _, column, old, new in changes()}
    assert found["total"] == ("5.0000", "5.2500")
    assert found["closed_at"] == (None, "2026-05-01T12:00:00+00:00")
    assert found["client_id"] == (None, "4")
    assert set(found) == {"subtotal", "total", "paid", "due", "closed_at", "client_id"}


def test_a_structured_value_is_kept_as_json():
    package = [
        Incoming((1,), Converted({"id": 1, "names": names}, (), digest), 1)
        for digest, names in enumerate([{"en": "Basic"}, {"en": "Basic", "de": "Einfach"}])
    ]
    put(Package, package[0])
    put(Package, package[1], fence=11)
    assert changes() == [("1", "names", '{"en": "Basic"}', '{"de": "Einfach", "en": "Basic"}')]


def test_personal_columns_are_recorded_without_their_values():
    put(Client, client(first_name="Ada", email="a@example.com", status="active"))
    put(Client, client(first_name="Eve", email="e@example.com", status="fraud"), fence=11)
    assert changes() == [
        ("1", "email", None, None),
        ("1", "first_name", None, None),
        ("1", "status", "active", "fraud"),
    ]
    assert set(Change.objects.filter(is_personal=True).values_list("column", flat=True)) == {"email", "first_name"}


@pytest.mark.parametrize(
    ("model", "personal", "open_to_all"),
    [
        (Client, {"first_name", "last_name", "address1", "zip", "email", "company_name"}, {"status", "user_id"}),
        (ContactNumber, {"number"}, {"type", "contact_id"}),
        (Invoice, {"note_public", "note_private"}, {"total", "status", "id_code"}),
        (InvoiceLine, {"description"}, {"amount", "qty"}),
        (Transaction, {"message"}, {"number", "amount"}),
        (Package, {"description"}, {"names", "name"}),
    ],
)
def test_what_is_personal(model, personal, open_to_all):
    assert personal <= personal_columns(model)
    assert not open_to_all & personal_columns(model)


def test_no_text_of_a_mirror_is_kept_unless_it_is_known_to_be_harmless():
    for model in (Client, Invoice, InvoiceLine, Package, Transaction):
        free = {f.attname for f in model._meta.concrete_fields if isinstance(f, models.TextField)}
        assert free <= personal_columns(model)


def test_gone_and_coming_back_are_changes():
    put(Client, client(status="active"))
    mark_gone(Client, [1], fence=11, at=NOON, using="default", cause="sync", run_id=3)
    put(Client, client(status="active"), fence=12, at=LATER, cause="sync", run_id=4)
    moment = "2026-05-01T12:00:00+00:00"
    assert changes() == [("1", "gone_at", None, moment), ("1", "gone_at", moment, None)]
    assert list(Change.objects.order_by("pk").values_list("run_id", flat=True)) == [3, 4]


def test_a_child_that_its_parent_no_longer_has_is_recorded_and_a_new_one_is_not():
    put(Invoice, invoice(lines={1: "hosting", 2: "domain"}))
    put(Invoice, invoice(lines={1: "Hosting", 3: "setup"}), fence=11, at=LATER)
    assert changes(InvoiceLine) == [("1", "description", None, None), ("2", "gone_at", None, LATER.isoformat())]
    assert changes(Invoice) == []


def test_rows_that_are_removed_with_their_set_are_recorded():
    put(Client, client(1, status="a"), client(2, status="a"))
    assert remove_rows(Client, [2, 9], at=LATER, using="default", cause="sync", run_id=3) == 1
    assert changes() == [("2", "gone_at", None, LATER.isoformat())]
    assert list(Client.objects.values_list("pk", flat=True)) == [1]


def test_a_row_without_an_id_is_named_by_its_key():
    def usd(prefix: str) -> Incoming:
        values = {"company_id": 1, "code": "USD", "prefix": prefix}
        return Incoming((1, "USD"), Converted(values, (), hash(prefix)), 1)

    put(Currency, usd("$"))
    put(Currency, usd("US$"), fence=11)
    assert changes() == [("1/USD", "prefix", "$", "US$")]


@pytest.mark.parametrize("days", [None, 1, 0])
def test_history_days_of_zero_records_none_and_reads_no_old_values(settings, days):
    settings.BLESTA = {**settings.BLESTA, "HISTORY_DAYS": days}
    put(Service, client(status="active"))
    with CaptureQueriesContext(connection) as queries:
        put(Service, client(status="fraud"), fence=11)
    mark_gone(Service, [1], fence=12, at=NOON, using="default")
    assert len(changes()) == (0 if days == 0 else 2)
    reads = [q["sql"] for q in queries if q["sql"].startswith("SELECT") and "status" in q["sql"]]
    assert len(reads) == (0 if days == 0 else 1)


def test_old_values_are_read_of_changed_rows_only():
    put(Client, *(client(pk, status="active") for pk in range(1, 51)))
    rows = [client(pk, status="fraud" if pk == 7 else "active") for pk in range(1, 51)]
    with CaptureQueriesContext(connection) as queries:
        put(Client, *rows, fence=11)
    (read,) = [q["sql"] for q in queries if q["sql"].startswith("SELECT") and "status" in q["sql"]]
    assert "(7)" in read
    assert changes() == [("7", "status", "active", "fraud")]


def test_many_changes_are_appended_at_once():
    put(Client, *(client(pk, status="active", id_code=str(pk)) for pk in range(1, 201)))
    with CaptureQueriesContext(connection) as queries:
        put(Client, *(client(pk, status="fraud", id_code=f"X{pk}") for pk in range(1, 201)), fence=11)
    appended = [q["sql"] for q in queries if "django_blesta_change" in q["sql"]]
    assert len(appended) == 1
    assert Change.objects.count() == 400


def test_history_is_not_kept_of_a_store_that_is_rolled_back():
    """The row that the database refuses takes its own history with it, and no other's."""
    put(Client, client(1, status="a"), client(2, status="a"))
    good, bad = client(1, status="b"), client(2, status="b")
    bad.row.values["id_code"] = "lone \ud800 surrogate"
    tally = store(Client, [good, bad], fence=11, fetched_at=NOON, using="default")
    assert [row.key for row, _ in tally.refused] == [(2,)]
    assert changes() == [("1", "status", "a", "b")]


@pytest.mark.parametrize(("days", "left"), [(None, 4), (90, 3), (1, 1), (0, 0)])
def test_old_history_is_pruned_by_age(settings, days, left):
    settings.BLESTA = {**settings.BLESTA, "HISTORY_DAYS": days}
    for age in (0.5, 2, 89, 91):
        Change.objects.create(resource="x", remote_id="1", column="c", at=NOON - timedelta(days=age))
    assert prune_history(now=NOON) == 4 - left
    assert Change.objects.count() == left


def test_pruning_deletes_in_bounded_batches():
    old = NOON - timedelta(days=100)
    rows = [Change(resource="x", remote_id=str(n), column="c", at=old) for n in range(2 * PRUNED_AT_ONCE + 1)]
    Change.objects.bulk_create(rows, batch_size=500)
    with CaptureQueriesContext(connection) as queries:
        assert prune_history(now=NOON) == len(rows)
    assert len([q for q in queries if q["sql"].startswith("DELETE")]) >= 3


def test_old_runs_are_forgotten_but_the_last_complete_one_of_each_resource():
    now = timezone.now()
    ages = [(400, "complete"), (300, "complete"), (200, "failed"), (10, "failed"), (500, "running")]
    for days, state in ages:
        at = now - timedelta(days=days)
        SyncRun.objects.create(resource="django_blesta.client", company_id=1, cause="t", state=state, started_at=at)
    assert prune_runs(now=now) == 2
    assert sorted((now - run.started_at).days for run in SyncRun.objects.all()) == [10, 300, 500]
