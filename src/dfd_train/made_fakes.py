"""Pairs of a real face and a forgery of it, for training: made on the spot, or forged beforehand by decoders."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from dfd.types import ImageU8
from dfd_train.datasets import Clip, DatasetError
from dfd_train.forged_store import ForgedStore
from dfd_train.recipe import Recipe
from dfd_train.store import WIDE_PX, ClipCrops
from dfd_train.synthesis import (
    FORGERS,
    MASK_FAMILIES,
    PARTNERS,
    FaceSample,
    PartnerKind,
    Partners,
    choose_donor,
    forge_clip,
    self_blend,
)

Faces = tuple[Clip, ClipCrops]
"""A clip and the faces that were cut from it."""

Moment = list[ImageU8]
"""What is seen of a face at one time: the frame, and in models of two frames the next one; each 192x192."""


@dataclass(frozen=True, slots=True)
class Extras:
    """What a model learns from beside the training clips.

    Attributes:
        stills: real photographs and their crops; they share nobody with any clip.
        forged: clips that decoders forged; only those of people and sources among the training clips are used.
        foundation: a model trained on forgeries of the photographs alone (``.keras``), whose trunk is taken over.
        features: folder that keeps what trunks find in clips, for models with the same trunks.
    """

    stills: Sequence[Faces] = ()
    forged: ForgedStore | None = None
    foundation: Path | None = None
    features: Path | None = None


NO_EXTRAS = Extras()


def samples_of(crops: ClipCrops, frame: int, count: int) -> list[FaceSample]:
    """The face at one time; between two frames its points hardly move."""
    points = crops.points[frame]
    return [FaceSample(pictures[frame], points) for pictures in (crops.wide, crops.following)[:count]]


class MadeFakes:
    """Makes forgeries of real faces.

    Args:
        reals: the real training clips, each with a face.
        extras: what else there is to make them of.
        recipe: says which families, and how often.

    Raises:
        DatasetError: there is nothing to make any of the families of.
    """

    def __init__(self, reals: Sequence[Faces], extras: Extras, recipe: Recipe) -> None:
        self._clips = _Pool(reals)
        self._stills = _Pool([item for item in extras.stills if item[1].count])
        self._stills_share = recipe.stills_share if len(self._stills) else 0.0
        self._count = recipe.contract.frames
        self._self_blend = partial(self_blend, families=recipe.mask_families or MASK_FAMILIES)
        self._store = extras.forged
        self._forged = allowed(extras.forged, reals)
        families = [family for family in sorted(recipe.made) if family in FORGERS or self._forged.get(family)]
        if recipe.made_share and not families:
            raise DatasetError(
                f"none of the forgeries {', '.join(sorted(recipe.made))} can be made: no forged clip shows only people "
                "and sources of the training clips; forge more of them with `dfd-train forge`, or take another recipe"
            )
        self._families = families
        weights = np.array([recipe.made[family] for family in families], np.float64)
        self._weights = weights / weights.sum()

    def draw(self, rng: np.random.Generator) -> tuple[Moment, Moment]:
        """A real moment and its forgery; every clip of a family's material is as likely as another."""
        family = self._families[int(rng.choice(len(self._families), p=self._weights))]
        if family in FORGERS:
            return self._make(family, rng)
        return self._take(family, rng)

    def _make(self, family: str, rng: np.random.Generator) -> tuple[Moment, Moment]:
        moves = rng.random() < self._stills_share
        pool = self._stills if moves else self._clips
        crops, person = pool.crops(int(rng.integers(len(pool))))
        frame = int(rng.integers(crops.count))
        samples = samples_of(crops, frame, self._count)
        partners: list[FaceSample] | None = None
        if PARTNERS[family] is PartnerKind.SAME_PERSON:
            donor = choose_donor(crops.points[frame], crops.points, rng)
            partners = None if donor is None else samples_of(crops, donor, self._count)
        elif PARTNERS[family] is PartnerKind.OTHER_PERSON:
            partners = pool.partner(crops, frame, person, rng, self._count)
            if partners is None:
                family = "self_blend"  # there is but one person
        if moves:  # a photograph does not move by itself
            samples = [samples[0], *(FaceSample(moved(sample.image, rng), sample.points) for sample in samples[1:])]
        forger = self._self_blend if family == "self_blend" else FORGERS[family]
        pairs = forge_clip(forger, samples, partners, rng, flicker=rng.uniform(0, 1))
        return [pair.real for pair in pairs], [pair.fake for pair in pairs]

    def _take(self, family: str, rng: np.random.Generator) -> tuple[Moment, Moment]:
        assert self._store is not None  # noqa: S101 -- there are families of it only where there is a store
        keys = self._forged[family]
        clip = self._store.read(keys[int(rng.integers(len(keys)))])
        frame = int(rng.integers(clip.count))
        real, fake = (_enlarged(pictures[frame], self._count) for pictures in (clip.real, clip.wide))
        return real, fake


class _Pool:
    """Real faces, and who could stand in for whom."""

    def __init__(self, faces: Sequence[Faces]) -> None:
        self._faces = faces
        self._frames = [(number, frame) for number, (_, crops) in enumerate(faces) for frame in range(crops.count)]
        points = np.concatenate([crops.points for _, crops in faces]) if faces else np.empty((0, 468, 2), np.float32)
        self._partners = Partners(points, [_name(faces[number][0]) for number, _ in self._frames])

    def __len__(self) -> int:
        return len(self._faces)

    def crops(self, number: int) -> tuple[ClipCrops, str]:
        """The faces of a clip, and whose they are."""
        clip, crops = self._faces[number]
        return crops, _name(clip)

    def partner(
        self, crops: ClipCrops, frame: int, person: str, rng: np.random.Generator, count: int
    ) -> list[FaceSample] | None:
        """A face of another person that would pass in place of this one; None where there is no other person."""
        found = self._partners.choose(crops.points[frame], person, rng)
        if found is None:
            return None
        number, other = self._frames[found]
        return samples_of(self._faces[number][1], other, count)


def _name(clip: Clip) -> str:
    return "+".join(clip.persons) or clip.source


def allowed(store: ForgedStore | None, clips: Sequence[Faces]) -> dict[str, list[str]]:
    """Keys of forged clips by family: those that nobody and no source went into but what is among the clips."""
    # where a set names nobody, the forge lets the source stand for a person
    persons = {person for clip, _ in clips for person in clip.persons or (clip.source,)}
    sources = {clip.source for clip, _ in clips}
    found: dict[str, list[str]] = {}
    for facts in store.facts() if store else ():
        if persons.issuperset(facts.persons) and sources.issuperset(facts.sources):
            found.setdefault(facts.family, []).append(facts.key)
    return found


def _enlarged(pictures: ImageU8, count: int) -> Moment:
    """``(S, S, 6)`` as a moment."""
    return [
        np.asarray(cv2.resize(pictures[..., first : first + 3], (WIDE_PX, WIDE_PX)), dtype=np.uint8)
        for first in (0, 3)[:count]
    ]


def moved(image: ImageU8, rng: np.random.Generator) -> ImageU8:
    """A photograph as it might look a frame later: turned and shifted a little, and bent by about half a pixel."""
    side = image.shape[0]
    turn, scale = rng.normal(0, 0.3), 1 + rng.normal(0, 0.003)
    matrix = np.asarray(cv2.getRotationMatrix2D((side / 2, side / 2), turn, scale), dtype=np.float32)
    matrix[:, 2] += rng.normal(0, 0.006 * side, 2).astype(np.float32)
    bends = rng.normal(0, 0.003 * side, (5, 5, 2)).astype(np.float32)
    field = np.asarray(cv2.resize(bends, (side, side), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
    columns, rows = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
    (a, b, x), (c, d, y) = matrix
    from_x = a * columns + b * rows + x + field[..., 0]
    from_y = c * columns + d * rows + y + field[..., 1]
    return np.asarray(cv2.remap(image, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)
