"""From the model's logits to probabilities that mean what they say."""

import numpy as np
import numpy.typing as npt

from dfd.judgement import Z_LIMIT, Calibration, CalibrationMethod
from dfd.types import QUALITY_MEASURES, FloatArray

Array = npt.NDArray[np.float64]


def to_probability(logits: FloatArray, calibration: Calibration, measures: Array | None = None) -> FloatArray:
    """Calibrate logits of *fake* (see `dfd.judgement.Calibration`).

    Reckoned in double precision with exponents that are never positive, so nothing overflows; a higher logit never
    gives a lower probability.

    Args:
        logits: ``(N,) float32``.
        calibration: method and numbers.
        measures: ``(N, K) float64``, `dfd.types.FaceQuality.measures` of each face; needed where the calibration has
            quality terms.

    Returns:
        ``(N,) float32`` in [0, 1].

    Raises:
        ValueError: quality terms, but no measures of each face.
    """
    values = logits.astype(np.float64)
    if calibration.method is CalibrationMethod.ISOTONIC:
        return _between_knots(values, calibration)
    slope, intercept = terms_of(len(values), calibration, measures)
    scaled = slope * values + intercept
    decay = np.exp(-np.abs(scaled))
    return np.asarray(np.where(scaled >= 0, 1.0, decay) / (1.0 + decay), dtype=np.float32)


def standardised(measures: Array, mean: Array, spread: Array) -> Array:
    """Measures in standard deviations from the mean, clipped to [-2.5, 2.5].

    Args:
        measures: ``(N, K) float64``.
        mean: ``(K,) float64``.
        spread: ``(K,) float64``, above 0.

    Returns:
        ``(N, K) float64``.
    """
    return np.asarray(np.clip((measures - mean) / spread, -Z_LIMIT, Z_LIMIT))


def terms_of(count: int, calibration: Calibration, measures: Array | None) -> tuple[Array | float, Array | float]:
    """Slope and intercept of each face, ``(N,) float64``, or one for all; neither is of isotonic calibration.

    Args:
        count: N, the faces.
        calibration: method and numbers.
        measures: see `to_probability`.

    Raises:
        ValueError: quality terms, but no measures of each face.
    """
    if not calibration.quality:
        return calibration.slope, calibration.intercept
    if measures is None or measures.shape != (count, len(QUALITY_MEASURES)):
        raise ValueError(f"this calibration needs the quality of each of the {count} faces")
    columns = [QUALITY_MEASURES.index(name) for name in calibration.quality]
    terms = calibration.quality.values()
    z = standardised(
        measures[:, columns], np.array([term.mean for term in terms]), np.array([term.spread for term in terms])
    )
    # Summed by face, not as a matrix product, whose last bits may depend on the size of the batch.
    to_log_slope = (z * [term.to_log_slope for term in terms]).sum(axis=1)
    to_intercept = (z * [term.to_intercept for term in terms]).sum(axis=1)
    return calibration.slope * np.exp(to_log_slope), calibration.intercept + to_intercept


def _between_knots(logits: Array, calibration: Calibration) -> FloatArray:
    known, probabilities = np.array(calibration.knots).T
    right = np.searchsorted(known, logits, side="right")
    low, high = probabilities[np.maximum(right - 1, 0)], probabilities[np.minimum(right, len(known) - 1)]
    # Clipped, because rounding may carry the line a last bit beyond the knot it leads to.
    return np.asarray(np.clip(np.interp(logits, known, probabilities), low, high), dtype=np.float32)
