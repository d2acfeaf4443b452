"""Rows that are looked at more often than the rest, within the budget, and the lag that is told of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from django_blesta import sync, tasks
from django_blesta.models import Hint, Invoice, Lease, Service, SyncRun
from django_blesta.status import snapshot
from django_blesta.sync import hints, hot
from tests import rows

pytestmark = pytest.mark.django_db
OLD = timezone.now() - timedelta(hours=3)


@pytest.fixture
def shop(told: Any, settings: Any) -> Any:
    settings.BLESTA = {**settings.BLESTA, "FRESHNESS": {"invoices": "10m", "service": "1h"}}
    return told


def chosen() -> set[tuple[str, int]]:
    rows_ = Hint.objects.filter(state="pending").values_list("resource", "remote_id")
    return {(resource.partition(".")[2], pk) for resource, pk in rows_}


def service(**columns: Any) -> Service:
    return rows.row(Service, **{"fetched_at": OLD, "qty": 1, **columns})


def invoice(**columns: Any) -> Invoice:
    money = dict.fromkeys(("subtotal", "total", "paid", "due"), 1)
    return rows.row(Invoice, **{"fetched_at": OLD, "currency": "USD", "status": "active", **money, **columns})


def test_only_what_is_open_or_about_to_change_is_hot(shop) -> None:
    now = timezone.now()
    picked = {
        ("invoice", invoice().pk),
        ("service", service(status="pending").pk),
        ("service", service(status="active", renews_at=now + timedelta(hours=20)).pk),
        ("service", service(status="active", renews_at=now - timedelta(hours=20)).pk),
    }
    invoice(closed_at=now)
    invoice(gone_at=now)
    invoice(fetched_at=now - timedelta(minutes=2))
    service(status="active", renews_at=now + timedelta(days=20))
    service(status="active", renews_at=now - timedelta(days=20))
    service(status="canceled")
    assert hot.choose() == 4
    assert chosen() == picked


def test_a_complete_run_makes_all_it_covers_fresh(shop) -> None:
    invoice(company_id=1)
    other = invoice(company_id=2)
    SyncRun.objects.create(
        resource="django_blesta.invoice", company_id=1, cause="test", state="complete", started_at=timezone.now()
    )
    assert hot.choose() == 1
    assert chosen() == {("invoice", other.pk)}
    (lag, _) = hot.lags()
    assert (lag.rows, lag.late, lag.oldest) == (2, 1, OLD)


def test_the_budget_takes_the_oldest_first_and_once_a_minute(shop, settings) -> None:
    settings.BLESTA = {**settings.BLESTA, "HOT_ROWS_PER_MINUTE": 2}
    found = [invoice(fetched_at=OLD - timedelta(hours=number)) for number in range(4)]
    assert hot.choose() == 2
    assert chosen() == {("invoice", found[3].pk), ("invoice", found[2].pk)}
    assert hot.choose() == 0
    Lease.objects.update(until=OLD)
    settings.BLESTA = {**settings.BLESTA, "HOT_ROWS_PER_MINUTE": 0}
    assert hot.choose() == 0


def test_what_somebody_looks_at_is_asked_for_and_stays_hot(shop) -> None:
    client = shop.add_client()
    pk = shop.add_service(client["id"])["id"]
    sync.refresh(Service, pk)
    hot.looked_at([Service.objects.get()])
    assert chosen() == set()
    Service.objects.update(fetched_at=OLD)
    shop.state.update("services", pk, status="suspended")
    hot.looked_at([Service.objects.get()])
    assert chosen() == {("service", pk)}
    hints.follow()
    assert Service.objects.get().status == "suspended"
    Service.objects.update(fetched_at=OLD)
    assert hot.choose() == 1


def test_a_page_is_shown_though_the_look_cannot_be_noted(shop, settings) -> None:
    row = invoice()
    settings.BLESTA = {"URL": "nonsense"}
    hot.looked_at([row])
    hot.looked_at([])


def test_the_status_tells_the_lag_against_the_target(shop) -> None:
    sync.run()
    invoice(company_id=None)
    tasks.poll()
    Hint.objects.create(
        resource="django_blesta.invoice",
        remote_id=77,
        source="webhook",
        state="done",
        refreshed_at=timezone.now(),
        lag=3.5,
    )
    found = snapshot().hints
    by_name = {one.name: one for one in found.freshness}
    told = by_name["django_blesta.invoice"]
    assert (told.target, told.rows, told.late) == (timedelta(minutes=10), 1, 1)
    assert told.lag is not None
    assert told.lag >= timedelta(hours=3)
    assert told.hint_lag == found.lag == timedelta(seconds=3.5)
    assert by_name["django_blesta.service"].rows == 0
    assert [trouble.code for trouble in snapshot().troubles if trouble.code == "freshness"] == ["freshness"]
