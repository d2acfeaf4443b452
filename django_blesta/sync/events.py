"""What an event of Blesta's means: which ids its parameters carry, and which row of which mirror it speaks of.

Parameters are read for ids alone, by name and form; no other value of a payload is looked at or kept (reference 7.1:
nothing signs them, and some carry passwords).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from django_blesta.models import Delivery, Mirror, mirrors
from django_blesta.resources import resource_of

MOST_IDS, DEEPEST, MOST_MEMBERS, MOST_PAIRS = 32, 6, 2000, 1000
#: Blesta's ids are unsigned integers of four bytes. What is longer is none, and might be the number of a card.
ID: Final = re.compile(r"[1-9][0-9]{0,9}")
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}|[0-9]{1,4}")
EVENT: Final = re.compile(r"(?P<model>[A-Za-z]\w*)\.(?P<verb>\w+?)(?P<phase>Before|After)?", re.ASCII)
LONGEST_EVENT: Final = 100
#: Events about Blesta's own pages, about people coming and going, and about mail that was sent.
NOISE: Final = re.compile(
    r"(Navigation|Appcontroller|Emails|Report|CalendarEvents)\..*|Users\.log(in|out)", re.IGNORECASE
)

#: What the third-party Event Stream plugin calls three of Blesta's events (reference 7.2).
STREAMED: Final = {
    "clientAdded": "Clients.create",
    "clientUpdated": "Clients.edit",
    "invoiceClosed": "Invoices.setClosed",
}


class Malformed(ValueError):
    """The body is not what its type says, or is built to be costly."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """`state` is what became of the delivery; `model` and `pk` are there where it led to a row."""

    state: Delivery.State
    model: type[Mirror] | None = None
    pk: int = 0


def is_event(name: str) -> bool:
    return len(name) <= LONGEST_EVENT and EVENT.fullmatch(name) is not None


def meaning(event: str, ids: Mapping[str, int]) -> Meaning:
    """The row that an event speaks of, by the declarations' tables (reference 7.3)."""
    found = EVENT.fullmatch(event)
    if found is None:
        return Meaning(Delivery.State.UNKNOWN)
    declared = declared_events()
    plain = f"{found['model']}.{found['verb']}"
    known = declared.get(event) or declared.get(plain)
    if found["phase"] == "Before" or NOISE.fullmatch(plain):
        return Meaning(Delivery.State.IGNORED)
    if known is None:
        return Meaning(Delivery.State.UNKNOWN)
    model, name = known
    for path in places_of(name):
        if path in ids:
            return Meaning(Delivery.State.RESOLVED, model, ids[path])
    return Meaning(Delivery.State.FAILED)


def declared_events() -> dict[str, tuple[type[Mirror], str]]:
    return {event: (model, name) for model in mirrors() for event, name in resource_of(model).events.items()}


def places_of(name: str) -> tuple[str, ...]:
    """Where the id called `invoice_id` may stand, the likeliest first."""
    singular = name.removesuffix("_id")
    return name, f"{singular}.id", f"vars.{name}", "vars.id", "id"


def ids_in(parameters: Any) -> dict[str, int]:
    """Every id by its dotted path (`invoice_id`, `client.id`, `vars.amounts.0.invoice_id`), the outermost first."""
    found: dict[str, int] = {}
    for path, value in _members(parameters):
        last = path.rpartition(".")[2]
        if last != "id" and not last.endswith("_id"):
            continue
        number = _id_from(value)
        if number:
            found.setdefault(path, number)
        if len(found) == MOST_IDS:
            break
    return found


def _members(parameters: Any) -> Iterator[tuple[str, Any]]:
    """Level by level, so that what is cut off is what lies deepest."""
    level: list[tuple[str, Any]] = [("", parameters)]
    seen = 0
    for _depth in range(DEEPEST):
        deeper: list[tuple[str, Any]] = []
        for path, value in level:
            if isinstance(value, list):
                entries: Any = ((str(place), one) for place, one in enumerate(value))
            else:
                entries = value.items() if isinstance(value, dict) else ()
            for key, one in entries:
                seen += 1
                if seen > MOST_MEMBERS:
                    return
                if NAME.fullmatch(key):
                    name = f"{path}.{key}" if path else key
                    yield name, one
                    deeper.append((name, one))
        level = deeper


def _id_from(value: Any) -> int:
    if type(value) is int:
        value = str(value) if 0 < value < 10**10 else ""
    return int(value) if isinstance(value, str) and ID.fullmatch(value) else 0


def parsed_json(body: bytes) -> Any:
    """Raise `Malformed`; a body that nests too deeply for the parser is one too."""
    try:
        return json.loads(body.decode("utf-8-sig"), parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise Malformed("The body is not JSON.") from None


def parsed_form(body: bytes) -> dict[str, str]:
    """Names with PHP's brackets become dotted paths: `client[id]` is `client.id`."""
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_PAIRS)
    except ValueError:
        raise Malformed("The body is not a form, or has too many fields.") from None
    return {name.replace("]", "").replace("[", "."): value for name, value in pairs}


def ids_in_form(fields: Mapping[str, str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, value in sorted(fields.items(), key=lambda pair: pair[0].count(".")):
        parts = name.split(".")
        fits = len(parts) <= DEEPEST and all(NAME.fullmatch(part) for part in parts)
        if fits and (parts[-1] == "id" or parts[-1].endswith("_id")) and (number := _id_from(value)):
            found.setdefault(name, number)
        if len(found) == MOST_IDS:
            break
    return found
