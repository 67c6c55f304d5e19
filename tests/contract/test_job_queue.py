"""What every adapter of `JobQueue` must do: wake who waits. Nothing may rest on it, so little is asked of it."""

import threading
from collections.abc import Callable

import pytest
from tests.api_client import PATIENCE_S
from tests.fakes import FakeQueue

from dfd.ports import JobQueue
from dfd.queues.embedded import EmbeddedQueue

ADAPTERS: dict[str, Callable[[], JobQueue]] = {"fake": FakeQueue, "embedded": EmbeddedQueue}


@pytest.fixture(params=ADAPTERS)
def queue(request: pytest.FixtureRequest) -> JobQueue:
    return ADAPTERS[request.param]()


def test_nobody_is_woken_without_a_call(queue: JobQueue) -> None:
    assert not queue.wait(0.0)
    queue.announce([])
    assert not queue.wait(0.0)


def test_a_call_that_came_before_is_heard(queue: JobQueue) -> None:
    queue.announce(["a"])
    assert queue.wait(0.0)


def test_each_of_several_jobs_wakes_somebody(queue: JobQueue) -> None:
    queue.announce(["a", "b"])
    assert [queue.wait(0.0) for _ in range(2)] == [True, True]


def test_who_waits_is_woken_by_another_thread() -> None:
    queue, woken = EmbeddedQueue(), threading.Event()

    def wait() -> None:
        if queue.wait(PATIENCE_S):
            woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    queue.announce(["a"])
    assert woken.wait(PATIENCE_S)
    thread.join()
    assert not queue.wait(0.0)
