"""Blesta's own plugins: tickets, orders, top-level domains, webhooks."""

from __future__ import annotations

from typing import Any, Final

from django_blesta.testing.simulator import php
from django_blesta.testing.simulator.calls import Call, method
from django_blesta.testing.simulator.listing import Selection
from django_blesta.testing.simulator.php import Array
from django_blesta.testing.simulator.state import Row

_TICKETS: Final = "support_manager.SupportManagerTickets"
_DEPARTMENTS: Final = "support_manager.SupportManagerDepartments"
_ORDERS: Final = "order.OrderOrders"
_FORMS: Final = "order.OrderForms"
_TLDS: Final = "domains.DomainsTlds"
_WEBHOOKS: Final = "webhooks.WebhooksWebhooks"


def _selection(call: Call, table: str, default: dict[str, str], **wanted: Any) -> Selection:
    def rows() -> list[Row]:
        columns = {name: value for name, value in wanted.items() if value is not None}
        found = call.state.where(table, **columns)
        return [row for row in found if _is_own(call, table, row)]

    return Selection(table, "list", (), rows, default, keep=False)


def _is_own(call: Call, table: str, row: Row) -> bool:
    if not call.switches.lists_scoped:
        return True
    if table == "tickets":
        department = call.state.get("ticket_departments", row["department_id"])
        return department is not None and department["company_id"] == call.company_id
    if table == "orders":
        return call.sees_client(row["client_id"])
    return bool(row["company_id"] == call.company_id)


@method(_DEPARTMENTS, "getAll")
def get_departments(call: Call, company_id: int) -> list[Row]:
    rows = call.state.where("ticket_departments", company_id=company_id)
    return [call.rows.plain("ticket_departments", row) for row in rows]


@method(_DEPARTMENTS, "get")
def get_department(call: Call, department_id: int) -> Any:
    row = call.state.get("ticket_departments", department_id)
    return call.rows.plain("ticket_departments", row) if row else False


@method(_TICKETS, "getList")
def get_tickets(
    call: Call,
    status: str | None = None,
    staff_id: int | None = None,
    client_id: int | None = None,
    page: int = 1,
    order_by: Array | None = None,
    get_replies: bool = True,
    reply_types: Any = None,
) -> list[Row]:
    """Without a status nothing is shown: what Blesta does then is not known."""
    selection = _selection(
        call, "tickets", {"date_updated": "DESC"}, status=status or "", staff_id=staff_id, client_id=client_id
    )
    return [call.rows.ticket(row, replies=get_replies) for row in call.listings.page(selection, page, order_by)]


@method(_TICKETS, "getListCount")
def count_tickets(
    call: Call, status: str | None = None, staff_id: int | None = None, client_id: int | None = None
) -> int:
    return call.listings.count(
        _selection(call, "tickets", {}, status=status or "", staff_id=staff_id, client_id=client_id)
    )


@method(_TICKETS, "get")
def get_ticket(
    call: Call, ticket_id: int, get_replies: bool = True, reply_types: Any = None, staff_id: int | None = None
) -> Any:
    row = call.state.get("tickets", ticket_id)
    return call.rows.ticket(row, replies=get_replies) if row else False


@method(_FORMS, "getList")
def get_forms(
    call: Call, company_id: int, status: str | None = None, page: int = 1, order_by: Array | None = None
) -> list[Row]:
    selection = _selection(call, "order_forms", {"id": "ASC"}, company_id=company_id, status=status or "")
    return [call.rows.plain("order_forms", row) for row in call.listings.page(selection, page, order_by)]


@method(_FORMS, "getListCount")
def count_forms(call: Call, company_id: int, status: str | None = None) -> int:
    return call.listings.count(_selection(call, "order_forms", {}, company_id=company_id, status=status or ""))


@method(_FORMS, "get")
def get_form(call: Call, order_form_id: int) -> Any:
    row = call.state.get("order_forms", order_form_id)
    return call.rows.plain("order_forms", row) if row else False


@method(_ORDERS, "getList")
def get_orders(call: Call, status: str | None = None, page: int = 1, order_by: Array | None = None) -> list[Row]:
    selection = _selection(call, "orders", {"id": "ASC"}, status=status or "")
    return [call.rows.plain("orders", row) for row in call.listings.page(selection, page, order_by)]


@method(_ORDERS, "getListCount")
def count_orders(call: Call, status: str | None = None) -> int:
    return call.listings.count(_selection(call, "orders", {}, status=status or ""))


@method(_ORDERS, "get")
def get_order(call: Call, order_id: int) -> Any:
    row = call.state.get("orders", order_id)
    return call.rows.plain("orders", row) if row else False


def _tlds(call: Call, filters: Array | None) -> Selection:
    filters = filters or {}
    company_id = php.integer(filters.get("company_id")) or None
    return _selection(
        call, "domain_tlds", {"id": "asc"}, company_id=company_id, tld=filters.get("tld"), status=filters.get("status")
    )


@method(_TLDS, "getList")
def get_tlds(call: Call, filters: Array | None = None, page: int = 1, order: Array | None = None) -> list[Row]:
    return [call.rows.plain("domain_tlds", row) for row in call.listings.page(_tlds(call, filters), page, order)]


@method(_TLDS, "getListCount")
def count_tlds(call: Call, filters: Array | None = None) -> int:
    return call.listings.count(_tlds(call, filters))


@method(_TLDS, "get")
def get_tld(call: Call, tld: str, company_id: int | None = None) -> Any:
    rows = call.state.where("domain_tlds", tld=tld, company_id=company_id or call.company_id)
    return call.rows.plain("domain_tlds", rows[0]) if rows else False


@method(_WEBHOOKS, "getList")
def get_webhooks(call: Call, type: str = "incoming", page: int = 1, order_by: Array | None = None) -> list[Row]:
    selection = _selection(call, "webhooks", {"method": "DESC"}, type=type)
    return [call.rows.webhook(row) for row in call.listings.page(selection, page, order_by)]


@method(_WEBHOOKS, "getTypeCount")
def count_webhooks(call: Call, type: str = "incoming") -> int:
    return call.listings.count(_selection(call, "webhooks", {}, type=type))


@method(_WEBHOOKS, "get")
def get_webhook(call: Call, webhook_id: int) -> Any:
    row = call.state.get("webhooks", webhook_id)
    return call.rows.webhook(row, wide=True) if row else False
