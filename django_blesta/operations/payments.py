"""Charging a stored card or bank account. This moves money, so it is off unless the site turns it on.

No card number passes through: the account is named by Blesta's id. No machine repeats a charge: not after a time-out,
not when a task is delivered again, and an absence is never taken for proof that nothing was charged.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Unpack

from django.db import DEFAULT_DB_ALIAS
from django.utils.translation import gettext_lazy as _

from django_blesta import conf
from django_blesta.connection import Shape, Unreadable, decimal_from, declare, identifier_from
from django_blesta.exceptions import Facts, FieldError, NotAllowed, OutcomeUnknown, Rejected
from django_blesta.models import BankAccount, CardAccount, Client, Invoice, Transaction
from django_blesta.operations._journal import Change, Result, Who
from django_blesta.operations._kinds import PATIENT, Asked, Case, Finding, Kind, Step, define, refuse
from django_blesta.operations._perform import perform
from django_blesta.operations._probes import id_of, newer_rows, newest_of_client
from django_blesta.operations.transactions import (
    ZERO,
    Amounts,
    apply_step,
    check_amount,
    check_application,
    listed_amounts,
    plain,
)

CALL: Final = "Payments.processPayment"
REFUSED: Final = ("declined", "error", "void")
DECLINED: Final = _("The payment was declined.")
NOT_THERE: Final = _("This means of payment is not there.")


def _to_charge(asked: Asked, case: Case) -> Asked:
    currency = asked["currency"]
    amount = check_amount("payments.charge", asked["amount"], currency=currency, field="amount", case=case)
    if case["amounts"]:
        check_application("payments.charge", case, client_id=asked["client_id"], currency=currency, left=amount)
    case.keep(after_id=newest_of_client(case, "Transactions"))
    return {name: value for name, value in asked.items() if name != "apply"}


def _charged(answer: Any) -> dict[str, int]:
    """Documented to answer with an object. A word of refusal in it is one; without an id nobody knows."""
    row = answer if isinstance(answer, dict) else {"id": answer}
    if row.get("status") in REFUSED:
        raise Rejected(
            "The gateway declined the payment.",
            Facts(CALL, 200, errors=(FieldError("gateway", str(row["status"])[:20], str(DECLINED)),)),
        )
    try:
        found = identifier_from(row.get("id"))
    except Unreadable:
        found = None
    if not found:
        raise OutcomeUnknown("Blesta answered without the payment.", Facts(CALL, 200, "no-id"))
    return {"transaction_id": found}


def _is_charged(case: Case) -> Finding:
    """One new payment of that amount from that account. That there is none proves nothing: a gateway may still act."""
    alike = [row for row in newer_rows(case, "Transactions") if _looks_like_it(row, case)]
    taken = [id_of(row) for row in alike if row.get("status") not in REFUSED]
    told = ", ".join(f"payment {id_of(row)} is {row.get('status')!s:.20}" for row in alike[:10]) or "No such payment"
    if len(taken) == 1:
        return Finding(True, f"{told}.", {"transaction_id": taken[0]})
    # One that was refused is the gateway's word that nothing was taken; anything else is for a person.
    return Finding(False if len(alike) == 1 and not taken else None, f"{told}.")


def _looks_like_it(row: Mapping[str, Any], case: Case) -> bool:
    account = identifier_from(row.get("account_id"))
    return (
        row.get("type") == case["type"]
        and row.get("currency") == case["currency"]
        and decimal_from(row["amount"]) == Decimal(case["amount"])
        and account in (None, case["account_id"])
    )


_PAY: Final = Step(
    signature=declare("Payments", "processPayment", writes=True, shape=Shape.ANY),
    build=_to_charge,
    ids=_charged,
    probe=_is_charged,
)


def _touched(case: Case) -> Any:
    invoices = [(Invoice, one["invoice_id"]) for one in case.keys.get("amounts", ())]
    return [(Transaction, case.keys.get("transaction_id")), *invoices]


_FINDS: Final = "The client has one new payment of that amount from that account."
_CHARGE = define(
    Kind(
        name="payments.charge",
        model=Client,
        does="Charge a stored account; the money stays as credit. Off by default.",
        finds=_FINDS,
        steps=(_PAY,),
        touched=_touched,
        exclusive=True,
        once=True,
        looks=PATIENT,
    )
)
_CHARGE_AND_APPLY = define(
    Kind(
        name="payments.charge_and_apply",
        model=Client,
        does="Charge a stored account and put the money on invoices: two calls, one operation. Off by default.",
        finds=f"{_FINDS} Then, that it is on its invoices.",
        steps=(_PAY, apply_step),
        touched=_touched,
        exclusive=True,
        once=True,
        looks=PATIENT,
    )
)


def charge(
    client: Client,
    *,
    account: CardAccount | BankAccount,
    amount: Decimal,
    currency: str,
    apply_to: Amounts | None = None,
    email_receipt: bool = True,
    **who: Unpack[Who],
) -> Result:
    """Charge the client's stored account; `ids["transaction_id"]`. NotAllowed unless CHARGE_STORED_ACCOUNTS is True.

    Checked before anything is sent, as for `transactions.record`. A gateway's refusal is `Rejected` on ``gateway``.
    """
    using = who.get("using") or client._state.db or DEFAULT_DB_ALIAS
    if not conf.installation(using).charge_stored_accounts:
        raise NotAllowed("BLESTA's CHARGE_STORED_ACCOUNTS is not on.", Facts(CALL, reason="not-allowed"))
    if who.get("wait"):
        raise ValueError("A charge is never queued.")
    if account.client_id != client.pk or account.status not in ("", "active"):
        refuse(CALL, ("account_id", "exists", str(NOT_THERE)))
    type_ = "cc" if isinstance(account, CardAccount) else "ach"
    listed = listed_amounts(apply_to or {})
    asked: dict[str, Any] = {
        "client_id": client.pk,
        "type": type_,
        "amount": plain(amount),
        "currency": currency,
        "account_id": account.pk,
        "options": {"email_receipt": email_receipt},
        **({"apply": listed} if listed else {}),
    }
    whole = bool(apply_to) and all(one.is_finite() for one in (amount, *(apply_to or {}).values()))
    whole = whole and sum((apply_to or {}).values(), ZERO) == amount
    keys = {
        "amount": plain(amount),
        "currency": currency,
        "type": type_,
        "account_id": account.pk,
        "amounts": listed,
        "whole": whole,
    }
    return perform(Change(_CHARGE_AND_APPLY if listed else _CHARGE, asked, client, keys=keys, live=str(client.pk)), who)
