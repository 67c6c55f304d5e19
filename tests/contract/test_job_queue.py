"""What every adapter of `JobQueue` must do: wake, and no more. Nothing may rest on it, so little is asked of it."""

import itertools
import threading
from collections.abc import Iterator

import pytest
from tests.api_client import PATIENCE_S
from tests.broker_servers import Broker, redis_server
from tests.fakes import FakeQueue

from dfd.errors import ConfigurationError, Unavailable
from dfd.ports import JobQueue
from dfd.queues.celery import MOST_CALLS, CeleryQueue
from dfd.queues.embedded import EmbeddedQueue

BROKERS = ["redis", "rabbitmq"]
_NAMES = itertools.count(1)


def celery_queue(request: pytest.FixtureRequest, broker: str) -> CeleryQueue:
    server: Broker = request.getfixturevalue(broker)
    return CeleryQueue(server.url, f"test-{next(_NAMES)}")


@pytest.fixture(params=["fake", "embedded", *BROKERS])
def queue(request: pytest.FixtureRequest) -> Iterator[JobQueue]:
    simple: dict[str, type[FakeQueue | EmbeddedQueue]] = {"fake": FakeQueue, "embedded": EmbeddedQueue}
    made = simple[request.param]() if request.param in simple else celery_queue(request, request.param)
    yield made
    made.close()


@pytest.fixture(params=BROKERS)
def celery(request: pytest.FixtureRequest) -> Iterator[CeleryQueue]:
    made = celery_queue(request, request.param)
    yield made
    made.close()


def test_nobody_is_woken_without_a_call(queue: JobQueue) -> None:
    assert not queue.wait(0.0)
    queue.announce([])
    assert not queue.wait(0.0)


def test_a_call_that_came_before_is_heard(queue: JobQueue) -> None:
    queue.announce(["a"])
    assert queue.wait(PATIENCE_S)


def test_each_of_several_jobs_wakes_somebody(queue: JobQueue) -> None:
    queue.announce(["a", "b"])
    assert [queue.wait(PATIENCE_S) for _ in range(2)] == [True, True]


def test_a_queue_that_was_closed_may_be_used_again(queue: JobQueue) -> None:
    queue.close()
    queue.announce(["a"])
    queue.close()
    queue.close()
    assert queue.wait(PATIENCE_S)


@pytest.mark.parametrize("kind", ["embedded", *BROKERS])
def test_who_waits_is_woken_by_another_thread(request: pytest.FixtureRequest, kind: str) -> None:
    queue = EmbeddedQueue() if kind == "embedded" else celery_queue(request, kind)
    woken = threading.Event()

    def wait() -> None:
        if queue.wait(PATIENCE_S):
            woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    queue.announce(["a"])
    assert woken.wait(PATIENCE_S)
    thread.join()
    assert not queue.wait(0.0)
    queue.close()


def test_closing_lets_those_go_who_wait() -> None:
    queue = EmbeddedQueue()
    thread = threading.Thread(target=queue.wait, args=(10 * PATIENCE_S,))
    thread.start()
    while thread.is_alive():
        queue.close()
        thread.join(0.01)


@pytest.mark.parametrize("broker", BROKERS)
def test_whoever_shares_the_broker_is_woken(request: pytest.FixtureRequest, broker: str) -> None:
    server: Broker = request.getfixturevalue(broker)
    name = f"test-{next(_NAMES)}"
    elsewhere, here = CeleryQueue(server.url, name), CeleryQueue(server.url, name)
    elsewhere.announce(["a"])
    assert here.wait(PATIENCE_S)
    for queue in (here, elsewhere):
        queue.close()


def test_calls_that_nobody_hears_do_not_grow_for_ever(celery: CeleryQueue) -> None:
    celery.announce([str(number) for number in range(MOST_CALLS + 5)])
    celery.announce(["one more"])
    assert all(celery.wait(PATIENCE_S) for _ in range(MOST_CALLS))
    assert not celery.wait(0.5)


def test_a_broker_that_is_away_stops_nobody_and_one_that_comes_back_is_used(caplog: pytest.LogCaptureFixture) -> None:
    with redis_server() as server:
        queue = CeleryQueue(server.url)
        queue.announce(["a"])
        assert queue.wait(PATIENCE_S)
        server.kill()
        queue.announce(["b"])
        assert not queue.wait(0.1)
        assert not queue.wait(0.1)
        server.start()
        while not queue.wait(0.2):
            queue.announce(["c"])
        queue.close()
    warnings = [record.getMessage() for record in caplog.records if record.name == "dfd.queues.celery"]
    assert len(warnings) >= 1
    assert server.url not in caplog.text


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="BROKER_URL"):
        CeleryQueue("carrier-pigeon://roof")


def test_a_queue_that_is_there_says_so(queue: JobQueue) -> None:
    queue.check()


def test_a_broker_that_is_away_is_told_of_and_its_password_is_not() -> None:
    with redis_server() as broker:
        queue = CeleryQueue(broker.url, "test-check")
        queue.check()
        broker.kill()
        with pytest.raises(Unavailable, match="the broker does not answer") as raised:
            queue.check()
        assert broker.url not in str(raised.value)
        broker.start()
        queue.check()
        queue.close()
