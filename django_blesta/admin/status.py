"""The status page: `status.snapshot` in the admin's own look."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import DEFAULT_DB_ALIAS
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from django_blesta import status
from django_blesta.admin._mirror import ReadOnlyAdmin
from django_blesta.admin._tiles import tiles_of
from django_blesta.admin._words import may_see
from django_blesta.admin.journal import mirror_labels
from django_blesta.admin.links import installations
from django_blesta.models import (
    Certificate,
    ClientLink,
    Delivery,
    Hint,
    LoggedCall,
    Operation,
    QuarantinedRow,
    SchemaDrift,
    Status,
    SyncRun,
    mirror_named,
)

RUNS_SHOWN = 12
_State = Operation.State


@admin.register(Status)
class StatusAdmin(ReadOnlyAdmin):
    """One page in the place of a list; `django_blesta.view_status` opens it."""

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_changelist"
        return [path("", self.admin_site.admin_view(self.changelist_view), name=name)]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        aliases = installations()
        using = request.GET.get("using", aliases[0])
        if using not in aliases:
            raise Http404
        found = status.snapshot(using)
        # The admin lists rows of the default database only.
        link = partial(self._link, request) if using == DEFAULT_DB_ALIAS else _nowhere
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Status"),
            "snapshot": found,
            "aliases": aliases if len(aliases) > 1 else [],
            "headline_link": _where(found.headline, link) if found.headline else "",
            "others": [(trouble, _where(trouble, link)) for trouble in found.troubles[1:]],
            "tiles": tiles_of(found, link) if found.resources else [],
            "resources": [(one, link(mirror_named(one.name))) for one in found.resources],
            "operations": [
                (one, link(Operation, f"state__exact={one.state}")) for one in found.operations if _shown(one)
            ],
            "runs": self._last_runs(using) if found.resources else [],
            "runs_link": link(SyncRun),
            "quarantine_link": link(QuarantinedRow),
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "django_blesta/admin/status.html", context)

    def _last_runs(self, using: str) -> list[SyncRun]:
        labels = mirror_labels()
        runs = list(SyncRun.objects.using(using).order_by("-pk")[:RUNS_SHOWN])
        for run in runs:
            run.shown_as = labels.get(run.resource, run.resource)  # type: ignore[attr-defined]  # for the template
        return runs

    def _link(self, request: HttpRequest, model: Any, query: str = "") -> str:
        """The list of these rows, for staff who may see it."""
        if not may_see(model, self.admin_site, request):
            return ""
        address = reverse(f"{self.admin_site.name}:{model._meta.app_label}_{model._meta.model_name}_changelist")
        return f"{address}?{query}" if query else address


def _shown(operations: status.OperationCount) -> bool:
    """Most sites queue nothing, and have no outcome that a person must judge."""
    seldom = {_State.PENDING, _State.QUEUED, _State.RECONCILING, _State.NEEDS_HUMAN}
    return bool(operations.count) or operations.state not in seldom


Link = Callable[..., str]


def _nowhere(*rows: Any) -> str:
    return ""


def _where(trouble: status.Trouble, link: Link) -> str:
    """Where the rows are that a trouble speaks of."""
    match trouble.code:
        case "schema-drift":
            return link(SchemaDrift, f"resource={trouble.resource}")
        case "links-doubted":
            return link(ClientLink)
        case "quarantined":
            return link(QuarantinedRow)
        case "operations-unknown":
            return link(Operation, f"state__exact={Operation.State.UNKNOWN}")
        case "operations-human":
            return link(Operation, f"state__exact={Operation.State.NEEDS_HUMAN}")
        case "calls-failing":
            return link(LoggedCall, "outcome=~ok")
        case "slow":
            return link(LoggedCall, "kind=slow")
        case "webhooks-silent":
            return link(Delivery)
        case "hints-waiting":
            return link(Hint, f"state__exact={Hint.State.PENDING}")
        case "hints-quarantined":
            return link(Hint, f"state__exact={Hint.State.QUARANTINED}")
        case "differs":
            return link(Certificate, "holds__exact=0")
        case "operations-sending":
            return link(Operation, f"state__exact={Operation.State.SENDING}")
        case "left-behind":
            return link(SyncRun, f"state__exact={SyncRun.State.RUNNING}")
        case "run-failed" | "suspect" | "interrupted" | "stuck":
            return link(SyncRun, f"resource={trouble.resource}")
        case "denied" | "not-callable" | "maintenance" | "failing" | "throttled" | "blocked" | "foreign-installation":
            return link(SyncRun)
        case "unreachable" | "misunderstood" | "late":
            return link(SyncRun)
    return ""
