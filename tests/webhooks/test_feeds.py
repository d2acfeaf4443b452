"""What is found by asking: change logs, deliveries that failed, new rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from django_blesta import sync, tasks
from django_blesta.exceptions import Unavailable
from django_blesta.models import Client, Contact, Feed, Hint, Invoice, Service
from django_blesta.sync import feeds, hints
from django_blesta.sync.plan import scopes
from tests.testing.calling import write

pytestmark = pytest.mark.django_db
NAMES = {"first_name": "Grace", "last_name": "Hopper", "email": "grace@example.com"}


def poll() -> int:
    (scope,) = scopes("default")
    return feeds.poll(scope)


@pytest.fixture
def polled(told: Any) -> Any:
    """A mirror that is complete, and feeds whose marks are set."""
    client = told.add_client(first_name="Ada")
    told.add_service(client["id"])
    told.add_invoice(client["id"])
    told.add_transaction(client["id"])
    sync.run()
    assert poll() == 0
    return told


def feed(name: str) -> Feed:
    return Feed.objects.get(name=name)


def hinted() -> set[tuple[str, int]]:
    rows = Hint.objects.filter(state="pending").values_list("resource", "remote_id")
    return {(resource.partition(".")[2], pk) for resource, pk in rows}


def test_changes_in_the_logs_are_found_and_told_once(polled) -> None:
    write(polled, "contacts/edit", contact_id=1, vars=NAMES)
    write(polled, "services/suspend", service_id=1)
    write(polled, "transactions/edit", transaction_id=1, vars={"status": "void"})
    write(polled, "clients/setClientSettings", client_id=1, vars={"language": "de_de"})
    poll()
    assert hinted() == {("contact", 1), ("service", 1), ("transaction", 1), ("client", 1)}
    assert poll() == 0
    assert hints.follow() is None
    assert (Contact.objects.get().first_name, Service.objects.get().status) == ("Grace", "suspended")


def test_a_second_change_in_the_same_second_is_told_too(polled) -> None:
    for name in ("Grace", "Edith"):
        write(polled, "contacts/edit", contact_id=1, vars={**NAMES, "first_name": name})
        poll()
        assert ("contact", 1) in hinted()
        hints.follow()
    assert Contact.objects.get().first_name == "Edith"


def test_an_entry_that_was_committed_late_is_still_seen(polled) -> None:
    """It bears the time at which its process began to write it, and others have overtaken it."""
    write(polled, "contacts/edit", contact_id=1, vars=NAMES)
    poll()
    late = {"contact_id": 1, "date_changed": polled.clock.now() - timedelta(minutes=4), "fields": {}}
    polled.state.insert("log_contact", **late)
    assert poll() == 1
    polled.state.insert("log_contact", **{**late, "date_changed": polled.clock.now() - timedelta(minutes=6)})
    assert poll() == 0


def test_new_rows_are_found_at_the_end_of_their_lists(polled) -> None:
    client = polled.add_client()
    polled.add_invoice(client["id"])
    polled.add_service(client["id"])
    poll()
    assert hinted() == {("client", 2), ("invoice", 2), ("service", 2), ("package", 2)}
    assert set(Hint.objects.values_list("source", flat=True)) == {"probe"}
    hints.follow()
    assert (Client.objects.count(), Invoice.objects.count(), Service.objects.count()) == (2, 2, 2)


def test_more_new_rows_than_a_page_are_all_found(polled) -> None:
    polled.switches.page_size = 5
    pks = {polled.add_client()["id"] for _ in range(23)}
    poll()
    assert {pk for name, pk in hinted() if name == "client"} == pks


def test_a_change_of_one_of_the_newest_rows_is_seen_in_passing(polled) -> None:
    polled.state.update("invoices", 1, status="void")
    assert poll() == 1
    assert hinted() == {("invoice", 1)}


def test_what_blesta_could_not_deliver_is_in_its_log(polled) -> None:
    webhook = polled.add_webhook("http://127.0.0.1:9/nobody")
    polled.webhooks.emit("Clients.editAfter", {"client_id": 1}, 1)
    polled.webhooks.emit("Nobody.knows", {"client_id": 1}, 1)
    log = {"webhook_id": webhook["id"], "response": "", "date_triggered": polled.clock.now()}
    polled.state.insert("webhook_logs", **log, event="Clients.edit", fields='{"client_id":9}', http_response=202)
    polled.state.insert("webhook_logs", **log, event="Clients.edit", fields="{broken", http_response=500)
    polled.state.insert(
        "webhook_logs", **log, event="Clients.edit", fields='{"client_id":8}', http_response=500, type="incoming"
    )
    assert poll() == 1
    assert hinted() == {("client", 1)}


def test_hints_and_mark_are_written_together_or_not_at_all(polled) -> None:
    polled.clock.advance(minutes=1)
    write(polled, "contacts/edit", contact_id=1, vars=NAMES)
    mark = feed("contact changes").mark

    def end(execute: Any, sql: str, *words: Any) -> Any:
        if sql.startswith("UPDATE") and "blesta_feed" in sql:
            raise RuntimeError("the process ends here")
        return execute(sql, *words)

    with connection.execute_wrapper(end), pytest.raises(RuntimeError):
        poll()
    assert feed("contact changes").mark == mark
    assert hinted() == set()
    poll()
    assert feed("contact changes").mark > mark
    assert ("contact", 1) in hinted()


def test_a_feed_that_is_not_there_is_off_and_says_why(told) -> None:
    told.add_client()
    sync.run([Client])
    told.switches.missing_plugin = "webhooks"
    poll()
    assert feed("failed deliveries").state == Feed.State.OFF
    assert "webhooks" in feed("failed deliveries").error.lower()
    assert set(Feed.objects.exclude(name="failed deliveries").values_list("state", flat=True)) == {Feed.State.ON}
    told.switches.missing_plugin = False
    told.requests.clear()
    poll()
    assert not [one for one in told.requests if "Webhooks" in one.model]
    Feed.objects.update(since=timezone.now() - timedelta(days=2))
    poll()
    assert feed("failed deliveries").state == Feed.State.ON


@pytest.mark.parametrize("position", ["ignored", "error"])
def test_a_list_that_cannot_be_had_newest_first_is_off(position: Any, told) -> None:
    told.add_client()
    told.add_client()
    told.switches.order_by = position
    poll()
    assert feed("new client rows").state == Feed.State.OFF
    assert "order" in feed("new client rows").error


def test_an_order_by_the_qualified_column_will_do(told) -> None:
    told.add_client()
    told.switches.order_by = "qualified_only"
    poll()
    assert feed("new client rows").state == Feed.State.ON


def test_an_entry_without_its_inferred_columns_is_enough(polled) -> None:
    polled.switches.inferred_columns = "absent"
    poll()
    hints.follow()
    write(polled, "contacts/edit", contact_id=1, vars=NAMES)
    poll()
    assert ("contact", 1) in hinted()


def test_blesta_being_away_is_raised_and_changes_no_mark(polled) -> None:
    marks = list(Feed.objects.values_list("name", "mark", "state"))
    polled.fail(status=503, body='{"message": "unavailable due to maintenance"}', times=None, model="Logs")
    with pytest.raises(Unavailable):
        poll()
    assert list(Feed.objects.values_list("name", "mark", "state")) == marks


def test_feeds_can_be_switched_off(polled, settings) -> None:
    settings.BLESTA = {**settings.BLESTA, "FEEDS": False}
    write(polled, "contacts/edit", contact_id=1, vars=NAMES)
    polled.requests.clear()
    assert poll() == 0
    assert {one.model for one in polled.requests} == {"Companies"}


def test_the_task_polls_and_follows(polled) -> None:
    write(polled, "contacts/edit", contact_id=1, vars=NAMES)
    tasks.poll()
    assert Contact.objects.get().first_name == "Grace"


def test_logs_of_what_changed_are_read_for_ids_alone(polled) -> None:
    """The mark and the names of entries near it are all that stays."""
    write(polled, "contacts/edit", contact_id=1, vars={**NAMES, "last_name": "Canary-4711"})
    poll()
    kept = str(list(Feed.objects.values())) + str(list(Hint.objects.values()))
    assert "Canary" not in kept
    assert "Grace" not in kept
