"""Our own records: runs of the sync, rows in quarantine, changes asked of Blesta."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.timesince import timesince
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_blesta.admin._filters import PeriodFilter
from django_blesta.admin._ledger import calls_link
from django_blesta.admin._mirror import ReadOnlyAdmin
from django_blesta.admin._words import format_word, link_to, may_see
from django_blesta.models import (
    Certificate,
    Change,
    Hint,
    Mirror,
    Operation,
    QuarantinedRow,
    SchemaDrift,
    SyncRun,
    mirrors,
)


def mirror_labels() -> dict[str, str]:
    """The name under which journals hold a mirror, to the words for it."""
    return {model._meta.label_lower: capfirst(str(model._meta.verbose_name_plural)) for model in mirrors()}


def mirror_of(name: str) -> type[Mirror] | None:
    return next((model for model in mirrors() if model._meta.label_lower == name), None)


class ResourceFilter(admin.SimpleListFilter):
    title = _("resource")
    parameter_name = "resource"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(mirror_labels().items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(resource=self.value()) if self.value() else queryset


class JournalAdmin(ReadOnlyAdmin):
    class Media:
        css = {"all": ("django_blesta/admin.css",)}

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row of the page, which remembers for whom it is: names are for those who may see the rows named."""
        obj = super().get_object(request, object_id, from_field)
        if obj is not None:
            obj.shown_to = request
        return obj

    def held(self, obj: Any, model: type[Mirror] | None, pk: int | None) -> str | None:
        """A link to a row of the mirror, or its number where it is missing or not for these staff."""
        if pk is None:
            return None
        request = getattr(obj, "shown_to", None)
        visible = model is not None and request is not None and may_see(model, self.admin_site, request)
        row = model._base_manager.filter(pk=pk).first() if model is not None and visible else None
        return link_to(row, self.admin_site) if row else f"#{pk}"

    @admin.display(description=_("resource"), ordering="resource")
    def resource_name(
        self, obj: Hint | SyncRun | QuarantinedRow | SchemaDrift | Change | Certificate | Operation
    ) -> str:
        return str(mirror_labels().get(obj.resource, obj.resource))

    @admin.display(description=_("state"), ordering="state")
    def state_word(self, obj: SyncRun | Operation) -> str:
        return format_word(obj.state, obj.get_state_display())


@admin.register(SyncRun)
class SyncRunAdmin(JournalAdmin):
    list_display = (
        "resource_name",
        "state_word",
        "started_at",
        "duration",
        "fetched",
        "created",
        "changed",
        "quarantined",
        "error",
    )
    list_filter = ("state", ResourceFilter)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("resource_name", "company_id", "cause"),
                    ("state_word", "started_at", "finished_at", "duration"),
                    ("error", "error_kind"),
                    "notice",
                    "calls",
                )
            },
        ),
        (
            _("Figures"),
            {
                "fields": (
                    ("expected", "fetched", "requests", "details"),
                    ("created", "changed", "unchanged"),
                    ("gone", "unlisted", "unconfirmed"),
                    ("stale", "foreign", "removed", "quarantined"),
                    ("violation_count", "violations"),
                    "drift",
                    "orphans",
                )
            },
        ),
        (
            _("Bookkeeping"),
            {"classes": ("collapse",), "fields": ("batch", "fence", ("order", "page_size", "walk", "highest_id"))},
        ),
    )

    @admin.display(description=_("calls to Blesta"))
    def calls(self, obj: SyncRun) -> str | None:
        return calls_link(self.admin_site, getattr(obj, "shown_to", None), run_id=obj.pk)

    @admin.display(description=_("took"))
    def duration(self, obj: SyncRun) -> str | None:
        if obj.finished_at is None:
            return None
        seconds = (obj.finished_at - obj.started_at).total_seconds()
        return f"{seconds:.1f} s" if seconds < 60 else timesince(obj.started_at, obj.finished_at)


@admin.register(QuarantinedRow)
class QuarantinedRowAdmin(JournalAdmin):
    list_display = ("remote_id", "resource_name", "column", "code", "sentence", "first_seen_at", "last_seen_at")
    list_filter = (ResourceFilter,)
    search_fields = ("remote_id", "column", "code")
    fields = (
        ("resource_name", "remote_id"),
        ("column", "code"),
        "sentence",
        "names",
        ("first_seen_at", "last_seen_at"),
        "row_held",
    )

    @admin.display(description=_("row in the mirror"))
    def row_held(self, obj: QuarantinedRow) -> str | None:
        """An older state of the row may well be held; a row without an id of Blesta's is not looked for."""
        model = mirror_of(obj.resource)
        if model is None or model.resource.key != ("id",) or not obj.remote_id.isdecimal():
            return None
        pk = int(obj.remote_id[:18])
        return self.held(obj, model, pk) if model._base_manager.filter(pk=pk).exists() else None


@admin.register(SchemaDrift)
class SchemaDriftAdmin(JournalAdmin):
    list_display = ("column", "resource_name", "kind", "word", "types", "rows", "tier", "first_seen_at", "last_seen_at")
    list_filter = ("kind", ResourceFilter)
    search_fields = ("column", "word")


@admin.register(Change)
class ChangeAdmin(JournalAdmin):
    list_display = ("column", "resource_name", "remote_id", "before", "after", "at", "cause")
    list_filter = (PeriodFilter.of("at", _("at")), ResourceFilter)
    search_fields = ("remote_id",)
    fields = (("resource_name", "remote_id", "column"), ("before", "after"), ("at", "cause", "run_id"))

    @admin.display(description=_("before"))
    def before(self, obj: Change) -> str | None:
        return gettext("(withheld)") if obj.is_personal else obj.old

    @admin.display(description=_("after"))
    def after(self, obj: Change) -> str | None:
        return gettext("(withheld)") if obj.is_personal else obj.new


@admin.register(Certificate)
class CertificateAdmin(JournalAdmin):
    list_display = ("resource_name", "holds", "kind", "compared", "remote_count", "local_count", "finished_at", "error")
    list_filter = ("holds", ResourceFilter)


@admin.register(Operation)
class OperationAdmin(JournalAdmin):
    list_display = (
        "kind",
        "state_word",
        "resource_name",
        "target_id",
        "client_id",
        "actor",
        "outcome",
        "attempts",
        "created_at",
        "finished_at",
    )
    list_filter = ("state", ResourceFilter)
    list_select_related = ("actor",)
    search_fields = ("kind", "token", "=client_id", "=target_id")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("kind", "state_word", "attempts"),
                    ("resource_name", "target_link", "client_link"),
                    ("actor", "created_at", "sent_at", "finished_at"),
                    ("outcome", "reason"),
                    "errors",
                    "result_ids",
                    ("calls", "correlation_id"),
                )
            },
        ),
        (
            _("Bookkeeping"),
            {"classes": ("collapse",), "fields": ("token", "argument_names", "probe_keys", "request_digest")},
        ),
    )

    @admin.display(description=_("calls to Blesta"))
    def calls(self, obj: Operation) -> str | None:
        return calls_link(self.admin_site, getattr(obj, "shown_to", None), operation_id=obj.pk)

    @admin.display(description=_("target"))
    def target_link(self, obj: Operation) -> str | None:
        return self.held(obj, mirror_of(obj.resource), obj.target_id)

    @admin.display(description=_("client"))
    def client_link(self, obj: Operation) -> str | None:
        return self.held(obj, mirror_of("django_blesta.client"), obj.client_id)
