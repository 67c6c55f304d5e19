"""The curves and tables behind the plots: ROC, reliability, risk against coverage, histograms, worst mistakes."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dfd.evaluation.figures import Figure, Judge
from dfd.evaluation.results import ClipResult
from dfd.reliability import Reliability, ReliabilityBin
from dfd.statistics import metrics
from dfd.statistics.resampling import Scored

_MOST_POINTS = 100
_HISTOGRAM_BINS = 20
_TOLD_BINS = 8  # of a hundred videos each where some hundreds were judged: fewer would say nothing of a score
_WORST = 10
_DECIMALS = 4
_Z_95 = 1.959964  # of the normal distribution, for a two-sided 95 % interval


def roc(items: Scored) -> list[list[float]]:
    """Points ``[false-positive rate, true-positive rate]``; empty where a class is missing."""
    curve = metrics.roc(items.labels, items.scores)
    return [] if curve is None else _points(curve.false_positive_rate, curve.true_positive_rate)


def risk_coverage(items: Scored, judge: Judge) -> dict[str, Any]:
    """Share of wrong answers when only the surest are given, as ``points`` and as the ``area`` below them."""
    share, risk = metrics.risk_coverage(items.labels, items.scores, judge.threshold)
    area: Figure = judge.estimate({"area": metrics.risk_coverage_area(judge.threshold)}, items)["area"]
    return {"area": area, "points": _points(share, risk)}


def reliability(items: Scored) -> dict[str, list[dict[str, float]]]:
    """What share of the videos of each bin of probability is fake, with a Wilson interval; empty bins are left out."""
    return {
        "equal_width": _bins(items, metrics.equal_width_bins),
        "equal_mass": _bins(items, metrics.equal_mass_bins),
    }


def told_reliability(items: Scored, judge: Judge, tested_on: str) -> Reliability | None:
    """What can be told to whoever reads a score: at most eight `ReliabilityBin`, about equally full.

    Real and fake videos are made equally frequent, as calibration takes them to be
    (docs/decisions/0006-calibration.md), and intervals are drawn as those of every figure are.

    Args:
        items: videos and their probabilities, by a model that has not seen them.
        judge: draws.
        tested_on: see `Reliability`.

    Returns:
        None where a class is missing.
    """
    if items.labels.all() or not items.labels.any():
        return None
    numbers = metrics.equal_mass_bins(items.scores, _TOLD_BINS)
    highest = [float(items.scores[numbers == number].max()) for number in np.unique(numbers)]
    lowest = [float(items.scores[numbers == number].min()) for number in np.unique(numbers)]
    inner = [round((below + above) / 2, _DECIMALS) for below, above in zip(highest[:-1], lowest[1:], strict=True)]
    rounded = sorted({0.0, *inner, 1.0})
    counts, _ = np.histogram(items.scores, rounded)
    # rounding may have brought an edge past all scores beside it, and left a bin empty
    kept = [
        edge for edge, below in zip(rounded[1:-1], counts[:-1], strict=True) if below and edge <= items.scores.max()
    ]
    edges = [0.0, *kept, 1.0]
    bins = [_told(items, judge, low, high) for low, high in itertools.pairwise(edges)]
    return Reliability(tuple(bins), tested_on)


def _told(items: Scored, judge: Judge, low: float, high: float) -> ReliabilityBin:
    def inside(scores: metrics.Scores) -> npt.NDArray[np.bool_]:
        return (scores >= low) & ((scores < high) | (high == 1))

    def fake_share(labels: metrics.Labels, scores: metrics.Scores) -> float:
        """Of the bin, with both classes weighing the same; not a number where the bin is empty."""
        here = inside(scores)
        fakes, reals = float(here[labels].mean()), float(here[~labels].mean())
        return fakes / (fakes + reals) if fakes + reals else math.nan

    found = judge.estimate({"share": fake_share}, items)["share"]
    if found is None:
        raise ValueError(f"no video has a score from {low} to {high}")
    here = inside(items.scores)
    return ReliabilityBin(
        low=low,
        high=high,
        real_count=int((here & ~items.labels).sum()),
        fake_count=int((here & items.labels).sum()),
        fake_share=found["value"],
        fake_share_low=min(found["low"], found["value"]),
        fake_share_high=max(found["high"], found["value"]),
    )


def histogram(items: Scored) -> dict[str, list[int]]:
    """How many videos of each class have a probability in each of 20 equally wide bins."""
    edges = np.linspace(0, 1, _HISTOGRAM_BINS + 1)
    return {
        name: np.histogram(items.scores[chosen], edges)[0].tolist()
        for name, chosen in (("real", ~items.labels), ("fake", items.labels))
    }


def mistakes(results: Sequence[ClipResult], threshold: float) -> dict[str, list[dict[str, Any]]]:
    """The real videos furthest above the threshold and the fake ones furthest below, worst first, ten of each."""
    scored = [(result, result.probability) for result in results if result.probability is not None]
    alarms = [(r, p) for r, p in scored if not r.sample.is_fake and p >= threshold]
    misses = [(r, p) for r, p in scored if r.sample.is_fake and p < threshold]
    return {
        "false_alarms": [_mistake(*pair) for pair in sorted(alarms, key=lambda pair: (-pair[1], pair[0].sample.key))][
            :_WORST
        ],
        "missed_fakes": [_mistake(*pair) for pair in sorted(misses, key=lambda pair: (pair[1], pair[0].sample.key))][
            :_WORST
        ],
    }


def _mistake(result: ClipResult, probability: float) -> dict[str, Any]:
    return {
        "dataset": result.sample.dataset,
        "path": result.sample.shown_name,
        "method": result.sample.method,
        "fake_probability": round(probability, _DECIMALS),
        "verdict": result.verdict and str(result.verdict),
        "reasons": [str(reason) for reason in result.reasons],
    }


def _bins(items: Scored, number: Callable[[metrics.Scores], npt.NDArray[np.int64]]) -> list[dict[str, float]]:
    numbers = number(items.scores)
    rows = []
    for index in np.unique(numbers):
        inside = numbers == index
        count, fakes = int(inside.sum()), int(items.labels[inside].sum())
        low, high = _wilson(fakes, count)
        rows.append(
            {
                "count": count,
                "mean_probability": round(float(items.scores[inside].mean()), _DECIMALS),
                "fake_share": round(fakes / count, _DECIMALS),
                "low": round(low, _DECIMALS),
                "high": round(high, _DECIMALS),
            }
        )
    return rows


def _wilson(hits: int, count: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson, "Probable inference", 1927)."""
    square = _Z_95**2
    middle = (hits + square / 2) / (count + square)
    reach = _Z_95 / (count + square) * math.sqrt(hits * (count - hits) / count + square / 4)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _points(x: metrics.Scores, y: metrics.Scores) -> list[list[float]]:
    """At most 100 points of a curve, its ends among them."""
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), _MOST_POINTS)).round().astype(int))
    return [[round(float(a), _DECIMALS), round(float(b), _DECIMALS)] for a, b in zip(x[kept], y[kept], strict=True)]
