"""Webhooks from real tables to a real receiver: what arrives, when it comes again, and what is never sent."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.api_client import PATIENCE_S
from tests.fakes import make_job
from tests.live_service import until
from tests.webhook_receiver import Receiver, receiving

from dfd.delivery import Delivery, Patience
from dfd.job_store.sql import SqlJobStore
from dfd.jobs.deliverer import Deliverer
from dfd.jobs.policy import DeliveryPolicy
from dfd.signing import is_genuine
from dfd.webhooks.notifier import SignedNotifier
from dfd.webhooks.sending import Sender

SECRET = "correct-horse-battery"
PATIENCE = Patience(max_attempts=4, first_delay_s=0.02, longest_delay_s=0.05)


@dataclass
class Table:
    """A table of jobs with one that has ended, and those who tell of it."""

    store: SqlJobStore
    sender: Sender
    patience: Patience = PATIENCE

    def deliverer(self) -> Deliverer:
        policy = DeliveryPolicy(self.patience, lease_s=30.0)
        notifier = SignedNotifier(self.sender, [SECRET], "1")
        return Deliverer(self.store.deliveries(), notifier, policy, time.time, lambda: 0.5)

    def end(self, url: str, job_id: str = "job-1") -> None:
        self.store.add([make_job(job_id, callback_url=url)])
        assert self.store.change(job_id, lambda job: job.cancelled(time.time())) is not None

    def told(self, job_id: str = "job-1") -> Delivery:
        [delivery] = self.store.deliveries().of_job(job_id)
        return delivery

    def deliver(self) -> Delivery:
        """Deliver until there is nothing more to be done."""
        deliverer = self.deliverer()

        def over() -> bool:
            deliverer.deliver_one()
            return self.told().over

        until(over)
        return self.told()


@pytest.fixture(params=["sqlite", "postgres"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Table]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'jobs.sqlite3'}"
    else:
        url = request.getfixturevalue("postgres").new_database()
    store = SqlJobStore(url)
    store.migrate()
    yield Table(store, Sender(allow_http=True, allow_private=True, limit_s=PATIENCE_S))
    store.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as listening:
        yield listening


def statuses(delivery: Delivery) -> list[int | str | None]:
    return [attempt.status or attempt.error for attempt in delivery.log]


def test_an_event_arrives_signed(table: Table, receiver: Receiver) -> None:
    table.end(receiver.url())
    delivery = table.deliver()
    assert (delivery.state.value, statuses(delivery)) == ("delivered", [204])
    [got] = receiver.got
    assert is_genuine(SECRET, got.headers, got.body, time.time())
    assert (got.event["type"], got.event["job"]["id"]) == ("job.cancelled", "job-1")


def test_a_receiver_that_stumbles_gets_the_same_event_until_it_takes_it(table: Table, receiver: Receiver) -> None:
    receiver.statuses = [500, 503]
    table.end(receiver.url())
    assert statuses(table.deliver()) == [500, 503, 204]
    assert len(receiver.got) == 3
    assert len({got.body for got in receiver.got}) == 1


def test_a_receiver_that_never_takes_it_is_given_up(table: Table, receiver: Receiver) -> None:
    receiver.status = 500
    table.end(receiver.url())
    delivery = table.deliver()
    assert (delivery.state.value, statuses(delivery)) == ("failed", [500] * PATIENCE.max_attempts)
    assert len(receiver.got) == PATIENCE.max_attempts


def test_a_receiver_that_does_not_answer_in_time_is_tried_again(table: Table, receiver: Receiver) -> None:
    table.sender = Sender(allow_http=True, allow_private=True, limit_s=0.2)
    receiver.hold.clear()
    table.end(receiver.url())
    deliverer = table.deliverer()
    assert deliverer.deliver_one()
    assert (table.told().state.value, statuses(table.told())) == ("pending", ["time"])
    receiver.hold.set()
    table.sender = Sender(allow_http=True, allow_private=True, limit_s=PATIENCE_S)
    assert statuses(table.deliver()) == ["time", 204]


def test_a_receiver_that_is_not_there_is_tried_again(table: Table) -> None:
    with receiving() as gone:
        url, port = gone.url(), gone.port
    table.end(url)
    assert table.deliverer().deliver_one()
    assert statuses(table.told()) == ["connection"]
    with receiving(port) as back:
        assert statuses(table.deliver())[-1] == 204
        assert len(back.got) == 1


def test_a_redirect_is_not_followed(table: Table, receiver: Receiver) -> None:
    with receiving() as elsewhere:
        receiver.status, receiver.headers = 307, {"Location": elsewhere.url()}
        table.end(receiver.url())
        delivery = table.deliver()
        assert (delivery.state.value, set(statuses(delivery))) == ("failed", {307})
        assert elsewhere.got == []


def test_who_is_gone_is_not_asked_again(table: Table, receiver: Receiver) -> None:
    receiver.status = 410
    table.end(receiver.url())
    delivery = table.deliver()
    assert (delivery.state.value, statuses(delivery), len(receiver.got)) == ("failed", [410], 1)


@pytest.mark.parametrize("host", ["127.0.0.1", "receiver.example"])
def test_a_private_address_is_never_connected_to(table: Table, receiver: Receiver, host: str) -> None:
    """Also one behind a name, which only resolving shows, and also where the second answer would be another one."""
    asked: list[str] = []

    def rebinding(name: str, _port: int) -> list[str]:
        asked.append(name)
        return ["127.0.0.1"] if len(asked) == 1 else ["93.184.216.34"]

    table.sender = Sender(allow_http=True, resolver=rebinding, limit_s=PATIENCE_S)
    table.end(receiver.url(host))
    delivery = table.deliver()
    assert (delivery.state.value, statuses(delivery)) == ("failed", ["address"])
    assert receiver.got == []
    assert len(asked) <= 1


def test_two_replicas_do_not_both_send(table: Table, receiver: Receiver) -> None:
    receiver.hold.clear()
    table.end(receiver.url())
    first = threading.Thread(target=table.deliverer().deliver_one)
    first.start()
    until(lambda: len(receiver.got) == 1)
    assert not table.deliverer().deliver_one()
    receiver.hold.set()
    first.join(PATIENCE_S)
    assert not table.deliverer().deliver_one()
    assert (len(receiver.got), statuses(table.told())) == (1, [204])


def test_many_events_and_many_senders_are_one_delivery_each(table: Table, receiver: Receiver) -> None:
    job_ids = [f"job-{number}" for number in range(40)]
    for job_id in job_ids:
        table.end(receiver.url(), job_id)

    def send(deliver_one: Callable[[], bool]) -> None:
        while deliver_one():
            pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, [table.deliverer().deliver_one for _ in range(4)]))
    assert sorted(got.event["job"]["id"] for got in receiver.got) == sorted(job_ids)
    assert {table.told(job_id).state.value for job_id in job_ids} == {"delivered"}
