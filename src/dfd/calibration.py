"""From the model's logits to probabilities that mean what they say."""

import numpy as np

from dfd.manifest import Calibration
from dfd.types import FloatArray


def to_probability(logits: FloatArray, calibration: Calibration) -> FloatArray:
    """Platt-scale logits of *fake* (see `dfd.manifest.Calibration`).

    Reckoned in double precision with exponents that are never positive, so nothing overflows; a higher logit never
    gives a lower probability.

    Args:
        logits: ``(N,) float32``.
        calibration: slope and intercept.

    Returns:
        ``(N,) float32`` in [0, 1].
    """
    scaled = calibration.slope * logits.astype(np.float64) + calibration.intercept
    decay = np.exp(-np.abs(scaled))
    return np.asarray(np.where(scaled >= 0, 1.0, decay) / (1.0 + decay), dtype=np.float32)
