"""The states of a job: what each transition does, and that no order of events ends a job twice or brings it back."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import FakeJobStore, make_job
from tests.job_machine import AWAY, LEASE_S, RETRY, JobMachine

from dfd.delivery import Delivery
from dfd.job import WORKER_LOST, Job, JobState


def running(job: Job | None = None, now_s: float = 110.0) -> Job:
    claimed = (job or make_job()).claimed("worker", now_s, LEASE_S)
    assert claimed is not None
    return claimed


def done(job: Job, claim: int = 1) -> Job | None:
    return job.succeeded(claim, 120.0, "fake", 0.9, "key", frames=10)


def test_a_claim_is_a_lease_with_a_number() -> None:
    job = running()
    assert (job.state, job.claims, job.attempts, job.worker) == (JobState.RUNNING, 1, 1, "worker")
    assert (job.started_at_s, job.lease_expires_at_s) == (110.0, 140.0)
    assert job.claimed("other", 111.0, LEASE_S) is None


def test_a_heartbeat_renews_the_lease_and_tells_progress() -> None:
    job = running().renewed(1, 115.0, LEASE_S, 3, 10)
    assert job is not None
    assert (job.lease_expires_at_s, job.done_frames, job.total_frames) == (145.0, 3, 10)
    assert job.renewed(2, 116.0, LEASE_S, 4, 10) is None


def test_success_is_an_end_and_clears_the_last_failure() -> None:
    again = running(make_job(failure=AWAY))
    job = done(again)
    assert job is not None
    assert (job.state, job.verdict, job.failure, job.finished_at_s) == (JobState.SUCCEEDED, "fake", None, 120.0)
    assert job.lease_expires_at_s is None


def test_success_tells_all_frames_even_where_no_heartbeat_did() -> None:
    job = running().succeeded(1, 120.0, "fake", 0.9, "key", frames=10)
    assert job is not None
    assert (job.done_frames, job.total_frames) == (10, 10)


def test_who_was_thought_dead_changes_nothing_any_more() -> None:
    requeued = running().swept(140.0, RETRY)
    assert requeued is not None and requeued.state is JobState.QUEUED
    assert done(requeued) is None
    again = running(requeued, 141.0)
    assert again.claims == 2
    for late in (
        done(again),
        again.failed(1, 142.0, AWAY),
        again.set_back(1, 142.0, AWAY, RETRY),
        again.given_back(1, 142.0),
        again.renewed(1, 142.0, LEASE_S, 1, 2),
        again.stopped(1, 142.0),
    ):
        assert late is None


def test_a_job_that_keeps_killing_its_worker_is_parked_with_its_reason() -> None:
    job = make_job()
    for attempt in range(1, RETRY.max_attempts + 1):
        job = running(job, 1000.0 * attempt)
        swept = job.swept(1000.0 * attempt + LEASE_S, RETRY)
        assert swept is not None
        job = swept
    assert job.state is JobState.FAILED
    assert job.failure is not None and job.failure.code == WORKER_LOST
    assert "3 attempts" in job.failure.message


def test_a_lease_that_holds_is_left_alone() -> None:
    assert running().swept(139.9, RETRY) is None
    assert make_job().swept(1e9, RETRY) is None


def test_a_failure_that_may_pass_waits_longer_each_time() -> None:
    first = running().set_back(1, 120.0, AWAY, RETRY)
    assert first is not None
    assert (first.state, first.not_before_s, first.failure) == (JobState.QUEUED, 122.0, AWAY)
    assert first.claimed("worker", 121.0, LEASE_S) is None
    second = running(first, 122.0).set_back(2, 130.0, AWAY, RETRY)
    assert second is not None and second.not_before_s == 134.0
    third = running(second, 140.0).set_back(3, 150.0, AWAY, RETRY)
    assert third is not None and (third.state, third.failure) == (JobState.FAILED, AWAY)


def test_giving_back_does_not_count() -> None:
    job = running().given_back(1, 120.0)
    assert job is not None
    assert (job.state, job.attempts, job.claims) == (JobState.QUEUED, 0, 1)


def test_a_waiting_job_is_cancelled_at_once() -> None:
    job = make_job().cancelled(105.0)
    assert job is not None
    assert (job.state, job.finished_at_s) == (JobState.CANCELLED, 105.0)
    assert job.claimed("worker", 106.0, LEASE_S) is None


END_OF_A_HOLDER: list[Callable[[Job], Job | None]] = [
    done,
    lambda job: job.failed(1, 120.0, AWAY),
    lambda job: job.set_back(1, 120.0, AWAY, RETRY),
    lambda job: job.given_back(1, 120.0),
    lambda job: job.stopped(1, 120.0),
    lambda job: job.swept(140.0, RETRY),
]


@pytest.mark.parametrize("end", END_OF_A_HOLDER)
def test_a_cancellation_that_came_first_wins(end: Callable[[Job], Job | None]) -> None:
    marked = running().cancelled(115.0)
    assert marked is not None and (marked.state, marked.cancel_requested) == (JobState.RUNNING, True)
    assert marked.cancelled(116.0) is None
    job = end(marked)
    assert job is not None and job.state is JobState.CANCELLED


def test_only_what_is_to_be_cancelled_is_stopped() -> None:
    assert running().stopped(1, 120.0) is None


def test_a_job_that_waits_too_long_expires_and_is_not_claimed() -> None:
    job = make_job(expires_at_s=200.0)
    assert job.swept(199.0, RETRY) is None
    assert job.claimed("worker", 200.0, LEASE_S) is None
    expired = job.swept(200.0, RETRY)
    assert expired is not None and expired.state is JobState.EXPIRED


def test_a_running_job_does_not_expire() -> None:
    assert running(make_job(expires_at_s=200.0)).swept(139.0, RETRY) is None


def test_the_file_goes_once_and_only_after_the_end() -> None:
    assert running().without_input() is None
    ended = done(running())
    assert ended is not None
    without = ended.without_input()
    assert without is not None and without.input_key is None
    assert without.without_input() is None


@given(st.integers(1, 10_000))
def test_delays_grow_to_a_limit(attempts: int) -> None:
    assert RETRY.delay_s(attempts) <= RETRY.delay_s(attempts + 1) <= RETRY.longest_delay_s


# --- any order of events ------------------------------------------------------------------------------------------


class _InMemory(JobMachine):
    def make_store(self) -> FakeJobStore:
        self.fake = FakeJobStore()
        return self.fake

    def deliveries_of(self, job_id: str) -> list[Delivery]:
        return self.fake.deliveries().of_job(job_id)


TestAnyOrderOfEvents = _InMemory.TestCase
