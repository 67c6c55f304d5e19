"""Whether a model's probabilities hold, by the videos whose truth somebody has said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from dfd.feedback import Feedback, Label
from dfd.statistics import metrics
from dfd.statistics.metrics import Metric
from dfd.statistics.resampling import Estimate, Scored, estimates
from dfd.types import Verdict

MOST_LABELS: Final = 5000
"""Labels that figures rest on at most: the newest."""

BIASED: Final = (
    "Feedback is a biased sample: these are the videos that somebody chose to look at, hard ones first. "
    "The figures compare versions and times with each other; they are no error rates of the traffic."
)

_PROBABILITY: Final[Mapping[str, Metric]] = MappingProxyType(
    {"auc": metrics.auc, "brier": metrics.brier, "ece": metrics.ece, "log_loss": metrics.log_loss}
)

_CALLS: Final[Mapping[str, Metric]] = MappingProxyType(
    {"false_alarm_rate": metrics.false_alarm_rate(0.0), "detection_rate": metrics.detection_rate(0.0)}
)
"""Of the probability less the threshold that was in force for the video."""


@dataclass(frozen=True, slots=True)
class CalibrationStatus:
    """What labelled videos say of a version.

    Attributes:
        model_name: which model.
        model_version: which version.
        labels: videos of each label.
        unscored: videos among them that were given no probability.
        figures: by name, with 95 % bootstrap intervals; None where a class is missing.
        confusion: by label, how many lay at the threshold or above (``called_fake``) and below (``not_called_fake``).
        verdicts: by label, how often each verdict was given.
    """

    model_name: str
    model_version: str
    labels: Mapping[Label, int]
    unscored: int
    figures: Mapping[str, Estimate | None]
    confusion: Mapping[Label, Mapping[str, int]]
    verdicts: Mapping[Label, Mapping[str, int]]


def one_a_video(given: Sequence[Feedback]) -> list[Feedback]:
    """The latest word on each video, the newest first: a file that was handed in twice counts once where it is known.

    Args:
        given: the newest first.
    """
    seen: set[str] = set()
    kept = []
    for feedback in given:
        sha256 = feedback.evidence.input_sha256
        if sha256 is None or sha256 not in seen:
            kept.append(feedback)
        if sha256 is not None:
            seen.add(sha256)
    return kept


def calibration_status(
    model_name: str, model_version: str, given: Sequence[Feedback], rng: np.random.Generator
) -> CalibrationStatus:
    """Judge a version by the feedback on its answers.

    Args:
        model_name: which model.
        model_version: which version.
        given: the latest feedback on each job that it answered, the newest first.
        rng: of the bootstrap.
    """
    videos = one_a_video(given)
    scored = [(one, one.evidence.fake_probability) for one in videos if one.evidence.fake_probability is not None]
    is_fake = [one.label is Label.FAKE for one, _ in scored]
    probabilities = [probability for _, probability in scored]
    above = [probability - one.evidence.threshold for one, probability in scored]
    apart = range(len(scored))
    figures = {
        **estimates(_PROBABILITY, Scored.of(is_fake, probabilities, apart), rng),
        **estimates(_CALLS, Scored.of(is_fake, above, apart), rng),
    }
    return CalibrationStatus(
        model_name=model_name,
        model_version=model_version,
        labels={label: sum(one.label is label for one in videos) for label in Label},
        unscored=len(videos) - len(scored),
        figures=figures,
        confusion={label: _called(above, [one.label is label for one, _ in scored]) for label in Label},
        verdicts={
            label: {
                str(verdict): sum(one.label is label and one.evidence.verdict == verdict for one in videos)
                for verdict in Verdict
            }
            for label in Label
        },
    )


def calibration_to_dict(status: CalibrationStatus) -> dict[str, Any]:
    """A status, JSON-ready (``CalibrationOnFeedback``)."""
    return {
        "name": status.model_name,
        "version": status.model_version,
        "labels": {str(label): count for label, count in status.labels.items()},
        "unscored": status.unscored,
        "figures": {name: found and found.to_dict() for name, found in status.figures.items()},
        "confusion": {str(label): dict(row) for label, row in status.confusion.items()},
        "verdicts": {str(label): dict(row) for label, row in status.verdicts.items()},
        "warning": BIASED,
    }


def _called(above: Sequence[float], chosen: Sequence[bool]) -> dict[str, int]:
    fake = sum(value >= 0 for value, wanted in zip(above, chosen, strict=True) if wanted)
    return {"called_fake": fake, "not_called_fake": sum(chosen) - fake}
