from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from django_blesta.testing.simulator import php

# What PHP itself answered; php_vectors.php made it.
VECTORS = json.loads((Path(__file__).parent / "data" / "php_vectors.json").read_text(encoding="utf-8"))


def vectors(name: str, *keys: str) -> list[Any]:
    return [
        pytest.param(*(entry[key] for key in keys), id=str(entry[keys[0]])[:40]) for entry in VECTORS[name].values()
    ]


@pytest.mark.parametrize(("form", "array"), vectors("forms", "form", "array"))
def test_a_form_decodes_as_php_decodes_it(form: str, array: dict[str, Any]) -> None:
    assert php.decode_form(form) == array
    assert json.dumps(php.decode_form(form)) == json.dumps(array)  # the order, too


@pytest.mark.parametrize(("text", "expected"), vectors("casts", "text", "bool"))
def test_a_text_is_true_as_in_php(text: str, expected: bool) -> None:
    assert php.truthy(text) is expected


@pytest.mark.parametrize(("text", "expected"), vectors("casts", "text", "int"))
def test_a_text_casts_to_an_integer_as_in_php(text: str, expected: int) -> None:
    # PHP reads an exponent; an id never has one.
    assert php.integer(text) == expected or text == "1e3"


@pytest.mark.parametrize(("text", "expected"), vectors("casts", "text", "numeric"))
def test_a_text_is_numeric_as_in_php(text: str, expected: bool) -> None:
    assert php.is_numeric(text) is expected


@pytest.mark.parametrize(("decimal", "expected"), vectors("numbers", "decimal", "json"))
def test_a_computed_amount_is_written_as_a_php_float(decimal: str, expected: str) -> None:
    assert php.to_json(php.number(Decimal(decimal))) == expected


@pytest.mark.parametrize(("text", "expected"), vectors("texts", "text", "json"))
def test_a_text_is_written_as_php_writes_it(text: str, expected: str) -> None:
    assert php.to_json(text) == expected


def test_stored_values_are_written_as_the_database_shows_them() -> None:
    row = {"total": Decimal("7.5000"), "date_due": datetime(2026, 10, 1, 12, 30, tzinfo=UTC), "date_closed": None}
    assert php.to_json(row) == '{"total":"7.5000","date_due":"2026-10-01 12:30:00","date_closed":null}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T10:00:00Z", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("2026-01-31 10:00:00 UTC", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("2026-01-31 10:00:00 -05:00", datetime(2026, 1, 31, 15, tzinfo=UTC)),
        ("2026-01-31T10:00:00+0230", datetime(2026, 1, 31, 7, 30, tzinfo=UTC)),
        ("2026-01-31T10:00:00.25Z", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31, 6, tzinfo=UTC)),  # no zone: the company's, six hours behind
        ("2026-07-31 10:00:00", datetime(2026, 7, 31, 15, tzinfo=UTC)),
        ("2026-02-30", None),
        ("tomorrow", None),
        ("", None),
        (None, None),
        ({"0": "2026-01-31"}, None),
    ],
)
def test_a_date_is_read_in_its_zone_or_the_companys(text: Any, expected: datetime | None) -> None:
    assert php.parse_date(text, ZoneInfo("America/Chicago")) == expected
