"""Platt scaling fitted on clips the model has not seen."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from dfd.manifest import Calibration

_BOUNDS = ((np.log(0.01), np.log(100)), (-20, 20))
"""Of log slope and intercept: scores that say nothing end at a slope of 0.01, which answers about one half to all."""


def fit(logits: Sequence[npt.NDArray[np.float32]], is_fake: Sequence[bool]) -> Calibration:
    """Fit slope and intercept so that a video's mean face probability is calibrated.

    Serving applies the scaling to each face and averages; so the log-loss that is minimised here is that of the
    average. Both classes weigh the same: the probability assumes that a fake is as likely as a real video.

    Args:
        logits: of each video's faces, ``(n,) float32`` each, n > 0.
        is_fake: label of each video.

    Raises:
        ValueError: only one class is present.
    """
    labels = np.asarray(is_fake, dtype=bool)
    if labels.all() or not labels.any():
        raise ValueError("calibration needs videos of both classes")
    weights = np.where(labels, 0.5 / labels.sum(), 0.5 / (~labels).sum())

    def loss(parameters: npt.NDArray[np.float64]) -> float:
        slope, intercept = np.exp(parameters[0]), parameters[1]
        probabilities = np.array([expit(slope * values + intercept).mean() for values in logits])
        chosen = np.where(labels, probabilities, 1 - probabilities)
        return float(-(weights * np.log(np.clip(chosen, 1e-12, 1))).sum())

    best = minimize(loss, np.zeros(2), method="Nelder-Mead", bounds=_BOUNDS, options={"xatol": 1e-5, "fatol": 1e-8})
    return Calibration(slope=round(float(np.exp(best.x[0])), 6), intercept=round(float(best.x[1]), 6))


def face_probabilities(logits: npt.NDArray[np.float32], calibration: Calibration) -> npt.NDArray[np.float64]:
    """Calibrated probability of each face, ``(n,) float64``."""
    return np.asarray(expit(calibration.slope * logits.astype(float) + calibration.intercept))
