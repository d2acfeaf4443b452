"""Sums that must add up. What does not is listed on the run and never repaired here: Blesta keeps the books.

Every rule is one query. A difference counts from half of the fourth place on, which is exact for amounts of four
places and bridges SQLite's way of computing them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

from django.db.models import (
    Case,
    Count,
    DecimalField,
    Expression,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Abs, Coalesce

from django_blesta.models import AppliedAmount, Currency, Invoice, InvoiceLine, Mirror, Transaction
from django_blesta.sync.comparison import present_rows
from django_blesta.sync.plan import Scope

Rows: TypeAlias = "QuerySet[Any, Any]"

MAX_LISTED = 50
NOTICEABLE = Decimal("0.00005")
_SUM = DecimalField(max_digits=38, decimal_places=8)


@dataclass(frozen=True, slots=True)
class Violations:
    """How many there are, and the first of them: rule, mirror, ids, currency and the figures as plain text."""

    count: int = 0
    first: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rule:
    """`broken` selects the rows that break it; `figures` are the columns that show how."""

    name: str
    model: type[Mirror]
    broken: Callable[[Scope], Rows]
    figures: tuple[str, ...]


def check(scope: Scope, model: type[Mirror] | None = None) -> Violations:
    """Hold the rules against the rows that the mirror shows of one company; of all mirrors, or of one."""
    count = 0
    first: list[dict[str, Any]] = []
    for rule in RULES:
        if model is not None and rule.model is not model:
            continue
        broken = rule.broken(scope).order_by("pk")
        found = list(broken.values("pk", *rule.figures)[: MAX_LISTED + 1])
        count += len(found) if len(found) <= MAX_LISTED else broken.count()
        first += [_entry(rule, row) for row in found[: MAX_LISTED - len(first)]]
    return Violations(count, first)


def _due(scope: Scope) -> Rows:
    """Reference: due is total - paid, whatever the invoice's status."""
    off = _wrapped(F("total") - F("paid") - F("due"))
    rows: Rows = present_rows(Invoice, scope).annotate(off=Abs(off)).filter(off__gte=NOTICEABLE)
    return rows


def _lines(scope: Scope) -> Rows:
    """The lines come to the subtotal, or to the total where the tax is in their price.

    Whether Blesta rounds each line or their sum is not known, so half a unit of the currency is allowed per line.
    Lines that are older than their invoice's row are left alone: their invoice waits to be fetched.
    """
    # Scalar subqueries, not a join: MariaDB knows no outer column inside HAVING.
    lines = InvoiceLine._base_manager.using(scope.using).filter(invoice=OuterRef("pk")).order_by().values("invoice")
    currencies = Currency._base_manager.using(scope.using)
    known = currencies.filter(company_id=OuterRef("company_id"), code=OuterRef("currency"))
    halves = [When(places=places, then=Value(Decimal(5).scaleb(-places - 1))) for places in range(4)]
    rows = present_rows(Invoice, scope).filter(detail_fetched_at__gte=F("fetched_at"))
    summed = rows.annotate(
        lines_sum=Subquery(lines.annotate(all=Sum(_wrapped(F("qty") * F("amount")))).values("all"), output_field=_SUM),
        lines_held=Subquery(lines.annotate(all=Count("pk")).values("all")),
    ).filter(lines_held__gt=0)
    allowed = summed.annotate(
        places=Coalesce(Subquery(known.values("precision")[:1]), 2),
        half=Case(*halves, default=Value(NOTICEABLE), output_field=_SUM),
        allowed=_wrapped(F("half") * F("lines_held") + Value(NOTICEABLE)),
        off_subtotal=Abs(_wrapped(F("lines_sum") - F("subtotal"))),
        off_total=Abs(_wrapped(F("lines_sum") - F("total"))),
    )
    broken: Rows = allowed.filter(off_subtotal__gte=F("allowed"), off_total__gte=F("allowed"))
    return broken


def _used(scope: Scope) -> Rows:
    """Blesta's own figure of what was applied, against the payment."""
    over = _wrapped(Abs(F("applied_amount")) - Abs(F("amount")))
    rows: Rows = present_rows(Transaction, scope).annotate(over=over).filter(over__gte=NOTICEABLE)
    return rows


def _applied(scope: Scope) -> Rows:
    """The applied amounts that the mirror holds, against the payment."""
    summed = Sum("applied__amount", filter=Q(applied__gone_at__isnull=True))
    over = _wrapped(Abs(F("applied_sum")) - Abs(F("amount")))
    rows = present_rows(Transaction, scope).annotate(applied_sum=summed)
    broken: Rows = rows.annotate(over=over).filter(over__gte=NOTICEABLE)
    return broken


def _currency(scope: Scope) -> Rows:
    """A payment can pay only for what is billed in its own currency."""
    rows: Rows = present_rows(AppliedAmount, scope).filter(
        transaction__gone_at__isnull=True, invoice__gone_at__isnull=True
    )
    # Columns that are never null: where they are, the mirror does not hold that side yet.
    both = rows.filter(transaction__amount__isnull=False, invoice__total__isnull=False)
    other = ~Q(transaction__currency=F("invoice__currency"))
    own = ~Q(currency="") & ~Q(currency=F("transaction__currency"))
    return both.filter(other | own)


RULES = (
    Rule("due", Invoice, _due, ("currency", "total", "paid", "due")),
    Rule("lines", Invoice, _lines, ("currency", "lines_sum", "subtotal", "total")),
    Rule("used", Transaction, _used, ("currency", "amount", "applied_amount")),
    Rule("applied", Transaction, _applied, ("currency", "amount", "applied_sum")),
    Rule(
        "currency",
        AppliedAmount,
        _currency,
        ("transaction_id", "invoice_id", "currency", "transaction__currency", "invoice__currency"),
    ),
)


def _wrapped(expression: Any) -> Expression:
    return ExpressionWrapper(expression, output_field=_SUM)


def _entry(rule: Rule, row: dict[str, Any]) -> dict[str, Any]:
    shown = {name: _plain(value) for name, value in row.items() if name != "pk"}
    return {"rule": rule.name, "resource": rule.model._meta.label_lower, "id": row["pk"], **shown}


def _plain(value: Any) -> Any:
    if not isinstance(value, Decimal):
        return value
    four = value.quantize(Decimal("0.0001"))
    return f"{four if four == value else value.normalize():f}"
