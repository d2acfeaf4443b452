"""Billing terms on the calendar."""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime, timedelta


def add_months(moment: datetime, months: int) -> datetime:
    """The same day so many months later (earlier when negative), or the last day of a shorter month."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    month += 1
    return moment.replace(year=year, month=month, day=min(moment.day, monthrange(year, month)[1]))


def add_term(moment: datetime, term: int, period: str) -> datetime | None:
    """The end of a term of `term` days, weeks, months or years; None for "onetime", which has no end."""
    if period == "onetime":
        return None
    if period == "day":
        return moment + timedelta(days=term)
    if period == "week":
        return moment + timedelta(weeks=term)
    return add_months(moment, term * (12 if period == "year" else 1))
