"""From calibrated probabilities of held-out clips to the numbers that verdicts depend on."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dfd.aggregation import VerdictRule
from dfd.judgement import OperatingPoint, ReferenceQuality
from dfd.quality import squared_distances
from dfd.types import QUALITY_MEASURES
from dfd_train.calibrate.scored import Array, Labels

FALSE_ALARMS = 0.05
"""Share of real videos that may be called fake: an accusation needs more evidence than a doubt."""
MISSES = 0.2
"""Share of fake videos that may be called real."""
STRICT_FALSE_ALARMS = 0.01
"""Share of real videos that the operating point ``low_false_alarm`` may call fake."""
_LEAST_MARGIN = 0.05

_QUANTILE = 0.995  # of the training faces, which are then not unlike training
_STEP = 1e-6  # scores are taken as reports give them, to six places
_SIGNIFICANT = 8
_SIZE = "log2_face_side_px"


def verdict_bounds(probabilities: Array, labels: Labels) -> tuple[float, float]:
    """Threshold and margin: how far apart the verdicts lie is what a model's skill leaves undecided.

    Fake is said from the least probability on that no more than 5 % of the reals reach, real below the greatest that no
    more than 20 % of the fakes fall short of. The threshold lies midway, the margin reaches to both. A model that is so
    good that the two meet gets a margin of 0.05.

    Args:
        probabilities: ``(C,) float64``, calibrated, of clips held out from the model.
        labels: ``(C,) bool``, True = fake.

    Returns:
        ``threshold`` and ``inconclusive_margin`` of a `dfd.judgement.Decision`.

    Raises:
        ValueError: a class is missing, or more than 5 % of the reals have a probability of 1.
    """
    scores = _checked(probabilities, labels)
    fake_from = _least_score(scores, labels, FALSE_ALARMS)
    fakes = np.sort(scores[labels])
    real_below = float(fakes[int(MISSES * len(fakes) + 1e-9)])
    # half a step lower, between two scores that reports can hold, no clip lies on a bound
    threshold = max(_STEP, round((fake_from + real_below - _STEP) / 2, 7))
    return threshold, round(min(0.4999999, max(_LEAST_MARGIN, (fake_from - real_below) / 2)), 7)


def operating_points(probabilities: Array, labels: Labels, margin: float) -> dict[str, OperatingPoint]:
    """Thresholds by name, with what they did on the clips given.

    A video is called fake from ``threshold + margin`` on. ``balanced`` is the threshold with equal error rates: as
    large a share of the reals lies above as of the fakes below (of two such, the stricter). ``low_false_alarm`` is the
    least threshold at which no more than 1 % of the reals are called fake: the margin below the next score above the
    real clip that must not be. On fewer than 100 reals it calls none of them fake, which says little of 1 %; the counts
    stand beside the rates for that.

    Args:
        probabilities: ``(C,) float64``, calibrated, of clips held out from the model.
        labels: ``(C,) bool``, True = fake.
        margin: `dfd.judgement.Decision.inconclusive_margin`.

    Raises:
        ValueError: a class is missing, or more than 1 % of the reals have a probability of 1.
    """
    scores = _checked(probabilities, labels)
    strict = _least_score(scores, labels, STRICT_FALSE_ALARMS)
    thresholds = {"balanced": _balanced(scores, labels), "low_false_alarm": max(_STEP, strict - margin - _STEP / 2)}
    return {name: _measured(round(value, 7), scores, labels, margin) for name, value in thresholds.items()}


def frame_spread(probabilities: Sequence[Array]) -> float:
    """How far a face's probability strays from its clip's mean: standard deviation, pooled over clips; 0 to 0.5.

    Args:
        probabilities: calibrated, of each clip's faces, ``(N,) float64``; clips of one face tell nothing.

    Raises:
        ValueError: no clip has two faces.
    """
    variances = [values.var(ddof=1) for values in probabilities if len(values) > 1]
    if not variances:
        raise ValueError("the spread of frames needs a clip with two faces")
    return min(0.5, round(float(np.sqrt(np.mean(variances))), 6))


def reference_quality(measures: Sequence[Array]) -> ReferenceQuality:
    """What the faces of training look like; 0.5 % of them lie beyond the limit. Every clip weighs the same.

    The size of the face is left out: it says how a data set was cut, and what size does to the picture is in sharpness
    and flatness. So is a measure that is the same in all faces.

    Args:
        measures: of each clip, real and fake, ``(N, K) float64``: `dfd.types.FaceQuality.measures` of its faces, N > 0.

    Raises:
        ValueError: no clips, or the measures do not vary independently.
    """
    faces = np.concatenate(measures)
    weights = np.concatenate([np.full(len(rows), 1 / (len(measures) * len(rows))) for rows in measures])
    mean = weights @ faces
    varies = weights @ (faces - mean) ** 2 > 1e-12
    kept = [index for index, name in enumerate(QUALITY_MEASURES) if varies[index] and name != _SIZE]
    offsets = faces[:, kept] - mean[kept]
    inverse = np.linalg.inv((offsets * weights[:, None]).T @ offsets)
    reference = ReferenceQuality(
        measures=tuple(QUALITY_MEASURES[index] for index in kept),
        mean=tuple(map(_rounded, mean[kept])),
        inverse_covariance=tuple(tuple(map(_rounded, row)) for row in (inverse + inverse.T) / 2),
        limit=1.0,
    )
    distances = squared_distances(faces, reference)
    order = np.argsort(distances)
    last = np.searchsorted(np.cumsum(weights[order]), _QUANTILE)
    return replace(reference, limit=_rounded(distances[order[last]]))


def _balanced(scores: Array, labels: Labels) -> float:
    found = np.unique(scores)
    candidates = (found[1:] + found[:-1]) / 2 if len(found) > 1 else found
    reals, fakes = np.sort(scores[~labels]), np.sort(scores[labels])
    alarms = 1 - np.searchsorted(reals, candidates) / len(reals)
    misses = np.searchsorted(fakes, candidates) / len(fakes)
    gaps = np.abs(alarms - misses)
    stricter = len(gaps) - 1 - int(np.argmin(gaps[::-1]))
    return float(np.clip(candidates[stricter], _STEP, 1 - _STEP))


def _checked(probabilities: Array, labels: Labels) -> Array:
    """The scores as reports give them."""
    if labels.all() or not labels.any():
        raise ValueError("thresholds need clips of both classes")
    return np.round(probabilities, 6)


def _least_score(scores: Array, labels: Labels, share: float) -> float:
    """The score from which on at most such a share of the reals is called fake."""
    reals = np.sort(scores[~labels])[::-1]
    first_kept = float(reals[int(share * len(reals) + 1e-9)])  # the highest that must not be called fake
    above = scores[scores > first_kept]
    if len(above):
        return float(above.min())
    if first_kept >= 1:
        raise ValueError(
            f"more than {share:.0%} of the real clips have a probability of 1: no threshold leaves them out"
        )
    return (first_kept + 1) / 2


def _measured(threshold: float, scores: Array, labels: Labels, margin: float) -> OperatingPoint:
    rule = VerdictRule(threshold=threshold, inconclusive_margin=margin, min_face_frames=1)
    called = np.array([rule.looks_fake(float(score)) for score in scores])
    return OperatingPoint(
        threshold=threshold,
        false_alarm_rate=round(float(called[~labels].mean()), 6),
        detection_rate=round(float(called[labels].mean()), 6),
        real_count=int((~labels).sum()),
        fake_count=int(labels.sum()),
    )


def _rounded(number: float) -> float:
    return float(f"{number:.{_SIGNIFICANT}g}")
