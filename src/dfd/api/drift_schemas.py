"""What the HTTP interface says of how a model is doing."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from dfd.api.schemas import Answer
from dfd.feedback import Label
from dfd.monitoring.drift import DriftLevel
from dfd.types import Verdict


class ReferenceCounts(Answer):
    """The held-out videos of training."""

    all: Annotated[Sequence[int], Field(description="Videos in each bin.")]
    real: Annotated[Sequence[int], Field(description="Real videos among them.")]


class DriftDistance(Answer):
    """How far two histograms lie apart."""

    value: Annotated[float, Field(description="Population stability index.", ge=0)]
    noise: Annotated[float, Field(description="What it stays below 95 times in 100 without any drift.", ge=0)]


class DriftOfMeasure(Answer):
    """One measure of the videos."""

    measure: Annotated[
        str,
        Field(
            description="`score` is the mean logit of the leading face track; the others are the median quality of its "
            "faces: `log2_face_side_px`, `brightness`, `log2_sharpness`, `flatness`.",
            examples=["score"],
        ),
    ]
    level: DriftLevel
    videos: Annotated[int, Field(description="Videos counted.", ge=0)]
    edges: Annotated[Sequence[float], Field(description="Inner edges of the bins, ascending.")]
    counts: Annotated[Sequence[int], Field(description="Videos in each bin.")]
    reference: Annotated[
        ReferenceCounts | None, Field(description="null where the model's manifest has none: then there is no PSI.")
    ]
    psi: Annotated[
        Mapping[str, DriftDistance],
        Field(description="From the reference's `all` and `real` videos; empty where nothing is compared."),
    ]


class Drift(Answer):
    """What a version was fed lately, over all replicas."""

    name: Annotated[str, Field(examples=["deepfake"])]
    version: Annotated[str, Field(examples=["2"])]
    window_hours: Annotated[int, Field(description="How far back was looked.", examples=[168], ge=1)]
    level: Annotated[
        DriftLevel,
        Field(
            description="The worst of the measures. `no_reference`: there is nothing to compare with; `too_few`: fewer "
            "than 50 videos; `moderate`: PSI from 0.1; `large`: from 0.25."
        ),
    ]
    measures: Sequence[DriftOfMeasure]


class FeedbackFigure(Answer):
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


class CalibrationOnFeedback(Answer):
    """What labelled videos say of a version."""

    name: Annotated[str, Field(examples=["deepfake"])]
    version: Annotated[str, Field(examples=["2"])]
    labels: Annotated[Mapping[Label, int], Field(description="Videos of each label, each file once.")]
    unscored: Annotated[int, Field(description="Videos among them without a probability.", ge=0)]
    figures: Annotated[
        Mapping[str, FeedbackFigure | None],
        Field(
            description="`auc`, `brier`, `ece`, `log_loss`, and at the threshold that was in force `false_alarm_rate` "
            "and `detection_rate`; null where a class is missing."
        ),
    ]
    confusion: Annotated[
        Mapping[Label, Mapping[str, int]],
        Field(description="By label, videos at the threshold or above (`called_fake`) and below (`not_called_fake`)."),
    ]
    verdicts: Annotated[Mapping[Label, Mapping[Verdict, int]], Field(description="By label, how often each was given.")]
    warning: Annotated[str, Field(description="What these figures are not.")]
