"""Fitting one form of calibration."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from dfd.calibration import standardised
from dfd.judgement import Calibration, CalibrationMethod, QualityTerm
from dfd.types import QUALITY_MEASURES
from dfd_train.calibrate.scored import Array, Labels, ScoredClip, class_weights, labels_of

_LOG_SLOPE = (np.log(0.01), np.log(100))
_INTERCEPT = (-20.0, 20.0)
_WEIGHT = (-1.0, 1.0)
_FIXED = (0.0, 0.0)
"""Bounds: scores that say nothing end at a slope of 0.01, which answers about one half to all."""

_PRIOR_SD = 0.5
"""Standard deviation of the normal prior of each quality weight: one standard deviation of a quality seldom changes a
logit, or the log of the slope, by more."""

_LEAST = 1e-300  # of a probability before its logarithm is taken
_DECIMALS = 6


class Form(StrEnum):
    """What may be fitted, the simplest first; isotonic last, since it has the most freedom and ties scores."""

    NONE = "none"
    TEMPERATURE = "temperature"
    PLATT = "platt"
    QUALITY_INTERCEPT = "platt+quality_intercept"
    QUALITY_SLOPE = "platt+quality_slope"
    QUALITY_BOTH = "platt+quality_both"
    ISOTONIC = "isotonic"

    @property
    def needs_measures(self) -> bool:
        """Whether the quality of each face must be known."""
        return self.bends_intercept or self.bends_slope

    @property
    def bends_intercept(self) -> bool:
        """Whether quality adds to the intercept."""
        return self in (Form.QUALITY_INTERCEPT, Form.QUALITY_BOTH)

    @property
    def bends_slope(self) -> bool:
        """Whether quality adds to the log of the slope."""
        return self in (Form.QUALITY_SLOPE, Form.QUALITY_BOTH)


def fit(clips: Sequence[ScoredClip], form: Form) -> Calibration:
    """Fit one form on all clips.

    Raises:
        ValueError: only one class is present, or the form needs measures that are not known.
    """
    labels = labels_of(clips)
    if form is Form.NONE:
        return Calibration()
    return _fit_isotonic(clips, labels) if form is Form.ISOTONIC else _fit_scaling(clips, labels, form)


def _fit_isotonic(clips: Sequence[ScoredClip], labels: Labels) -> Calibration:
    """Pool adjacent violators over faces, each clip weighing the same within its class.

    The ends stay off 0 and 1 by Platt's correction, (hits + 1) / (count + 2).
    """
    counts = np.array([len(clip.logits) for clip in clips])
    reals, fakes = int((~labels).sum()), int(labels.sum())
    model = IsotonicRegression(y_min=1 / (reals + 2), y_max=(fakes + 1) / (fakes + 2))
    model.fit(
        np.concatenate([clip.logits for clip in clips]).astype(np.float64),
        np.repeat(labels, counts).astype(np.float64),
        sample_weight=np.repeat(class_weights(labels) / counts, counts),
    )
    knots = {
        round(float(logit), _DECIMALS): round(float(probability), _DECIMALS)
        for logit, probability in zip(model.X_thresholds_, model.y_thresholds_, strict=True)
    }
    return Calibration(method=CalibrationMethod.ISOTONIC, knots=tuple(sorted(knots.items())))


def _fit_scaling(clips: Sequence[ScoredClip], labels: Labels, form: Form) -> Calibration:
    """Slope, and what the form has beside it, by L-BFGS-B from a calibration that changes nothing."""
    faces = _row_of(clips, labels, form)
    terms = len(faces.names)
    bounds = [
        _LOG_SLOPE,
        _FIXED if form is Form.TEMPERATURE else _INTERCEPT,
        *[_WEIGHT if form.bends_intercept else _FIXED] * terms,
        *[_WEIGHT if form.bends_slope else _FIXED] * terms,
    ]
    best = minimize(faces.loss, np.zeros(len(bounds)), jac=True, method="L-BFGS-B", bounds=bounds).x
    columns = zip(faces.names, faces.mean, faces.spread, *best[2:].reshape(2, terms), strict=True)
    return Calibration(
        slope=_rounded(np.exp(best[0])),
        intercept=_rounded(best[1]),
        method=CalibrationMethod.TEMPERATURE if form is Form.TEMPERATURE else CalibrationMethod.PLATT,
        quality={name: QualityTerm(*map(_rounded, numbers)) for name, *numbers in columns},
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Faces:
    """The faces of all clips in one row, with what the loss needs.

    Attributes:
        logits: ``(F,)``.
        z: ``(F, T)``, standardised measures; T is 0 for forms without quality.
        names: of the measures, T of them.
        mean: ``(T,)``, before standardising.
        spread: ``(T,)``, before standardising.
        starts: ``(C,)``, where each clip's faces begin.
        counts: ``(C,)``, faces of each clip.
        labels: ``(C,)``.
    """

    logits: Array
    z: Array
    names: tuple[str, ...]
    mean: Array
    spread: Array
    starts: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    labels: Labels

    def loss(self, parameters: Array) -> tuple[float, Array]:
        """Log loss of the clips' mean probabilities with the prior of the quality weights, and its gradient.

        Args:
            parameters: log slope, intercept, T weights in the intercept, T weights in the log slope.
        """
        to_intercept, to_log_slope = parameters[2:].reshape(2, len(self.names))
        scaled = np.exp(parameters[0] + self.z @ to_log_slope) * self.logits
        total = scaled + parameters[1] + self.z @ to_intercept
        sign = np.where(self.labels, 1.0, -1.0)
        of_truth = self._mean(expit(np.repeat(sign, self.counts) * total))
        weights = class_weights(self.labels)
        pull = -weights * sign / (np.maximum(of_truth, _LEAST) * self.counts)
        slopes = np.repeat(pull, self.counts) * expit(total) * expit(-total)
        prior = parameters[2:] / (_PRIOR_SD**2 * len(self.labels))
        value = -weights @ np.log(np.maximum(of_truth, _LEAST)) + 0.5 * prior @ parameters[2:]
        gradient = [[slopes @ scaled, slopes.sum()], self.z.T @ slopes, self.z.T @ (slopes * scaled)]
        return float(value), np.concatenate(gradient) + np.append([0.0, 0.0], prior)

    def _mean(self, values: Array) -> Array:
        """Mean of each clip's faces, ``(C,)``."""
        return np.asarray(np.add.reduceat(values, self.starts) / self.counts)


def _row_of(clips: Sequence[ScoredClip], labels: Labels, form: Form) -> _Faces:
    """Put the clips in a row; a measure that is the same in all faces is left out."""
    counts = np.array([len(clip.logits) for clip in clips])
    measures = np.empty((int(counts.sum()), 0))
    if form.needs_measures:
        measures = np.concatenate([_known(clip) for clip in clips])
    of_clip = np.repeat(1 / (len(clips) * counts), counts)  # every clip weighs the same
    mean = of_clip @ measures
    spread = np.sqrt(of_clip @ (measures - mean) ** 2)
    kept = np.flatnonzero(spread > 10.0**-_DECIMALS)
    return _Faces(
        logits=np.concatenate([clip.logits for clip in clips]).astype(np.float64),
        z=standardised(measures[:, kept], mean[kept], spread[kept]),
        names=tuple(QUALITY_MEASURES[index] for index in kept),
        mean=mean[kept],
        spread=spread[kept],
        starts=np.cumsum(counts) - counts,
        counts=counts,
        labels=labels,
    )


def _known(clip: ScoredClip) -> Array:
    if clip.measures is None:
        raise ValueError("this form of calibration needs the quality of every face")
    return clip.measures


def _rounded(number: float) -> float:
    return round(float(number), _DECIMALS)
