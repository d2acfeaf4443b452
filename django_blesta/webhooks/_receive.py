"""The view that takes a delivery: let in, read as little as possible, write one row, answer.

It asks neither Blesta nor the broker for anything. Blesta waits for the answer inside a customer's checkout or its own
cron, so every answer is short, and tells nothing about which events or ids are known here.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables

from django_blesta.models import Delivery
from django_blesta.operations import outside_transactions
from django_blesta.sync.events import (
    ID,
    STREAMED,
    Malformed,
    ids_in,
    ids_in_form,
    is_event,
    parsed_form,
    parsed_json,
)
from django_blesta.sync.hints import FOLLOW
from django_blesta.wake import nudge
from django_blesta.webhooks._secrets import Door, comes_from_near, door_for, doors
from django_blesta.webhooks._signed import HEADER, is_signed

logger = logging.getLogger("django_blesta.webhooks")

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
BY_GET: Final = (
    "Choose another method for this webhook in Blesta, such as post_json: get puts the event into the address, and "
    "addresses are kept in the logs of every server on the way."
)


class _Refused(Exception):
    """Nothing is kept; the arguments are a status and a sentence."""


@csrf_exempt
@login_not_required
@outside_transactions
@sensitive_variables()
def receive(request: HttpRequest, secret: str = "") -> HttpResponse:
    """202 when the delivery is on record; Blesta shows other answers in its log of deliveries."""
    try:
        event, ids, door = _read(request, secret)
        using = door.installation.alias
        webhook = request.META.get("HTTP_X_WEBHOOK_ID", "")
        webhook_id = int(webhook) if ID.fullmatch(webhook) else None
        Delivery.objects.using(using).create(event=event, webhook_id=webhook_id, ids=ids)
    except _Refused as refused:
        status, sentence = refused.args
        return _answer(status, sentence)
    except DatabaseError as error:
        logger.error("A delivery could not be written down: %s", type(error).__name__)
        return _answer(503, "Try again later.")
    nudge(FOLLOW, using)
    return _answer(202, "Accepted.")


def _answer(status: int, sentence: str) -> HttpResponse:
    answer = HttpResponse(f"{sentence}\n", status=status, content_type="text/plain; charset=utf-8")
    answer["Cache-Control"] = "no-store"
    if status == 405:
        answer["Allow"] = "POST, PUT"
    if status == 503:
        answer["Retry-After"] = "60"
    # Django would log the path of a refused request, and with it the secret.
    answer._has_been_logged = True  # type: ignore[attr-defined]  # what django.utils.log looks for
    return answer


@sensitive_variables()
def _read(request: HttpRequest, secret: str) -> tuple[str, dict[str, int], Door]:
    among = doors()
    if not among:
        raise _Refused(503, "No secret is configured.")
    if request.method not in ("POST", "PUT", "GET"):
        raise _Refused(405, "Deliveries come by POST or PUT.")
    door = door_for(request, secret, among)
    if request.method == "GET":
        if door is None or not door.installation.webhook_allow_get:
            raise _Refused(405, BY_GET)
        _check_network(request, door)
        return _event(request, None), ids_in_form(_form(request.META.get("QUERY_STRING", "").encode())), door
    if door is None:
        door, body = _signed(request, among)
    else:
        _check_network(request, door)
        body = _body(request, door)
    ids, parameters = _parsed(request, body)
    return _event(request, parameters), ids, door


def _check_network(request: HttpRequest, door: Door) -> None:
    if not comes_from_near(request, door.installation):
        raise _Refused(403, "Not let in.")


def _signed(request: HttpRequest, among: list[Door]) -> tuple[Door, bytes]:
    """Where no secret fits, a signature may; only then is the body of a stranger read, up to its limit."""
    signature = request.META.get(HEADER, "")
    for door in among if signature else ():
        if door.public_key and comes_from_near(request, door.installation):
            body = _body(request, door)
            if is_signed(body, signature, door.public_key):
                return door, body
    raise _Refused(403, "Not let in.")


def _body(request: HttpRequest, door: Door) -> bytes:
    """At most so many bytes, counted and not only announced."""
    if request.META.get("HTTP_CONTENT_ENCODING", "identity") not in ("", "identity"):
        raise _Refused(415, "A packed body is not unpacked.")
    most = door.installation.webhook_max_bytes
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if announced.isdecimal() and len(announced) < 20 and int(announced) > most:
        raise _Refused(413, "Too large.")
    kept: bytes | None = getattr(request, "_blesta_body", None)
    if kept is None:
        try:
            kept = request.read(most + 1)
        except (UnreadablePostError, OSError):
            raise _Refused(400, "The body could not be read.") from None
        request._blesta_body = kept  # type: ignore[attr-defined]  # a second installation's key may be tried on it
    if len(kept) > most:
        raise _Refused(413, "Too large.")
    return kept


def _parsed(request: HttpRequest, body: bytes) -> tuple[dict[str, int], Any]:
    kind = request.content_type or ""
    if kind == JSON:
        try:
            parameters = parsed_json(body) if body.strip() else {}
        except Malformed as error:
            raise _Refused(400, str(error)) from None
        if isinstance(parameters, dict) and parameters.get("event") in _STREAMED_NAMES:
            return ids_in(parameters.get("payload")), parameters
        return ids_in(parameters), None
    if kind in (FORM, ""):
        return ids_in_form(_form(body)), None
    raise _Refused(415, "JSON or a form is understood.")


_STREAMED_NAMES: Final = tuple(STREAMED)


def _form(text: bytes) -> dict[str, str]:
    try:
        return parsed_form(text)
    except Malformed as error:
        raise _Refused(400, str(error)) from None


def _event(request: HttpRequest, streamed: Any) -> str:
    """Blesta's plugin names it in a header, the Event Stream plugin in the body."""
    name = request.META.get("HTTP_X_BLESTA_EVENT", "") if streamed is None else STREAMED[streamed["event"]]
    if not is_event(name):
        raise _Refused(400, "No event is named.")
    return name
