"""Columns for Blesta's nested values."""

from __future__ import annotations

from typing import Any

import pytest

from django_blesta.connection import Unreadable
from django_blesta.models.base import AllowedMapField
from django_blesta.models.fields import IdentifiersField, LabelField, PricesField, SanitisedTranslationsField

SETTINGS = AllowedMapField(allowed=("language", "tax_id"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, {}),
        ([], {}),
        ({"language": "en_us", "smtp_password": "s"}, {"language": "en_us"}),
        ({"language": None}, {"language": ""}),
        ({"language": {"value": "x"}}, {}),
        ([{"key": "tax_id", "value": "X1", "encrypted": "0"}, {"key": "other", "value": "s"}], {"tax_id": "X1"}),
        ([{"key": "tax_id", "value": "s", "encrypted": 1}], {}),
        ({"0": {"key": "tax_id", "value": "X1"}, "2": {"key": "language", "value": "de", "encrypted": "1"}},
         {"tax_id": "X1"}),
    ],
)  # fmt: skip
def test_settings_keep_the_allowed_ones_only(value: Any, expected: dict[str, str]) -> None:
    assert SETTINGS.from_blesta(value) == expected


def test_settings_of_another_shape_are_refused() -> None:
    with pytest.raises(Unreadable):
        SETTINGS.from_blesta("language=en_us")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, []), ([{"package_id": "2", "id": 9}, {"id": 1}, 7, "7"], [1, 2, 7]), ({"0": 3, "4": {"id": None}}, [3])],
)
def test_ids_are_found_in_every_spelling(value: Any, expected: list[int]) -> None:
    assert IdentifiersField(names=("package_id", "id")).from_blesta(value) == expected


def test_prices_are_exact_text() -> None:
    rows = [{"id": "4", "term": "1", "period": "month", "currency": "USD", "price": "1.5", "setup_fee": None, "x": "s"}]
    assert PricesField().from_blesta(rows) == [
        {"id": 4, "term": 1, "period": "month", "currency": "USD", "price": "1.5000", "setup_fee": None}
    ]
    with pytest.raises(Unreadable):
        PricesField().from_blesta([{"price": "1.23456"}])


@pytest.mark.parametrize(
    ("value", "expected"),
    [({"server_name": "", "name": "one", "api_key": "s"}, "one"), ({"api_key": "s"}, ""), ([], ""), (None, "")],
)
def test_label_is_taken_from_known_keys_only(value: Any, expected: str) -> None:
    assert LabelField(keys=("server_name", "name")).from_blesta(value) == expected


def test_markup_is_made_safe_in_every_language() -> None:
    value = [{"lang": "en_us", "html": "<p onclick=x()>a</p><script>x()</script>", "text": "a"}]
    assert SanitisedTranslationsField(key="html").from_blesta(value) == {"en_us": "<p>a</p>"}
