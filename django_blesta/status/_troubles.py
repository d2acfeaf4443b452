"""The form of one trouble, and how bad it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy


class Level(IntEnum):
    """How bad it is; the greatest of all troubles is the verdict."""

    GOOD = 0
    WARNING = 1
    BAD = 2

    @property
    def label(self) -> str | Promise:
        return _LEVELS[self]


_LEVELS = {
    Level.GOOD: gettext_lazy("All is well"),
    Level.WARNING: gettext_lazy("Needs attention"),
    Level.BAD: gettext_lazy("Broken"),
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """`code` is stable; `resource` names the mirror that it is about, if one."""

    level: Level
    code: str
    sentence: str
    advice: str
    resource: str = ""


# Among troubles of one level, what explains the others comes first: a late mirror is no news while the key is refused.
_FIRST = (
    "misconfigured",
    "foreign-installation",
    "denied",
    "not-callable",
    "blocked",
    "unreachable",
    "misunderstood",
    "failing",
    "maintenance",
    "throttled",
    "never",
    "workers-lost",
    "beat-stopped",
    "workers-deaf",
    "suspect",
    "links-doubted",
    "operations-human",
    "operations-unknown",
    "operations-sending",
    "left-behind",
    "worker-lost",
    "stuck",
    "late",
    "run-failed",
    "interrupted",
    "webhooks-silent",
    "hints-waiting",
    "hints-quarantined",
    "freshness",
    "differs",
    "quarantined",
    "schema-drift",
)


def in_order(troubles: Iterable[Trouble]) -> tuple[Trouble, ...]:
    """Worst first, and among equals the cause before its consequences."""
    rank = {code: place for place, code in enumerate(_FIRST)}
    return tuple(sorted(troubles, key=lambda one: (-one.level, rank.get(one.code, len(rank)))))
