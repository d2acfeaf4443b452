"""What was chosen with services, and changes of them that are under way."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from django_blesta.testing.simulator.seeding.catalogue import SECRET
from django_blesta.testing.simulator.seeding.sales import Sale
from django_blesta.testing.simulator.state import State

STATUSES: Final = ("pending", "completed", "canceled", "error")
_CHANGES_EVERY: Final = 13


def seed_choices(state: State, sales: Iterable[Sale]) -> None:
    """The first value of every option that the package offers; in the password's place, one that nobody may mirror."""
    for sale in sales:
        for offer in state.where("package_option_offers", package_id=sale.offer.package["id"]):
            for link in state.where("package_option_members", option_group_id=offer["option_group_id"]):
                _choose(state, sale, link["option_id"])
        if sale.id % _CHANGES_EVERY == 0:
            state.insert(
                "service_changes",
                service_id=sale.id,
                status=STATUSES[sale.id // _CHANGES_EVERY % len(STATUSES)],
                data={"pricing_id": sale.pricing["id"], "root_password": SECRET},
                date_added=sale.start,
                date_status=sale.start,
            )


def _choose(state: State, sale: Sale, option_id: int) -> None:
    option = state.tables["package_options"][option_id]
    value = state.where("package_option_values", option_id=option_id)[0]
    currency = sale.pricing["currency"]
    price = next((one["price"] for one in value["pricing"] if one["currency"] == currency), "0")
    secret = option["type"] == "password"
    state.insert(
        "service_options",
        service_id=sale.id,
        option_id=option_id,
        option_value_id=value["id"],
        value=SECRET if secret else value["value"],
        qty=2 if option["type"] == "quantity" else 1,
        price=Decimal(price),
    )
