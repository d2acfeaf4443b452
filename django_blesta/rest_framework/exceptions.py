"""What Blesta's errors are over REST. Usable as REST framework's ``EXCEPTION_HANDLER``, or by one view.

====================================== ====== =======================================================
Rejected                               400    ``errors``: field to a list of ``{"message", "code"}``
TokenReused                            409
NotAllowed                             403
Unavailable                            503    with ``Retry-After``
OutcomeUnknown                         202    with the operation's address in ``Location``
NotConfigured                          503
anything else                          502
====================================== ====== =======================================================

Every body has ``detail`` (a sentence for people) and ``code``. In this app's own views REST framework's answers (401,
403, 404, 405, 415, 429, a body that is not JSON) have both too; a site's own views keep what REST framework gives them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, Final

from django.core.exceptions import NON_FIELD_ERRORS
from django.urls import NoReverseMatch
from rest_framework import status
from rest_framework.exceptions import APIException, ErrorDetail, ValidationError
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.settings import api_settings
from rest_framework.views import exception_handler, set_rollback

from django_blesta.exceptions import BlestaError, NotAllowed, NotConfigured, OutcomeUnknown, Rejected, Unavailable
from django_blesta.forms import OperationForm
from django_blesta.operations import TokenReused
from django_blesta.operations.errors import INVALID, REJECTED, complaints, outcome_of, plain_field, sentence_for

RETRY_AFTER: Final = 60
"""Seconds to wait where Blesta names none."""

# The first class that fits decides.
_STATUS: Final[tuple[tuple[type[BlestaError], int, str], ...]] = (
    (TokenReused, status.HTTP_409_CONFLICT, "token_reused"),
    (NotAllowed, status.HTTP_403_FORBIDDEN, "not_allowed"),
    (Unavailable, status.HTTP_503_SERVICE_UNAVAILABLE, "unavailable"),
    (OutcomeUnknown, status.HTTP_202_ACCEPTED, "unknown"),
    (NotConfigured, status.HTTP_503_SERVICE_UNAVAILABLE, "not_configured"),
    (BlestaError, status.HTTP_502_BAD_GATEWAY, "upstream"),
)


class RejectedByBlesta(ValidationError):
    """`Rejected`, on the fields of a serializer."""


def rejection(
    error: Rejected, *, fields: Collection[str], renamed: Mapping[str, str] | None = None
) -> RejectedByBlesta:
    """Blesta's complaints by our field names, each with Blesta's code."""
    by_field = complaints(error, fields=fields, renamed=renamed)
    key = api_settings.NON_FIELD_ERRORS_KEY
    return RejectedByBlesta(
        {
            key if name == NON_FIELD_ERRORS else name: [ErrorDetail(one.message, one.code) for one in listed]
            for name, listed in by_field.items()
        }
    )


def errors_of(form: OperationForm) -> dict[str, Any]:
    """A submitted form's errors with their codes; those of rows as one entry per row that was sent."""
    key = api_settings.NON_FIELD_ERRORS_KEY
    found: dict[str, Any] = _details(form.errors.as_data(), key)
    for name, formset in form.formsets.items():
        rows = [_details(row.errors.as_data(), key) for row in form.row_forms(name)]
        own = [_detail(one) for one in formset.non_form_errors().as_data()]
        if own or any(rows):
            found[name] = {key: own} if own and not any(rows) else rows
            if own and any(rows):
                found[key] = [*found.get(key, []), *own]
    return found


def _details(errors: Mapping[str, list[Any]], key: str) -> dict[str, Any]:
    return {
        key if name == NON_FIELD_ERRORS else name: [_detail(one) for one in listed] for name, listed in errors.items()
    }


def _detail(error: Any) -> ErrorDetail:
    return ErrorDetail(" ".join(str(message) for message in error.messages), error.code or "invalid")


def blesta_exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Answer what Blesta's errors mean, and leave all others to REST framework's own handler.

    A view that translates no field names of its own has Blesta's names in its answer.
    """
    if isinstance(exc, Rejected):
        exc = rejection(exc, fields={plain_field(one.field) for one in exc.errors})
    if isinstance(exc, RejectedByBlesta):
        set_rollback()
        return Response(_body(str(REJECTED), "rejected", errors=exc.get_full_details()), status.HTTP_400_BAD_REQUEST)
    if isinstance(exc, ValidationError) and getattr(context.get("view"), "errors_have_codes", False):
        set_rollback()
        return Response(_body(str(INVALID), "invalid", errors=exc.get_full_details()), status.HTTP_400_BAD_REQUEST)
    if isinstance(exc, BlestaError):
        set_rollback()
        return _answer(exc, context)
    answer = exception_handler(exc, context)
    if answer is not None and getattr(context.get("view"), "errors_have_codes", False):
        answer.data = _with_code(exc, answer.data)
    return answer


def _with_code(error: Exception, data: Any) -> dict[str, Any]:
    """REST framework's own answers (not found, not allowed, not JSON …) in the form that ours have."""
    detail = data.get("detail") if isinstance(data, Mapping) else None
    if isinstance(detail, ErrorDetail):
        return _body(str(detail), str(detail.code))
    known = error if isinstance(error, APIException) else APIException()
    return _body(str(known.default_detail), known.default_code, errors=known.get_full_details())


def operation_url(token: str, context: Mapping[str, Any]) -> str | None:
    """Where to ask what came of it; None on a site that does not serve `blesta_api`."""
    if not token:
        return None
    try:
        return reverse("blesta_api:operation", kwargs={"token": token}, request=context.get("request"))
    except NoReverseMatch:
        return None


def _answer(error: BlestaError, context: Mapping[str, Any]) -> Response:
    http_status, code = next((http_status, code) for kind, http_status, code in _STATUS if isinstance(error, kind))
    token = getattr(context.get("view"), "operation_token", "")
    url = operation_url(token, context) if outcome_of(error) == "unknown" else None
    headers = {}
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(math.ceil(RETRY_AFTER if error.retry_after is None else error.retry_after))
    if url:
        headers["Location"] = url
    return Response(_body(str(sentence_for(error)), code, operation=url), http_status, headers=headers)


def _body(detail: str, code: str, **more: Any) -> dict[str, Any]:
    return {"detail": detail, "code": code, **{name: value for name, value in more.items() if value}}
