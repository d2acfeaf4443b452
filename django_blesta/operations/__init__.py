"""Every change we ask of Blesta: one function each, written down first, sent at most once. The only caller of writes.

::

    from django_blesta.operations import contacts

    contacts.edit(contact, changes={"email": "ada@example.com"}, actor=request.user, token=form_token)

A function returns a :class:`Result` when Blesta did it, and raises what `django_blesta.exceptions` names when it did
not: ``Rejected`` (Blesta's rules), ``Unavailable`` (nothing was sent or done; later may work), ``OutcomeUnknown`` (it
may have happened: never send it again by machine). Its `Operation` row says the same and outlives the process.

The row must be committed before the request leaves. Inside an open transaction that cannot be, so the functions
refuse there with a RuntimeError; under ``ATOMIC_REQUESTS`` decorate the view with :func:`outside_transactions`. A
``TestCase``'s own transaction is let through.
"""

from __future__ import annotations

from django_blesta.correlation import correlated
from django_blesta.operations import (
    clients,
    contacts,
    invoices,
    payments,
    quotations,
    recurring,
    service_changes,
    services,
    tickets,
    transactions,
    users,
    webhooks,
)
from django_blesta.operations._journal import (
    Change,
    PartlyDone,
    Result,
    TokenReused,
    Who,
    find,
    is_token,
    new_token,
    outside_transactions,
    overdue,
    state_of,
)
from django_blesta.operations._kinds import KINDS, AlreadySo, Case, Finding, Kind, Step, define, refuse
from django_blesta.operations._perform import perform
from django_blesta.operations._reconcile import look_into, reconcile, settle
from django_blesta.operations.calls import call

__all__ = [
    "KINDS",
    "AlreadySo",
    "Case",
    "Change",
    "Finding",
    "Kind",
    "PartlyDone",
    "Result",
    "Step",
    "TokenReused",
    "Who",
    "call",
    "clients",
    "contacts",
    "correlated",
    "define",
    "find",
    "invoices",
    "is_token",
    "look_into",
    "new_token",
    "outside_transactions",
    "overdue",
    "payments",
    "perform",
    "quotations",
    "reconcile",
    "recurring",
    "refuse",
    "service_changes",
    "services",
    "settle",
    "state_of",
    "tickets",
    "transactions",
    "users",
    "webhooks",
]
