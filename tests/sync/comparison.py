"""The mirror beside the simulator's own rows, column by column.

The table is written out, not taken from the declarations: a column that is mapped to the wrong name must show.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django_blesta import models

Differences = list[str]

ADDRESS = {
    "first_name": "first_name",
    "last_name": "last_name",
    "title": "title",
    "company": "company_name",
    "email": "email",
    "address1": "address1",
    "address2": "address2",
    "city": "city",
    "state": "state",
    "zip": "zip",
    "country": "country",
}

# Blesta's name → our attribute.
ROWS: dict[str, tuple[type[models.Mirror], dict[str, str]]] = {
    "companies": (
        models.Company,
        {"id": "pk", "name": "name", "hostname": "hostname", "address": "address", "phone": "phone", "fax": "fax"},
    ),
    "client_groups": (
        models.ClientGroup,
        {"id": "pk", "company_id": "company_id", "name": "name", "description": "description", "color": "color"},
    ),
    "clients": (
        models.Client,
        {
            "id": "pk",
            "id_code": "id_code",
            "user_id": "user_id",
            "client_group_id": "client_group_id",
            "contact_id": "contact_id",
            "status": "status",
            "primary_account_id": "primary_account_id",
            "primary_account_type": "primary_account_type",
            **ADDRESS,
        },
    ),
    "client_notes": (
        models.ClientNote,
        {
            "id": "pk",
            "client_id": "client_id",
            "staff_id": "staff_id",
            "title": "title",
            "description": "description",
            "stickied": "stickied",
            "date_added": "added_at",
            "date_updated": "updated_at",
        },
    ),
    "staff": (
        models.Staff,
        {
            "id": "pk",
            "user_id": "user_id",
            "first_name": "first_name",
            "last_name": "last_name",
            "status": "status",
        },
    ),
    "accounts_cc": (
        models.CardAccount,
        {
            "id": "pk",
            "contact_id": "contact_id",
            "type": "type",
            "last4": "last_four",
            "expiration": "expires",
            "status": "status",
        },
    ),
    "accounts_ach": (
        models.BankAccount,
        {"id": "pk", "contact_id": "contact_id", "type": "type", "last4": "last_four", "status": "status"},
    ),
    "contacts": (
        models.Contact,
        {
            "id": "pk",
            "client_id": "client_id",
            "user_id": "user_id",
            "contact_type": "contact_type",
            "contact_type_id": "contact_type_ref_id",
            "date_added": "added_at",
            **ADDRESS,
        },
    ),
    "contact_numbers": (
        models.ContactNumber,
        {"id": "pk", "contact_id": "contact_id", "number": "number", "type": "type", "location": "location"},
    ),
    "contact_types": (
        models.ContactType,
        {"id": "pk", "company_id": "company_id", "name": "name", "is_lang": "is_lang"},
    ),
    "users": (models.User, {"id": "pk", "username": "username", "two_factor_mode": "two_factor_mode"}),
    "packages": (
        models.Package,
        {
            "id": "pk",
            "id_code": "id_code",
            "company_id": "company_id",
            "module_id": "module_id",
            "name": "name",
            "description": "description",
            "status": "status",
            "qty": "qty",
            "client_qty": "client_qty",
            "taxable": "taxable",
            "single_term": "single_term",
            "hidden": "hidden",
            "prorata_day": "prorata_day",
            "prorata_cutoff": "prorata_cutoff",
            "module_row": "module_row_id",
        },
    ),
    "package_pricing": (
        models.PackagePricing,
        {
            "id": "pk",
            "pricing_id": "pricing_id",
            "package_id": "package_id",
            "term": "term",
            "period": "period",
            "currency": "currency",
            "price": "price",
            "price_renews": "price_renews",
            "price_transfer": "price_transfer",
            "setup_fee": "setup_fee",
            "cancel_fee": "cancel_fee",
        },
    ),
    "package_groups": (
        models.PackageGroup,
        {
            "id": "pk",
            "company_id": "company_id",
            "name": "name",
            "description": "description",
            "type": "type",
            "hidden": "hidden",
            "allow_upgrades": "allow_upgrades",
        },
    ),
    "services": (
        models.Service,
        {
            "id": "pk",
            "id_code": "id_code",
            "client_id": "client_id",
            "parent_service_id": "parent_service_id",
            "package_group_id": "package_group_id",
            "pricing_id": "pricing_id",
            "module_row_id": "module_row_id",
            "coupon_id": "coupon_id",
            "name": "name",
            "qty": "qty",
            "override_price": "override_price",
            "override_currency": "override_currency",
            "status": "status",
            "suspension_reason": "suspension_reason",
            "cancellation_reason": "cancellation_reason",
            "date_added": "added_at",
            "date_renews": "renews_at",
            "date_last_renewed": "last_renewed_at",
            "date_suspended": "suspended_at",
            "date_canceled": "canceled_at",
            "date_paid_through": "paid_through_at",
        },
    ),
    "invoices": (
        models.Invoice,
        {
            "id": "pk",
            "id_code": "id_code",
            "client_id": "client_id",
            "status": "status",
            "currency": "currency",
            "subtotal": "subtotal",
            "total": "total",
            "paid": "paid",
            "due": "due",
            "date_billed": "billed_at",
            "date_due": "due_at",
            "date_closed": "closed_at",
            "date_autodebit": "autodebit_at",
            "note_public": "note_public",
            "note_private": "note_private",
        },
    ),
    "invoice_lines": (
        models.InvoiceLine,
        {
            "id": "pk",
            "invoice_id": "invoice_id",
            "service_id": "service_id",
            "description": "description",
            "qty": "qty",
            "amount": "amount",
            "order": "position",
            "subtotal": "subtotal",
            "total": "total",
        },
    ),
    "recurring_invoices": (
        models.RecurringInvoice,
        {
            "id": "pk",
            "client_id": "client_id",
            "term": "term",
            "period": "period",
            "duration": "duration",
            "currency": "currency",
            "date_renews": "renews_at",
            "date_last_renewed": "last_renewed_at",
            "note_public": "note_public",
            "note_private": "note_private",
        },
    ),
    "quotations": (
        models.Quotation,
        {
            "id": "pk",
            "id_code": "id_code",
            "client_id": "client_id",
            "staff_id": "staff_id",
            "title": "title",
            "status": "status",
            "currency": "currency",
            "subtotal": "subtotal",
            "total": "total",
            "date_created": "created_at",
            "date_expires": "expires_at",
            "notes": "note_public",
            "private_notes": "note_private",
        },
    ),
    "taxes": (
        models.Tax,
        {
            "id": "pk",
            "company_id": "company_id",
            "level": "level",
            "name": "name",
            "amount": "rate",
            "type": "type",
            "country": "country",
            "state": "state",
            "status": "status",
        },
    ),
    "package_options": (
        models.PackageOption,
        {
            "id": "pk",
            "company_id": "company_id",
            "label": "label",
            "name": "name",
            "type": "type",
            "addable": "addable",
            "editable": "editable",
            "hidden": "hidden",
        },
    ),
    "package_option_groups": (
        models.PackageOptionGroup,
        {
            "id": "pk",
            "company_id": "company_id",
            "name": "name",
            "description": "description",
            "hidden": "hidden",
            "hide_options": "hide_options",
        },
    ),
    "coupons": (
        models.Coupon,
        {
            "id": "pk",
            "company_id": "company_id",
            "code": "code",
            "used_qty": "used_qty",
            "max_qty": "max_qty",
            "start_date": "starts_at",
            "end_date": "ends_at",
            "status": "status",
            "recurring": "recurring",
            "limit_recurring": "limit_recurring",
            "apply_package_options": "apply_package_options",
            "internal_use_only": "internal_use_only",
        },
    ),
    "modules": (
        models.Module,
        {"id": "pk", "company_id": "company_id", "name": "name", "class": "class_name"},
    ),
    "module_rows": (models.ModuleRow, {"id": "pk", "module_id": "module_id"}),
    "gateways": (models.Gateway, {"id": "pk", "company_id": "company_id", "name": "name", "type": "type"}),
    "service_changes": (
        models.ServiceChange,
        {
            "id": "pk",
            "service_id": "service_id",
            "invoice_id": "invoice_id",
            "status": "status",
            "date_added": "added_at",
            "date_status": "decided_at",
        },
    ),
    "ticket_departments": (
        models.TicketDepartment,
        {
            "id": "pk",
            "company_id": "company_id",
            "name": "name",
            "description": "description",
            "email": "email",
            "default_priority": "default_priority",
            "status": "status",
            "clients_only": "clients_only",
        },
    ),
    "tickets": (
        models.Ticket,
        {
            "id": "pk",
            "code": "number",
            "department_id": "department_id",
            "staff_id": "staff_id",
            "service_id": "service_id",
            "client_id": "client_id",
            "email": "email",
            "summary": "summary",
            "priority": "priority",
            "status": "status",
            "date_added": "added_at",
            "date_updated": "updated_at",
            "date_closed": "closed_at",
        },
    ),
    "order_forms": (
        models.OrderForm,
        {
            "id": "pk",
            "company_id": "company_id",
            "label": "label",
            "name": "name",
            "type": "type",
            "template": "template",
            "client_group_id": "client_group_id",
            "visibility": "visibility",
            "status": "status",
            "date_added": "added_at",
        },
    ),
    "orders": (
        models.Order,
        {
            "id": "pk",
            "order_number": "number",
            "order_form_id": "order_form_id",
            "invoice_id": "invoice_id",
            "client_id": "client_id",
            "status": "status",
            "date_added": "added_at",
        },
    ),
    "webhooks": (
        models.Webhook,
        {"id": "pk", "company_id": "company_id", "type": "type", "method": "method", "events": "events"},
    ),
    "transaction_types": (
        models.TransactionType,
        {"id": "pk", "name": "name", "real_name": "real_name", "type": "type", "is_lang": "is_lang"},
    ),
    "transactions": (
        models.Transaction,
        {
            "id": "pk",
            "client_id": "client_id",
            "amount": "amount",
            "currency": "currency",
            "type": "type",
            "transaction_type_id": "transaction_type_id",
            "account_id": "account_id",
            "gateway_id": "gateway_id",
            "gateway_name": "gateway_name",
            "transaction_id": "number",
            "parent_transaction_id": "parent_number",
            "reference_id": "reference",
            "message": "message",
            "status": "status",
            "date_added": "added_at",
            "applied_amount": "applied_amount",
        },
    ),
}
NATURAL: dict[str, tuple[type[models.Mirror], tuple[str, ...], dict[str, str]]] = {
    "currencies": (
        models.Currency,
        ("company_id", "code"),
        {
            "format": "format",
            "precision": "precision",
            "prefix": "prefix",
            "suffix": "suffix",
            "exchange_rate": "exchange_rate",
            "exchange_updated": "exchange_updated_at",
        },
    ),
    "domain_tlds": (
        models.DomainTld,
        ("company_id", "tld"),
        {"package_id": "package_id", "module_id": "module_id", "order": "position", "status": "status"},
    ),
    "transaction_applied": (
        models.AppliedAmount,
        ("transaction_id", "invoice_id"),
        {"applied_amount": "amount", "applied_date": "applied_at"},
    ),
}
# Children that have no rows of their own to ask for: (parent's name, its key) -> (model, our parent column, columns).
INSIDE: dict[tuple[str, str], tuple[type[models.Mirror], str, dict[str, str]]] = {
    ("invoices", "taxes"): (
        models.InvoiceTax,
        "invoice_id",
        {"id": "tax_id", "level": "level", "name": "name", "amount": "rate", "type": "type", "tax_total": "total"},
    ),
    ("invoices", "delivery"): (
        models.InvoiceDelivery,
        "invoice_id",
        {"id": "pk", "method": "method", "date_sent": "sent_at"},
    ),
    ("recurring_invoices", "line_items"): (
        models.RecurringInvoiceLine,
        "recurring_invoice_id",
        {"id": "pk", "description": "description", "qty": "qty", "amount": "amount", "order": "position"},
    ),
    ("quotations", "line_items"): (
        models.QuotationLine,
        "quotation_id",
        {"id": "pk", "description": "description", "qty": "qty", "amount": "amount", "order": "position"},
    ),
}
INSIDE |= {
    ("packages", "groups"): (models.PackageGroupMember, "package_id", {"id": "package_group_id"}),
    ("packages", "option_groups"): (models.PackageOptionOffer, "package_id", {"id": "option_group_id"}),
    ("package_groups", "parents"): (models.PackageGroupParent, "package_group_id", {"id": "parent_id"}),
    ("package_options", "groups"): (models.PackageOptionMember, "option_id", {"id": "group_id"}),
    ("package_options", "values"): (
        models.PackageOptionValue,
        "option_id",
        {
            "id": "pk",
            "name": "name",
            "value": "value",
            "default": "is_default",
            "status": "status",
            "min": "least",
            "max": "most",
            "step": "step",
            "pricing": "pricing",
        },
    ),
    ("services", "options"): (
        models.ServiceOption,
        "service_id",
        {
            "id": "pk",
            "option_id": "option_id",
            "option_value_id": "option_value_id",
            "option_name": "option_name",
            "option_value_name": "value_name",
            "qty": "qty",
            "price": "price",
            "setup_fee": "setup_fee",
        },
    ),
    ("tickets", "replies"): (
        models.TicketReply,
        "ticket_id",
        {
            "id": "pk",
            "staff_id": "staff_id",
            "contact_id": "contact_id",
            "type": "type",
            "details": "details",
            "date_added": "added_at",
        },
    ),
    ("coupons", "amounts"): (
        models.CouponAmount,
        "coupon_id",
        {"currency": "currency", "amount": "amount", "type": "type"},
    ),
}
DETAIL_ONLY = {
    "packages": {
        "description", "qty", "client_qty", "taxable", "single_term", "hidden", "prorata_day", "prorata_cutoff",
        "module_row",
    },
    "package_groups": {"description", "hidden", "allow_upgrades"},
    "services": {"suspension_reason", "cancellation_reason"},
    "invoices": {"note_public", "note_private"},
    "quotations": {"notes", "private_notes"},
}  # fmt: skip


def differences(
    simulator: Any, *, row_tier_only: bool = False, only: Callable[[dict[str, Any]], bool] = lambda row: True
) -> Differences:
    """Every row and column in which mirror and simulator disagree; empty when they hold the same."""
    found: Differences = []
    for name, (model, columns) in ROWS.items():
        if row_tier_only and name not in LISTED:
            continue
        remote = {row["id"]: row for row in simulator.rows(name) if only(row)}
        local = {row.pk: row for row in model._base_manager.all()}
        found += [f"{name} {key}: not mirrored" for key in remote.keys() - local.keys()]
        found += [f"{name} {key}: not in Blesta" for key in local.keys() - remote.keys()]
        skip = DETAIL_ONLY.get(name, set()) if row_tier_only else set()
        for key in remote.keys() & local.keys():
            for theirs, ours in columns.items():
                if theirs not in skip:
                    found += _compare(f"{name} {key} {theirs}", remote[key][theirs], getattr(local[key], ours))
    for name, (model, parts, columns) in NATURAL.items():
        if row_tier_only and name not in LISTED:
            continue
        keyed = {tuple(row[part] for part in parts): row for row in simulator.rows(name) if only(row)}
        held = {tuple(getattr(row, part) for part in parts): row for row in model._base_manager.all()}
        found += [f"{name} {key}: in one only" for key in keyed.keys() ^ held.keys()]
        for key in keyed.keys() & held.keys():
            for theirs, ours in columns.items():
                found += _compare(f"{name} {key} {theirs}", keyed[key][theirs], getattr(held[key], ours))
    return found if row_tier_only else found + _differences_inside(simulator, only)


def _differences_inside(simulator: Any, only: Callable[[dict[str, Any]], bool]) -> Differences:
    found: Differences = []
    for (name, inside), (model, parent, columns) in INSIDE.items():
        (identity, ours) = next(iter(columns.items()))
        remote = {
            (row["id"], child[identity]): child for row in simulator.rows(name) if only(row) for child in row[inside]
        }
        # What a row that is gone left behind stays with it.
        rows = model._base_manager.exclude(**{f"{parent.removesuffix('_id')}__gone_at__isnull": False})
        local = {(getattr(row, parent), getattr(row, ours)): row for row in rows}
        found += [f"{name} {inside} {key}: in one only" for key in remote.keys() ^ local.keys()]
        for key in remote.keys() & local.keys():
            for theirs, ours in columns.items():
                where = f"{name} {inside} {key} {theirs}"
                found += _compare(where, remote[key][theirs], getattr(local[key], ours))
    return found


LISTED = {
    "companies",
    "client_groups",
    "clients",
    "contact_types",
    "packages",
    "package_groups",
    "services",
    "invoices",
    "transaction_types",
    "transactions",
    "currencies",
    "staff",
    "quotations",
    "taxes",
    "package_options",
    "package_option_groups",
    "coupons",
    "modules",
    "gateways",
    "service_changes",
    "ticket_departments",
    "tickets",
    "order_forms",
    "orders",
    "domain_tlds",
}


def _compare(where: str, theirs: Any, ours: Any) -> Differences:
    expected = "" if theirs is None and isinstance(ours, str) else theirs
    if isinstance(ours, bool):
        expected = bool(expected)
    return [] if expected == ours else [f"{where}: {theirs!r} in Blesta, {ours!r} here"]
