"""What travels: arguments to PHP's form encoding, bodies to JSON, and JSON to the shape that was declared.

Pure functions. Every oddity of PHP's JSON is undone here and nowhere else.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote_plus

from django.utils.functional import Promise

from django_blesta.connection._callable import Shape, Signature
from django_blesta.connection._values import Unreadable, flag_from, integer_from, rounded_from, text_from

#: Arguments that Blesta documents as the words "true" and "false" (its other flags are 1 and 0).
WORDED_FLAGS: Final = frozenset(
    {"use_module", "notify_cancel", "encrypted", "send_registration_email", "send_registration_message", "prorate"}
)
#: PHP's defaults for max_input_nesting_level and max_input_vars. It drops what lies beyond them without an error, so
#: an invoice with too many lines would be made with the first of them only.
DEEPEST: Final = 64
MOST: Final = 1000
ARGUMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
KEY: Final = re.compile(r"[^\[\]\x00-\x1f]+")
#: PHP never writes http_build_query's "~" plain, Python always does.
TILDE: Final = ("~", "%7E")


def encode(arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Flatten to PHP's bracket names, lists with explicit indices 0..n-1.

    None is left out, as a form cannot express it. What PHP's own ``http_build_query`` would drop without a word is
    refused: an empty list or map, and None inside a list (which would leave a gap, and Blesta's rules fail on gaps).
    Raises ValueError or TypeError with the argument's path and without its value.
    """
    pairs: list[tuple[str, str]] = []
    for name, value in arguments.items():
        if not isinstance(name, str):
            raise TypeError(f"An argument's name must be text, not {type(name).__name__}.")
        if not ARGUMENT.fullmatch(name):
            raise ValueError(f"{name!r} cannot be the name of an argument; nest with dicts and lists.")
        pairs.extend(_flatten(name, name, value, 1))
    if len(pairs) > MOST:
        raise ValueError(f"{len(pairs)} values are more than PHP takes ({MOST}); it would drop the rest.")
    return pairs


def _flatten(path: str, name: str, value: Any, depth: int) -> Iterator[tuple[str, str]]:
    if depth > DEEPEST:
        raise ValueError(f"{path[:80]}… is nested deeper than PHP reads ({DEEPEST}).")
    if isinstance(value, Mapping):
        if not value:
            raise ValueError(f"{path} is empty, which a form cannot express; leave it out or give None.")
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"A key in {path} must be text, not {type(key).__name__}.")
            if not KEY.fullmatch(key):
                raise ValueError(f"{key!r} in {path} cannot be a key in a form.")
            yield from _flatten(f"{path}[{key}]", key, item, depth + 1)
    elif isinstance(value, (list, tuple)):
        if not value:
            raise ValueError(f"{path} is empty, which a form cannot express; leave it out or give None.")
        for index, item in enumerate(value):
            if item is None:
                raise ValueError(f"{path}[{index}] is None, which would leave a gap in the list.")
            yield from _flatten(f"{path}[{index}]", name, item, depth + 1)
    elif value is not None:
        yield path, _plain(path, name, value)


def _plain(path: str, name: str, value: object) -> str:
    match value:
        case bool():
            words = ("false", "true") if name in WORDED_FLAGS else ("0", "1")
            return words[value]
        case str() | Promise():
            # A str-based enum must give its value and not its name.
            text = str.__str__(value) if isinstance(value, str) else str(value)
            if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
                raise ValueError(f"{path} holds half of a surrogate pair, which is not text.")
            return text
        case int():
            return str(int(value))
        case Decimal() | float():
            if not math.isfinite(value):
                raise ValueError(f"{path} is not a finite number.")
            return format(value if isinstance(value, Decimal) else Decimal(repr(value)), "f")
        case datetime():
            if value.utcoffset() is None:
                raise ValueError(f"{path} is a naive datetime, which Blesta would take as the company's local time.")
            # isoformat, because strftime does not pad years below 1000 on every platform.
            return value.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat() + "Z"
        case date():
            return value.isoformat()
    raise TypeError(f"{path} is {type(value).__name__}, which has no form that Blesta knows.")


def form(pairs: list[tuple[str, str]]) -> str:
    """Return the text of a query string or a form body, as PHP writes it."""
    return "&".join(f"{_quote(name)}={_quote(value)}" for name, value in pairs)


def _quote(text: str) -> str:
    return quote_plus(text).replace(*TILDE)


class Unparsable(Exception):
    """A body that is not the JSON of one answer; ``slug`` is a row's sign in the table of errors."""

    def __init__(self, slug: str) -> None:
        super().__init__(slug)
        self.slug = slug


def parse(body: bytes) -> Any:
    """Parse a whole body; raise Unparsable and nothing else.

    Stricter than JSON libraries are: one value, UTF-8 (a byte-order mark is let through), no duplicate keys, no NaN.
    """
    if not body or body.isspace():
        raise Unparsable("empty")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unparsable("not-text") from None
    return _loads(_DECODER.decode, text)


def salvage(body: bytes) -> Any:
    """Parse the JSON that follows PHP warnings; raise Unparsable when the text before it is anything else."""
    text = body.decode("utf-8", "replace")
    found = ENVELOPE.search(text)
    if found is None or not WARNING.search(text, 0, found.start()):
        raise Unparsable("not-json")
    return _loads(_DECODER.decode, text[found.start() :])


ENVELOPE: Final = re.compile(r'\{\s*"(?:response|message|errors|model)"\s*:')
WARNING: Final = re.compile(r"\b(?:Warning|Notice|Deprecated)\b")


def _loads(decode: Callable[[str], Any], text: str) -> Any:
    try:
        return decode(text)
    except _Refused as refused:
        slug = refused.slug
    except json.JSONDecodeError as error:
        slug = _slug_of(error, text)
    except RecursionError:
        slug = "too-deep"
    except (ValueError, ArithmeticError):
        # An integer with more digits than Python converts, an exponent beyond what Decimal holds.
        slug = "bad-number"
    raise Unparsable(slug)


def _slug_of(error: json.JSONDecodeError, text: str) -> str:
    """Tell a body that was cut short, which may be whole the next time, from one that never was JSON."""
    if error.msg == "Extra data":
        return "trailing-data"
    rest = text[error.pos :].rstrip()
    if text.lstrip()[:1] not in ("{", "["):
        return "not-json"
    cut_string = error.msg.startswith("Unterminated string") or ("escape" in error.msg and len(rest) < 6)
    cut_word = any(word.startswith(rest) for word in ("true", "false", "null", "-"))
    return "truncated" if cut_string or cut_word else "not-json"


class _Refused(ValueError):
    def __init__(self, slug: str) -> None:
        self.slug = slug


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Refused("duplicate-key")
    return made


def _constant(name: str) -> Any:
    raise _Refused("bad-number")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_float=Decimal, parse_constant=_constant)

#: Stands for a ``response`` member that is not there.
ABSENT: Final = object()


def shape_from(response: Any, signature: Signature) -> Any:
    """Undo PHP's ways with arrays and give what the signature declares; raise Unreadable where it does not fit."""
    shape = signature.shape
    if shape is Shape.NOTHING:
        return None
    if response is ABSENT:
        raise Unreadable("no-response", "The answer has no response member.")
    if shape is Shape.ANY:
        return response
    if (response is False or response is None) and signature.false_is_empty and shape in _EMPTY:
        return _EMPTY[shape]()
    return _SHAPES[shape](response)


def _row(response: Any) -> dict[str, Any] | None:
    if response is None or response is False or response == [] or response == {}:
        return None
    if isinstance(response, dict):
        return response
    raise _misfit("an object", response)


def _rows(response: Any) -> list[dict[str, Any]]:
    rows = [{} if row == [] else row for row in _listed(response)]
    for row in rows:
        if not isinstance(row, dict):
            raise _misfit("a list of objects", row)
    return rows


def _listed(response: Any) -> list[Any]:
    """PHP writes a list with gaps as an object with the numbers as keys; its order is the list's order."""
    if isinstance(response, list):
        return response
    if isinstance(response, dict) and all(key.isascii() and key.isdecimal() for key in response):
        return list(response.values())
    raise _misfit("a list", response)


def _map(response: Any) -> dict[str, Any]:
    if isinstance(response, dict):
        return response
    if isinstance(response, list):
        # A map whose keys happen to be 0..n-1, the empty one included, is a list to PHP.
        return {str(index): item for index, item in enumerate(response)}
    raise _misfit("a map", response)


def _count(response: Any) -> int:
    count = integer_from(response)
    if count < 0:
        raise Unreadable("negative", "A count cannot be negative.")
    return count


def _id(response: Any) -> int:
    number = integer_from(response)
    if number < 1:
        raise Unreadable("no-id", "An id must be positive.")
    return number


def _text(response: Any) -> str:
    if response is None:
        raise _misfit("text", response)
    return text_from(response)


def _texts(response: Any) -> list[str]:
    return [_text(item) for item in _listed(response)]


_SHAPES: Final[Mapping[Shape, Callable[[Any], Any]]] = {
    Shape.ROW: _row,
    Shape.ROWS: _rows,
    Shape.MAP: _map,
    Shape.COUNT: _count,
    Shape.ID: _id,
    Shape.FLAG: flag_from,
    Shape.NUMBER: rounded_from,
    Shape.TEXT: _text,
    Shape.TEXTS: _texts,
}
_EMPTY: Final[Mapping[Shape, Callable[[], Any]]] = {
    Shape.ROWS: list,
    Shape.MAP: dict,
    Shape.TEXT: str,
    Shape.TEXTS: list,
}


def _misfit(expected: str, got: Any) -> Unreadable:
    kinds = {bool: "true or false", dict: "an object", list: "a list", str: "text", type(None): "null"}
    return Unreadable("misfit", f"The answer should be {expected} and is {kinds.get(type(got), 'a number')}.")
