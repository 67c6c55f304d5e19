"""Two ways of joining a face and a picture."""

import cv2
import numpy as np

from dfd.types import FloatArray, ImageU8

_BORDER_PX = 3


def feathered(source: ImageU8, target: ImageU8, mask: FloatArray) -> ImageU8:
    """``mask * source + (1 - mask) * target``, all ``(S, S)``, the mask float32 in [0, 1]."""
    weight = mask[..., None]
    mixed: FloatArray = source * weight + target * (np.float32(1) - weight)
    return np.asarray(np.clip(np.rint(mixed), 0, 255), dtype=np.uint8)


def poisson(source: ImageU8, target: ImageU8, mask: FloatArray) -> ImageU8:
    """Keep the source's gradients and the target's border (Pérez et al., "Poisson Image Editing", SIGGRAPH 2003).

    OpenCV's solver fails on masks that are empty or touch the border; the mask is kept off it, and where too little is
    left the target comes back.

    Args:
        source: ``(S, S, 3) uint8`` RGB.
        target: of the same shape.
        mask: ``(S, S) float32``; pasted where over one half.
    """
    inside = np.zeros(mask.shape, np.uint8)
    core = slice(_BORDER_PX, -_BORDER_PX)
    inside[core, core] = (mask[core, core] > 0.5) * np.uint8(255)
    left, top, width, height = cv2.boundingRect(inside)
    if min(width, height) < 8:
        return target
    centre = (left + width // 2, top + height // 2)
    return np.asarray(cv2.seamlessClone(source, target, inside, centre, cv2.NORMAL_CLONE), dtype=np.uint8)
