"""PHP's habits, as far as a caller of the API can see them: forms to arrays, values to JSON, casts, dates.

Vectors from PHP itself stand in the tests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, Final, TypeAlias
from urllib.parse import unquote_to_bytes

Array: TypeAlias = dict[str, Any]  # a PHP array: keys in order of arrival, integers kept as their text

MAX_DEPTH: Final = 64  # max_input_nesting_level
MAX_VARIABLES: Final = 1000  # max_input_vars: what comes after is dropped, silently for the caller

_INTEGER_KEY: Final = re.compile(r"0|-?[1-9][0-9]{0,18}")
_NUMERIC: Final = re.compile(r"[ \t\n\r\v\f]*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?[ \t\n\r\v\f]*")
_LEADING_INTEGER: Final = re.compile(r"[ \t\n\r\v\f]*([+-]?\d+)")
_DATE: Final = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
    r"(?:[T ]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?)?"
    r"\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)


def decode_form(text: str) -> Array:
    """What `$_GET` or `$_POST` would hold for this query string or form body."""
    result: Array = {}
    pairs = [pair for pair in text.split("&") if pair]
    for pair in pairs[:MAX_VARIABLES]:
        name, _, value = pair.partition("=")
        _register(result, _unquote(name), _unquote(value))
    return result


def _unquote(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace")


def _register(target: Array, name: str, value: str) -> None:
    path = _split(name)
    if path is None or len(path) > MAX_DEPTH + 1:
        return
    for key in path[:-1]:
        step = _next_index(target) if key is None else key
        if not isinstance(target.get(step), dict):
            target[step] = {}
        target = target[step]
    last = path[-1]
    target[_next_index(target) if last is None else last] = value


def _split(name: str) -> list[str | None] | None:
    """`a[b][]` to its keys, None standing for "the next index"; None altogether when PHP ignores the name."""
    name = name.split("\0", 1)[0].lstrip(" ")
    bracket = name.find("[")
    base = name if bracket == -1 else name[:bracket]
    if not base:
        return None
    path: list[str | None] = [base.replace(" ", "_").replace(".", "_")]
    while bracket != -1:
        end = name.find("]", bracket)
        if end == -1:
            if len(path) == 1:  # an unmatched bracket right after the name becomes part of it
                path = [f"{path[0]}_{name[bracket + 1 :]}".replace("[", "_").replace(" ", "_").replace(".", "_")]
            break
        key = name[bracket + 1 : end]
        path.append(None if key.strip(" \t\n\r\v\f") == "" and len(key) <= 1 else key)
        bracket = end + 1 if name[end + 1 : end + 2] == "[" else -1  # whatever follows the last ] is ignored
    return path


def _next_index(array: Array) -> str:
    return str(max((int(key) for key in array if _INTEGER_KEY.fullmatch(key)), default=-1) + 1)


def truthy(value: Any) -> bool:
    """PHP's bool cast: "" and "0" are false, "false" is true."""
    return value not in (None, "", "0", 0, False) and value != {} and value != []


def integer(value: Any) -> int:
    """PHP's int cast: the digits that a text begins with, or 0."""
    if isinstance(value, int):
        return int(value)
    match = _LEADING_INTEGER.match(value) if isinstance(value, str) else None
    return int(match[1]) if match and len(match[1]) < 20 else 0


def is_numeric(value: Any) -> bool:
    if isinstance(value, str):
        return _NUMERIC.fullmatch(value) is not None
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def items(value: Any) -> list[Any]:
    """The values of an array in its order; nothing for anything else."""
    return list(value.values()) if isinstance(value, dict) else []


def number(amount: Decimal) -> int | float:
    """What a method that computes a float answers: json_encode shows 10.0 as 10."""
    value = float(amount)
    return int(value) if value.is_integer() else value


def parse_date(text: Any, zone: tzinfo) -> datetime | None:
    """The dates that the API documents, as aware UTC; one that names no zone is taken in `zone`. None for the rest."""
    match = _DATE.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(match[part] or 0) for part in _PARTS)
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=_zone(match["zone"]) or zone)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


_ESCAPED_DELETE: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u007f")  # which json_encode leaves as it is
_PARTS: Final = ("year", "month", "day", "hour", "minute", "second")


def _zone(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    if text.upper() in ("Z", "UTC", "GMT"):
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


def show_date(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S") if moment.year >= 1000 else moment.isoformat(" ")[:19]


def to_json(value: Any, show_money: Callable[[Decimal], Any] | None = None) -> str:
    """As json_encode writes it: escaped slashes, \\uXXXX. Decimals are text with four places unless told otherwise."""

    def native(item: Any) -> Any:
        if isinstance(item, Decimal):
            return show_money(item) if show_money else f"{item:.4f}"
        if isinstance(item, datetime):
            return show_date(item)
        raise TypeError(f"{item!r} has no place in an answer")

    text = json.dumps(value, default=native, separators=(",", ":")).replace("/", "\\/")
    return _ESCAPED_DELETE.sub("\\1\x7f", text) if "\\u007f" in text else text
