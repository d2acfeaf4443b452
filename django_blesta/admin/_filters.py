"""Filters that ask the database as little as they can: fixed words and small tables, no DISTINCT over the mirror."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, TypeAlias

from django.contrib import admin
from django.db.models import Max, Min, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.models import Company, Currency
from django_blesta.models.words import label_for

Lookups: TypeAlias = list[tuple[str, Any]]


class GoneFilter(admin.SimpleListFilter):
    title = _("presence")
    parameter_name = "gone"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        return [("no", _("Present")), ("yes", _("Gone"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "no":
                return queryset.filter(gone_at__isnull=True)
            case "yes":
                return queryset.filter(gone_at__isnull=False)
        return queryset


class CompanyFilter(admin.SimpleListFilter):
    """Not shown while the mirror holds one company."""

    title = _("company")
    parameter_name = "of_company"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        rows = Company.objects.order_by("name", "pk")
        return [(str(row.pk), str(row)) for row in rows]

    def has_output(self) -> bool:
        return len(self.lookup_choices) > 1

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = {key for key, _name in self.lookup_choices}
        return queryset.filter(company_id=int(self.value() or 0)) if self.value() in known else queryset


class CurrencyFilter(admin.SimpleListFilter):
    title = _("currency")
    parameter_name = "in_currency"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        codes = Currency.objects.order_by("code").values_list("code", flat=True).distinct()
        return [(code, code) for code in codes]

    def has_output(self) -> bool:
        return len(self.lookup_choices) > 1

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = {key for key, _name in self.lookup_choices}
        return queryset.filter(currency=self.value()) if self.value() in known else queryset


class WordFilter(admin.SimpleListFilter):
    """The words that Blesta documents for a column, and one entry for every other word."""

    column: ClassVar[str] = "status"
    words: ClassVar[tuple[str, ...]] = ()
    title = _("status")
    parameter_name = "status"

    @classmethod
    def of(cls, *words: str, column: str = "status", title: str | Promise = title) -> type[WordFilter]:
        options = {"words": words, "column": column, "title": title, "parameter_name": column}
        return type("WordFilter", (cls,), options)

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        return [*((word, label_for(word)) for word in self.words), ("~", _("Any other"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value == "~":
            return queryset.exclude(**{f"{self.column}__in": self.words})
        return queryset.filter(**{self.column: value}) if value in self.words else queryset


class InvoiceStateFilter(admin.SimpleListFilter):
    """What people mean by an invoice's state: Blesta's word, whether it is closed, and the day together."""

    title = _("status")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        words: Iterable[str] = ("open", "past_due", "paid", "draft", "proforma", "void")
        return [(word, label_for(word)) for word in words]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        billed = Q(status__in=("active", "proforma"))
        match self.value():
            case "open":
                return queryset.filter(billed, closed_at__isnull=True)
            case "past_due":
                return queryset.filter(billed, closed_at__isnull=True, due_at__lt=timezone.now())
            case "paid":
                return queryset.filter(billed, closed_at__isnull=False)
            case "draft" | "proforma" | "void" as word:
                return queryset.filter(status=word)
        return queryset


class PeriodFilter(admin.SimpleListFilter):
    """Years, and the months of the chosen one: from the first and last date alone, which an index gives at once."""

    column: ClassVar[str] = ""

    @classmethod
    def of(cls, column: str, title: str | Promise) -> type[PeriodFilter]:
        options = {"column": column, "title": title, "parameter_name": f"{column}_in"}
        return type("PeriodFilter", (cls,), options)

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        rows = model_admin.model._base_manager.order_by().filter(**{f"{self.column}__isnull": False})
        bounds = rows.aggregate(first=Min(self.column), last=Max(self.column))
        if bounds["first"] is None:
            return []
        first, last = (timezone.localtime(bounds[name]) for name in ("first", "last"))
        chosen = _period(self.used_parameters.get(self.parameter_name or "", ""))
        found: Lookups = []
        for year in range(last.year, max(first.year, last.year - MOST_YEARS) - 1, -1):
            found.append((str(year), str(year)))
            if chosen is not None and chosen[0] == year:
                months = range(12, 0, -1)
                found += [(f"{year}-{month:02}", f"\N{EM SPACE}{year}-{month:02}") for month in months]
        return found

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = _period(self.value() or "")
        if chosen is None:
            return queryset
        year, month = chosen
        zone = timezone.get_current_timezone()
        begins = datetime(year, month or 1, 1, tzinfo=zone)
        ends = datetime(year + 1, 1, 1, tzinfo=zone)
        if month and month < 12:
            ends = datetime(year, month + 1, 1, tzinfo=zone)
        return queryset.filter(**{f"{self.column}__gte": begins, f"{self.column}__lt": ends})


MOST_YEARS = 30


def _period(text: Any) -> tuple[int, int] | None:
    """(year, month or 0) of "2026" or "2026-03"."""
    found = re.fullmatch(r"(\d{4})(?:-(0[1-9]|1[0-2]))?", str(text), re.ASCII)
    if found is None or not 1 <= int(found[1]) <= 9998:
        return None
    return int(found[1]), int(found[2] or 0)
