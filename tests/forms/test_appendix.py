"""Where every known rule of Blesta's lands, on a page and over REST, with its code: for each operation and each rule of
the model whose method it calls."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from rest_framework.test import APIRequestFactory, force_authenticate

from django_blesta.forms import OperationForm
from django_blesta.operations import KINDS
from django_blesta.rest_framework.views import OperationFormAPIView
from tests.forms.appendix import ASKED, LINES, Asked, confirmed
from tests.forms.appendix_rules import RULES, rules
from tests.operations.market import market
from tests.operations.shop import shop

__all__ = ["market", "shop"]

pytestmark = pytest.mark.django_db


def text_of(field: str, code: str) -> str:
    return f"Not {code} {field}, that will not do."


def refuse(simulator: Any, kind: str, listed: Iterable[tuple[str, str]]) -> None:
    """The operation's first write is refused with all of these at once."""
    errors: dict[str, dict[str, str]] = {}
    for field, code in listed:
        errors.setdefault(field, {})[code] = text_of(field, code)
    call = KINDS[kind].signature
    body = {"message": "The request cannot be fulfilled due to bad syntax.", "errors": errors}
    simulator.fail(model=call.model, method=call.method, verb="POST", status=400, body=json.dumps(body))


def entered(simulator: Any, kind: str) -> dict[str, Any]:
    asked = ASKED[kind]
    asked.before(simulator)
    return {**asked.entered, **(confirmed(simulator) if kind == "service_changes.order" else {})}


def landed(form: OperationForm) -> list[tuple[str, str, str]]:
    """(where, code, text) of every error on a form and its rows."""
    found = [
        (name, error.code, message)
        for name, listed in form.errors.as_data().items()
        for error in listed
        for message in error.messages
    ]
    for name, formset in form.formsets.items():
        found += [(name, one.code, one.messages[0]) for one in formset.non_form_errors().as_data()]
        for row in formset.forms:
            for field, listed in row.errors.as_data().items():
                where = row.prefix if field == "__all__" else f"{row.prefix}-{field}"
                found += [(where, error.code, error.messages[0]) for error in listed]
    return found


def expected(asked: Asked, field: str, code: str) -> tuple[str, str, str]:
    where, text = asked.lands.get(field, "__all__"), text_of(field, code)
    if where == "__all__":
        text = f"{text} ({field})"
    if where == "lines-2":
        text = f"{text} ({field.partition('][')[2].rstrip(']')})"
    return where, code, text


def test_every_operation_has_a_form_here_and_every_model_its_rules() -> None:
    # Webhooks are set up by a command, and of their rules nothing is known.
    own = {name: kind for name, kind in KINDS.items() if name.partition(".")[0] not in ("tests", "webhooks")}
    assert set(own) == set(ASKED)
    assert {kind.signature.model for kind in own.values()} <= set(RULES)


@pytest.mark.proof
@pytest.mark.parametrize("kind", ASKED)
def test_each_rule_lands_on_a_page_with_its_code(market, kind):
    asked, given = ASKED[kind], entered(market, kind)
    listed = rules(KINDS[kind].signature.model)
    refuse(market, kind, listed)
    form = asked.make({**given, "token": "once"})
    assert not form.submit()
    assert form.outcome == "rejected", (form.sentence, form.errors)
    assert sorted(landed(form)) == sorted(expected(asked, field, code) for field, code in listed)
    page = form.as_p() + "".join(formset.as_p() for formset in form.formsets.values())
    for field, code in listed:
        if asked.lands.get(field) not in form.formsets:
            assert text_of(field, code) in page, (field, code)
    assert form.operation.errors == [[field, code] for field, code in grouped(listed)]


def grouped(listed: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """As an answer groups them: codes of one field stand together, where the field came first."""
    fields = dict.fromkeys(field for field, _ in listed)
    return [(field, code) for field in fields for name, code in listed if name == field]


@pytest.mark.proof
@pytest.mark.parametrize("kind", ASKED)
def test_each_rule_lands_over_rest_with_its_code(market, django_user_model, kind):
    asked, given = ASKED[kind], entered(market, kind)
    listed = rules(KINDS[kind].signature.model)
    user = django_user_model.objects.create_user("staff")

    class View(OperationFormAPIView):
        authentication_classes = ()

        @staticmethod
        def form_class(given: Any, using: str) -> OperationForm:
            return asked.make(given)

    data: dict[str, Any] = {name: value for name, value in given.items() if name not in LINES}
    if "lines-TOTAL_FORMS" in given:
        data["lines"] = [{"description": one, "amount": "1", "qty": "1"} for one in ("Hosting", "Domain")]
    refuse(market, kind, listed)
    request = APIRequestFactory().post("/", data, format="json")
    force_authenticate(request, user)
    answer = View.as_view()(request)
    answer.render()
    assert (answer.status_code, answer.data["code"]) == (400, "rejected"), answer.data
    assert sorted(over_rest(answer.data["errors"])) == sorted(
        (rest_name(where), code, text) for where, code, text in (expected(asked, *rule) for rule in listed)
    )


def rest_name(where: str) -> str:
    """The page's third row is the second that was sent."""
    if where == "lines":
        return "non_field_errors"
    return where.replace("lines-2", "lines-1").replace("__all__", "non_field_errors")


def over_rest(errors: dict[str, Any]) -> list[tuple[str, str, str]]:
    found = []
    for name, listed in errors.items():
        for number, one in enumerate(listed):
            if "message" in one and "code" in one:
                found.append((name, one["code"], one["message"]))
                continue
            for inner, rows in one.items():
                where = f"{name}-{number}" + ("" if inner == "non_field_errors" else f"-{inner}")
                found += [(where, each["code"], each["message"]) for each in rows]
    return found


# What Blesta refuses as it is set up here: the last contact, a number that is not there, a wrong password, one line.
REFUSED_HERE = {
    "contacts.delete", "contacts.edit_number", "contacts.delete_number", "users.change_password", "clients.delete",
    "services.move", "services.add", "invoices.split",
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(set(ASKED) - REFUSED_HERE))
def test_form_that_is_right_is_one_operation_of_its_kind(market, kind):
    given = entered(market, kind)
    form = ASKED[kind].make({**given, "token": "once"})
    assert form.submit(), (form.errors, form.sentence)
    assert (form.outcome, form.operation.kind) == ("succeeded", kind)
    if kind != "service_changes.order":  # which quotes anew, and the service has changed
        assert ASKED[kind].make({**given, "token": "once"}).submit()
        assert form.operation.kind == kind
