"""The queue of hints: coalesced, put off a moment, answered again when hinted at meanwhile, given up in the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from django_blesta import sync, tasks
from django_blesta.models import AppliedAmount, Client, ClientGroup, Company, Currency, Delivery, Hint, Lease, Service
from django_blesta.signals import event_received
from django_blesta.sync import _checkpoint, hints

pytestmark = [pytest.mark.django_db, pytest.mark.every_database]
State = Hint.State


@pytest.fixture
def client(told) -> Any:
    return told.add_client()


@pytest.fixture
def at_place() -> Iterator[dict[str, Any]]:
    """What to do, once, at a named place; see `sync._checkpoint`."""
    todo: dict[str, Any] = {}
    _checkpoint.on_reached = lambda name: todo.pop(name, lambda: None)()
    yield todo
    _checkpoint.on_reached = None


def the_hint() -> Hint:
    return Hint.objects.get(resource="django_blesta.client")


def past_due() -> None:
    """The time has come of all that waits."""
    long_ago = timezone.now() - timedelta(hours=2)
    Hint.objects.update(due_at=long_ago, quiet_at=long_ago, first_hinted_at=long_ago, lease_until=long_ago)


def test_hints_at_one_row_are_one_hint(client) -> None:
    for _ in range(3):
        hints.hint(Client, [client["id"], client["id"]], delay=5)
    assert (the_hint().state, the_hint().hints) == (State.PENDING, 3)
    assert Hint.objects.count() == 1


def test_a_hint_waits_for_quiet_but_not_for_ever(client) -> None:
    hints.hint(Client, [client["id"]], delay=5)
    first = the_hint()
    assert 4 < (first.due_at - first.hinted_at).total_seconds() < 6
    Hint.objects.update(first_hinted_at=first.first_hinted_at - timedelta(seconds=28))
    hints.hint(Client, [client["id"]], delay=5)
    second = the_hint()
    assert second.quiet_at > first.quiet_at
    assert second.due_at < second.quiet_at
    assert hints.work() == 0


def test_a_refresh_before_it_was_quiet_is_followed_by_another(client, told) -> None:
    hints.hint(Client, [client["id"]], delay=5, with_related=False)
    Hint.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert hints.work() == 1
    assert (the_hint().state, the_hint().due_at) == (State.PENDING, the_hint().quiet_at)
    past_due()
    assert hints.work() == 1
    assert the_hint().state == State.DONE


def test_a_hint_during_a_refresh_causes_another_one(client, told, at_place) -> None:
    """What Blesta answered may be older than what the hint tells of."""

    def change() -> None:
        told.state.update("contacts", 1, first_name="Grace")
        hints.hint(Client, [client["id"]], delay=0)

    hints.hint(Client, [client["id"]], delay=0)
    at_place["row-fetched"] = change
    hints.work()
    assert (Client.objects.get().first_name, the_hint().state) == ("Ada", State.PENDING)
    hints.work()
    assert (Client.objects.get().first_name, the_hint().state) == ("Grace", State.DONE)


def test_a_worker_that_died_is_taken_over_from(client, at_place) -> None:
    hints.hint(Client, [client["id"]], delay=0)

    def die() -> None:
        raise KeyboardInterrupt

    at_place["hints-claimed"] = die
    with pytest.raises(KeyboardInterrupt):
        hints.work()
    assert the_hint().state == State.WORKING
    assert hints.work() == 0
    assert not hints.left_over()
    past_due()
    assert hints.left_over()
    assert hints.work() == 1
    assert the_hint().state == State.DONE


def test_a_worker_that_was_away_too_long_finishes_nothing(client, at_place) -> None:
    hints.hint(Client, [client["id"]], delay=0)

    def taken_over() -> None:
        Hint.objects.update(token=99)

    at_place["hints-refreshed"] = taken_over
    hints.work()
    assert (the_hint().state, the_hint().token) == (State.WORKING, 99)


def test_a_row_that_always_fails_is_put_into_quarantine_and_left_for_an_hour(client, told) -> None:
    other = told.add_client()
    told.fail(model="Clients", method="get", arguments={"client_id": str(client["id"])}, status=500, times=None)
    hints.hint(Client, [client["id"], other["id"]], delay=0, with_related=False)
    for _ in range(hints.MOST_TRIES):
        hints.work()
        past_due()
    poisoned = Hint.objects.get(remote_id=client["id"])
    assert set(Hint.objects.values_list("resource", flat=True)) == {"django_blesta.client"}
    assert (poisoned.state, poisoned.tries) == (State.QUARANTINED, hints.MOST_TRIES)
    assert poisoned.error.startswith("Unavailable")
    assert Client.objects.get().pk == other["id"]
    Hint.objects.update(due_at=timezone.now() + timedelta(minutes=59))
    hints.hint(Client, [client["id"]], delay=0, with_related=False)
    assert hints.work() == 0
    told.heal()
    past_due()
    assert hints.work() == 1
    assert Hint.objects.get(resource="django_blesta.client", remote_id=client["id"]).state == State.DONE


def test_blesta_being_away_counts_against_no_row(client, told) -> None:
    told.switches.maintenance = "503"
    hints.hint(Client, [client["id"]], delay=0)
    for _ in range(hints.MOST_TRIES + 2):
        assert hints.work() == 0
        past_due()
    assert (the_hint().state, the_hint().tries) == (State.PENDING, 0)
    told.switches.maintenance = "off"
    assert hints.work() == 1


def test_a_row_that_blesta_does_not_show_is_done_with_and_not_gone(client, told) -> None:
    sync.refresh(Client, client["id"])
    told.state.delete("clients", client["id"])
    hints.hint(Client, [client["id"]], delay=0)
    hints.work()
    assert (the_hint().state, the_hint().found) == (State.DONE, False)
    assert Client.objects.get().gone_at is None


def test_rows_are_fetched_side_by_side(told) -> None:
    pks = [told.add_client()["id"] for _ in range(12)]
    told.switches.latency = 0.02
    hints.hint(Client, pks, delay=0)
    assert hints.work() == 12
    assert told.peak_in_flight > 1
    assert Client.objects.count() == 12


def test_a_rate_for_single_rows_is_kept(told, settings) -> None:
    settings.BLESTA = {**settings.BLESTA, "SINGLE_ROWS_PER_MINUTE": 60}
    hints.hint(Client, [told.add_client()["id"] for _ in range(12)], delay=0)
    assert hints.work() == 5


def test_rows_of_a_company_that_is_not_ours_are_not_stored(told, settings) -> None:
    """The site knows the first company's key alone, which shows the others all the same."""
    first = told.add_client()
    user, key = told.user, told.key
    other = told.add_company()
    stranger = told.add_client(client_group_id=told.add_client_group(company_id=other["id"])["id"])
    settings.BLESTA = {
        **{name: value for name, value in settings.BLESTA.items() if name not in ("USER", "KEY")},
        "COMPANIES": {1: {"USER": user, "KEY": key}},
    }
    sync.run([Company, ClientGroup])
    hints.hint(Client, [stranger["id"], first["id"]], delay=0)
    assert hints.work() == 2
    assert list(Client.objects.values_list("pk", flat=True)) == [first["id"]]
    assert Hint.objects.get(resource="django_blesta.client", remote_id=stranger["id"]).found is False


def test_a_mirror_without_a_row_of_its_own_cannot_be_hinted_at() -> None:
    for model in (AppliedAmount, Currency):
        with pytest.raises(LookupError):
            hints.hint(model, [1])


def test_unknown_events_and_those_without_an_id_are_counted(told) -> None:
    Delivery.objects.bulk_create(
        [
            Delivery(event="Clients.edit", ids={"id": 7}),
            Delivery(event="Clients.edit", ids={"user_id": 7}),
            Delivery(event="Clients.editBefore", ids={"client_id": 7}),
            Delivery(event="Nobody.knowsAfter", ids={"id": 7}),
            Delivery(event="Users.login", ids={"user_id": 7}),
            Delivery(event="AppController.structure", ids={}),
        ]
    )
    assert hints.resolve() == 6
    found = Delivery.objects.order_by("pk").values_list("state", flat=True)
    assert list(found) == ["resolved", "failed", "ignored", "unknown", "ignored", "ignored"]


@pytest.mark.parametrize(
    ("ids", "pk"),
    [
        ({"client_id": 1, "client.id": 2, "vars.client_id": 3, "vars.id": 4, "id": 5}, 1),
        ({"client.id": 2, "vars.client_id": 3, "vars.id": 4, "id": 5}, 2),
        ({"vars.client_id": 3, "vars.id": 4, "id": 5}, 3),
        ({"vars.id": 4, "id": 5}, 4),
        ({"id": 5, "contact.id": 6}, 5),
    ],
)
def test_the_id_is_looked_for_in_the_order_of_likelihood(ids: dict[str, int], pk: int, told) -> None:
    Delivery.objects.create(event="Clients.create", ids=ids)
    hints.resolve()
    assert Hint.objects.get().remote_id == pk


def test_listeners_are_told_of_events_once_they_are_on_record(told, client) -> None:
    heard: list[dict[str, Any]] = []

    def listen(sender: Any, **facts: Any) -> None:
        heard.append({"open": Hint.objects.filter(state=State.PENDING).count(), **facts})
        raise ValueError("a receiver that fails harms nobody")

    event_received.connect(listen, sender=Delivery)
    try:
        Delivery.objects.create(event="Clients.edit", ids={"client_id": client["id"]})
        hints.resolve()
    finally:
        event_received.disconnect(listen, sender=Delivery)
    (facts,) = heard
    assert (facts["event"], facts["model"], facts["pk"], facts["open"]) == ("Clients.edit", Client, client["id"], 1)


def test_two_announcements_of_one_look_are_one(told) -> None:
    assert hints.may_wake(5.0)
    assert not hints.may_wake(5.0)
    assert not hints.may_wake(60.0)
    assert hints.may_wake(1.0)
    Lease.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert hints.may_wake(60.0)


def test_the_task_follows_and_announces_its_next_look(told, client) -> None:
    hints.hint(Client, [client["id"]], delay=20)
    tasks.follow_hints()
    assert Lease.objects.get(name=hints.WAKE).until > timezone.now() + timedelta(seconds=10)
    past_due()
    tasks.follow_hints()
    assert the_hint().state == State.DONE


def test_what_is_done_with_is_forgotten_after_a_week(told) -> None:
    old = timezone.now() - timedelta(days=8)
    Delivery.objects.create(event="Clients.edit", state="resolved", received_at=old)
    Delivery.objects.create(event="Clients.edit", state="pending", received_at=old)
    Delivery.objects.create(event="Clients.edit", state="resolved")
    Hint.objects.create(resource="x", remote_id=1, source="code", state="done", hinted_at=old)
    Hint.objects.create(resource="x", remote_id=2, source="code", state="quarantined", hinted_at=old)
    assert hints.prune() == 2
    assert (Delivery.objects.count(), Hint.objects.count()) == (2, 1)


@pytest.mark.postgresql("two threads commit at the same time")
@pytest.mark.django_db(transaction=True)
def test_hints_and_workers_side_by_side_lose_nothing(told) -> None:
    """Each change is hinted at after it was made; in the end the mirror has the last one of every row."""
    pks = [told.add_service(told.add_client()["id"])["id"] for _ in range(8)]
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            hints.follow(patience=1)
        connections.close_all()

    def change(offset: int) -> None:
        for round_ in range(12):
            for pk in pks[offset::2]:
                told.state.update("services", pk, qty=round_ + 2)
                Delivery.objects.create(event="Services.editAfter", ids={"service_id": pk})
        connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(3)]
    changers = [threading.Thread(target=change, args=(offset,)) for offset in (0, 1)]
    for thread in (*workers, *changers):
        thread.start()
    for thread in changers:
        thread.join()
    stop.set()
    for thread in workers:
        thread.join()
    hints.follow()
    assert set(Service.objects.values_list("qty", flat=True)) == {13}
    assert Hint.objects.exclude(state=State.DONE).count() == 0
