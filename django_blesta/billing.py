"""What was billed, paid, owed, begun and ended, by currency and period: added up in the database, never converted.

Amounts of two currencies are never added to each other. Figures are those of the mirror, so they are as old as it is:
`Overview.as_of` says how old.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Case, CharField, Count, F, Max, Q, Sum, Value, When
from django.db.models.functions import Trunc
from django.utils import timezone
from django.utils.translation import gettext as _

from django_blesta.models import Invoice, Mirror, Service, SyncRun, Transaction

ZERO: Final = Decimal(0)
BILLED: Final = ("active", "proforma")
RECEIVED: Final = "approved"
KINDS: Final = ("month", "quarter", "year")
AGES: Final = ((30, "1-30"), (60, "31-60"), (90, "61-90"))
OLDEST: Final = "90+"


@dataclass(frozen=True, slots=True)
class Period:
    """One period of one currency: what was received (approved payments) and invoiced (neither drafts nor void)."""

    begins_on: datetime
    currency: str
    received: Decimal = ZERO
    payments: int = 0
    invoiced: Decimal = ZERO
    invoices: int = 0


@dataclass(frozen=True, slots=True)
class Owed:
    """What open invoices of one currency ask for at the moment, and since when it is due, in days."""

    currency: str
    outstanding: Decimal
    invoices: int
    overdue: dict[str, Decimal]
    credit: Decimal = ZERO

    @property
    def overdue_sum(self) -> Decimal:
        return sum(self.overdue.values(), ZERO)

    @property
    def not_due(self) -> Decimal:
        return self.outstanding - self.overdue_sum


@dataclass(frozen=True, slots=True)
class Services:
    """Services that began and ended in a period."""

    begins_on: datetime
    new: int = 0
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class Overview:
    """`as_of` is the age of the least fresh mirror that went into it; None where one was never read completely."""

    using: str
    taken_at: datetime
    as_of: datetime | None
    kind: str
    since: datetime
    periods: tuple[Period, ...]
    owed: tuple[Owed, ...]
    services: tuple[Services, ...]
    active: int = 0
    scheduled: int = 0
    currencies: tuple[str, ...] = field(default=())


def overview(using: str = DEFAULT_DB_ALIAS, *, kind: str = "month", periods: int = 12) -> Overview:
    """`periods` counts back from the one that is running; `kind` is month, quarter or year. ValueError for others."""
    if kind not in KINDS or not 1 <= periods <= 60:
        raise ValueError("An overview is over 1 to 60 months, quarters or years.")
    now = timezone.now()
    since = _back(now, kind, periods - 1)
    found = _periods(using, kind, since)
    owed = _owed(using, now)
    currencies = sorted({one.currency for one in found} | {one.currency for one in owed})
    return Overview(
        using=using,
        taken_at=now,
        as_of=_as_of(using),
        kind=kind,
        since=since,
        periods=found,
        owed=owed,
        services=_services(using, kind, since),
        active=Service.objects.using(using).present().filter(status="active").count(),
        scheduled=_scheduled(using, now),
        currencies=tuple(currencies),
    )


_SOURCES: Final[tuple[type[Mirror], ...]] = (Invoice, Transaction, Service)


def _as_of(using: str) -> datetime | None:
    """When the oldest of the last complete runs began, over all companies; runs of one that left the setting are old
    and make the figures look older than they are, never fresher."""
    labels = [model._meta.label_lower for model in _SOURCES]
    runs = SyncRun.objects.using(using).filter(resource__in=labels, state=SyncRun.State.COMPLETE).order_by()
    found = list(runs.values_list("resource", "company_id").annotate(start=Max("started_at")))
    if {resource for resource, _company, _start in found} != set(labels):
        return None
    starts: list[datetime] = [start for _resource, _company, start in found]
    return min(starts)


def _back(now: datetime, kind: str, count: int) -> datetime:
    """The beginning of the period that lies so many before the one of `now`, in UTC as all of Blesta's times."""
    months = {"month": 1, "quarter": 3, "year": 12}[kind]
    place = now.year * 12 + (now.month - 1)
    place -= place % months + count * months
    return now.replace(year=place // 12, month=place % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0)


def _by_period(rows: Any, column: str, kind: str) -> Any:
    return rows.order_by().annotate(period=Trunc(column, kind, tzinfo=UTC)).values("period")


def _periods(using: str, kind: str, since: datetime) -> tuple[Period, ...]:
    paid = Transaction.objects.using(using).present().filter(status=RECEIVED, added_at__gte=since)
    billed = Invoice.objects.using(using).present().filter(status__in=BILLED, billed_at__gte=since)
    sums: dict[tuple[datetime, str], dict[str, Any]] = {}
    for row in (
        _by_period(paid, "added_at", kind)
        .values("period", "currency")
        .annotate(received=Sum("amount"), payments=Count("pk"))
    ):
        sums.setdefault((row.pop("period"), row.pop("currency")), {}).update(row)
    for row in (
        _by_period(billed, "billed_at", kind)
        .values("period", "currency")
        .annotate(invoiced=Sum("total"), invoices=Count("pk"))
    ):
        sums.setdefault((row.pop("period"), row.pop("currency")), {}).update(row)
    ordered = sorted(sums.items(), key=lambda one: (-one[0][0].timestamp(), one[0][1]))
    return tuple(Period(begins_on, currency, **figures) for (begins_on, currency), figures in ordered)


def _owed(using: str, now: datetime) -> tuple[Owed, ...]:
    late = [When(due_at__gte=now, then=Value(""))]
    late += [When(due_at__gte=now - timedelta(days=days), then=Value(name)) for days, name in AGES]
    # An invoice without a date is due, and nobody knows since when.
    age = Case(*late, When(due_at__isnull=True, then=Value("")), default=Value(OLDEST), output_field=CharField())
    opened = Invoice.objects.using(using).present().filter(status__in=BILLED, closed_at__isnull=True)
    rows = opened.order_by().annotate(age=age).values("currency", "age").annotate(due_sum=Sum("due"), count=Count("pk"))
    by_currency: dict[str, dict[str, tuple[Decimal, int]]] = {}
    for row in rows:
        by_currency.setdefault(row["currency"], {})[row["age"]] = (row["due_sum"] or ZERO, row["count"])
    credits = _credits(using)
    names = [name for _days, name in AGES] + [OLDEST]
    return tuple(
        Owed(
            currency=currency,
            outstanding=sum((amount for amount, _count in ages.values()), ZERO),
            invoices=sum(count for _amount, count in ages.values()),
            overdue={name: ages.get(name, (ZERO, 0))[0] for name in names},
            credit=credits.get(currency, ZERO),
        )
        for currency, ages in sorted({**{currency: {} for currency in credits}, **by_currency}.items())
    )


def _credits(using: str) -> dict[str, Decimal]:
    """What no invoice has used of approved payments; a payment whose applied part is not known tells nothing."""
    paid = Transaction.objects.using(using).present().filter(status=RECEIVED, applied_amount__isnull=False)
    rows = paid.filter(amount__gt=F("applied_amount")).order_by().values("currency")
    return dict(rows.annotate(left=Sum(F("amount") - F("applied_amount"))).values_list("currency", "left"))


def _services(using: str, kind: str, since: datetime) -> tuple[Services, ...]:
    rows = Service.objects.using(using).present()
    found: dict[datetime, dict[str, int]] = {}
    for name, column, which in (("new", "added_at", Q()), ("cancelled", "canceled_at", Q(status="canceled"))):
        chosen = rows.filter(which, **{f"{column}__gte": since})
        for row in _by_period(chosen, column, kind).annotate(count=Count("pk")):
            found.setdefault(row["period"], {})[name] = row["count"]
    return tuple(Services(begins_on, **found[begins_on]) for begins_on in sorted(found, reverse=True))


def _scheduled(using: str, now: datetime) -> int:
    rows = Service.objects.using(using).present().filter(canceled_at__gt=now)
    return int(rows.exclude(status="canceled").count())


# For spreadsheets

_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def harmless(cell: Any) -> str:
    """A cell that no spreadsheet takes for a formula: numbers as they are, text behind an apostrophe if it might be."""
    if isinstance(cell, int | Decimal):
        return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.lstrip().startswith(_DANGEROUS) or text.startswith(_DANGEROUS) else text


def as_csv(found: Overview) -> str:
    """The whole overview, one table below the other; UTF-8 is left to whoever encodes it."""
    out = io.StringIO()
    writer = csv.writer(out)
    for row in _lines(found):
        writer.writerow([harmless(cell) for cell in row])
    return out.getvalue()


def _lines(found: Overview) -> Iterator[Sequence[Any]]:
    as_of = found.as_of.isoformat(timespec="seconds") if found.as_of else _("not known")
    yield _("taken at"), found.taken_at.isoformat(timespec="seconds")
    yield _("as of"), as_of
    yield ()
    yield _("period"), _("currency"), _("received"), _("payments"), _("invoiced"), _("invoices")
    for one in found.periods:
        day = one.begins_on.date().isoformat()
        yield day, one.currency, one.received, one.payments, one.invoiced, one.invoices
    yield ()
    ages = [name for _days, name in AGES] + [OLDEST]
    overdue = [_("overdue %(days)s days") % {"days": name} for name in ages]
    yield _("currency"), _("outstanding"), _("open invoices"), _("not due"), *overdue, _("credit")
    for owed in found.owed:
        parts = [owed.overdue[name] for name in ages]
        yield owed.currency, owed.outstanding, owed.invoices, owed.not_due, *parts, owed.credit
    yield ()
    yield _("period"), _("new services"), _("cancelled services")
    for services in found.services:
        yield services.begins_on.date().isoformat(), services.new, services.cancelled
    yield ()
    yield _("active services"), found.active
    yield _("services with a scheduled end"), found.scheduled
