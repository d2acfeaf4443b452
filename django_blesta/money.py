"""How an amount is written for people; the one place that does."""

from __future__ import annotations

from decimal import Decimal

from django.utils import formats

NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"


def written(amount: Decimal | None, currency: str = "") -> str:
    """`1,234.50 USD` in the active locale's digits and separators; nothing for None.

    Zeros beyond the second place are dropped and no other digit is: what Blesta holds is shown, never rounded.
    """
    if amount is None:
        return ""
    number = plain(amount, places=2)
    return f"{number}{NO_BREAK_SPACE}{currency}" if currency else number


def plain(number: Decimal | int, *, places: int = 0) -> str:
    """A number of anything in the locale's digits, without the zeros behind it beyond `places`."""
    digits = f"{number or Decimal():f}"  # a negative zero is a zero
    _, _, fraction = digits.partition(".")
    shown = max(places, len(fraction.rstrip("0")))
    return formats.number_format(digits, decimal_pos=shown, use_l10n=True, force_grouping=True)
