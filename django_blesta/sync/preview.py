"""What a run would change, column by column, found without writing anything.

It decides as the store does, by digests, and looks at the columns only to say what would change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from django.db import DEFAULT_DB_ALIAS
from django.db.models import F, Q
from django.utils import timezone

from django_blesta import conf
from django_blesta.exceptions import BlestaError
from django_blesta.models import Mirror
from django_blesta.resources import resource_of
from django_blesta.sync import identity
from django_blesta.sync.comparison import (
    Difference,
    Keys,
    detail_differences,
    held_rows,
    key_attnames,
    named,
    present_rows,
    row_differences,
)
from django_blesta.sync.fetch import concerns_one_answer
from django_blesta.sync.plan import Scope, asks_per_parent, in_order, scopes
from django_blesta.sync.rows import Mapped
from django_blesta.sync.settle import ASK_UNLISTED_AGAIN_AFTER
from django_blesta.sync.store import Incoming
from django_blesta.sync.survey import Survey, Unstored, concerns_one_resource

Key: TypeAlias = tuple[Any, ...]
Verb: TypeAlias = Literal["create", "change", "detail", "return", "rewrite", "ask", "remove", "quarantine"]


@dataclass(frozen=True, slots=True)
class Step:
    """What would happen to one row.

    `rewrite`: the values are the same, and are stored again because the declaration is not. `ask`: no listing shows
    the row, so Blesta would be asked for it, and only then could it be marked gone. `detail`: of columns and children
    that only a single `get` shows.
    """

    resource: str
    company_id: int
    row: str
    verb: Verb
    differences: tuple[Difference, ...] = ()
    reason: str = ""


@dataclass(slots=True)
class Forecast:
    """What a run over one resource of one company would come to. `notice` says why it would not be complete."""

    resource: str
    company_id: int
    rows: int = 0
    unchanged: int = 0
    verbs: dict[Verb, int] = field(default_factory=dict)
    notice: str = ""


def preview(
    chosen: Iterable[type[Mirror]] | None = None,
    *,
    using: str = DEFAULT_DB_ALIAS,
    company_ids: Iterable[int] | None = None,
    details: bool = True,
    scoped: bool = True,
) -> Iterator[Step | Forecast]:
    """Each step that a run would take, as it is found, and a forecast after the steps of each resource.

    The options are those of `sync.run`. Raise what would end such a run, ForeignInstallation included.
    """
    models = in_order(chosen)
    for scope in scopes(using, company_ids):
        identity.check(scope)
        unstored = Unstored()
        for model in models:
            if not scoped and asks_per_parent(model):
                continue
            outlook = Outlook(model, scope, unstored)
            for step in outlook.steps(details):
                outlook.forecast.verbs[step.verb] = outlook.forecast.verbs.get(step.verb, 0) + 1
                yield step
            yield outlook.forecast


class Outlook:
    """One resource of one company: rows shown, compared with what is held, never stored."""

    def __init__(self, model: type[Mirror], scope: Scope, unstored: Unstored) -> None:
        self.model, self.scope, self.resource = model, scope, resource_of(model)
        self.survey = Survey(model, scope, unstored)
        self.forecast = Forecast(model._meta.label_lower, scope.company_id)
        self._unstored = unstored
        self._met = Keys()
        self._unfit: set[str] = set()
        self._changed: list[Key] = []

    def steps(self, details: bool) -> Iterator[Step]:
        notices: list[str] = []
        try:
            for mapped in self.survey.sightings():
                yield from self._rows(mapped)
            if details and self.resource.detail and self.resource.get:
                yield from self._details()
        except BlestaError as error:
            if not concerns_one_resource(error):
                raise
            notices.append(str(error))
        notices += self.survey.incomplete
        if not notices and not self.survey.has_no_order:
            yield from self._unseen(notices)
        self.forecast.notice = "; ".join(notices)

    def _rows(self, mapped: Mapped) -> Iterator[Step]:
        held = held_rows(self.model, [one.key for one in mapped.incoming], self.scope.using)
        self.forecast.rows += len(mapped.incoming) + len(mapped.unfit)
        for incoming in mapped.incoming:
            self._met.add(incoming.key)
            ours = held.get(incoming.key)
            if ours is None:
                self._unstored.note(self.model, incoming)
                yield self._step(named(incoming.key), "create")
            elif _is_unchanged(incoming, ours):
                self.forecast.unchanged += 1
            else:
                self._unstored.note(self.model, incoming)
                self._changed.append(incoming.key)
                found = tuple(one for one in row_differences(incoming, ours) if one.column != "gone_at")
                back = ours["gone_at"] is not None
                yield self._step(named(incoming.key), "return" if back else "change" if found else "rewrite", found)
        for name, unfit, _ in mapped.unfit:
            self._unfit.add(name)
            yield self._step(name, "quarantine", reason=str(unfit))

    def _details(self) -> Iterator[Step]:
        """Of the rows that a run would fetch whole; those that it would create are created with all they have."""
        due = Q(detail_fetched_at__isnull=True) | Q(detail_fetched_at__lt=F("fetched_at"))
        names = key_attnames(self.model)
        keys = {tuple(key) for key in present_rows(self.model, self.scope).filter(due).values_list(*names)}
        for key in sorted({*keys, *self._changed}):
            try:
                answer = self.survey.ask(key)
            except BlestaError as error:
                if not concerns_one_answer(error):
                    raise
                self.survey.incomplete.append(
                    f"{self.model._meta.verbose_name} {named(key)} could not be read ({error})"
                )
                continue
            ours = held_rows(self.model, [key], self.scope.using, whole=True).get(key)
            if not isinstance(answer, Incoming) or ours is None or answer.detail_digest == ours["detail_digest"]:
                continue
            found = detail_differences(self.model, answer, {**ours, "detail_fetched_at": True}, self.scope.using)
            if found:
                yield self._step(named(key), "detail", tuple(found))

    def _unseen(self, notices: list[str]) -> Iterator[Step]:
        rows = present_rows(self.model, self.scope).order_by().values_list(*key_attnames(self.model))
        if self.resource.reached_by:
            rows = rows.filter(pk__in=list(self.survey.asked))
        # A row that is known to be in no listing is not asked about at every run.
        lately = timezone.now() - ASK_UNLISTED_AGAIN_AFTER
        rows = rows.filter(Q(unlisted_at__isnull=True) | Q(unlisted_at__lt=lately))
        missing: list[Key] = []
        held = 0
        for key in map(tuple, rows.iterator(chunk_size=2000)):
            held += 1
            if key not in self._met and named(key) not in self._unfit:
                missing.append(key)
        verb: Verb = "ask" if self.resource.get else "remove"
        for key in sorted(missing):
            yield self._step(named(key), verb)
        limits = conf.installation(self.scope.using)
        if verb == "ask" and len(missing) > limits.loss_limit_rows and len(missing) > limits.loss_limit_share * held:
            notices.append(
                f"{len(missing)} of {held} rows are not shown any more: the run would be suspect, removing none"
            )

    def _step(self, row: str, verb: Verb, differences: tuple[Difference, ...] = (), reason: str = "") -> Step:
        return Step(self.forecast.resource, self.forecast.company_id, row, verb, differences, reason)


def _is_unchanged(incoming: Incoming, ours: Mapping[str, Any]) -> bool:
    same = ours["row_digest"] == incoming.row.digest and ours["company_id"] == incoming.company_id
    return same and ours["gone_at"] is None
