from __future__ import annotations

import pytest

from django_blesta.exceptions import Misunderstood, NotAllowed, OutcomeUnknown, Rejected, Unavailable
from django_blesta.models import Client, Contact, ContactNumber, Operation
from django_blesta.operations import TokenReused, contacts
from tests.operations.conftest import writes

pytestmark = pytest.mark.django_db


def the_operation() -> Operation:
    return Operation.objects.get()


class TestEdit:
    @pytest.mark.every_database
    def test_change_is_in_blesta_and_in_the_mirror(self, billing, contact, ada):
        result = contacts.edit(contact, changes={"city": "Paris", "company_name": ""}, actor=ada)
        assert billing.state.tables["contacts"][1]["city"] == "Paris"
        assert billing.state.tables["contacts"][1]["company"] is None
        assert (result.repeated, result.fresh, result.differs) == (False, True, ())
        contact.refresh_from_db()
        assert (contact.city, contact.company_name) == ("Paris", "")
        assert Client.objects.get(pk=1).city == "Paris"

    def test_whole_contact_is_sent_without_what_is_empty(self, billing, contact):
        contacts.edit(contact, changes={"city": "Paris"})
        (sent,) = [one.arguments for one in billing.requests if one.method == "edit"]
        assert sent["contact_id"] == "1"
        assert sent["vars"] == {
            "first_name": "Ada",
            "last_name": "Byron",
            "company": "Analytical Engines",
            "email": "ada@example.com",
            "address1": "12 St James's Square",
            "city": "Paris",
            "zip": "SW1Y 4JH",
            "country": "GB",
            "contact_type": "primary",
        }

    def test_what_staff_changed_since_the_last_sync_stays(self, billing, contact):
        with billing.state.lock:
            billing.state.update("contacts", 1, address1="1 High Street")
        contacts.edit(contact, changes={"city": "Paris"})
        assert billing.state.tables["contacts"][1]["address1"] == "1 High Street"
        assert billing.state.tables["contacts"][1]["city"] == "Paris"

    def test_unknown_column_or_other_than_text_is_refused_before_anything(self, billing, contact):
        with pytest.raises(ValueError, match="cannot change status"):
            contacts.edit(contact, changes={"status": "active"})
        with pytest.raises(TypeError, match="takes text"):
            contacts.edit(contact, changes={"city": None})  # type: ignore[dict-item]  # the mistake under test
        assert billing.requests == []
        assert not Operation.objects.exists()

    def test_value_that_blesta_does_not_take_over_at_once_is_named(self, billing, contact):
        billing.fail(model="Contacts", method="edit", body='{"response":{"id":1}}')
        result = contacts.edit(contact, changes={"email": "new@example.com", "city": "London"})
        assert result.differs == ("email",)

    def test_mirror_that_cannot_be_read_again_does_not_make_it_a_failure(self, billing, contact):
        billing.fail(model="Contacts", method="get", skip=1, times=None, status=503, body="{}")
        result = contacts.edit(contact, changes={"city": "Paris"})
        assert (result.operation.state, result.fresh) == (Operation.State.SUCCEEDED, False)

    @pytest.mark.parametrize("text", ["Zoë 🦉 O'Neill & Søn", "名前", "a" * 255, "100% <b>", "x=1&vars[email]=y"])
    def test_text_arrives_as_it_was_given(self, billing, contact, text):
        contacts.edit(contact, changes={"last_name": text})
        assert billing.state.tables["contacts"][1]["last_name"] == text
        assert Contact.objects.get(pk=1).last_name == text


class TestJournal:
    def test_success_is_written_down_without_a_value(self, billing, contact, ada):
        contacts.edit(contact, changes={"email": "lovelace@example.com", "city": "Paris"}, actor=ada, token="once")
        row = Operation.objects.values().get()
        assert {name: row[name] for name in ("token", "kind", "state", "resource", "target_id", "client_id")} == {
            "token": "once",
            "kind": "contacts.edit",
            "state": "succeeded",
            "resource": "django_blesta.contact",
            "target_id": 1,
            "client_id": 1,
        }
        assert row["actor_id"] == ada.pk
        assert row["argument_names"] == ["contact_id", "vars[city]", "vars[email]"]
        assert row["sent_at"] <= row["finished_at"]
        for value in ("lovelace", "Paris", "ada@", "Byron"):
            assert value not in repr(row)

    def test_rejection_is_written_down_as_codes(self, billing, contact):
        with pytest.raises(Rejected):
            contacts.edit(contact, changes={"email": "not-an-address", "last_name": ""})
        row = the_operation()
        assert (row.state, row.outcome) == (Operation.State.FAILED, "Rejected")
        assert sorted(row.errors) == [["email", "format"], ["last_name", "empty"]]
        assert "not-an-address" not in repr(Operation.objects.values().get())

    def test_digest_changes_with_the_secret_and_with_the_request(self, contact, settings):
        digests = set()
        for secret, city in (("one", "Paris"), ("two", "Paris"), ("two", "Rome")):
            settings.SECRET_KEY = secret
            digests.add(contacts.edit(contact, changes={"city": city}).operation.request_digest)
        assert len(digests) == 3

    def test_read_only_site_sends_nothing(self, billing, contact, settings):
        settings.BLESTA = settings.BLESTA | {"READ_ONLY": True}
        with pytest.raises(NotAllowed):
            contacts.edit(contact, changes={"city": "Paris"})
        assert writes(billing) == []
        assert (the_operation().state, the_operation().outcome) == (Operation.State.FAILED, "NotAllowed")


class TestToken:
    def test_second_submission_finds_the_first(self, billing, contact):
        first = contacts.edit(contact, changes={"city": "Paris"}, token="once")
        billing.requests.clear()
        second = contacts.edit(contact, changes={"city": "Paris"}, token="once")
        assert (first.repeated, second.repeated) == (False, True)
        assert second.operation.pk == first.operation.pk
        assert billing.requests == []

    def test_another_request_with_the_same_token_is_refused(self, billing, contact):
        contacts.edit(contact, changes={"city": "Paris"}, token="once")
        billing.requests.clear()
        with pytest.raises(TokenReused):
            contacts.edit(contact, changes={"city": "Rome"}, token="once")
        assert billing.requests == []
        assert the_operation().state == Operation.State.SUCCEEDED

    def test_token_is_recognised_after_the_secret_was_rotated(self, contact, settings):
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "old", []
        contacts.edit(contact, changes={"city": "Paris"}, token="once")
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["old"]
        assert contacts.edit(contact, changes={"city": "Paris"}, token="once").repeated

    def test_rejection_is_told_again_by_its_codes(self, billing, contact):
        for _ in range(2):
            with pytest.raises(Rejected) as caught:
                contacts.edit(contact, changes={"email": "no"}, token="once")
        assert [(one.field, one.code) for one in caught.value.errors] == [("email", "format")]
        assert writes(billing) == ["Contacts.edit"]

    @pytest.mark.parametrize("token", ["", "two words", "x" * 65, "nul\x00", "ü"])
    def test_token_that_is_none_is_refused(self, billing, contact, token):
        with pytest.raises(ValueError, match="A token is"):
            contacts.edit(contact, changes={"city": "Paris"}, token=token)
        assert billing.requests == []


class TestWhenNothingWasSent:
    def test_blesta_that_is_not_there_is_unavailable_and_the_same_token_may_be_sent_later(self, billing, contact):
        billing.stop()
        with pytest.raises(Unavailable) as caught:
            contacts.edit(contact, changes={"city": "Paris"}, token="once")
        assert caught.value.reason == "unreachable"
        assert (the_operation().state, the_operation().reason) == (Operation.State.FAILED, "unreachable")
        billing.start()
        result = contacts.edit(contact, changes={"city": "Paris"}, token="once")
        assert (result.repeated, result.operation.attempts) == (False, 2)
        assert writes(billing) == ["Contacts.edit"]
        assert the_operation().state == Operation.State.SUCCEEDED

    @pytest.mark.parametrize("position", ["503", "500"])
    def test_maintenance_is_unavailable(self, billing, contact, position):
        billing.switches.maintenance = position
        with pytest.raises(Unavailable) as caught:
            contacts.edit(contact, changes={"city": "Paris"})
        assert caught.value.reason == "maintenance"
        assert billing.state.tables["contacts"][1]["city"] == "London"
        assert the_operation().state == Operation.State.FAILED


MAY_HAVE_HAPPENED = {
    "500 after the effect": {"status": 500, "after_effect": True},
    "500": {"status": 500},
    "redirect": {"status": 302, "body": "", "headers": {"Location": "https://elsewhere.example/"}},
    "dropped": {"close": True, "after_effect": True},
    "cut short": {"truncate": 20},
    "a page": {"status": 200, "body": "<html>Fatal error</html>"},
    "throttled": {"status": 429, "body": "{}"},
    "false": {"status": 200, "body": '{"response":false}'},
}


@pytest.mark.parametrize("fault", MAY_HAVE_HAPPENED.values(), ids=MAY_HAVE_HAPPENED)
def test_answer_that_says_nothing_is_unknown_and_never_sent_again(billing, contact, fault):
    billing.fail(model="Contacts", method="edit", **fault)
    for _ in range(3):
        with pytest.raises(OutcomeUnknown):
            contacts.edit(contact, changes={"city": "Paris"}, token="once")
    assert writes(billing) == ["Contacts.edit"]
    assert (the_operation().state, the_operation().outcome) == (Operation.State.UNKNOWN, "OutcomeUnknown")


class TestAddNumber:
    def test_number_is_in_blesta_and_in_the_mirror(self, billing, contact):
        result = contacts.add_number(contact, number="+33 1 42 00 00 00", location="work")
        number = ContactNumber.objects.get(pk=result.ids["contact_number_id"])
        assert (number.number, number.type, number.location, number.contact_id) == (
            "+33 1 42 00 00 00",
            "phone",
            "work",
            1,
        )

    def test_rule_of_blesta_is_raised_with_its_code(self, contact):
        with pytest.raises(Rejected) as caught:
            contacts.add_number(contact, number="", type="telex")
        assert {(one.field, one.code) for one in caught.value.errors} == {("number", "empty"), ("type", "format")}

    def test_answer_without_an_id_is_unknown(self, billing, contact):
        billing.fail(model="Contacts", method="addNumber", body='{"response":null}')
        with pytest.raises(OutcomeUnknown):
            contacts.add_number(contact, number="1")
        assert the_operation().state == Operation.State.UNKNOWN


class TestStaleMirror:
    """The whole contact goes out, so it must be the one that Blesta holds."""

    @pytest.mark.parametrize("trouble", ["quarantined", "not-shown"])
    def test_nothing_is_sent_when_the_contact_cannot_be_read_just_before(self, billing, contact, trouble):
        billing.state.update("contacts", contact.pk, city="Newcity")
        if trouble == "quarantined":
            billing.state.tables["contacts"][contact.pk]["date_added"] = "nonsense"
        else:
            billing.fail(model="Contacts", method="get", body='{"response":null}')
        with pytest.raises(Misunderstood, match="nothing was sent"):
            contacts.edit(contact, changes={"title": "Dr"})
        assert billing.state.tables["contacts"][contact.pk]["city"] == "Newcity"
        assert Operation.objects.get().state == Operation.State.FAILED
