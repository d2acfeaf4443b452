"""How an amount is written for people; the one place that does."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from django.utils import formats

NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"

# ISO 4217, where it says other than two.
_CODES_BY_PLACES: Final[Mapping[int, str]] = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_PLACES: Final[Mapping[str, int]] = {
    code: places for places, codes in _CODES_BY_PLACES.items() for code in codes.split()
}


def written(amount: Decimal | None, currency: str = "") -> str:
    """`1,234.50 USD` in the active locale's digits and separators; nothing for None.

    Zeros beyond the currency's places are dropped and no other digit is: what Blesta holds is shown, never rounded.
    """
    if amount is None:
        return ""
    number = plain(amount, places=_PLACES.get(currency, 2))
    return f"{number}{NO_BREAK_SPACE}{currency}" if currency else number


def plain(number: Decimal | int, *, places: int = 0) -> str:
    """A number of anything in the locale's digits, without the zeros behind it beyond `places`."""
    digits = f"{number or Decimal():f}"  # a negative zero is a zero
    _, _, fraction = digits.partition(".")
    shown = max(places, len(fraction.rstrip("0")))
    return formats.number_format(digits, decimal_pos=shown, use_l10n=True, force_grouping=True)
