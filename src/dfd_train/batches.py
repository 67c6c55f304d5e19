"""Training batches: genuine clips of both classes in equal parts, and self-blended pairs.

Every image depends on (seed, epoch, batch number) alone, so that a resumed run goes on exactly as an unbroken one.
"""

from collections import Counter
from collections.abc import Sequence

import keras
import numpy as np
import numpy.typing as npt
from imblearn.over_sampling import RandomOverSampler

from dfd.cropping import crop_face
from dfd.preprocessing import to_model_input
from dfd.types import FloatArray, ImageU8
from dfd_train.camera import degrade
from dfd_train.datasets import Clip
from dfd_train.recipe import Recipe
from dfd_train.store import ClipCrops, wide_detection
from dfd_train.synthesis import blend_with_itself


class TrainingBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is untyped
    """Batches ``(N, S, S, 3) float32`` with labels ``(N, 1) float32``, 1 = fake.

    Args:
        clips: every training clip and its crops; clips without a face are ignored.
        recipe: sizes, shares and seed.
        first_epoch: where to start (for resuming).
    """

    def __init__(self, clips: Sequence[tuple[Clip, ClipCrops]], recipe: Recipe, first_epoch: int = 0) -> None:
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=8)
        self._clips = [(clip, crops) for clip, crops in clips if crops.count]
        self._recipe = recipe
        self._epoch = first_epoch
        labels = np.array([clip.is_fake for clip, _ in self._clips])
        # balance after the split, over clips: a long clip weighs no more than a short one
        sampler = RandomOverSampler(random_state=recipe.seed)
        self._balanced = sampler.fit_resample(np.arange(len(labels)).reshape(-1, 1), labels)[0][:, 0]
        self._weights = self._source_weights()
        self._reals = np.flatnonzero(~labels)

    def _source_weights(self) -> npt.NDArray[np.float64]:
        """Chance of each oversampled entry: large sources are damped (square root), both classes stay even."""
        keys = [(self._clips[number][0].source, self._clips[number][0].is_fake) for number in self._balanced]
        sizes = Counter(keys)
        weights = np.array([sizes[key] ** -0.5 for key in keys])
        is_fake = np.array([fake for _, fake in keys])
        for side in (is_fake, ~is_fake):
            weights[side] *= 0.5 / weights[side].sum()
        return weights

    def __len__(self) -> int:
        return self._recipe.steps_per_epoch

    def on_epoch_end(self) -> None:
        """Move on to the next epoch's images."""
        self._epoch += 1

    def __getitem__(self, index: int) -> tuple[FloatArray, FloatArray]:
        recipe = self._recipe
        rng = np.random.default_rng([recipe.seed, self._epoch, index])
        pairs = round(recipe.batch_size * recipe.blended_share / 2)
        images: list[ImageU8] = []
        labels: list[bool] = []
        for number in rng.choice(self._balanced, recipe.batch_size - 2 * pairs, p=self._weights):
            clip, crops = self._clips[number]
            images.append(self._finish(self._pick(crops, rng)[0], rng))
            labels.append(clip.is_fake)
        for number in rng.choice(self._reals, pairs):
            wide, points = self._pick(self._clips[number][1], rng)
            pair = blend_with_itself(wide, points, rng)
            state = rng.integers(2**63)  # both of the pair go through the same camera
            for image, is_fake in ((pair.real, False), (pair.fake, True)):
                images.append(self._finish(image, np.random.default_rng(state)))
                labels.append(is_fake)
        return to_model_input(images, recipe.contract), np.array(labels, np.float32)[:, None]

    def _pick(self, crops: ClipCrops, rng: np.random.Generator) -> tuple[ImageU8, FloatArray]:
        frame = int(rng.integers(crops.count))
        wide = crops.worn if rng.random() < 0.4 else crops.wide
        return wide[frame], crops.points[frame]

    def _finish(self, wide: ImageU8, rng: np.random.Generator) -> ImageU8:
        """Degrade, cut with jitter as serving cuts, and flip."""
        if rng.random() < 0.7:
            wide = degrade(wide, rng)
        shift = (rng.uniform(-0.06, 0.06), rng.uniform(-0.06, 0.06))
        face = wide_detection(shift, rng.uniform(0.88, 1.15), rng.normal(0, 0.06))
        crop = crop_face(wide, face, self._recipe.contract)
        return crop[:, ::-1] if rng.random() < 0.5 else crop
