"""Deliveries that are lost, doubled and out of order: after one more run the mirror is what Blesta is."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from django_blesta import sync
from django_blesta.models import Delivery, Hint
from django_blesta.sync import hints
from tests.sync.comparison import differences
from tests.testing.calling import write
from tests.webhooks.conftest import PATH, SECRET

SEEDS = [pytest.param(seed, marks=[pytest.mark.faults] if seed >= 2 else []) for seed in range(50)]
CHANGES = 30


class Bustle:
    """Changes that staff and customers make, picked by the seed, through Blesta's own methods."""

    def __init__(self, blesta: Any, random: Random) -> None:
        self.blesta, self.random = blesta, random
        self.made = 0

    def change(self) -> None:
        kind = self.random.choice([self.rename, self.suspend, self.unsuspend, self.bill, self.pay, self.void, self.buy])
        self.made += kind() == 200

    def pick(self, table: str) -> int:
        return self.random.choice(sorted(self.blesta.state.tables[table]))

    def rename(self) -> int:
        names = {"first_name": f"N{self.random.random()}", "last_name": "B", "email": "b@example.com"}
        return write(self.blesta, "contacts/edit", contact_id=self.pick("contacts"), vars=names).status

    def suspend(self) -> int:
        return write(self.blesta, "services/suspend", service_id=self.pick("services")).status

    def unsuspend(self) -> int:
        return write(self.blesta, "services/unsuspend", service_id=self.pick("services")).status

    def bill(self) -> int:
        dates = {"date_billed": "2026-11-01 00:00:00 UTC", "date_due": "2026-11-10 00:00:00 UTC"}
        lines = [{"description": "Hosting", "amount": f"{self.random.randint(1, 90)}.50"}]
        values = {"client_id": self.pick("clients"), "currency": "USD", "lines": lines, **dates}
        return write(self.blesta, "invoices/add", vars=values).status

    def pay(self) -> int:
        amount = f"{self.random.randint(1, 90)}.00"
        values = {"client_id": self.pick("clients"), "amount": amount, "currency": "USD", "type": "other"}
        paid = write(self.blesta, "transactions/add", vars=values)
        mine = [
            one
            for one in self.blesta.state.where("invoices", client_id=values["client_id"], currency="USD")
            if one["status"] == "active" and one["due"] >= int(amount[:-3])
        ]
        if paid.status == 200 and mine:
            amounts = [{"invoice_id": mine[0]["id"], "amount": amount}]
            write(self.blesta, "transactions/apply", transaction_id=paid.value, vars={"amounts": amounts})
        return paid.status

    def void(self) -> int:
        return write(
            self.blesta, "transactions/edit", transaction_id=self.pick("transactions"), vars={"status": "void"}
        ).status

    def buy(self) -> int:
        values = {"client_id": self.pick("clients"), "pricing_id": self.pick("package_pricing"), "status": "active"}
        return write(self.blesta, "services/add", vars=values).status


@pytest.mark.postgresql("threads of the server and of the test commit at the same time")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("blesta_simulator", [{"clients": 4, "seed": 2, "months": 6}], indirect=True)
def test_the_mirror_is_what_blesta_is_after_one_more_run(seed: int, blesta, settings, live_server) -> None:
    settings.BLESTA = {**settings.BLESTA, "WEBHOOK_SECRETS": [SECRET], "HINT_DELAY": 0.05}
    sync.run()
    blesta.add_webhook(f"{live_server.url}{PATH}")
    blesta.webhooks.random = random = Random(seed)
    blesta.switches.set(
        webhook_loss=0.3,
        webhook_loss_shows=random.choice(["yes", "no"]),
        webhook_duplicates=0.1,
        webhook_order="shuffled",
        webhook_delay=0.01,
        webhook_timing=random.choice(["early", "late"]),
    )
    bustle = Bustle(blesta, Random(seed + 1000))
    for number in range(CHANGES):
        bustle.change()
        if number % 7 == 0:
            hints.follow(patience=0.05)
    blesta.webhooks.settle()
    while hints.follow() is not None:
        continue
    assert bustle.made > CHANGES / 3
    assert blesta.webhooks.lost
    assert not Delivery.objects.filter(state__in=["pending", "failed"]).exists()
    assert not Hint.objects.exclude(state="done").exists()
    sync.run()
    assert differences(blesta) == []
