"""What becomes of open outcomes: found, not found, not to be found; by one worker of many; by a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from django_blesta import signals, tasks
from django_blesta.exceptions import NotAllowed, OutcomeUnknown, Rejected
from django_blesta.models import Client, Contact, ContactNumber, Operation, User
from django_blesta.operations import call, clients, contacts, correlated, errors, reconcile, settle, users
from tests.operations.conftest import writes
from tests.operations.shop import ada, later, shop, the_operation
from tests.operations.test_journal import in_threads

__all__ = ["shop"]

pytestmark = pytest.mark.django_db

State = Operation.State
GRACE = {"first_name": "Grace", "last_name": "Hopper", "email": "grace@example.com"}


def person() -> Contact:
    return Contact.objects.get(pk=1)


def number(simulator) -> ContactNumber:
    from django_blesta import sync

    if not simulator.state.tables["contact_numbers"]:
        simulator.add_number(1)
    sync.refresh(ContactNumber, 1)
    simulator.requests.clear()
    return ContactNumber.objects.get(pk=1)


def other(simulator) -> Contact:
    from django_blesta import sync

    pk = simulator.add_contact(1)["id"]
    sync.refresh(Contact, pk)
    simulator.requests.clear()
    return Contact.objects.get(pk=pk)


CHANGES = {
    "contacts.edit": lambda blesta: contacts.edit(person(), changes={"city": "Paris", "title": ""}),
    "contacts.add": lambda blesta: contacts.add(ada(), contact=GRACE),
    "contacts.delete": lambda blesta: contacts.delete(other(blesta)),
    "contacts.add_number": lambda blesta: contacts.add_number(person(), number="1"),
    "contacts.edit_number": lambda blesta: contacts.edit_number(number(blesta), number="2"),
    "contacts.delete_number": lambda blesta: contacts.delete_number(number(blesta)),
    "contacts.set_permissions": lambda blesta: contacts.set_permissions(person(), areas=["client_invoices"]),
    "clients.edit": lambda blesta: clients.set_status(ada(), "inactive"),
    "clients.set_settings": lambda blesta: clients.set_settings(ada(), settings={"receive_email_marketing": "false"}),
    "clients.create": lambda blesta: clients.create(
        ada().client_group, username="grace", password="correct horse", contact=GRACE
    ),
    "users.change_username": lambda blesta: users.change_username(User.objects.get(pk=1), username="lovelace"),
}


@pytest.mark.parametrize("arrived", [True, False])
@pytest.mark.parametrize("kind", CHANGES)
def test_open_outcome_is_decided_by_what_blesta_shows(shop, kind, arrived):
    shop.fail(verb="POST", close=True, after_effect=arrived)
    with pytest.raises(OutcomeUnknown):
        CHANGES[kind](shop)
    assert the_operation().kind == kind
    assert the_operation().state == State.UNKNOWN
    reconcile(now=later(seconds=3700))
    operation = the_operation()
    assert operation.state == (State.SUCCEEDED if arrived else State.FAILED), operation.evidence
    assert len(writes(shop)) == 1
    for value in ("Paris", "Grace", "grace", "correct horse", "lovelace"):
        assert value not in repr(Operation.objects.values().get())


@pytest.mark.parametrize("kind", CHANGES)
def test_change_succeeds(shop, kind):
    assert CHANGES[kind](shop).operation.state == State.SUCCEEDED
    assert the_operation().milliseconds >= 0


def test_password_cannot_be_looked_up_so_a_person_decides(shop):
    shop.fail(model="Users", method="edit", close=True)
    login = User.objects.get(pk=1)
    with pytest.raises(OutcomeUnknown):
        users.change_password(login, current_password="old secret", new_password="new secret", token="once")
    reconcile()
    assert the_operation().state == State.NEEDS_HUMAN
    assert "secret" not in repr(Operation.objects.values().get())
    with pytest.raises(OutcomeUnknown) as caught:
        users.change_password(login, current_password="old secret", new_password="new secret", token="once")
    assert caught.value.reason == "needs-human"
    assert errors.sentence_of(the_operation()) == errors.IN_HANDS


@pytest.mark.parametrize("happened", [True, False])
def test_person_decides_once(shop, django_user_model, happened):
    shop.fail(model="Users", method="edit", close=True)
    with pytest.raises(OutcomeUnknown):
        users.change_password(User.objects.get(pk=1), current_password="old", new_password="new secret")
    reconcile()
    staff = django_user_model.objects.create_user("staff")
    assert settle(the_operation(), happened=happened, actor=staff)
    assert the_operation().state == (State.SUCCEEDED if happened else State.FAILED)
    assert f"({staff.pk})" in the_operation().evidence[-1]["said"]
    assert not settle(the_operation(), happened=not happened, actor=staff)


def test_login_that_had_the_user_name_before_is_not_taken_for_the_new_one(shop):
    shop.fail(model="Clients", method="create", close=True)
    username = shop.state.tables["users"][2]["username"]
    with pytest.raises(OutcomeUnknown):
        clients.create(ada().client_group, username=username, password="correct horse", contact=GRACE)
    reconcile(now=later(seconds=3700))
    assert the_operation().state == State.FAILED


def test_row_of_a_dead_process_is_looked_into(shop):
    contacts.edit(person(), changes={"city": "Paris"})
    keys = {"columns": [], "seal": ""}
    Operation.objects.update(
        state=State.SENDING, step=0, in_doubt=True, sent_at=timezone.now() - timedelta(hours=2), probe_keys=keys
    )
    reconcile()
    assert the_operation().state == State.FAILED
    assert the_operation().looks == 1


def test_kind_that_this_version_does_not_know_is_for_a_person(shop):
    Operation.objects.create(token="x", kind="plugin.thing", state=State.UNKNOWN, created_at=timezone.now())
    reconcile()
    assert the_operation().state == State.NEEDS_HUMAN


def test_row_of_an_older_version_without_keys_is_for_a_person(shop, caplog):
    now = timezone.now() - timedelta(days=1)
    Operation.objects.create(
        token="x", kind="contacts.edit", state=State.UNKNOWN, created_at=now, target_id=1, in_doubt=True
    )
    reconcile()
    assert the_operation().state == State.NEEDS_HUMAN
    assert "KeyError" in the_operation().evidence[-1]["said"]


def test_look_that_was_broken_off_is_taken_up_again(shop):
    shop.fail(model="Contacts", method="edit", close=True, after_effect=True)
    with pytest.raises(OutcomeUnknown):
        contacts.edit(person(), changes={"city": "Paris"})
    Operation.objects.update(state=State.RECONCILING, next_look_at=timezone.now() + timedelta(minutes=5))
    assert reconcile() == []
    reconcile(now=later(minutes=6))
    assert the_operation().state == State.SUCCEEDED


@pytest.mark.django_db(transaction=True)
@pytest.mark.every_database
def test_two_that_look_at_once_look_once(shop):
    shop.fail(model="Contacts", method="edit", close=True, after_effect=True)
    with pytest.raises(OutcomeUnknown):
        contacts.edit(person(), changes={"city": "Paris"})
    held = shop.fail(model="Contacts", method="get", hold=True)

    def second() -> Any:
        assert held.wait_until_hit()
        try:
            return reconcile()
        finally:
            held.release()

    _, late = in_threads(reconcile, second)
    assert late == []
    assert (the_operation().state, the_operation().looks) == (State.SUCCEEDED, 1)


def test_task_is_named_and_does_it(shop):
    shop.fail(model="Contacts", method="edit", close=True, after_effect=True)
    with pytest.raises(OutcomeUnknown):
        contacts.edit(person(), changes={"city": "Paris"})
    assert tasks.reconcile.name == "django_blesta.reconcile"
    tasks.reconcile()
    assert the_operation().state == State.SUCCEEDED
    assert "django_blesta reconcile default" in tasks.beat_schedule()


def test_correlation_id_of_the_request_is_in_the_journal(shop):
    with correlated("req-7"):
        contacts.edit(person(), changes={"city": "Paris"})
    contacts.edit(person(), changes={"city": "Rome"})
    assert list(Operation.objects.order_by("pk").values_list("correlation_id", flat=True)) == ["req-7", ""]


def test_end_is_told_after_it_is_written_down(shop):
    heard: list[tuple[str, str]] = []

    def listen(sender: Any, operation: Operation, using: str, **kwargs: Any) -> None:
        heard.append((Operation.objects.using(using).get(pk=operation.pk).state, operation.kind))

    signals.operation_finished.connect(listen)
    try:
        contacts.edit(person(), changes={"city": "Paris"})
        with pytest.raises(Rejected):
            contacts.edit(person(), changes={"email": "no"})
    finally:
        signals.operation_finished.disconnect(listen)
    assert heard == [("succeeded", "contacts.edit"), ("failed", "contacts.edit")]


class TestDryRun:
    def test_errors_are_told_and_nothing_is_changed_or_written_down(self, shop):
        wrong = contacts.edit(person(), changes={"email": "nobody"}, validate_only=True)
        assert [(one.field, one.code) for one in wrong.errors] == [("email", "format")]
        new = contacts.add(ada(), contact=GRACE | {"first_name": ""}, validate_only=True)
        assert [(one.field, one.code) for one in new.errors] == [("first_name", "empty")]
        made = clients.create(
            ada().client_group, username="", password="correct horse", contact=GRACE, validate_only=True
        )
        assert [(one.field, one.code) for one in made.errors] == [("username", "empty")]
        assert contacts.edit(person(), changes={"city": "Paris"}, validate_only=True).errors == ()
        assert not Operation.objects.exists()
        assert shop.state.tables["contacts"][1]["city"] is None

    def test_password_is_in_no_address(self, shop):
        clients.create(ada().client_group, username="x", password="correct horse", contact=GRACE, validate_only=True)
        assert [one.verb for one in shop.requests if one.method == "validateCreation"] == ["POST"]

    def test_operation_without_one_says_so(self, shop):
        with pytest.raises(ValueError, match="no dry run"):
            contacts.delete(person(), validate_only=True)


class TestCall:
    @pytest.fixture(autouse=True)
    def allowed(self, shop, settings):
        settings.BLESTA = settings.BLESTA | {"ALLOW": ["Contacts.delete", "Accounts.addCc"]}

    def test_call_that_is_listed_is_made_with_a_journal(self, shop):
        contact = other(shop)
        result = call("Contacts.delete", {"contact_id": contact.pk}, about=contact)
        assert result.answer is None
        assert contact.pk not in shop.state.tables["contacts"]
        assert (the_operation().kind, the_operation().target_id) == ("call Contacts.delete", contact.pk)

    def test_call_that_is_not_listed_is_refused(self, shop):
        with pytest.raises(NotAllowed):
            call("Clients.delete", {"client_id": 1})
        assert writes(shop) == []

    def test_open_outcome_is_a_persons(self, shop):
        shop.fail(model="Contacts", method="delete", close=True)
        with pytest.raises(OutcomeUnknown):
            call("Contacts.delete", {"contact_id": 1}, token="once")
        reconcile()
        assert the_operation().state == State.NEEDS_HUMAN
        assert the_operation().evidence[-1]["said"] == "Blesta shows nothing by which this change could be found."

    def test_rejection_is_raised_as_ever(self, shop):
        with pytest.raises(Rejected) as caught:
            call("Contacts.delete", {"contact_id": 1})
        assert [one.code for one in caught.value.errors] == ["primary"]

    def test_card_numbers_are_not_passed_on(self, shop):
        with pytest.raises(ValueError, match="card_number"):
            call("Accounts.addCc", {"vars": {"card_number": "4111111111111111"}})
        assert not Operation.objects.exists()


def test_client_is_deleted_only_when_his_number_is_said_again(shop):
    with pytest.raises(ValueError, match="the very client"):
        clients.delete(ada(), confirmed_number="1")
    with pytest.raises(Rejected) as caught:
        clients.delete(ada(), confirmed_number=ada().id_code)
    assert [one.code for one in caught.value.errors] == ["deleteable"]
    assert Client.objects.filter(pk=1).exists()


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction_nothing_is_looked_into(shop):
    Operation.objects.create(
        token="x", kind="contacts.edit", state=State.UNKNOWN, created_at=timezone.now(), target_id=1
    )
    with transaction.atomic(), pytest.raises(RuntimeError):
        reconcile()
    assert the_operation().state == State.UNKNOWN
