"""Money in the ledger: payments received elsewhere, what of them is on which invoice, refunds and voids.

Nothing here moves money: a status in the ledger is changed, a gateway is not asked for anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Unpack

from django.utils.translation import gettext_lazy as _

from django_blesta.connection import Shape, Unreadable, decimal_from, declare, identifier_from
from django_blesta.models import Client, Currency, Invoice, Transaction, TransactionType
from django_blesta.operations._journal import Change, Result, Who
from django_blesta.operations._kinds import PATIENT, AlreadySo, Asked, Case, Finding, Kind, Step, define, refuse
from django_blesta.operations._perform import perform
from django_blesta.operations._probes import id_of, newest_of_client, one_of, rows_of_client

ZERO: Final = Decimal(0)
LARGEST: Final = Decimal(10**11)
"""What every supported database holds exactly to four places lies below it."""
STATUSES: Final = ("approved", "declined", "void", "error", "pending", "refunded", "returned")
Amounts = Mapping[Invoice, Decimal]

_ADD: Final = declare("Transactions", "add", writes=True, shape=Shape.ID)
_APPLY: Final = declare("Transactions", "apply", writes=True, shape=Shape.NOTHING)
_UNAPPLY: Final = declare("Transactions", "unApply", writes=True, shape=Shape.NOTHING)
_FROM_CREDITS: Final = declare("Transactions", "applyFromCredits", writes=True, shape=Shape.NOTHING)
_EDIT: Final = declare("Transactions", "edit", writes=True, shape=Shape.ANY)
declare("Transactions", "getByTransactionId", writes=False, shape=Shape.ROW)
declare("Transactions", "getTotalCredit", writes=False, shape=Shape.NUMBER)

# What is refused at the edge bears the codes that Blesta would give.
NOT_A_NUMBER: Final = _("The amount must be a number.")
NOT_POSITIVE: Final = _("The amount must be more than zero.")
TOO_PRECISE: Final = _("The amount has more decimal places than the currency.")
OTHER_CURRENCY: Final = _("The invoice is in another currency.")
OTHER_CLIENT: Final = _("This invoice is not there.")
NOT_PAYABLE: Final = _("This invoice cannot be paid: it is void, or a draft.")
TOO_MUCH: Final = _("This is more than is due, or more than is left.")


def plain(amount: Decimal) -> str:
    """The amount as Blesta takes it; one that is no number is refused later, where it is written down."""
    if not isinstance(amount, Decimal):
        raise TypeError(f"An amount is a Decimal, not {type(amount).__name__}.")
    return format(amount, "f") if amount.is_finite() else str(amount)


def check_amount(call: str, text: str, *, currency: str, field: str, case: Case) -> Decimal:
    """Finite, more than zero, and no finer than the currency: else refused on that field, before anything is sent."""
    try:
        amount = decimal_from(text)
    except Unreadable as error:
        code, message = ("precision", TOO_PRECISE) if error.code == "too-precise" else ("format", NOT_A_NUMBER)
        refuse(call, (field, code, str(message)))
    if amount <= ZERO:
        refuse(call, (field, "positive", str(NOT_POSITIVE)))
    if amount >= LARGEST:
        refuse(call, (field, "format", str(NOT_A_NUMBER)))
    rows = Currency._base_manager.using(case.using).filter(code=currency)
    places = max(rows.values_list("precision", flat=True), default=4)
    if amount != round(amount, places):
        refuse(call, (field, "precision", str(TOO_PRECISE)))
    return amount


def listed_amounts(amounts: Amounts) -> list[dict[str, Any]]:
    return [{"invoice_id": invoice.pk, "amount": plain(amount)} for invoice, amount in amounts.items()]


def check_application(call: str, case: Case, *, client_id: int, currency: str, left: Decimal) -> list[dict[str, Any]]:
    """The wanted applications against each invoice as Blesta has it this moment."""
    total = ZERO
    for number, one in enumerate(case["amounts"]):
        field = f"amounts[{number}]"
        amount = check_amount(call, one["amount"], currency=currency, field=f"{field}[amount]", case=case)
        total += amount
        invoice = case.ask("Invoices", "get", invoice_id=one["invoice_id"])
        if invoice is None or identifier_from(invoice.get("client_id")) != client_id:
            refuse(call, (f"{field}[invoice_id]", "exists", str(OTHER_CLIENT)))
        if invoice.get("status") in ("void", "draft"):
            refuse(call, (f"{field}[invoice_id]", "status", str(NOT_PAYABLE)))
        if invoice.get("currency") != currency:
            refuse(call, ("currency", "mismatch", str(OTHER_CURRENCY)))
        if amount > _due_of(invoice):
            refuse(call, ("amounts", "overage", str(TOO_MUCH)))
    if total > left:
        refuse(call, ("amounts", "overage", str(TOO_MUCH)))
    return [dict(one) for one in case["amounts"]]


def _due_of(invoice: Mapping[str, Any]) -> Decimal:
    if invoice.get("due") is not None:
        return decimal_from(invoice["due"])
    return decimal_from(invoice["total"]) - decimal_from(invoice.get("paid") or "0")


def _applied(case: Case) -> dict[int, Decimal]:
    """Invoice to what of this payment is on it."""
    rows = case.ask("Transactions", "getApplied", transaction_id=case["transaction_id"])
    return {identifier_from(row["invoice_id"]) or 0: decimal_from(row["applied_amount"]) for row in rows}


def _before(case: Case) -> dict[int, Decimal]:
    return {int(invoice_id): Decimal(amount) for invoice_id, amount in case["before"].items()}


def _is_applied(case: Case) -> Finding:
    """Whether each invoice has as much more of the payment as was asked for."""
    found, before = _applied(case), _before(case)
    more = [
        found.get(one["invoice_id"], ZERO) >= before.get(one["invoice_id"], ZERO) + Decimal(one["amount"])
        for one in case["amounts"]
    ]
    told = ", ".join(f"{amount} on invoice {invoice_id}" for invoice_id, amount in sorted(found.items())) or "nothing"
    happened = True if all(more) else None if any(more) else False
    return Finding(happened, f"Payment {case['transaction_id']}: {told}.")


def _keep_applied(case: Case) -> None:
    case.keep(before={str(invoice_id): str(amount) for invoice_id, amount in _applied(case).items()})


def _touched(case: Case) -> Any:
    rows: list[Any] = [(Transaction, case.keys.get("transaction_id"))]
    rows += [(Invoice, one["invoice_id"]) for one in case.keys.get("amounts", ())]
    rows += [(Invoice, pk) for pk in case.keys.get("invoices", ())]
    return rows


# Record a payment


def _new_payment(asked: Asked, case: Case) -> Asked:
    values = asked["vars"]
    call, currency = "transactions.record", values["currency"]
    amount = check_amount(call, values["amount"], currency=currency, field="amount", case=case)
    if case["amounts"]:
        check_application(call, case, client_id=values["client_id"], currency=currency, left=amount)
    if values.get("transaction_id"):
        # Nothing at Blesta guards against the same number twice.
        known = case.ask(
            "Transactions",
            "getByTransactionId",
            transaction_id=values["transaction_id"],
            client_id=values["client_id"],
        )
        if known is not None and known.get("status") not in ("declined", "error", "void"):
            refuse(call, ("transaction_id", "unique", str(_("A payment with this number is recorded already."))))
    case.keep(after_id=newest_of_client(case, "Transactions"))
    return {"vars": {**values, "reference_id": case["marker"]}}


def _is_recorded(case: Case) -> Finding:
    """By its mark; one that is new and looks like it without the mark is for a person to judge."""
    marked, alike = set(), set()
    for row in case.ask(
        "Transactions",
        "getList",
        client_id=case["client_id"],
        status="all",
        page=1,
        filters={"reference_id": case["marker"]},
    ):
        if row.get("reference_id") == case["marker"]:
            marked.add(id_of(row))
    for row in () if marked else rows_of_client(case, "Transactions"):
        if row.get("reference_id") == case["marker"]:
            marked.add(id_of(row))
        elif id_of(row) > case["after_id"] and not row.get("reference_id") and _looks_like_it(row, case):
            alike.add(id_of(row))
    if not marked and alike:
        return Finding(None, f"Payments {sorted(alike)[:10]} look like it and bear no mark.")
    return one_of(marked, "transaction_id", "payment")


def _looks_like_it(row: Mapping[str, Any], case: Case) -> bool:
    return row.get("currency") == case["currency"] and decimal_from(row["amount"]) == Decimal(case["amount"])


def _application(asked: Asked, case: Case) -> Asked:
    row = case.ask("Transactions", "get", transaction_id=case["transaction_id"])
    if row is None:
        refuse("transactions.apply", ("transaction_id", "exists", str(_("This payment is not there."))))
    client_id = identifier_from(row.get("client_id")) or 0
    amount = decimal_from(row["amount"])
    _keep_applied(case)
    found = _applied(case)
    if _all_there(case, found) and case.keys.get("whole"):
        raise AlreadySo(f"Payment {case['transaction_id']} is on its invoices.")
    left = amount - sum(found.values(), ZERO)
    amounts = check_application("transactions.apply", case, client_id=client_id, currency=row["currency"], left=left)
    return {"transaction_id": case["transaction_id"], "vars": {"amounts": amounts}}


def _all_there(case: Case, found: Mapping[int, Decimal]) -> bool:
    return all(found.get(one["invoice_id"], ZERO) >= Decimal(one["amount"]) for one in case["amounts"])


apply_step: Final = Step(
    signature=_APPLY,
    build=_application,
    probe=_is_applied,
    # Of a payment that is used up by this, nothing is left to apply twice.
    safe_again=lambda case: bool(case.keys.get("whole")),
)
_FINDS_PAYMENT: Final = "A payment of the client bears the mark in its reference; then, that it is on its invoices."

_RECORD = define(
    Kind(
        name="transactions.record",
        model=Client,
        does="Record a payment that was received elsewhere; it stays as credit.",
        finds=_FINDS_PAYMENT,
        steps=(Step(signature=_ADD, build=_new_payment, ids=lambda pk: {"transaction_id": pk}, probe=_is_recorded),),
        touched=_touched,
        exclusive=True,
        marked=True,
        looks=PATIENT,
    )
)
_RECORD_AND_APPLY = define(
    Kind(
        name="transactions.record_and_apply",
        model=Client,
        does="Record a payment that was received elsewhere and put it on invoices: two calls, one operation.",
        finds=_FINDS_PAYMENT,
        steps=(*_RECORD.steps, apply_step),
        touched=_touched,
        exclusive=True,
        marked=True,
        looks=PATIENT,
    )
)


def record(
    client: Client,
    *,
    amount: Decimal,
    currency: str,
    type: str = "other",
    transaction_type: TransactionType | None = None,
    number: str = "",
    message: str = "",
    apply_to: Amounts | None = None,
    **who: Unpack[Who],
) -> Result:
    """Record a payment received outside of Blesta, and put it on invoices: `apply_to` maps each to its part.

    `number` is the sender's or gateway's own. `ids["transaction_id"]`. Checked before anything is sent: amounts are
    positive and no finer than the currency, invoices are the client's, in that currency, neither void nor drafts, and
    due as much as Blesta says at that moment. PartlyDone: it is recorded, and stays as credit. Blesta's
    `reference_id` holds the mark by which the payment is found again.
    """
    values: dict[str, Any] = {"client_id": client.pk, "amount": plain(amount), "currency": currency, "type": type}
    values |= {"transaction_type_id": transaction_type.pk} if transaction_type else {}
    values |= {"transaction_id": number} if number else {}
    values |= {"message": message} if message else {}
    listed = listed_amounts(apply_to or {})
    whole = bool(apply_to) and all(one.is_finite() for one in (amount, *(apply_to or {}).values()))
    whole = whole and sum((apply_to or {}).values(), ZERO) == amount
    keys = {"amount": plain(amount), "currency": currency, "amounts": listed, "whole": whole}
    asked: dict[str, Any] = {"vars": values, **({"apply": listed} if listed else {})}
    on = ",".join(str(invoice.pk) for invoice in sorted(apply_to or {}, key=lambda invoice: invoice.pk))
    live = f"{client.pk}:{on or plain(amount) + currency}"
    kind = _RECORD_AND_APPLY if listed else _RECORD
    return perform(Change(kind, asked, client, keys=keys, live=live), who)


# Apply what is there


_APPLY_PAYMENT = define(
    Kind(
        name="transactions.apply",
        model=Transaction,
        does="Put what is left of a payment on invoices.",
        finds="Each invoice has as much more of the payment as was asked for.",
        steps=(apply_step,),
        touched=_touched,
        exclusive=True,
        looks=PATIENT,
    )
)


def apply(transaction: Transaction, *, amounts: Amounts, **who: Unpack[Who]) -> Result:
    """Put parts of a payment's credit on invoices."""
    if not amounts:
        raise ValueError("transactions.apply needs at least one invoice.")
    listed = listed_amounts(amounts)
    asked = {"transaction_id": transaction.pk, "vars": {"amounts": listed}}
    keys = {"transaction_id": transaction.pk, "amounts": listed}
    return perform(Change(_APPLY_PAYMENT, asked, transaction, keys=keys), who)


def _credit(case: Case) -> Decimal:
    answer = case.ask("Transactions", "getTotalCredit", client_id=case["target_id"], currency=case["currency"])
    return Decimal(answer)


def _paid(case: Case) -> dict[str, str]:
    """What of each invoice payments cover."""
    found = {}
    for one in case["amounts"]:
        rows = case.ask("Transactions", "getApplied", invoice_id=one["invoice_id"])
        found[str(one["invoice_id"])] = str(sum((decimal_from(row["applied_amount"]) for row in rows), ZERO))
    return found


def _from_credits(asked: Asked, case: Case) -> Asked:
    left = _credit(case)
    check_application(
        "transactions.apply_credit", case, client_id=case["target_id"], currency=case["currency"], left=left
    )
    case.keep(before=_paid(case))
    return asked


def _credit_is_applied(case: Case) -> Finding:
    found, before = _paid(case), case["before"]
    wanted = [(str(one["invoice_id"]), Decimal(one["amount"])) for one in case["amounts"]]
    more = [Decimal(found[key]) >= Decimal(before[key]) + amount for key, amount in wanted]
    told = ", ".join(f"{amount} on invoice {invoice_id}" for invoice_id, amount in found.items())
    return Finding(True if all(more) else None if any(more) else False, f"{told}.")


_APPLY_CREDIT = define(
    Kind(
        name="transactions.apply_credit",
        model=Client,
        does="Put a client's credit on invoices, from whichever payments it is left of.",
        finds="Each invoice is covered by as much more as was asked for.",
        steps=(Step(signature=_FROM_CREDITS, build=_from_credits, probe=_credit_is_applied),),
        touched=_touched,
        exclusive=True,
        looks=PATIENT,
    )
)


def apply_credit(client: Client, *, currency: str, amounts: Amounts, **who: Unpack[Who]) -> Result:
    """Put the client's credit in that currency on invoices."""
    if not amounts:
        raise ValueError("transactions.apply_credit needs at least one invoice.")
    listed = listed_amounts(amounts)
    asked = {"client_id": client.pk, "currency": currency, "amounts": listed}
    return perform(Change(_APPLY_CREDIT, asked, client, keys={"currency": currency, "amounts": listed}), who)


def _to_unapply(asked: Asked, case: Case) -> Asked:
    if not set(_applied(case)) & set(case["invoices"]):
        raise AlreadySo(f"Payment {case['transaction_id']} is on none of these invoices.")
    return asked


def _is_unapplied(case: Case) -> Finding:
    left = sorted(set(_applied(case)) & set(case["invoices"]))
    gone = set(case["invoices"]) - set(left)
    happened = True if not left else None if gone else False
    return Finding(happened, f"Payment {case['transaction_id']} is still on {left or 'none of them'}.")


_UNAPPLY_IT = define(
    Kind(
        name="transactions.unapply",
        model=Transaction,
        does="Take a payment off invoices; it becomes credit again.",
        finds="The payment is on none of these invoices.",
        steps=(Step(signature=_UNAPPLY, build=_to_unapply, probe=_is_unapplied),),
        touched=_touched,
        exclusive=True,
    )
)


def unapply(transaction: Transaction, *, invoices: Sequence[Invoice], **who: Unpack[Who]) -> Result:
    """Take it off exactly these invoices."""
    if not invoices:
        raise ValueError("transactions.unapply needs at least one invoice.")
    pks = [invoice.pk for invoice in invoices]
    asked = {"transaction_id": transaction.pk, "invoices": pks}
    keys = {"transaction_id": transaction.pk, "invoices": pks}
    return perform(Change(_UNAPPLY_IT, asked, transaction, keys=keys), who)


def _status_to_set(asked: Asked, case: Case) -> Asked:
    row = case.ask("Transactions", "get", transaction_id=case["target_id"])
    if row is not None and row.get("status") == case["status"]:
        raise AlreadySo(f"Payment {case['target_id']} is {case['status']}.")
    # Blesta takes it off its invoices, which are to be read anew.
    case.keep(invoices=sorted(_applied(case)))
    return asked


def _has_status(case: Case) -> Finding:
    row = case.ask("Transactions", "get", transaction_id=case["target_id"]) or {}
    return Finding(row.get("status") == case["status"], f"Payment {case['target_id']} is {row.get('status')!s:.20}.")


_MARK = define(
    Kind(
        name="transactions.mark",
        model=Transaction,
        does="Call a payment refunded or void in the ledger. No gateway is asked; nothing is paid back by this.",
        finds="The payment has the status that was asked for.",
        steps=(Step(signature=_EDIT, build=_status_to_set, probe=_has_status),),
        touched=_touched,
        exclusive=True,
    )
)


def mark(transaction: Transaction, *, status: str, **who: Unpack[Who]) -> Result:
    """Give it another of `STATUSES` in the ledger alone; `mark_refunded` and `mark_void` are the usual ones."""
    asked = {"transaction_id": transaction.pk, "vars": {"status": status}}
    return perform(Change(_MARK, asked, transaction, keys={"status": status, "transaction_id": transaction.pk}), who)


def mark_refunded(transaction: Transaction, **who: Unpack[Who]) -> Result:
    return mark(transaction, status="refunded", **who)


def mark_void(transaction: Transaction, **who: Unpack[Who]) -> Result:
    return mark(transaction, status="void", **who)
