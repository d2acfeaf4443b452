"""Which of Blesta's methods this process may call, and what shape each of them answers in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

MODEL = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)?")
METHOD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class Shape(Enum):
    """What the ``response`` of a method is, once PHP's ways with arrays are undone.

    ======== =====================================================================================
    ROW      dict, or None for false, null, [] and {}: no such row
    ROWS     list of dicts; gappy lists that arrive as objects included
    MAP      dict with text keys; PHP's empty map arrives as []
    COUNT    int, not negative
    ID       int, positive; a write that answers without one has an unknown outcome
    FLAG     bool
    NUMBER   Decimal rounded half-even to 4 places: the method computes a float
    TEXT     str
    TEXTS    list of str
    ANY      what JSON said, numbers with a point as Decimal
    NOTHING  None, whatever came
    ======== =====================================================================================
    """

    ROW = "row"
    ROWS = "rows"
    MAP = "map"
    COUNT = "count"
    ID = "id"
    FLAG = "flag"
    NUMBER = "number"
    TEXT = "text"
    TEXTS = "texts"
    ANY = "any"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Signature:
    """One callable pair. ``false_is_empty``: false and null mean "none" for ROWS, MAP, TEXT and TEXTS."""

    model: str
    method: str
    writes: bool
    shape: Shape
    false_is_empty: bool = False

    @property
    def call(self) -> str:
        return f"{self.model}.{self.method}"


_declared: dict[tuple[str, str], Signature] = {}


def declare(model: str, method: str, *, writes: bool, shape: Shape, false_is_empty: bool = False) -> Signature:
    """Allow a pair in this process.

    ``model`` is Blesta's class (``Clients``), with its plugin before a dot (``support_manager.SupportManagerTickets``).
    Declaring a pair twice is harmless; declaring it twice in different ways is a ValueError.
    """
    if not MODEL.fullmatch(model) or not METHOD.fullmatch(method):
        raise ValueError(f"{model}.{method} cannot be part of a path.")
    signature = Signature(model, method, writes, shape, false_is_empty)
    known = _declared.setdefault((model, method), signature)
    if known != signature:
        raise ValueError(f"{signature.call} is already declared as {known}.")
    return known


def declared(model: str, method: str) -> Signature | None:
    return _declared.get((model, method))


def declarations() -> Iterator[Signature]:
    """Every pair that this process may call, in the order of declaration."""
    yield from tuple(_declared.values())
