"""The simulator's time: stands still until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

START: Final = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


class Clock:
    """Aware UTC time that does not run by itself, so that two runs of a test see the same dates."""

    def __init__(self, start: datetime = START) -> None:
        self._now = _utc(start)

    def now(self) -> datetime:
        return self._now

    def set(self, moment: datetime) -> None:
        """Jump to `moment`, backwards too; a naive datetime is refused with ValueError."""
        self._now = _utc(moment)

    def advance(
        self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0, microseconds: float = 0
    ) -> datetime:
        """Move by that much and return the new time."""
        self._now += timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, microseconds=microseconds)
        return self._now

    def __repr__(self) -> str:
        return f"Clock({self._now.isoformat()})"


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone: the simulator's clock wants an aware datetime")
    return moment.astimezone(UTC)
