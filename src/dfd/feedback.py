"""What people say of a video's truth, with the numbers that the answer rested on: enough to judge and fit calibration.

Pure values; `dfd.ports.feedback` keeps them. What of them outlives the job is said in
``docs/decisions/0011-feedback-and-drift.md``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

from dfd.errors import InvalidParameter
from dfd.job import Job
from dfd.types import FaceQuality, Reason

MOST_NOTE: Final = 2000
"""Characters of a note at most."""

MOST_REVIEWER: Final = 128
"""Characters of a reviewer's name at most."""

MOST_FEEDBACK: Final = 100
"""Rows of one job at most."""

NEAR: Final = 0.1
"""A probability closer to the threshold than this is worth a look, whatever the verdict."""


class Label(StrEnum):
    """What a video is."""

    FAKE = "fake"
    REAL = "real"


@dataclass(frozen=True, slots=True)
class FaceAnswer:
    """What the model said of one face, and how the face looked.

    Attributes:
        fake_logit: before calibration.
        quality: of the crop that was scored.
    """

    fake_logit: float
    quality: FaceQuality


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a report rests on, as far as it is kept with feedback.

    Attributes:
        model_name: of the model that answered.
        model_version: of it.
        weights_sha256: of it.
        verdict: that was given: ``fake``, ``real`` or ``inconclusive``.
        fake_probability: calibrated, as it was then; None where nothing was scored.
        threshold: probability from which the video was called fake.
        faces: of the leading track; empty where nothing was scored, where squares were in place of faces
            (``no_face_fallback``), or the report is of a version that kept no logits.
        input_sha256: hash of the file; None where it is not kept.
    """

    model_name: str
    model_version: str
    weights_sha256: str
    verdict: str
    fake_probability: float | None
    threshold: float
    faces: tuple[FaceAnswer, ...] = field(default=(), repr=False)
    input_sha256: str | None = None

    @classmethod
    def of_report(cls, report: Mapping[str, Any], *, keep_sha256: bool) -> Self:
        """From the JSON of a report (`dfd.reporting.report_to_dict`), of this version or an earlier one."""
        model, tracks = report["model"], report["tracks"]
        leading = [score for score in report["face_scores"] if tracks and score["track_id"] == tracks[0]["track_id"]]
        is_face = Reason.NO_FACE_FALLBACK not in report["reasons"]
        known = is_face and all(score.get("fake_logit") is not None for score in leading)
        return cls(
            model_name=model["name"],
            model_version=model["version"],
            weights_sha256=model["weights_sha256"],
            verdict=report["verdict"],
            fake_probability=report["fake_probability"],
            threshold=report["threshold"],
            faces=tuple(FaceAnswer(score["fake_logit"], FaceQuality(**score["quality"])) for score in leading)
            if known
            else (),
            input_sha256=report["input_sha256"] if keep_sha256 else None,
        )


@dataclass(frozen=True, slots=True)
class Feedback:
    """One person's word on one video.

    Attributes:
        label: what the video is.
        created_at_s: when it was said, in seconds since the epoch.
        evidence: what it is said of.
        job_id: the job; None once that is no longer kept.
        note: why; None without one, and once the job is no longer kept.
        reviewer: who says so; likewise.
        number: order among all feedback, given by the store; 0 before.
    """

    label: Label
    created_at_s: float
    evidence: Evidence
    job_id: str | None = None
    note: str | None = field(default=None, repr=False)
    reviewer: str | None = field(default=None, repr=False)
    number: int = 0

    def __post_init__(self) -> None:
        for name, text, most in (("note", self.note, MOST_NOTE), ("reviewer", self.reviewer, MOST_REVIEWER)):
            if text is None:
                continue
            if "\0" in text or not 0 < len(text.strip()) <= len(text) <= most:
                raise InvalidParameter(f"{name}: it must have 1 to {most} characters, none of them NUL, or be left out")

    def without_words(self) -> Self:
        """What is left once the job is gone: the label and the numbers."""
        cls = type(self)
        return cls(self.label, self.created_at_s, self.evidence, number=self.number)


class ReviewReason(StrEnum):
    """Why a job is worth a look."""

    DISAGREES = "disagrees"
    """Its label contradicts the verdict."""
    INCONCLUSIVE = "inconclusive"
    NEAR_THRESHOLD = "near_threshold"


@dataclass(frozen=True, slots=True, order=True)
class ReviewPlace:
    """Where a job stands in the review queue: the lowest first.

    Attributes:
        rank: 0 for a label that contradicts the verdict, 1 for no label.
        distance: of the probability from the threshold; 1 where there is none.
        newest: minus `Job.sequence`.
    """

    rank: int
    distance: float
    newest: int


@dataclass(frozen=True, slots=True)
class Review:
    """A job in the review queue.

    Attributes:
        job: which.
        label: the latest that was given; None without one.
    """

    job: Job
    label: Label | None = None

    @property
    def reasons(self) -> tuple[ReviewReason, ...]:
        """Why it is worth a look; empty where it is not."""
        verdict, label = self.job.verdict, self.label
        if label is not None:
            opposite = {Label.FAKE: "real", Label.REAL: "fake"}[label]
            return (ReviewReason.DISAGREES,) if verdict == opposite else ()
        near = verdict is not None and self._distance < NEAR
        inconclusive = (ReviewReason.INCONCLUSIVE,) if verdict == "inconclusive" else ()
        return (*inconclusive, *((ReviewReason.NEAR_THRESHOLD,) if near else ()))

    @property
    def place(self) -> ReviewPlace:
        """Where it stands."""
        return ReviewPlace(int(self.label is None), self._distance, -self.job.sequence)

    @property
    def _distance(self) -> float:
        job = self.job
        if job.fake_probability is None or job.threshold is None:
            return 1.0
        return abs(job.fake_probability - job.threshold)


def latest_label(given: Sequence[Feedback]) -> Label | None:
    """The label that counts: the last one; None where there is none."""
    return given[-1].label if given else None
