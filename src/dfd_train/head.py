"""The last layer, fitted to trunks that have not seen the clips: a logistic regression over whole clips.

Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution", ICLR 2022 (arXiv
2202.10054): with few sources, weights that are fine-tuned learn the sources, and what a trunk could do elsewhere is
lost. A trunk that stays as it is cannot; and a clip that counts once, as the mean of its faces, has less of itself to
be remembered by than a hundred crops. Beside the clips stand pairs of a photograph and a forgery of it, which differ in
nothing but the forgery: they keep the regression to what is forged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from dfd.types import FloatArray
from dfd_train.backbone import BN_EPSILON
from dfd_train.balance import balanced
from dfd_train.batches import TrainingBatches
from dfd_train.datasets import Clip
from dfd_train.features import Features
from dfd_train.made_fakes import Extras, Faces
from dfd_train.recipe import Recipe

_SETTLED = 300
"""Iterations after which L-BFGS has long converged on some thousand samples."""


@dataclass(frozen=True, slots=True)
class Regression:
    """A logistic regression on standardised features.

    Attributes:
        mean: of the clips' features, ``(D,) float32``.
        variance: of them, ``(D,) float32``.
        weights: ``(D,) float32``.
        intercept: of the logit.
    """

    mean: FloatArray
    variance: FloatArray
    weights: FloatArray
    intercept: float

    def logits(self, features: FloatArray) -> FloatArray:
        """Of ``(N, D)``; ``(N,) float32``."""
        answer: FloatArray = _standardised(features, self.mean, self.variance) @ self.weights
        return answer + np.float32(self.intercept)


def regress(
    found: FloatArray, clips: Sequence[Clip], recipe: Recipe, pairs: tuple[FloatArray, FloatArray] | None = None
) -> Regression:
    """Fit a regression to clips, classes and sources in balance (`dfd_train.balance`), and to pairs.

    Args:
        found: features of each clip, ``(N, D) float32``.
        clips: the N clips, both classes among them.
        recipe: strength of the regression, and the share of all weight that pairs get where there are any.
        pairs: their features, ``(M, D) float32``, and labels, ``(M,)``, 1 = fake; None for none.
    """
    mean, variance = found.mean(axis=0), found.var(axis=0)
    chosen, weights = balanced(clips, recipe.seed)
    labels = np.array([clip.is_fake for clip in clips])[chosen]
    made, made_labels = pairs or _no_pairs(found.shape[1])
    total = len(chosen) / (1 - recipe.made_share) if len(made) else len(chosen)
    of_pairs = np.full(len(made), (total - len(chosen)) / max(1, len(made)))
    fit = LogisticRegression(C=recipe.head_strength, max_iter=_SETTLED).fit(
        _standardised(np.concatenate([found[chosen], made]), mean, variance),
        np.concatenate([labels, made_labels]),
        np.concatenate([weights * len(chosen), of_pairs]),
    )
    return Regression(mean, variance, fit.coef_[0].astype(np.float32), float(fit.intercept_[0]))


def _no_pairs(width: int) -> tuple[FloatArray, FloatArray]:
    """Features, each of so many numbers, and labels of no pair at all."""
    return np.empty((0, width), np.float32), np.empty(0, np.float32)


def fit_head(model: keras.Model, clips: Sequence[Faces], recipe: Recipe, extras: Extras, *, progress: bool) -> None:
    """Set the layers ``scale`` and ``fake_logit`` of a network of `dfd_train.backbone.build`.

    ``scale`` takes the mean and variance of the clips' features; `build` has made it keep them.

    Args:
        model: with the weights that its trunks are to have; pooled by bands.
        clips: training clips and their crops; those without a face are ignored.
        recipe: strength of the regression; ``made_share`` of all weight goes to ``head_batches`` batches of pairs.
        extras: photographs for the pairs, and the folder that keeps what the trunks find.
        progress: whether to show bars.
    """
    scale, last = model.get_layer("scale"), model.get_layer("fake_logit")
    trunks = Features(model, recipe, extras)
    seen = [item for item in clips if item[1].count]
    found = np.stack([trunks.of_clip(item) for item in tqdm(seen, "clips", unit="clip", disable=not progress)])
    pairs = _pairs(trunks, recipe, extras, progress=progress)
    fit = regress(found, [clip for clip, _ in seen], recipe, pairs)
    scale.set_weights([fit.mean, fit.variance])
    last.set_weights([fit.weights[:, None], np.array([fit.intercept], np.float32)])


def _standardised(features: FloatArray, mean: FloatArray, variance: FloatArray) -> FloatArray:
    scaled: FloatArray = (features - mean) / np.sqrt(variance + np.float32(BN_EPSILON))
    return scaled


def _pairs(trunks: Features, recipe: Recipe, extras: Extras, *, progress: bool) -> tuple[FloatArray, FloatArray]:
    """Features and labels, 1 = fake, of pairs made of photographs alone: the same whatever the clips are."""
    found, labels = ([empty] for empty in _no_pairs(trunks.width))
    if recipe.head_batches:
        batches = TrainingBatches([], replace(recipe, made_share=1.0, stills_share=1.0), extras)
        for number in tqdm(range(recipe.head_batches), "pairs", unit="batch", disable=not progress):
            found.append(trunks.of_batch(number, lambda number=number: batches[number][0]))  # type: ignore[misc]
            labels.append(np.tile(np.array([0, 1], np.float32), len(found[-1]) // 2))
    return np.concatenate(found), np.concatenate(labels)
