"""Speak to Blesta: encode, authenticate, send, pace, retry what is safe, decode, raise. The only HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django_blesta.connection._callable import Shape, Signature, declarations, declare, declared

__all__ = [
    "CallRecord",
    "Connection",
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
    "observe",
    "text_from",
]


class Unreadable(ValueError):
    """A value of Blesta's that does not fit; ``code`` is a stable slug."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code


def decimal_from(value: object, places: int = 4) -> Decimal: ...
def integer_from(value: object) -> int: ...
def flag_from(value: object) -> bool: ...
def text_from(value: object) -> str: ...
def datetime_from(value: object, date_only: bool = False) -> datetime | None: ...
def identifier_from(value: object) -> int | None: ...
def encode(arguments: Mapping[str, Any]) -> list[tuple[str, str]]: ...


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One finished call; ``outcome`` is "ok" or the name of the class that was raised. Holds no argument values."""

    model: str
    method: str
    writes: bool
    status: int | None
    outcome: str
    tries: int
    milliseconds: float
    bytes: int
    using: str
    company_id: int | None
    names: tuple[str, ...] = ()


@contextmanager
def observe(callback: Callable[[CallRecord], None]) -> Iterator[None]:
    """Call back after every call that finishes, in whichever thread it ran."""
    yield


class Connection:
    """The way to one company of one installation; light, thread-safe, and sees changed settings."""

    def __init__(self, using: str, company_id: int | None) -> None:
        self.using = using
        self.company_id = company_id

    def read(
        self,
        model: str,
        method: str,
        arguments: Mapping[str, Any] = {},  # noqa: B006  (never changed)
        *,
        shape: Shape | None = None,
        extension: str = "json",
    ) -> Any:
        """Ask; may be repeated by machine."""

    def write(
        self,
        model: str,
        method: str,
        arguments: Mapping[str, Any] = {},  # noqa: B006  (never changed)
        *,
        shape: Shape | None = None,
    ) -> Any:
        """Change something, at most once."""


def connection_for(using: str = "default", company_id: int | None = None) -> Connection:
    """Raise NotConfigured when the setting does not know the alias or the company."""
    return Connection(using, company_id)
