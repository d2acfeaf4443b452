"""Ambiguous writes of everything that costs money: never done twice, unknown shown as unknown, and ended rightly.

Each case breaks one write of one operation in one way, at a moment that a seed chooses, and then asks again as people
and machines do: by clicking, by posting the page once more, by delivering the task again. When Blesta answers again,
the looks of the reconciler must find out what happened, and nobody may have paid twice.

`BLESTA_FAULT_WRITES` is the number of cases per operation; otherwise ten times as many as `make faults` has seeds.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from celery import _state as celery_state
from django.db import connection, connections
from django.utils import timezone

from django_blesta.exceptions import BlestaError
from django_blesta.models import Operation
from django_blesta.operations import KINDS, errors, reconcile, state_of
from django_blesta.testing.simulator import Fault, Simulator
from tests.faults import killed
from tests.faults.money import MONEY, Numbers, customer

FEW = 24
State = Operation.State
OPEN_STATES = {State.SENDING, State.UNKNOWN, State.RECONCILING, State.NEEDS_HUMAN}
OPEN_SENTENCES = {errors.UNKNOWN, errors.UNDER_WAY, errors.PARTLY, errors.IN_HANDS}
CHUNK = 100
"""A fresh simulator after so many cases, so that its tables stay short."""

# What goes wrong with the write, by its name: the fault's fields.
NOT_ARRIVED: dict[str, dict[str, Any]] = {
    "dropped before": {"close": True},
    "500 before": {"status": 500},
    "502 before": {"status": 502, "body": "<html>Bad Gateway</html>"},
    "429 before": {"status": 429, "body": "<html>Slow down</html>"},
    "redirect before": {"status": 302, "body": "", "headers": {"Location": "/api/"}},
}
ARRIVED: dict[str, dict[str, Any]] = {
    "dropped after": {"close": True, "after_effect": True},
    "502 after": {"status": 502, "body": "<html>Bad Gateway</html>", "after_effect": True},
    "500 after": {"status": 500, "after_effect": True},
    "empty after": {"status": 200, "body": "", "after_effect": True},
    "cut short": {"truncate": 7},
    "hangs after": {"hold": True, "after_effect": True},
    "late": {"late": True},
}
KILLED = {"killed before": {"hold": True}, "killed after": {"hold": True, "after_effect": True}}
MISHAPS = [*NOT_ARRIVED, *ARRIVED, *KILLED]


def cases() -> int:
    wanted = os.environ.get("BLESTA_FAULT_WRITES")
    seeds = os.environ.get("BLESTA_FAULT_SEEDS")
    return int(wanted) if wanted else int(seeds) * 10 if seeds else FEW


@pytest.fixture
def context(transactional_db: None) -> Any:
    return killed.server(str(connection.settings_dict["NAME"]))


@pytest.fixture
def deaf_workers() -> Iterator[None]:
    """Whoever is woken here is nobody: each case looks by itself, and no queue of others is filled."""
    previous = celery_state.get_current_app()
    app = Celery("deaf", broker="memory://", set_as_current=False)
    app.set_current()
    app.set_default()
    yield
    app.close()
    previous.set_current()
    previous.set_default()


def simulators(settings: Any) -> Iterator[Simulator]:
    """A new one for every so many cases, on which the site's settings then point."""
    while True:
        with Simulator(companies=0) as simulator:
            simulator.clock.set(timezone.now())
            simulator.add_company()
            settings.BLESTA = dict(simulator.settings()) | {
                "REQUESTS_PER_SECOND": None,
                "CHARGE_STORED_ACCOUNTS": True,
                "WRITE_TIMEOUT": 30,
            }
            for _ in range(CHUNK):
                yield simulator
            assert simulator.crashes == []


class Case:
    """One ambiguous write, from the asking to its end."""

    def __init__(self, kind: str, blesta: Simulator, settings: Any, context: Any, seed: int) -> None:
        self.kind, self.blesta, self.settings, self.context = kind, blesta, settings, context
        self.random = random.Random(f"{kind} {seed}")
        self.money = MONEY[kind]
        self.ids: Numbers = customer(blesta)
        self.token = f"{kind}-{seed}"
        self.mishap = MISHAPS[seed % len(MISHAPS)]
        self.call = self.random.choice(self.money.calls)
        self.clicks = self.random.choice((1, 1, 5))

    def __repr__(self) -> str:
        return f"{self.token}: {self.mishap} on {self.call}, {self.clicks} at once"

    def ask(self) -> str:
        """The class of what it raised, or nothing."""
        try:
            self.money.ask(self.ids, self.token)
        except BlestaError as error:
            return type(error).__name__
        return ""

    def run(self) -> str:
        model, _, method = self.call.rpartition(".")
        fields = {**NOT_ARRIVED, **ARRIVED, **KILLED}[self.mishap]
        fault = self.blesta.fail(model=model, method=method, verb="POST", **fields)
        if self.mishap in KILLED:
            self._kill(fault)
        elif fault.hold:
            self._hang(fault)
        else:
            self._click(self.clicks)
        assert fault.hits == 1, f"{self} never came to the call"
        self._shown_as_unknown()
        # The task is delivered again, twice, while nobody knows.
        assert self.ask() in ("OutcomeUnknown", "PartlyDone"), self
        self._click(2)
        self._shown_as_unknown()
        return self._end()

    def _click(self, times: int) -> None:
        if times == 1:
            self.ask()
            return
        barrier = threading.Barrier(times)

        def click() -> None:
            try:
                barrier.wait(20)
                self.ask()
            finally:
                connections.close_all()

        threads = [threading.Thread(target=click) for _ in range(times)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive(), self

    def _hang(self, fault: Fault) -> None:
        """No answer comes within the site's patience."""
        before = self.settings.BLESTA
        self.settings.BLESTA = before | {"WRITE_TIMEOUT": 0.3}
        try:
            self._click(self.clicks)
        finally:
            self.settings.BLESTA = before
            fault.release()
        assert fault.wait_until_hit()

    def _kill(self, fault: Fault) -> None:
        """The process dies between sending and hearing. What it sent arrives all the same, or is dropped."""
        process = self.context.Process(
            target=killed.ask, args=(self.kind, self.ids, self.token, dict(self.settings.BLESTA))
        )
        process.start()
        try:
            assert fault.wait_until_hit(timeout=60), self
        finally:
            process.kill()
            process.join(30)
        fault.release()
        # Its last row is as old as a dead process's would be found.
        operation = Operation.objects.get(token=self.token)
        assert operation.state == State.SENDING, self
        Operation.objects.filter(pk=operation.pk).update(sent_at=timezone.now() - timedelta(hours=1))
        self._settled()

    def _settled(self) -> None:
        """What was under way when the process died has come to its effect: the simulator answers under one lock."""
        deadline = time.monotonic() + 10
        while self.money.effects(self.blesta, self.ids) < 1 and time.monotonic() < deadline:
            time.sleep(0.002)

    def _shown_as_unknown(self) -> None:
        operation = Operation.objects.get(token=self.token)
        assert state_of(operation) in OPEN_STATES, (self, operation.state)
        assert errors.sentence_of(operation) in OPEN_SENTENCES, self

    def _end(self) -> str:
        """Blesta answers again. A late effect comes before the first look, or between two."""
        looks = [60.0, KINDS[self.kind].looks[-1] + 1]
        late = self.mishap == "late"
        if late and self.random.random() < 0.5:
            self.blesta.land()
        for seconds in looks:
            operation = Operation.objects.get(token=self.token)
            sent = max(operation.sent_at or timezone.now(), timezone.now() - timedelta(seconds=1))
            reconcile(now=sent + timedelta(seconds=seconds))
            if late:
                self.blesta.land()
        operation = Operation.objects.get(token=self.token)
        effects = self.money.effects(self.blesta, self.ids)
        self._is_right(operation, effects)
        # And once more by the machine, when all is over.
        ended = self.ask()
        assert self.money.effects(self.blesta, self.ids) == effects, self
        assert (ended == "") is (operation.state == State.SUCCEEDED), (self, ended)
        return str(operation.state)

    def _is_right(self, operation: Operation, effects: int) -> None:
        story = (self, operation.state, operation.step, operation.evidence, effects)
        assert effects <= 1, story
        if operation.state == State.SUCCEEDED:
            assert effects == 1, story
            assert operation.step == len(self.money.calls), story
        elif operation.state == State.FAILED:
            assert effects == 0, story
        else:
            assert operation.state == State.NEEDS_HUMAN, story
            first = self.call == self.money.calls[0]
            assert not first or not self.money.sure, story
            assert not first or effects == 0, story
        applied = self.blesta.state.tables["invoices"][self.ids["invoice"]]
        assert applied["paid"] <= applied["total"], story


@pytest.mark.postgresql(
    "processes of their own are killed in the middle of it, which SQLite's one writer would hold up"
)
@pytest.mark.parametrize("kind", MONEY)
def test_nobody_pays_twice(kind: str, deaf_workers: None, settings: Any, context: Any) -> None:
    ended: Counter[str] = Counter()
    source = simulators(settings)
    began = time.monotonic()
    for seed in range(cases()):
        case = Case(kind, next(source), settings, context, seed)
        ended[case.run()] += 1
    source.close()  # type: ignore[attr-defined]  # of a generator
    assert sum(ended.values()) == cases()
    told = ", ".join(f"{count} {state}" for state, count in sorted(ended.items()))
    print(f"\n{kind}: {cases()} ambiguous writes, 0 duplicates; {told}; {time.monotonic() - began:.0f} s")
