"""A snapshot for programs: plain values, stable names, times in ISO 8601, durations in seconds."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django_blesta.status import OperationCount, ResourceStatus, Sign, Snapshot, Trouble
from django_blesta.status._presence import Fact


def as_dict(found: Snapshot) -> dict[str, Any]:
    """What `blesta_status --json` prints and the health endpoint's readiness is judged by; words are translated."""
    traffic = found.traffic
    return {
        "using": found.using,
        "taken_at": found.taken_at.isoformat(),
        "verdict": found.verdict.name.lower(),
        "troubles": [_trouble(one) for one in found.troubles],
        "connection": {"state": found.connection.state.value, "since": _moment(found.connection.since)},
        "traffic": {
            "calls": traffic.calls if traffic else 0,
            "failed": traffic.failed if traffic else 0,
            "average_ms": traffic.average if traffic else 0,
            "slowest_ms": max((one.slowest for one in traffic.stretches), default=0) if traffic else 0,
        },
        "blesta": {"version": _fact(found.vitals.version), "cron": _fact(found.vitals.cron)},
        "webhooks": {
            "received": found.hints.received,
            "pending": found.hints.pending,
            "failed": found.hints.failed,
            "unknown": found.hints.unknown,
            "last_at": _moment(found.hints.last_received_at),
            "waiting": found.hints.waiting,
            "quarantined": found.hints.quarantined,
            "lag_seconds": found.hints.lag.total_seconds() if found.hints.lag else None,
        },
        "workers": [_sign(one) for one in found.presence.workers],
        "schedulers": [_sign(one) for one in found.presence.beats],
        "certified": {
            "at": _moment(found.certified.finished_at),
            "holds": found.certified.holds,
            "differing": list(found.certified.differing),
        },
        "operations": {one.state: _count(one) for one in found.operations},
        "quarantined": found.quarantined,
        "resources": {one.name: _resource(one) for one in found.resources},
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _trouble(one: Trouble) -> dict[str, Any]:
    facts = {"level": one.level.name.lower(), "code": one.code, "sentence": str(one.sentence)}
    return facts | {"advice": str(one.advice), "resource": one.resource}


def _fact(one: Fact) -> dict[str, Any]:
    return {"value": one.value, "moment": _moment(one.moment), "told_at": _moment(one.told_at), "error": one.error}


def _sign(one: Sign) -> dict[str, Any]:
    return {"name": one.name, "seen_at": _moment(one.seen_at), "worked_at": _moment(one.worked_at), "lost": one.is_lost}


def _count(one: OperationCount) -> int:
    return one.count


def _resource(one: ResourceStatus) -> dict[str, Any]:
    return {
        "rows": one.rows,
        "gone": one.gone,
        "orphans": one.orphans,
        "quarantined": one.quarantined,
        "coverage": one.coverage,
        "counted_at": _moment(one.counted_at),
        "complete_at": _moment(one.complete_at),
        "age_seconds": round(one.age.total_seconds()) if one.age is not None else None,
        "target_seconds": round(one.target.total_seconds()) if one.target is not None else None,
        "late": one.late,
        "state": one.state,
        "drift": one.drift,
        "level": one.level.name.lower(),
    }
