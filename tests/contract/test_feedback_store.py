"""What every adapter of `FeedbackStore` must do, and `JobStore` where it meets feedback."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.fakes import FakeJobStore, make_job
from tests.feedback_fakes import FakeFeedbackStore, make_evidence, make_feedback
from tests.job_databases import new_store

from dfd.errors import JobConflict
from dfd.feedback import Feedback, Label, Review, ReviewPlace, ReviewReason
from dfd.job import Job
from dfd.ports import JobStore
from dfd.ports.feedback import FeedbackFilter, FeedbackStore

MODEL = FeedbackFilter("deepfake")


@dataclass
class Tables:
    """The table of jobs, and that of feedback."""

    jobs: JobStore
    feedback: FeedbackStore

    def ended(self, job_id: str, verdict: str, probability: float | None, **changes: object) -> None:
        """A job that has succeeded at a threshold of 0.5."""
        self.jobs.add([make_job(job_id, **changes)])
        held = self.jobs.claim(lambda job: job.claimed("w", 110.0, 30.0), 110.0)
        assert held is not None and held.job_id == job_id
        end = self.jobs.change(
            job_id, lambda job: job.succeeded(1, 120.0, verdict, probability, "key", 0.5, frames=10), "{}"
        )
        assert end is not None and end.threshold == 0.5

    def give(self, job_id: str, label: Label = Label.FAKE, **changes: object) -> Feedback:
        given = self.feedback.add(job_id, lambda _known: make_feedback(label, job_id, **changes))
        assert given is not None
        return given

    def forget_job(self, job_id: str) -> None:
        assert self.jobs.change(job_id, Job.without_input) is not None
        assert self.jobs.remove_ended(1000.0, 10) == 1

    def queue(self, limit: int = 100) -> list[str]:
        return [review.job.job_id for review in self.feedback.reviews(limit)]


@pytest.fixture(params=["fake", "sqlite", "postgres"])
def tables(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tables]:
    if request.param == "fake":
        fake = FakeJobStore()
        yield Tables(fake, FakeFeedbackStore(fake))
        return
    with new_store(request, tmp_path) as sql:
        yield Tables(sql, sql.feedback())


def test_every_field_comes_back_and_the_history_keeps_its_order(tables: Tables) -> None:
    tables.ended("job-1", "fake", 0.9)
    evidence = make_evidence(-1.25, input_sha256="ab" * 32, fake_probability=None, verdict="inconclusive")
    first = tables.give("job-1", Label.REAL, note="an \N{SNOWMAN}\n'quoted'", reviewer="kim", evidence=evidence)
    second = tables.give("job-1", Label.FAKE, evidence=replace(evidence, faces=()))
    assert tables.feedback.of_job("job-1") == [first, second]
    assert (first.note, first.evidence) == ("an \N{SNOWMAN}\n'quoted'", evidence)
    assert tables.feedback.latest(MODEL, 10) == [second]
    assert tables.feedback.of_job("nobody") == []


def test_nothing_is_added_to_a_job_that_is_not_there(tables: Tables) -> None:
    assert tables.feedback.add("nobody", lambda _known: make_feedback(job_id="nobody")) is None
    assert tables.feedback.latest(MODEL, 10) == []


def test_what_the_maker_raises_comes_out_and_nothing_is_added(tables: Tables) -> None:
    tables.ended("job-1", "fake", 0.9)
    tables.give("job-1")

    def refuse(known: Sequence[Feedback]) -> Feedback:
        raise JobConflict(f"{len(known)} there")

    with pytest.raises(JobConflict, match="1 there"):
        tables.feedback.add("job-1", refuse)
    assert len(tables.feedback.of_job("job-1")) == 1


def test_of_feedback_given_at_once_none_is_lost_and_one_counts(tables: Tables) -> None:
    tables.ended("job-1", "fake", 0.9)
    barrier = threading.Barrier(4)

    def give(number: int) -> None:
        barrier.wait()
        tables.give("job-1", note=str(number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(give, range(4)))
    history = tables.feedback.of_job("job-1")
    assert {one.note for one in history} == {"0", "1", "2", "3"}
    assert tables.feedback.latest(MODEL, 10) == [history[-1]]


def test_feedback_is_found_by_model_version_and_weights(tables: Tables) -> None:
    found = {}
    for name, version, weights in (
        ("deepfake", "1", "a"),
        ("deepfake", "2", "a"),
        ("deepfake", "3", "b"),
        ("o", "1", "a"),
    ):
        tables.ended(f"{name}-{version}", "fake", 0.9)
        evidence = make_evidence(model_name=name, model_version=version, weights_sha256=weights * 64)
        found[name, version] = tables.give(f"{name}-{version}", evidence=evidence)
    three, two, one = found["deepfake", "3"], found["deepfake", "2"], found["deepfake", "1"]
    assert tables.feedback.latest(MODEL, 10) == [three, two, one]
    assert tables.feedback.latest(MODEL, 2) == [three, two]
    assert tables.feedback.latest(FeedbackFilter("deepfake", model_version="2"), 10) == [two]
    assert tables.feedback.latest(FeedbackFilter("deepfake", weights_sha256="a" * 64), 10) == [two, one]


def test_a_job_takes_along_all_but_the_label_and_the_numbers(tables: Tables) -> None:
    tables.ended("gone", "fake", 0.9)
    tables.ended("stays", "fake", 0.8)
    tables.give("gone", Label.REAL, note="first thought", reviewer="kim")
    last = tables.give("gone", Label.FAKE, note="sure", reviewer="kim")
    kept = tables.give("stays", note="look", reviewer="ann")
    tables.forget_job("gone")
    left = last.without_words()
    assert (left.job_id, left.note, left.reviewer) == (None, None, None)
    assert tables.feedback.latest(MODEL, 10) == [kept, left]
    assert tables.feedback.of_job("gone") == []
    assert tables.feedback.forget(last.created_at_s, 10) == 0
    assert tables.feedback.forget(last.created_at_s + 1, 10) == 1
    assert tables.feedback.latest(MODEL, 10) == [kept]


def test_the_review_queue_begins_with_what_was_wrong_and_leaves_out_what_is_clear(tables: Tables) -> None:
    tables.ended("clear", "fake", 0.9)
    tables.ended("near", "fake", 0.58)
    tables.ended("nearer", "real", 0.46)
    tables.ended("no_face", "inconclusive", None)
    tables.ended("doubtful", "inconclusive", 0.61)
    tables.ended("wrong", "fake", 0.95)
    tables.ended("right", "real", 0.45)
    tables.ended("settled", "inconclusive", 0.5)
    for job_id, label in (("wrong", Label.REAL), ("right", Label.REAL), ("settled", Label.FAKE)):
        tables.give(job_id, label)
    assert tables.queue() == ["wrong", "nearer", "near", "doubtful", "no_face"]
    reasons = {review.job.job_id: review.reasons for review in tables.feedback.reviews(100)}
    assert reasons["wrong"] == (ReviewReason.DISAGREES,)
    assert reasons["near"] == (ReviewReason.NEAR_THRESHOLD,)
    assert reasons["doubtful"] == (ReviewReason.INCONCLUSIVE,)
    tables.give("wrong", Label.FAKE)  # the latest word counts
    assert "wrong" not in tables.queue()


def test_the_review_queue_leaves_answers_from_elsewhere_and_other_ends_out(tables: Tables) -> None:
    tables.ended("first", "inconclusive", 0.5)
    known = tables.jobs.get("first")
    assert known is not None
    tables.jobs.add([make_job("again").answered_by(known)], {"again": "{}"})
    tables.jobs.add([make_job("waits")])
    assert tables.queue() == ["first"]


def test_pages_of_the_review_queue_miss_nothing_and_repeat_nothing(tables: Tables) -> None:
    for number in range(9):
        tables.ended(f"job-{number}", "inconclusive", (None, 0.5, 0.3)[number % 3])
    tables.ended("wrong", "fake", 0.9)
    tables.give("wrong", Label.REAL)
    found: list[Review] = []
    place: ReviewPlace | None = None
    while page := tables.feedback.reviews(2, place):
        found += page
        place = page[-1].place
    assert [review.job.job_id for review in found] == tables.queue()
    assert len({review.job.job_id for review in found}) == 10
    assert [review.place for review in found] == sorted(review.place for review in found)
