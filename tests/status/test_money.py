"""How amounts are written."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import translation

from django_blesta.money import written

SPACE = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("0", "0.00"),
        ("0.0000", "0.00"),
        ("-0.0000", "0.00"),
        ("12.5", "12.50"),
        ("12.5000", "12.50"),
        ("12.3450", "12.345"),
        ("12.0001", "12.0001"),
        ("-1234567.8900", "-1,234,567.89"),
        ("99999999999.9999", "99,999,999,999.9999"),
        ("1E+3", "1,000.00"),
    ],
)
def test_amount_keeps_every_digit_and_at_least_two_places(amount: str, expected: str) -> None:
    assert written(Decimal(amount), "USD") == f"{expected}{SPACE}USD"


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("1500.0000", "JPY", "1,500"),
        ("0.0000", "KRW", "0"),
        ("1500.5000", "JPY", "1,500.5"),
        ("12.5000", "KWD", "12.500"),
        ("12.3456", "BHD", "12.3456"),
        ("12.5000", "XYZ", "12.50"),
    ],
)
def test_amount_has_the_places_of_its_currency_and_loses_no_digit(amount: str, currency: str, expected: str) -> None:
    assert written(Decimal(amount), currency) == f"{expected}{SPACE}{currency}"


def test_amount_is_written_in_the_locale() -> None:
    with translation.override("de"):
        assert written(Decimal("1234.5000"), "EUR") == f"1.234,50{SPACE}EUR"


def test_nothing_is_written_when_there_is_no_amount() -> None:
    assert written(None, "USD") == ""


def test_currency_is_left_out_when_it_is_not_known() -> None:
    assert written(Decimal("1.5")) == "1.50"
