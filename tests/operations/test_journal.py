"""The journal's promises where they are hard to keep: transactions, two at once, a killed process, a lost database."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.test import RequestFactory
from django.utils import timezone

from django_blesta.connection import observe
from django_blesta.exceptions import OutcomeUnknown
from django_blesta.models import Contact, Operation
from django_blesta.operations import Result, contacts, outside_transactions, overdue, state_of
from tests.operations.conftest import writes

KILLED = """
import ast, os, django
from django.conf import settings
settings.BLESTA = ast.literal_eval(os.environ["BLESTA_SETTING"])
django.setup()
from django_blesta.models import Contact
from django_blesta.operations import contacts
contacts.edit(Contact.objects.get(pk=1), changes={"city": "Paris"}, token="once")
"""


def in_threads(*calls: Callable[[], Any]) -> list[Any]:
    """What each returned or raised; every thread gives its database connection back."""
    outcomes: list[Any] = [None] * len(calls)

    def run(number: int) -> None:
        try:
            outcomes[number] = calls[number]()
        except Exception as error:
            outcomes[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return outcomes


@pytest.mark.django_db(transaction=True)
class TestTransactions:
    @pytest.mark.every_database
    def test_row_is_committed_before_the_request_arrives(self, billing, contact):
        seen: list[Any] = []
        held = billing.fail(model="Contacts", method="edit", hold=True)

        def look() -> None:
            assert held.wait_until_hit()
            seen.extend(Operation.objects.values_list("token", "state"))
            held.release()

        in_threads(lambda: contacts.edit(contact, changes={"city": "Paris"}, token="once"), look)
        assert seen == [("once", "sending")]
        assert Operation.objects.get().state == Operation.State.SUCCEEDED

    @pytest.mark.every_database
    def test_inside_a_transaction_it_refuses_and_says_what_to_do(self, billing, contact):
        with transaction.atomic(), pytest.raises(RuntimeError, match="outside_transactions"):
            contacts.edit(contact, changes={"city": "Paris"})
        assert billing.requests == []
        assert not Operation.objects.exists()

    def test_without_autocommit_it_refuses(self, billing, contact):
        transaction.set_autocommit(False)
        try:
            with pytest.raises(RuntimeError, match="outside_transactions"):
                contacts.edit(contact, changes={"city": "Paris"})
        finally:
            transaction.rollback()
            transaction.set_autocommit(True)
        assert billing.requests == []

    def test_no_request_leaves_inside_a_transaction(self, billing, contact):
        inside: list[bool] = []
        with observe(lambda call: inside.append(connection.in_atomic_block)):
            contacts.edit(contact, changes={"city": "Paris"})
        assert len(inside) >= 3
        assert not any(inside)

    def test_marked_view_works_under_atomic_requests(self, billing, contact, monkeypatch):
        from django.core.handlers.base import BaseHandler

        monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
        request = RequestFactory().post("/")

        def view(request: Any) -> Result:
            return contacts.edit(contact, changes={"city": "Paris"})

        with pytest.raises(RuntimeError, match="ATOMIC_REQUESTS"):
            BaseHandler().make_view_atomic(view)(request)
        assert BaseHandler().make_view_atomic(outside_transactions(view))(request).fresh

    @pytest.mark.postgresql("pg_terminate_backend is how the connection is lost")
    def test_database_connection_that_was_lost_meanwhile_is_made_again(self, billing, contact):
        pid = connection.connection.info.backend_pid

        def terminate(call: Any) -> None:
            if call.writes:
                in_threads(lambda: connection.cursor().execute("SELECT pg_terminate_backend(%s)", [pid]))

        with observe(terminate):
            result = contacts.edit(contact, changes={"city": "Paris"})
        assert result.operation.state == Operation.State.SUCCEEDED
        assert Operation.objects.get().state == Operation.State.SUCCEEDED
        assert connection.connection.info.backend_pid != pid


@pytest.mark.django_db(transaction=True)
@pytest.mark.every_database
class TestTwoAtOnce:
    def test_second_click_while_the_first_is_under_way_sends_nothing(self, billing, contact):
        held = billing.fail(model="Contacts", method="edit", hold=True)

        def second() -> Result:
            assert held.wait_until_hit()
            try:
                return contacts.edit(contact, changes={"city": "Paris"}, token="once")
            finally:
                held.release()

        first, late = in_threads(lambda: contacts.edit(contact, changes={"city": "Paris"}, token="once"), second)
        assert isinstance(first, Result)
        assert isinstance(late, OutcomeUnknown)
        assert late.reason == "in-flight"
        assert writes(billing) == ["Contacts.edit"]

    def test_clicks_at_the_same_instant_send_one_request(self, billing, contact):
        barrier = threading.Barrier(4)

        def click() -> Result:
            barrier.wait(10)
            return contacts.edit(Contact.objects.get(pk=1), changes={"city": "Paris"}, token="once")

        outcomes = in_threads(click, click, click, click)
        assert writes(billing) == ["Contacts.edit"]
        assert Operation.objects.count() == 1
        sent = [one for one in outcomes if isinstance(one, Result) and not one.repeated]
        assert len(sent) == 1
        rest = [one for one in outcomes if one is not sent[0]]
        assert all(isinstance(one, Result) or one.reason == "in-flight" for one in rest), rest

    def test_second_try_after_nothing_was_sent_is_sent_once(self, billing, contact):
        billing.switches.maintenance = "503"
        with pytest.raises(Exception, match="maintenance"):
            contacts.edit(contact, changes={"city": "Paris"}, token="once")
        billing.switches.maintenance = "off"
        billing.requests.clear()
        barrier = threading.Barrier(3)

        def click() -> Result:
            barrier.wait(10)
            return contacts.edit(Contact.objects.get(pk=1), changes={"city": "Paris"}, token="once")

        in_threads(click, click, click)
        assert writes(billing) == ["Contacts.edit"]
        assert Operation.objects.get().attempts == 2


@pytest.mark.django_db(transaction=True)
class TestDeadProcess:
    @pytest.mark.every_database
    def test_process_killed_between_request_and_answer_leaves_sending_which_grows_unknown(
        self, billing, contact, settings
    ):
        held = billing.fail(model="Contacts", method="edit", hold=True, after_effect=True)
        environ = os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "BLESTA_TEST_DATABASE_NAME": str(connection.settings_dict["NAME"]),
            "BLESTA_SETTING": repr(settings.BLESTA),
        }
        process = subprocess.Popen([sys.executable, "-c", KILLED], env=environ)  # noqa: S603  (our own words)
        try:
            assert held.wait_until_hit(timeout=30)
        finally:
            process.kill()
            process.wait(10)
            held.release()
        operation = Operation.objects.get()
        assert operation.state == Operation.State.SENDING
        assert state_of(operation) == Operation.State.SENDING
        assert not overdue().exists()

        Operation.objects.update(sent_at=timezone.now() - timedelta(minutes=10))
        operation.refresh_from_db()
        assert state_of(operation) == Operation.State.UNKNOWN
        assert list(overdue()) == [operation]

        billing.requests.clear()
        with pytest.raises(OutcomeUnknown) as caught:
            contacts.edit(contact, changes={"city": "Paris"}, token="once")
        assert caught.value.reason == "interrupted"
        assert billing.requests == []


@pytest.mark.django_db
class TestMistakes:
    def test_interrupt_after_sending_is_unknown(self, contact):
        def interrupt(call: Any) -> None:
            if call.writes:
                raise KeyboardInterrupt

        with observe(interrupt), pytest.raises(KeyboardInterrupt):
            contacts.edit(contact, changes={"city": "Paris"})
        row = Operation.objects.get()
        assert (row.state, row.outcome) == (Operation.State.UNKNOWN, "KeyboardInterrupt")

    def test_mistake_before_sending_is_failed_and_may_be_sent_later(self, billing, contact):
        def stumble(call: Any) -> None:
            raise KeyboardInterrupt

        with observe(stumble), pytest.raises(KeyboardInterrupt):
            contacts.edit(contact, changes={"city": "Paris"}, token="once")
        row = Operation.objects.get()
        assert (row.state, row.outcome) == (Operation.State.FAILED, "KeyboardInterrupt")
        assert contacts.edit(contact, changes={"city": "Paris"}, token="once").operation.attempts == 2
        assert writes(billing) == ["Contacts.edit"]

    def test_value_that_cannot_be_sent_is_raised_before_anything_is_written_down(self, billing, contact):
        with pytest.raises(ValueError, match="last_name"):
            contacts.edit(contact, changes={"last_name": "\ud800"})
        assert billing.requests == []
        assert not Operation.objects.exists()


def test_an_answer_that_cannot_be_written_down_is_told_as_unknown(billing, contact):
    """Blesta has the change; the database fails just then. The row stays "sending", and nobody hears that it failed."""

    def fail_to_record(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE") and "operation" in sql and Operation.State.SUCCEEDED in map(str, params):
            raise DatabaseError("disk full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail_to_record), pytest.raises(OutcomeUnknown) as raised:
        contacts.edit(contact, changes={"city": "Paris"}, token="once")
    assert raised.value.reason == "not-recorded"
    assert Operation.objects.get().state == Operation.State.SENDING
    assert writes(billing) == ["Contacts.edit"]
