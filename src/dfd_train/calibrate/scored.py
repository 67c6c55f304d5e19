"""What calibration is fitted on: the answers of a model for clips that it has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dfd.calibration import to_probability
from dfd.judgement import Calibration
from dfd.types import QUALITY_MEASURES, FloatArray

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class ScoredClip:
    """The answers of a model that has seen neither the clip nor its people or its source.

    Attributes:
        logits: of the clip's faces, ``(N,) float32``, N > 0.
        is_fake: label; 1 = fake.
        group: number of the clips that it shares people or sources with (`dfd_train.splits.groups`).
        measures: ``(N, K) float64``, `dfd.types.FaceQuality.measures` of each face; None where they are not known.
    """

    logits: FloatArray
    is_fake: bool
    group: int
    measures: Array | None = None

    def __post_init__(self) -> None:
        if self.logits.ndim != 1 or not len(self.logits):
            raise ValueError(f"a scored clip has (N,) logits, N > 0, got {self.logits.shape}")
        wanted = (len(self.logits), len(QUALITY_MEASURES))
        if self.measures is not None and self.measures.shape != wanted:
            raise ValueError(f"the measures of this clip are {wanted}, got {self.measures.shape}")


def face_probabilities(logits: FloatArray, calibration: Calibration, measures: Array | None = None) -> Array:
    """Calibrated probability of each face, ``(N,) float64``, as serving gives it (`dfd.calibration.to_probability`)."""
    return to_probability(logits, calibration, measures).astype(np.float64)


def clip_probability(clip: ScoredClip, calibration: Calibration) -> float:
    """Mean probability of a clip's faces, as serving gives it."""
    return float(face_probabilities(clip.logits, calibration, clip.measures).mean())


def labels_of(clips: Sequence[ScoredClip]) -> Labels:
    """Label of each clip, ``(C,) bool``.

    Raises:
        ValueError: only one class is present.
    """
    labels = np.array([clip.is_fake for clip in clips], dtype=bool)
    if labels.all() or not labels.any():
        raise ValueError("calibration needs clips of both classes")
    return labels


def class_weights(labels: Labels) -> Array:
    """Weight of each clip, ``(C,) float64``: one half for each class, 1 in all."""
    return np.asarray(np.where(labels, 0.5 / labels.sum(), 0.5 / (~labels).sum()))
