"""Classical swaps: one person's face warped, recoloured and blended onto another's.

The pipeline of FaceSwap in FaceForensics++ (Rossler et al., ICCV 2019, arXiv 1901.08971) without its 3D model: the
landmarks say where the face goes, its colours are matched, and it is feathered or cloned in.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dfd.types import FloatArray, ImageU8
from dfd_train.landmarks import OVAL, SKULL
from dfd_train.synthesis.faces import FaceSample, Forged
from dfd_train.synthesis.looks import limit_resolution, match_colour, relit, resharpen, sometimes_restyled
from dfd_train.synthesis.pasting import feathered, poisson
from dfd_train.synthesis.regions import choose_region, region_mask, soften, wobble
from dfd_train.synthesis.warping import warp_face, warp_rigid

SWAP_REGIONS = ("hull", "oval", "no_forehead", "lower_face", "features")


def swap(
    sample: FaceSample,
    partner: FaceSample | None,
    rng: np.random.Generator,
    families: Sequence[str] = SWAP_REGIONS,
) -> Forged:
    """Put the partner's face on the sample's head.

    Args:
        sample: who is to be seen before and, around the face, after.
        partner: another person, best one chosen by `choose_partner`; its picture may have another size.
        rng: the source of all randomness.
        families: mask families to choose from.

    Raises:
        ValueError: no partner, or an unknown mask family.
    """
    if partner is None:
        raise ValueError("a swap needs another person's face")
    side = sample.side_px
    region = choose_region(families, rng)
    target = sometimes_restyled(sample.image, rng)
    slack = np.float32(rng.uniform(0, 0.006) * side)  # landmarks are never exact
    goals = sample.points + rng.normal(0, 1, sample.points.shape).astype(np.float32) * slack
    bends = rng.random() < 0.6
    warp = warp_face if bends else warp_rigid
    source = warp(partner.image, partner.points, goals, side)
    mask = wobble(region_mask(sample.points, side, region, rng), rng, 0.02)
    strength, relights, reach = (
        float(rng.choice([0.2, 0.7, 0.9, 1.0, 1.0, 1.0])),
        rng.random() < 0.35,
        rng.uniform(0.04, 0.12),
    )
    source = match_colour(source, target, mask, strength)
    if relights:
        source = relit(source, target, reach * side)
    source = _as_rendered(source, rng)
    soft = soften(mask, rng)
    ratio = np.float32(rng.choice([0.5, 0.75, 1.0, 1.0, 1.0]))
    if rng.random() < 0.25:
        source = poisson(source, target, soft)
        soft = np.minimum(soft * 2, np.float32(1))  # the clone meets the target on the half-way line
    soft = soft * ratio
    return Forged(target, feathered(source, target, soft), soft, "swap", region)


def _as_rendered(image: ImageU8, rng: np.random.Generator) -> ImageU8:
    """Swapped faces come out of a network of a few sizes, and some tools sharpen them."""
    inner = float(rng.choice([0.3, 0.45, 0.6, 1.0, 1.0]))
    sharpens, state = rng.random() < 0.3, rng.integers(2**63)
    image = limit_resolution(image, round(inner * image.shape[0]))
    return resharpen(image, np.random.default_rng(state)) if sharpens else image


class Partners:
    """Finds faces of other people that would pass for a given one's place.

    Args:
        points: ``(M, 468, 2) float32`` of every face to choose from.
        persons: M names.
    """

    def __init__(self, points: FloatArray, persons: Sequence[str]) -> None:
        if len(points) != len(persons):
            raise ValueError(f"{len(points)} faces, but {len(persons)} names")
        self._shapes = _shapes(points)
        self._persons = np.array(persons)

    def choose(self, points: FloatArray, person: str, rng: np.random.Generator, closest: int = 20) -> int | None:
        """Number of a face of another person, drawn from the `closest` in shape; None where there is no other.

        Args:
            points: ``(468, 2) float32`` of the face to be replaced.
            person: who must not be chosen.
            rng: the source of all randomness.
            closest: how many to draw from.
        """
        others = np.flatnonzero(self._persons != person)
        if not len(others):
            return None
        distances = 1 - np.abs(self._shapes[others] @ _shapes(points[None])[0].conj())
        nearest = np.argsort(distances, kind="stable")[:closest]
        return int(others[rng.choice(nearest)])


def choose_partner(points: FloatArray, candidates: FloatArray, rng: np.random.Generator, closest: int = 20) -> int:
    """Number of the face whose landmarks are like the given ones after alignment, drawn from the `closest`.

    Args:
        points: ``(468, 2) float32``.
        candidates: ``(M, 468, 2) float32`` of other people. For many calls with the same ones see `Partners`.
        rng: the source of all randomness.
        closest: how many to draw from.

    Raises:
        ValueError: no candidate.
    """
    found = Partners(candidates, ["other"] * len(candidates)).choose(points, "self", rng, closest)
    if found is None:
        raise ValueError("there is no face to choose from")
    return found


def choose_donor(points: FloatArray, clip: FloatArray, rng: np.random.Generator) -> int | None:
    """Number of another frame of the same clip whose head is turned alike, to take a mouth from.

    Args:
        points: ``(468, 2) float32`` of the frame to be changed.
        clip: ``(N, 468, 2) float32`` of every frame of the clip, the frame itself among them.
        rng: the source of all randomness.

    Returns:
        None where there is no other frame, as of a photograph: its own mouth says nothing new.
    """
    if len(clip) < 2:
        return None
    distances = 1 - np.abs(_shapes(clip) @ _shapes(points[None])[0].conj())
    order = np.argsort(distances, kind="stable")
    return int(rng.choice(order[1 : max(2, (len(order) + 2) // 2)]))


def _shapes(points: FloatArray) -> npt.NDArray[np.complex64]:
    """Points as complex numbers without place and size, ``(M, N)``; a turn is a factor of modulus 1.

    The modulus of the inner product of two shapes is Kendall's similarity, 1 where a similarity transform lays one on
    the other (Kendall, "Shape Manifolds, Procrustean Metrics, and Complex Projective Spaces", 1984).
    """
    chosen = points[:, [*SKULL, *OVAL]]
    numbers = chosen[..., 0] + 1j * chosen[..., 1]
    numbers = numbers - numbers.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(numbers, axis=1, keepdims=True)
    return np.asarray(numbers / np.maximum(lengths, 1e-6), dtype=np.complex64)
