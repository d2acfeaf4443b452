"""Nothing that speaks of the person is left in any local table, and nobody else is touched."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.utils import timezone

from django_blesta import sync
from django_blesta.models import Change, Client, ClientLink, Contact, Operation, QuarantinedRow, User, mirrors
from django_blesta.sync.erase import StillOpen, erase
from tests import rows

pytestmark = pytest.mark.django_db


def everything() -> dict[str, list[Any]]:
    return {
        model._meta.label: sorted(map(repr, model._base_manager.values_list()))
        for model in apps.get_app_config("django_blesta").get_models()
        if not model._meta.proxy
    }


@pytest.mark.parametrize("blesta_simulator", [{"clients": 6}], indirect=True)
def test_no_word_of_the_person_is_left_in_any_table(blesta: Any) -> None:
    canary = "Zxqwvk"
    someone = blesta.add_client(first_name=canary, last_name=canary, email=f"{canary}@example.org")
    invoice = blesta.add_invoice(someone["id"], [{"description": f"Hosting of {canary}", "amount": "5.00"}])
    blesta.add_transaction(someone["id"], "5.00", invoice_id=invoice["id"], message=canary)
    sync.run()
    person = Client.objects.get(pk=someone["id"])
    contact = Contact.objects.get(pk=person.contact_id)
    ClientLink.objects.create(user=rows.site_user(), client_id=person.pk)
    Operation.objects.create(
        token="t",
        kind="contacts.edit",
        state="succeeded",
        client_id=person.pk,
        probe_keys={"email": f"{canary}@example.org"},
        evidence=[f"{canary} has it"],
        request_digest="d",
        created_at=timezone.now(),
    )
    Change.objects.create(
        resource="django_blesta.contact", remote_id=str(contact.pk), column="city", new=canary, at=timezone.now()
    )
    QuarantinedRow.objects.create(
        resource="django_blesta.invoice",
        remote_id=str(invoice["id"]),
        code="x",
        sentence="y",
        last_seen_at=timezone.now(),
    )
    others = {model: model._base_manager.count() for model in mirrors()}
    assert canary in str(everything())

    counted = erase(person.pk)

    assert counted
    assert canary not in str(everything())
    assert not Client.objects.filter(pk=person.pk).exists()
    assert not ClientLink.objects.exists()
    assert not QuarantinedRow.objects.exists()
    assert Operation.objects.get().kind == "contacts.edit"
    assert Client.objects.count() == others[Client] - 1


@pytest.mark.parametrize("blesta_simulator", [{"clients": 6}], indirect=True)
def test_twice_is_once(blesta: Any) -> None:
    sync.run()
    pk = Client.objects.earliest("pk").pk
    erase(pk)
    after = everything()

    assert erase(pk) == {}
    assert everything() == after


def test_rows_of_others_stay_and_so_do_logins_that_are_shared() -> None:
    login = rows.row(User, username="shared")
    mine, theirs = rows.client(user=login), rows.client(user=login)
    kept = rows.line(rows.invoice(theirs))
    rows.line(rows.invoice(mine))

    erase(mine.pk)

    assert list(Client.objects.all()) == [theirs]
    assert type(kept).objects.get() == kept
    assert User.objects.get() == login


@pytest.mark.parametrize("state", ["sending", "unknown", "needs_human"])
def test_open_outcome_keeps_everything(state: str) -> None:
    person = rows.client()
    Operation.objects.create(token="t", kind="x", state=state, client_id=person.pk, created_at=timezone.now())

    with pytest.raises(StillOpen):
        erase(person.pk)
    assert Client.objects.filter(pk=person.pk).exists()


def test_what_is_queued_is_not_sent_any_more() -> None:
    person = rows.client()
    Operation.objects.create(
        token="t",
        kind="contacts.edit",
        state="queued",
        client_id=person.pk,
        queued_arguments={"vars": {"city": "Rome"}},
        live_key="k",
        created_at=timezone.now(),
    )
    erase(person.pk)

    operation = Operation.objects.get()
    assert (operation.state, operation.queued_arguments, operation.live_key) == ("failed", None, None)


def test_every_table_that_names_a_client_is_known() -> None:
    """A new table with a client in it must be erased too: this list is the reminder."""
    named = {
        model.__name__
        for model in apps.get_app_config("django_blesta").get_models()
        if not model._meta.proxy
        and model not in mirrors()
        and {"client", "client_id"} & {field.name for field in model._meta.concrete_fields}
    }
    assert named == {"ClientLink", "Operation"}


def command(*words: str) -> str:
    out = StringIO()
    call_command("blesta_erase", *words, "--no-input", stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("blesta_simulator", [{"clients": 3}], indirect=True)
def test_command_refuses_while_blesta_has_the_client(blesta: Any) -> None:
    sync.run([Client])
    pk = Client.objects.earliest("pk").pk
    with pytest.raises(CommandError, match="--anyway"):
        command(str(pk))
    blesta.switches.set(maintenance="503")
    with pytest.raises(CommandError, match="could not be asked"):
        command(str(pk))
    assert Client.objects.filter(pk=pk).exists()

    assert "clients: 1" in command(str(pk), "--anyway")
    assert "Nothing of client" in command(str(pk), "--anyway")
