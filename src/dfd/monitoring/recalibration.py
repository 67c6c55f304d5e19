"""A new version of a model with the same weights, whose calibration is fitted to labelled feedback, if that helps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dfd.calibration import to_probability
from dfd.errors import RecalibrationRefused
from dfd.judgement import Calibration, Decision
from dfd.manifest import ModelManifest
from dfd.monitoring.refitting import (
    Array,
    LabelledVideo,
    Labels,
    class_weights,
    labels_of,
    probabilities_of,
    refitted,
)
from dfd.statistics.metrics import equal_width_bins

FOLDS: Final = 5
LEAST_LABELS: Final = 50

_CLIP: Final = 1e-15  # of the log loss, as in `dfd.statistics.metrics`
_DECIMALS: Final = 6
_FURTHEST: Final = 60.0  # a logit whose probability is 0 or 1 in double precision
_LEAST: Final = 1e-6


@dataclass(frozen=True, slots=True)
class RefitFigures:
    """How the calibration fitted again does on videos it was not fitted on, beside the one in force.

    Attributes:
        real_count: real videos.
        fake_count: fake videos.
        log_loss_before: of the calibration in force; each class weighs one half.
        log_loss_after: of calibrations fitted on the other folds.
        log_loss_se: standard error of their difference, video by video.
        ece_before: expected calibration error, 15 bins of equal width.
        ece_after: likewise.
    """

    real_count: int
    fake_count: int
    log_loss_before: float
    log_loss_after: float
    log_loss_se: float
    ece_before: float
    ece_after: float

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, rounded."""
        numbers = {name: getattr(self, name) for name in type(self).__slots__}
        return {name: round(value, _DECIMALS) for name, value in numbers.items()}

    def check(self) -> None:
        """Refuse what is no better.

        Raises:
            RecalibrationRefused: the log loss does not fall by more than its standard error, or calibration errors
                rise.
        """
        gain = self.log_loss_before - self.log_loss_after
        if gain <= self.log_loss_se:
            raise RecalibrationRefused(
                f"calibration fitted again is not better: on held-out videos its log loss is {self.log_loss_after:.4f},"
                f" {self.log_loss_before:.4f} now, and the difference must exceed its standard error,"
                f" {self.log_loss_se:.4f}"
            )
        if self.ece_after > self.ece_before:
            raise RecalibrationRefused(
                f"calibration fitted again is not better: on held-out videos its calibration error is "
                f"{self.ece_after:.4f}, {self.ece_before:.4f} now"
            )


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the new version says of how it came to be.

    Attributes:
        reason: of the one who asked for it.
        at: when, in RFC 3339.
        seed: of the folds.
        without_logits: labelled videos that could not be used, because their reports kept no logits.
    """

    reason: str
    at: str
    seed: int
    without_logits: int = 0


def compare(calibration: Calibration, videos: Sequence[LabelledVideo], rng: np.random.Generator) -> RefitFigures:
    """Cross-validate: fit on four fifths of each class, judge the rest.

    Args:
        calibration: the one in force.
        videos: at least `FOLDS` of each class.
        rng: deals them into folds.
    """
    labels = labels_of(videos)
    fold_of = _folds(labels, rng)
    before, after = probabilities_of(videos, calibration), np.empty(len(videos))
    for fold in range(FOLDS):
        inside = [video for video, number in zip(videos, fold_of, strict=True) if number != fold]
        outside = np.flatnonzero(fold_of == fold).tolist()
        after[outside] = probabilities_of([videos[index] for index in outside], refitted(calibration, inside))
    weights, losses = class_weights(labels), [_losses(values, labels) for values in (before, after)]
    return RefitFigures(
        real_count=int((~labels).sum()),
        fake_count=int(labels.sum()),
        log_loss_before=float(weights @ losses[0]),
        log_loss_after=float(weights @ losses[1]),
        log_loss_se=_standard_error(losses[0] - losses[1], labels),
        ece_before=_ece(before, labels),
        ece_after=_ece(after, labels),
    )


def recalibrated(
    manifest: ModelManifest,
    version: str,
    videos: Sequence[LabelledVideo],
    least_labels: int,
    provenance: Provenance,
) -> tuple[ModelManifest, RefitFigures]:
    """The manifest of the new version.

    Weights, input, parity and reference stay. Each threshold goes to where the logit that it stands for goes, so the
    same videos are called fake and the rates of operating points still hold. ``metrics.recalibration`` has the figures
    of the fit; all other metrics are those of the version it was made from. `reliability` is left out: it counted
    videos by the old probability, a mean over faces, from which the new one does not follow.

    Args:
        manifest: of the version in question.
        version: number of the new one.
        videos: labelled, answered by these weights.
        least_labels: videos that are asked for.
        provenance: goes into ``reference.recalibration``.

    Raises:
        RecalibrationRefused: there are too few videos, or it gets no better.
    """
    labels = labels_of(videos)
    fakes, reals = int(labels.sum()), int((~labels).sum())
    if len(videos) < least_labels or min(fakes, reals) < FOLDS:
        left_out = f"; {provenance.without_logits} more have no logits" if provenance.without_logits else ""
        raise RecalibrationRefused(
            f"{len(videos)} labelled videos ({fakes} fake, {reals} real) are too few: it takes {least_labels}, "
            f"and {FOLDS} of each label{left_out}"
        )
    figures = compare(manifest.calibration, videos, np.random.default_rng(provenance.seed))
    figures.check()
    fitted = refitted(manifest.calibration, videos)
    told = {
        "from_version": manifest.version,
        "reason": provenance.reason,
        "at": provenance.at,
        "method": str(fitted.method),
        "folds": FOLDS,
        "seed": provenance.seed,
        "labels": {"fake": fakes, "real": reals, "without_logits": provenance.without_logits},
    }
    return (
        replace(
            manifest,
            version=version,
            calibration=fitted,
            decision=carried_over(manifest.decision, manifest.calibration, fitted, videos),
            metrics={**manifest.metrics, "recalibration": figures.to_dict()},
            reference={**manifest.reference, "recalibration": told},
            reliability=None,
        ),
        figures,
    )


def carried_over(
    decision: Decision, before: Calibration, after: Calibration, videos: Sequence[LabelledVideo] = ()
) -> Decision:
    """The decision in the new probabilities.

    Where fake begins and where real ends go with their logits (of a face of average quality); the threshold lies
    midway, as training has it. The spread of faces grows or shrinks as that of the videos does.
    """
    margin = decision.inconclusive_margin

    def moved(probability: float) -> float:
        return _at(_logit_of(min(max(probability, _LEAST), 1 - _LEAST), before), after)

    fake_from, real_below = moved(decision.threshold + margin), moved(decision.threshold - margin)
    new_margin = min(0.4999999, round((fake_from - real_below) / 2, 7))
    points = {
        name: replace(point, threshold=_threshold(moved(point.threshold + margin) - new_margin))
        for name, point in decision.operating_points.items()
    }
    old, new = (_spread(videos, calibration) for calibration in (before, after))
    spread = decision.frame_spread * new / old if old > 0 else decision.frame_spread
    return Decision(_threshold((fake_from + real_below) / 2), new_margin, min(0.5, round(spread, 6)), points)


def _threshold(value: float) -> float:
    return min(max(round(value, 7), _LEAST), 1 - _LEAST)


def _at(logit: float, calibration: Calibration) -> float:
    plain = replace(calibration, quality={})  # standardised measures are 0 for a face of average quality
    return float(to_probability(np.array([logit], np.float32), plain)[0])


def _logit_of(probability: float, calibration: Calibration) -> float:
    """The least logit that reaches a probability, by bisection; the outermost where none does."""
    low, high = -_FURTHEST, _FURTHEST
    if calibration.knots:
        low, high = calibration.knots[0][0] - 1, calibration.knots[-1][0]
    else:
        # beyond a probability of 0 or 1 a small slope needs larger logits
        low, high = ((side - calibration.intercept) / calibration.slope for side in (low, high))
    for _ in range(80):
        middle = (low + high) / 2
        if _at(middle, calibration) >= probability:
            high = middle
        else:
            low = middle
    return high


def _spread(videos: Sequence[LabelledVideo], calibration: Calibration) -> float:
    """Standard deviation of a face around its video's mean, pooled over videos; 0 where none has two faces."""
    variances = [video.faces(calibration).var(ddof=1) for video in videos if len(video.logits) > 1]
    return math.sqrt(float(np.mean(variances))) if variances else 0.0


def _folds(labels: Labels, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """The fold of each video: each class is shuffled and dealt out."""
    fold_of = np.empty(len(labels), np.int64)
    for chosen in (np.flatnonzero(labels), np.flatnonzero(~labels)):
        fold_of[rng.permutation(chosen)] = np.arange(len(chosen)) % FOLDS
    return fold_of


def _losses(probabilities: Array, labels: Labels) -> Array:
    return np.asarray(-np.log(np.clip(np.where(labels, probabilities, 1 - probabilities), _CLIP, 1)))


def _ece(probabilities: Array, labels: Labels) -> float:
    gaps = class_weights(labels) * (probabilities - labels)
    return float(np.abs(np.bincount(equal_width_bins(probabilities), gaps)).sum())


def _standard_error(values: Array, labels: Labels) -> float:
    """Of the mean of `values` with each class weighing one half."""
    parts = [0.25 * values[chosen].var(ddof=1) / chosen.sum() for chosen in (labels, ~labels)]
    return math.sqrt(float(sum(parts)))
