"""What Blesta shows of a resource, for those who compare and store nothing.

The walk is one of its own: one request at a time, last page first, by ascending id. Such a walk skips no live row, and
what is to judge the sync must not rest on the sync's way of reading.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

from django.db import models

from django_blesta.connection import Unreadable, identifier_from
from django_blesta.exceptions import BlestaError, Denied, Misunderstood, NotAllowed, NotConfigured, Unavailable
from django_blesta.models import Mirror, mirrors
from django_blesta.resources import Call, Unfit, resource_of
from django_blesta.sync.comparison import number_of
from django_blesta.sync.plan import Scope, parents_of, referenced_by
from django_blesta.sync.rows import Mapped, map_rows
from django_blesta.sync.store import Incoming

Row = Mapping[str, Any]
ROWS_A_BATCH = 500
MAX_BAD = 5
MAX_WALKS = 3


@dataclass(slots=True)
class Unstored:
    """Rows that Blesta shows and the mirror does not hold: later resources are placed and reached through them."""

    companies: dict[type[Mirror], dict[Any, int | None]] = field(default_factory=dict)
    references: dict[str, set[int]] = field(default_factory=dict)

    def note(self, model: type[Mirror], incoming: Incoming) -> None:
        """Only of models that others lean on, so that a first look at a large Blesta stays small."""
        if model in _leant_on():
            self.companies.setdefault(model, {})[incoming.key[-1]] = incoming.company_id
        for reference in _reaching(model):
            value = incoming.row.values.get(f"{reference.partition('.')[2]}_id")
            if value is not None:
                self.references.setdefault(reference, set()).add(value)

    def parents(self, model: type[Mirror], company_id: int) -> set[int]:
        relation = cast("models.ForeignKey[Any, Any]", model._meta.get_field(resource_of(model).parent))
        noted = self.companies.get(cast("type[Mirror]", relation.related_model), {})
        return {one for one, company in noted.items() if company == company_id}

    def reached(self, model: type[Mirror]) -> set[int]:
        return {one for name in resource_of(model).reached_by for one in self.references.get(name, ())}


def concerns_one_answer(error: BlestaError) -> bool:
    """Whether only this page or row is affected: the next request may well be answered."""
    return isinstance(error, Misunderstood) or (isinstance(error, Unavailable) and error.reason == "failing")


def concerns_one_resource(error: BlestaError) -> bool:
    """Whether the next resource may fare better: not with a wrong key, a mistake in the setting, or no connection."""
    if isinstance(error, Denied | NotConfigured):
        return False
    return not isinstance(error, Unavailable) or error.reason == "failing"


class Survey:
    """One resource of one company, as Blesta shows it now. `incomplete` says in words what could not be seen."""

    def __init__(self, model: type[Mirror], scope: Scope, unstored: Unstored | None = None) -> None:
        self.model, self.scope, self.resource = model, scope, resource_of(model)
        self.incomplete: list[str] = []
        self.asked = array("q")
        """Ids that were asked for one by one, for a resource that Blesta does not list."""
        self._unstored = Unstored() if unstored is None else unstored
        listing = self.resource.listing
        self._orders = [] if listing is None else [o for o in (listing.order_by, listing.order_by_qualified) if o]
        self._everything: dict[tuple[Any, ...], Incoming] | None = None

    def sightings(self, parents: Sequence[int] | None = None) -> Iterator[Mapped]:
        """Every row that Blesta shows of this company, each once, in batches; `parents` narrows a scoped listing."""
        if self.resource.reached_by:
            yield from _batched(self._by_reference())
        elif self.resource.parent:
            yield from _batched(self._under(self.parents() if parents is None else parents))
        elif self.resource.listing is not None:
            gathered: list[Row] = []
            for page in self._walk() if self.resource.listing.paged else [self._page(1, "")]:
                gathered += page
                if len(gathered) >= ROWS_A_BATCH:
                    yield self._map(gathered)
                    gathered = []
            if gathered:
                yield self._map(gathered)

    def ask(self, key: tuple[Any, ...]) -> Incoming | Unfit | None:
        """One row by itself, whole where Blesta has a `get` for it; None where Blesta shows no such row of ours."""
        if self.resource.get is not None and self.resource.get.key:
            row = self._get(key[-1])
            return None if row is None else self._only(self._map([row], whole=True), key)
        if self.resource.parent:
            parent_id = key[self.resource.key.index(self.resource.parent)]
            shown = {one.key: one for mapped in self._under([parent_id]) for one in mapped.incoming}
            return shown.get(key)
        if self._everything is None:
            self._everything = {one.key: one for mapped in self.sightings() for one in mapped.incoming}
        return self._everything.get(key)

    def count(self, **arguments: Any) -> int | None:
        """What Blesta counts, of all companies that it shows to the key; None where it does not count."""
        call = self.resource.count
        return None if call is None else int(self._read(call, arguments))

    def parents(self) -> list[int]:
        held = parents_of(self.model, self.scope)
        return sorted({*held, *self._unstored.parents(self.model, self.scope.company_id)})

    # --- one request at a time ---------------------------------------------------------------------------------

    def _read(self, call: Call, arguments: Mapping[str, Any]) -> Any:
        spelled = {**call.arguments, **arguments}
        if call.company:
            spelled[call.company] = self.scope.company_id
        return self.scope.connection.read(self.resource.remote_of(call), call.method, spelled)

    def _page(self, number: int, order: str, parent_id: int | None = None) -> list[Row]:
        call = self.resource.listing
        if call is None:
            raise NotAllowed(f"Blesta does not list {self.model._meta.verbose_name_plural}.")
        arguments: dict[str, Any] = {"page": number} if call.paged else {}
        if order:
            arguments[call.order_argument] = {order: "ASC"}
        if parent_id is not None:
            arguments[call.key] = parent_id
        rows: list[Row] = self._read(call, arguments)
        return rows

    def _get(self, value: Any) -> Row | None:
        call = self.resource.get
        if call is None or not call.key:
            raise NotAllowed(f"Blesta has no way to ask for one {self.model._meta.verbose_name}.")
        row: Row | None = self._read(call, {call.key: value})
        return row

    def _map(self, rows: Iterable[Row], **options: Any) -> Mapped:
        return map_rows(self.model, rows, self.scope, placed=self._unstored.companies, **options)

    def _only(self, mapped: Mapped, key: tuple[Any, ...]) -> Incoming | Unfit | None:
        if mapped.unfit:
            return mapped.unfit[0][1]
        if not mapped.incoming:
            return None
        if mapped.incoming[0].key != key:
            return Unfit("", "another-row", "Blesta answered with another row than the one that was asked for.")
        return mapped.incoming[0]

    def _missed(self, what: str, error: BlestaError) -> None:
        """Note what one answer could not tell, and go on; raise what would befall the next request too."""
        if not concerns_one_answer(error):
            raise error
        self.incomplete.append(f"{what} could not be read ({error})")

    # --- many rows -----------------------------------------------------------------------------------------------

    def _walk(self) -> Iterator[list[Row]]:
        counted = self.count()
        order, first = self._first_page()
        if not order or counted is None:
            yield from self._until_two_agree(order, set())
            return
        last = max(1, -(-counted // len(first))) if first else 1
        behind = _Behind()
        bad = 0
        for number in range(last, 0, -1):
            try:
                rows = first if last == 1 else self._page(number, order)
            except BlestaError as error:
                self._missed(f"page {number}", error)
                bad += 1
                if bad >= MAX_BAD:
                    return
                continue
            ids = [self._identity(row) for row in rows]
            if rows and ids == behind.page:
                self.incomplete.append(f"pages {number} and {number + 1} are the same: Blesta ignores the page number")
                return
            if not _ascend([*ids, *behind.page[:1]]):
                # The first page was in order by chance.
                self._orders.clear()
                yield from self._until_two_agree("", set(behind.numbers))
                return
            yield behind.leave(rows, ids)
        if not bad:
            yield self._reckoned(counted, last, order, behind)

    def _reckoned(self, counted: int, last: int, order: str, behind: _Behind) -> list[Row]:
        """Hold what was seen against a second count; return rows that both counts have left out."""
        again = self.count()
        short = min(counted, counted if again is None else again) - len(behind.numbers)
        if short > 0:
            self.incomplete.append(f"{short} of {counted} rows that Blesta counts were not shown")
        if again != counted or not behind.numbers:
            return []  # what was created meanwhile is not ours to miss
        numbers = set(behind.numbers)
        beyond = [row for row in self._page(last + 1, order) if number_of((self._identity(row),)) not in numbers]
        if beyond and self.count() == counted:
            self.incomplete.append(f"Blesta counts {counted} rows and shows more")
            return beyond
        return []

    def _first_page(self, parent_id: int | None = None) -> tuple[str, list[Row]]:
        """In the first order that Blesta takes and keeps, which is remembered; "" where there is none."""
        for order in tuple(self._orders):
            try:
                rows = self._page(1, order, parent_id)
            except BlestaError as error:
                if not concerns_one_answer(error):
                    raise
            else:
                if _ascend([self._identity(row) for row in rows]):
                    return order, rows
            self._orders.remove(order)
        return "", self._page(1, "", parent_id)

    def _until_two_agree(self, order: str, shown: set[int]) -> Iterator[list[Row]]:
        """Forward, where no order can be relied on or nothing is counted, until two walks show the same rows.

        `shown` are the numbers of rows that an earlier walk has brought already.
        """
        before: set[Any] | None = None
        for _ in range(MAX_WALKS):
            ids: set[Any] = set()
            for rows in self._forward(order, self._page(1, order), ids):
                yield [row for row in rows if number_of((self._identity(row),)) not in shown]
                shown.update(number_of((self._identity(row),)) for row in rows)
            if ids == before:
                return
            before = ids
        self.incomplete.append(f"{MAX_WALKS} walks without a reliable order showed different rows each time")

    def _forward(self, order: str, rows: list[Row], ids: set[Any], parent_id: int | None = None) -> Iterator[list[Row]]:
        """Page by page until one brings nothing new: some servers repeat the last one for ever."""
        number = 1
        while fresh := [row for row in rows if self._identity(row) not in ids]:
            ids.update(self._identity(row) for row in fresh)
            yield fresh
            number += 1
            rows = self._page(number, order, parent_id)

    def _under(self, parents: Iterable[int]) -> Iterator[Mapped]:
        theirs = self.resource.fields.columns[self.resource.parent]
        paged = self.resource.listing is not None and self.resource.listing.paged
        for parent_id in parents:
            try:
                if paged:
                    order, first = self._first_page(parent_id)
                    rows = [row for page in self._forward(order, first, set(), parent_id) for row in page]
                else:
                    rows = self._page(1, "", parent_id)
            except BlestaError as error:
                self._missed(f"{self.resource.parent} {parent_id}", error)
                continue
            yield self._map(rows, given={theirs: parent_id})

    def _by_reference(self) -> Iterator[Mapped]:
        for pk in sorted({*referenced_by(self.model, self.scope), *self._unstored.reached(self.model)}):
            self.asked.append(pk)
            try:
                row = self._get(pk)
            except BlestaError as error:
                self._missed(f"{self.model._meta.verbose_name} {pk}", error)
                continue
            if row is not None:
                yield self._map([row], whole=True)

    def _identity(self, row: Row) -> Any:
        """What tells rows of the listing apart; a tuple where that cannot be read, and the mapping will say why."""
        listing = self.resource.listing
        column = (listing.order_by if listing is not None else "") or "id"
        value = row.get(column)
        if column != "id" and isinstance(value, str):
            return value
        try:
            return identifier_from(value) or (repr(row),)
        except Unreadable:
            return (repr(row),)


@dataclass(slots=True)
class _Behind:
    """What a walk towards the first page has behind it: every row from `lowest` on."""

    lowest: Any = None
    page: list[Any] = field(default_factory=list)
    numbers: array[int] = field(default_factory=lambda: array("q"))

    def leave(self, rows: list[Row], ids: list[Any]) -> list[Row]:
        """The rows of this page that are new; a row that was deleted meanwhile pulls others, seen already, onto it."""
        fresh = []
        for row, one in zip(rows, ids, strict=True):
            if self.lowest is None or isinstance(one, tuple) or one < self.lowest:
                fresh.append(row)
                self.numbers.append(number_of((one,)))
        self.page = ids or self.page
        self.lowest = next((one for one in ids if not isinstance(one, tuple)), self.lowest)
        return fresh


def _batched(parts: Iterable[Mapped]) -> Iterator[Mapped]:
    gathered = Mapped()
    for part in parts:
        gathered.incoming += part.incoming
        gathered.unfit += part.unfit
        gathered.foreign += part.foreign
        if len(gathered.incoming) >= ROWS_A_BATCH:
            yield gathered
            gathered = Mapped()
    if gathered.incoming or gathered.unfit or gathered.foreign:
        yield gathered


def _ascend(ids: list[Any]) -> bool:
    known = [one for one in ids if not isinstance(one, tuple)]
    return all(type(a) is type(b) and a <= b for a, b in pairwise(known))


def _leant_on() -> set[type[Mirror]]:
    """Models through which rows of others are placed in a company or asked for."""
    found: set[type[Mirror]] = set()
    for model in mirrors():
        resource = resource_of(model)
        for name in {resource.parent, resource.company} - {"", "key", "self"}:
            found.add(cast("type[Mirror]", cast("Any", model._meta.get_field(name)).related_model))
    return found


def _reaching(model: type[Mirror]) -> list[str]:
    """The references of this model through which others are reached (`"Client.user"`)."""
    named = {reference for other in mirrors() for reference in resource_of(other).reached_by}
    return sorted(reference for reference in named if reference.partition(".")[0] == model.__name__)
