"""Small drawings as inline SVG: numbers here, shapes in the template, colours in the style sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils.translation import gettext as _

from django_blesta.status import Traffic

WIDTH: Final = 192
HEIGHT: Final = 40
SLOTS: Final = 48
DAY: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A line, or bars with a second row of bars hanging below: what is told by place needs no colour.

    `told` says the same in words, for those who do not see it.
    """

    told: str
    lines: tuple[str, ...] = ()
    bars: tuple[Bar, ...] = ()
    below: tuple[Bar, ...] = ()
    baseline: float = HEIGHT - 1
    is_below_bad: bool = False
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(slots=True)
class _Slot:
    calls: int = 0
    failed: int = 0
    milliseconds: int = 0


def _slots(traffic: Traffic, now: datetime) -> list[_Slot]:
    """A day in half hours, the oldest first."""
    slots = [_Slot() for _place in range(SLOTS)]
    for one in traffic.stretches:
        place = SLOTS - 1 - int((now - one.begins_at) / DAY * SLOTS)
        slot = slots[min(max(place, 0), SLOTS - 1)]
        slot.calls += one.calls
        slot.failed += one.failed
        slot.milliseconds += one.milliseconds
    return slots


def latency_chart(traffic: Traffic, now: datetime) -> Chart:
    """The average per call; half hours without calls are gaps."""
    slots = _slots(traffic, now)
    averages = [slot.milliseconds / slot.calls if slot.calls else None for slot in slots]
    known = [value for value in averages if value is not None]
    if not known:
        return Chart(_("No calls in the last 24 hours."))
    told = _("Time per call over the last 24 hours: between %(least)d and %(most)d milliseconds, last %(last)d.")
    facts = {"least": round(min(known)), "most": round(max(known)), "last": round(known[-1])}
    return Chart(told % facts, lines=_lines(averages, max(known)))


def calls_chart(traffic: Traffic, now: datetime) -> Chart:
    """Calls upwards, failures downwards, each half hour."""
    slots = _slots(traffic, now)
    told = _("Calls over the last 24 hours: %(calls)d, of which %(failed)d failed.")
    facts = {"calls": traffic.calls, "failed": traffic.failed}
    most = max(slot.calls for slot in slots)
    if not most:
        return Chart(_("No calls in the last 24 hours."))
    worst = max(slot.failed for slot in slots)
    room = HEIGHT * 0.4 if worst else 1.0
    baseline = HEIGHT - room
    step = WIDTH / SLOTS
    up = tuple(_bar(at, slot.calls, most, baseline - 1, baseline, step) for at, slot in enumerate(slots) if slot.calls)
    down = tuple(
        Bar(
            round(at * step, 1),
            round(baseline + 1, 1),
            round(step - 1, 1),
            round(max(2.0, room * slot.failed / worst), 1),
        )
        for at, slot in enumerate(slots)
        if slot.failed
    )
    return Chart(told % facts, bars=up, below=down, baseline=round(baseline, 1), is_below_bad=True)


def _bar(at: int, value: float, most: float, room: float, baseline: float, step: float) -> Bar:
    height = max(1.0, room * value / most)
    return Bar(round(at * step, 1), round(baseline - height, 1), round(step - 1, 1), round(height, 1))


def _lines(values: Sequence[float | None], most: float) -> tuple[str, ...]:
    """Points of each unbroken stretch; a lone value becomes a short dash."""
    step = WIDTH / max(1, len(values) - 1)
    lines: list[list[tuple[float, float]]] = [[]]
    for at, value in enumerate(values):
        if value is None:
            lines.append([])
        else:
            height = (HEIGHT - 4) * (value / most if most else 0)
            lines[-1].append((round(at * step, 1), round(HEIGHT - 2 - height, 1)))
    drawn = [points if len(points) > 1 else [*points, (points[0][0] + 2, points[0][1])] for points in lines if points]
    return tuple(" ".join(f"{x},{y}" for x, y in points) for points in drawn)


def levels_chart(parts: Sequence[tuple[str, float]]) -> Chart:
    """Shares of a whole side by side, as widths."""
    whole = sum(value for _label, value in parts) or 1.0
    bars, left = [], 0.0
    for _label, value in parts:
        width = WIDTH * value / whole
        bars.append(Bar(round(left, 1), 0, round(max(width - 1, 0), 1), 10))
        left += width
    told = ", ".join(f"{label}: {value:g}" for label, value in parts)
    return Chart(told, bars=tuple(bars), height=10)


def columns_chart(told: str, pairs: Sequence[tuple[float, float]]) -> Chart:
    """The first of each pair above the line, the second below it, on one scale."""
    most = max((value for pair in pairs for value in pair), default=0) or 1.0
    step, middle = WIDTH / max(1, len(pairs)), HEIGHT / 2
    up = tuple(_bar(at, above, most, middle - 1, middle - 1, step) for at, (above, _b) in enumerate(pairs) if above > 0)
    down = tuple(
        Bar(round(at * step, 1), middle + 1, round(step - 1, 1), round(max(1.0, (middle - 1) * below / most), 1))
        for at, (_a, below) in enumerate(pairs)
        if below > 0
    )
    return Chart(told, bars=up, below=down, baseline=middle)
