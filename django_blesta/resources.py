"""The vocabulary of declarations: what a remote resource is called, how it is asked for, and which column is which.

Everything here is a frozen value or a pure function. A declaration stands beside its model (`Invoice.resource`);
`mapping_of(model)` compiles it once, and `Mapping.convert` turns one row of Blesta's into values for one row of ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, NamedTuple

from django.db import models

from django_blesta.connection import (
    Shape,
    Unreadable,
    datetime_from,
    decimal_from,
    flag_from,
    identifier_from,
    integer_from,
    text_from,
)

REMEMBERED = 2048
LONGEST_REMEMBERED = 40
LONGEST_TEXT = 2**31

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Call:
    """One method of Blesta's and how its arguments are filled.

    `arguments` are sent as they stand, every non-null one spelled out (reference 1.1: some builds answer 500 to a
    default that is left to them). `key` names the argument that takes an id: the row's own for a `get`, the
    parent's for a scoped listing. `company` names the argument that takes the company's id.
    """

    method: str
    arguments: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    key: str = ""
    company: str = ""
    order_by: str = ""
    order_by_qualified: str = ""
    order_argument: str = "order_by"
    paged: bool = True
    false_is_empty: bool = True
    remote: str = ""
    """The class that owns the method, where it is not the resource's own (a price is asked of `Services`)."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """Our column to Blesta's name for it; a dot reaches into a map (`settings.language`)."""

    columns: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    children: Mapping[str, str] = field(default_factory=lambda: _NOTHING)

    def __bool__(self) -> bool:
        return bool(self.columns or self.children)


def mapped(*same: str, children: Mapping[str, str] | None = None, **renamed: str) -> Mapped:
    """Columns named as Blesta names them, then ours="theirs"; `children` is related name to key in the row."""
    columns = {name: name for name in same} | renamed
    return Mapped(MappingProxyType(columns), MappingProxyType(dict(children or {})))


@dataclass(frozen=True, slots=True)
class Resource:
    """Where the rows of one mirror come from.

    Exactly one of these brings the rows: `listing` (paged or whole; per parent where `parent` names the foreign key
    to it; once for each of the words `each`, which its `key` takes, where Blesta has no word for all), `reached_by`
    (`"Client.user"`: fetched one by one through other mirrors' references, for resources that Blesta does not list),
    or a parent's whole `get` (`embedded_in`).

    `company` is the foreign key that leads to the row's company where the row names none itself; `"key"` means the
    company that the credentials enter; `""` that the resource belongs to no company.

    `events` is Blesta's event to the parameter that carries the row's id. `related` are relations whose rows Blesta
    changes with this one (`"applied.invoice"`); those that are listed under it are listed anew, others fetched. `hot`
    are the querysets' methods that pick the rows which are looked at more often.
    """

    remote: str
    fields: Mapped
    listing: Call | None = None
    count: Call | None = None
    get: Call | None = None
    detail: Mapped = field(default_factory=Mapped)
    parent: str = ""
    each: tuple[str, ...] = ()
    reached_by: tuple[str, ...] = ()
    embedded_in: str = ""
    key: tuple[str, ...] = ("id",)
    company: str = ""
    plugin: str = ""
    events: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    related: tuple[str, ...] = ()
    hot: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """Columns of Blesta's that are known and not mirrored, each with the reason; any other is news (schema drift)."""

    def calls(self) -> Iterable[tuple[str, str, Shape, bool]]:
        """Each call that reading this resource needs: Blesta's class, method, shape, and whether false is empty."""
        for call, shape in ((self.listing, Shape.ROWS), (self.count, Shape.COUNT), (self.get, Shape.ROW)):
            if call is not None:
                yield self.remote_of(call), call.method, shape, call.false_is_empty and shape is Shape.ROWS

    @property
    def read_columns(self) -> frozenset[str]:
        """Columns of Blesta's that the row tier reads, maps that a path reaches into by their own name."""
        return frozenset(path.partition(".")[0] for path in self.fields.columns.values())

    @property
    def read_whole(self) -> frozenset[str]:
        """Columns of Blesta's that only a `get` brings: the detail tier's, and the children."""
        named = {path.partition(".")[0] for path in self.detail.columns.values()}
        return frozenset(named.union(self.detail.children.values()))

    @property
    def is_scoped(self) -> bool:
        """Whether several listings together show the rows, so that no single count can prove them."""
        return bool(self.parent or self.each)

    def remote_of(self, call: Call) -> str:
        name = call.remote or self.remote
        return f"{self.plugin}.{name}" if self.plugin else name


class Unfit(ValueError):
    """A row that no row of ours can hold: which column, which rule, and a sentence without the value."""

    def __init__(self, column: str, code: str, sentence: str) -> None:
        super().__init__(column, code, sentence)
        self.column, self.code, self.sentence = column, code, sentence

    def __str__(self) -> str:
        return f"{self.column}: {self.sentence}" if self.column else self.sentence


class Converted(NamedTuple):
    """One tier of one row, ready to be stored.

    `values` is attname to Python value, of the columns that the payload carried; `absent` names those it did not.
    """

    values: dict[str, Any]
    absent: tuple[str, ...]
    digest: int


@dataclass(frozen=True, slots=True)
class _Column:
    """`path` is empty where `name` is a key of the row itself; `nothing` is what null means to the column.

    Two short cuts for the text that nearly every value is: `known` remembers what text was read as, and text of at
    most `limit` plain characters stands for itself.
    """

    attname: str
    name: str
    path: tuple[str, ...]
    read: Callable[[Any], Any]
    required: bool
    nothing: Any
    known: _Known | None
    limit: int


class _Known(dict[str, Any]):
    """The same few amounts and moments stand in most rows, and each costs more to read than to remember."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: str) -> Any:
        value = self._read(text)
        if len(text) <= LONGEST_REMEMBERED:
            if len(self) >= REMEMBERED:
                self.clear()
            self[text] = value
        return value


_MISSING = object()
_REFUSED = object()


class Tier:
    """A tier of a declaration, compiled against its model's fields."""

    __slots__ = ("_columns", "_plan", "_salt", "attnames")

    def __init__(self, model: type[models.Model], tier: Mapped) -> None:
        self._columns = tuple(_column(model, ours, theirs) for ours, theirs in tier.columns.items())
        # Tuples, since this is walked for every row: attribute look-ups would be a fifth of the time.
        self._plan = tuple((c.attname, c.name, c.path, c.read, c.nothing, c.known, c.limit) for c in self._columns)
        self.attnames = tuple(column.attname for column in self._columns)
        # An upgrade that maps a column differently must rewrite rows whose remote side did not change.
        classes = [_kind_of(_field(model, ours)) for ours in tier.columns]
        declaration = (model._meta.label, list(tier.columns.items()), classes, list(tier.children.items()))
        self._salt = blake2b(repr(declaration).encode(), digest_size=8).digest()

    def __bool__(self) -> bool:
        return bool(self._columns)

    def convert(self, row: Mapping[str, Any]) -> Converted:
        """Raise `Unfit` where a value cannot be held exactly or a required column is missing."""
        values: dict[str, Any] = {}
        attname = ""
        try:
            for attname, name, path, read, nothing, known, limit in self._plan:
                value = _walk(row, path) if path else row.get(name, _MISSING)
                if value is _MISSING:
                    continue
                if type(value) is not str:
                    value = read(value)
                elif known is not None:
                    value = known[value]
                elif len(value) > limit or not value.isascii() or "\x00" in value:
                    value = read(value)
                if value is None and nothing is not None:
                    if nothing is _REFUSED:
                        raise Unfit(attname, "null", f"{name} is null, which this column cannot hold.")
                    value = nothing() if callable(nothing) else nothing
                values[attname] = value
        except Unreadable as error:
            raise Unfit(attname, error.code, str(error)) from None
        return Converted(values, self._absent(values), self.digest(values))

    def _absent(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        if len(values) == len(self.attnames):
            return ()
        for column in self._columns:
            if column.required and column.attname not in values:
                raise Unfit(column.attname, "missing", f"Blesta's row has no {column.name}.")
        return tuple(name for name in self.attnames if name not in values)

    def digest(self, values: Mapping[str, Any], extra: Any = ()) -> int:
        """64 bits over the values in column order, and over `extra` (the children), salted with the declaration."""
        names = tuple(values)
        carried = () if names == self.attnames else names
        state = blake2b(repr((*values.values(), carried, extra)).encode(), digest_size=8, key=self._salt)
        return int.from_bytes(state.digest(), "big", signed=True)


def _walk(row: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = row
    for step in path:
        value = value.get(step, _MISSING) if isinstance(value, dict) else _MISSING
        if value is _MISSING:
            break
    return value


def _field(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    found = model._meta.get_field(name)
    if not isinstance(found, models.Field):
        raise TypeError(f"{model._meta.label}.{name} is not a column.")
    return found


def _kind_of(target: models.Field[Any, Any]) -> str:
    """The field's class, with the allow-list of one that has such."""
    return " ".join([type(target).__name__, *getattr(target, "allowed", ())])


def _column(model: type[models.Model], ours: str, theirs: str) -> _Column:
    target = _field(model, ours)
    required = target.primary_key or not (target.null or target.has_default() or target.blank)
    nothing = None if target.null else target.default if target.has_default() else _REFUSED
    path = tuple(theirs.split(".")) if "." in theirs else ()
    read = converter_for(target)
    known = _Known(read) if isinstance(target, models.DecimalField | models.DateTimeField) else None
    is_text = isinstance(target, models.CharField | models.TextField) and not hasattr(target, "from_blesta")
    limit = (target.max_length or LONGEST_TEXT) if is_text and known is None else -1
    return _Column(target.attname, theirs, path, read, required, nothing, known, limit)


def converter_for(target: models.Field[Any, Any]) -> Callable[[Any], Any]:
    """The reading that suits a Django field: its own `from_blesta`, or the one for the nearest known class."""
    own = getattr(target, "from_blesta", None)
    if callable(own):
        return own  # type: ignore[no-any-return]  # a duck-typed hook of our own field classes
    if isinstance(target, models.ForeignKey) or target.primary_key:
        return identifier_from
    if isinstance(target, models.BooleanField):
        return flag_from
    if isinstance(target, models.DecimalField):
        places, digits = target.decimal_places, target.max_digits
        return lambda value: _decimal(value, places, digits, target.null)
    if isinstance(target, models.DateTimeField):
        return datetime_from
    if isinstance(target, models.IntegerField):
        low, high = _bounds(target)
        return lambda value: _integer(value, low, high)
    if isinstance(target, models.JSONField):
        return _json
    if isinstance(target, models.CharField | models.TextField):
        limit = target.max_length
        return lambda value: _text(value, limit)
    raise TypeError(f"No conversion is known for {type(target).__name__}; give it a from_blesta method.")


def _bounds(target: models.Field[Any, Any]) -> tuple[int, int]:
    if isinstance(target, models.BigIntegerField):
        return -(2**63), 2**63 - 1
    return -(2**31), 2**31 - 1


def _decimal(value: Any, places: int, digits: int, nullable: bool) -> Any:
    if value is None or (value == "" and nullable):
        return None
    number = decimal_from(value, places)
    if abs(number) >= 10 ** (digits - places):
        raise Unreadable("too-large", f"The column holds {digits - places} digits before the point; this has more.")
    return number


def _integer(value: Any, low: int, high: int) -> int | None:
    if value is None or value == "":
        return None
    number = integer_from(value)
    if not low <= number <= high:
        raise Unreadable("out-of-range", "The number is beyond what the column holds.")
    return number


def _text(value: Any, limit: int | None) -> str:
    # Blesta's null and empty text mean the same to a reader, and Django keeps one empty value for text.
    text = "" if value is None else text_from(value)
    if limit is not None and len(text) > limit:
        raise Unreadable("too-long", f"The text is {len(text)} characters long; the column holds {limit}.")
    return text


def _json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str, sort_keys=True))


@cache
def row_mapping(model: type[models.Model]) -> Tier:
    return Tier(model, resource_of(model).fields)


@cache
def detail_mapping(model: type[models.Model]) -> Tier:
    return Tier(model, resource_of(model).detail)


def resource_of(model: type[models.Model]) -> Resource:
    declared = getattr(model, "resource", None)
    if not isinstance(declared, Resource):
        raise TypeError(f"{model._meta.label} declares no resource.")
    return declared
