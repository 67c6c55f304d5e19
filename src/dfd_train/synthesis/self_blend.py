"""Self-blended images: fakes made of one real face.

Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022 (arXiv 2204.08376), written from the
paper's description. Two slightly different copies of a face are blended through a soft, face-shaped mask; what stays
behind (a border, a mismatch of colour, sharpness and place) is what swaps leave behind, whatever made them.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from dfd.types import FloatArray, ImageU8
from dfd_train.synthesis.faces import FaceSample, Forged
from dfd_train.synthesis.looks import restyle
from dfd_train.synthesis.pasting import feathered
from dfd_train.synthesis.regions import MASK_FAMILIES, choose_region, region_mask, soften, wobble

_BLEND_RATIOS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)


def self_blend(
    sample: FaceSample,
    partner: FaceSample | None,  # noqa: ARG001 -- every forger takes one
    rng: np.random.Generator,
    families: Sequence[str] = MASK_FAMILIES,
) -> Forged:
    """Make one pair.

    Args:
        sample: the face.
        partner: not looked at.
        rng: the source of all randomness.
        families: mask families to choose from; leave some out for an ablation.

    Raises:
        ValueError: an unknown mask family.
    """
    region = choose_region(families, rng)
    mask = region_mask(sample.points, sample.side_px, region, rng)
    changed = restyle(sample.image, rng)
    source, target = (changed, sample.image) if rng.random() < 0.5 else (sample.image, changed)
    source, mask = _misplaced(source, mask, rng)
    mask = soften(wobble(mask, rng), rng) * np.float32(rng.choice(_BLEND_RATIOS))
    return Forged(target, feathered(source, target, mask), mask, "self_blend", region)


def _misplaced(image: ImageU8, mask: FloatArray, rng: np.random.Generator) -> tuple[ImageU8, FloatArray]:
    """Shift and scale source and mask together."""
    side = image.shape[0]
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), 0, rng.uniform(0.95, 1 / 0.95))
    matrix[:, 2] += rng.uniform(-0.03, 0.03) * side, rng.uniform(-0.015, 0.015) * side
    moved = cv2.warpAffine(image, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.uint8), np.asarray(cv2.warpAffine(mask, matrix, (side, side)), dtype=np.float32)
