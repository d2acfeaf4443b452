"""REST for the customer: the contacts of the one client that the logged-in user speaks for, and their changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.db import DEFAULT_DB_ALIAS
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.decorators import method_decorator
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_blesta.exceptions import Rejected
from django_blesta.forms import CancelServiceForm, OperationForm, UncancelServiceForm
from django_blesta.models import Contact, Service
from django_blesta.operations import contacts, find, is_token, outside_transactions
from django_blesta.rest_framework.exceptions import (
    RejectedByBlesta,
    blesta_exception_handler,
    errors_of,
    operation_url,
    rejection,
)
from django_blesta.rest_framework.serializers import (
    ContactChanges,
    ContactSerializer,
    OutcomeSerializer,
    flattened,
    token_of,
)


@method_decorator(outside_transactions, name="dispatch")
class BlestaView(APIView):
    """Closed to anonymous users whatever the site's defaults are, and never inside a transaction."""

    permission_classes: Sequence[type[BasePermission]] = (IsAuthenticated,)
    using: ClassVar[str] = DEFAULT_DB_ALIAS
    errors_have_codes: ClassVar[bool] = True
    operation_token: str = ""
    """The token of the change that this request asks for."""

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response | None]:
        return blesta_exception_handler


class ContactPages(PageNumberPagination):
    """The same on every site, whatever it set for its own lists."""

    page_size = 50


class ContactsView(BlestaView):
    def get(self, request: Request) -> Response:
        """The client's contacts by id, as the mirror has them: here a customer finds the id that a change names."""
        pages = ContactPages()
        own = Contact.objects.using(self.using).for_user(request.user).order_by("pk")
        page = pages.paginate_queryset(own, request, view=self)
        return pages.get_paginated_response(ContactSerializer(page, many=True).data)


class ContactView(BlestaView):
    def get(self, request: Request, pk: int) -> Response:
        return Response(ContactSerializer(self._contact(request, pk)).data)

    def patch(self, request: Request, pk: int) -> Response:
        """Change some columns. 200 with the contact as Blesta has it now; else see `rest_framework.exceptions`.

        An `Idempotency-Key` header, or `token` in the body, makes it safe to send the same request again.
        """
        contact = self._contact(request, pk)
        given = ContactChanges(data=request.data)
        given.is_valid(raise_exception=True)
        changes = dict(given.validated_data)
        self.operation_token = token_of(request, changes.pop("token", ""))
        try:
            contacts.edit(contact, changes=changes, actor=request.user, token=self.operation_token, using=self.using)
        except Rejected as error:
            raise rejection(error, fields=contacts.COLUMNS, renamed=contacts.RENAMED) from error
        return Response(ContactSerializer(self._contact(request, pk)).data)

    def _contact(self, request: Request, pk: int) -> Contact:
        found: Contact = get_object_or_404(Contact.objects.using(self.using).for_user(request.user), pk=pk)
        return found


class OperationView(BlestaView):
    def get(self, request: Request, token: str) -> Response:
        """What came of a change that this user asked for; everyone else's are not there."""
        operation = find(token, using=self.using)
        if operation is None or operation.actor_id != request.user.pk:
            raise Http404
        return Response(OutcomeSerializer(operation, context={"using": self.using}).data)


class OperationFormAPIView(BlestaView):
    """POST to one of `django_blesta.forms`: the same shape, the same operation, the same landing of Blesta's errors.

    A subclass names `form_class` and gives in `get_form_kwargs` the row that the form is about. 200 with the
    operation where Blesta did it; 202 with its address where it is queued or its outcome is open; 400 with `errors` by
    field, those of rows as a list; else see `rest_framework.exceptions`.
    """

    form_class: ClassVar[type[OperationForm]]

    def get_form_kwargs(self) -> dict[str, Any]:
        return {}

    def post(self, request: Request, **kwargs: Any) -> Response:
        data = dict(request.data.items()) if hasattr(request.data, "items") else {}
        in_body = data.pop("token", "")
        self.operation_token = token_of(request, in_body if isinstance(in_body, str) and is_token(in_body) else "")
        given = flattened(data) | {"token": self.operation_token}
        form = self.form_class(given, using=self.using, **self.get_form_kwargs())
        if form.submit(actor=request.user):
            return self._done(form)
        if form.error is not None and not isinstance(form.error, Rejected):
            raise form.error
        raise (RejectedByBlesta if form.error else ValidationError)(errors_of(form))

    def _done(self, form: OperationForm) -> Response:
        assert form.operation is not None  # noqa: S101  (a form that was submitted well has one)
        shown = OutcomeSerializer(form.operation, context={"using": self.using}).data
        if form.outcome != "queued":
            return Response(shown)
        url = operation_url(form.operation.token, self.get_renderer_context())
        return Response(shown, status.HTTP_202_ACCEPTED, headers={"Location": url} if url else {})


class ServiceView(OperationFormAPIView):
    """What a customer may do to a service of their own."""

    def get_form_kwargs(self) -> dict[str, Any]:
        rows = Service.objects.using(self.using).for_user(self.request.user)
        return {"service": get_object_or_404(rows, pk=self.kwargs["pk"])}


class CancelServiceView(ServiceView):
    form_class = CancelServiceForm


class UncancelServiceView(ServiceView):
    form_class = UncancelServiceForm
