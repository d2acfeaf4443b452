"""How old our knowledge of a row is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_blesta.freshness import as_of, as_of_all, last_complete_start
from django_blesta.models import Client, Currency, Invoice, QuarantinedRow, SyncRun
from tests import rows

pytestmark = pytest.mark.django_db


def test_row_is_as_fresh_as_its_fetch_when_no_run_covered_it() -> None:
    assert as_of(rows.client(company_id=1)) == rows.FETCHED


def test_row_is_as_fresh_as_the_start_of_the_last_complete_run() -> None:
    run = rows.run(Client)
    rows.run(Client, SyncRun.State.PARTIAL, started_at=timezone.now())
    rows.run(Client, company_id=2, started_at=timezone.now())
    rows.run(Invoice, started_at=timezone.now())

    assert as_of(rows.client(company_id=1)) == run.started_at


def test_row_is_as_fresh_as_its_fetch_when_that_is_later() -> None:
    rows.run(Client)
    later = timezone.now()

    assert as_of(rows.client(company_id=1, fetched_at=later)) == later


def test_run_proves_nothing_when_the_row_is_in_quarantine_or_gone() -> None:
    rows.run(Client)
    held = rows.client(company_id=1)
    QuarantinedRow.objects.create(
        resource="django_blesta.client", remote_id=str(held.pk), code="null", last_seen_at=timezone.now()
    )

    assert as_of(held) == rows.FETCHED
    assert as_of(rows.client(company_id=1, gone_at=timezone.now())) == rows.FETCHED
    assert as_of(rows.client(company_id=1, unlisted_at=timezone.now())) == rows.FETCHED


def test_run_proves_nothing_while_rows_that_it_missed_are_not_asked_for() -> None:
    run = rows.run(Client, started_at=timezone.now() - timedelta(hours=1))
    rows.run(Client, unconfirmed=3)

    assert as_of(rows.client(company_id=1)) == run.started_at


def test_row_without_an_id_of_blestas_is_found_in_quarantine_by_its_key() -> None:
    rows.run(Currency)
    held = rows.row(Currency, code="USD", company_id=1)
    QuarantinedRow.objects.create(
        resource="django_blesta.currency", remote_id="1/USD", code="null", last_seen_at=timezone.now()
    )

    assert as_of(held) == rows.FETCHED


def test_many_rows_are_as_fresh_as_the_least_fresh_of_them() -> None:
    run = rows.run(Client)
    kept = [rows.client(company_id=1), rows.client(company_id=1, fetched_at=timezone.now() + timedelta(hours=1))]

    assert as_of_all(kept) == run.started_at
    assert as_of_all([*kept, rows.client(company_id=2)]) == rows.FETCHED
    assert as_of_all([]) is None


def test_last_complete_start_is_none_when_there_was_none() -> None:
    assert last_complete_start(Client, 1) is None
