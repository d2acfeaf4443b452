"""Named places where a test may end the process or hold it up; nothing happens at them otherwise."""

from __future__ import annotations

from collections.abc import Callable

#: Every name that `reached` is called with, so that a test can visit them all.
NAMES = (
    "run-begun",
    "planned",
    "chunk-claimed",
    "chunk-fetched",
    "chunk-stored",
    "chunk-done",
    "settle-begun",
    "settle-planned",
    "gone-marked",
    "run-finished",
    "row-fetched",
)

on_reached: Callable[[str], None] | None = None


def reached(name: str) -> None:
    if on_reached is not None:
        on_reached(name)
