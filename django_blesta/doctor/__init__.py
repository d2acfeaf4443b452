"""Look for the cause of a trouble: one check after the other, each with what it saw and how to mend it.

Unlike the status page, this asks Blesta, and asks it in other ways than the setting says. It changes nothing in
Blesta, and of what it hears it writes down only the version and when the cron last ran.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DEFAULT_DB_ALIAS

from django_blesta.doctor._findings import Examination, Finding, Grade
from django_blesta.doctor._here import HERE
from django_blesta.doctor._there import THERE

__all__ = ["Finding", "Grade", "examine"]


def examine(using: str = DEFAULT_DB_ALIAS) -> Iterator[Finding]:
    """Findings in the order in which causes lie behind each other; what a failed check rests on is skipped."""
    examination = Examination(using)
    for name, label, check in (*HERE[:2], *THERE, *HERE[2:]):
        if name in examination.skipped:
            yield examination.skip(name, label)
            continue
        yield from check(examination.asks(name, label))
