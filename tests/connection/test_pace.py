"""Turns and rates by a clock that only moves when it is told to."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from django_blesta.connection import Clock
from django_blesta.connection._pace import FIRST_WAIT, LONGEST_WAIT, Budget, OutOfTime, Pace, backoff
from django_blesta.exceptions import Unavailable
from tests.connection.conftest import Connect
from tests.connection.faulty_server import Arrived, FaultyServer, answer


class FrozenClock(Clock):
    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds


def starts(pace: Pace, clock: FrozenClock, calls: int) -> list[float]:
    times = []
    for _ in range(calls):
        with pace.turn(float("inf")):
            times.append(round(clock.now - 1000, 6))
    return times


def test_a_quiet_second_allows_a_burst_and_then_the_rate_holds() -> None:
    clock = FrozenClock()
    assert starts(Pace(4, 4.0, clock), clock, 10) == [0, 0, 0, 0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5]


def test_rate_below_one_a_second_has_no_burst() -> None:
    clock = FrozenClock()
    assert starts(Pace(4, 0.5, clock), clock, 3) == [0, 2, 4]


def test_quiet_time_is_not_saved_up_beyond_one_second() -> None:
    clock = FrozenClock()
    pace = Pace(4, 2.0, clock)
    starts(pace, clock, 2)
    clock.now += 3600
    assert [moment - 3600 for moment in starts(pace, clock, 4)] == [0, 0, 0.5, 1.0]


def test_no_rate_never_waits() -> None:
    clock = FrozenClock()
    assert starts(Pace(1, None, clock), clock, 100) == [0.0] * 100
    assert clock.slept == []


def test_turn_after_the_deadline_is_refused_and_spends_nothing() -> None:
    clock = FrozenClock()
    pace = Pace(1, 1.0, clock)
    starts(pace, clock, 1)
    for _ in range(5):
        with pytest.raises(OutOfTime), pace.turn(clock.now + 0.5):
            pytest.fail("There was no turn.")
    assert starts(pace, clock, 1) == [1.0]


def test_slot_is_given_back_after_an_error() -> None:
    clock = FrozenClock()
    pace = Pace(1, None, clock)
    with pytest.raises(KeyError), pace.turn(clock.now + 1):
        raise KeyError
    with pace.turn(clock.now + 1):
        pass


def test_no_more_than_so_many_are_in_flight() -> None:
    clock = FrozenClock()
    pace = Pace(2, None, clock)
    both_in, may_leave = threading.Barrier(3), threading.Event()

    def work() -> None:
        with pace.turn(float("inf")):
            both_in.wait(10)
            may_leave.wait(10)

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(work) for _ in range(2)]
        both_in.wait(10)
        with pytest.raises(OutOfTime), pace.turn(clock.now):
            pytest.fail("There was a third turn.")
        may_leave.set()
        for future in futures:
            future.result()
    with pace.turn(clock.now):
        pass


def test_calls_of_many_threads_arrive_at_most_so_many_at_a_time(server: FaultyServer, connect: Connect) -> None:
    lock, inside, most = threading.Lock(), 0, 0
    pair_is_in = threading.Barrier(2)

    def count(conversation: object, arrived: Arrived) -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        pair_is_in.wait(10)
        with lock:
            inside -= 1
        conversation.sendall(answer('{"response":1}'))  # type: ignore[attr-defined]

    server.otherwise = count
    connection = connect(server, MAX_IN_FLIGHT=2)

    def work() -> None:
        connection.read("Things", "get")
        connection.hang_up()

    with ThreadPoolExecutor(6) as pool:
        for future in [pool.submit(work) for _ in range(6)]:
            future.result()
    assert most == 2


def test_call_that_gets_no_turn_before_its_deadline_was_not_sent(server: FaultyServer, connect: Connect) -> None:
    connection = connect(server, REQUESTS_PER_SECOND=0.01, READ_DEADLINE=5, WRITE_DEADLINE=5)
    connection.read("Things", "get")
    for call, method in ((connection.read, "get"), (connection.write, "add")):
        with pytest.raises(Unavailable) as caught:
            call("Things", method)
        assert caught.value.reason == "throttled"
    assert len(server.requests) == 1


def test_budget_is_spent_and_filled() -> None:
    budget = Budget()
    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]
    for _ in range(9):
        budget.refill()
    assert not budget.spend()
    budget.refill()
    assert [budget.spend(), budget.spend()] == [True, False]
    for _ in range(1000):
        budget.refill()
    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]


@pytest.mark.parametrize("tries", range(1, 12))
def test_backoff_is_full_jitter_under_a_doubling_limit(tries: int) -> None:
    waits = [backoff(tries, Clock()) for _ in range(200)]
    limit = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (tries - 1))
    assert 0 <= min(waits) < limit / 2 < max(waits) <= limit
