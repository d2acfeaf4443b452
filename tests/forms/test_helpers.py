"""A formset that is one operation, a site's own ModelForm and admin, a nested serializer, the two rounds of a quote."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.contrib.messages import get_messages
from django.contrib.messages.storage.fallback import FallbackStorage
from django.forms import formset_factory
from django.test import RequestFactory
from rest_framework import serializers
from rest_framework.test import APIRequestFactory, force_authenticate

from django_blesta.admin import OperationAdminMixin
from django_blesta.forms import ChangeServiceForm, LineForm, OperationFormMixin, OperationFormSet, tell
from django_blesta.models import Operation, Service
from django_blesta.operations import invoices, services
from django_blesta.rest_framework.operations import OperationSerializer
from django_blesta.rest_framework.views import BlestaView
from tests.operations.conftest import writes
from tests.operations.market import dearer, market
from tests.operations.shop import ada, invoice, later, service, shop

__all__ = ["market", "shop"]

pytestmark = pytest.mark.django_db

ROWS = {
    "form-TOTAL_FORMS": "3",
    "form-INITIAL_FORMS": "0",
    "form-0-description": "Hosting",
    "form-0-amount": "10",
    "form-0-qty": "1",
    "form-1-qty": "1",
    "form-2-description": "Domain",
    "form-2-amount": "5",
    "form-2-qty": "1",
}


class MoreLines(OperationFormSet):
    def ask(self, *, actor: Any, token: str) -> Any:
        return invoices.edit(invoice(), add=[row.line() for row in self.sent()], actor=actor, token=token)


MoreLinesFormSet = formset_factory(LineForm, formset=MoreLines, extra=3)


class TestFormSet:
    def test_rows_that_were_filled_in_are_one_operation(self, shop):
        formset = MoreLinesFormSet({**ROWS, "form-TOKEN": "once"})
        assert formset.submit(), formset.non_form_errors()
        assert formset.outcome == "succeeded"
        assert invoice().total == Decimal(115)
        assert MoreLinesFormSet({**ROWS, "form-TOKEN": "once"}).submit()
        assert writes(shop) == ["Invoices.edit"]

    def test_errors_land_in_the_row_that_was_sent(self, shop):
        errors = {"lines[1][amount]": {"format": "No."}, "lines": {"empty": "None."}, "id": {"amount_applied": "Paid."}}
        shop.fail(model="Invoices", method="edit", status=400, body=json.dumps({"message": "", "errors": errors}))
        formset = MoreLinesFormSet({**ROWS, "form-TOKEN": "once"})
        assert not formset.submit()
        assert formset.errors == [{}, {}, {"amount": ["No."]}]
        assert [(one.code, one.messages[0]) for one in formset.non_form_errors().as_data()] == [
            ("empty", "None. (lines)"),
            ("amount_applied", "Paid. (id)"),
        ]
        assert formset.submitted_token != "once"

    def test_token_is_in_the_management_form_and_wanted(self, shop):
        assert 'name="form-TOKEN"' in str(MoreLinesFormSet().management_form)
        formset = MoreLinesFormSet(ROWS)
        assert not formset.submit()
        assert [one.code for one in formset.non_form_errors().as_data()] == ["token"]
        assert shop.requests == []

    def test_unknown_outcome_keeps_the_token(self, shop):
        shop.fail(model="Invoices", method="edit", close=True)
        formset = MoreLinesFormSet({**ROWS, "form-TOKEN": "once"})
        assert not formset.submit()
        assert (formset.outcome, formset.submitted_token) == ("unknown", "once")


class SuspensionForm(OperationFormMixin, forms.ModelForm):
    reason = forms.CharField()
    renamed = {"suspension_reason": "reason"}

    class Meta:
        model = Service
        fields = ()

    def ask(self, *, actor: Any, token: str) -> Any:
        return services.suspend(self.instance, reason=self.cleaned_data["reason"], actor=actor, token=token)


class SuspensionAdmin(OperationAdminMixin, admin.ModelAdmin):
    form = SuspensionForm


def post_to_admin(user: Any, **data: str) -> tuple[Any, list[str]]:
    """Without data, the page is asked for."""
    request = RequestFactory().post("/", data) if data else RequestFactory().get("/")
    request.user = user
    request.session = {}
    request._messages = FallbackStorage(request)
    request._dont_enforce_csrf_checks = True
    answer = SuspensionAdmin(Service, admin.site).changeform_view(request, "1")
    if hasattr(answer, "render"):
        answer.render()
    return answer, [str(message) for message in get_messages(request)]


class TestAdmin:
    def test_page_carries_the_token(self, shop, admin_user):
        answer, said = post_to_admin(admin_user)
        page = answer.content.decode()
        assert answer.status_code == 200
        assert 'name="token"' in page
        assert 'name="reason"' in page
        assert said == []

    def test_save_is_one_operation(self, shop, admin_user):
        answer, said = post_to_admin(admin_user, reason="Abuse", token="once")
        assert answer.status_code == 302
        assert said == ["Your changes were saved."]
        assert service().status == "suspended"
        assert Operation.objects.get().actor_id == admin_user.pk

    @pytest.mark.parametrize(
        ("fault", "shown"),
        [
            (
                {"status": 400, "body": '{"message": "", "errors": {"suspension_reason": {"x": "Say more."}}}'},
                "Say more.",
            ),
            ({"status": 400, "body": '{"message": "", "errors": {"api": {"x": "Down."}}}'}, "Down. (api)"),
            ({"close": True}, ""),
            ({"status": 500}, ""),
            ({"status": 403}, ""),
            ({"status": 200, "body": "<html>"}, ""),
        ],
    )
    def test_whatever_blesta_answers_is_a_page_and_never_an_error(self, shop, admin_user, fault, shown):
        shop.fail(model="Services", method="suspend", **fault)
        answer, said = post_to_admin(admin_user, reason="Abuse", token="once")
        assert answer.status_code == 200
        assert len(said) == 1
        assert shown in answer.content.decode()

    def test_staff_without_the_permission_are_refused(self, shop, django_user_model):
        from django.core.exceptions import PermissionDenied

        with pytest.raises(PermissionDenied):
            post_to_admin(django_user_model.objects.create_user("staff", is_staff=True), reason="x", token="once")
        assert writes(shop) == []


class LineInput(serializers.Serializer):
    description = serializers.CharField()
    amount = serializers.DecimalField(max_digits=15, decimal_places=4)


class InvoiceInput(OperationSerializer):
    due = serializers.DateTimeField()
    lines = LineInput(many=True)
    renamed = {"date_due": "due"}

    def ask(self, *, actor: Any, token: str) -> Any:
        given = self.validated_data
        lines = [invoices.Line(**one) for one in given["lines"]]
        return invoices.create(
            ada(), lines=lines, currency="USD", billed_at=given["due"], due_at=given["due"], actor=actor, token=token
        )


class InvoiceView(BlestaView):
    authentication_classes = ()

    def post(self, request: Any) -> Any:
        from rest_framework.response import Response

        asked = InvoiceInput(data=request.data, context={"request": request, "view": self})
        asked.is_valid(raise_exception=True)
        asked.save()
        return Response(asked.data, asked.status_code)


class TestSerializer:
    def post(self, user: Any, **data: Any) -> Any:
        lines = [{"description": "A", "amount": "1"}, {"description": "B", "amount": "2"}]
        given = {"due": str(later(days=3)), "lines": lines, **data}
        request = APIRequestFactory().post("/", given, format="json")
        force_authenticate(request, user)
        answer = InvoiceView.as_view()(request)
        answer.render()
        return answer

    def test_accepted_is_200_with_the_operation(self, shop, admin_user):
        answer = self.post(admin_user)
        assert (answer.status_code, answer.data["state"], answer.data["ids"]) == (200, "succeeded", {"invoice_id": 7})

    def test_row_takes_the_error_about_it(self, shop, admin_user):
        errors = {"lines[1][amount]": {"format": "No."}, "date_due": {"after_billed": "Late."}, "lines[9]": {"x": "?"}}
        shop.fail(model="Invoices", method="add", status=400, body=json.dumps({"message": "", "errors": errors}))
        answer = self.post(admin_user)
        assert answer.status_code == 400
        found = answer.data["errors"]
        assert found["lines"] == [{}, {"amount": [{"message": "No.", "code": "format"}]}]
        assert [one["code"] for one in found["due"]] == ["after_billed"]
        assert [one["code"] for one in found["non_field_errors"]] == ["x"]

    def test_unknown_is_202(self, shop, admin_user):
        shop.fail(model="Invoices", method="add", close=True)
        assert self.post(admin_user).status_code == 202


class TestQuotedChange:
    def form(self, simulator: Any, **data: Any) -> Any:
        return ChangeServiceForm({"pricing": str(dearer(simulator).pk), "token": "once", **data}, service=service())

    def test_first_round_tells_the_cost_and_orders_nothing(self, market):
        form = self.form(market)
        assert not form.submit()
        assert form.outcome == "rejected"
        assert [one.code for one in form.non_field_errors().as_data()] == ["confirm"]
        assert str(form.quote.to_pay) in form.as_p()
        assert writes(market) == ["Services.validateServiceEdit"]

    def test_second_round_orders_what_was_quoted(self, market):
        form = self.form(market)
        form.submit()
        again = self.form(market, quoted=form["quoted"].value(), token=form["token"].value())
        assert again.submit(), again.errors
        assert again.operation.kind == "service_changes.order"

    def test_cost_that_moved_is_told_again(self, market):
        form = self.form(market, quoted="0.01")
        assert not form.submit()
        assert [one.code for one in form.non_field_errors().as_data()] == ["confirm"]
        assert not Operation.objects.exists()

    def test_what_costs_nothing_is_changed_at_once(self, market):
        market.state.update("package_pricing", dearer(market).pk, price="1")
        form = self.form(market, quoted="0")
        assert form.submit(), form.errors
        assert service().pricing_id == dearer(market).pk


def test_outcome_is_told_by_messages(shop):
    request = RequestFactory().post("/")
    request.session = {}
    request._messages = FallbackStorage(request)
    form = MoreLinesFormSet({**ROWS, "form-TOKEN": "once"})
    form.submit()
    tell(request, form)
    assert [(each.level_tag, str(each)) for each in get_messages(request)] == [("success", "Your changes were saved.")]
