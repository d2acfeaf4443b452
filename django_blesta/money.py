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
    plain = f"{amount or Decimal():f}"  # a negative zero is a zero
    _, _, fraction = plain.partition(".")
    places = max(2, len(fraction.rstrip("0")))
    number = formats.number_format(plain, decimal_pos=places, use_l10n=True, force_grouping=True)
    return f"{number}{NO_BREAK_SPACE}{currency}" if currency else number
