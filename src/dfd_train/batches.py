"""Training batches: genuine clips of both classes in equal parts, and pairs of a real face and a forgery made of it.

Every image depends on (seed, epoch, batch number) alone, so that a resumed run goes on exactly as an unbroken one.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Self

import keras
import numpy as np
import numpy.typing as npt
from imblearn.over_sampling import RandomOverSampler

from dfd.cropping import crop_face
from dfd.preprocessing import to_model_input
from dfd.types import FloatArray, ImageU8
from dfd_train.camera import degrade_clip, worn
from dfd_train.datasets import Clip
from dfd_train.recipe import Recipe
from dfd_train.store import ClipCrops, wide_detection
from dfd_train.synthesis import FORGERS, PARTNERS, FaceSample, PartnerKind, Partners, choose_donor, forge_clip

_STOPPED_SHARE = 0.05
"""Of samples whose next frame is the same frame again, as in a still picture or at a stutter."""

Moment = list[ImageU8]
"""What is seen of a face at one time: the frame, and in models of two frames the next one."""


class MadeFakes:
    """Makes forgeries of real clips.

    Args:
        reals: the real training clips and their crops, each with a face.
        recipe: says which families, and how often.
    """

    def __init__(self, reals: Sequence[tuple[Clip, ClipCrops]], recipe: Recipe) -> None:
        self._reals = reals
        self._count = recipe.contract.frames
        self._families = sorted(recipe.made)
        weights = np.array([recipe.made[family] for family in self._families], np.float64)
        self._weights = weights / weights.sum()
        self._frames = [(number, frame) for number, (_, crops) in enumerate(reals) for frame in range(crops.count)]
        points = np.concatenate([crops.points for _, crops in reals])
        self._partners = Partners(points, ["+".join(reals[number][0].persons) for number, _ in self._frames])

    def draw(self, rng: np.random.Generator) -> tuple[Moment, Moment]:
        """A real moment and its forgery, every clip as likely as another."""
        family = self._families[int(rng.choice(len(self._families), p=self._weights))]
        clip, crops = self._reals[int(rng.integers(len(self._reals)))]
        frame = int(rng.integers(crops.count))
        partners = self._partner(PARTNERS[family], clip, crops, frame, rng)
        if partners is None and PARTNERS[family] is PartnerKind.OTHER_PERSON:
            family = "self_blend"  # there is but one person
        samples = _samples(crops, frame, self._count)
        pairs = forge_clip(FORGERS[family], samples, partners, rng, flicker=rng.uniform(0, 1))
        return [pair.real for pair in pairs], [pair.fake for pair in pairs]

    def _partner(
        self, kind: PartnerKind, clip: Clip, crops: ClipCrops, frame: int, rng: np.random.Generator
    ) -> list[FaceSample] | None:
        if kind is PartnerKind.SAME_PERSON:
            donor = choose_donor(crops.points[frame], crops.points, rng)
            return _samples(crops, donor, self._count)
        if kind is PartnerKind.OTHER_PERSON:
            found = self._partners.choose(crops.points[frame], "+".join(clip.persons), rng)
            if found is not None:
                number, other = self._frames[found]
                return _samples(self._reals[number][1], other, self._count)
        return None


class TrainingBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is untyped
    """Batches ``(N, S, S, 3 * frames) float32`` with labels ``(N, 1) float32``, 1 = fake.

    Args:
        clips: every training clip and its crops; clips without a face are ignored.
        recipe: sizes, shares and seed.
    """

    def __init__(self, clips: Sequence[tuple[Clip, ClipCrops]], recipe: Recipe) -> None:
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=8)
        self._clips = [(clip, crops) for clip, crops in clips if crops.count]
        self._recipe = recipe
        self._epoch = 0
        labels = np.array([clip.is_fake for clip, _ in self._clips])
        # balance after the split, over clips: a long clip weighs no more than a short one
        sampler = RandomOverSampler(random_state=recipe.seed)
        self._balanced = sampler.fit_resample(np.arange(len(labels)).reshape(-1, 1), labels)[0][:, 0]
        self._weights = self._source_weights()
        self._made = MadeFakes([item for item in self._clips if not item[0].is_fake], recipe)

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

    def from_epoch(self, epoch: int) -> Self:
        """Go on with the images of an epoch, for resuming."""
        self._epoch = epoch
        return self

    def on_epoch_end(self) -> None:
        """Move on to the next epoch's images."""
        self._epoch += 1

    def __getitem__(self, index: int) -> tuple[FloatArray, FloatArray]:
        recipe = self._recipe
        rng = np.random.default_rng([recipe.seed, self._epoch, index])
        pairs = round(recipe.batch_size * recipe.made_share / 2)
        images: list[ImageU8] = []
        labels: list[bool] = []
        for number in rng.choice(self._balanced, recipe.batch_size - 2 * pairs, p=self._weights):
            clip, crops = self._clips[number]
            samples = _samples(crops, int(rng.integers(crops.count)), recipe.contract.frames)
            images.append(self._finish([sample.image for sample in samples], rng))
            labels.append(clip.is_fake)
        for _ in range(pairs):
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


def _samples(crops: ClipCrops, frame: int, count: int) -> list[FaceSample]:
    """The face at one time; between two frames its points hardly move."""
    points = crops.points[frame]
    return [FaceSample(pictures[frame], points) for pictures in (crops.wide, crops.following)[:count]]
