"""What goes in and out over REST; in is shape only, the rules are Blesta's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request

from django_blesta.models import Contact, Operation
from django_blesta.operations import contacts, new_token, state_of
from django_blesta.operations.errors import sentence_of

IDEMPOTENCY_KEY: Final = "Idempotency-Key"


def token_field() -> serializers.Field[Any, Any, Any, Any]:
    """What makes a repeated request harmless: chosen by the sender, the same for the same change."""
    return serializers.RegexField(r"\A[A-Za-z0-9._~:-]{1,64}\Z", required=False)


def token_of(request: Request, in_body: str) -> str:
    """The token of the ``Idempotency-Key`` header or of the body, which must not differ; a new one where neither is."""
    # The header's draft standard has it in quotes; most senders leave them out.
    in_header = request.headers.get(IDEMPOTENCY_KEY, "").strip().removeprefix('"').removesuffix('"')
    if in_header:
        try:
            checked = token_field().run_validation(in_header)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({"token": error.detail}) from error
        if in_body not in ("", checked):
            both = ErrorDetail(str(_("The header and the body name different tokens.")), "token")
            raise serializers.ValidationError({"token": [both]})
        return str(checked)
    return in_body or new_token()


class ContactSerializer(serializers.ModelSerializer[Contact]):
    """A contact as the mirror shows it; `fetched_at` says how old that is."""

    class Meta:
        model = Contact
        fields = ("id", "client_id", "contact_type", *contacts.COLUMNS, "added_at", "fetched_at")
        read_only_fields = fields


class ContactChanges(serializers.Serializer[Any]):
    """Any of the columns; an empty text clears one. `token` makes a repeated request harmless."""

    first_name = serializers.CharField(allow_blank=True, max_length=255, required=False)
    last_name = serializers.CharField(allow_blank=True, max_length=255, required=False)
    company_name = serializers.CharField(allow_blank=True, max_length=255, required=False)
    title = serializers.CharField(allow_blank=True, max_length=255, required=False)
    email = serializers.CharField(allow_blank=True, max_length=255, required=False)
    address1 = serializers.CharField(allow_blank=True, max_length=255, required=False)
    address2 = serializers.CharField(allow_blank=True, max_length=255, required=False)
    city = serializers.CharField(allow_blank=True, max_length=255, required=False)
    state = serializers.CharField(allow_blank=True, max_length=255, required=False)
    zip = serializers.CharField(allow_blank=True, max_length=255, required=False)
    country = serializers.CharField(allow_blank=True, max_length=255, required=False)
    token = token_field()

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, Mapping) else []
        if unknown:
            detail = ErrorDetail(str(_("This field is not known here.")), "unknown_field")
            raise serializers.ValidationError({str(name)[:100]: [detail] for name in unknown[:20]})
        return super().to_internal_value(data)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not set(attrs) - {"token"}:
            raise serializers.ValidationError(_("Nothing to change was given."), code="empty")
        return attrs


class OutcomeSerializer(serializers.Serializer[Operation]):
    """What came of a change; `complaints` names Blesta's fields and rules."""

    token = serializers.CharField(read_only=True)
    kind = serializers.CharField(read_only=True)
    state = serializers.SerializerMethodField()
    detail = serializers.SerializerMethodField()
    target_id = serializers.IntegerField(read_only=True)
    ids = serializers.DictField(source="result_ids", read_only=True)
    complaints = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField(read_only=True)
    finished_at = serializers.DateTimeField(read_only=True)

    def get_state(self, operation: Operation) -> str:
        return str(state_of(operation, using=self._using))

    def get_detail(self, operation: Operation) -> str:
        return str(sentence_of(operation, using=self._using))

    def get_complaints(self, operation: Operation) -> list[dict[str, str]]:
        return [{"blesta_field": name, "code": code} for name, code in operation.errors]

    @property
    def _using(self) -> str:
        return str(self.context.get("using", "default"))


def flattened(data: Mapping[str, Any]) -> dict[str, Any]:
    """JSON as a form takes it: `{"lines": [{"amount": "1"}]}` becomes `lines-0-amount` and what a formset counts by."""
    found: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
            found |= {f"{name}-{number}-{key}": one for number, row in enumerate(value) for key, one in row.items()}
            found |= {f"{name}-TOTAL_FORMS": str(len(value)), f"{name}-INITIAL_FORMS": "0"}
        else:
            found[str(name)] = value
    return found
