"""Liveness, readiness and metrics; who may ask is decided before anything is looked up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_safe

from django_blesta import conf, status
from django_blesta.exceptions import NotConfigured
from django_blesta.health.prometheus import CONTENT_TYPE, written
from django_blesta.status import Level
from django_blesta.status.report import as_dict

View = Callable[..., HttpResponse]


def guarded(view: View) -> View:
    """For the bearer of HEALTH_TOKEN, and for staff who may see the status page; others learn nothing."""

    @require_safe
    @never_cache
    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        using = request.GET.get("using", DEFAULT_DB_ALIAS)
        if not (_bears_token(request, using) or _is_staff(request)):
            return HttpResponseForbidden("", content_type="text/plain")
        if using not in conf.aliases() or using not in settings.DATABASES:
            raise Http404
        return view(request, using)

    return checked


@sensitive_variables()
def _bears_token(request: HttpRequest, using: str) -> bool:
    kind, _blank, given = request.headers.get("Authorization", "").partition(" ")
    try:
        token = conf.installation(using).health_token
        if token is None or kind.lower() != "bearer" or not given.strip():
            return False
        return constant_time_compare(given.strip(), str(token.reveal()))
    except NotConfigured:
        return False


def _is_staff(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return user is not None and user.is_active and user.is_staff and user.has_perm("django_blesta.view_status")


@guarded
def live(request: HttpRequest, using: str) -> HttpResponse:
    """That this process answers; nothing is looked up."""
    return JsonResponse({"status": "live"})


@guarded
def ready(request: HttpRequest, using: str) -> HttpResponse:
    """503 while something is broken, or a mirror is older than `?max_age=` seconds (a day by default).

    What merely needs attention keeps the site in service: its customers are shown what is known, and as of when.
    """
    given = request.GET.get("max_age", "")
    seconds = int(given) if given.isascii() and given.isdecimal() and len(given) < 9 else None
    try:
        found = status.snapshot(using, late_after=status.LATE_AFTER if seconds is None else timedelta(seconds=seconds))
    except DatabaseError as error:
        return JsonResponse({"status": "unready", "troubles": [type(error).__name__]}, status=503)
    late = [one.name for one in found.resources if one.late]
    is_ready = found.verdict < Level.BAD and not late
    facts = {"status": "ready" if is_ready else "unready", "late": late, **as_dict(found)}
    return JsonResponse(facts, status=200 if is_ready else 503)


@guarded
def metrics(request: HttpRequest, using: str) -> HttpResponse:
    return HttpResponse(written(status.snapshot(using)), content_type=CONTENT_TYPE)
