"""What the HTTP interface takes and says of feedback."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from dfd.api.job_schemas import JobSummary, Moment
from dfd.api.schemas import Answer
from dfd.feedback import MOST_NOTE, MOST_REVIEWER, Label, ReviewReason
from dfd.types import Verdict


class FeedbackRequest(BaseModel):
    """What a person says of a video."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    label: Annotated[Label, Field(description="What the video is.")]
    note: Annotated[
        str | None,
        Field(min_length=1, max_length=MOST_NOTE, description="Why. Deleted with the job.", examples=["confirmed"]),
    ] = None
    reviewer: Annotated[
        str | None,
        Field(min_length=1, max_length=MOST_REVIEWER, description="Who says so. Deleted with it.", examples=["kim"]),
    ] = None


class JudgedModel(Answer):
    """Which model had answered."""

    name: Annotated[str, Field(examples=["deepfake"])]
    version: Annotated[str, Field(examples=["2"])]
    weights_sha256: Annotated[str, Field(description="Hash of the weights, hexadecimal.", examples=["5e" * 32])]


class FeedbackDetail(Answer):
    """What a person said of a video, and what it was said of."""

    label: Label
    note: str | None
    reviewer: str | None
    created_at: Moment
    verdict: Verdict
    fake_probability: Annotated[
        float | None, Field(description="As it was then; null where nothing was scored.", ge=0, le=1)
    ]
    threshold: Annotated[float, Field(description="Probability from which the video was called fake.")]
    model: JudgedModel


class FeedbackHistory(Answer):
    """All feedback on a job."""

    label: Annotated[Label | None, Field(description="The one that counts: the latest; null without any.")]
    feedback: Annotated[Sequence[FeedbackDetail], Field(description="The first first.")]


class ReviewEntry(Answer):
    """A job that is worth a look."""

    job: JobSummary
    label: Annotated[Label | None, Field(description="The latest that was given.")]
    threshold: Annotated[float | None, Field(description="Probability from which the video was called fake.")]
    reasons: Annotated[
        Sequence[ReviewReason],
        Field(
            description="`disagrees`: the label contradicts the verdict; `inconclusive`; `near_threshold`: closer "
            "to it than 0.1."
        ),
    ]


class ReviewPage(Answer):
    """Some jobs, the one most worth a look first."""

    reviews: Sequence[ReviewEntry]
    next_cursor: Annotated[str | None, Field(description="Where the next page begins; null on the last.")]
