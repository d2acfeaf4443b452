"""Services: reads, and the changes of state that need no module to answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.listing import Selection
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.rows import in_language
from django_blesta.testing.simulator.rules import refuse
from django_blesta.testing.simulator.state import Row

STATUSES: Final = ("active", "canceled", "pending", "suspended", "in_review")
_DEPENDS: Final = ("package_pricing", "packages", "clients", "client_groups", "service_fields")


def _selection(
    call: Call,
    client_id: int | None,
    status: str | None,
    children: bool,
    filters: Array | None,
    package_id: int | None = None,
) -> Selection:
    filters = filters or {}
    status = str(filters["status"]) if filters.get("status") else status
    client_id = php.integer(filters["client_id"]) if filters.get("client_id") else client_id
    fits = _filter(call, filters, package_id)

    def wanted(row: Row) -> bool:
        return (
            _has_status(row, status, call.now())
            and (children or row["parent_service_id"] is None)
            and (client_id is not None or call.sees_client(row["client_id"]))
            and fits(row)
        )

    def rows() -> list[Row]:
        if client_id is not None:
            found: Any = call.state.where("services", client_id=client_id)
        elif status in STATUSES:
            found = call.state.where("services", status=status)
        else:
            found = call.state.tables["services"].values()
        return [row for row in found if wanted(row)]

    return Selection(
        "services",
        "list",
        (call.company_id, status, children, package_id, php.to_json(filters)),
        rows,
        {"date_added": "DESC"},
        tables=_DEPENDS,
        keep=client_id is None,
    )


def _has_status(row: Row, status: str | None, now: datetime) -> bool:
    if status == "all":
        return True
    if status == "scheduled_cancellation":
        return row["status"] == "active" and row["date_canceled"] is not None and bool(row["date_canceled"] > now)
    return bool(row["status"] == status)


def _filter(call: Call, filters: Array, package_id: int | None) -> Callable[[Row], bool]:
    package_id = php.integer(filters.get("package_id")) or package_id
    module_id, name = php.integer(filters.get("module_id")), str(filters.get("package_name") or "").casefold()
    period, excluded = filters.get("pricing_period"), filters.get("excluded_pricing_term")
    meta = str(filters.get("service_meta") or "").casefold()

    def fits(row: Row) -> bool:
        pricing = call.state.get("package_pricing", row["pricing_id"])
        package = call.state.get("packages", pricing["package_id"]) if pricing else None
        if pricing is None or package is None:
            return False
        if meta and not any(
            meta in str(item["value"] or "").casefold()
            for item in call.state.where("service_fields", service_id=row["id"])
        ):
            return False
        return (
            (not package_id or package["id"] == package_id)
            and (not module_id or package["module_id"] == module_id)
            and (not name or name in str(in_language(package["names"], "name")).casefold())
            and (not period or pricing["period"] == period)
            and (not excluded or pricing["period"] != excluded)
        )

    unfiltered = not (package_id or module_id or name or period or excluded or meta)
    return (lambda row: True) if unfiltered else fits


@method("Services", "getList")
def get_list(
    call: Call,
    client_id: int | None = None,
    status: str | None = "active",
    page: int = 1,
    order_by: Array | None = None,
    children: bool = True,
    filters: Array | None = None,
    formatted_filters: Any = None,
) -> list[Row]:
    selection = _selection(call, client_id, status, children, filters)
    return [call.rows.service(row) for row in call.listings.page(selection, page, order_by)]


@method("Services", "getListCount")
def get_list_count(
    call: Call,
    client_id: int | None = None,
    status: str | None = "active",
    children: bool = True,
    package_id: int | None = None,
    filters: Array | None = None,
    formatted_filters: Any = None,
) -> int:
    return call.listings.count(_selection(call, client_id, status, children, filters, package_id))


@method("Services", "getStatusCount")
def get_status_count(
    call: Call,
    client_id: int,
    status: str | None = "active",
    children: bool = True,
    filters: Array | None = None,
    formatted_filters: Any = None,
) -> int:
    return call.listings.count(_selection(call, client_id, status, children, filters))


@method("Services", "get")
def get(call: Call, service_id: int) -> Any:
    row = call.state.get("services", service_id)
    return call.rows.service(row, wide=True) if row else False


@method("Services", "getStatusTypes")
def get_status_types(call: Call) -> dict[str, str]:
    return {word: word.replace("_", " ").title() for word in STATUSES}


@method("Services", "getActions")
def get_actions(call: Call, current_status: str | None = None) -> Any:
    """What staff may do to a service of that status; the words of the others are not known."""
    actions = {
        "active": {"suspend": "Suspend", "cancel": "Cancel", "schedule_cancel": "Schedule Cancellation"},
        "suspended": {"unsuspend": "Unsuspend", "cancel": "Cancel", "schedule_cancel": "Schedule Cancellation"},
        "canceled": {"uncancel": "Reactivate"},
    }
    if current_status is None:
        return {action: label for words in actions.values() for action, label in words.items()}
    return actions.get(current_status, [])


@method("Services", "getPackagePricing")
def get_package_pricing(call: Call, pricing_id: int) -> Any:
    row = call.state.get("package_pricing", pricing_id)
    return call.rows.plain("package_pricing", row) if row else False


def _existing(call: Call, service_id: int) -> Row:
    row = call.state.get("services", service_id)
    if row is None:
        raise refuse("service_id", "exists", "Invalid service ID.")
    return row


def ask_module(call: Call, values: Array | None) -> None:
    """The module of the server or registrar, unless the caller wants it left out. Its keys are its own."""
    key = call.switches.module_error
    if key is not None and (values or {}).get("use_module", "true") not in ("false", "0"):
        raise refuse(key, "response", "The server refused the request: account locked.")


@method("Services", "suspend", writes=True)
def suspend(call: Call, service_id: int, vars: Array | None = None) -> None:
    _existing(call, service_id)
    ask_module(call, vars)
    call.state.update(
        "services",
        service_id,
        status="suspended",
        date_suspended=call.now(),
        suspension_reason=(vars or {}).get("suspension_reason") or None,
    )


@method("Services", "unsuspend", writes=True)
def unsuspend(call: Call, service_id: int, vars: Array | None = None) -> None:
    _existing(call, service_id)
    ask_module(call, vars)
    call.state.update("services", service_id, status="active", date_suspended=None, suspension_reason=None)


@method("Services", "cancel", writes=True)
def cancel(call: Call, service_id: int, vars: Array) -> None:
    """`end_of_term` or a future date schedules; a date that is past, or now, cancels at once, add-ons included."""
    row = _existing(call, service_id)
    wanted = vars.get("date_canceled")
    at = row["date_renews"] if wanted == "end_of_term" else call.date(wanted) if wanted else call.now()
    if at is None:
        raise refuse("date_canceled", "valid", "Please enter a valid cancellation date.")
    if at <= call.now():
        ask_module(call, vars)
    reason = vars.get("cancellation_reason") or None
    for service in [row, *call.state.where("services", parent_service_id=service_id)]:
        changes: Row = {"date_canceled": at, "cancellation_reason": reason}
        if at <= call.now():
            changes["status"] = "canceled"
        call.state.update("services", service["id"], **changes)


@method("Services", "unCancel", writes=True)
def un_cancel(call: Call, service_id: int, vars: Array | None = None) -> None:
    row = _existing(call, service_id)
    ask_module(call, vars)
    status = "active" if row["status"] == "canceled" else row["status"]
    call.state.update("services", service_id, status=status, date_canceled=None, cancellation_reason=None)


@method("Services", "delete", writes=True)
def delete(call: Call, service_id: int, validate: bool = True) -> None:
    row = _existing(call, service_id)
    if validate and row["status"] not in ("pending", "canceled", "in_review"):
        raise refuse("status", "valid", "Only pending, canceled, or in review services may be deleted.")
    children = call.state.where("services", parent_service_id=service_id)
    if validate and any(child["status"] != "canceled" for child in children):
        raise refuse("service_id", "has_children", "The service has child services.")
    for item in call.state.where("service_fields", service_id=service_id):
        call.state.delete("service_fields", (service_id, item["key"]))
    call.state.delete("services", service_id)
