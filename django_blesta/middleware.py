"""Gives each web request an id, so that its log lines, calls to Blesta and operations can be found together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

from django_blesta import correlation

HEADER: Final = "X-Request-ID"


class CorrelationMiddleware:
    """Takes the id that a proxy sent as `X-Request-ID`, or makes one, and sends it back with the answer.

    Put it first into MIDDLEWARE. An id from outside is only taken where it is harmless in logs and pages.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._later(request)
        identifier = correlation.acceptable(request.headers.get(HEADER, ""))
        with correlation.correlated(identifier):
            response = self.get_response(request)
        assert isinstance(response, HttpResponseBase)  # noqa: S101  (it is not async)
        response.headers[HEADER] = identifier
        return response

    async def _later(self, request: HttpRequest) -> HttpResponseBase:
        identifier = correlation.acceptable(request.headers.get(HEADER, ""))
        with correlation.correlated(identifier):
            awaited = self.get_response(request)
            assert isinstance(awaited, Awaitable)  # noqa: S101  (it is async)
            response = await awaited
        response.headers[HEADER] = identifier
        return response
