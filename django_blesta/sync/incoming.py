"""A row on its way in, what the mirror holds of it, and the judgement between the two."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from django_blesta.resources import Converted
from django_blesta.sync.history import Occasion


@dataclass(slots=True)
class Incoming:
    """A row on its way in: `key` in the order of the declaration's key; `whole` when it came from a single `get`."""

    key: tuple[Any, ...]
    row: Converted
    company_id: int | None
    whole: bool = False
    detail: Converted | None = None
    detail_digest: int | None = None
    children: dict[str, list[Incoming]] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """The columns that this payload carried, and the company."""
        carried = self.row.values
        if self.whole and self.detail:
            carried = carried | self.detail.values
        return {**carried, "company_id": self.company_id}


@dataclass(slots=True)
class Tally:
    """What became of a batch. `refused` holds rows that the database would not take, with its complaint's class."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    stale: int = 0
    removed: int = 0
    refused: list[tuple[Incoming, str]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.created += other.created
        self.changed += other.changed
        self.unchanged += other.unchanged
        self.stale += other.stale
        self.removed += other.removed
        self.refused.extend(other.refused)


@dataclass(frozen=True, slots=True)
class Fetch:
    """The one request, or window of requests, that brought a batch."""

    fence: int
    confirming: bool
    occasion: Occasion

    @property
    def using(self) -> str:
        return self.occasion.using


class Known(NamedTuple):
    """What the mirror holds of a row, as far as judging needs it."""

    row_digest: int
    detail_digest: int | None
    fence: int
    refresh_fence: int
    company_id: int | None
    is_gone: bool
    detail_is_due: bool


class Verdict(Enum):
    NEW = "new"
    CHANGED = "changed"
    TOUCHED = "touched"  # unchanged, and yet its fence must rise
    SAME = "same"
    STALE = "stale"


def judge(known: Known | None, incoming: Incoming, fetch: Fetch) -> Verdict:
    """What is to be done with a row; asked once without a lock, and again under it of what differed."""
    if known is None:
        return Verdict.NEW
    if known.fence > fetch.fence:
        return Verdict.STALE
    whole = incoming.whole
    if (
        known.row_digest != incoming.row.digest
        or known.company_id != incoming.company_id
        or known.is_gone
        or (whole and known.detail_digest != incoming.detail_digest)
    ):
        return Verdict.CHANGED
    if fetch.confirming or known.refresh_fence > known.fence or (whole and known.detail_is_due):
        return Verdict.TOUCHED
    return Verdict.SAME


def is_first_sight(known: Known | None, incoming: Incoming, attname: str) -> bool:
    """A column of the detail tier that no `get` has brought yet was empty because nobody knew, not because it was."""
    is_detail = incoming.whole and incoming.detail is not None and attname in incoming.detail.values
    return is_detail and (known is None or known.detail_digest is None)
