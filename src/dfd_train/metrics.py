"""Figures of detection quality, with bootstrap intervals over videos.

Label polarity: 1 = fake. A *video* is one clip with the mean of its faces' probabilities.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

Labels = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float64]
Metric = Callable[[Labels, Scores], float]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """Rounded to four places, as published."""
        return {"value": round(self.value, 4), "low": round(self.low, 4), "high": round(self.high, 4)}


def auc(labels: Labels, scores: Scores) -> float:
    """Area under the ROC curve."""
    return float(roc_auc_score(labels, scores))


def average_precision(labels: Labels, scores: Scores) -> float:
    """Average precision with fake as the positive class."""
    return float(average_precision_score(labels, scores))


def eer(labels: Labels, scores: Scores) -> float:
    """Equal error rate: the false-positive rate at the threshold where it is closest to the false-negative rate."""
    fpr, tpr, _ = roc_curve(labels, scores)
    return float(fpr[np.argmin(np.abs(1 - tpr - fpr))])


def tpr_at_fpr(limit: float) -> Metric:
    """True-positive rate at the strictest threshold whose false-positive rate does not exceed `limit`."""

    def metric(labels: Labels, scores: Scores) -> float:
        fpr, tpr, _ = roc_curve(labels, scores)
        return float(tpr[fpr <= limit].max())

    return metric


def brier(labels: Labels, probabilities: Scores) -> float:
    """Mean squared error of the probability (Brier, 1950)."""
    return float(np.mean((probabilities - labels) ** 2))


def ece(labels: Labels, probabilities: Scores, bins: int = 15) -> float:
    """Expected calibration error with equal-width bins (Guo et al., ICML 2017)."""
    number = np.minimum((probabilities * bins).astype(int), bins - 1)
    total = 0.0
    for index in range(bins):
        inside = number == index
        if inside.any():
            total += inside.mean() * abs(probabilities[inside].mean() - labels[inside].mean())
    return float(total)


def false_alarm_rate(threshold: float) -> Metric:
    """Share of real videos at or above a threshold."""
    return lambda labels, scores: float(np.mean(scores[~labels] >= threshold))


def detection_rate(threshold: float) -> Metric:
    """Share of fake videos at or above a threshold."""
    return lambda labels, scores: float(np.mean(scores[labels] >= threshold))


def bootstrap(metric: Metric, labels: Labels, scores: Scores, rng: np.random.Generator, rounds: int = 1000) -> Estimate:
    """Estimate a figure and its 95 % interval by resampling videos within each class.

    Args:
        metric: any of the above.
        labels: ``(N,) bool``, both classes present.
        scores: ``(N,) float64``.
        rng: the source of all randomness.
        rounds: resamplings.

    Raises:
        ValueError: only one class is present.
    """
    fakes, reals = np.flatnonzero(labels), np.flatnonzero(~labels)
    if not (fakes.size and reals.size):
        raise ValueError("a figure needs videos of both classes")
    values = []
    for _ in range(rounds):
        drawn = np.concatenate([rng.choice(fakes, fakes.size), rng.choice(reals, reals.size)])
        values.append(metric(labels[drawn], scores[drawn]))
    low, high = np.percentile(values, [2.5, 97.5])
    return Estimate(metric(labels, scores), float(low), float(high))
