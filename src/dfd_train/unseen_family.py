"""How well a model tells forgeries of a family that it was never shown, of people it has not seen.

Each forged clip of the store is a pair: the same frames forged, and not forged but changed alike in colour and
sharpness. So this measures the forgery alone, without the page that a clip was published on.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dfd.cropping import crop_face
from dfd.manifest import InputContract
from dfd.statistics import metrics
from dfd.statistics.resampling import Scored, estimates
from dfd.types import ImageU8
from dfd_train.forged_store import ForgedStore
from dfd_train.made_fakes import Extras, Faces, allowed
from dfd_train.recipe import Recipe
from dfd_train.splits import folds
from dfd_train.store import WIDE_PX, wide_detection
from dfd_train.train import score, train
from dfd_train.validation import Logits, fold_run


def examine_unseen_family(
    clips: Sequence[Faces], recipe: Recipe, extras: Extras, *, fold_count: int, runs: Path
) -> dict[str, Any] | None:
    """Judge each fold's model by the forged clips of its held-out people.

    Args:
        clips: all clips and their crops, as given to `dfd_train.validation.hold_out`.
        recipe: of the models; names the family.
        extras: hold the forged clips.
        fold_count: folds, as given to `hold_out`.
        runs: folder in which the folds' finished runs lie.

    Returns:
        ``family``, ``clips`` (pairs of a forged and a real one), ``video_auc`` and ``frame_auc`` with intervals whose
        clusters are sources; None where the recipe names no family or no such clip is there.
    """
    if not recipe.unseen_family or extras.forged is None:
        return None
    answers = list(_answers(clips, recipe, extras, extras.forged, fold_count, runs))
    if not answers:
        return None
    videos = [(is_fake, float(logits.mean()), source) for is_fake, logits, source in answers]
    frames = [(is_fake, float(logit), source) for is_fake, logits, source in answers for logit in logits]
    return {
        "family": recipe.unseen_family,
        "clips": len(answers) // 2,
        "video_auc": _auc(videos, recipe.seed),
        "frame_auc": _auc(frames, recipe.seed),
    }


def _answers(
    clips: Sequence[Faces], recipe: Recipe, extras: Extras, store: ForgedStore, fold_count: int, runs: Path
) -> Iterator[tuple[bool, Logits, str]]:
    """Label, logits and source of both of each pair, by the model that knows neither its people nor its sources."""
    fold_of = folds([clip for clip, _ in clips], fold_count)
    for fold in range(fold_count):
        inside = [item for item, number in zip(clips, fold_of, strict=True) if number == fold]
        outside = [item for item, number in zip(clips, fold_of, strict=True) if number != fold]
        model = train(outside, recipe, fold_run(runs, fold, fold_count), extras, progress=False)
        for key in allowed(store, inside).get(recipe.unseen_family, ()):
            forged = store.read(key)
            for is_fake, pictures in ((False, forged.real), (True, forged.wide)):
                yield is_fake, score(model, exact_crops(pictures, recipe.contract), recipe), forged.sources[0]


def exact_crops(pictures: ImageU8, contract: InputContract) -> ImageU8:
    """Pictures of a forged clip, ``(N, P, P, 6)``, cut as serving cuts, ``(N, S, S, 3 * frames)``."""
    face, size = wide_detection((0.0, 0.0), 1.0, 0.0), (WIDE_PX, WIDE_PX)
    crops = []
    for pair in pictures:
        frame, following = (np.asarray(cv2.resize(pair[..., first : first + 3], size), np.uint8) for first in (0, 3))
        crops.append(crop_face(frame, face, contract, following))
    return np.stack(crops)


def _auc(answers: Sequence[tuple[bool, float, str]], seed: int) -> dict[str, float] | None:
    labels, scores, sources = zip(*answers, strict=True)
    found = estimates({"auc": metrics.auc}, Scored.of(labels, scores, sources), np.random.default_rng(seed))["auc"]
    return None if found is None else found.to_dict()
