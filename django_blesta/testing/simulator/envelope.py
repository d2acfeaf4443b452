"""The last step of an answer: values to bytes, in the style that the switches ask for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.rules import Errors
from django_blesta.testing.simulator.schema import resources
from django_blesta.testing.simulator.switches import Switches
from django_blesta.testing.simulator.wire import MESSAGES

_ACCENTS: Final = str.maketrans("aeiouAEIOU", "äéïöüÄÉÏÖÜ")


def encode(value: Any, switches: Switches, *, void: bool = False) -> bytes:
    """`{"response": value}`."""
    if void and switches.missing_response:
        return b"[]"
    if switches.empty_list_as_false and value == [] and isinstance(value, list):
        value = False
    if switches.ids_as_strings or switches.flags_as_strings:
        value = _restyled(value, switches)
    return php.to_json({"response": value}, php.number if switches.money_as_numbers else None).encode()


def encode_errors(errors: Errors, switches: Switches) -> bytes:
    shown = {field: {code: _text(text, switches) for code, text in codes.items()} for field, codes in errors.items()}
    if switches.error_shape == "200":
        return php.to_json({"response": None, "errors": shown}).encode()
    body: Mapping[str, Any] = {"message": MESSAGES[400], "errors": shown}
    return php.to_json({"model": body} if switches.error_shape == "wrapped" else body).encode()


def _text(text: str | None, switches: Switches) -> str | None:
    if text is None or switches.null_error_text:
        return None
    return f"«{text.translate(_ACCENTS)}»" if switches.localised else text


def _restyled(value: Any, switches: Switches) -> Any:
    if isinstance(value, list):
        return [_restyled(item, switches) for item in value]
    if isinstance(value, dict):
        return {key: _restyled_column(key, item, switches) for key, item in value.items()}
    return value


def _restyled_column(name: str, value: Any, switches: Switches) -> Any:
    if isinstance(value, list | dict):
        return _restyled(value, switches)
    if isinstance(value, int) and not isinstance(value, bool):
        as_text = switches.ids_as_strings
        if as_text and (name.endswith("_id") or (name == "id" and as_text is True)):
            return str(value)
        if switches.flags_as_strings and name in _flags():
            return str(value)
    return value


@cache
def _flags() -> frozenset[str]:
    """Columns that hold 0 or 1, by the resource table."""
    return frozenset(
        name
        for resource in resources().values()
        for name, field in resource.fields.items()
        if set(field.enum) == {"0", "1"}
    )
