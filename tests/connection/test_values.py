"""One value at a time: exact, or Unreadable with its code."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_blesta.connection import (
    Unreadable,
    datetime_from,
    decimal_from,
    flag_from,
    identifier_from,
    integer_from,
    rounded_from,
    text_from,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("10.0000", "10.0000"),
        ("10", "10.0000"),
        (10, "10.0000"),
        ("-2.5", "-2.5000"),
        ("+2.5", "2.5000"),
        ("0.00000000", "0.0000"),
        ("-0.0000", "0.0000"),
        (Decimal("10.1"), "10.1000"),
        (Decimal("1E+3"), "1000.0000"),
        ("10.00050000", "10.0005"),
        ("99999999999999999999.1234", "99999999999999999999.1234"),
        ("007.5", "7.5000"),
        ("5.", "5.0000"),
    ],
)
def test_decimal_is_exact(value: object, expected: str) -> None:
    assert str(decimal_from(value)) == expected


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("10.00005", "too-precise"),
        (Decimal("0.1") + Decimal("1E-20"), "too-precise"),
        ("1,000.50", "not-a-number"),
        ("1_000.5", "not-a-number"),
        ("1e5", "not-a-number"),
        ("१२", "not-a-number"),
        ("１２", "not-a-number"),
        (" 10", "not-a-number"),
        ("10\n", "not-a-number"),
        ("NaN", "not-a-number"),
        ("Infinity", "not-a-number"),
        ("", "not-a-number"),
        (".5", "not-a-number"),
        ("$5", "not-a-number"),
        ("9" * 100, "not-a-number"),
        (None, "not-a-number"),
        (True, "not-a-number"),
        (10.1, "not-a-number"),
        ([], "not-a-number"),
        ({}, "not-a-number"),
        (Decimal("NaN"), "not-a-number"),
        (Decimal("1E+400"), "too-large"),
        (10**100, "too-large"),
    ],
)
def test_decimal_is_unreadable(value: object, code: str) -> None:
    with pytest.raises(Unreadable) as caught:
        decimal_from(value)
    assert caught.value.code == code


def test_decimal_keeps_the_places_that_are_asked_for() -> None:
    assert str(decimal_from("1.2345678900", places=8)) == "1.23456789"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("0.30000000000000004"), "0.3000"),
        (10, "10.0000"),
        (Decimal("1.00005"), "1.0000"),
        (Decimal("1.00015"), "1.0002"),
        (Decimal("-0.00001"), "0.0000"),
        ("7.5", "7.5000"),
    ],
)
def test_computed_float_is_rounded_half_even(value: object, expected: str) -> None:
    assert str(rounded_from(value)) == expected


def test_computed_float_beyond_all_bounds_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="more digits"):
        rounded_from(Decimal("1E+400"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(7, 7), ("7", 7), ("-3", -3), ("0", 0), (Decimal("5.0"), 5), (2**63 - 1, 2**63 - 1), (str(-(2**63)), -(2**63))],
)
def test_integer_is_exact(value: object, expected: int) -> None:
    number = integer_from(value)
    assert (number, type(number)) == (expected, int)


@pytest.mark.parametrize(
    "value",
    [
        *("", "7.0", "1_0", "१", "7 ", "0x7", "1e2", "9" * 19, "9" * 30),
        *(None, True, 7.0, [], 2**63, Decimal("5.5"), Decimal("1E+999999"), Decimal("Infinity")),
    ],
)
def test_integer_is_unreadable(value: object) -> None:
    with pytest.raises(Unreadable):
        integer_from(value)


@pytest.mark.parametrize(("value", "expected"), [(None, None), ("", None), (0, None), ("0", None), ("7", 7), (7, 7)])
def test_identifier_is_an_id_or_none(value: object, expected: int | None) -> None:
    assert identifier_from(value) == expected


@pytest.mark.parametrize("value", [False, -1, "-1", "abc", [], {}])
def test_identifier_is_unreadable(value: object) -> None:
    with pytest.raises(Unreadable):
        identifier_from(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, True),
        (0, False),
        ("1", True),
        ("0", False),
        (True, True),
        (False, False),
        ("true", True),
        ("false", False),
    ],
)
def test_flag(value: object, expected: bool) -> None:
    assert flag_from(value) is expected


@pytest.mark.parametrize("value", [2, -1, "", "yes", "True", None, [], {}, Decimal(1)])
def test_flag_is_unreadable(value: object) -> None:
    with pytest.raises(Unreadable):
        flag_from(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Ada", "Ada"),
        ("", ""),
        (None, ""),
        (7, "7"),
        (Decimal("1.50"), "1.50"),
        ("a\x00b", "a\ufffdb"),
        ("a\ud83db", "a\ufffdb"),
        ("\U0001f600 \u202e \u0645 e\u0301", "\U0001f600 \u202e \u0645 e\u0301"),
        ("line\r\nline\t\x1b", "line\r\nline\t\x1b"),
    ],
)
def test_text(value: object, expected: str) -> None:
    assert text_from(value) == expected


@pytest.mark.parametrize("value", [True, [], {}])
def test_text_is_unreadable(value: object) -> None:
    with pytest.raises(Unreadable):
        text_from(value)


def moment(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]  # the parts never reach the zone's place


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-01-02 03:04:05", moment(2026, 1, 2, 3, 4, 5)),
        ("2026-01-02T03:04:05", moment(2026, 1, 2, 3, 4, 5)),
        ("2026-01-02T03:04:05Z", moment(2026, 1, 2, 3, 4, 5)),
        ("2026-01-02 03:04:05 UTC", moment(2026, 1, 2, 3, 4, 5)),
        ("2026-01-02T03:04:05.25Z", moment(2026, 1, 2, 3, 4, 5, 250_000)),
        ("2026-01-02 03:04:05.123456789", moment(2026, 1, 2, 3, 4, 5, 123_456)),
        ("2026-01-02T03:04:05-05:00", moment(2026, 1, 2, 8, 4, 5)),
        ("2026-01-02T03:04:05+0530", moment(2026, 1, 1, 21, 34, 5)),
        ("2026-01-31 10:00:00 -05:00", moment(2026, 1, 31, 15)),
        ("9999-12-31 23:59:59", moment(9999, 12, 31, 23, 59, 59)),
        ("2024-02-29 00:00:00", moment(2024, 2, 29)),
        (None, None),
        ("", None),
        ("0000-00-00 00:00:00", None),
        ("0000-00-00", None),
        ("0000-00-00T00:00:00Z", None),
        ("-0001-11-30 00:00:00", None),
    ],
)
def test_moment_is_aware_utc(value: object, expected: datetime | None) -> None:
    found = datetime_from(value)
    assert found == expected
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("2026-02-30 00:00:00", "no-such-moment"),
        ("2026-13-01 00:00:00", "no-such-moment"),
        ("2026-01-01 24:00:00", "no-such-moment"),
        ("2026-01-01 00:60:00", "no-such-moment"),
        ("0001-01-01 00:00:00 +05:00", "no-such-moment"),
        ("2026-01-01T00:00:00+99:00", "no-such-moment"),
        ("2026-01-01", "date-only"),
        ("01/02/2026", "not-a-moment"),
        ("2026-1-2 3:4:5", "not-a-moment"),
        ("२०२६-01-01 00:00:00", "not-a-moment"),
        ("yesterday", "not-a-moment"),
        (1767323045, "not-a-moment"),
        (False, "not-a-moment"),
        ([], "not-a-moment"),
    ],
)
def test_moment_is_unreadable(value: object, code: str) -> None:
    with pytest.raises(Unreadable) as caught:
        datetime_from(value)
    assert caught.value.code == code


def test_bare_date_is_midnight_where_it_is_declared() -> None:
    assert datetime_from("2026-01-02", date_only=True) == moment(2026, 1, 2)
    assert datetime_from("2026-01-02 03:04:05", date_only=True) == moment(2026, 1, 2, 3, 4, 5)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals()
    | st.text()
    | st.from_regex(r"[+-]?[0-9_.,eE:TZ -]{0,30}", fullmatch=True),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=4,
)
CONVERTERS: list[Callable[[object], Any]] = [
    decimal_from,
    rounded_from,
    integer_from,
    identifier_from,
    flag_from,
    text_from,
    datetime_from,
]


@pytest.mark.parametrize("convert", CONVERTERS)
@given(value=JSON)
def test_whatever_comes_is_converted_or_unreadable(convert: Callable[[object], Any], value: object) -> None:
    try:
        convert(value)
    except Unreadable as unreadable:
        told = (unreadable.code, str(unreadable))
    else:
        told = ("fits", "It fits.")
    assert told[0]
    assert told[1].endswith(".")


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**15), max_value=10**15))
def test_every_amount_comes_back_exactly(amount: Decimal) -> None:
    assert decimal_from(format(amount, "f")) == decimal_from(amount) == amount


@given(st.text(st.characters(codec=None)))
def test_every_text_can_be_stored(text: str) -> None:
    stored = text_from(text)
    stored.encode()
    assert "\x00" not in stored
    assert len(stored) == len(text)
