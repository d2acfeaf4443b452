"""REST for the customer: the contacts of the one client that the logged-in user speaks for, and their changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.db import DEFAULT_DB_ALIAS
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_blesta.exceptions import Rejected
from django_blesta.models import Contact
from django_blesta.operations import contacts, find, new_token, outside_transactions
from django_blesta.rest_framework.exceptions import blesta_exception_handler, rejection
from django_blesta.rest_framework.serializers import ContactChanges, ContactSerializer, OperationSerializer

IDEMPOTENCY_KEY = "Idempotency-Key"


@method_decorator(outside_transactions, name="dispatch")
class BlestaView(APIView):
    """Closed to anonymous users whatever the site's defaults are, and never inside a transaction."""

    permission_classes = (IsAuthenticated,)
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
        self.operation_token = _token(request, changes.pop("token", ""))
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
        return Response(OperationSerializer(operation, context={"using": self.using}).data)


def _token(request: Request, in_body: str) -> str:
    # The header's draft standard has it in quotes; most senders leave them out.
    in_header = request.headers.get(IDEMPOTENCY_KEY, "").strip().removeprefix('"').removesuffix('"')
    if in_header:
        try:
            checked = ContactChanges().fields["token"].run_validation(in_header)
        except ValidationError as error:
            raise ValidationError({"token": error.detail}) from error
        if in_body not in ("", checked):
            both = ErrorDetail(str(_("The header and the body name different tokens.")), "token")
            raise ValidationError({"token": [both]})
        return str(checked)
    return in_body or new_token()
