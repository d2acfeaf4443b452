"""The kinds of values that an option of the ``BLESTA`` setting can have: how each is read, and what it is called."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

PLUGIN_MODEL = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)?")
PAIR = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)?\.[A-Za-z][A-Za-z0-9_]*")
#: What can stand in the path of an address and in its user part alike, and is too long to be guessed.
SECRET_WORD: Final = re.compile(r"[A-Za-z0-9._~-]{24,200}")
DURATION: Final = re.compile(r"([1-9][0-9]{0,5})(s|m|h|d)")
SECONDS_IN: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

WRONG: Any = object()


@dataclass(frozen=True, slots=True)
class Kind:
    """`convert` gives the value as it is used, or WRONG; `code` is the tail of the system check's id."""

    described: str
    convert: Callable[[Any], Any]
    code: str = "E008"


def number(low: float, high: float) -> Kind:
    def convert(given: Any) -> Any:
        return float(given) if type(given) in (int, float) and low <= given <= high else WRONG

    return Kind(f"a number from {low:g} to {high:g}", convert)


def whole(low: int, high: int) -> Kind:
    def convert(given: Any) -> Any:
        return given if type(given) is int and low <= given <= high else WRONG

    return Kind(f"a whole number from {low} to {high}", convert)


def optional(kind: Kind) -> Kind:
    return Kind(f"{kind.described}, or None", lambda given: None if given is None else kind.convert(given))


def _address(given: Any) -> Any:
    return given if isinstance(given, str) and re.fullmatch(r"https?://[^\s@]+", given) else WRONG


def file(given: Any) -> Any:
    return os.fspath(given) if isinstance(given, (str, os.PathLike)) and os.path.isfile(given) else WRONG


def pairs(given: Any) -> Any:
    if not isinstance(given, (list, tuple, set, frozenset)):
        return WRONG
    fits = all(isinstance(pair, str) and PAIR.fullmatch(pair) for pair in given)
    return frozenset(given) if fits else WRONG


def paths(given: Any) -> Any:
    if not isinstance(given, dict):
        return WRONG
    words = [*given.keys(), *given.values()]
    fits = all(isinstance(word, str) and PLUGIN_MODEL.fullmatch(word) for word in words)
    return MappingProxyType(dict(given)) if fits else WRONG


FLAG = Kind("True or False", lambda given: given if type(given) is bool else WRONG)
CARRIER = Kind('"headers" or "basic"', lambda given: given if given in ("headers", "basic") else WRONG)
ADDRESS = Kind("an http or https address without a user in it", _address)


def seconds_of(given: Any) -> float | None:
    """ "90s", "2m", "1h", "1d" or a number of seconds; None for anything else."""
    if type(given) in (int, float) and 1 <= given <= 10_000_000:
        return float(given)
    found = DURATION.fullmatch(given) if isinstance(given, str) else None
    return int(found[1]) * SECONDS_IN[found[2]] if found else None


def durations(given: Any) -> Any:
    """Name of a mirror to seconds; the names are compared with the mirrors by a system check."""
    if not isinstance(given, dict) or not all(isinstance(name, str) and name for name in given):
        return WRONG
    read = {name: seconds_of(value) for name, value in given.items()}
    return WRONG if None in read.values() else MappingProxyType(read)


def networks(given: Any) -> Any:
    if not isinstance(given, (list, tuple)) or not all(isinstance(one, str) for one in given):
        return WRONG
    try:
        return tuple(ipaddress.ip_network(one) for one in given)
    except ValueError:
        return WRONG


def token(given: Any) -> Any:
    """Already sealed; what could not be is None."""
    return WRONG if given is None else given


def secrets(given: Any) -> Any:
    """Already sealed; what could not be is None."""
    return given if isinstance(given, tuple) and all(one is not None for one in given) else WRONG
