"""What one user may see of the one client that staff linked to them; every row comes through `for_user`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.utils import timezone

from django_blesta import money
from django_blesta.models import AppliedAmount, Client, ClientLink, Contact, Invoice, InvoiceLine, Service, Transaction

OWED = ("active", "proforma")


@dataclass(frozen=True, slots=True)
class Owed:
    """Open invoices of one currency together; `overdue` is the part whose day is past."""

    currency: str
    due: Decimal
    overdue: Decimal
    invoices: int


@dataclass(frozen=True, slots=True)
class Account:
    """Drafts are Blesta's staff's own business until they are issued, so no invoice here is one."""

    user: Any
    client: Client
    using: str

    def services(self) -> QuerySet[Service]:
        """What runs first, then what waits, then what has ended."""
        ended = Case(
            When(status="active", then=Value(0)),
            When(status="canceled", then=Value(2)),
            default=Value(1),
            output_field=IntegerField(),
        )
        rows = self._own(Service).select_related("package", "pricing", "parent_service")
        return rows.order_by(ended, "renews_at", "pk")

    def invoices(self) -> QuerySet[Invoice]:
        return Invoice.objects.using(self.using).for_user(self.user).issued().order_by("-billed_at", "-pk")

    def open_invoices(self) -> QuerySet[Invoice]:
        """The one to pay first comes first."""
        return self._own(Invoice).filter(status__in=OWED, closed_at__isnull=True).order_by("due_at", "pk")

    def lines_of(self, invoice: Invoice) -> QuerySet[InvoiceLine]:
        return self._own(InvoiceLine).filter(invoice=invoice).select_related("service").order_by("position", "pk")

    def payments_of(self, invoice: Invoice) -> QuerySet[AppliedAmount]:
        rows = self._own(AppliedAmount).filter(invoice=invoice).select_related("transaction")
        return rows.order_by("applied_at", "pk")

    def transactions(self) -> QuerySet[Transaction]:
        return self._own(Transaction).order_by("-added_at", "-pk")

    def contacts(self) -> QuerySet[Contact]:
        return self._own(Contact).order_by("pk")

    def owed(self) -> list[Owed]:
        """One entry per currency, the largest number of invoices first; added up here, where nothing is rounded."""
        now = timezone.now()
        found: dict[str, list[tuple[Decimal, bool]]] = {}
        for currency, due, due_at in self.open_invoices().values_list("currency", "due", "due_at"):
            found.setdefault(currency, []).append((due, due_at is not None and due_at < now))
        entries = [
            Owed(currency, _sum(a for a, _ in all_), _sum(a for a, late in all_ if late), len(all_))
            for currency, all_ in found.items()
        ]
        return sorted(entries, key=lambda entry: (-entry.invoices, entry.currency))

    def _own(self, model: type[Any]) -> QuerySet[Any]:
        rows: QuerySet[Any] = model.objects.using(self.using).for_user(self.user)
        return rows


def account_of(user: Any, using: str = DEFAULT_DB_ALIAS) -> Account | None:
    """None for a user without a link, and while the mirror does not hold the client that the link names."""
    client = Client.objects.using(using).for_user(user).first()
    return None if client is None else Account(user, client, using)


def is_linked(user: Any, using: str = DEFAULT_DB_ALIAS) -> bool:
    return bool(ClientLink.client_ids(user, using=using))


def price_of(service: Service) -> str:
    """What the service costs when it renews, for one of it; nothing where the mirror does not hold its price."""
    if service.override_price is not None:
        return money.written(service.override_price, service.override_currency)
    pricing = service.pricing
    if pricing is None:
        return ""
    price = pricing.price if pricing.price_renews is None else pricing.price_renews
    return money.written(price, pricing.currency)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal())
