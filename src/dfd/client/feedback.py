"""What the service answers of feedback, as values; `raw` has fields that a newer service adds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from dfd.client.values import Job
from dfd.feedback import Label, ReviewReason


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a person said of a video.

    Attributes:
        label: what it is.
        note: why.
        reviewer: who says so.
        created_at: when.
        verdict: that it was said of.
        fake_probability: as it was then; None where nothing was scored.
        threshold: probability from which the video was called fake.
        raw: the whole answer.
    """

    label: Label
    note: str | None
    reviewer: str | None
    created_at: datetime
    verdict: str
    fake_probability: float | None
    threshold: float
    raw: Mapping[str, Any] = field(repr=False)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """From JSON; raises KeyError and its like where it is something else."""
        return cls(
            label=Label(data["label"]),
            note=data["note"],
            reviewer=data["reviewer"],
            created_at=datetime.fromisoformat(data["created_at"]),
            verdict=data["verdict"],
            fake_probability=data["fake_probability"],
            threshold=data["threshold"],
            raw=data,
        )


@dataclass(frozen=True, slots=True)
class FeedbackHistory:
    """All feedback on a job, the first first, and the label that counts; None without any."""

    label: Label | None
    feedback: tuple[Feedback, ...]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """From JSON; raises KeyError and its like where it is something else."""
        label = data["label"]
        return cls(None if label is None else Label(label), tuple(map(Feedback.read, data["feedback"])))


@dataclass(frozen=True, slots=True)
class Review:
    """A job that is worth a look.

    Attributes:
        job: which.
        label: the latest that was given; None without one.
        threshold: probability from which the video was called fake.
        reasons: why.
    """

    job: Job
    label: Label | None
    threshold: float | None
    reasons: tuple[ReviewReason, ...]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """From JSON; raises KeyError and its like where it is something else."""
        label = data["label"]
        return cls(
            job=Job.read(data["job"]),
            label=None if label is None else Label(label),
            threshold=data["threshold"],
            reasons=tuple(map(ReviewReason, data["reasons"])),
        )


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """Some jobs, and where the next page begins; None on the last."""

    reviews: tuple[Review, ...]
    next_cursor: str | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """From JSON; raises KeyError and its like where it is something else."""
        return cls(tuple(map(Review.read, data["reviews"])), data["next_cursor"])
