"""Figures of detection quality, in NumPy alone.

Each takes ``labels``, ``(N,) bool`` with True = fake, and ``scores``, ``(N,) float64``, higher = more suspicious, and
does not depend on the order of the items. Where a figure is undefined, because a class it needs is missing, it is nan.
The ranking figures agree with scikit-learn's (``tests/train/test_metrics.py``).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float64]
Metric = Callable[[Labels, Scores], float]

BINS = 15
"""Bins of the calibration error (Guo et al., "On calibration of modern neural networks", ICML 2017)."""

_CLIP = 1e-15  # of the log loss, as in the Deepfake Detection Challenge
_NO_RATE = np.empty(0, np.float64)


@dataclass(frozen=True, slots=True)
class Roc:
    """The ROC curve: one point for each distinct score as threshold, and (0, 0) before the first.

    Attributes:
        false_positive_rate: ``(K,) float64``, ascending from 0 to 1.
        true_positive_rate: ``(K,) float64``, ascending from 0 to 1.
        flagged: ``(K,) int64``, items at or above the threshold.
        found: ``(K,) int64``, fakes among them.
    """

    false_positive_rate: Scores
    true_positive_rate: Scores
    flagged: npt.NDArray[np.int64]
    found: npt.NDArray[np.int64]


def roc(labels: Labels, scores: Scores) -> Roc | None:
    """Every point of the ROC curve; None where a class is missing."""
    order = np.argsort(scores, kind="stable")[::-1]  # stable sorting is quick on scores that are sorted already
    ordered, is_fake = scores[order], labels[order]
    fakes = int(np.count_nonzero(is_fake))
    reals = len(is_fake) - fakes
    if not (fakes and reals):
        return None
    last_of_tie = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    found = np.append(0, np.cumsum(is_fake, dtype=np.int64)[last_of_tie])
    flagged = np.append(0, last_of_tie + 1)
    return Roc((flagged - found) / reals, found / fakes, flagged, found)


def auc(labels: Labels, scores: Scores) -> float:
    """Area under the ROC curve: how often a fake scores above a real, ties counting half."""
    curve = roc(labels, scores)
    return math.nan if curve is None else float(np.trapezoid(curve.true_positive_rate, curve.false_positive_rate))


def average_precision(labels: Labels, scores: Scores) -> float:
    """Precision averaged over the steps of recall, fake being the positive class."""
    curve = roc(labels, scores)
    if curve is None:
        return math.nan
    return float(np.sum(np.diff(curve.true_positive_rate) * curve.found[1:] / curve.flagged[1:]))


def eer(labels: Labels, scores: Scores) -> float:
    """Equal error rate: the false-positive rate at the threshold where it is closest to the false-negative rate.

    Not interpolated, as in DeepfakeBench; of two such thresholds the stricter.
    """
    curve = roc(labels, scores)
    if curve is None:
        return math.nan
    gap = np.abs(1 - curve.true_positive_rate - curve.false_positive_rate)
    return float(curve.false_positive_rate[np.argmin(gap)])


def tpr_at_fpr(limit: float) -> Metric:
    """True-positive rate at the loosest threshold whose false-positive rate does not exceed `limit`."""

    def metric(labels: Labels, scores: Scores) -> float:
        curve = roc(labels, scores)
        if curve is None:
            return math.nan
        return float(curve.true_positive_rate[curve.false_positive_rate <= limit].max())

    return metric


def brier(labels: Labels, probabilities: Scores) -> float:
    """Mean squared error of the probability (Brier, "Verification of forecasts", 1950)."""
    return _mean((probabilities - labels) ** 2)


def log_loss(labels: Labels, probabilities: Scores) -> float:
    """Mean negative natural logarithm of the probability given to the truth, clipped to [1e-15, 1 - 1e-15]."""
    clipped = np.clip(probabilities, _CLIP, 1 - _CLIP)
    return _mean(-np.log(np.where(labels, clipped, 1 - clipped)))


def equal_width_bins(probabilities: Scores, bins: int = BINS) -> npt.NDArray[np.int64]:
    """The bin of each probability, ``(N,) int64``, where all bins are equally wide."""
    return np.minimum((probabilities * bins).astype(np.int64), bins - 1)


def equal_mass_bins(probabilities: Scores, bins: int = BINS) -> npt.NDArray[np.int64]:
    """The bin of each probability, ``(N,) int64``, where all bins hold about equally many; equal ones share a bin."""
    if not len(probabilities):
        return np.empty(0, np.int64)
    _, which, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    middle_rank = np.cumsum(counts) - (counts + 1) / 2
    return np.minimum((middle_rank / len(probabilities) * bins).astype(np.int64), bins - 1)[which]


def ece(labels: Labels, probabilities: Scores) -> float:
    """Expected calibration error with 15 equal-width bins (Guo et al., ICML 2017)."""
    return _calibration_error(labels, probabilities, equal_width_bins(probabilities))


def ece_equal_mass(labels: Labels, probabilities: Scores) -> float:
    """Expected calibration error with 15 bins of equal size (Nguyen and O'Connor, EMNLP 2015)."""
    return _calibration_error(labels, probabilities, equal_mass_bins(probabilities))


def false_alarm_rate(threshold: float) -> Metric:
    """Share of real videos at or above a threshold."""
    return lambda labels, scores: _mean(scores[~labels] >= threshold)


def detection_rate(threshold: float) -> Metric:
    """Share of fake videos at or above a threshold."""
    return lambda labels, scores: _mean(scores[labels] >= threshold)


def risk_coverage(labels: Labels, probabilities: Scores, threshold: float) -> tuple[Scores, Scores]:
    """How often the surest answers are wrong, when only some are given (El-Yaniv and Wiener, JMLR 2010).

    Answers are given in the order of their distance from the threshold; equally distant ones together.

    Returns:
        the share answered, ascending to 1, and the share of wrong ones among those, both ``(K,) float64``.
    """
    if not len(labels):
        return _NO_RATE, _NO_RATE
    distance = np.abs(probabilities - threshold)
    order = np.argsort(-distance, kind="stable")
    wrong = np.cumsum((probabilities >= threshold)[order] != labels[order])
    last_of_tie = np.append(np.flatnonzero(np.diff(distance[order])), len(order) - 1)
    answered = last_of_tie + 1
    return answered / len(order), wrong[last_of_tie] / answered


def risk_coverage_area(threshold: float) -> Metric:
    """Mean risk over all coverages (AURC, Geifman et al., ICLR 2019); 0 when every answer is right."""

    def metric(labels: Labels, probabilities: Scores) -> float:
        share, risk = risk_coverage(labels, probabilities, threshold)
        return float(np.sum(np.diff(share, prepend=0.0) * risk)) if len(share) else math.nan

    return metric


def decided_accuracy(labels: Labels, calls: Scores) -> float:
    """Share of right answers among those given; `calls` are 1 = fake, 0 = real, nan = no answer."""
    decided = ~np.isnan(calls)
    return _mean(calls[decided] == labels[decided])


def mean(_labels: Labels, values: Scores) -> float:
    """The mean of any value, for shares."""
    return _mean(values)


def _calibration_error(labels: Labels, probabilities: Scores, number: npt.NDArray[np.int64]) -> float:
    if not len(labels):
        return math.nan
    gaps = np.bincount(number, weights=probabilities - labels)
    return float(np.abs(gaps).sum() / len(labels))


def _mean(values: npt.NDArray[np.float64] | npt.NDArray[np.bool_]) -> float:
    return float(np.mean(values)) if len(values) else math.nan
