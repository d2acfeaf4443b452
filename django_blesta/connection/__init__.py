"""Speak to Blesta: encode, authenticate, send, pace, retry what is safe, decode, raise. The only HTTP.

``requests`` is imported with the first call and not before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from django.views.decorators.debug import sensitive_variables

from django_blesta import conf
from django_blesta.conf import Installation
from django_blesta.connection._call import Call, CallRecord, observe, watch
from django_blesta.connection._callable import METHOD, MODEL, Shape, Signature, declarations, declare, declared
from django_blesta.connection._errors import printable
from django_blesta.connection._knock import knock
from django_blesta.connection._pace import Clock
from django_blesta.connection._probe import Probe, probe
from django_blesta.connection._values import (
    Unreadable,
    datetime_from,
    decimal_from,
    flag_from,
    identifier_from,
    integer_from,
    rounded_from,
    text_from,
)
from django_blesta.connection._wire import encode
from django_blesta.exceptions import Facts, NotAllowed

__all__ = [
    "CallRecord",
    "Clock",
    "Connection",
    "Probe",
    "Shape",
    "Signature",
    "Unreadable",
    "connection_for",
    "datetime_from",
    "decimal_from",
    "declarations",
    "declare",
    "declared",
    "encode",
    "flag_from",
    "identifier_from",
    "integer_from",
    "knock",
    "observe",
    "probe",
    "rounded_from",
    "text_from",
    "watch",
]

_CLOCK = Clock()
#: PHP's own serialisation is one of Blesta's formats and is never asked for.
EXTENSION = re.compile(r"(?!php$)[a-z]{2,8}")
NO_ARGUMENTS: Mapping[str, Any] = MappingProxyType({})


class Connection:
    """The way to one company of one installation: light, thread-safe, and aware of changed settings."""

    def __init__(self, using: str, company_id: int | None, clock: Clock | None = None) -> None:
        self.using = using
        self.company_id = company_id
        self._clock = clock or _CLOCK

    def __repr__(self) -> str:
        return f"Connection(using={self.using!r}, company_id={self.company_id!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return connection_for, (self.using, self.company_id)

    @sensitive_variables()
    def read(
        self,
        model: str,
        method: str,
        arguments: Mapping[str, Any] = NO_ARGUMENTS,
        *,
        shape: Shape | None = None,
        extension: str = "json",
    ) -> Any:
        """Ask for something, by GET; a failure that may pass is tried again within the call's deadline.

        ``shape`` overrides the declared one. ``extension`` is for asking how Blesta answers to a format it lacks.
        """
        return self._call(model, method, arguments, shape, extension, writes=False)

    @sensitive_variables()
    def write(
        self,
        model: str,
        method: str,
        arguments: Mapping[str, Any] = NO_ARGUMENTS,
        *,
        shape: Shape | None = None,
    ) -> Any:
        """Change something, by POST, at most once: tried again only when no connection was made."""
        return self._call(model, method, arguments, shape, "json", writes=True)

    def hang_up(self) -> None:
        """Close what the calling thread holds open to this installation."""
        from django_blesta.connection._http import hang_up

        hang_up(self.using)

    def _call(
        self,
        model: str,
        method: str,
        arguments: Mapping[str, Any],
        shape: Shape | None,
        extension: str,
        *,
        writes: bool,
    ) -> Any:
        installation = conf.installation(self.using)
        signature = _signature(installation, model, method, shape, extension, writes)
        names = tuple(arguments)
        call = Call(installation, self.company_id, signature, encode(arguments), names, extension, self._clock)
        value, error = call.run()
        if error is not None:
            # Raised here, outside every except block and with no HTTP library's frame below it.
            raise error
        return value


_connections: dict[tuple[str, int | None], Connection] = {}


def connection_for(using: str = "default", company_id: int | None = None) -> Connection:
    """Return the connection of an alias and a company, one per pair; None means the only company there is.

    Raises NotConfigured when the setting has mistakes, or does not know the alias or the company.
    """
    company, _ = conf.installation(using).credentials(company_id)
    return _connections.setdefault((using, company), Connection(using, company))


def _signature(
    installation: Installation, model: str, method: str, shape: Shape | None, extension: str, writes: bool
) -> Signature:
    """Refuse what is not allowed, before anything is encoded or opened."""
    name = f"{model}.{method}"
    facts = Facts(call=printable(name), reason="not-allowed")
    if not (MODEL.fullmatch(model) and METHOD.fullmatch(method) and EXTENSION.fullmatch(extension)):
        raise NotAllowed(f"{facts.call} cannot be part of a path to Blesta.", facts)
    signature = declared(model, method)
    if name in installation.allow:
        known = signature or Signature(model, method, writes, Shape.ANY)
        signature = replace(known, writes=writes)
    if signature is None:
        raise NotAllowed(f"{name} is neither declared nor listed in BLESTA's ALLOW.", facts)
    if signature.writes != writes:
        kinds = ("a read", "a write")
        raise NotAllowed(f"{name} is {kinds[signature.writes]} and was called as {kinds[writes]}.", facts)
    if writes and installation.read_only:
        raise NotAllowed(f"{name} is a write, and BLESTA's READ_ONLY is on.", replace(facts, reason="read-only"))
    return signature if shape is None else replace(signature, shape=shape)
