"""Blesta's words for states, as people read them; an unknown word is shown as it came."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

_WORDS: dict[str, str | Promise] = {
    "active": _("Active"),
    "inactive": _("Inactive"),
    "fraud": _("Fraud"),
    "canceled": _("Canceled"),
    "pending": _("Pending"),
    "suspended": _("Suspended"),
    "in_review": _("In review"),
    "scheduled_cancellation": _("Cancellation scheduled"),
    "restricted": _("Restricted"),
    "draft": _("Draft"),
    "proforma": _("Pro forma"),
    "void": _("Void"),
    "approved": _("Approved"),
    "declined": _("Declined"),
    "error": _("Error"),
    "refunded": _("Refunded"),
    "returned": _("Returned"),
    "open": pgettext_lazy("invoice", "Open"),
    "past_due": _("Past due"),
    "paid": _("Paid"),
    "cc": _("Card"),
    "debit": _("Debit"),
    "credit": _("Credit"),
    "ach": _("Bank account"),
    "other": _("Other"),
    "primary": _("Primary"),
    "billing": _("Billing"),
    "phone": _("Phone"),
    "fax": _("Fax"),
    "home": _("Home"),
    "work": _("Work"),
    "mobile": _("Mobile"),
    "standard": _("Standard"),
    "addon": _("Add-on"),
    "day": _("Day"),
    "week": _("Week"),
    "month": _("Month"),
    "year": _("Year"),
    "onetime": _("One time"),
}


def label_for(word: str) -> str | Promise:
    return _WORDS.get(word, word)
