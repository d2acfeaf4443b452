"""Blesta's words for states, as people read them; an unknown word is shown as it came."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy

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
    "invoiced": _("Invoiced"),
    "expired": _("Expired"),
    "dead": _("Dead"),
    "lost": _("Lost"),
    "awaiting_reply": _("Awaiting reply"),
    "in_progress": _("In progress"),
    "on_hold": _("On hold"),
    "closed": _("Closed"),
    "trash": _("Trash"),
    "emergency": _("Emergency"),
    "critical": _("Critical"),
    "high": _("High"),
    "medium": _("Medium"),
    "low": _("Low"),
    "visible": _("Visible"),
    "hidden": _("Hidden"),
    "reply": _("Reply"),
    "note": _("Note"),
    "log": _("Log"),
    "accepted": _("Accepted"),
    "incoming": _("Incoming"),
    "outgoing": _("Outgoing"),
    "completed": _("Completed"),
    "percent": _("Per cent"),
    "amount": _("Amount"),
    "select": _("Choice"),
    "checkbox": _("Check box"),
    "radio": _("Choice of one"),
    "quantity": _("Quantity"),
    "text": _("Text"),
    "textarea": _("Long text"),
    "password": _("Password"),
    "merchant": _("On site"),
    "nonmerchant": _("At the payment provider"),
    "hybrid": _("Either"),
    "exclusive": _("Exclusive"),
    "inclusive": _("Inclusive"),
    "inclusive_calculated": _("Inclusive, calculated"),
    "unverified": _("Unverified"),
    "visa": "Visa",
    "mc": "Mastercard",
    "amex": "American Express",
    "disc": "Discover",
    "bc": "BC Card",
    "cup": "China UnionPay",
    "ipi": "InstaPayment",
    "jcb": "JCB",
    "lasr": "Laser",
    "maes": "Maestro",
    "solo": "Solo",
    "switch": "Switch",
    "checking": _("Checking"),
    "savings": _("Savings"),
}


def is_known(word: str) -> bool:
    """Whether Blesta was known to use the word; another is kept, shown as it came, and counted as news."""
    return not word or word in _WORDS


def label_for(word: str) -> str | Promise:
    return _WORDS.get(word, word)


def term_label(term: int, period: str) -> str | Promise:
    if period == "onetime" or not term:
        return label_for("onetime")
    units = {
        "day": ngettext("%(count)d day", "%(count)d days", term),
        "week": ngettext("%(count)d week", "%(count)d weeks", term),
        "month": ngettext("%(count)d month", "%(count)d months", term),
        "year": ngettext("%(count)d year", "%(count)d years", term),
    }
    pattern = units.get(period)
    return pattern % {"count": term} if pattern else f"{term} {period}"
