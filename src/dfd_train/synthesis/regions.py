"""Which part of the face is forged: hulls of FaceMesh points, made irregular and soft."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import cv2
import numpy as np

from dfd.types import FloatArray
from dfd_train.landmarks import (
    BROWS,
    CHIN,
    JAW,
    LEFT_EYE,
    LOWER_CHEEKS,
    NOSE,
    NOSE_OUTLINE,
    OUTER_LIPS,
    OVAL,
    RIGHT_EYE,
)

_ALL = tuple(range(468))
_EYES_AND_BROWS = (*RIGHT_EYE, *LEFT_EYE, *BROWS)

REGIONS: Mapping[str, tuple[tuple[int, ...], ...]] = MappingProxyType(
    {
        "hull": (_ALL,),
        "oval": (OVAL,),
        "no_forehead": ((*BROWS, *JAW),),
        "lower_face": ((*JAW, *NOSE),),
        "mouth": (OUTER_LIPS,),
        "eyes": (_EYES_AND_BROWS,),
        "nose": (NOSE_OUTLINE,),
        "features": (_EYES_AND_BROWS, NOSE_OUTLINE, (*OUTER_LIPS, *CHIN), (*OUTER_LIPS, *LOWER_CHEEKS)),
    }
)
"""Groups of points by region; a region is the union of its groups' convex hulls, ``features`` of some of them."""

MASK_FAMILIES = tuple(REGIONS)
_WEIGHTS = {
    "hull": 0.1,
    "oval": 0.25,
    "no_forehead": 0.2,
    "lower_face": 0.12,
    "mouth": 0.1,
    "eyes": 0.08,
    "nose": 0.05,
    "features": 0.1,
}
_GROWN = frozenset({"mouth", "eyes", "nose", "features"})  # their hulls end on the feature itself


def choose_region(families: Sequence[str], rng: np.random.Generator) -> str:
    """One of the given regions, the usual ones more often.

    Raises:
        ValueError: none is given, or one is unknown.
    """
    unknown = [name for name in families if name not in REGIONS]
    if unknown or not families:
        raise ValueError(f"unknown mask family {unknown}, known are {', '.join(REGIONS)}")
    weights = np.array([_WEIGHTS[name] for name in families])
    return str(rng.choice(list(families), p=weights / weights.sum()))


def region_mask(points: FloatArray, side_px: int, region: str, rng: np.random.Generator) -> FloatArray:
    """Filled hulls of a region's jittered points.

    Returns:
        ``(side_px, side_px) float32`` of 0 and 1.

    Raises:
        ValueError: unknown region.
    """
    groups = REGIONS.get(region)
    if groups is None:
        raise ValueError(f"unknown mask family {region!r}, known are {', '.join(REGIONS)}")
    spread = float(np.ptp(points[list(OVAL)], axis=0).max())
    grow = np.float32(rng.uniform(1.15, 1.6) if region in _GROWN else rng.uniform(0.9, 1.08))
    jitter = rng.normal(0, rng.uniform(0.003, 0.018), points.shape) * spread
    kept = rng.random(len(groups)) < 0.5
    kept[rng.integers(len(groups))] = True
    mask = np.zeros((side_px, side_px), np.uint8)
    for group, is_kept in zip(groups, kept, strict=True):
        if is_kept:
            corners = points[list(group)]
            corners = (corners - corners.mean(axis=0)) * grow + corners.mean(axis=0) + jitter[list(group)]
            cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(corners).astype(np.int32)), 1)
    return mask.astype(np.float32)


def wobble(mask: FloatArray, rng: np.random.Generator, strength: float = 0.04) -> FloatArray:
    """Elastic deformation (Simard et al., ICDAR 2003).

    Args:
        mask: ``(S, S) float32``.
        rng: the source of all randomness.
        strength: largest shift as a share of S; the field varies over about a fifth of S.
    """
    side = mask.shape[0]
    coarse = rng.uniform(-1, 1, (5, 5, 2)).astype(np.float32) * np.float32(strength * side)
    field = np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
    axis = np.arange(side, dtype=np.float32)
    shifted = cv2.remap(mask, field[..., 0] + axis[None, :], field[..., 1] + axis[:, None], cv2.INTER_LINEAR)
    return np.asarray(shifted, dtype=np.float32)


def soften(mask: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Blur, keep only what stayed full (which erodes inwards), blur again, bring the peak back to 1.

    The kernels follow the paper (odd 5 to 25, then a wide blur) and are meant for a side of 380 px; others scale. The
    second blur is drawn on a logarithmic scale, since tools feather by little as often as by much.
    """
    unit = mask.shape[0] / 380
    kernel = 2 * max(1, round(rng.integers(5, 26) * unit / 2)) + 1
    sigma = max(0.5, float(np.exp(rng.uniform(np.log(1.5), np.log(22)))) * unit)
    first = cv2.GaussianBlur(mask, (kernel, kernel), 0)
    core = np.asarray(first >= first.max() * 0.999, dtype=np.float32)
    return blurred(core, sigma, peak=True)


def blurred(mask: FloatArray, sigma_px: float, *, peak: bool = False) -> FloatArray:
    """Gaussian blur in [0, 1]; with `peak`, scaled so that the largest value is 1."""
    soft = np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma_px), dtype=np.float32)
    if peak:
        soft /= max(float(soft.max()), 1e-6)
    return np.minimum(soft, np.float32(1))
