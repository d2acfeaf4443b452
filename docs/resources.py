"""Writes `reference/resources.md` from the declarations: `python docs/resources.py`. A test holds it to be current."""

from __future__ import annotations

import os
from pathlib import Path

PAGE = Path(__file__).resolve().parent / "reference" / "resources.md"

#: Each kind of row that Blesta is known to have, and the mirror that holds it.
MIRRORED = {
    "companies": "Company",
    "client_groups": "ClientGroup",
    "clients": "Client",
    "client_notes": "ClientNote",
    "contacts": "Contact",
    "contact_numbers": "ContactNumber",
    "contact_types": "ContactType",
    "users": "User",
    "accounts_cc": "CardAccount",
    "accounts_ach": "BankAccount",
    "packages": "Package",
    "package_pricing": "PackagePricing",
    "package_groups": "PackageGroup",
    "package_options": "PackageOption",
    "package_option_groups": "PackageOptionGroup",
    "services": "Service",
    "service_changes": "ServiceChange",
    "invoices": "Invoice",
    "invoice_lines": "InvoiceLine",
    "recurring_invoices": "RecurringInvoice",
    "quotations": "Quotation",
    "transactions": "Transaction",
    "transaction_applied": "AppliedAmount",
    "transaction_types": "TransactionType",
    "coupons": "Coupon",
    "currencies": "Currency",
    "taxes": "Tax",
    "modules": "Module",
    "module_rows": "ModuleRow",
    "gateways": "Gateway",
    "staff": "Staff",
    "tickets": "Ticket",
    "ticket_replies": "TicketReply",
    "ticket_departments": "TicketDepartment",
    "orders": "Order",
    "order_forms": "OrderForm",
    "domain_tlds": "DomainTld",
    "webhooks": "Webhook",
}
_LOG = "A log that grows without end and is pruned; read on demand, as a hint of what changed."
_PEOPLE = "Who did what from where: personal, pruned, and of no use to a site."

#: Kinds of rows that are not mirrored, and why.
LEFT_OUT = {
    "company_settings": "Among them are passwords of mail servers and keys; single ones are asked for by name.",
    "system_settings": "Among them are the licence and Blesta's own keys; the version is read on demand.",
    "log_contact": _LOG,
    "log_client_settings": _LOG,
    "log_transaction": _LOG,
    "log_service_change": _LOG,
    "log_user": _PEOPLE,
    "log_email": "Whole mails, with what they say; of no use to a site.",
    "log_gateway": "What was said to payment providers; may hold credentials and tokens.",
    "log_module": "What was said to servers; may hold passwords.",
    "log_cron": "Read on demand, for the status page.",
    "log_account_access": _PEOPLE,
    "log_messenger": "Whole messages, with what they say; of no use to a site.",
    "email_templates": "Large, and of no use outside Blesta.",
    "cron_tasks": "Read on demand, for the status page.",
    "reports": "Files for people, not rows.",
    "messengers": "Their settings are credentials, and nothing refers to them.",
    "countries": "The same everywhere: Django projects have their own list.",
    "states": "The same everywhere: Django projects have their own list.",
    "languages": "A client's own language is a column of the client.",
    "plugins": "Whether a plugin is there shows in whether its rows can be asked for.",
    "api_keys": "The keys themselves are in the rows; the list is never asked for.",
    "kb_articles": "Meant to be read in Blesta; may come later.",
    "kb_categories": "Meant to be read in Blesta; may come later.",
    "domains": "A domain is a service, and mirrored as one; its own list asks the registrar once per row.",
    "webhook_logs": "A log that grows without end and is pruned; read on demand, by whoever looks for missed events.",
}


def columns_of(model: type) -> set[str]:
    """Names of Blesta's that a mirror reads, its children and the request's own included."""
    from django_blesta.resources import resource_of

    resource = resource_of(model)
    names = set(resource.read_columns | resource.read_whole)
    if resource.embedded_in:  # the parent's id comes from the parent
        parent = resource.embedded_in.partition(".")[0].lower()
        names |= {f"{parent}_id"}
    return names


def page() -> str:
    from django_blesta.models import mirrors
    from django_blesta.resources import resource_of

    lines = [
        "# What is mirrored, and what is not",
        "",
        "<!-- Written by docs/resources.py from the declarations; change those, then run it. -->",
        "",
        "Every kind of row that Blesta is known to have is either below with its mirror, or under “Not mirrored” with "
        "the reason. *Row* columns come with every listing; *detail* columns need a request of their own and may be "
        "older. A plugin that your Blesta does not have is shown as “not installed”, and is not an error.",
        "",
    ]
    own = [model for model in mirrors() if model._meta.app_label == "django_blesta"]
    for model in own:
        resource = resource_of(model)
        lines += [f"## {model.__name__}", "", _sentence(model), ""]
        lines += ["| ours | Blesta's | read with |", "|---|---|---|"]
        for tier, columns in (("row", resource.fields), ("detail", resource.detail)):
            lines += [f"| `{ours}` | `{theirs}` | {tier} |" for ours, theirs in columns.columns.items()]
            lines += [f"| `{ours}` (rows) | `{theirs}` | {tier} |" for ours, theirs in columns.children.items()]
        lines.append("")
    lines += ["## Columns that are left out", "", "| of | column | reason |", "|---|---|---|"]
    for model in own:
        reasons = resource_of(model).left_out
        lines += [f"| {model.__name__} | `{column}` | {reason} |" for column, reason in reasons.items()]
    lines += ["", "## Not mirrored", "", "| Blesta's | reason |", "|---|---|"]
    lines += [f"| `{name}` | {reason} |" for name, reason in LEFT_OUT.items()]
    lines += [
        "| values of custom fields of clients | Nobody has said what they look like, and they may be secrets. |",
        "",
    ]
    return "\n".join(lines)


def _sentence(model: type) -> str:
    from django_blesta.resources import resource_of

    resource = resource_of(model)
    if resource.embedded_in:
        return f"Arrives with `{resource.embedded_in}`."
    if resource.listing is None:
        return f"`{resource.remote}.{resource.get.method if resource.get else ''}`, for each that another row names."
    where = f"`{resource.remote_of(resource.listing)}.{resource.listing.method}`"
    if resource.parent:
        return f"{where}, once per {resource.parent}."
    return f"{where}, once for each of {', '.join(resource.each)}." if resource.each else f"{where}."


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testproject.settings")
    import sys

    sys.path.insert(0, str(PAGE.parent.parent.parent))
    import django

    django.setup()
    PAGE.write_text(page(), encoding="utf-8")
