"""One client's billing, from the mirror, for the one user who is linked to it; only the form asks Blesta."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db import DEFAULT_DB_ALIAS
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import cache_control
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from django_blesta import conf
from django_blesta.exceptions import NotConfigured
from django_blesta.forms import ContactForm
from django_blesta.freshness import as_of_all, last_complete_start
from django_blesta.models import Invoice
from django_blesta.operations import outside_transactions
from django_blesta.portal.account import Account, account_of, is_linked
from django_blesta.sync import hot

ON_A_PAGE = 20
ON_THE_OVERVIEW = 5

View = Callable[..., HttpResponse]


def customer_page(view: Callable[..., HttpResponse]) -> View:
    """Only for whoever is linked to a client; nothing of it stays in a cache, and "not yours" reads as "not there"."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> HttpResponse:
        account = account_of(request.user, using)
        if account is None:
            told = {"is_linked": is_linked(request.user, using)}
            return render(request, "django_blesta/portal/no_account.html", told)
        try:
            return view(request, account, *args, **kwargs)
        except Http404:
            context = {"account": account, "client": account.client}
            return render(request, "django_blesta/portal/not_found.html", context, status=404)

    return cache_control(private=True, no_store=True)(login_required(guarded))


@require_safe
@customer_page
def overview(request: HttpRequest, account: Account) -> HttpResponse:
    open_invoices = list(account.open_invoices())
    shown: dict[str, Any] = {
        "owed": account.owed(),
        "services": _first(account.services()),
        "open_invoices": open_invoices,
        "recent_invoices": _first(account.invoices()),
    }
    # The balance speaks of every open invoice, and of there being no other: it is as old as the oldest of these.
    told = [as_of_all(rows) for rows in (shown["services"], shown["recent_invoices"], open_invoices)]
    told.append(last_complete_start(Invoice, account.client.company_id, using=account.using))
    oldest = min((moment for moment in told if moment), default=as_of_all([account.client]))
    return _page(request, account, "overview", as_of=oldest, **shown)


@require_safe
@customer_page
def services(request: HttpRequest, account: Account) -> HttpResponse:
    return _listing(request, account, "services", account.services())


@require_safe
@customer_page
def invoices(request: HttpRequest, account: Account) -> HttpResponse:
    return _listing(request, account, "invoices", account.invoices())


@require_safe
@customer_page
def payments(request: HttpRequest, account: Account) -> HttpResponse:
    return _listing(request, account, "payments", account.transactions())


@require_safe
@customer_page
def invoice(request: HttpRequest, account: Account, pk: int) -> HttpResponse:
    row = account.invoices().filter(pk=pk).first()
    if row is None:
        raise Http404
    hot.looked_at([row])
    return _page(
        request,
        account,
        "invoice",
        invoice=row,
        tax=row.total - row.subtotal,
        lines=account.lines_of(row),
        payments=account.payments_of(row),
        as_of=as_of_all([row]),
    )


@sensitive_post_parameters()
@outside_transactions
@require_http_methods(["GET", "HEAD", "POST"])
@customer_page
def contact(request: HttpRequest, account: Account, pk: int | None = None) -> HttpResponse:
    """The contact of that id, or the client's primary one."""
    contacts = account.contacts()
    wanted = account.client.contact_id if pk is None else pk
    chosen = contacts.filter(pk=wanted).first() if wanted is not None else None
    if chosen is None and pk is None:
        chosen = contacts.first()
    if chosen is None:
        raise Http404
    form = ContactForm(
        request.POST if request.method == "POST" else None, contact=chosen, using=account.using, label_suffix=""
    )
    if request.method == "POST" and form.submit(actor=request.user):
        messages.success(request, str(form.sentence), fail_silently=True)
        return redirect(request.path)
    status = 503 if form.outcome == "unavailable" else 200
    facts = {"form": form, "contact": chosen, "contacts": contacts, "as_of": as_of_all([chosen])}
    return _page(request, account, "contact", status=status, **facts)


def _page(request: HttpRequest, account: Account, name: str, *, status: int = 200, **context: Any) -> HttpResponse:
    shown = {"account": account, "client": account.client, "here": name, "pay_at": _pay_at(account.using)}
    return render(request, f"django_blesta/portal/{name}.html", shown | context, status=status)


def _listing(request: HttpRequest, account: Account, name: str, rows: QuerySet[Any]) -> HttpResponse:
    paginator = Paginator(rows, ON_A_PAGE)
    page = paginator.get_page(request.GET.get("page"))
    page.object_list = list(page.object_list)
    hot.looked_at(page.object_list)
    pages = list(paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1))
    found = as_of_all(page.object_list)
    if found is None:  # that there are none is as old as the run that found none
        found = last_complete_start(rows.model, account.client.company_id, using=account.using)
    return _page(request, account, name, page=page, pages=pages, as_of=found)


def _first(rows: QuerySet[Any]) -> list[Any]:
    """As many as the overview shows, and one to tell that there are more."""
    return list(rows[: ON_THE_OVERVIEW + 1])


def _pay_at(using: str) -> str:
    """Where the customer pays: at Blesta, never here."""
    try:
        return conf.installation(using).client_url
    except NotConfigured:
        return ""
