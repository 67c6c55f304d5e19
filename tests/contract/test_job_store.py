"""What every adapter of `JobStore` must do."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes import FakeJobStore, FakeQueue, FakeStorage, make_job
from tests.job_databases import new_store

from dfd.errors import JobNotFound
from dfd.job import Job, JobFailure, JobState, Retry, Submission
from dfd.jobs.desk import JobDesk
from dfd.jobs.policy import JobPolicy
from dfd.ports import JobFilter, JobStore
from dfd.ports.observing import JobCensus
from dfd.report import Origin

LEASE_S = 30.0
RETRY = Retry(max_attempts=2)
EVERYTHING = JobFilter()


@pytest.fixture(params=["fake", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JobStore]:
    if request.param == "fake":
        yield FakeJobStore()
        return
    with new_store(request, tmp_path) as sql:
        yield sql


def claim(store: JobStore, now_s: float = 110.0, worker: str = "worker") -> Job | None:
    return store.claim(lambda job: job.claimed(worker, now_s, LEASE_S), now_s)


def success(claim: int, now_s: float = 120.0) -> Callable[[Job], Job | None]:
    return lambda job: job.succeeded(claim, now_s, "fake", 0.75, "key", frames=10)


def finish(store: JobStore, job_id: str, now_s: float = 120.0) -> Job:
    """Claim the one waiting job and end it."""
    held = claim(store, now_s - 1)
    assert held is not None and held.job_id == job_id
    ended = store.change(job_id, success(held.claims, now_s), report='{"verdict": "fake"}')
    assert ended is not None
    return ended


def test_what_is_added_comes_back_unchanged(store: JobStore) -> None:
    job = make_job(
        priority=3,
        external_id="ticket 7 \N{SNOWMAN}",
        callback_url="https://example.org/hook",
        submission=Submission("key-1", "f0" * 32, 0),
        expires_at_s=1_795_000_000.123456,
        created_at_s=1_794_999_999.987654,
        not_before_s=1_794_999_999.5,
        failure=JobFailure("backend_unavailable", "away"),
        total_frames=7,
        input_bytes=2**40,
    )
    [added] = store.add([job])
    assert added == replace(job, sequence=added.sequence)
    assert store.get(job.job_id) == added
    assert store.get("nobody") is None


def test_no_desk_asks_it_for_what_postgresql_does_not_look_for(store: JobStore) -> None:
    store.add([make_job()])
    desk = JobDesk(store, FakeStorage(), FakeQueue(), None, Origin("1", {}), JobPolicy(), lambda: 100.0)
    for ask in (desk.get, desk.cancel, desk.of("default").get, desk.of("default").cancel):
        with pytest.raises(JobNotFound):
            ask("job-1\0")


def test_every_field_survives_a_life(store: JobStore) -> None:
    store.add([make_job()])
    ended = finish(store, "job-1")
    assert store.get("job-1") == ended
    assert (ended.state, ended.fake_probability, ended.result_key) == (JobState.SUCCEEDED, 0.75, "key")
    assert store.report("job-1") == '{"verdict": "fake"}'


def test_adding_nothing_is_nothing(store: JobStore) -> None:
    assert store.add([]) == []


def test_jobs_are_claimed_by_priority_and_then_in_their_order(store: JobStore) -> None:
    store.add([make_job("low", priority=-1), make_job("first"), make_job("second")])
    store.add([make_job("high", priority=5)])
    claimed = [claim(store) for _ in range(5)]
    assert [job and job.job_id for job in claimed] == ["high", "first", "second", "low", None]


def test_a_job_is_claimed_only_when_its_time_has_come_and_before_it_is_over(store: JobStore) -> None:
    store.add([make_job("later", not_before_s=200.0, priority=9), make_job("over", expires_at_s=105.0, priority=8)])
    assert claim(store, 110.0) is None
    store.add([make_job("now")])
    found = claim(store, 110.0)
    assert found is not None and found.job_id == "now"
    late = claim(store, 200.0)
    assert late is not None and late.job_id == "later"


def test_no_job_is_claimed_twice_however_many_try(store: JobStore) -> None:
    store.add([make_job(f"job-{number}") for number in range(40)])
    barrier = threading.Barrier(4)

    def work(name: str) -> list[str]:
        barrier.wait()
        mine = []
        for _ in range(60):
            job = claim(store, worker=name)
            if job is not None:
                assert job.worker == name
                mine.append(job.job_id)
        return mine

    with ThreadPoolExecutor(4) as pool:
        claimed = [job_id for mine in pool.map(work, "abcd") for job_id in mine]
    assert sorted(claimed) == sorted(f"job-{number}" for number in range(40))


def test_of_several_ends_at_the_same_time_one_counts(store: JobStore) -> None:
    store.add([make_job()])
    held = claim(store)
    assert held is not None
    barrier = threading.Barrier(4)
    ends: list[Callable[[Job], Job | None]] = [
        success(held.claims),
        lambda job: job.failed(held.claims, 120.0, JobFailure("x", "y")),
        lambda job: job.swept(150.0, replace(RETRY, max_attempts=1)),
        success(held.claims),
    ]

    def end(transition: Callable[[Job], Job | None]) -> bool:
        barrier.wait()
        return store.change("job-1", transition, report="{}") is not None

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(end, ends)) == 1
    job = store.get("job-1")
    assert job is not None and job.ended
    assert (store.report("job-1") is not None) == (job.state is JobState.SUCCEEDED)


def test_changes_of_several_threads_are_all_made(store: JobStore) -> None:
    store.add([make_job()])
    held = claim(store)
    assert held is not None

    def beat(_number: int) -> None:
        def one_more(job: Job) -> Job | None:
            return job.renewed(held.claims, 111.0, LEASE_S, job.done_frames + 1, 100)

        assert store.change("job-1", one_more) is not None

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(beat, range(40)))
    job = store.get("job-1")
    assert job is not None and (job.done_frames, job.revision) == (40, held.revision + 40)


def test_a_transition_that_says_no_changes_nothing(store: JobStore) -> None:
    [added] = store.add([make_job()])
    assert store.change("job-1", lambda job: None, report="{}") is None
    assert store.change("nobody", lambda job: job, report="{}") is None
    assert store.get("job-1") == added
    assert store.report("job-1") is None


def test_what_a_transition_raises_comes_out_and_changes_nothing(store: JobStore) -> None:
    [added] = store.add([make_job()])

    def broken(job: Job) -> Job | None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.change("job-1", broken)
    assert store.get("job-1") == added
    assert claim(store) is not None


def test_a_report_is_kept_only_with_success(store: JobStore) -> None:
    store.add([make_job()])
    held = claim(store)
    assert held is not None
    failed = store.change("job-1", lambda job: job.failed(held.claims, 120.0, JobFailure("x", "y")), report="{}")
    assert failed is not None and failed.failure == JobFailure("x", "y")
    assert store.report("job-1") is None


def test_a_known_key_gives_the_jobs_that_came_with_it(store: JobStore) -> None:
    first = [make_job(f"first-{n}", submission=Submission("key", "aa", n)) for n in range(3)]
    added = store.add(first)
    assert store.add([make_job(f"second-{n}", submission=Submission("key", "aa", n)) for n in range(3)]) == added
    assert store.add([make_job("third", submission=Submission("key", "bb", 0))]) == added
    assert store.of_submission("default", "key") == added
    assert store.of_submission("default", "other") == []
    assert len(store.page(EVERYTHING, 10)) == 3


def test_one_key_used_at_the_same_time_is_used_once(store: JobStore) -> None:
    barrier = threading.Barrier(4)

    def submit(name: str) -> list[str]:
        barrier.wait()
        jobs = [make_job(f"{name}-{n}", submission=Submission("key", "aa", n)) for n in range(2)]
        return [job.job_id for job in store.add(jobs)]

    with ThreadPoolExecutor(4) as pool:
        outcomes = set(map(tuple, pool.map(submit, "abcd")))
    assert len(outcomes) == 1
    assert len(store.page(EVERYTHING, 10)) == 2


def test_a_job_born_with_its_answer_keeps_it(store: JobStore) -> None:
    born = make_job(state=JobState.SUCCEEDED, finished_at_s=100.0, result_key="key", answered_from="job-0")
    store.add([born], {"job-1": '{"a": 1}'})
    assert store.report("job-1") == '{"a": 1}'
    assert claim(store) is None


def test_pages_go_from_the_newest_to_the_oldest_and_miss_nothing(store: JobStore) -> None:
    added = store.add([make_job(f"job-{number}") for number in range(5)])
    assert [job.sequence for job in added] == sorted({job.sequence for job in added})
    first = store.page(EVERYTHING, 2)
    second = store.page(EVERYTHING, 2, before=first[-1].sequence)
    third = store.page(EVERYTHING, 2, before=second[-1].sequence)
    assert [job.job_id for job in first + second + third] == [f"job-{number}" for number in (4, 3, 2, 1, 0)]


def test_lists_can_be_narrowed(store: JobStore) -> None:
    store.add([make_job("a", external_id="x"), make_job("b", external_id="y"), make_job("c", external_id="x")])
    assert claim(store) is not None
    running, queued = frozenset({JobState.RUNNING}), frozenset({JobState.QUEUED})
    assert [job.job_id for job in store.page(JobFilter(external_id="x"), 9)] == ["c", "a"]
    assert [job.job_id for job in store.page(JobFilter(running), 9)] == ["a"]
    assert [job.job_id for job in store.page(JobFilter(queued, "x"), 9)] == ["c"]
    assert [job.job_id for job in store.page(JobFilter(running | queued), 9)] == ["c", "b", "a"]
    assert store.page(JobFilter(frozenset()), 9) == []


def test_tenants_are_kept_apart(store: JobStore) -> None:
    """The same idempotency key, name and answer of two tenants are two."""
    for tenant in ("acme", "umbrella"):
        [job] = store.add([make_job(tenant, tenant=tenant, external_id="x", submission=Submission("key", "aa", 0))])
        assert job.tenant == tenant
        finish(store, tenant)
    for tenant in ("acme", "umbrella"):
        assert [job.job_id for job in store.of_submission(tenant, "key")] == [tenant]
        answered = store.answered(tenant, "key")
        assert answered is not None and answered.job_id == tenant
        for wanted in (
            JobFilter(tenant=tenant),
            JobFilter(external_id="x", tenant=tenant),
            JobFilter(frozenset({JobState.SUCCEEDED}), tenant=tenant),
        ):
            assert [job.job_id for job in store.page(wanted, 9)] == [tenant]
    store.add([make_job(f"waits-{number}", tenant="acme") for number in range(3)])
    assert [store.waiting(9, tenant) for tenant in ("acme", "umbrella", None)] == [3, 0, 3]
    assert store.waiting(2, "acme") == 2
    assert store.of_submission("default", "key") == store.page(JobFilter(tenant="default"), 9) == []
    assert store.answered("default", "key") is None
    assert len(store.page(EVERYTHING, 9)) == 5


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (JobFilter(verdicts=frozenset({"fake"})), ["a"]),
        (JobFilter(verdicts=frozenset({"real", "inconclusive"})), []),
        (JobFilter(verdicts=frozenset()), []),
        (JobFilter(text="CLIP_1%"), ["b"]),
        (JobFilter(text="clip"), ["c", "b", "a"]),
        (JobFilter(text="f00d"), ["b"]),
        (JobFilter(text="F00D"), ["b"]),
        (JobFilter(text="c0"), ["c", "a"]),
        (JobFilter(text="_"), ["b"]),
        (JobFilter(text="c", states=frozenset({JobState.SUCCEEDED})), ["a"]),
        (JobFilter(text="0c0"), []),
    ],
)
def test_lists_can_be_searched(store: JobStore, wanted: JobFilter, expected: list[str]) -> None:
    store.add([make_job("a", external_id="my clip.mp4")])
    finish(store, "a")
    store.add([make_job("b", external_id="Clip_1%.mp4", input_sha256="f00d" * 16)])
    store.add([make_job("c", external_id="clip 10.mp4")])
    assert [job.job_id for job in store.page(wanted, 10)] == expected


def test_counts_who_waits_and_who_is_ahead(store: JobStore) -> None:
    jobs = store.add([make_job("a"), make_job("b"), make_job("c", priority=1)])
    assert [store.ahead_of(job) for job in jobs] == [1, 2, 0]
    assert (store.waiting(2), store.waiting(10)) == (2, 3)
    assert claim(store) is not None
    assert [store.ahead_of(job) for job in jobs[:2]] == [0, 1]
    assert store.waiting(10) == 2


def test_counts_jobs_that_have_not_ended(store: JobStore) -> None:
    assert store.census() == JobCensus(queued=0, running=0, oldest_queued_s=None)
    store.add([make_job("a", created_at_s=103.5), make_job("b", created_at_s=101.25), make_job("c")])
    finish(store, "a")
    assert claim(store) is not None
    assert store.census() == JobCensus(queued=1, running=1, oldest_queued_s=100.0)


def test_finds_the_latest_answer_to_a_question(store: JobStore) -> None:
    assert store.answered("default", "key") is None
    for job_id in ("old", "new"):
        store.add([make_job(job_id)])
        finish(store, job_id)
    latest = store.answered("default", "key")
    assert latest is not None and latest.job_id == "new"
    assert store.answered("default", "other") is None


def test_finds_what_is_to_be_swept(store: JobStore) -> None:
    store.add([make_job("lost"), make_job("held"), make_job("overdue", expires_at_s=115.0), make_job("patient")])
    assert claim(store, 100.0) is not None
    assert claim(store, 110.0) is not None
    assert {job.job_id for job in store.to_sweep(129.0, 10)} == {"overdue"}
    assert {job.job_id for job in store.to_sweep(130.0, 10)} == {"lost", "overdue"}
    assert len(store.to_sweep(200.0, 2)) == 2
    for job in store.to_sweep(130.0, 10):
        assert store.change(job.job_id, lambda found: found.swept(130.0, RETRY)) is not None
    assert store.to_sweep(130.0, 10) == []


def test_forgets_ended_jobs_once_their_files_are_gone(store: JobStore) -> None:
    for job_id, now_s in (("old", 120.0), ("new", 300.0)):
        store.add([make_job(job_id)])
        finish(store, job_id, now_s)
    store.add([make_job("waiting")])
    assert [job.job_id for job in store.with_input(119.0, 10)] == []
    assert [job.job_id for job in store.with_input(120.0, 10)] == ["old"]
    assert [job.job_id for job in store.with_input(400.0, 10)] == ["old", "new"]
    assert [job.job_id for job in store.with_input(400.0, 1)] == ["old"]
    assert store.remove_ended(200.0, 10) == 0  # its file is still there
    assert store.change("old", Job.without_input) is not None
    assert [job.job_id for job in store.with_input(400.0, 10)] == ["new"]
    assert store.remove_ended(200.0, 10) == 1
    assert (store.get("old"), store.report("old")) == (None, None)
    assert store.report("new") is not None
    assert store.get("waiting") is not None


def test_one_ended_job_is_forgotten_once_its_file_is_gone(store: JobStore) -> None:
    store.add([make_job("old", input_key="uploads/old", callback_url="https://example.org/hook")])
    assert not store.remove("old")  # it has not ended
    finish(store, "old")
    assert not store.remove("old")  # its file is still there
    assert store.change("old", Job.without_input) is not None
    store.add([make_job("other", input_key=None)])
    assert store.remove("old")
    assert (store.get("old"), store.report("old")) == (None, None)
    assert not store.remove("old")
    assert store.get("other") is not None
