"""What every adapter of `DeliveryStore` must do, and `JobStore` where it meets deliveries."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fakes import FakeJobStore, make_job
from tests.job_databases import new_store

from dfd.delivery import Answer, Delivery, DeliveryState, Patience
from dfd.errors import DeliveryConflict
from dfd.job import Job, JobFailure, JobState, Retry, Submission
from dfd.ports import JobStore
from dfd.ports.deliveries import DeliveryStore, Errand

LEASE_S = 50.0
PATIENCE = Patience(max_attempts=5)
URL = "https://a.example/hook"


@dataclass
class Tables:
    """The table of jobs, and that of their deliveries."""

    jobs: JobStore
    deliveries: DeliveryStore

    def add(self, *job_ids: str, **changes: object) -> None:
        self.jobs.add([make_job(job_id, callback_url=URL, **changes) for job_id in job_ids])

    def cancel(self, *job_ids: str, now_s: float = 120.0) -> None:
        for job_id in job_ids:
            assert self.jobs.change(job_id, lambda job: job.cancelled(now_s)) is not None

    def claim(self, now_s: float = 130.0) -> Errand | None:
        return self.deliveries.claim(lambda delivery: delivery.claimed(now_s, LEASE_S, PATIENCE), now_s)

    def answer(self, errand: Errand, answer: Answer, now_s: float = 131.0) -> Delivery | None:
        number = errand.delivery.attempts
        return self.deliveries.change(
            errand.delivery.job_id,
            errand.delivery.number,
            lambda delivery: delivery.answered(number, answer, now_s, PATIENCE, 0.5),
        )


@pytest.fixture(params=["fake", "sqlite", "postgres"])
def tables(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tables]:
    if request.param == "fake":
        fake = FakeJobStore()
        yield Tables(fake, fake.deliveries())
        return
    with new_store(request, tmp_path) as sql:
        yield Tables(sql, sql.deliveries())


ENDS: dict[str, Callable[[Job], Job | None]] = {
    "succeeded": lambda job: job.succeeded(1, 120.0, "fake", 0.9, "key", frames=10),
    "failed": lambda job: job.failed(1, 120.0, JobFailure("unreadable_video", "no video")),
    "given up": lambda job: job.set_back(1, 120.0, JobFailure("x", "y"), Retry(max_attempts=1)),
    "worker lost": lambda job: job.swept(200.0, Retry(max_attempts=1)),
}


@pytest.mark.parametrize("end", ENDS)
def test_an_end_brings_a_delivery_with_it(tables: Tables, end: str) -> None:
    tables.add("told")
    tables.jobs.add([make_job("silent")])
    for _ in range(2):
        assert tables.jobs.claim(lambda job: job.claimed("w", 110.0, 30.0), 110.0) is not None
    assert tables.deliveries.of_job("told") == []
    for job_id in ("told", "silent"):
        assert tables.jobs.change(job_id, ENDS[end], report="{}") is not None
        assert tables.jobs.change(job_id, ENDS[end], report="{}") is None
        tables.jobs.change(job_id, Job.without_input)
    [delivery] = tables.deliveries.of_job("told")
    finished_s = delivery.created_at_s
    assert delivery == Delivery("told", 1, DeliveryState.PENDING, finished_s, finished_s)
    assert tables.deliveries.of_job("silent") == []


def test_expired_cancelled_and_known_jobs_are_told_of_too(tables: Tables) -> None:
    tables.add("expires", expires_at_s=115.0)
    tables.add("cancelled")
    tables.add("known", state=JobState.SUCCEEDED, finished_at_s=100.0, result_key="key")
    tables.cancel("cancelled")
    tables.jobs.change("expires", lambda job: job.swept(120.0, Retry()))
    for job_id in ("expires", "cancelled", "known"):
        assert len(tables.deliveries.of_job(job_id)) == 1


def test_a_job_that_was_accepted_twice_is_told_of_once(tables: Tables) -> None:
    for _ in range(2):
        born = make_job(
            callback_url=URL, state=JobState.SUCCEEDED, finished_at_s=100.0, submission=Submission("k", "aa", 0)
        )
        tables.jobs.add([born])
    assert len(tables.deliveries.of_job("job-1")) == 1


def test_an_end_that_is_not_written_brings_nothing(tables: Tables) -> None:
    tables.add("job-1")

    def broken(job: Job) -> Job | None:
        job.cancelled(120.0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        tables.jobs.change("job-1", broken)
    assert tables.deliveries.of_job("job-1") == []


def test_ends_at_the_same_time_bring_one_delivery(tables: Tables) -> None:
    tables.add("job-1")
    barrier = threading.Barrier(4)

    def end(_number: int) -> bool:
        barrier.wait()
        return tables.jobs.change("job-1", lambda job: job.cancelled(120.0)) is not None

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(end, range(4))) == 1
    assert len(tables.deliveries.of_job("job-1")) == 1


def test_what_is_due_is_claimed_in_the_order_in_which_it_became_so(tables: Tables) -> None:
    tables.add("late", "early", "later")
    tables.cancel("late", now_s=125.0)
    tables.cancel("early", now_s=120.0)
    tables.cancel("later", now_s=140.0)
    errands = [tables.claim() for _ in range(3)]
    assert [errand and errand.job.job_id for errand in errands] == ["early", "late", None]
    first = errands[0]
    assert first is not None
    assert first.job.callback_url == URL
    assert [first.delivery] == tables.deliveries.of_job("early")
    assert tables.claim(140.0) is not None


def test_every_field_survives_a_life(tables: Tables) -> None:
    tables.add("job-1")
    tables.cancel("job-1", now_s=1_794_999_999.987654)
    first = tables.claim(1_795_000_000.123456)
    assert first is not None
    waiting = tables.answer(first, Answer(error="time"), 1_795_000_001.5)
    assert waiting is not None and waiting.state is DeliveryState.PENDING
    assert tables.deliveries.of_job("job-1") == [waiting]
    assert tables.claim(1_795_000_001.5) is None
    second = tables.claim(1_795_000_100.0)
    assert second is not None
    done = tables.answer(second, Answer(204), 1_795_000_100.25)
    assert done is not None and done.state is DeliveryState.DELIVERED
    assert [attempt.status for attempt in done.log] == [None, 204]
    assert tables.deliveries.of_job("job-1") == [done]
    assert tables.claim(1e10) is None


def test_a_lease_that_ends_frees_a_delivery(tables: Tables) -> None:
    tables.add("job-1")
    tables.cancel("job-1")
    dead = tables.claim(130.0)
    assert dead is not None
    assert tables.claim(130.0 + LEASE_S - 1) is None
    second = tables.claim(130.0 + LEASE_S)
    assert second is not None and second.delivery.attempts == 2
    assert tables.answer(dead, Answer(204)) is None
    assert tables.answer(second, Answer(204)) is not None


def test_no_delivery_is_claimed_twice_however_many_try(tables: Tables) -> None:
    job_ids = [f"job-{number}" for number in range(30)]
    tables.add(*job_ids)
    tables.cancel(*job_ids)
    barrier = threading.Barrier(4)

    def send(_number: int) -> list[str]:
        barrier.wait()
        return [errand.job.job_id for _ in range(60) if (errand := tables.claim()) is not None]

    with ThreadPoolExecutor(4) as pool:
        claimed = [job_id for mine in pool.map(send, range(4)) for job_id in mine]
    assert sorted(claimed) == sorted(job_ids)


def test_a_transition_that_says_no_changes_nothing(tables: Tables) -> None:
    tables.add("job-1")
    tables.cancel("job-1")
    before = tables.deliveries.of_job("job-1")
    assert tables.deliveries.change("job-1", 1, lambda delivery: None) is None
    assert tables.deliveries.change("job-1", 2, lambda delivery: delivery) is None
    assert tables.deliveries.change("nobody", 1, lambda delivery: delivery) is None
    assert tables.deliveries.claim(lambda delivery: None, 130.0) is None
    assert tables.deliveries.of_job("job-1") == before


def _another(known: Sequence[Delivery]) -> Delivery:
    if not known[-1].over:
        raise DeliveryConflict("on its way")
    return known[-1].again(known[-1].number + 1, 200.0)


def test_deliveries_are_added_by_one_at_a_time(tables: Tables) -> None:
    assert tables.deliveries.add("nobody", _another) is None
    tables.add("job-1")
    tables.cancel("job-1")
    with pytest.raises(DeliveryConflict):
        tables.deliveries.add("job-1", _another)
    errand = tables.claim()
    assert errand is not None and tables.answer(errand, Answer(410)) is not None
    barrier = threading.Barrier(4)

    def replay(_number: int) -> bool:
        barrier.wait()
        try:
            return tables.deliveries.add("job-1", _another) is not None
        except DeliveryConflict:
            return False

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(replay, range(4))) == 1
    found = tables.deliveries.of_job("job-1")
    assert [(delivery.number, delivery.state.value) for delivery in found] == [(1, "failed"), (2, "pending")]
    errand = tables.claim(200.0)
    assert errand is not None and errand.delivery.number == 2


def test_deliveries_go_with_their_job(tables: Tables) -> None:
    tables.add("job-1")
    tables.cancel("job-1")
    tables.jobs.change("job-1", Job.without_input)
    assert tables.jobs.remove_ended(200.0, 10) == 1
    assert tables.deliveries.of_job("job-1") == []
    assert tables.claim(1e9) is None
