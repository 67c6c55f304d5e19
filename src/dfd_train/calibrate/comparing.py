"""Which form of calibration is worth its numbers: cross-validation over groups of people and sources."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from dfd.statistics.metrics import equal_mass_bins, equal_width_bins
from dfd_train.calibrate.fitting import Form, fit
from dfd_train.calibrate.scored import Array, Labels, ScoredClip, class_weights, clip_probability
from dfd_train.datasets import DatasetError

FOLDS = 5
_CLIP = 1e-15  # of the log loss, as in `dfd.statistics.metrics`
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class HeldOutFigures:
    """How well a form did on clips that it was not fitted on; each class weighs one half.

    Attributes:
        form: which.
        log_loss: mean, natural logarithm.
        brier: mean squared error.
        ece: expected calibration error, 15 bins of equal width.
        ece_equal_mass: the same, 15 bins of equal size.
        excess: log loss above that of the best form that may be chosen.
        excess_se: standard error of `excess`, the clips of a group taken as one.
    """

    form: Form
    log_loss: float
    brier: float
    ece: float
    ece_equal_mass: float
    excess: float
    excess_se: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The forms side by side.

    Attributes:
        figures: of each form, the simplest first.
        chosen: the simplest whose log loss is within one standard error of the best (Breiman et al., "Classification
            and regression trees", 1984). The error is that of the difference, since all are judged by the same clips.
            No calibration at all is a yardstick and is never chosen: how steep raw logits are comes of how training
            was held back, not of evidence.
    """

    figures: tuple[HeldOutFigures, ...]
    chosen: Form

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, rounded, for the manifest's metrics."""
        names = ("log_loss", "brier", "ece", "ece_equal_mass", "excess", "excess_se")
        forms = {str(row.form): {name: round(getattr(row, name), _DECIMALS) for name in names} for row in self.figures}
        return {"chosen": str(self.chosen), "forms": forms}


Part = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Indices of the clips to fit on, and of those to judge."""


def dealt(labels: Labels, groups: npt.NDArray[np.int64], folds: int = FOLDS) -> list[Part]:
    """Deal whole groups into folds so that classes are spread evenly.

    Args:
        labels: of each clip, ``(C,) bool``; 1 = fake.
        groups: number of each clip's, ``(C,) int64``.
        folds: how many.

    Raises:
        DatasetError: there are fewer groups than folds, or a fold leaves but one class to fit on.
    """
    fix = "take clips of more sources and people"
    if (count := len(np.unique(groups))) < folds:
        raise DatasetError(f"calibration needs {folds} independent groups of clips, there are {count}: {fix}")
    parts = list(StratifiedGroupKFold(folds).split(np.zeros(len(labels)), labels, groups))
    if any(len(np.unique(labels[inside])) < 2 for inside, _ in parts):
        raise DatasetError(f"the clips of a class are in too few independent groups to calibrate on: {fix}")
    return parts


def compare(clips: Sequence[ScoredClip], folds: int = FOLDS) -> Comparison:
    """Cross-validate every form over whole groups; those with quality only where every clip's is known.

    Args:
        clips: held-out answers.
        folds: of the cross-validation.

    Raises:
        DatasetError: see `dealt`.
    """
    labels, groups = np.array([clip.is_fake for clip in clips], bool), np.array([clip.group for clip in clips])
    parts = dealt(labels, groups, folds)
    known = all(clip.measures is not None for clip in clips)
    held_out = {form: _held_out(clips, form, parts) for form in Form if known or not form.needs_measures}
    losses = {form: -np.log(np.clip(np.where(labels, p, 1 - p), _CLIP, 1)) for form, p in held_out.items()}
    eligible = [values for form, values in losses.items() if form is not Form.NONE]
    best = min(eligible, key=lambda values: float(class_weights(labels) @ values))
    figures = tuple(_figures(form, held_out[form], losses[form], best, (labels, groups)) for form in held_out)
    candidates = [row for row in figures if row.form is not Form.NONE]
    return Comparison(figures, next(row.form for row in candidates if row.excess <= row.excess_se))


def _held_out(clips: Sequence[ScoredClip], form: Form, parts: Sequence[Part]) -> Array:
    """Probability of each clip from a fit that has not seen its group, ``(C,) float64``."""
    found = np.zeros(len(clips))
    for inside, outside in parts:
        fitted = fit([clips[index] for index in inside], form)
        found[outside] = [clip_probability(clips[index], fitted) for index in outside]
    return found


def _figures(
    form: Form, probabilities: Array, losses: Array, best: Array, of_clips: tuple[Labels, npt.NDArray[np.int64]]
) -> HeldOutFigures:
    labels, groups = of_clips
    weights = class_weights(labels)
    gaps = probabilities - labels
    return HeldOutFigures(
        form=form,
        log_loss=float(weights @ losses),
        brier=float(weights @ gaps**2),
        ece=float(np.abs(np.bincount(equal_width_bins(probabilities), weights * gaps)).sum()),
        ece_equal_mass=float(np.abs(np.bincount(equal_mass_bins(probabilities), weights * gaps)).sum()),
        excess=float(weights @ (losses - best)),
        excess_se=_standard_error(losses - best, labels, groups),
    )


def _standard_error(values: Array, labels: Labels, groups: npt.NDArray[np.int64]) -> float:
    """Of the mean of `values` with each class weighing one half, the clips of a group being drawn together."""
    of_class = np.where(labels, values[labels].mean(), values[~labels].mean())
    _, number = np.unique(groups, return_inverse=True)
    sums = np.bincount(number, class_weights(labels) * (values - of_class))
    return float(np.sqrt(len(sums) / (len(sums) - 1) * np.sum(sums**2)))
