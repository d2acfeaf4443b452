"""`{% load django_blesta %}`: a customer's services, invoices and balance on any page, and how money is written."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import template
from django.db import DEFAULT_DB_ALIAS
from django.template import Context
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext

from django_blesta import money as amounts
from django_blesta.models import Service
from django_blesta.portal.account import Account, account_of, price_of

register = template.Library()


@register.filter
def money(amount: Decimal | None, currency: str = "") -> str:
    """`{{ invoice.total|money:invoice.currency }}`"""
    return amounts.written(amount, currency)


@register.filter
def age(moment: datetime) -> str:
    """`{{ as_of|age }}`: how long ago that was, in words."""
    if timezone.now() - moment < timedelta(minutes=1):
        return gettext("a moment ago")
    return gettext("%(time)s ago") % {"time": timesince(moment)}


@register.filter
def times(quantity: Decimal, amount: Decimal) -> Decimal:
    """`{{ line.qty|times:line.amount|money:… }}`: the exact product."""
    return quantity * amount


@register.filter
def quantity(number: Decimal | int) -> str:
    """`{{ line.qty|quantity }}`: a number of things, without the zeros behind it."""
    return amounts.plain(number)


@register.filter
def service_price(service: Service) -> str:
    """`{{ service|service_price }}`: what one of it costs when it renews."""
    return price_of(service)


@register.inclusion_tag("django_blesta/tags/services.html", takes_context=True)
def blesta_services(context: Context, limit: int = 5, using: str = DEFAULT_DB_ALIAS) -> dict[str, Any]:
    """The logged-in customer's services, what is active first; nothing for anyone else."""
    account = _account(context, using)
    return {"account": account, "services": list(account.services()[:limit]) if account else []}


@register.inclusion_tag("django_blesta/tags/invoices.html", takes_context=True)
def blesta_invoices(context: Context, limit: int = 5, using: str = DEFAULT_DB_ALIAS) -> dict[str, Any]:
    """The logged-in customer's newest invoices; nothing for anyone else."""
    account = _account(context, using)
    return {"account": account, "invoices": list(account.invoices()[:limit]) if account else []}


@register.inclusion_tag("django_blesta/tags/balance.html", takes_context=True)
def blesta_balance(context: Context, using: str = DEFAULT_DB_ALIAS) -> dict[str, Any]:
    """What the logged-in customer owes, per currency; nothing for anyone else."""
    account = _account(context, using)
    return {"account": account, "owed": account.owed() if account else []}


def _account(context: Context, using: str) -> Account | None:
    request = context.get("request")
    user = getattr(request, "user", None) or context.get("user")
    return account_of(user, using)
