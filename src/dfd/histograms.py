"""Counts in bins, and how far two of them lie apart."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

SCORE: Final = "score"
"""The measure that is the mean logit of a video's leading track; the others are `dfd.types.QUALITY_MEASURES`."""

BINS: Final = 10
MOST_BINS: Final = 50

MODERATE: Final = 0.1
LARGE: Final = 0.25
"""From where on a PSI is called so (Siddiqi, "Credit risk scorecards", 2006)."""


@dataclass(frozen=True, slots=True)
class ReferenceHistogram:
    """How a measure was spread over the videos that a model was judged by.

    Attributes:
        edges: inner edges of the bins, strictly ascending, K - 1 of them; bin k holds ``edges[k-1] <= value <
            edges[k]``.
        all_counts: videos in each of the K bins.
        real_counts: real videos among them.
    """

    edges: tuple[float, ...]
    all_counts: tuple[int, ...]
    real_counts: tuple[int, ...]

    def __post_init__(self) -> None:
        count = len(self.edges) + 1
        if not 2 <= count <= MOST_BINS or len(self.all_counts) != count or len(self.real_counts) != count:
            raise ValueError(f"a histogram has 2 to {MOST_BINS} bins, one more than inner edges, got {self}")
        if not all(map(math.isfinite, self.edges)) or any(left >= right for left, right in pairwise(self.edges)):
            raise ValueError("the edges of a histogram must be finite and ascend")
        if any(not 0 <= real <= every for real, every in zip(self.real_counts, self.all_counts, strict=True)):
            raise ValueError("of the videos in a bin, from none to all are real")
        if not sum(self.real_counts):
            raise ValueError("a reference histogram needs real videos")

    @classmethod
    def of(cls, values: Sequence[float], is_fake: Sequence[bool], bins: int = BINS) -> Self:
        """Bins that hold about equally many of the values; fewer where many values are alike.

        Args:
            values: of each video, finite.
            is_fake: label of each, 1 = fake.
            bins: most bins, 2 to `MOST_BINS`.

        Raises:
            ValueError: no real video, or all values are alike.
        """
        found = np.asarray(values, np.float64)
        inner = np.quantile(found, np.arange(1, bins) / bins, method="linear")
        edges = [float(edge) for edge in np.unique(np.round(inner, 6)) if found.min() < edge]
        edges = edges or [float(value) for value in np.unique(found)[1:2]]  # nearly all are the least
        reals = found[~np.asarray(is_fake, bool)]
        return cls(tuple(edges), tuple(counted(found, edges)), tuple(counted(reals, edges)))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from the parsed JSON; raises KeyError, TypeError or ValueError when it is none."""
        fields = dict(data)
        return cls(
            edges=tuple(map(float, fields.pop("edges"))),
            all_counts=tuple(map(int, fields.pop("all_counts"))),
            real_counts=tuple(map(int, fields.pop("real_counts"))),
            **fields,
        )


def bin_of(value: float, edges: Sequence[float]) -> int:
    """The number of the bin that holds a value, from 0; see `ReferenceHistogram.edges`."""
    return int(np.searchsorted(edges, value, side="right"))


def counted(values: Array, edges: Sequence[float]) -> list[int]:
    """How many values lie in each bin."""
    counts: list[int] = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1).tolist()
    return counts


def psi(counts: Sequence[int], reference: Sequence[int]) -> float:
    """Population stability index: ``sum((q - p) ln(q / p))`` over the bins' shares p and q.

    The sum of both Kullback-Leibler divergences (Jeffreys, 1946), named and given its bands by scorecards (Siddiqi,
    "Credit risk scorecards", 2006). Shares are held above half a video of the smaller sample, so that an
    empty bin has a logarithm.

    Args:
        counts: in each bin.
        reference: in the same bins.

    Returns:
        at least 0; 0 where the shares are equal.

    Raises:
        ValueError: the bins are not equally many, or one of the two is empty.
    """
    found, wanted = np.asarray(counts, np.float64), np.asarray(reference, np.float64)
    if len(found) != len(wanted) or not found.sum() or not wanted.sum():
        raise ValueError("PSI compares two histograms with the same bins, neither of them empty")
    least = 0.5 / min(found.sum(), wanted.sum())
    q, p = np.maximum(found / found.sum(), least), np.maximum(wanted / wanted.sum(), least)
    # fsum, so that the order of the bins does not count
    return math.fsum(((q - p) * np.log(q / p)).tolist())


def psi_noise(bins: int, count: int, reference_count: int) -> float:
    """What 95 of 100 PSI stay below where nothing has changed.

    Approximately chi-squared with B - 1 degrees of freedom times ``1 / N + 1 / M`` (Yurdakul, "Statistical properties
    of population stability index", 2018); the quantile by Wilson and Hilferty ("The distribution of chi-square", 1931).

    Args:
        bins: at least 2.
        count: videos in one histogram, at least 1.
        reference_count: videos in the other, at least 1.
    """
    degrees = bins - 1
    spread = 2 / (9 * degrees)
    quantile = degrees * (1 - spread + 1.6448536 * math.sqrt(spread)) ** 3
    return quantile * (1 / count + 1 / reference_count)
