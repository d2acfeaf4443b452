"""What can be chosen with the packages, and the coupons."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from django_blesta.testing.simulator.state import Row, State

# kind of package, label, name, type, values as (name, value, dollars a month)
OPTIONS: Final = (
    ("server", "Memory", "memory", "select", (("2 GB", "2048", "0"), ("4 GB", "4096", "6"), ("8 GB", "8192", "14"))),
    ("server", "Backups", "backups", "checkbox", (("Nightly", "1", "3.5"),)),
    ("server", "Extra disk, 10 GB each", "disk", "quantity", (("10 GB", None, "1.25"),)),
    ("hosting", "PHP version", "php", "radio", (("8.2", "82", "0"), ("8.4", "84", "0"))),
    ("hosting", "Initial password", "password", "password", (("Password", None, "0"),)),
)
_TERMS: Final = ((1, "month", 1), (1, "year", 10))


def seed_options(
    state: State, company_id: int, packages: dict[str, list[int]], rates: dict[str, tuple[int, Decimal]]
) -> None:
    """`packages` are ids by kind; `rates` are precision and units for one dollar, by currency."""
    for kind in ("server", "hosting"):
        group = state.insert(
            "package_option_groups", company_id=company_id, name=f"Choices for {kind}", description=None
        )
        for package_id in packages[kind]:
            state.insert("package_option_offers", package_id=package_id, option_group_id=group["id"])
        for owner, label, name, type_, values in OPTIONS:
            if owner == kind:
                option = _seed_option(state, company_id, (label, name, type_), values, rates)
                state.insert("package_option_members", option_id=option["id"], option_group_id=group["id"])


def _seed_option(
    state: State,
    company_id: int,
    words: tuple[str, str, str],
    values: Sequence[tuple[str, str | None, str]],
    rates: dict[str, tuple[int, Decimal]],
) -> Row:
    label, name, type_ = words
    option = state.insert(
        "package_options", company_id=company_id, label=label, name=name, type=type_, addable=1, editable=1
    )
    quantity = type_ == "quantity"
    for place, (text, value, dollars) in enumerate(values):
        state.insert(
            "package_option_values",
            option_id=option["id"],
            name=text,
            value=value,
            default=place == 0,
            min=0 if quantity else None,
            max=20 if quantity else None,
            step=1 if quantity else None,
            pricing=_pricing(dollars, rates),
        )
    return option


def _pricing(dollars: str, rates: dict[str, tuple[int, Decimal]]) -> list[dict[str, Any]]:
    prices: list[dict[str, Any]] = []
    for currency, (precision, rate) in rates.items():
        for term, period, factor in _TERMS:
            exact = (Decimal(dollars) * factor * rate).quantize(Decimal(1).scaleb(-precision), rounding=ROUND_HALF_UP)
            amount = f"{exact:.4f}"
            row = {"id": len(prices) + 1, "term": term, "period": period, "price": amount, "setup_fee": "0.0000"}
            prices.append({**row, "currency": currency})
    return prices


def seed_coupons(
    state: State, company_id: int, packages: Sequence[int], currencies: Sequence[str], opened: datetime
) -> int:
    """One takes a share off everything, one an amount off a few packages, one is over. Returns the first one's id."""
    first: int = state.last_id("coupons") + 1
    for code, type_, columns in (
        ("WELCOME10", "percent", {"recurring": 0}),
        ("FRIENDS", "amount", {"max_qty": 50, "used_qty": 3, "recurring": 1, "internal_use_only": 1}),
        ("LAUNCH", "percent", {"end_date": opened + timedelta(days=30), "status": "inactive"}),
    ):
        coupon = state.insert("coupons", company_id=company_id, code=code, start_date=opened, **columns)
        for currency in currencies:
            state.insert("coupon_amounts", coupon_id=coupon["id"], currency=currency, amount=10, type=type_)
        for package_id in packages if type_ == "percent" else packages[:2]:
            state.insert("coupon_packages", coupon_id=coupon["id"], package_id=package_id)
    return first
