"""Blesta's logs, as far as they can be listed: who changed what, what was delivered, and when the cron last ran."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.calls import Call, Failure, method
from django_blesta.testing.simulator.listing import Selection
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.state import Row

_WEBHOOK_LOGS: Final = "webhooks.WebhooksLogs"
_NEWEST_CHANGE: Final = {"date_changed": "DESC", "id": "DESC"}


def _changes(call: Call, table: str, filters: Array | None) -> Selection:
    filters = filters or {}
    start, end = call.date(filters.get("start_date")), call.date(filters.get("end_date"))

    def rows() -> list[Row]:
        return [
            row
            for row in call.state.where(table)
            if (start is None or row["date_changed"] >= start) and (end is None or row["date_changed"] <= end)
        ]

    return Selection(table, "log", (), rows, _NEWEST_CHANGE, keep=False)


def _page(call: Call, table: str, page: int, order_by: Array | None, filters: Array | None) -> list[Row]:
    rows = call.listings.page(_changes(call, table, filters), page, order_by)
    return [call.rows.plain(table, row) for row in rows]


@method("Logs", "getContactList")
def contact_changes(
    call: Call, page: int = 1, order_by: Array | None = None, filters: Array | None = None
) -> list[Row]:
    return _page(call, "log_contact", page, order_by, filters)


@method("Logs", "getContactListCount")
def count_contact_changes(call: Call, filters: Array | None = None) -> int:
    return call.listings.count(_changes(call, "log_contact", filters))


@method("Logs", "getClientSettingsList")
def setting_changes(
    call: Call, page: int = 1, order_by: Array | None = None, filters: Array | None = None
) -> list[Row]:
    return _page(call, "log_client_settings", page, order_by, filters)


@method("Logs", "getClientSettingsListCount")
def count_setting_changes(call: Call, filters: Array | None = None) -> int:
    return call.listings.count(_changes(call, "log_client_settings", filters))


@method("Logs", "getTransactionList")
def transaction_changes(
    call: Call, page: int = 1, order_by: Array | None = None, filters: Array | None = None
) -> list[Row]:
    return _page(call, "log_transaction", page, order_by, filters)


@method("Logs", "getTransactionListCount")
def count_transaction_changes(call: Call, filters: Array | None = None) -> int:
    return call.listings.count(_changes(call, "log_transaction", filters))


@method("Logs", "getServiceChangeList")
def service_changes(
    call: Call, page: int = 1, order_by: Array | None = None, filters: Array | None = None
) -> list[Row]:
    return _page(call, "log_service_change", page, order_by, filters)


@method("Logs", "getServiceChangeListCount")
def count_service_changes(call: Call, filters: Array | None = None) -> int:
    return call.listings.count(_changes(call, "log_service_change", filters))


def _deliveries(call: Call, filters: Array | None) -> Selection:
    filters = filters or {}
    wanted: Row = {}
    if filters.get("event"):
        wanted["event"] = filters["event"]
    for name in ("webhook_id", "http_response"):
        if php.truthy(filters.get(name)):
            wanted[name] = php.integer(filters[name])
    return Selection(
        "webhook_logs", "log", (), lambda: call.state.where("webhook_logs", **wanted), {"id": "DESC"}, keep=False
    )


def _shown(call: Call, row: Row) -> Row:
    webhook = call.state.get("webhooks", row["webhook_id"])
    joined = {name: webhook[name] if webhook else None for name in ("callback", "method")}
    return call.rows.plain("webhook_logs", {**row, **joined})


@method(_WEBHOOK_LOGS, "getAllLogs")
def deliveries(call: Call, filters: Array | None = None, page: int = 1, order_by: Array | None = None) -> list[Row]:
    return [_shown(call, row) for row in call.listings.page(_deliveries(call, filters), page, order_by)]


@method(_WEBHOOK_LOGS, "getAllLogsCount")
def count_deliveries(call: Call, filters: Array | None = None) -> int:
    return call.listings.count(_deliveries(call, filters))


@method(_WEBHOOK_LOGS, "getLog")
def delivery(call: Call, id: int) -> Any:
    row = call.state.get("webhook_logs", id)
    return call.rows.plain("webhook_logs", row) if row else False


@method(_WEBHOOK_LOGS, "retryLog", writes=True)
def retry(call: Call, log_id: int) -> None:
    """The same payload again, from inside this call."""
    if call.webhooks is None:
        raise Failure("no webhooks here")
    call.webhooks.retry(log_id)


@method("Logs", "getCronLastExecution")
def get_cron_last_execution(call: Call, limit: int = 1, key: str = "cron_index") -> list[Any]:
    """The cron ran as long ago as the switch says, by the true time, for it does run; never, where that is null.

    What the row holds beside its start was never seen: a hedge.
    """
    minutes = call.switches.cron_minutes_ago
    if minutes is None:
        return []
    began = datetime.now(UTC) - timedelta(minutes=minutes)
    row = {"id": 1, "key": key, "start_date": f"{began:%Y-%m-%d %H:%M:%S}", "end_date": f"{began:%Y-%m-%d %H:%M:%S}"}
    return [row][:limit]
