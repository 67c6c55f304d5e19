"""The circuit breaker."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from dfd.backends.breaker import BreakerState, CircuitBreaker


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(clock, failures_to_open=3, cool_down_s=10)


def fail(breaker: CircuitBreaker, times: int = 1) -> list[bool]:
    outcomes = []
    for _ in range(times):
        assert breaker.admit()
        outcomes.append(breaker.failed("refused"))
    return outcomes


def test_it_opens_after_failures_in_a_row_and_says_why(breaker: CircuitBreaker, clock: Clock) -> None:
    assert fail(breaker, 3) == [False, False, True]
    clock.now_s = 4.0
    assert breaker.state is BreakerState.OPEN
    assert not breaker.admit()
    assert breaker.reason == "left alone for another 6 s after 3 failures; the last: refused"


def test_a_success_in_between_begins_the_count_anew(breaker: CircuitBreaker) -> None:
    fail(breaker, 2)
    assert not breaker.succeeded()
    assert fail(breaker, 2) == [False, False]
    assert breaker.state is BreakerState.CLOSED
    assert breaker.reason is None


def test_half_open_lets_one_through_at_a_time(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now_s = 10.0
    states = [breaker.state]
    assert breaker.admit()
    assert not breaker.admit()
    assert breaker.succeeded()
    assert [*states, breaker.state] == [BreakerState.HALF_OPEN, BreakerState.CLOSED]
    assert breaker.admit()


def test_a_failed_trial_opens_it_again_for_the_whole_time(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now_s = 10.0
    assert fail(breaker) == [True]
    clock.now_s = 19.0
    assert breaker.state is BreakerState.OPEN
    clock.now_s = 20.0
    assert breaker.admit()


def test_a_trial_that_tells_nothing_leaves_room_for_the_next(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now_s = 10.0
    assert breaker.admit()
    breaker.left()
    assert breaker.admit()


def test_a_late_failure_does_not_make_the_open_time_longer(breaker: CircuitBreaker, clock: Clock) -> None:
    assert breaker.admit()  # under way while others fail
    fail(breaker, 3)
    clock.now_s = 9.0
    assert not breaker.failed("late")
    clock.now_s = 10.0
    assert breaker.state is BreakerState.HALF_OPEN


def test_of_many_threads_one_makes_the_trial(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now_s = 10.0
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: breaker.admit(), range(64))) == 1
