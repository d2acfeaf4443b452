"""Logs that tell how Blesta itself is. What the cron log's rows hold beside their start was never seen: a hedge."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django_blesta.testing.simulator.calls import Call, method


@method("Logs", "getCronLastExecution")
def get_cron_last_execution(call: Call, limit: int = 1, key: str = "cron_index") -> list[Any]:
    """The cron ran as long ago as the switch says, by the true time, for it does run; never, where that is null."""
    minutes = call.switches.cron_minutes_ago
    if minutes is None:
        return []
    began = datetime.now(UTC) - timedelta(minutes=minutes)
    row = {"id": 1, "key": key, "start_date": f"{began:%Y-%m-%d %H:%M:%S}", "end_date": f"{began:%Y-%m-%d %H:%M:%S}"}
    return [row][:limit]
