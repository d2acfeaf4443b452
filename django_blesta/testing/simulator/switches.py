"""How this Blesta behaves where nobody knows, where versions and set-ups differ, or where it is ill.

Defaults are what is documented or was seen most often.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints


@dataclass(slots=True)
class Switches:
    """One attribute per switch; an unknown name or a word that is not offered is a ValueError, not a silent no-op."""

    # Form of the answers
    error_shape: Literal["flat", "wrapped", "200"] = (
        "flat"  # {"message", "errors"}; all that in "model"; with status 200
    )
    null_error_text: bool = False  # rules without a message answer null
    localised: bool = False  # the texts of errors are in another language
    ids_as_strings: Literal[False, True, "mixed"] = False  # "mixed": "id" is a number, what ends in "_id" is text
    flags_as_strings: bool = False
    money_as_numbers: bool = False
    empty_list_as_false: bool = False
    empty_map_as_list: bool = True  # PHP writes an empty map as []
    inferred_columns: Literal["present", "absent", "renamed"] = "present"  # columns that nobody has documented or seen
    missing_response: bool = False  # void methods leave "response" out instead of sending null

    # Lists
    page_size: int = 20
    order_by: Literal["honoured", "ignored", "error", "qualified_only"] = "honoured"
    lists_scoped: bool = True  # lists show the key's company alone
    repeat_last_page: bool = False  # pages past the end repeat the last one
    empty_page: int | None = None  # this page of every list has an empty body, as one bad byte in a row makes it

    # Access
    verb_strict: bool = False
    auth_carrier: Literal["any", "headers", "basic"] = "any"
    missing_plugin: Literal[False, True] | str = False  # all plugins' models are unknown, or those of the named plugin

    rewriting: bool = True  # without it, /api/ is a page that is not found, and only /index.php/api/ answers

    # Rules
    unique_emails: bool = False  # two contacts may not share an address
    password_length: int = 6

    # Who stands behind Blesta
    gateway: Literal["approves", "declines", "fails", "pending"] = "approves"
    module_error: str | None = None  # the server's module refuses what it is asked, under this key of its own
    # Webhooks
    webhook_loss: float = 0.0  # which part of all deliveries never arrives, 0 to 1
    webhook_loss_shows: Literal["yes", "no"] = "yes"  # whether Blesta's own log knows of it
    webhook_duplicates: float = 0.0  # which part arrives twice
    webhook_order: Literal["kept", "shuffled"] = "kept"
    webhook_delay: float = 0.0  # seconds on the way; 0 and a kept order: inside the call, as Blesta does it
    webhook_timing: Literal["late", "early"] = "late"  # "early": told before what it tells of is there

    # Health
    maintenance: Literal["off", "503", "500"] = "off"
    html_fatal: Literal["off", "500", "200", "empty"] = "off"  # status of the HTML page; "empty": 500 without a body
    latency: float = 0.0  # seconds before every answer
    clock_behind: float = 0.0  # minutes by which the server's own clock is slow, as its Date header shows
    cron_minutes_ago: int | None = 1  # when the cron last ran; null: never

    def set(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)

    def reset(self) -> None:
        for field in fields(self):
            setattr(self, field.name, field.default)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __setattr__(self, name: str, value: Any) -> None:
        hint = _hints().get(name)
        if hint is None:
            raise ValueError(f"There is no switch {name}; there are {', '.join(sorted(_hints()))}.")
        if not _fits(value, hint):
            raise ValueError(f"The switch {name} cannot be {_written(value)}; it can be {positions(name)}.")
        object.__setattr__(self, name, value)


def positions(name: str) -> str:
    """What a switch can be, in words and as JSON writes them."""
    words = list(dict.fromkeys(_positions(_hints()[name])))
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _positions(hint: Any) -> list[str]:
    if get_origin(hint) is Literal:
        return [_written(word) for word in get_args(hint)]
    if get_args(hint):
        return [word for part in get_args(hint) for word in _positions(part)]
    return _KINDS[hint]


_KINDS: Final[Mapping[type, list[str]]] = {
    bool: ["true", "false"],
    int: ["a whole number above 0"],
    float: ["a number that is not negative"],
    str: ["a text"],
    type(None): ["null"],
}


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[:100]


def _fits(value: Any, hint: Any) -> bool:
    if get_origin(hint) is Literal:
        return any(type(value) is type(word) and value == word for word in get_args(hint))
    if get_args(hint):
        return any(_fits(value, part) for part in get_args(hint))
    if hint is float:
        return type(value) in (int, float) and value >= 0
    if hint is int:
        return type(value) is int and value > 0
    return type(value) is hint


_resolved: Final[dict[str, Any]] = {}


def _hints() -> Mapping[str, Any]:
    if not _resolved:
        _resolved.update(get_type_hints(Switches))
    return _resolved
