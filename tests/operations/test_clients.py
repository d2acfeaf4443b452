from __future__ import annotations

import pytest

from django_blesta.exceptions import OutcomeUnknown, Rejected
from django_blesta.models import Client, ClientGroup, Contact, Operation, User
from django_blesta.operations import clients
from django_blesta.operations.errors import complaints
from tests.operations.conftest import writes

pytestmark = pytest.mark.django_db

GRACE = {"first_name": "Grace", "last_name": "Hopper", "email": "grace@example.com", "company_name": "Navy"}


@pytest.fixture
def group(contact) -> ClientGroup:
    return ClientGroup.objects.get(pk=1)


def test_new_client_is_in_blesta_and_in_the_mirror(billing, group, ada):
    result = clients.create(
        group,
        username="grace",
        password="correct horse",
        contact=GRACE,
        numbers=[{"number": "+1 555 0100", "type": "phone", "location": "work"}],
        settings={"language": "en_us"},
        actor=ada,
    )
    client = Client.objects.get(pk=result.ids["client_id"])
    assert result.fresh
    assert (client.first_name, client.company_name, client.client_group_id) == ("Grace", "Navy", 1)
    assert Contact.objects.get(client=client).email == "grace@example.com"
    assert User.objects.get(pk=client.user_id).username == "grace"
    assert billing.state.where("contact_numbers", number="+1 555 0100")
    assert Operation.objects.get().client_id == client.pk


def test_journal_holds_neither_password_nor_name(billing, group):
    clients.create(group, username="grace", password="correct horse", contact=GRACE)
    row = repr(Operation.objects.values().get())
    assert "vars[new_password]" in row
    for value in ("correct horse", "grace", "Grace", "Hopper"):
        assert value not in row


def test_rules_of_blesta_are_raised_with_their_codes(group):
    with pytest.raises(Rejected) as caught:
        clients.create(group, username="", password="123", contact=GRACE | {"first_name": ""})
    found = complaints(caught.value, fields=["username", "new_password", "first_name"])
    assert {name: [one.code for one in listed] for name, listed in found.items()} == {
        "username": ["empty"],
        "new_password": ["format"],
        "first_name": ["empty"],
    }


@pytest.mark.parametrize(
    "body", ['{"response":null}', '{"response":false}', '{"response":{"id":"x"}}', '{"response":[]}']
)
def test_answer_without_the_client_is_unknown(billing, group, body):
    billing.fail(model="Clients", method="create", body=body)
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            clients.create(group, username="grace", password="correct horse", contact=GRACE, token="once")
    assert writes(billing) == ["Clients.create"]
    assert Operation.objects.get().state == Operation.State.UNKNOWN


def test_answer_that_is_only_an_id_is_understood(billing, group):
    billing.fail(model="Clients", method="create", body='{"response":"1"}')
    result = clients.create(group, username="grace", password="correct horse", contact=GRACE)
    assert result.ids == {"client_id": 1}


def test_second_submission_creates_no_second_client(billing, group):
    for _ in range(2):
        result = clients.create(group, username="grace", password="correct horse", contact=GRACE, token="once")
    assert result.repeated
    assert len(billing.state.tables["clients"]) == 2


def test_column_that_a_contact_lacks_is_refused(billing, group):
    with pytest.raises(ValueError, match="knows no status"):
        clients.create(group, username="grace", password="x", contact={"status": "active"})
    assert writes(billing) == []
