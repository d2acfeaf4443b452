"""Where every known rule of Blesta's lands, on a page and over REST, with its code."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rest_framework.test import APIRequestFactory, force_authenticate

from django_blesta.forms import OperationForm
from django_blesta.rest_framework.views import OperationFormAPIView
from tests.forms.appendix import ALL, FORMS, LINES, Asked
from tests.operations.shop import shop

__all__ = ["shop"]

pytestmark = pytest.mark.django_db

TEXT = "That will not do."


def refuse(simulator: Any, asked: Asked, field: str, code: str) -> None:
    body = {"message": "The request cannot be fulfilled due to bad syntax.", "errors": {field: {code: TEXT}}}
    simulator.fail(model=asked.model, method=asked.method, status=400, body=json.dumps(body))


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


def prepare(simulator: Any, form: str) -> Asked:
    if form == "keep a service":
        simulator.state.update("services", 1, date_canceled=simulator.clock.advance(days=1))
    return FORMS[form]


@pytest.mark.parametrize("form", FORMS)
def test_each_rule_lands_on_a_page_with_its_code(shop, form):
    asked = prepare(shop, form)
    for field, code in [(field, code) for name, field, code in ALL if name == form]:
        refuse(shop, asked, field, code)
        submitted = asked.make({**asked.entered, "token": f"{field}.{code}"})
        assert not submitted.submit(), (field, code)
        assert submitted.outcome == "rejected", (field, code, submitted.sentence)
        where = asked.lands.get(field, "__all__")
        text = f"{TEXT} ({field})" if where == "__all__" else TEXT
        if where == "lines-2" and field != "lines":
            inner = field.partition("][")[2].rstrip("]")
            text = f"{TEXT} ({inner})"
        assert landed(submitted) == [(where, code, text)], field
        assert TEXT in submitted.as_p() + "".join(formset.as_p() for formset in submitted.formsets.values()) or (
            where == "lines"
        )


@pytest.mark.parametrize("form", FORMS)
def test_each_rule_lands_over_rest_with_its_code(shop, django_user_model, form):
    asked = prepare(shop, form)
    user = django_user_model.objects.create_user("staff")

    class View(OperationFormAPIView):
        authentication_classes = ()

        @staticmethod
        def form_class(given: Any, using: str) -> OperationForm:
            return asked.make(given)

    view = View.as_view()
    data: dict[str, Any] = {name: value for name, value in asked.entered.items() if name not in LINES}
    if form == "make an invoice":
        data["lines"] = [{"description": one, "amount": "1", "qty": "1"} for one in ("Hosting", "Domain")]
    for field, code in [(field, code) for name, field, code in ALL if name == form]:
        refuse(shop, asked, field, code)
        request = APIRequestFactory().post("/", data, format="json")
        force_authenticate(request, user)
        answer = view(request)
        answer.render()
        assert answer.status_code == 400, (field, code, answer.data)
        where = asked.lands.get(field, "non_field_errors")
        errors = answer.data["errors"]
        assert list(errors) == [where.partition("-")[0]], (field, errors)
        if where.startswith("lines-2"):
            assert errors["lines"][0] == {}
            inner = where.partition("lines-2")[2].lstrip("-") or "non_field_errors"
            ((found, listed),) = errors["lines"][1].items()
            assert (found, [one["code"] for one in listed]) == (inner, [code])
        elif where == "lines":
            assert [one["code"] for one in errors["lines"]["non_field_errors"]] == [code]
        else:
            assert [one["code"] for one in errors[where]] == [code]
            assert errors[where][0]["message"].startswith(TEXT)
