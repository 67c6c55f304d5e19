"""What trunks that stay as they are find in faces, kept on disk: it is the same in every fold."""

import dataclasses
import hashlib
import json
from collections.abc import Callable

import keras
import numpy as np

from dfd.preprocessing import to_model_input
from dfd.types import FloatArray
from dfd_train.datasets import digest_of
from dfd_train.made_fakes import Extras, Faces
from dfd_train.recipe import Recipe


class Features:
    """Features by the trunks of a model.

    Args:
        model: a network of `dfd_train.backbone.build`.
        recipe: says how the network is built, how faces are cut, and how forgeries are made.
        extras: the photographs that batches are made of, and the folder that keeps what was found, for models with
            the same trunks, photographs and forgeries; without one nothing is kept.
    """

    def __init__(self, model: keras.Model, recipe: Recipe, extras: Extras) -> None:
        self._trunk = keras.Model(model.input, model.get_layer("scale").input)
        self._contract = recipe.contract
        self._folder = extras.features and extras.features / self._digest(recipe, extras)

    @property
    def width(self) -> int:
        """D, how many features there are."""
        return int(self._trunk.output_shape[-1])

    def of_clip(self, item: Faces) -> FloatArray:
        """Mean over the faces of a clip, cut as serving cuts them, ``(D,) float32``; it has a face."""
        clip, crops = item

        def mean() -> FloatArray:
            found: FloatArray = self.of_images(to_model_input(list(crops.exact), self._contract)).mean(axis=0)
            return found

        return self._kept(f"clip {digest_of([clip])}", mean)

    def of_images(self, images: FloatArray) -> FloatArray:
        """Of input of the model, ``(N, ...)``; ``(N, D) float32``."""
        return np.asarray(self._trunk.predict_on_batch(images), np.float32)

    def of_batch(self, number: int, images: Callable[[], FloatArray]) -> FloatArray:
        """`of_images` for a batch that depends on the recipe and its number alone; made only where it is not kept."""
        return self._kept(f"batch {number}", lambda: self.of_images(images()))

    def _kept(self, title: str, find: Callable[[], FloatArray]) -> FloatArray:
        if self._folder is None:
            return find()
        path = self._folder / f"{hashlib.sha256(title.encode()).hexdigest()[:16]}.npy"
        if path.exists():
            kept: FloatArray = np.load(path)
            return kept
        found = find()
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npy")
        np.save(partial, found)
        partial.rename(path)
        return found

    def _digest(self, recipe: Recipe, extras: Extras) -> str:
        """Eight hexadecimal digits for all that features depend on.

        Weights alone do not tell trunks apart: the one for the frame and the one for its half size have the same.
        """
        weights = hashlib.sha256()
        for value in self._trunk.get_weights():
            weights.update(np.ascontiguousarray(value).tobytes())
        network = ("backbone", "trunks", "stages", "pooling")
        forgeries = ("seed", "batch_size", "mask_families", "worn_share", "degraded_share")
        facts = {name: getattr(recipe, name) for name in (*network, *forgeries)}
        facts |= {"contract": dataclasses.asdict(recipe.contract), "made": dict(recipe.made)}
        facts["stills"] = digest_of(clip for clip, _ in extras.stills)
        text = json.dumps([facts, weights.hexdigest()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]
