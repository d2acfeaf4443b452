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

from django_blesta.operations._journal import (
    Result,
    TokenReused,
    find,
    is_token,
    new_token,
    outside_transactions,
    overdue,
    state_of,
)

__all__ = [
    "Result",
    "TokenReused",
    "find",
    "is_token",
    "new_token",
    "outside_transactions",
    "overdue",
    "state_of",
]
