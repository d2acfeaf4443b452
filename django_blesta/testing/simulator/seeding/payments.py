"""How the customers pay: on time, late, twice, in part, by a card that fails, or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final

from django_blesta.testing.simulator.books import ZERO, rounded
from django_blesta.testing.simulator.seeding.customers import Customer
from django_blesta.testing.simulator.seeding.sales import Bill

RECENT: Final = timedelta(days=20)
_TRANSFERS: Final = ("check", "Wire transfer", "cash")


@dataclass(slots=True, eq=False)
class Payment:
    """One transaction before it is a row; `applied` says what of it went where, and when."""

    customer: Customer
    amount: Decimal
    currency: str
    at: datetime
    method: str
    status: str = "approved"
    message: str | None = None
    type_name: str | None = None  # of a payment by other means
    applied: list[tuple[Bill, Decimal, datetime]] = field(default_factory=list)

    @property
    def left(self) -> Decimal:
        return self.amount - sum((part for _, part, _ in self.applied), ZERO)


class Wallet:
    """Pays one customer's bills in order of their due dates, keeping every bill's `paid` and `closed` right."""

    def __init__(self, rng: Random, customer: Customer, now: datetime) -> None:
        self.rng = rng
        self.customer = customer
        self.now = now
        self.payments: list[Payment] = []
        self._waiting: Bill | None = None  # a bill that the next payment covers too
        self._played = False  # the customer's scene happens once

    def settle(self, bills: list[Bill]) -> list[Payment]:
        for bill in sorted(bills, key=lambda bill: (bill.due, bill.billed)):
            if bill.status == "active" and not self._close_if_free(bill):
                self._decide(bill)
        if self._waiting is not None:
            self._pay(self._waiting)
        if self.customer.scene in _FAILED_PAYMENTS and not self._played:
            self._fail(bills)
        return self.payments

    def _decide(self, bill: Bill) -> None:
        outcome = bill.outcome or self._outcome(bill)
        if outcome == "void":
            bill.status = "void"
        elif outcome == "partial":
            self._pay_part(bill)
        elif outcome == "paid":
            self._pay_somehow(bill)

    def _outcome(self, bill: Bill) -> str:
        """What becomes of a bill that no scene has decided: paid, partial, open or void."""
        scene = self.customer.scene
        if scene == "fraud":
            return "void"
        if bill.first:
            return self._scene_for_first(bill)
        age = self.now - bill.due
        if age < timedelta(0):
            weights = (30, 5, 65, 0)
        elif age < RECENT:
            weights = (75, 4, 21, 0)
        else:
            weights = (970, 7, 15, 8)
        if self.customer.client["status"] == "inactive" and age >= timedelta(0):
            weights = (97, 0, 0, 3)
        chosen: str = self.rng.choices(("paid", "partial", "open", "void"), weights=weights)[0]
        return chosen

    def _scene_for_first(self, bill: Bill) -> str:
        """An order's own invoice is paid, or the service would not be active; scenes may say otherwise."""
        if self.customer.scene == "void" and not self._played:
            self._played = True
            return "void"
        if self.customer.scene in ("partial", "overdue", "partial_recent") and not self._played:
            self._played = True
            return "open" if self.customer.scene == "overdue" else "partial"
        return "paid"

    def _pay_somehow(self, bill: Bill) -> None:
        """Pay in full, in one of the ways that real customers find."""
        scene = "" if self._played else self.customer.scene
        self._played = self._played or scene in _WAYS
        if self._waiting is not None and self._waiting.currency == bill.currency:
            earlier, self._waiting = self._waiting, None
            self._pay(bill, also=earlier)
            return
        chance = self.rng.random()
        if scene == "spread" or chance < 0.02:
            self._waiting = self._waiting or bill
            if self._waiting is not bill:
                self._pay(bill)
        elif scene == "two_payments" or chance < 0.045:
            first = rounded(bill.total * Decimal(self.rng.choice((3, 4, 5))) / 10, bill.precision)
            at = self._moment(bill)
            self._pay(bill, amount=first, at=at)
            again = min(at + timedelta(days=self.rng.randint(1, 9)), self.now - timedelta(seconds=1))
            self._pay(bill, at=max(at, again))
        elif scene in ("credit", "credit_used") or chance < 0.06:
            self._pay(bill, extra=rounded(bill.total * Decimal("0.3"), bill.precision))
        elif scene == "refunded" or chance < 0.065:
            payment = self._new_payment(bill, bill.total, self._moment(bill))
            payment.status = "refunded"
            bill.status = "void"
        else:
            failed = {"declined": "declined", "void_payment": "void", "returned": "returned", "error": "error"}.get(
                scene
            )
            if failed is None and self.rng.random() < 0.03:
                failed = "declined"
            at = self._moment(bill)
            if failed is not None:
                self._new_payment(bill, bill.total, bill.billed + (at - bill.billed) / 2, status=failed)
            self._pay(bill, at=at)

    def _pay_part(self, bill: Bill) -> None:
        part = rounded(bill.total * Decimal(self.rng.choice((2, 4, 5, 7))) / 10, bill.precision)
        if ZERO < part < bill.total:
            self._pay(bill, amount=part)

    def _pay(
        self,
        bill: Bill,
        *,
        amount: Decimal | None = None,
        extra: Decimal = ZERO,
        also: Bill | None = None,
        at: datetime | None = None,
    ) -> None:
        """Use the customer's credit first, then one new payment for the rest of the bill (or for `amount` of it)."""
        at = max(at or self._moment(bill), bill.billed if also is None else also.billed)
        if self.customer.scene != "credit":
            self._use_credit(bill, at)
        want = min(amount if amount is not None else bill.total - bill.paid, bill.total - bill.paid)
        more = ZERO if also is None else also.total - also.paid
        if want + more <= 0:
            return
        payment = self._new_payment(bill, want + more + extra, at)
        if also is not None and more > 0:
            self._apply(payment, also, more, at)
        if want > 0:
            self._apply(payment, bill, want, at)

    def _use_credit(self, bill: Bill, at: datetime) -> None:
        for payment in self.payments:
            part = min(payment.left, bill.total - bill.paid)
            usable = payment.status == "approved" and payment.currency == bill.currency and payment.at <= at
            if usable and part > 0:
                self._apply(payment, bill, part, at)

    def _apply(self, payment: Payment, bill: Bill, amount: Decimal, at: datetime) -> None:
        payment.applied.append((bill, amount, at))
        bill.paid += amount
        if bill.paid >= bill.total:
            bill.closed = at
            for item in bill.items:
                if item.sale is not None and item.until is not None:
                    item.sale.paid_through = max(item.until, item.sale.paid_through or item.until)

    def _close_if_free(self, bill: Bill) -> bool:
        if bill.total <= 0:
            bill.closed = bill.billed
        return bill.total <= 0

    def _new_payment(self, bill: Bill, amount: Decimal, at: datetime, *, status: str = "approved") -> Payment:
        method = self.customer.method
        if status in _FAILURES and _FAILURES[status][0] is not None:
            method = str(_FAILURES[status][0])
        message = _FAILURES[status][1] if status in _FAILURES else None
        payment = Payment(self.customer, amount, bill.currency, at, method, status, message)
        if method == "transfer":
            payment.type_name = self.rng.choice(_TRANSFERS)
        self.payments.append(payment)
        return payment

    def _fail(self, bills: list[Bill]) -> None:
        """A scene of a failed payment for a customer who had nothing to pay in full: on any bill, to no effect."""
        live = [bill for bill in bills if bill.total > 0]
        if live:
            status = _FAILED_PAYMENTS[self.customer.scene]
            self._new_payment(live[-1], live[-1].total, self._moment(live[-1]), status=status)

    def _moment(self, bill: Bill) -> datetime:
        """When the payment comes in: at once for an order, about the due date for a renewal, never in the future."""
        if bill.first:
            at = bill.billed + timedelta(seconds=self.rng.randint(40, 3000))
        elif self.customer.method in ("card", "bank"):
            at = bill.due - timedelta(days=1, seconds=self.rng.randint(0, 7200))
        else:
            span = (bill.due - bill.billed).total_seconds() + 6 * 86400
            at = bill.billed + timedelta(seconds=int(span * self.rng.random()))
        return max(bill.billed, min(at, self.now - timedelta(seconds=1)))


# status -> (means of payment that it happens to, None for any; what the gateway said)
_FAILURES: Final[dict[str, tuple[str | None, str | None]]] = {
    "declined": ("card", "Your card was declined."),
    "error": ("card", "An error occurred while processing the card."),
    "returned": ("bank", "R01 insufficient funds"),
    "void": ("transfer", None),
    "pending": ("bank", None),
    "refunded": (None, None),
}
_FAILED_PAYMENTS: Final = {
    "declined": "declined",
    "pending_payment": "pending",
    "void_payment": "void",
    "returned": "returned",
    "error": "error",
    "fraud": "error",
}
_WAYS: Final = frozenset({"spread", "two_payments", "credit", "credit_used", "refunded", "declined", "void_payment",
                          "returned", "error"})  # fmt: skip
