"""What Blesta's API is known to offer, read from `data/blesta-resources.json` (see `data/PROVENANCE.md`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

INFERRED: Final = "inferred"


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a row as the API shows it."""

    name: str
    type: str  # int, string, decimal, datetime, list, map
    nullable: bool
    basis: str  # "inferred", or where it was documented or seen
    enum: tuple[str, ...] = ()
    references: str = ""  # "clients.id"
    note: str = ""

    @property
    def inferred(self) -> bool:
        """Whether nobody has documented or seen it: such columns may be absent at a real Blesta."""
        return self.basis == INFERRED


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a read; `default` is the text of PHP's default value, None when there is none."""

    name: str
    type: str
    required: bool
    default: str | None
    keys: tuple[str, ...] = ()  # of a filters map, when they are known


@dataclass(frozen=True, slots=True)
class Write:
    """One write method: argument names in bracket form ("vars[lines]"), and the declared return type."""

    name: str
    verb: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    returns: str  # "int", "mixed", "stdClass", …; empty where it is not known


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of row with the methods that show and change it; `raw` is its whole entry in the file."""

    name: str
    model: str  # "ClientGroups"; a plugin's model by its class name
    url_model: str  # "client_groups"; "support_manager.support_manager_tickets"
    list_method: str | None
    count_method: str | None
    get_method: str | None
    id_field: str
    list_arguments: tuple[Argument, ...]
    get_arguments: tuple[Argument, ...]
    fields: Mapping[str, Field]
    writes: Mapping[str, Write]
    statuses: tuple[str, ...]
    raw: Mapping[str, Any]

    @property
    def class_name(self) -> str:
        """The class as calls are registered under it: a plugin's with its plugin before a dot."""
        plugin, dot, name = self.url_model.rpartition(".")
        return f"{plugin}.{''.join(word.capitalize() for word in name.split('_'))}" if dot else self.model

    @property
    def inferred_columns(self) -> frozenset[str]:
        return frozenset(name for name, field in self.fields.items() if field.inferred)


@cache
def resources() -> Mapping[str, Resource]:
    """Every resource by its name in the file ("invoices", "package_pricing", …), in the file's order."""
    text = files(__package__).joinpath("data/blesta-resources.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return MappingProxyType({name: _resource(name, raw) for name, raw in document.items() if name != "_meta"})


def resource(name: str) -> Resource:
    """One resource; KeyError for a name that the file does not have."""
    return resources()[name]


def _resource(name: str, raw: dict[str, Any]) -> Resource:
    return Resource(
        name=name,
        model=raw["model"],
        url_model=raw["url_model"],
        list_method=raw["list_method"],
        count_method=raw["count_method"],
        get_method=raw["get_method"],
        id_field=raw["id_field"],
        list_arguments=_arguments(raw["list_params"]),
        get_arguments=_arguments(raw["get_params"]),
        fields=MappingProxyType({column: _field(column, entry) for column, entry in raw["fields"].items()}),
        writes=MappingProxyType({method: _write(method, entry) for method, entry in raw["write_methods"].items()}),
        statuses=tuple(raw["statuses"]),
        raw=MappingProxyType(raw),
    )


def _arguments(raw: list[dict[str, Any]]) -> tuple[Argument, ...]:
    return tuple(
        Argument(entry["name"], entry["type"], entry["required"], entry["default"], tuple(entry.get("keys", ())))
        for entry in raw
    )


def _field(name: str, raw: dict[str, Any]) -> Field:
    return Field(
        name=name,
        type=raw["type"],
        nullable=raw["nullable"],
        basis=raw["basis"],
        enum=tuple(raw.get("enum", ())),
        references=raw.get("fk", ""),
        note=raw.get("note", ""),
    )


def _write(name: str, raw: dict[str, Any]) -> Write:
    return Write(name, raw["verb"], tuple(raw["required"]), tuple(raw["optional"]), raw.get("returns", ""))
