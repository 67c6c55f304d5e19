"""Fakes of what keeps feedback and counts, and ready-made feedback."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from tests.fakes import GOOD_QUALITY, SHA256, FakeJobStore

from dfd.errors import ModelNotFound
from dfd.feedback import Evidence, FaceAnswer, Feedback, Label, Review, ReviewPlace
from dfd.job import JobState
from dfd.manifest import ModelManifest
from dfd.ports.feedback import FeedbackFilter, FeedbackStore, Tally, TallyStore


def make_evidence(logit: float = 2.0, **changes: Any) -> Evidence:
    """What a model of version 1 said of two faces alike, without calibration, with `changes`."""
    probability = 1 / (1 + math.exp(-logit))
    evidence = Evidence(
        model_name="deepfake",
        model_version="1",
        weights_sha256=SHA256,
        verdict="fake" if probability >= 0.5 else "real",
        fake_probability=probability,
        threshold=0.5,
        faces=(FaceAnswer(logit, GOOD_QUALITY),) * 2,
    )
    return replace(evidence, **changes)


def make_feedback(label: Label = Label.FAKE, job_id: str | None = "job-1", **changes: Any) -> Feedback:
    """A word on such an answer, with `changes`."""
    return replace(Feedback(label, 200.0, make_evidence(), job_id), **changes)


def known_manifest(*manifests: ModelManifest) -> Callable[[str, str], ModelManifest]:
    """Finds one of these by its name and version."""

    def find(name: str, version: str) -> ModelManifest:
        for manifest in manifests:
            if (manifest.name, manifest.version) == (name, version):
                return manifest
        raise ModelNotFound(f"there is no model {name}/{version}")

    return find


_NUMBERS = count(1)


@dataclass
class FakeFeedbackStore(FeedbackStore):
    """The feedback of a table in memory."""

    jobs: FakeJobStore

    def add(self, job_id: str, make: Callable[[Sequence[Feedback]], Feedback]) -> Feedback | None:
        with self.jobs._table() as table:
            if job_id not in table:
                return None
            given = self.jobs._feedback.setdefault(job_id, [])
            given.append(replace(make(tuple(given)), number=next(_NUMBERS)))
            return given[-1]

    def of_job(self, job_id: str) -> list[Feedback]:
        with self.jobs._table():
            return list(self.jobs._feedback.get(job_id, []))

    def latest(self, wanted: FeedbackFilter, limit: int) -> list[Feedback]:
        with self.jobs._table():
            every = [*self.jobs._left, *(given[-1] for given in self.jobs._feedback.values() if given)]
        found = [
            one
            for one in every
            if one.evidence.model_name == wanted.model_name
            and wanted.model_version in (None, one.evidence.model_version)
            and wanted.weights_sha256 in (None, one.evidence.weights_sha256)
        ]
        return sorted(found, key=lambda one: -one.number)[:limit]

    def reviews(self, limit: int, after: ReviewPlace | None = None, tenant: str | None = None) -> list[Review]:
        with self.jobs._table() as table:
            given = {job_id: rows[-1].label for job_id, rows in self.jobs._feedback.items() if rows}
            every = [
                Review(job, given.get(job.job_id))
                for job in table.values()
                if job.state is JobState.SUCCEEDED and job.answered_from is None and tenant in (None, job.tenant)
            ]
        found = [review for review in every if review.reasons and (after is None or review.place > after)]
        return sorted(found, key=lambda review: review.place)[:limit]

    def forget(self, before_s: float, limit: int) -> int:
        with self.jobs._table():
            gone = [one for one in self.jobs._left if one.created_at_s < before_s][:limit]
            self.jobs._left = [one for one in self.jobs._left if one not in gone]
            return len(gone)


@dataclass
class FakeTallyStore(TallyStore):
    """Counts in memory."""

    error: Exception | None = None
    found: Counter[tuple[int, Tally, int]] = field(default_factory=Counter)

    def count(self, hour: int, found: Mapping[Tally, int]) -> None:
        if self.error is not None:
            raise self.error
        self.found.update((hour, tally, number) for tally, number in found.items())

    def counts(self, tally: Tally, from_hour: int, to_hour: int) -> dict[int, int]:
        if self.error is not None:
            raise self.error
        total: Counter[int] = Counter()
        for (hour, counted, number), times in self.found.items():
            if counted == tally and from_hour <= hour <= to_hour:
                total[number] += times
        return dict(total)

    def forget_hours(self, before_hour: int) -> None:
        self.found = Counter({key: times for key, times in self.found.items() if key[0] >= before_hour})
