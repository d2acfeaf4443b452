from __future__ import annotations

import pickle

import pytest
from django.core.exceptions import NON_FIELD_ERRORS

from django_blesta import exceptions
from django_blesta.exceptions import BlestaError, Facts, FieldError, OutcomeUnknown, Rejected, Unavailable
from django_blesta.models import Operation
from django_blesta.operations import TokenReused, errors


def rejected(*listed: tuple[str, str, str]) -> Rejected:
    return Rejected("No.", Facts(errors=tuple(FieldError(*one) for one in listed)))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("email", "email"),
        ("vars[email]", "email"),
        ("company", "company_name"),
        ("vars[company]", "company_name"),
        ("settings[tax_id]", "settings__tax_id"),
        ("vars[settings][tax_id]", "settings__tax_id"),
        ("lines[2][amount]", "lines"),
        ("numbers[0][type]", "kind"),
        ("lines", "lines"),
        ("api", ""),
        ("emails", ""),
        ("", ""),
    ],
)
def test_field_of_blestas_finds_ours(theirs, ours):
    found = errors.complaints(
        rejected((theirs, "bad", "Bad.")),
        fields=["email", "company_name", "settings__tax_id", "lines", "kind"],
        renamed={"company": "company_name", "numbers[][type]": "kind"},
    )
    assert list(found) == [ours or NON_FIELD_ERRORS]
    assert [one.code for one in found[ours or NON_FIELD_ERRORS]] == ["bad"]


def test_several_rules_of_one_field_all_stay():
    error = errors.validation_error(rejected(("email", "format", "A."), ("email", "unique", "B.")), fields=["email"])
    assert [(one.code, one.messages) for one in error.error_dict["email"]] == [("format", ["A."]), ("unique", ["B."])]


def test_rejection_without_a_named_error_still_says_something():
    found = errors.complaints(rejected(), fields=["email"])
    assert [one.message for one in found[NON_FIELD_ERRORS]] == [str(errors.REJECTED)]


@pytest.mark.parametrize(
    "text",
    [
        "Please enter a first name.",
        "Must be < 64 characters & contain no %s.",
        "Bitte wählen Sie ein Land; z. B. Österreich.",
        "Use yes/no, and/or 24/7.",
        "Date format: 2026/01/31",
    ],
)
def test_sentence_for_people_is_shown_as_it_is(text):
    error = errors.validation_error(rejected(("email", "format", text)), fields=["email"])
    assert error.message_dict == {"email": [text]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n ",
        "<b>bold</b>",
        "<IMG SRC=x onerror=alert(1)>",
        "&lt;script&gt;",
        "failed in /var/www/html/blesta/app.php",
        "Could not open '/home/blesta/vendors'",
        r"C:\inetpub\blesta",
        r"\\server\share",
        "SQLSTATE[23000]: Integrity constraint",
        "Undefined index on line 12",
        "Uncaught Exception: x",
        "x" * 301,
    ],
)
def test_text_that_is_not_for_people_becomes_the_code(text):
    error = errors.validation_error(rejected(("email", "format", text)), fields=["email"])
    assert error.message_dict == {"email": ["Invalid value (format)."]}


def test_invisible_characters_are_taken_out():
    error = errors.validation_error(rejected(("email", "format", "No\u202e\x00\nway.")), fields=["email"])
    assert error.message_dict == {"email": ["No way."]}


def test_field_and_code_that_are_not_words_are_cut_down():
    found = errors.complaints(rejected(("<b>x</b>", "<i>", "")), fields=[])
    (one,) = found[NON_FIELD_ERRORS]
    assert (one.blesta_field, one.message) == ("bxb", "Invalid value (i). (bxb)")


def every_class() -> list[type[BlestaError]]:
    named = [getattr(exceptions, name) for name in exceptions.__all__]
    return [one for one in named if isinstance(one, type) and issubclass(one, BlestaError)] + [TokenReused]


@pytest.mark.parametrize("kind", every_class(), ids=lambda kind: kind.__name__)
def test_every_error_has_its_outcome_and_sentence(kind):
    error = kind("at https://billing.internal/api/", Facts(reason="x"))
    assert errors.outcome_of(error) in {"rejected", "unavailable", "unknown", "refused"}
    assert "billing.internal" not in str(errors.sentence_for(error))
    assert type(pickle.loads(pickle.dumps(error))) is kind  # noqa: S301  (our own bytes)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (Unavailable("", Facts(reason="maintenance")), errors.MAINTENANCE),
        (Unavailable("", Facts(reason="throttled")), errors.THROTTLED),
        (Unavailable("", Facts(reason="blocked")), errors.THROTTLED),
        (Unavailable("", Facts(reason="failing")), errors.UNREACHABLE),
        (OutcomeUnknown("", Facts(reason="redirected")), errors.UNKNOWN),
        (OutcomeUnknown("", Facts(reason="maintenance")), errors.UNKNOWN),
        (OutcomeUnknown("", Facts(reason="in-flight")), errors.UNDER_WAY),
    ],
)
def test_reason_chooses_the_sentence(error, sentence):
    assert errors.sentence_for(error) == sentence


@pytest.mark.parametrize(
    ("state", "outcome", "reason", "sentence"),
    [
        ("succeeded", "", "", errors.SAVED),
        ("pending", "", "", errors.UNDER_WAY),
        ("unknown", "OutcomeUnknown", "html", errors.UNKNOWN),
        ("failed", "Rejected", "rejected", errors.REJECTED),
        ("failed", "Unavailable", "maintenance", errors.MAINTENANCE),
        ("failed", "ValueError", "", errors.NOT_UNDERSTOOD),
        ("failed", "Facts", "", errors.NOT_UNDERSTOOD),
    ],
)
def test_journal_tells_the_same_sentence_later(state, outcome, reason, sentence):
    assert errors.sentence_of(Operation(state=state, outcome=outcome, reason=reason)) == sentence
