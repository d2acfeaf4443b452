"""The form of what a check found, and what checks know of each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


class Grade(StrEnum):
    """`NOTE` is worth knowing and nothing to mend; `SKIPPED` could not be looked at because of an earlier finding."""

    GOOD = "good"
    NOTE = "note"
    WARNING = "warning"
    BAD = "bad"
    SKIPPED = "skipped"

    @property
    def label(self) -> str | Promise:
        return _LABELS[self]


_LABELS = {
    Grade.GOOD: gettext_lazy("fine"),
    Grade.NOTE: gettext_lazy("note"),
    Grade.WARNING: gettext_lazy("attention"),
    Grade.BAD: gettext_lazy("wrong"),
    Grade.SKIPPED: gettext_lazy("skipped"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check saw; `fix` is empty where nothing is to be mended."""

    check: str
    label: str
    grade: Grade
    saw: str
    fix: str = ""


@dataclass
class Examination:
    """One pass over all checks: which may still be made, and what the current one is called."""

    using: str
    skipped: dict[str, str] = field(default_factory=dict)
    company_ids: tuple[int, ...] = ()
    company_id: int | None = None
    _name: str = ""
    _label: str = ""

    def asks(self, name: str, label: str | Promise) -> Examination:
        self._name, self._label = name, str(label)
        return self

    def good(self, saw: str) -> Finding:
        return Finding(self._name, self._label, Grade.GOOD, saw)

    def note(self, saw: str, fix: str = "") -> Finding:
        return Finding(self._name, self._label, Grade.NOTE, saw, fix)

    def warning(self, saw: str, fix: str) -> Finding:
        return Finding(self._name, self._label, Grade.WARNING, saw, fix)

    def bad(self, saw: str, fix: str, *, leaves_out: tuple[str, ...] = ()) -> Finding:
        """`leaves_out` names checks that make no sense while this is so."""
        self.skipped |= dict.fromkeys(leaves_out, self._label)
        return Finding(self._name, self._label, Grade.BAD, saw, fix)

    def skip(self, name: str, label: str | Promise) -> Finding:
        saw = _("not looked at, because of: %(check)s") % {"check": self.skipped[name]}
        return Finding(name, str(label), Grade.SKIPPED, saw)


Check: TypeAlias = Callable[[Examination], Iterator[Finding]]
Entry: TypeAlias = tuple[str, Promise, Check]
