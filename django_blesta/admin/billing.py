"""The billing overview: what was received, billed and is owed, and the same as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from django_blesta import billing, money
from django_blesta.admin._charts import Chart, columns_chart, levels_chart
from django_blesta.admin._mirror import ReadOnlyAdmin
from django_blesta.admin.links import installations
from django_blesta.models import Billing

SPANS = {"month": (3, 6, 12, 24), "quarter": (4, 8, 12), "year": (3, 5, 10)}


@admin.register(Billing)
class BillingAdmin(ReadOnlyAdmin):
    """One page in the place of a list; `django_blesta.view_billing` opens it, and the CSV beside it."""

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name=f"{name}_changelist"),
            path("csv/", view(self.csv_view), name=f"{name}_csv"),
        ]

    def _overview(self, request: HttpRequest) -> billing.Overview:
        if not self.has_view_permission(request):
            raise PermissionDenied
        using, kind = request.GET.get("using", installations()[0]), request.GET.get("by", "month")
        spans = SPANS.get(kind, ())
        count = request.GET.get("last", "12" if kind == "month" else str(spans[0] if spans else ""))
        if using not in installations() or not count.isdecimal() or int(count[:3]) not in spans:
            raise Http404
        return billing.overview(using, kind=kind, periods=int(count))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        found = self._overview(request)
        count = request.GET.get("last", "12" if found.kind == "month" else str(SPANS[found.kind][0]))
        aliases = installations()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Billing overview"),
            "overview": found,
            "money": [_of_currency(found, currency) for currency in found.currencies],
            "query": f"using={found.using}&by={found.kind}&last={count}",
            "spans": [(kind, label, SPANS[kind]) for kind, label in _kinds()],
            "kind": found.kind,
            "last": int(count),
            "aliases": aliases if len(aliases) > 1 else [],
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "django_blesta/admin/billing.html", context)

    def csv_view(self, request: HttpRequest) -> HttpResponse:
        found = self._overview(request)
        name = f"billing-{found.using}-{found.taken_at:%Y-%m-%d}.csv"
        # The mark makes spreadsheets read it as UTF-8.
        answer = HttpResponse("\N{BYTE ORDER MARK}" + billing.as_csv(found), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer


def _kinds() -> Sequence[tuple[str, str]]:
    return [("month", _("Months")), ("quarter", _("Quarters")), ("year", _("Years"))]


def _of_currency(found: billing.Overview, currency: str) -> dict[str, Any]:
    """All that the page shows of one currency, written as amounts."""
    periods = [one for one in found.periods if one.currency == currency]
    owed = next((one for one in found.owed if one.currency == currency), None)
    chart: Chart | None = None
    if periods:
        oldest_first = [(float(one.received), float(one.invoiced)) for one in reversed(periods)]
        told = _("%(currency)s received (upper bars) and invoiced (lower bars) in each period, the oldest first.")
        chart = columns_chart(told % {"currency": currency}, oldest_first)
    ages: list[tuple[str, str]] = []
    ages_chart: Chart | None = None
    if owed:
        named = {_("not due"): owed.not_due, **{_("%(days)s days") % {"days": k}: v for k, v in owed.overdue.items()}}
        ages = [(label, money.written(amount, currency)) for label, amount in named.items()]
        ages_chart = levels_chart([(label, float(amount)) for label, amount in named.items()])
    return {
        "currency": currency,
        "outstanding": money.written(owed.outstanding, currency) if owed else "",
        "overdue": money.written(owed.overdue_sum, currency) if owed else "",
        "credit": money.written(owed.credit, currency) if owed else "",
        "invoices": owed.invoices if owed else 0,
        "ages": ages,
        "ages_chart": ages_chart,
        "chart": chart,
        "periods": [
            (one, money.written(one.received, currency), money.written(one.invoiced, currency)) for one in periods
        ],
    }
