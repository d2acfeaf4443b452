"""Statuses flip while they are listed: a row moves from one list to another, and is neither lost nor taken for gone."""

from __future__ import annotations

import threading
from random import Random
from typing import Any

import pytest

from django_blesta import sync
from django_blesta.models import Client, Invoice, Mirror, Order, Service, SyncRun, Ticket
from tests.sync.meddling import seeds

State = SyncRun.State
pytestmark = pytest.mark.django_db

#: Remote model, table, and the words that a row is flipped between.
FLIPPED: dict[type[Mirror], tuple[str, str, tuple[str, ...]]] = {
    Client: ("Clients", "clients", ("active", "inactive", "fraud")),
    Service: ("Services", "services", ("active", "suspended", "pending", "canceled", "in_review")),
    Invoice: ("Invoices", "invoices", ("active", "proforma", "void", "draft")),
    Ticket: ("SupportManagerTickets", "tickets", ("open", "awaiting_reply", "in_progress", "on_hold", "closed")),
    Order: ("OrderOrders", "orders", ("pending", "accepted", "fraud", "canceled")),
}


class Flipper:
    """Before each page of one listing, gives a few rows another status; often back to what it was."""

    def __init__(self, installation: Any, model: type[Mirror], seed: int) -> None:
        self.installation, self.random = installation, Random(seed)
        self.remote, self.table, self.words = FLIPPED[model]
        self.flips = 0
        self._lock = threading.Lock()

    def __call__(self, request: Any) -> None:
        # A plugin's model has the plugin's name before it in the address.
        if request.method != "getList" or not request.model.replace("_", "").lower().endswith(self.remote.lower()):
            return
        state = self.installation.state
        with self._lock, state.lock:
            living = sorted(state.tables[self.table])
            for pk in self.random.sample(living, min(3, len(living))):
                state.update(self.table, pk, status=self.random.choice(self.words))
                self.flips += 1


@pytest.mark.parametrize("blesta_simulator", [{"clients": 20, "seed": 5}], indirect=True)
@pytest.mark.parametrize("in_flight", [1, 8])
@pytest.mark.parametrize("model", FLIPPED, ids=lambda model: model.__name__)
@pytest.mark.parametrize("seed", seeds(2))
def test_no_row_is_lost_or_gone_while_statuses_flip(blesta, settings, model, seed, in_flight):
    settings.BLESTA = {**settings.BLESTA, "MAX_IN_FLIGHT": in_flight}
    blesta.switches.page_size = 5
    assert sync.run([model])[0].state == State.COMPLETE
    flipper = Flipper(blesta, model, seed)
    living = set(blesta.state.tables[flipper.table])
    blesta.meddle(flipper)
    (run,) = sync.run([model])
    assert run.state == State.COMPLETE, run.error
    assert flipper.flips
    assert run.gone == 0
    assert set(model._base_manager.filter(gone_at=None).values_list("pk", flat=True)) == living

    blesta.meddle(None)
    assert sync.run([model])[0].state == State.COMPLETE
    shown = {pk: row["status"] for pk, row in blesta.state.tables[flipper.table].items()}
    assert dict(model._base_manager.values_list("pk", "status")) == shown
