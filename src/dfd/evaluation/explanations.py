"""How faithful explanations of a model are: deletion, insertion, and what shuffled weights do to them.

Petsiuk et al., "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018: places are hidden in
the order of an explanation (deletion), or shown in it (insertion), and the area under the probability of the model's
own answer is taken. What is hidden is blurred, as when explanations are made. Adebayo et al., "Sanity Checks for
Saliency Maps", NeurIPS 2018: an explanation that stays the same when weights are shuffled does not explain the model.

A map is judged on the face that it was made of. Evidence by region, which stands for a whole track, is judged on
another face of the video than the one it was found in.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from dfd.calibration import to_probability
from dfd.explanation.curtain import Curtain, Score
from dfd.explanation.heat import METHOD, HeatConfig, HeatMapper
from dfd.explanation.regions import Mask, Region
from dfd.explanation.shapley import region_evidence, softened
from dfd.faithfulness import ExplanationRecord, Faithfulness, Figure
from dfd.manifest import ModelManifest
from dfd.statistics.metrics import mean
from dfd.statistics.resampling import Scored, estimates
from dfd.types import FloatArray, ImageU8

STEPS: Final = 11
"""Points of a curve of a map, from everything to nothing."""

RANDOM_DRAWS: Final = 3
"""Random orders that a face is judged beside."""

_RANDOM_CELLS: Final = 8  # a random map is as smooth as a real one: noise by the pixel would be easier to beat
_CENTRE_SHARE: Final = 0.25  # standard deviation of the prior, of the crop's side
_BATCH: Final = 32
_HALF: Final = 0.5

Areas = tuple[float, float]
"""Areas under the curves of deletion and insertion."""


@dataclass(frozen=True, slots=True)
class JudgedFace:
    """Two faces of a video, cut.

    Attributes:
        crop: ``(S, S, 3 * frames) uint8``, explained by a map, and by regions.
        regions: of `crop`, ``(S, S) bool`` each.
        other: another face of the same track, where the evidence by region is judged.
        other_regions: its regions.
        cluster: what it is drawn by, as the person.
        is_fake: label of the video; only for drawing.
    """

    crop: ImageU8
    regions: dict[Region, Mask]
    other: ImageU8
    other_regions: dict[Region, Mask]
    cluster: str
    is_fake: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """Areas of one face, by order: ``explanation``, ``random`` and, for maps, ``centre``."""

    maps: dict[str, Areas]
    regions: dict[str, Areas]


class Judge:
    """Judges explanations of one model."""

    def __init__(self, manifest: ModelManifest, score: Score, config: HeatConfig) -> None:
        """Judge answers of `score`, explained with `config`."""
        self._manifest = manifest
        self._score = score
        self._config = config
        self._size_px = manifest.input.size_px
        self._mapper = HeatMapper(self._size_px, config)

    def judged(self, face: JudgedFace, rng: np.random.Generator) -> Judgement:
        """Areas of one face; random orders come from `rng`."""
        curtain = self._curtain(face.crop)
        sign = self._sign(curtain)
        maps = {
            "explanation": self._areas(curtain, sign * self._mapper.heat(curtain, self._score, _BATCH), sign),
            "random": _mean([self._areas(curtain, self._noise(rng), sign) for _ in range(RANDOM_DRAWS)]),
            "centre": self._areas(curtain, _centre(self._size_px), sign),
        }
        return Judgement(maps, self._judged_regions(face, curtain, rng))

    def likeness(self, face: JudgedFace, shuffled: Score) -> tuple[float, float]:
        """How like explanations of a model of shuffled weights are to those of the model: of the map, of the regions.

        Returns:
            absolute rank correlations (Spearman) over places and over regions, in [0, 1]; 0 where either is flat.
        """
        curtain = self._curtain(face.crop)
        maps = [self._mapper.heat(curtain, score, _BATCH) for score in (self._score, shuffled)]
        evidence = [
            np.array(list(region_evidence(curtain, face.regions, score, _BATCH).values()))
            for score in (self._score, shuffled)
        ]
        return abs(_rank_correlation(*(_coarse(one) for one in maps))), abs(_rank_correlation(*evidence))

    def _curtain(self, crop: ImageU8) -> Curtain:
        return Curtain(crop, self._manifest.input, self._config.blur_share)

    def _sign(self, curtain: Curtain) -> float:
        """1 where the model answers *fake*, else -1."""
        whole = np.ones((1, self._size_px, self._size_px), np.float32)
        return 1.0 if self._probabilities(curtain, whole)[0] >= _HALF else -1.0

    def _probabilities(self, curtain: Curtain, masks: FloatArray) -> FloatArray:
        """Of *fake*, along masks, as a face of average quality has them."""
        return to_probability(self._score(curtain.shown(masks)), replace(self._manifest.calibration, quality={}))

    def _areas(self, curtain: Curtain, order: FloatArray, sign: float) -> Areas:
        """Areas when the places of highest `order` come first."""
        rank = np.empty(order.size, np.int64)
        rank[np.argsort(-order.ravel(), kind="stable")] = np.arange(order.size)
        done = np.linspace(0, order.size, STEPS)
        deleted = (rank[None] >= done[:, None]).reshape(STEPS, *order.shape).astype(np.float32)
        return self._under(curtain, deleted, sign), self._under(curtain, 1 - deleted, sign)

    def _judged_regions(self, face: JudgedFace, curtain: Curtain, rng: np.random.Generator) -> dict[str, Areas]:
        evidence = region_evidence(curtain, face.regions, self._score, _BATCH)
        other = self._curtain(face.other)
        sign = self._sign(other)
        soft = softened(np.stack([face.other_regions[region] for region in Region]), self._size_px)
        best = sorted(range(len(Region)), key=lambda number: -sign * evidence[list(Region)[number]])
        drawn = [list(rng.permutation(len(Region))) for _ in range(RANDOM_DRAWS)]
        return {
            "explanation": self._region_areas(other, soft, best, sign),
            "random": _mean([self._region_areas(other, soft, order, sign) for order in drawn]),
        }

    def _region_areas(self, curtain: Curtain, soft: FloatArray, order: Sequence[int], sign: float) -> Areas:
        hidden = np.concatenate([np.zeros_like(soft[:1]), np.cumsum(soft[list(order)], axis=0)])
        shown = np.clip(1 - hidden, 0, 1)
        return self._under(curtain, shown, sign), self._under(curtain, 1 - shown, sign)

    def _under(self, curtain: Curtain, masks: FloatArray, sign: float) -> float:
        """Area under the probability of the answer along masks, as many steps apart as there are masks."""
        probabilities = self._probabilities(curtain, masks).astype(np.float64)
        return float(np.trapezoid(probabilities if sign > 0 else 1 - probabilities, dx=1 / (len(masks) - 1)))

    def _noise(self, rng: np.random.Generator) -> FloatArray:
        cells = rng.normal(size=(_RANDOM_CELLS, _RANDOM_CELLS)).astype(np.float32)
        side = (self._size_px, self._size_px)
        return np.asarray(cv2.resize(cells, side, interpolation=cv2.INTER_CUBIC), np.float32)


def recorded(
    manifest: ModelManifest,
    config: HeatConfig,
    faces: Sequence[JudgedFace],
    judgements: Sequence[Judgement],
    likenesses: Mapping[str, Sequence[tuple[int, float, float]]],
    rng: np.random.Generator,
) -> ExplanationRecord:
    """What the manifest is to say.

    Args:
        manifest: of the model.
        config: of the maps.
        faces: that were judged.
        judgements: of each of them.
        likenesses: by what was shuffled, of some faces: their numbers, and `Judge.likeness`.
        rng: of the bootstrap, which draws whole clusters.
    """

    def figure(values: Sequence[float], numbers: Sequence[int]) -> Figure:
        chosen = [faces[number] for number in numbers]
        items = Scored.of([face.is_fake for face in chosen], list(values), [face.cluster for face in chosen])
        found = estimates({"": mean}, items, rng)[""]
        if found is None:
            raise ValueError("no figure without faces")
        return Figure(**found.to_dict())

    everyone = range(len(faces))

    def faithfulness(areas: Sequence[dict[str, Areas]], kind: int) -> Faithfulness:
        mine = [one["explanation"] for one in areas]

        def beyond(name: str) -> tuple[Figure, Figure]:
            gains = [[one["explanation"][side] - one[name][side] for one in areas] for side in (0, 1)]
            return figure(gains[0], everyone), figure(gains[1], everyone)

        return Faithfulness(
            deletion=figure([area[0] for area in mine], everyone),
            insertion=figure([area[1] for area in mine], everyone),
            beyond={name: beyond(name) for name in areas[0] if name != "explanation"},
            sanity={
                name: figure([one[kind] for one in found], [one[0] for one in found])
                for name, found in likenesses.items()
            },
        )

    return ExplanationRecord(
        method=METHOD,
        parameters=config.to_dict(),
        weights_sha256=manifest.weights_sha256,
        faces=len(faces),
        clusters=len({face.cluster for face in faces}),
        maps=faithfulness([one.maps for one in judgements], 1),
        regions=faithfulness([one.regions for one in judgements], 2),
    )


def every(faces: Sequence[JudgedFace], step: int) -> Iterator[tuple[int, JudgedFace]]:
    """Each so-manieth face with its number: shuffled weights are looked at on some of them."""
    yield from list(enumerate(faces))[::step]


def _mean(areas: Sequence[Areas]) -> Areas:
    deletion, insertion = np.mean(np.array(areas), axis=0)
    return float(deletion), float(insertion)


def _centre(size_px: int) -> FloatArray:
    across = (np.arange(size_px) + 0.5) / size_px - 0.5
    return np.exp(-(across[:, None] ** 2 + across[None] ** 2) / (2 * _CENTRE_SHARE**2)).astype(np.float32)


def _coarse(heat: FloatArray) -> npt.NDArray[np.float64]:
    return np.asarray(cv2.resize(heat, (16, 16), interpolation=cv2.INTER_AREA), np.float64).ravel()


def _rank_correlation(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    first, second = (np.argsort(np.argsort(values)) - (len(values) - 1) / 2 for values in (one, other))
    return float((first * second).sum() / (first * first).sum())
