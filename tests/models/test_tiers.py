"""From one row of Blesta's to values of ours: nulls, absences, and a digest that tells rows apart."""

from __future__ import annotations

from decimal import Decimal

import pytest

from django_blesta.models import Client, Company, Invoice, InvoiceLine, Service
from django_blesta.resources import Unfit, row_mapping

INVOICE = {"id": 1, "currency": "USD", "subtotal": "5", "total": "5", "paid": "0", "due": "5"}


@pytest.mark.parametrize(
    ("model", "row", "attname", "expected"),
    [
        (InvoiceLine, {"id": 1, "qty": "1", "amount": "1", "order": None}, "position", 0),
        (Service, {"id": 1, "qty": None}, "qty", 1),
        (Service, {"id": 1, "qty": ""}, "qty", 1),
        (Service, {"id": 1, "override_price": None}, "override_price", None),
        (Client, {"id": 1, "first_name": None}, "first_name", ""),
        (Client, {"id": 1, "user_id": "0"}, "user_id", None),
        (Invoice, {**INVOICE, "date_closed": "0000-00-00 00:00:00"}, "closed_at", None),
    ],
)
def test_null_is_null_where_the_column_takes_it_and_the_columns_default_where_not(model, row, attname, expected):
    assert row_mapping(model).convert(row).values[attname] == expected


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ({**INVOICE, "total": None}, "total", "null"),
        ({name: value for name, value in INVOICE.items() if name != "total"}, "total", "missing"),
        ({**INVOICE, "id": "0"}, "id", "null"),
        ({**INVOICE, "due": "1e3"}, "due", "not-a-number"),
        ({**INVOICE, "due": True}, "due", "not-a-number"),
    ],
)
def test_a_row_that_does_not_fit_names_its_column_and_the_rule(row, column, code):
    with pytest.raises(Unfit) as caught:
        row_mapping(Invoice).convert(row)
    assert (caught.value.column, caught.value.code) == (column, code)


def test_a_value_read_before_is_not_mistaken_for_another_of_the_same_hash():
    tier = row_mapping(Invoice)
    assert tier.convert({**INVOICE, "due": "1"}).values["due"] == Decimal("1.0000")
    assert tier.convert({**INVOICE, "due": 1}).values["due"] == Decimal("1.0000")
    with pytest.raises(Unfit):
        tier.convert({**INVOICE, "due": True})


def test_columns_that_did_not_come_are_named():
    converted = row_mapping(Company).convert({"id": 1, "name": "Ada", "phone": "1"})
    assert set(converted.absent) == {"hostname", "address", "fax"}
    assert converted.values == {"id": 1, "name": "Ada", "phone": "1"}


def test_the_digest_tells_apart_what_came_in_which_column():
    tier = row_mapping(Company)
    rows = [
        {"id": 1},
        {"id": 1, "phone": "2"},
        {"id": 1, "fax": "2"},
        {"id": 1, "phone": "", "fax": "2"},
        {"id": 1, "phone": "2", "fax": ""},
        {"id": 1, "phone": "2, ''", "fax": ""},
    ]
    assert len({tier.convert(row).digest for row in rows}) == len(rows)
    assert tier.convert({"fax": "2", "id": 1}).digest == tier.convert({"id": "1", "fax": "2"}).digest
