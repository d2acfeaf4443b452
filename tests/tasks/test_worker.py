"""The same sync through a real worker on a real broker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from django_blesta import tasks
from django_blesta.models import Invoice, SyncRun
from django_blesta.sync.plan import asks_per_parent, in_order
from tests.sync.comparison import differences
from tests.worker_process import WorkerProcess

SIMULATED = pytest.mark.parametrize("blesta_simulator", [{"clients": 5, "seed": 6}], indirect=True)


def environment(blesta) -> dict[str, str]:
    return {
        "BLESTA_URL": blesta.url,
        "BLESTA_USER": blesta.user,
        "BLESTA_KEY": blesta.key,
        "BLESTA_REQUESTS_PER_SECOND": "none",
    }


@SIMULATED
@pytest.mark.broker("redis", "rabbitmq")
def test_sync_all_mirrors_everything_through_a_worker(
    blesta, broker, start_worker: Callable[..., WorkerProcess]
) -> None:
    worker = start_worker(environ=environment(blesta))
    tasks.sync_all.apply_async(queue=broker.queue)
    assert worker.wait_for_line("] succeeded in"), worker.log
    assert set(SyncRun.objects.values_list("state", flat=True)) == {SyncRun.State.COMPLETE}
    assert set(SyncRun.objects.values_list("cause", flat=True)) == {"task"}
    assert differences(blesta) == []


@SIMULATED
@pytest.mark.broker("redis", "rabbitmq")
def test_refresh_brings_one_row_through_a_worker(blesta, broker, start_worker: Callable[..., WorkerProcess]) -> None:
    worker = start_worker(environ=environment(blesta))
    tasks.refresh.apply_async(args=["invoice", 3], queue=broker.queue)
    assert worker.wait_for_line("] succeeded in"), worker.log
    assert list(Invoice.objects.values_list("pk", flat=True)) == [3]


@SIMULATED
@pytest.mark.django_db
def test_the_same_function_runs_in_the_process(blesta) -> None:
    tasks.sync_all()
    assert differences(blesta) == []


@SIMULATED
@pytest.mark.django_db
def test_lists_per_parent_are_left_out_until_they_are_old_enough(blesta) -> None:
    def asked() -> set[str]:
        before = list(SyncRun.objects.values_list("pk", flat=True))
        tasks.sync_all(whole_every_hours=12)
        return set(SyncRun.objects.exclude(pk__in=before).values_list("resource", flat=True))

    everything = asked()
    assert {"django_blesta.contact", "django_blesta.invoice"} <= everything
    assert everything - asked() == {model._meta.label_lower for model in in_order() if asks_per_parent(model)}
    SyncRun.objects.filter(resource="django_blesta.contact").update(started_at=timezone.now() - timedelta(hours=13))
    assert asked() == everything
