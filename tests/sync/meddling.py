"""A Blesta that changes while it is read: the changes, the times and the pauses come from a seed."""

from __future__ import annotations

import os
import threading
import time
from datetime import timedelta
from random import Random
from typing import Any

from django_blesta.testing.simulator import Recorded, Simulator


def seeds(few: int) -> range:
    """So many in the normal suite; as many as `make faults` wants (BLESTA_FAULT_SEEDS), from where it says."""
    first = int(os.environ.get("BLESTA_FAULT_FIRST_SEED", "0"))
    return range(first, first + int(os.environ.get("BLESTA_FAULT_SEEDS", few)))


def add_invoices(simulator: Simulator, count: int) -> None:
    """One client's invoices, with holes in the sequence as deletions of long ago leave them."""
    with simulator.state.lock:
        client = next(iter(simulator.state.tables["clients"].values()), None) or simulator.add_client()
        for number in range(count):
            if number % 7 == 3:
                simulator.state.skip_ids("invoices")
            add_invoice(simulator, client["id"])


def add_invoice(simulator: Simulator, client_id: int) -> dict[str, Any]:
    """Due on a day that has nothing to do with its number: Blesta's own order is by that day."""
    due = simulator.clock.now() + timedelta(days=simulator.state.last_id("invoices") * 37 % 50)
    return simulator.add_invoice(client_id, [], delivery=(), date_due=due)


class Meddler:
    """Before chosen requests for a page or a count, deletes, inserts or changes an invoice.

    `steadfast` are the ids that were there from the beginning and still are: no complete run may lack one.
    """

    def __init__(self, simulator: Simulator, seed: int, *, within: int, times: int, pause: float = 0.002) -> None:
        self.random = Random(seed)
        self.simulator = simulator
        self.pause = pause
        self.client_id = next(iter(simulator.state.tables["clients"]))
        self.steadfast = set(simulator.state.tables["invoices"])
        self.deleted: list[int] = []
        self.inserted: list[int] = []
        self.requests = 0
        self.moments = sorted(self.random.sample(range(within), min(times, within)))
        self._lock = threading.Lock()

    def __call__(self, request: Recorded) -> None:
        if request.model != "Invoices" or request.method == "get":
            return
        with self._lock:
            now, self.requests = self.requests, self.requests + 1
            due = self.moments.count(now)
            pause = self.random.random() * self.pause
        if pause:
            time.sleep(pause)  # answers overtake each other, as they do on a network
        for _ in range(due):
            self.meddle()

    def meddle(self) -> None:
        with self.simulator.state.lock:
            act = self.random.choice((self.delete, self.delete, self.delete_and_insert, self.insert, self.flip))
            act()

    def delete(self) -> None:
        living = sorted(self.simulator.state.tables["invoices"])
        # Mostly old ones: what is deleted far below shifts everything above it.
        place = int(len(living) * self.random.random() ** 2)
        self.remove(living[place])

    def delete_and_insert(self) -> None:
        """The count stays as it was."""
        self.delete()
        self.insert()

    def insert(self) -> None:
        self.inserted.append(add_invoice(self.simulator, self.client_id)["id"])
        if self.random.random() < 0.3:
            self.remove(self.inserted[-1])

    def flip(self) -> None:
        living = sorted(self.simulator.state.tables["invoices"])
        self.simulator.state.update("invoices", self.random.choice(living), status="void")

    def remove(self, invoice_id: int) -> None:
        self.simulator.state.delete("invoices", invoice_id)
        self.deleted.append(invoice_id)
        self.steadfast.discard(invoice_id)
