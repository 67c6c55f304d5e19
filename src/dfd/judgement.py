"""The numbers of a manifest that turn logits into probabilities, and probabilities into verdicts.

Training fits them on videos of people that the model has not seen; `dfd.calibration`, `dfd.quality` and
`dfd.aggregation` apply them. All are part of `dfd.manifest.ModelManifest`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any, Self

import numpy as np

from dfd.errors import InvalidParameter
from dfd.types import QUALITY_MEASURES

Z_LIMIT = 2.5
"""Where standardised quality measures are clipped: beyond it, calibration would be guessing."""

_LOG_SLOPE_LIMIT = 10.0  # of what quality may add to the log of the slope: numbers stay finite


class CalibrationMethod(StrEnum):
    """How logits become probabilities."""

    PLATT = "platt"
    TEMPERATURE = "temperature"
    ISOTONIC = "isotonic"


@dataclass(frozen=True, slots=True)
class QualityTerm:
    """What one measure of a face's quality does to its probability.

    With ``z = (measure - mean) / spread``, clipped to [-2.5, 2.5], the scaled logit grows by ``to_intercept * z`` and
    the log of the slope by ``to_log_slope * z``.

    Attributes:
        mean: of the measure, on the videos of the fit.
        spread: its standard deviation there, above 0.
        to_intercept: see above.
        to_log_slope: see above.
    """

    mean: float
    spread: float
    to_intercept: float = 0.0
    to_log_slope: float = 0.0

    def __post_init__(self) -> None:
        numbers = (self.mean, self.spread, self.to_intercept, self.to_log_slope)
        if not (all(map(math.isfinite, numbers)) and self.spread > 0):
            raise ValueError(f"a quality term needs finite numbers and a positive spread, got {self}")


@dataclass(frozen=True, slots=True)
class Calibration:
    """From the logit of a face to the probability that it is fake. A higher logit never gives a lower probability.

    ``platt``: ``p = 1 / (1 + exp(-(slope * logit + intercept)))`` (Platt, "Probabilistic outputs for support vector
    machines", 1999), where quality terms may add to the intercept and to the log of the slope. Slope 1 and intercept 0
    change nothing. ``temperature``: the same with an intercept of 0 (Guo et al., "On calibration of modern neural
    networks", ICML 2017). ``isotonic``: straight lines between knots, level beyond the outer ones (Zadrozny and Elkan,
    "Transforming classifier scores into accurate multiclass probability estimates", KDD 2002).

    Attributes:
        slope: above 0.
        intercept: added to the scaled logit.
        method: see above.
        knots: of the isotonic method: ``(logit, probability)``, logits ascending, probabilities never descending.
        quality: terms by name of the measure (`dfd.types.QUALITY_MEASURES`).
    """

    slope: float = 1.0
    intercept: float = 0.0
    method: CalibrationMethod = CalibrationMethod.PLATT
    knots: tuple[tuple[float, float], ...] = ()
    quality: Mapping[str, QualityTerm] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.slope) and math.isfinite(self.intercept) and self.slope > 0):
            raise ValueError(f"calibration needs a positive slope and finite numbers, got {self}")
        is_scaled = bool((self.slope, self.intercept) != (1.0, 0.0) or self.quality)
        if self.method is CalibrationMethod.ISOTONIC:
            _check_knots(self.knots)
            if is_scaled:
                raise ValueError("isotonic calibration has knots and neither slope, intercept nor quality terms")
        elif self.knots:
            raise ValueError(f"{self.method} calibration has no knots")
        if self.method is CalibrationMethod.TEMPERATURE and (self.intercept or self.quality):
            raise ValueError("temperature scaling has a slope alone")
        _check_measures(tuple(self.quality))
        if Z_LIMIT * math.fsum(abs(term.to_log_slope) for term in self.quality.values()) > _LOG_SLOPE_LIMIT:
            raise ValueError("the quality terms bend the slope beyond all measure")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from the parsed JSON; raises KeyError, TypeError or ValueError when it is none."""
        fields = dict(data)
        method = CalibrationMethod(fields.pop("method", CalibrationMethod.PLATT))
        knots = tuple((float(logit), float(probability)) for logit, probability in fields.pop("knots", ()))
        quality = {name: QualityTerm(**term) for name, term in dict(fields.pop("quality", {})).items()}
        return cls(method=method, knots=knots, quality=quality, **fields)


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A threshold chosen for a purpose, and what it did on held-out videos.

    Attributes:
        threshold: takes the place of `Decision.threshold`; the margin stays.
        false_alarm_rate: share of the real videos whose score was beyond threshold and margin. The fewer faces, the
            wider the margin (`Decision.frame_spread`), so that no more than these are called fake.
        detection_rate: likewise, of the fake videos.
        real_count: real videos that the rates rest on.
        fake_count: fake videos that the rates rest on.
    """

    threshold: float
    false_alarm_rate: float
    detection_rate: float
    real_count: int
    fake_count: int

    def __post_init__(self) -> None:
        _check_threshold(self.threshold)
        if not (0 <= self.false_alarm_rate <= 1 and 0 <= self.detection_rate <= 1):
            raise ValueError(f"rates must be in [0, 1], got {self}")
        if self.real_count < 1 or self.fake_count < 1:
            raise ValueError(f"an operating point rests on videos of both classes, got {self}")


@dataclass(frozen=True, slots=True)
class Decision:
    """From probability to verdict.

    Attributes:
        threshold: a video whose probability reaches it is called fake.
        inconclusive_margin: closer to the threshold than this, the verdict is inconclusive.
        frame_spread: how far the probability of one face strays from the mean of its track: a standard deviation. The
            mean of n faces is uncertain by ``frame_spread / sqrt(n)``, which widens the margin; 0 does not.
        operating_points: other thresholds, by name.
    """

    threshold: float
    inconclusive_margin: float
    frame_spread: float = 0.0
    operating_points: Mapping[str, OperatingPoint] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_threshold(self.threshold)
        if not 0 <= self.inconclusive_margin < 0.5:
            raise ValueError(f"inconclusive margin must be in [0, 0.5), got {self.inconclusive_margin}")
        if not 0 <= self.frame_spread <= 0.5:
            raise ValueError(f"frame spread must be in [0, 0.5], got {self.frame_spread}")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from the parsed JSON; raises KeyError, TypeError or ValueError when it is none."""
        fields = dict(data)
        points = {name: OperatingPoint(**point) for name, point in dict(fields.pop("operating_points", {})).items()}
        return cls(operating_points=points, **fields)

    def in_force(self, threshold: float | None, operating_point: str | None) -> tuple[float, str | None]:
        """The threshold that counts, and the name of the operating point that it belongs to, if any.

        Args:
            threshold: one given as a number, which wins; None leaves the choice to the name.
            operating_point: name of one of the model's; None is the model's own threshold.

        Raises:
            InvalidParameter: the model has no operating point of that name; the message lists those it has.
        """
        if threshold is not None:
            return threshold, None
        if operating_point is None:
            return self.threshold, None
        if operating_point not in self.operating_points:
            known = ", ".join(sorted(self.operating_points)) or "none"
            raise InvalidParameter(f"the model has no operating point {operating_point!r}; it has: {known}")
        return self.operating_points[operating_point].threshold, operating_point


@dataclass(frozen=True, slots=True)
class ReferenceQuality:
    """What the faces of the training videos look like, in numbers: where a face is unlike them all.

    Attributes:
        measures: names of the measures (`dfd.types.QUALITY_MEASURES`), K of them.
        mean: of each measure.
        inverse_covariance: ``K x K``, symmetric and positive definite.
        limit: squared Mahalanobis distance beyond which a face is unlike the training faces.
    """

    measures: tuple[str, ...]
    mean: tuple[float, ...]
    inverse_covariance: tuple[tuple[float, ...], ...]
    limit: float

    def __post_init__(self) -> None:
        _check_measures(self.measures)
        count = len(self.measures)
        if not count or len(self.mean) != count or [len(row) for row in self.inverse_covariance] != [count] * count:
            raise ValueError(f"reference quality needs a mean and a row of the matrix for each measure, got {self}")
        matrix = np.array(self.inverse_covariance)
        if not (np.isfinite(matrix).all() and np.isfinite(self.mean).all() and np.array_equal(matrix, matrix.T)):
            raise ValueError(f"reference quality needs finite numbers and a symmetric matrix, got {self}")
        if np.linalg.eigvalsh(matrix)[0] <= 0:
            raise ValueError("the matrix of the reference quality is not positive definite")
        if not (math.isfinite(self.limit) and self.limit > 0):
            raise ValueError(f"the limit of the reference quality must be positive, got {self.limit}")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from the parsed JSON; raises KeyError, TypeError or ValueError when it is none."""
        fields = dict(data)
        return cls(
            measures=tuple(fields.pop("measures")),
            mean=tuple(map(float, fields.pop("mean"))),
            inverse_covariance=tuple(tuple(map(float, row)) for row in fields.pop("inverse_covariance")),
            **fields,
        )


def _check_threshold(threshold: float) -> None:
    if not 0 < threshold < 1:
        raise ValueError(f"threshold must be in (0, 1), got {threshold}")


def _check_measures(names: Sequence[str]) -> None:
    unknown = set(names) - set(QUALITY_MEASURES)
    if unknown or len(set(names)) < len(names):
        raise ValueError(f"measures of quality are, each once, {', '.join(QUALITY_MEASURES)}; got {', '.join(names)}")


def _check_knots(knots: Sequence[tuple[float, float]]) -> None:
    numbers = [number for knot in knots for number in knot]
    if not knots or not all(map(math.isfinite, numbers)) or not all(0 <= p <= 1 for _, p in knots):
        raise ValueError("isotonic calibration needs knots of finite logits and of probabilities in [0, 1]")
    if any(left[0] >= right[0] or left[1] > right[1] for left, right in pairwise(knots)):
        raise ValueError("the knots' logits must ascend, and their probabilities never descend")
