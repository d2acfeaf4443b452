"""Writes `reference/operations.md` from the operations: `python docs/operations.py`. A test holds it to be current."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

PAGE = Path(__file__).resolve().parent / "reference" / "operations.md"
GROUPS = (
    "clients", "contacts", "users", "services", "service_changes", "invoices", "recurring", "quotations",
    "transactions", "payments", "tickets", "webhooks",
)  # fmt: skip

#: The form for people, where this package has one.
FORMS = {
    "clients.create": "RegisterForm",
    "clients.set_settings": "ClientSettingsForm",
    "contacts.add": "AddContactForm",
    "contacts.edit": "ContactForm",
    "contacts.delete": "DeleteContactForm",
    "contacts.add_number": "AddNumberForm",
    "contacts.edit_number": "NumberForm",
    "contacts.delete_number": "DeleteNumberForm",
    "contacts.set_permissions": "ContactPermissionsForm",
    "users.change_password": "ChangePasswordForm",
    "users.change_username": "ChangeUsernameForm",
    "services.cancel": "CancelServiceForm",
    "services.uncancel": "UncancelServiceForm",
    "service_changes.order": "ChangeServiceForm",
    "service_changes.cancel": "CancelChangeForm",
    "invoices.create": "InvoiceForm",
    "invoices.deliver": "DeliverInvoiceForm",
    "recurring.create": "RecurringInvoiceForm",
    "quotations.approve": "ApproveQuotationForm",
    "quotations.decline": "DeclineQuotationForm",
    "transactions.record_and_apply": "RecordPaymentForm",
    "transactions.apply_credit": "ApplyCreditForm",
    "payments.charge_and_apply": "ChargeForm",
    "tickets.open": "OpenTicketForm",
    "tickets.reply": "ReplyForm",
    "tickets.close": "CloseTicketForm",
    "tickets.reopen": "ReopenTicketForm",
}
#: Kinds that a function of another name stands for.
ALSO = {"transactions.record_and_apply": "transactions.record", "payments.charge_and_apply": "payments.charge"}

HEAD = """# Operations

<!-- Written by docs/operations.py from the code; change that, then run it. -->

Every change asked of Blesta is a function of a module in `django_blesta.operations`. Each writes a row into its journal
(`django_blesta.models.Operation`) before a request leaves, sends at most once, and fetches what it changed. What it
raises is in [Errors](../explanation/errors.md); how a view uses one is in
[An operation in your own view](../howto/operations.md).

Beside its own arguments, each takes these, by keyword:

| argument | meaning |
|---|---|
| `actor` | the site's user who asks, for the journal |
| `token` | names this one request: whoever sends it again is told what came of the first |
| `using` | the installation, where the row does not tell |
| `wait` | while Blesta is under maintenance, keep it and send it when Blesta is back, for those marked “may wait” |
| `validate_only` | change nothing; `Result.errors` says what Blesta would refuse, for those marked “dry run” |

*One at a time*: while the outcome of one is open, no second is sent for the same target.
"""


def own_functions(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The operations of a module, in its order."""
    for name, value in vars(module).items():
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_"):
            kinds = [each.kind for each in inspect.signature(value).parameters.values()]
            if inspect.Parameter.VAR_KEYWORD in kinds:
                yield name, value


def kinds_of(group: str, name: str) -> list[Any]:
    from django_blesta.operations import KINDS

    full = f"{group}.{name}"
    return [kind for key, kind in KINDS.items() if key == full or ALSO.get(key) == full]


def page() -> str:
    from django_blesta import operations

    lines = [HEAD]
    for group in GROUPS:
        module = getattr(operations, group)
        lines += [f"## {group}", "", _paragraphs(module), ""]
        for name, function in own_functions(module):
            lines += [f"### {group}.{name}", "", "```text", _signature(group, name, function), "```", ""]
            if function.__doc__:
                lines += [_paragraphs(function), ""]
            for kind in kinds_of(group, name):
                lines += _kind(kind)
    lines += [
        "## call",
        "",
        "```text",
        _signature("", "call", operations.call),
        "```",
        "",
        _paragraphs(operations.call),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _kind(kind: Any) -> list[str]:
    calls = ", then ".join(f"`{step.signature.call}`" for step in kind.steps)
    marks = [
        word
        for word, is_so in (
            ("may wait", kind.may_wait),
            ("dry run", kind.dry_run is not None),
            ("one at a time", kind.exclusive),
        )
        if is_so
    ]
    rest = [f"{', '.join(marks).capitalize()}."] if marks else []
    rest += [f"Form: `{FORMS[kind.name]}`."] if kind.name in FORMS else []
    return [
        f"- **`{kind.name}`**: {kind.does}",
        f"  Calls {calls}. Found again: {kind.finds}",
        *([f"  {' '.join(rest)}"] if rest else []),
        "",
    ]


def _signature(group: str, name: str, function: Callable[..., Any]) -> str:
    parts = []
    for one in inspect.signature(function).parameters.values():
        if one.kind is inspect.Parameter.VAR_KEYWORD:
            parts.append("**who")
            continue
        if one.kind is inspect.Parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        default = "" if one.default is inspect.Parameter.empty else f"={one.default!r}"
        parts.append(f"{one.name}{default}")
    return f"{group + '.' if group else ''}{name}({', '.join(parts)})"


def _paragraphs(thing: Any) -> str:
    return inspect.cleandoc(thing.__doc__ or "").replace("``", "`")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testproject.settings")
    import sys

    sys.path.insert(0, str(PAGE.parent.parent.parent))
    import django

    django.setup()
    PAGE.write_text(page(), encoding="utf-8")
