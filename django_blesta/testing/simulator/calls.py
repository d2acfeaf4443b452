"""What a method of the simulated Blesta is: a plain function, registered under its model with its PHP signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.clock import Clock
from django_blesta.testing.simulator.listing import Listings
from django_blesta.testing.simulator.rows import Rows
from django_blesta.testing.simulator.state import State
from django_blesta.testing.simulator.switches import Switches
from django_blesta.testing.simulator.webhooks import Webhooks

Function: TypeAlias = Callable[..., Any]
F = TypeVar("F", bound=Function)


class BadArguments(Exception):
    """A required argument is missing: 400 without `errors`."""


class Failure(Exception):
    """PHP or the database threw: 500, with a detail in `response` when there is one."""

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Call:
    """What a method works with: the installation, and the company that the key entered."""

    state: State
    clock: Clock
    switches: Switches
    listings: Listings
    rows: Rows
    company_id: int
    webhooks: Webhooks | None = None

    def now(self) -> datetime:
        """To the second, as DATETIME columns hold it."""
        return self.clock.now().replace(microsecond=0)

    def setting(self, key: str) -> str | None:
        row = self.state.get("company_settings", (self.company_id, key))
        return None if row is None else row["value"]

    def zone(self) -> tzinfo:
        """The company's time zone: what a date without one is taken in."""
        name = self.setting("timezone")
        return ZoneInfo(name) if name else UTC

    def sees_client(self, client_id: int) -> bool:
        """Whether lists show what belongs to this client."""
        return not self.switches.lists_scoped or self.company_of(client_id) == self.company_id

    def company_of(self, client_id: int) -> int | None:
        client = self.state.get("clients", client_id)
        group = self.state.get("client_groups", client["client_group_id"]) if client else None
        return group["company_id"] if group else None

    def date(self, value: Any) -> datetime | None:
        return php.parse_date(value, self.zone())


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument as PHP declares it; `kind` is int, str, bool, Map or Any."""

    name: str
    kind: str
    optional: bool
    nullable: bool


@dataclass(frozen=True, slots=True)
class Method:
    """One callable method of a model."""

    model: str
    name: str
    function: Function
    arguments: tuple[Argument, ...]
    writes: bool
    returns_nothing: bool

    def __call__(self, call: Call, sent: php.Array) -> Any:
        """Run with the arguments that have a place here; the rest is ignored, as PHP would."""
        values: dict[str, Any] = {}
        for argument in self.arguments:
            if argument.name in sent:
                values[argument.name] = _cast(argument, sent[argument.name])
            elif not argument.optional:
                raise BadArguments(argument.name)
        return self.function(call, **values)


METHODS: Final[dict[tuple[str, str], Method]] = {}


def method(model: str, name: str, *, writes: bool = False) -> Callable[[F], F]:
    """Register a function as `model.name`; its parameters after the first are the PHP arguments, names and defaults."""

    def register(function: F) -> F:
        nothing = inspect.signature(function).return_annotation == "None"
        METHODS[model, name] = Method(model, name, function, _arguments(function), writes, nothing)
        return function

    return register


def _arguments(function: Function) -> tuple[Argument, ...]:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return tuple(
        Argument(
            name=parameter.name,
            kind=str(parameter.annotation).partition(" |")[0].rpartition(".")[2],
            optional=parameter.default is not inspect.Parameter.empty,
            nullable="None" in str(parameter.annotation),
        )
        for parameter in parameters
    )


def _cast(argument: Argument, value: Any) -> Any:
    if argument.kind == "Any":
        return value
    if argument.kind == "Array":
        if isinstance(value, dict):
            return value
        if value == "":  # the only way to say "none" in a form
            return None if argument.nullable else {}
        raise Failure(f"Argument ${argument.name} must be of type array, string given")
    if argument.kind == "bool":
        return php.truthy(value)
    if isinstance(value, dict):
        raise Failure(f"Argument ${argument.name} must not be of type array")
    if argument.kind == "int":
        return None if argument.nullable and value == "" else php.integer(value)
    return None if argument.nullable and value == "" else str(value)


def models(methods: Mapping[tuple[str, str], Method] = METHODS) -> frozenset[str]:
    return frozenset(model for model, _ in methods)
