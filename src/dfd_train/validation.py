"""Training with whole groups of clips held out, and what the models say of those."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dfd_train.datasets import Clip, require_both_classes
from dfd_train.made_fakes import NO_EXTRAS, Extras, Faces
from dfd_train.recipe import Recipe
from dfd_train.splits import check_disjoint, folds
from dfd_train.store import ClipCrops
from dfd_train.train import score, train

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A clip and what a model that has seen none of its group says of it.

    Attributes:
        clip: which.
        crops: its faces.
        logits: of each face, ``(N,) float32``.
        fold: it was held out with.
    """

    clip: Clip
    crops: ClipCrops
    logits: Logits
    fold: int


def hold_out(
    clips: Sequence[Faces],
    recipe: Recipe,
    extras: Extras = NO_EXTRAS,
    *,
    fold_count: int,
    runs: Path,
    only: Sequence[int] = (),
    progress: bool,
) -> list[HeldOut]:
    """Train one model for each fold on all the others, and score the fold with it.

    Args:
        clips: all clips and their crops.
        recipe: of every model.
        extras: what there is to learn from beside the clips. It shares nobody with them, save in forged clips, which
            say who is in them.
        fold_count: folds to deal the groups into (`dfd_train.splits.folds`).
        runs: folder under which each fold's run is kept; a finished run is not done again.
        only: numbers of the folds wanted, from 0; all where empty.
        progress: whether to show bars.

    Returns:
        the clips of the wanted folds, in the order given.

    Raises:
        DatasetError: a fold leaks, or leaves only one class to learn from.
    """
    fold_of = folds([clip for clip, _ in clips], fold_count)
    found: dict[int, HeldOut] = {}
    for fold in only or range(fold_count):
        inside = [index for index, number in enumerate(fold_of) if number == fold]
        outside = [clips[index] for index, number in enumerate(fold_of) if number != fold]
        check_disjoint([clip for clip, _ in outside], [clips[index][0] for index in inside])
        require_both_classes([clip for clip, _ in outside], f"training without fold {fold + 1}")
        model = train(outside, recipe, fold_run(runs, fold, fold_count), extras, progress=progress)
        for index in inside:
            clip, crops = clips[index]
            found[index] = HeldOut(clip, crops, score(model, crops.exact, recipe), fold)
    return [found[index] for index in sorted(found)]


def fold_run(runs: Path, fold: int, fold_count: int) -> Path:
    """Folder of the run that holds out a fold, which is numbered from 0."""
    return runs / f"fold-{fold + 1}-of-{fold_count}"
