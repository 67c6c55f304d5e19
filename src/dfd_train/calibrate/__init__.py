"""Calibration and thresholds, fitted on clips that the model has not seen, and chosen by cross-validation.

A video's probability is the mean of its faces' probabilities, so it is this mean that is calibrated: what is minimised
is the log loss of the mean over whole clips. Each class weighs one half however many clips it has: the probability
assumes that a fake is as likely as a real video.

In order: `compare` the forms on held-out logits, `fit` the chosen one on all of them, then take `clip_probability` of
every clip for `verdict_bounds` and `operating_points`, `frame_spread` of the faces' probabilities,
`reference_quality` of the faces, and `reference_histograms` of scores and quality.
"""

from dfd_train.calibrate.comparing import Comparison, HeldOutFigures, compare, dealt
from dfd_train.calibrate.deciding import frame_spread, operating_points, reference_quality, verdict_bounds
from dfd_train.calibrate.fitting import Form, fit
from dfd_train.calibrate.histograms import reference_histograms
from dfd_train.calibrate.scored import ScoredClip, clip_probability, face_probabilities

__all__ = [
    "Comparison",
    "Form",
    "HeldOutFigures",
    "ScoredClip",
    "clip_probability",
    "compare",
    "dealt",
    "face_probabilities",
    "fit",
    "frame_spread",
    "operating_points",
    "reference_histograms",
    "reference_quality",
    "verdict_bounds",
]
