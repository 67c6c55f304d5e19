"""What trunks that stay as they are find in faces, kept on disk: it is the same in every fold."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from dfd.preprocessing import to_model_input
from dfd.types import FloatArray
from dfd_train.made_fakes import Faces
from dfd_train.recipe import Recipe


class Features:
    """Features by the trunks of a model.

    Args:
        model: a network of `dfd_train.backbone.build`.
        recipe: says how faces are cut, and how forgeries are made.
        folder: keeps what was found, for models with the same trunks and forgeries; None keeps nothing.
    """

    def __init__(self, model: keras.Model, recipe: Recipe, folder: Path | None) -> None:
        self._trunk = keras.Model(model.input, model.get_layer("scale").input)
        self._contract = recipe.contract
        self._folder = folder and folder / self._digest(recipe)

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

        return self._kept(f"clip {clip.key}", mean)

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

    def _digest(self, recipe: Recipe) -> str:
        """Eight hexadecimal digits for all that features depend on."""
        weights = hashlib.sha256()
        for value in self._trunk.get_weights():
            weights.update(np.ascontiguousarray(value).tobytes())
        names = ("seed", "batch_size", "stills", "mask_families", "worn_share", "degraded_share")
        facts = {name: getattr(recipe, name) for name in names}
        facts |= {"contract": dataclasses.asdict(recipe.contract), "made": dict(recipe.made)}
        text = json.dumps([facts, weights.hexdigest()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]
