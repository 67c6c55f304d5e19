"""A head start: the last layer is fitted to the untouched trunk before anything is fine-tuned.

Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution", ICLR 2022 (arXiv
2202.10054): a random last layer sends large, meaningless gradients into the trunk at first, and what the trunk could do
on unseen data is lost before the layer has settled. So a logistic regression goes first.
"""

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from dfd.types import FloatArray
from dfd_train.batches import TrainingBatches

_SETTLED = 300
"""Iterations after which L-BFGS has long converged on some thousand samples."""


def fit_head(model: keras.Model, batches: TrainingBatches, count: int, strength: float, *, progress: bool) -> None:
    """Set the layers ``scale`` and ``fake_logit`` of a network of `dfd_train.backbone.build`.

    ``scale`` takes the mean and variance of the features; `build` has made it keep them.

    Args:
        model: with ImageNet weights; pooled by bands.
        batches: what it will be trained on.
        count: batches to fit to.
        strength: C of the logistic regression: the smaller, the more the weights are held down.
        progress: whether to show a bar.
    """
    scale, last = model.get_layer("scale"), model.get_layer("fake_logit")
    trunk = keras.Model(model.input, scale.input)
    found: list[FloatArray] = []
    labels: list[FloatArray] = []
    for index in tqdm(range(count), "fitting the last layer", unit="batch", disable=not progress):
        images, targets = batches[index]
        found.append(np.asarray(trunk.predict_on_batch(images), dtype=np.float32))
        labels.append(targets[:, 0])
    features = np.concatenate(found)
    mean, variance = features.mean(axis=0), features.var(axis=0)
    scale.set_weights([mean, variance])
    features = (features - mean) / np.sqrt(variance + np.float32(scale.epsilon))
    fit = LogisticRegression(C=strength, max_iter=_SETTLED).fit(features, np.concatenate(labels))
    last.set_weights([fit.coef_.T.astype(np.float32), fit.intercept_.astype(np.float32)])
