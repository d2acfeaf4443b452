"""The ledger of calls to Blesta: names of arguments, never their values."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_blesta.admin._filters import Lookups
from django_blesta.admin._pages import EstimatingPaginator
from django_blesta.admin._words import format_word, link_to, may_see
from django_blesta.admin.journal import JournalAdmin
from django_blesta.exceptions import BlestaError
from django_blesta.models import LoggedCall, Operation, SyncRun

SLOW = 2000


class OutcomeFilter(admin.SimpleListFilter):
    title = _("outcome")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        kinds = sorted(kind.__name__ for kind in BlestaError.__subclasses__())
        return [("ok", _("Answered")), ("~ok", _("Anything else")), *((kind, kind) for kind in kinds)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value == "~ok":
            return queryset.exclude(outcome="ok")
        return queryset.filter(outcome=value) if value else queryset


class KindFilter(admin.SimpleListFilter):
    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        return [("writes", _("Writes")), ("reads", _("Reads")), ("slow", _("Slower than 2 s")), ("again", _("Retried"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "writes" | "reads" as kind:
                return queryset.filter(writes=kind == "writes")
            case "slow":
                return queryset.filter(milliseconds__gte=SLOW)
            case "again":
                return queryset.filter(tries__gt=1)
        return queryset


class AgeFilter(admin.SimpleListFilter):
    title = _("at")
    parameter_name = "within"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        return [("1", _("Last hour")), ("24", _("Last 24 hours")), ("168", _("Last 7 days"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value in {key for key, _label in self.lookup_choices}:
            return queryset.filter(at__gte=timezone.now() - timedelta(hours=int(value or 0)))
        return queryset


@admin.register(LoggedCall)
class LoggedCallAdmin(JournalAdmin):
    paginator = EstimatingPaginator
    list_display = ("call", "kind_word", "outcome_word", "status", "milliseconds", "tries", "size", "at")
    list_filter = (KindFilter, OutcomeFilter, AgeFilter)
    search_fields = ("method", "correlation_id__exact", "run_id__exact", "operation_id__exact")
    search_help_text = _("Blesta's method; or the exact correlation id, or number of a run or an operation.")
    ordering = ("-pk",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("call", "kind_word", "company_id"),
                    ("outcome_word", "reason", "status"),
                    ("milliseconds", "tries", "size"),
                    "at",
                    "argument_names",
                    "rules",
                )
            },
        ),
        (_("On whose behalf"), {"fields": (("run_link", "operation_link"), "correlation_link")}),
    )

    @admin.display(description=_("call"), ordering="remote")
    def call(self, obj: LoggedCall) -> str:
        return f"{obj.remote}.{obj.method}"

    @admin.display(description=_("kind"), ordering="writes")
    def kind_word(self, obj: LoggedCall) -> str:
        return gettext("write") if obj.writes else gettext("read")

    @admin.display(description=_("outcome"), ordering="outcome")
    def outcome_word(self, obj: LoggedCall) -> str:
        if obj.outcome == "ok":
            return format_word("succeeded", gettext("answered"))
        return format_word("pending" if obj.outcome == "Rejected" else "failed", obj.outcome)

    @admin.display(description=_("bytes"), ordering="bytes")
    def size(self, obj: LoggedCall) -> str:
        return f"{obj.bytes:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")

    @admin.display(description=_("argument names"))
    def argument_names(self, obj: LoggedCall) -> str | None:
        return ", ".join(map(str, obj.names)) or None

    @admin.display(description=_("rules that refused"))
    def rules(self, obj: LoggedCall) -> str | None:
        return ", ".join(f"{field}: {code}" if field else str(code) for field, code in obj.codes) or None

    @admin.display(description=_("run"))
    def run_link(self, obj: LoggedCall) -> str | None:
        return self._row(obj, SyncRun, obj.run_id)

    @admin.display(description=_("operation"))
    def operation_link(self, obj: LoggedCall) -> str | None:
        return self._row(obj, Operation, obj.operation_id)

    def _row(self, obj: LoggedCall, model: Any, pk: int | None) -> str | None:
        if pk is None:
            return None
        request = getattr(obj, "shown_to", None)
        found = model.objects.filter(pk=pk).first() if request and may_see(model, self.admin_site, request) else None
        return link_to(found, self.admin_site) if found else f"#{pk}"

    @admin.display(description=_("correlation id"))
    def correlation_link(self, obj: LoggedCall) -> str | None:
        """The id, leading to all calls that bear it."""
        if not obj.correlation_id:
            return None
        address = reverse(f"{self.admin_site.name}:django_blesta_loggedcall_changelist")
        return format_html('<a href="{}?correlation_id={}">{}</a>', address, obj.correlation_id, obj.correlation_id)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup in ("correlation_id", "run_id", "operation_id") or super().lookup_allowed(lookup, value, request)
