from __future__ import annotations

import pytest
from django.http import QueryDict
from django.utils.http import urlencode

from django_blesta.forms import ContactForm, OperationForm
from django_blesta.models import Contact, Operation
from django_blesta.operations import errors
from tests.operations.conftest import writes
from tests.operations.rules import BROKEN, IDS, NAMELESS, make_strict, refuse

pytestmark = pytest.mark.django_db


def page(contact: Contact, **entered: str) -> dict[str, str]:
    """What a browser posts after the page was shown and something was entered."""
    form = ContactForm(contact=contact)
    return {field.html_name: str(field.value() or "") for field in form} | entered


def post(contact: Contact, posted: dict[str, str]) -> ContactForm:
    return ContactForm(QueryDict(urlencode(posted)), contact=contact)


def test_change_is_made_and_said(billing, contact, ada):
    form = post(contact, page(contact, city="Paris"))
    assert form.submit(actor=ada)
    assert (form.outcome, form.sentence) == ("succeeded", errors.SAVED)
    assert billing.state.tables["contacts"][1]["city"] == "Paris"
    assert form.operation is not None
    assert (form.operation.actor_id, form.operation.state) == (ada.pk, Operation.State.SUCCEEDED)


@pytest.mark.parametrize(("entered", "field", "code"), BROKEN, ids=IDS)
def test_rule_of_blesta_lands_on_its_field_with_its_code(billing, contact, entered, field, code):
    make_strict(billing, field, code)
    form = post(contact, page(contact, **entered))
    assert not form.submit()
    assert form.outcome == "rejected"
    assert code in {error.code for error in form.errors.as_data()[field]}
    assert set(form.errors) <= {*entered, field}
    assert all(form[name].value() == value for name, value in entered.items())
    assert writes(billing) == ["Contacts.edit"]


@pytest.mark.parametrize(("field", "code"), NAMELESS)
def test_rule_about_no_field_of_the_form_names_blestas_field(billing, contact, field, code):
    refuse(billing, field, code, "At least one is needed.")
    form = post(contact, page(contact))
    assert not form.submit()
    (error,) = form.errors.as_data()["__all__"]
    assert error.code == code
    assert error.params == {"blesta_field": field}
    assert form.non_field_errors() == [f"At least one is needed. ({field})"]


@pytest.mark.parametrize("shape", ["flat", "wrapped", "200"])
def test_every_shape_of_errors_is_understood(billing, contact, shape):
    billing.switches.error_shape = shape
    form = post(contact, page(contact, first_name="", email="nobody"))
    assert not form.submit()
    assert {name: [error.code for error in listed] for name, listed in form.errors.as_data().items()} == {
        "first_name": ["empty"],
        "email": ["format"],
    }


def test_text_that_blesta_leaves_out_is_made_up_from_the_code(billing, contact):
    billing.switches.null_error_text = True
    form = post(contact, page(contact, email="nobody"))
    assert not form.submit()
    assert form.errors["email"] == ["Invalid value (format)."]


def test_markup_in_blestas_text_is_not_shown(billing, contact):
    refuse(billing, "email", "format", "<script>alert(1)</script> in /var/www/blesta/app/models/contacts.php")
    form = post(contact, page(contact))
    assert not form.submit()
    assert form.errors["email"] == ["Invalid value (format)."]


def test_sign_in_blestas_text_is_escaped_once(billing, contact):
    refuse(billing, "email", "format", "Fewer than < 5 & 100% sure")
    form = post(contact, page(contact))
    assert not form.submit()
    assert form.errors["email"] == ["Fewer than < 5 & 100% sure"]
    assert "Fewer than &lt; 5 &amp; 100% sure" in form.as_p()


class TestToken:
    def test_each_page_has_its_own(self, contact):
        tokens = {ContactForm(contact=contact)["token"].value() for _ in range(3)}
        assert len(tokens) == 3

    def test_page_without_one_sends_nothing(self, billing, contact):
        form = post(contact, page(contact, token=""))
        assert not form.submit()
        assert [error.code for error in form.errors.as_data()["__all__"]] == ["token"]
        assert billing.requests == []

    def test_page_that_is_posted_twice_changes_once(self, billing, contact):
        posted = page(contact, city="Paris")
        assert post(contact, posted).submit()
        again = post(contact, posted)
        assert again.submit()
        assert again.outcome == "succeeded"
        assert writes(billing) == ["Contacts.edit"]

    def test_corrected_form_is_sent_after_a_rejection(self, billing, contact):
        form = post(contact, page(contact, email="nobody"))
        assert not form.submit()
        shown_again = {field.html_name: str(field.value() or "") for field in form}
        assert post(contact, shown_again | {"email": "new@example.com"}).submit()
        assert billing.state.tables["contacts"][1]["email"] == "new@example.com"

    def test_back_button_and_another_change_is_refused_with_a_sentence(self, billing, contact):
        posted = page(contact, city="Paris")
        assert post(contact, posted).submit()
        form = post(contact, posted | {"city": "Rome"})
        assert not form.submit()
        assert (form.outcome, form.sentence, form.operation) == ("refused", errors.TOKEN_REUSED, None)
        assert writes(billing) == ["Contacts.edit"]

    def test_prefix_of_a_form_is_kept_when_the_token_is_renewed(self, billing, contact):
        form = ContactForm({"c-token": "once", "c-email": "nobody"}, contact=contact, prefix="c")
        assert not form.submit()
        assert form["token"].value() not in ("once", None)


class TestUnknownOutcome:
    def test_sentence_asks_not_to_send_again_and_a_second_post_sends_nothing(self, billing, contact):
        billing.fail(model="Contacts", method="edit", status=500, after_effect=True)
        form = post(contact, page(contact, city="Paris"))
        assert not form.submit()
        assert (form.outcome, form.sentence) == ("unknown", errors.UNKNOWN)
        assert form.operation is not None
        assert form.operation.state == Operation.State.UNKNOWN
        shown_again = {field.html_name: str(field.value() or "") for field in form}
        again = post(contact, shown_again)
        assert not again.submit()
        assert (again.outcome, again.sentence) == ("unknown", errors.UNKNOWN)
        assert writes(billing) == ["Contacts.edit"]

    def test_errors_are_not_put_on_fields(self, billing, contact):
        billing.fail(model="Contacts", method="edit", close=True)
        form = post(contact, page(contact))
        assert not form.submit()
        assert not form.errors


class TestNothingWasDone:
    def test_maintenance_has_its_sentence_and_keeps_what_was_entered(self, billing, contact):
        billing.switches.maintenance = "503"
        form = post(contact, page(contact, city="Paris"))
        assert not form.submit()
        assert (form.outcome, form.sentence) == ("unavailable", errors.MAINTENANCE)
        assert form["city"].value() == "Paris"
        billing.switches.maintenance = "off"
        shown_again = {field.html_name: str(field.value() or "") for field in form}
        assert post(contact, shown_again).submit()

    def test_page_that_was_posted_before_may_be_posted_again(self, billing, contact):
        posted = page(contact, city="Paris")
        billing.stop()
        form = post(contact, posted)
        assert not form.submit()
        assert (form.outcome, form.sentence) == ("unavailable", errors.UNREACHABLE)
        billing.start()
        assert post(contact, posted).submit()
        assert writes(billing) == ["Contacts.edit"]

    @pytest.mark.parametrize(
        ("setting", "sentence"),
        [
            ({"READ_ONLY": True}, errors.NOT_ALLOWED),
            ({"KEY": "wrong"}, errors.DENIED),
            ({"URL": "ftp://billing.example"}, errors.NOT_CONFIGURED),
        ],
    )
    def test_site_that_may_not_is_told_so(self, billing, contact, settings, setting, sentence):
        settings.BLESTA = settings.BLESTA | setting
        form = post(contact, page(contact))
        assert not form.submit()
        assert (form.outcome, form.sentence) == ("refused", sentence)
        assert writes(billing) == []


class TestCountry:
    @pytest.mark.parametrize(
        ("entered", "sent"), [("de", "DE"), (" fr ", "FR"), ("GB", "GB"), ("germany", "germany"), ("ß", "ß"), ("", "")]
    )
    def test_code_is_sent_in_capitals_and_nothing_else_is_touched(self, contact, entered, sent):
        form = post(contact, page(contact, country=entered))
        assert form.is_valid()
        assert form.cleaned_data["country"] == sent


class TestShape:
    @pytest.mark.parametrize("entered", ["\x00", "a\x00b", "x" * 100_000])
    def test_what_cannot_be_text_of_a_contact_sends_nothing(self, billing, contact, entered):
        form = post(contact, page(contact, last_name=entered))
        assert not form.submit()
        assert set(form.errors) == {"last_name"}
        assert (form.outcome, form.sentence) == ("rejected", errors.INVALID)
        assert billing.requests == []

    def test_unicode_arrives(self, billing, contact):
        assert post(contact, page(contact, first_name="Zoë 🦉", last_name="Ó Súilleabháin")).submit()
        assert billing.state.tables["contacts"][1]["first_name"] == "Zoë 🦉"

    def test_field_that_the_page_leaves_out_is_not_cleared(self, billing, contact):
        posted = page(contact, city="Paris")
        del posted["company_name"]
        assert post(contact, posted).submit()
        assert billing.state.tables["contacts"][1]["company"] == "Analytical Engines"

    def test_column_that_shows_another_value_is_named(self, billing, contact):
        billing.fail(model="Contacts", method="edit", body='{"response":{"id":1}}')
        form = post(contact, page(contact, email="new@example.com"))
        assert form.submit()
        assert form.sentence == errors.SAVED_BUT % {"fields": "E-mail"}


def test_form_that_stands_for_no_operation_says_so():
    with pytest.raises(TypeError, match="OperationForm must say in ask"):
        OperationForm({"token": "once"}).submit()
