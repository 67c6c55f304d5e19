"""Fitting a calibration again, by the method that it has: NumPy alone, since serving has no more.

What is minimised is what training minimises (`dfd_train.calibrate`): the log loss of the mean probability of a video's
faces, each class weighing one half. ``tests/train`` compares the two.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from dfd.calibration import terms_of, to_probability
from dfd.feedback import Feedback, Label
from dfd.judgement import Calibration, CalibrationMethod
from dfd.types import FloatArray

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.bool_]

_BOUNDS: Final = np.array([[math.log(0.01), math.log(100)], [-20.0, 20.0]])
"""Of the log of the slope, and of the intercept, as in training."""

_LEAST: Final = 1e-300
_STEP: Final = 1e-4
_ROUNDS: Final = 100
_DECIMALS: Final = 6


@dataclass(frozen=True, slots=True, eq=False)
class LabelledVideo:
    """What a model said of the faces of a video whose truth is known.

    Attributes:
        logits: ``(N,) float32``, N > 0.
        measures: ``(N, K) float64``, `dfd.types.FaceQuality.measures` of each face.
        is_fake: label; 1 = fake.
    """

    logits: FloatArray
    measures: Array
    is_fake: bool

    @classmethod
    def of(cls, feedback: Feedback) -> "LabelledVideo | None":
        """From feedback; None where its logits are not known."""
        faces = feedback.evidence.faces
        if not faces:
            return None
        logits = np.array([face.fake_logit for face in faces], np.float32)
        return cls(logits, np.array([face.quality.measures for face in faces]), feedback.label is Label.FAKE)

    def faces(self, calibration: Calibration) -> Array:
        """Probability of each face, ``(N,) float64``."""
        return to_probability(self.logits, calibration, self.measures).astype(np.float64)


def probabilities_of(videos: Sequence[LabelledVideo], calibration: Calibration) -> Array:
    """Mean probability of each video's faces, ``(V,) float64``, as serving gives it."""
    return np.array([video.faces(calibration).mean() for video in videos])


def labels_of(videos: Sequence[LabelledVideo]) -> Labels:
    """Label of each video, ``(V,) bool``."""
    return np.array([video.is_fake for video in videos], bool)


def class_weights(labels: Labels) -> Array:
    """Weight of each video, ``(V,) float64``: one half for each class, 1 in all; both classes must be there."""
    return np.asarray(np.where(labels, 0.5 / labels.sum(), 0.5 / (~labels).sum()))


def refitted(calibration: Calibration, videos: Sequence[LabelledVideo]) -> Calibration:
    """Fit the numbers of a calibration again; its method and its quality terms stay.

    Args:
        calibration: gives the method.
        videos: of both classes.

    Raises:
        ValueError: a class is missing.
    """
    labels = labels_of(videos)
    if labels.all() or not labels.any():
        raise ValueError("calibration needs videos of both classes")
    if calibration.method is CalibrationMethod.ISOTONIC:
        return _isotonic(videos, labels)
    free = 1 if calibration.method is CalibrationMethod.TEMPERATURE else 2
    log_slope, intercept = _minimum(_Loss(calibration, videos, labels), free)
    return replace(
        calibration, slope=round(math.exp(log_slope), _DECIMALS), intercept=round(intercept, _DECIMALS) + 0.0
    )


class _Loss:
    """Log loss over the log of the slope and the intercept."""

    def __init__(self, calibration: Calibration, videos: Sequence[LabelledVideo], labels: Labels) -> None:
        counts = np.array([len(video.logits) for video in videos])
        logits = np.concatenate([video.logits for video in videos]).astype(np.float64)
        plain = replace(calibration, slope=1.0, intercept=0.0)
        slopes, self._offsets = terms_of(len(logits), plain, np.concatenate([video.measures for video in videos]))
        self._logits = logits * slopes
        self._starts, self._counts = np.cumsum(counts) - counts, counts
        self._sign = np.where(labels, 1.0, -1.0)
        self._weights = class_weights(labels)

    def at(self, point: Array) -> tuple[float, Array]:
        """Value and gradient, ``(2,)``."""
        scaled = math.exp(point[0]) * self._logits
        total = scaled + point[1] + self._offsets
        of_truth = self._mean(_expit(np.repeat(self._sign, self._counts) * total))
        pull = -self._weights * self._sign / (np.maximum(of_truth, _LEAST) * self._counts)
        slopes = np.repeat(pull, self._counts) * _expit(total) * _expit(-total)
        value = -self._weights @ np.log(np.maximum(of_truth, _LEAST))
        return float(value), np.array([slopes @ scaled, slopes.sum()])

    def _mean(self, values: Array) -> Array:
        return np.asarray(np.add.reduceat(values, self._starts) / self._counts)


def _minimum(loss: _Loss, free: int) -> tuple[float, float]:
    """Newton's method with a Hessian from differences of the gradient, made positive, and steps that must go down.

    Nocedal and Wright, "Numerical optimization", 2006, 3.4. The first `free` coordinates move, from a calibration that
    changes nothing.
    """
    point = np.zeros(2)
    value, gradient = loss.at(point)
    for _ in range(_ROUNDS):
        columns = [loss.at(point + _STEP * axis)[1] - loss.at(point - _STEP * axis)[1] for axis in np.eye(2)[:free]]
        hessian = np.array(columns)[:, :free] / (2 * _STEP)
        sizes, axes = np.linalg.eigh((hessian + hessian.T) / 2)
        along = axes @ ((axes.T @ gradient[:free]) / np.maximum(np.abs(sizes), 1e-6))
        step = 1.0
        while step > 1e-10:
            trial = point.copy()
            trial[:free] -= step * along
            trial = np.clip(trial, *_BOUNDS.T)
            trial_value, trial_gradient = loss.at(trial)
            if trial_value < value:
                break
            step /= 2
        else:
            break
        settled = value - trial_value < 1e-13
        point, value, gradient = trial, trial_value, trial_gradient
        if settled:
            break
    return float(point[0]), float(point[1])


def _isotonic(videos: Sequence[LabelledVideo], labels: Labels) -> Calibration:
    """Pool adjacent violators over faces (Barlow et al., 1972), each video weighing the same within its class.

    The ends stay off 0 and 1 by Platt's correction, (hits + 1) / (count + 2).
    """
    counts = np.array([len(video.logits) for video in videos])
    reals, fakes = int((~labels).sum()), int(labels.sum())
    logits = np.concatenate([video.logits for video in videos]).astype(np.float64)
    weights, hits = np.repeat(class_weights(labels) / counts, counts), np.repeat(labels, counts)
    known, which = np.unique(logits, return_inverse=True)
    levels = _pooled(*(np.bincount(which, mass).astype(np.float64) for mass in (weights * hits, weights)))
    levels = np.clip(levels, 1 / (reals + 2), (fakes + 1) / (fakes + 2))
    # of a level stretch only its ends are needed
    inner = np.ones(len(levels), bool)
    inner[1:-1] = (levels[1:-1] != levels[:-2]) | (levels[1:-1] != levels[2:])
    knots = {
        round(float(logit), _DECIMALS): round(float(level), _DECIMALS)
        for logit, level in zip(known[inner], levels[inner], strict=True)
    }
    return Calibration(method=CalibrationMethod.ISOTONIC, knots=tuple(sorted(knots.items())))


def _pooled(hits: Array, weights: Array) -> Array:
    """The non-descending levels nearest to ``hits / weights`` in weighted least squares."""
    blocks: list[tuple[float, float, int]] = []
    for hit, weight in zip(hits.tolist(), weights.tolist(), strict=True):
        blocks.append((hit, weight, 1))
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            last, before = blocks.pop(), blocks.pop()
            blocks.append((before[0] + last[0], before[1] + last[1], before[2] + last[2]))
    return np.repeat([hit / weight for hit, weight, _ in blocks], [count for _, _, count in blocks])


def _expit(values: Array) -> Array:
    decay = np.exp(-np.abs(values))
    return np.asarray(np.where(values >= 0, 1.0, decay) / (1.0 + decay))
