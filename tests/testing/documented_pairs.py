"""The request/response pairs of the reference's examples, one row each, for a company that was made to fit them.

`...` in an expected value stands for anything; a map must have at least these members.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BAD_SYNTAX = "The request cannot be fulfilled due to bad syntax."
ANY = ...


@dataclass(frozen=True)
class Pair:
    number: int
    verb: str
    path: str
    arguments: Mapping[str, Any]
    status: int
    body: Any
    switches: Mapping[str, Any] = field(default_factory=dict)
    exact: bool = False  # the body has these members and no others


ADA = {
    "username": "ada",
    "new_password": "difference",
    "confirm_password": "difference",
    "client_group_id": 1,
    "first_name": "Ada",
    "last_name": "Byron",
    "email": "ada@example.com",
}
ANONYMOUS = {**ADA, "username": "", "first_name": ""}
TAKEN = {**ADA, "username": "charles"}
HOSTING = {
    "client_id": 1,
    "date_billed": "2026-09-01T00:00:00Z",
    "date_due": "2026-10-01T00:00:00Z",
    "currency": "USD",
    "lines": [{"description": "Hosting", "qty": 1, "amount": "10.00"}],
}
BAD_LINE = {**HOSTING, "lines": [*HOSTING["lines"], {"description": "", "qty": 1, "amount": "abc"}]}  # type: ignore[misc]
WIRE = {"client_id": 1, "amount": "7.50", "currency": "USD", "type": "other", "transaction_id": "WIRE-1"}


def errors(**fields: dict[str, Any]) -> dict[str, Any]:
    return {"message": BAD_SYNTAX, "errors": fields}


PAIRS = [
    Pair(1, "GET", "clients/getListCount.json", {"status": "active"}, 200, {"response": 42}, exact=True),
    Pair(
        2,
        "GET",
        "clients/getList.json",
        {"status": "active", "page": 1, "order_by": {"id": "ASC"}},
        200,
        {
            "response": [
                {
                    "id": 1,
                    "id_code": "1500",
                    "user_id": ANY,
                    "client_group_id": 1,
                    "status": "active",
                    "first_name": "Charles",
                    "last_name": "Babbage",
                    "company": None,
                    "email": "charles@example.com",
                    "company_id": 1,
                    "group_name": "General",
                },
                *[ANY] * 19,
            ]
        },
    ),
    Pair(3, "GET", "clients/getList.json", {"page": 99}, 200, {"response": []}, exact=True),
    Pair(
        4,
        "GET",
        "clients/get.json",
        {"client_id": 1},
        200,
        {
            "response": {
                "id": 1,
                "id_format": "{num}",
                "id_value": 1500,
                "id_code": "1500",
                "user_id": ANY,
                "client_group_id": 1,
                "status": "active",
                "contact_id": 1,
                "first_name": "Charles",
                "last_name": "Babbage",
                "email": "charles@example.com",
                "country": "GB",
                "settings": {"default_currency": "USD", "language": "en_us"},
            }
        },
    ),
    Pair(5, "GET", "clients/get.json", {"client_id": 999999}, 200, {"response": False}, exact=True),
    Pair(
        6,
        "POST",
        "clients/create.json",
        {"vars": ADA},
        200,
        {"response": {"id": 43, "id_code": "1542", "user_id": ANY, "status": "active"}},
    ),
    Pair(
        7,
        "POST",
        "clients/create.json",
        {"vars": ANONYMOUS},
        400,
        errors(
            username={"empty": "Please enter a username."},
            first_name={"empty": "Please enter a first name."},
        ),
        exact=True,
    ),
    Pair(
        8,
        "POST",
        "clients/create.json",
        {"vars": TAKEN},
        400,
        {"model": errors(username={"unique": "That username has already been taken."})},
        {"error_shape": "wrapped"},
        exact=True,
    ),
    Pair(
        9,
        "POST",
        "clients/create.json",
        {"vars": TAKEN},
        200,
        {"response": None, "errors": {"username": {"unique": "That username has already been taken."}}},
        {"error_shape": "200"},
        exact=True,
    ),
    Pair(
        11,
        "GET",
        "clients/nope.json",
        {},
        404,
        {"message": "The requested resource does not exist."},
        exact=True,
    ),
    Pair(
        12,
        "GET",
        "clients/getPrivateThing.json",
        {},
        403,
        {"message": "The requested resource is not accessible."},
        exact=True,
    ),
    Pair(
        13,
        "GET",
        "clients/getList.yaml",
        {},
        415,
        {"message": "The format requested is not supported by the server."},
        exact=True,
    ),
    Pair(
        14,
        "GET",
        "clients/getList.json",
        {},
        503,
        {"message": "The requested resource is currently unavailable due to maintenance."},
        {"maintenance": "503"},
        exact=True,
    ),
    Pair(
        14,
        "POST",
        "clients/create.json",
        {"vars": ADA},
        500,
        {"message": "The requested resource is currently unavailable due to maintenance."},
        {"maintenance": "500"},
        exact=True,
    ),
    Pair(
        17,
        "GET",
        "contacts/getList.json",
        {"client_id": 1},
        200,
        {
            "response": [
                {
                    "id": 1,
                    "client_id": "1",
                    "user_id": None,
                    "contact_type": "primary",
                    "contact_type_id": None,
                    "first_name": "Charles",
                    "last_name": "Babbage",
                    "title": None,
                    "company": None,
                    "email": "charles@example.com",
                    "address1": "1 High St",
                    "address2": None,
                    "city": "London",
                    "state": "LND",
                    "zip": "N1",
                    "country": "GB",
                    "date_added": "2026-01-02 03:04:05",
                }
            ]
        },
        {"ids_as_strings": "mixed"},
    ),
    Pair(
        18,
        "GET",
        "contacts/getNumbers.json",
        {"contact_id": 1},
        200,
        {"response": [{"id": 1, "contact_id": 1, "number": "+44 20 7946 0000", "type": "phone", "location": "work"}]},
        exact=True,
    ),
    Pair(
        19,
        "GET",
        "services/getList.json",
        {"client_id": 1, "status": "all", "page": 1},
        200,
        {
            "response": [
                {
                    "id": 1,
                    "pricing_id": 1,
                    "client_id": 1,
                    "status": "active",
                    "date_added": "2025-09-14 10:00:00",
                    "date_renews": "2026-10-14 10:00:00",
                    "date_canceled": None,
                    "package": {"id": 1, "name": "Gold"},
                    "package_pricing": {"term": 1, "period": "month", "price": "9.9900", "currency": "USD"},
                }
            ]
        },
    ),
    Pair(
        20,
        "POST",
        "services/suspend.json",
        {"service_id": 1, "vars": {"use_module": "true", "suspension_reason": "Overdue"}},
        200,
        {"response": None},
        exact=True,
    ),
    Pair(
        21,
        "POST",
        "services/cancel.json",
        {"service_id": 1, "vars": {"date_canceled": "end_of_term", "use_module": "true"}},
        200,
        {"response": None},
        exact=True,
    ),
    Pair(
        22,
        "POST",
        "services/delete.json",
        {"service_id": 1},
        400,
        errors(status={"valid": "Only pending, canceled, or in review services may be deleted."}),
        exact=True,
    ),
    Pair(
        23,
        "GET",
        "services/getActions.json",
        {"current_status": "canceled"},
        200,
        {"response": {"uncancel": "Reactivate"}},
        exact=True,
    ),
    Pair(24, "POST", "invoices/add.json", {"vars": HOSTING}, 200, {"response": 2}, exact=True),
    Pair(
        25,
        "POST",
        "invoices/add.json",
        {"vars": BAD_LINE},
        400,
        errors(
            **{
                "lines[1][description]": {"empty": "Please enter a line item description."},
                "lines[1][amount]": {"format": "The unit cost must be a number."},
            }
        ),
        exact=True,
    ),
    Pair(
        26,
        "GET",
        "invoices/getList.json",
        {"client_id": 1, "status": "open", "page": 1},
        200,
        {
            "response": [
                {
                    "id": 1,
                    "id_code": "INV-1",
                    "client_id": "1",
                    "status": "active",
                    "currency": "USD",
                    "total": "10.0000",
                    "paid": "2.5000",
                    "due": "7.5000",
                    "date_billed": "2026-09-01 00:00:00",
                    "date_due": "2026-10-01 00:00:00",
                    "date_closed": None,
                }
            ]
        },
        {"ids_as_strings": "mixed"},
    ),
    Pair(
        27,
        "GET",
        "invoices/get.json",
        {"invoice_id": 1},
        200,
        {
            "response": {
                "id": 1,
                "line_items": [
                    {
                        "id": 1,
                        "invoice_id": 1,
                        "service_id": None,
                        "description": "Hosting",
                        "qty": "1.0000",
                        "amount": "10.0000",
                        "order": 0,
                        "taxes": [],
                    }
                ],
                "delivery": [{"id": 1, "invoice_id": 1, "method": "email", "date_sent": None}],
                "meta": [],
            }
        },
    ),
    Pair(28, "GET", "invoices/amountDue.json", {"client_id": 1, "currency": "USD"}, 200, {"response": 7.5}, exact=True),
    Pair(29, "POST", "transactions/add.json", {"vars": WIRE}, 200, {"response": 3}, exact=True),
    Pair(
        30,
        "POST",
        "transactions/apply.json",
        {"transaction_id": 2, "vars": {"amounts": [{"invoice_id": 1, "amount": "7.50"}]}},
        200,
        {"response": None},
        exact=True,
    ),
    Pair(
        31,
        "POST",
        "transactions/apply.json",
        {"transaction_id": 2, "vars": {"amounts": [{"invoice_id": 1, "amount": "99"}]}},
        400,
        errors(amounts={"overage": ANY}),
        exact=True,
    ),
    Pair(
        32,
        "GET",
        "transactions/getApplied.json",
        {"invoice_id": 1},
        200,
        {
            "response": [
                {
                    "transaction_id": 1,
                    "invoice_id": 1,
                    "applied_amount": "2.5000",
                    "applied_date": "2026-09-05 14:02:11",
                    "currency": "USD",
                    "type": "other",
                }
            ]
        },
    ),
    Pair(
        33,
        "POST",
        "invoices/edit.json",
        {
            "invoice_id": 1,
            "vars": {"status": "active", "currency": "USD", "lines": [{"description": "More", "amount": "1"}]},
        },
        400,
        errors(id={"amount_applied": ANY}),
        exact=True,
    ),
    Pair(
        34,
        "GET",
        "packages/get.json",
        {"package_id": 1},
        200,
        {
            "response": {
                "id": 1,
                "id_code": "1",
                "module_id": 1,
                "status": "active",
                "qty": None,
                "taxable": "0",
                "names": [{"lang": "en_us", "name": "Gold"}],
                "pricing": [
                    {
                        "id": 1,
                        "pricing_id": 1001,
                        "package_id": 1,
                        "term": 1,
                        "period": "month",
                        "price": "9.9900",
                        "setup_fee": "0.0000",
                        "cancel_fee": "0.0000",
                        "currency": "USD",
                    }
                ],
                "groups": [],
                "option_groups": [],
                "meta": [],
            }
        },
        {"flags_as_strings": True},
    ),
]
