"""Training batches: genuine clips of both classes in equal parts, and pairs of a real face and a forgery made of it.

Every image depends on the seed and on the number of its batch, counted over all epochs, alone: a resumed run goes on
exactly as an unbroken one, and an epoch is nothing but the distance between two saved states.
"""

from collections.abc import Iterator, Sequence
from typing import Self

import keras
import numpy as np

from dfd.cropping import crop_face
from dfd.preprocessing import to_model_input
from dfd.types import FloatArray, ImageU8
from dfd_train.balance import balanced
from dfd_train.camera import degrade_clip, worn
from dfd_train.made_fakes import NO_EXTRAS, Extras, Faces, MadeFakes, Moment, samples_of
from dfd_train.recipe import Recipe
from dfd_train.store import wide_detection

_STREAM = 0
"""Keeps these random numbers apart from others of the same seed."""

_STOPPED_SHARE = 0.05
"""Of samples whose next frame is the same frame again, as in a still picture or at a stutter."""


class _Genuine:
    """Draws genuine moments, classes and sources in balance (`dfd_train.balance`)."""

    def __init__(self, clips: Sequence[Faces], recipe: Recipe) -> None:
        self._clips = clips
        self._count = recipe.contract.frames
        self.balanced, self.weights = balanced([clip for clip, _ in clips], recipe.seed)

    def draw(self, count: int, rng: np.random.Generator) -> Iterator[tuple[Moment, bool]]:
        """Moments and whether they are fake."""
        for number in rng.choice(self.balanced, count, p=self.weights):
            clip, crops = self._clips[number]
            samples = samples_of(crops, int(rng.integers(crops.count)), self._count)
            yield [sample.image for sample in samples], clip.is_fake


class TrainingBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is untyped
    """Batches ``(N, S, S, 3 * frames) float32`` with labels ``(N, 1) float32``, 1 = fake.

    Args:
        clips: every training clip and its crops; clips without a face are ignored. None are needed where the recipe
            asks for made fakes only.
        recipe: sizes, shares and seed.
        extras: what forgeries are made of beside the clips.
    """

    def __init__(self, clips: Sequence[Faces], recipe: Recipe, extras: Extras = NO_EXTRAS) -> None:
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=8)
        self._recipe = recipe
        self._epoch = 0
        seen = [(clip, crops) for clip, crops in clips if crops.count]
        self._pairs = round(recipe.batch_size * recipe.made_share / 2)
        self._genuine = _Genuine(seen, recipe) if 2 * self._pairs < recipe.batch_size else None
        self._made = MadeFakes([item for item in seen if not item[0].is_fake], extras, recipe)

    def __len__(self) -> int:
        return self._recipe.steps_per_epoch

    def from_epoch(self, epoch: int) -> Self:
        """Go on with the images of an epoch, for resuming."""
        self._epoch = epoch
        return self

    def on_epoch_end(self) -> None:
        """Move on to the next epoch's images."""
        self._epoch += 1

    def __getitem__(self, index: int) -> tuple[FloatArray, FloatArray]:
        recipe = self._recipe
        rng = np.random.default_rng([recipe.seed, _STREAM, self._epoch * len(self) + index])
        images: list[ImageU8] = []
        labels: list[bool] = []
        if self._genuine:
            for moment, is_fake in self._genuine.draw(recipe.batch_size - 2 * self._pairs, rng):
                images.append(self._finish(moment, rng))
                labels.append(is_fake)
        for _ in range(self._pairs):
            moments = self._made.draw(rng)
            state = rng.integers(2**63)  # both of the pair go through the same camera
            for moment, is_fake in zip(moments, (False, True), strict=True):
                images.append(self._finish(moment, np.random.default_rng(state)))
                labels.append(is_fake)
        return to_model_input(images, recipe.contract), np.array(labels, np.float32)[:, None]

    def _finish(self, moment: Moment, rng: np.random.Generator) -> ImageU8:
        """Wear, cut with jitter as serving cuts, and flip; the frames of a moment side by side in the last axis."""
        recipe = self._recipe
        way, stops = rng.random(), rng.random() < _STOPPED_SHARE
        if way < recipe.worn_share:
            moment = worn(moment, rng)
        elif way < recipe.worn_share + recipe.degraded_share:
            moment = degrade_clip(moment, rng)
        if stops:
            moment = [moment[0]] * len(moment)
        shift = (rng.uniform(-0.06, 0.06), rng.uniform(-0.06, 0.06))
        face = wide_detection(shift, rng.uniform(0.88, 1.15), rng.normal(0, 0.06))
        crop = crop_face(moment[0], face, recipe.contract, moment[-1])
        return np.ascontiguousarray(crop[:, ::-1] if rng.random() < 0.5 else crop)
