"""Self-blended images: fakes made of one real face.

Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022 (arXiv 2204.08376), written from the
paper's description. Two slightly different copies of a face are blended through a soft, face-shaped mask; what stays
behind (a border, a mismatch of colour, sharpness and place) is what swaps leave behind, whatever made them.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from dfd.types import FloatArray, ImageU8
from dfd_train.landmarks import BROWS, EYES, MOUTH, NOSE, OVAL

MASK_FAMILIES = ("oval", "no_forehead", "lower_face", "mouth", "eyes")
_FAMILY_WEIGHTS = (0.35, 0.25, 0.15, 0.15, 0.10)
_BLEND_RATIOS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class BlendedPair:
    """A real face and its blend, alike in everything but the blend.

    Attributes:
        real: ``(S, S, 3) uint8`` RGB; the copy that was pasted on.
        fake: the same with the other copy pasted in.
        mask: ``(S, S) float32`` in [0, 1]; where the fake differs.
        family: one of `MASK_FAMILIES`.
    """

    real: ImageU8
    fake: ImageU8
    mask: FloatArray
    family: str


def blend_with_itself(image: ImageU8, points: FloatArray, rng: np.random.Generator) -> BlendedPair:
    """Make one pair.

    Args:
        image: ``(S, S, 3) uint8`` RGB, an upright face with some context.
        points: ``(468, 2) float32`` FaceMesh points on it.
        rng: the source of all randomness.
    """
    family = str(rng.choice(MASK_FAMILIES, p=_FAMILY_WEIGHTS))
    mask = face_mask(points, image.shape[0], family, rng)
    changed, plain = _restyle(image, rng), image
    source, target = (changed, plain) if rng.random() < 0.5 else (plain, changed)
    source, mask = _misplace(source, mask, rng)
    mask = _soften(_wobble(mask, rng), rng) * np.float32(rng.choice(_BLEND_RATIOS))
    weight = mask[..., None]
    fake = source.astype(np.float32) * weight + target.astype(np.float32) * (1 - weight)
    return BlendedPair(target, np.clip(np.rint(fake), 0, 255).astype(np.uint8), mask, family)


def face_mask(points: FloatArray, side: int, family: str, rng: np.random.Generator) -> FloatArray:
    """Filled convex hull of the jittered points of a mask family, ``(side, side) float32`` of 0 and 1.

    Raises:
        ValueError: unknown family.
    """
    low_oval = [index for index in OVAL if points[index, 1] > points[list(NOSE), 1].mean()]
    chosen = {
        "oval": (*OVAL,),
        "no_forehead": (*BROWS, *low_oval),
        "lower_face": (*low_oval, *NOSE),
        "mouth": MOUTH,
        "eyes": (*EYES, *BROWS),
    }.get(family)
    if chosen is None:
        raise ValueError(f"unknown mask family {family!r}, known are {', '.join(MASK_FAMILIES)}")
    corners = points[list(chosen)]
    spread = float(np.ptp(points[list(OVAL)], axis=0).max())
    grow = rng.uniform(1.15, 1.6) if family in ("mouth", "eyes") else rng.uniform(0.9, 1.08)
    corners = (corners - corners.mean(axis=0)) * np.float32(grow) + corners.mean(axis=0)
    corners = corners + rng.normal(0, 0.015 * spread, corners.shape)
    mask = np.zeros((side, side), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(corners).astype(np.int32)), 1)
    return mask.astype(np.float32)


def _restyle(image: ImageU8, rng: np.random.Generator) -> ImageU8:
    """Change colour, light and sharpness a little."""
    values = image.astype(np.float32)
    if rng.random() < 0.3:
        values += rng.uniform(-20, 20, 3).astype(np.float32)
    hsv = cv2.cvtColor(np.clip(values, 0, 255).astype(np.uint8), cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + rng.uniform(-9, 9)) % 180
    hsv[..., 1] *= rng.uniform(0.7, 1.3)
    hsv[..., 2] *= rng.uniform(0.8, 1.2)
    values = cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB).astype(np.float32)
    values = (values - 127.5) * (1 + rng.uniform(-0.1, 0.1)) + 127.5 * (1 + rng.uniform(-0.1, 0.1))
    picture = np.clip(values, 0, 255).astype(np.uint8)
    side = picture.shape[0]
    if rng.random() < 0.5:
        small = side // int(rng.choice([2, 4]))
        return np.asarray(cv2.resize(cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA), (side, side)))
    alpha = rng.uniform(0.2, 0.5)
    soft = cv2.GaussianBlur(picture, (0, 0), 1.5)
    return np.asarray(cv2.addWeighted(picture, 1 + 2 * alpha, soft, -2 * alpha, 0))


def _misplace(image: ImageU8, mask: FloatArray, rng: np.random.Generator) -> tuple[ImageU8, FloatArray]:
    """Shift and scale source and mask together."""
    side = image.shape[0]
    scale = rng.uniform(0.95, 1 / 0.95)
    shift = rng.uniform(-0.03, 0.03) * side, rng.uniform(-0.015, 0.015) * side
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), 0, scale)
    matrix[:, 2] += shift
    moved = cv2.warpAffine(image, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved), np.asarray(cv2.warpAffine(mask, matrix, (side, side)), dtype=np.float32)


def _wobble(mask: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Elastic deformation (Simard et al., ICDAR 2003): a smooth random displacement of up to about 4 % of the side."""
    side = mask.shape[0]
    coarse = rng.uniform(-1, 1, (2, 5, 5)).astype(np.float32)
    shift_x, shift_y = (cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC) * 0.04 * side for grid in coarse)
    grid_x, grid_y = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
    return np.asarray(cv2.remap(mask, grid_x + shift_x, grid_y + shift_y, cv2.INTER_LINEAR), dtype=np.float32)


def _soften(mask: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Blur, keep only what stayed full (which erodes inwards), blur again, bring the peak back to 1."""
    unit = mask.shape[0] / 380  # the paper's kernels are for 380 px
    kernel = 2 * max(1, round(rng.integers(5, 26) * unit / 2)) + 1
    first = cv2.GaussianBlur(mask, (kernel, kernel), 0)
    core = np.where(first >= first.max() * 0.999, np.float32(1), np.float32(0))
    if not core.any():
        core = mask
    soft = cv2.GaussianBlur(core, (0, 0), max(0.5, rng.uniform(5, 45) * unit / 2))
    return np.asarray(soft / max(float(soft.max()), 1e-6), dtype=np.float32)
