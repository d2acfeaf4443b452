"""A serializer of a site's own whose `save()` is one change asked of Blesta."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from django.core.exceptions import NON_FIELD_ERRORS
from django.db import DEFAULT_DB_ALIAS
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.settings import api_settings

from django_blesta.exceptions import Facts, FieldError, Rejected
from django_blesta.models import Operation
from django_blesta.operations import Result, new_token
from django_blesta.operations.errors import complaints, indexed_field, plain_field
from django_blesta.rest_framework.exceptions import RejectedByBlesta
from django_blesta.rest_framework.serializers import OutcomeSerializer, token_field, token_of


class OperationSerializer(serializers.Serializer[Operation]):
    """The shape of one change; the rules are Blesta's, and its complaints land on the fields::

        class Suspension(OperationSerializer):
            reason = serializers.CharField()
            renamed = {"suspension_reason": "reason"}

            def ask(self, *, actor, token):
                return services.suspend(self.context["service"], reason=self.validated_data["reason"],
                                        actor=actor, token=token)

    In a view that no transaction wraps, with `blesta_exception_handler`: 400 with codes, 409 where the token stands for
    another body, 503 with ``Retry-After``, and 202 with the operation's address where the outcome is open or it is
    queued (`status_code`). A nested list's rows take `lines[2][amount]`. The token comes from the body, or from the
    ``Idempotency-Key`` header.
    """

    renamed: ClassVar[Mapping[str, str]] = {}
    """Blesta's names to those of the serializer's fields, where they differ."""

    token = token_field()

    status_code: int = 200

    def ask(self, *, actor: Any, token: str) -> Result:
        """The one operation that this serializer stands for, from `validated_data`."""
        raise TypeError(f"{type(self).__name__} must say in ask() which operation it stands for.")

    @property
    def using(self) -> str:
        return str(self.context.get("using", DEFAULT_DB_ALIAS))

    def save(self, **kwargs: Any) -> Operation:
        """Ask Blesta, once; the operation, whose outcome is `data` afterwards. Raises what the handler answers."""
        request, view = self.context.get("request"), self.context.get("view")
        given = self.validated_data.pop("token", "")
        token = token_of(request, given) if request is not None else given or new_token()
        if view is not None:
            view.operation_token = token
        try:
            result = self.ask(actor=getattr(request, "user", None), token=token)
        except Rejected as error:
            raise RejectedByBlesta(self.complaints(error)) from error
        self.instance = result.operation
        self.status_code = 202 if result.queued else 200
        return result.operation

    def complaints(self, error: Rejected) -> dict[str, Any]:
        """Blesta's complaints by our fields, those about a row of a list in that row's place."""
        found: dict[str, Any] = {}
        lists = {name for name, field in self.fields.items() if isinstance(field, serializers.ListSerializer)}
        rest: list[FieldError] = []
        for one in error.errors:
            place = indexed_field(plain_field(one.field))
            if place is not None and place[0] in lists and place[1] < len(self._rows(place[0])):
                rows = found.setdefault(place[0], [{} for _ in self._rows(place[0])])
                inner = Rejected("", Facts(errors=(FieldError(place[2], one.code, one.message),)))
                for name, listed in self._landed(inner, [place[2]]).items():
                    rows[place[1]].setdefault(name, []).extend(listed)
            else:
                rest.append(one)
        names = [name for name in dict(self.fields) if name != "token" and name not in found]
        if rest or not error.errors:
            found |= self._landed(Rejected(str(error), replace(error.facts, errors=tuple(rest))), names)
        return found

    def _landed(self, error: Rejected, names: list[str]) -> dict[str, list[ErrorDetail]]:
        key = api_settings.NON_FIELD_ERRORS_KEY
        by_field = complaints(error, fields=names, renamed=self.renamed)
        return {
            key if name == NON_FIELD_ERRORS else name: [ErrorDetail(each.message, each.code) for each in listed]
            for name, listed in by_field.items()
        }

    def _rows(self, name: str) -> list[Any]:
        rows = self.validated_data.get(name)
        return rows if isinstance(rows, list) else []

    @property
    def data(self) -> Any:
        if isinstance(self.instance, Operation):
            return OutcomeSerializer(self.instance, context={"using": self.using}).data
        return super().data
