"""Which of Blesta's methods this process may call, and what shape each of them answers in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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


_remembered: dict[tuple[str, str], str] = {}


def paths_for(using: str, model: str, configured: Mapping[str, str]) -> tuple[str, ...]:
    """Return the spellings to try for a model, best first.

    Blesta's manual asks for ``FooBar.FooBarSprocket`` for plugins; clients in live use send
    ``foo_bar.foo_bar_sprocket`` and ``foo_bar.FooBarSprocket``. Which of them a version takes is not known, so a 404 in
    Blesta's JSON leads to the next one, until one has worked or the PLUGIN_PATHS setting says which.
    """
    known = configured.get(model) or _remembered.get((using, model))
    if known:
        return (known,)
    plugin, dot, name = model.rpartition(".")
    if not dot:
        return (_snake(name),)
    snake, camel = _snake(plugin), _camel(plugin)
    spellings = (f"{snake}.{_snake(name)}", f"{camel}.{_camel(name)}", f"{snake}.{_camel(name)}")
    return tuple(dict.fromkeys(spellings))


def remember_path(using: str, model: str, path: str) -> None:
    """Keep a spelling that worked, for this process."""
    _remembered[using, model] = path


def forget_paths() -> None:
    """Let every spelling be tried again."""
    _remembered.clear()


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
