"""95 % intervals by bootstrap over videos, or over groups of videos that show one person or come from one source.

Frames of one video, and videos of one person, are not independent: drawing them singly would make intervals too
narrow. So whole clusters are drawn (Davison and Hinkley, "Bootstrap methods and their application", 1997, 3.8), and
within strata by the classes that a cluster holds, so that every draw has both classes whenever the data has.
"""

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from dfd.statistics.metrics import Labels, Metric, Scores

ROUNDS = 1000
LEVEL = 0.95
_PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """Rounded to four places, as published."""
        # + 0.0 turns -0.0 into 0.0
        return {"value": round(self.value, 4) + 0.0, "low": round(self.low, 4) + 0.0, "high": round(self.high, 4) + 0.0}


@dataclass(frozen=True, slots=True)
class Scored:
    """Scored items and what they are drawn by.

    Attributes:
        labels: ``(N,) bool``, True = fake.
        scores: ``(N,) float64``.
        clusters: ``(N,) int64``, the number of each item's cluster, from 0 without gaps.
    """

    labels: Labels
    scores: Scores
    clusters: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        if not len(self.labels) == len(self.scores) == len(self.clusters):
            raise ValueError("labels, scores and clusters must be equally many")

    @classmethod
    def of(cls, labels: Sequence[bool], scores: Sequence[float], clusters: Sequence[Hashable]) -> Self:
        """Number the clusters by their first item."""
        numbers: dict[Hashable, int] = {}
        return cls(
            np.asarray(labels, dtype=np.bool_),
            np.asarray(scores, dtype=np.float64),
            np.asarray([numbers.setdefault(cluster, len(numbers)) for cluster in clusters], dtype=np.int64),
        )


def estimates(
    metrics: Mapping[str, Metric], items: Scored, rng: np.random.Generator, rounds: int = ROUNDS
) -> dict[str, Estimate | None]:
    """Estimate several figures with the same draws.

    Args:
        metrics: figures by name.
        items: what they are of.
        rng: the source of all randomness.
        rounds: draws.

    Returns:
        an estimate by name; None where the figure is undefined.
    """
    order = np.argsort(items.scores, kind="stable")  # a draw keeps the order, and sorting what is sorted is quick
    labels, scores = items.labels[order], items.scores[order]
    values = {name: metric(labels, scores) for name, metric in metrics.items()}
    wanted = [name for name, value in values.items() if not math.isnan(value)]
    drawn = np.empty((rounds, len(wanted)))
    if wanted:
        for row, index in enumerate(_draws(labels, items.clusters[order], rng, rounds)):
            drawn[row] = [metrics[name](labels[index], scores[index]) for name in wanted]
    intervals = dict(zip(wanted, drawn.T, strict=True))
    return {name: _estimate(value, intervals[name]) if name in intervals else None for name, value in values.items()}


def bootstrap(
    metric: Metric, labels: Labels, scores: Scores, rng: np.random.Generator, rounds: int = ROUNDS
) -> Estimate:
    """Estimate one figure of videos that are independent of each other.

    Raises:
        ValueError: the figure is undefined, because a class is missing.
    """
    items = Scored(labels, scores, np.arange(len(labels)))
    found = estimates({"": metric}, items, rng, rounds)[""]
    if found is None:
        raise ValueError("a figure needs videos of both classes")
    return found


def difference(
    metric: Metric, before: Scored, after: Scores, rng: np.random.Generator, rounds: int = ROUNDS
) -> Estimate | None:
    """Estimate by how much a figure changes when the same videos score otherwise, with the same draws for both.

    Args:
        metric: the figure.
        before: the videos with their first scores.
        after: ``(N,) float64``, their second scores.
        rng: the source of all randomness.
        rounds: draws.

    Returns:
        second minus first; None where the figure is undefined.
    """
    value = metric(before.labels, after) - metric(before.labels, before.scores)
    if math.isnan(value):
        return None
    drawn = [
        metric(before.labels[index], after[index]) - metric(before.labels[index], before.scores[index])
        for index in _draws(before.labels, before.clusters, rng, rounds)
    ]
    return _estimate(value, np.asarray(drawn))


def _draws(
    labels: Labels, clusters: npt.NDArray[np.int64], rng: np.random.Generator, rounds: int
) -> Iterator[npt.NDArray[np.int64]]:
    """Ascending indices of the items of each draw."""
    has_fake = np.zeros(int(clusters.max()) + 1, np.bool_)
    has_real = has_fake.copy()
    has_fake[clusters[labels]] = True
    has_real[clusters[~labels]] = True
    strata = [np.flatnonzero(stratum) for stratum in (has_fake & has_real, has_fake & ~has_real, has_real & ~has_fake)]
    items = np.arange(len(labels))
    counts = np.zeros(len(has_fake), np.int64)
    for _ in range(rounds):
        for stratum in strata:
            if stratum.size:
                picks = rng.integers(0, stratum.size, stratum.size)
                counts[stratum] = np.bincount(picks, minlength=stratum.size)
        yield np.repeat(items, counts[clusters])


def _estimate(value: float, drawn: Scores) -> Estimate | None:
    """None where no draw defines the figure."""
    defined = drawn[~np.isnan(drawn)]
    if not defined.size:
        return None
    low, high = np.percentile(defined, _PERCENTILES)
    return Estimate(value, float(low), float(high))
