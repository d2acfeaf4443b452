"""Lost workers, deaf ones, a scheduler that stopped, and Blesta's own cron."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from django_blesta import presence, sync, tasks, workers
from django_blesta.models import Heartbeat, Lease, Vital
from django_blesta.status import Level, snapshot
from tests.status.test_snapshot import all_read, codes

pytestmark = pytest.mark.django_db
NOW = timezone.now
Kind = Heartbeat.Kind


def seen(kind: str = Kind.WORKER, name: str = "worker1@host", *, ago: float = 0, worked: float | None = 0) -> None:
    """So many seconds ago; it took a task so many seconds ago, or never."""
    now = NOW()
    Heartbeat.objects.create(
        kind=kind,
        name=name,
        since=now - timedelta(days=1),
        seen_at=now - timedelta(seconds=ago),
        worked_at=None if worked is None or kind == Kind.BEAT else now - timedelta(seconds=worked),
    )


def beating(ago: float = 0) -> None:
    seen(Kind.BEAT, "host", ago=ago)


def test_nothing_is_said_of_workers_that_were_never_there() -> None:
    all_read()

    assert codes(snapshot()) == []


def test_nothing_is_wrong_while_worker_and_scheduler_give_signs_of_life() -> None:
    all_read()
    seen(ago=100)
    beating(ago=100)

    found = snapshot()

    assert codes(found) == []
    assert [one.name for one in found.presence.alive] == ["worker1@host"]


def test_last_worker_that_is_lost_is_bad() -> None:
    all_read()
    seen(ago=121)
    beating()

    found = snapshot()

    assert codes(found) == ["workers-lost"]
    assert found.verdict is Level.BAD


def test_one_lost_worker_of_two_is_named() -> None:
    all_read()
    seen()
    seen(name="worker2@host", ago=500)
    beating()

    found = snapshot()

    assert codes(found) == ["worker-lost"]
    assert found.verdict is Level.WARNING
    assert "worker2@host" in found.troubles[0].sentence


def test_scheduler_that_stopped_is_named() -> None:
    all_read()
    seen()
    beating(ago=121)

    found = snapshot()

    assert codes(found) == ["beat-stopped"]
    assert found.headline is found.troubles[0]


@pytest.mark.parametrize("worked", [121, None])
def test_worker_that_lives_and_takes_no_task_is_deaf_within_two_periods(worked: float | None) -> None:
    all_read()
    seen(worked=worked)
    beating()

    assert codes(snapshot()) == ["workers-deaf"]


def test_worker_that_is_busy_with_a_sync_is_not_deaf() -> None:
    all_read()
    seen(worked=500)
    beating()
    Lease.objects.create(name="sync", holder="me", until=NOW() + timedelta(minutes=5), since=NOW())

    assert codes(snapshot()) == []


def test_tick_writes_down_that_a_task_was_taken() -> None:
    tasks.tick.apply()
    workers._tick_is_sent()

    assert Heartbeat.objects.filter(kind=Kind.WORKER, worked_at__isnull=False).count() == 1
    assert Heartbeat.objects.filter(kind=Kind.BEAT).count() == 1
    assert "django_blesta tick" in tasks.beat_schedule()


def test_worker_that_leaves_in_an_orderly_way_is_not_missed() -> None:
    presence.seen(Kind.WORKER, "worker1@host", "default")
    workers._worker_ends(sender=type("Consumer", (), {"hostname": "worker1@host"})())

    assert not Heartbeat.objects.exists()


def test_who_was_lost_a_week_ago_is_forgotten() -> None:
    seen(ago=8 * 86_400)
    seen(name="worker2@host", ago=60)

    assert presence.prune("default") == 1


def test_blesta_tells_its_version_and_its_cron(blesta: Any) -> None:
    sync.look_around()

    found = snapshot().vitals

    assert found.version.value == "5.13.1"
    assert found.cron.moment is not None
    assert NOW() - found.cron.moment < timedelta(minutes=5)


def test_cron_that_does_not_run_is_a_trouble(blesta: Any) -> None:
    all_read()
    blesta.switches.set(cron_minutes_ago=90)
    sync.look_around()

    assert codes(snapshot()) == ["cron-late"]


@pytest.mark.parametrize(
    "answer",
    [
        [{"start_date": "2026-11-01 09:00:00"}],
        {"0": {"end_date": "2026-11-01 09:00:00", "start_date": None}},
        {"start_date": "2026-11-01 08:59:00", "end_date": "2026-11-01 09:00:00"},
    ],
)
def test_cron_is_understood_in_whichever_form_blesta_tells_of_it(blesta: Any, answer: Any) -> None:
    blesta.lie("Logs", "getCronLastExecution", lambda truth, sent: answer)
    sync.look_around()

    assert f"{Vital.objects.get(name='cron').moment:%H:%M}" == "09:00"


@pytest.mark.parametrize("answer", [False, [], None, "never", [{"id": 1}], [{"start_date": "0000-00-00 00:00:00"}]])
def test_cron_of_which_nothing_is_told_is_no_trouble(blesta: Any, answer: Any) -> None:
    all_read()
    blesta.lie("Logs", "getCronLastExecution", lambda truth, sent: answer)
    sync.look_around()

    assert Vital.objects.get(name="cron").error
    assert codes(snapshot()) == []


def test_facts_from_before_are_kept_while_blesta_is_down(blesta: Any) -> None:
    sync.look_around()
    blesta.switches.set(maintenance="503")
    sync.look_around()

    version = Vital.objects.get(name="version")
    assert version.value == "5.13.1"
    assert version.error
