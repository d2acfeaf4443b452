"""What is promised of each figure, and how the figures are printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """`gate` must be met and `goal` is hoped for; both are upper bounds where `at_most`, else lower ones."""

    title: str
    value: float
    unit: str
    gate: float
    goal: float
    at_most: bool
    spread: tuple[float, float]
    remark: str = ""

    @property
    def verdict(self) -> str:
        def meets(bound: float) -> bool:
            return self.value <= bound if self.at_most else self.value >= bound

        return "goal" if meets(self.goal) else "gate" if meets(self.gate) else "MISSED"

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "verdict": self.verdict}


def printed(figures: Sequence[Figure]) -> str:
    """A Markdown table, which is as readable on a terminal."""
    rows = [("figure", "measured", "from … to", "gate", "goal", "met", "remark")]
    for one in figures:
        sign = "<=" if one.at_most else ">="
        low, high = one.spread
        rows.append(
            (
                one.title,
                f"{_number(one.value)} {one.unit}".rstrip(),
                f"{_number(low)} … {_number(high)}",
                f"{sign} {_number(one.gate)}",
                f"{_number(one.goal)}",
                one.verdict,
                one.remark,
            )
        )
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) < 100 else f"{value:.0f}"
