"""A snapshot in Prometheus' text format 0.0.4."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from django_blesta.status import Connected, Snapshot

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
Sample: TypeAlias = tuple[dict[str, str], float | int | None]


def written(found: Snapshot) -> str:
    lines: list[str] = []
    for name, kind, told, samples in _families(found):
        values = [(labels, value) for labels, value in samples if value is not None]
        if not values:
            continue
        lines += [f"# HELP {name} {told}", f"# TYPE {name} {kind}"]
        for labels, value in values:
            shown = {"installation": found.using, **labels}
            inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in shown.items())
            lines.append(f"{name}{{{inner}}} {_number(value)}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float | int) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}"


Family: TypeAlias = tuple[str, str, str, Iterable[Sample]]


def _families(found: Snapshot) -> Iterator[Family]:
    yield "blesta_verdict", "gauge", "0 all is well, 1 needs attention, 2 broken.", [({}, int(found.verdict))]
    yield (
        "blesta_trouble",
        "gauge",
        "Number of troubles by code.",
        [
            ({"code": code, "level": level}, count)
            for (code, level), count in _counted((one.code, one.level.name.lower()) for one in found.troubles).items()
        ],
    )
    states = [({"state": state.value}, int(state is found.connection.state)) for state in Connected]
    yield "blesta_connection", "gauge", "1 for the state that the connection is in.", states
    yield from _resources(found)
    yield (
        "blesta_operations",
        "gauge",
        "Changes by state; of settled ones, those of seven days.",
        [({"state": one.state}, one.count) for one in found.operations],
    )
    if found.traffic is not None:
        traffic = found.traffic
        yield "blesta_calls_24h", "gauge", "Calls to Blesta in the last 24 hours.", [({}, traffic.calls)]
        yield "blesta_calls_failed_24h", "gauge", "Those of them that failed.", [({}, traffic.failed)]
        average = traffic.average / 1000
        yield "blesta_call_seconds_average_24h", "gauge", "Seconds per call, on average.", [({}, average)]
    hints = found.hints
    yield "blesta_deliveries_7d", "gauge", "Webhook deliveries of seven days.", [({}, hints.received)]
    states_of = {"waiting": hints.waiting, "working": hints.working, "quarantined": hints.quarantined}
    counts: list[Sample] = [({"state": state}, count) for state, count in states_of.items()]
    yield "blesta_hints", "gauge", "Rows that were hinted at, by state.", counts
    lag = hints.lag.total_seconds() if hints.lag else None
    yield "blesta_hint_lag_seconds", "gauge", "From a hint to the row, median of the last hour.", [({}, lag)]
    yield (
        "blesta_workers",
        "gauge",
        "Workers by whether they give signs of life.",
        [
            ({"state": "alive"}, len(found.presence.alive)),
            ({"state": "lost"}, len(found.presence.workers) - len(found.presence.alive)),
        ],
    )
    beat = found.presence.beat
    if beat is not None:
        age = (found.taken_at - beat.seen_at).total_seconds()
        yield "blesta_scheduler_age_seconds", "gauge", "Since the scheduler last sent a task.", [({}, age)]
    cron = found.vitals.cron.moment
    if cron is not None:
        age = (found.taken_at - cron).total_seconds()
        yield "blesta_cron_age_seconds", "gauge", "Since Blesta's own cron last ran, as last told.", [({}, age)]


def _resources(found: Snapshot) -> Iterator[Family]:
    every = [({"resource": one.name.partition(".")[2]}, one) for one in found.resources]
    yield "blesta_rows", "gauge", "Rows that are present.", [(labels, one.rows) for labels, one in every]
    yield "blesta_rows_gone", "gauge", "Rows that are gone from Blesta.", [(labels, one.gone) for labels, one in every]
    yield "blesta_rows_quarantined", "gauge", "Rows that fit nowhere.", [(lab, one.quarantined) for lab, one in every]
    yield (
        "blesta_age_seconds",
        "gauge",
        "Since the end of the last complete run.",
        [(labels, one.age.total_seconds() if one.age is not None else None) for labels, one in every],
    )
    run = [(labels, one) for labels, one in every if not one.arrives_with]
    yield (
        "blesta_late",
        "gauge",
        "1 where the last complete run is too long ago.",
        [(lab, int(o.late)) for lab, o in run],
    )


def _counted(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    counted: dict[tuple[str, str], int] = {}
    for pair in pairs:
        counted[pair] = counted.get(pair, 0) + 1
    return counted
