"""The system's own facts. Their return values are documented as text and were never seen: a hedge."""

from __future__ import annotations

from typing import Any

from django_blesta.testing.simulator.calls import Call, method

VERSION = "5.13.1"


@method("Settings", "getVersion")
def get_version(call: Call) -> str:
    return VERSION


@method("Settings", "getDbVersion")
def get_db_version(call: Call) -> str:
    return VERSION


@method("Settings", "getSetting")
def get_setting(call: Call, key: str) -> Any:
    return call.state.get("system_settings", key) or False
