"""Damage to single frames: functions of an image, a strength and a source of randomness.

Images are ``(H, W, 3) uint8`` RGB and keep their size. The formulas are those of DeeperForensics-1.0 (Jiang et al.,
CVPR 2020, ``perturbation/distortions.py``) unless a docstring says otherwise.
"""

from collections.abc import Callable

import cv2
import numpy as np

from dfd.types import FloatArray, ImageU8

FrameChange = Callable[[ImageU8, float, np.random.Generator], ImageU8]
"""From an image and a strength to the changed image."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_BLOCK_PX = 8
_BLOCK_GREY = 128
_BLOCK_UNIT_PX = 256

# Studio range of 8-bit YCbCr (ITU-R BT.601) as a share of 255: luma spans 219 levels, chroma 224.
_STUDIO_GAIN = np.array([219, 224, 224], np.float32) / 255
_STUDIO_OFFSET = np.float32(16 / 255)


def unchanged(image: ImageU8, _strength: float, _rng: np.random.Generator) -> ImageU8:
    """The image as it is, for kinds that change its size alone."""
    return image


def saturation(image: ImageU8, strength: float, _rng: np.random.Generator) -> ImageU8:
    """Chroma times `strength`, in [0, 1]; 0 leaves grey."""
    values = image.astype(np.float32)
    luma = (values @ _LUMA)[..., None]
    return _to_u8(np.asarray(luma + np.float32(strength) * (values - luma), dtype=np.float32))


def contrast(image: ImageU8, strength: float, _rng: np.random.Generator) -> ImageU8:
    """Every value times `strength`, in [0, 1]: towards black, as the reference does it."""
    return _to_u8(image.astype(np.float32) * np.float32(strength))


def blocks(image: ImageU8, strength: float, rng: np.random.Generator) -> ImageU8:
    """Grey blocks of 8 x 8 px at random places: `strength` of them for each full 256 px of the shorter side.

    An image whose shorter side is below 256 px gets none, as in the reference.
    """
    height, width = image.shape[:2]
    changed = image.copy()
    for _ in range(min(height, width) // _BLOCK_UNIT_PX * round(strength)):
        left, top = int(rng.integers(0, width - _BLOCK_PX)), int(rng.integers(0, height - _BLOCK_PX))
        changed[top : top + _BLOCK_PX, left : left + _BLOCK_PX] = _BLOCK_GREY
    return changed


def noise(image: ImageU8, strength: float, rng: np.random.Generator) -> ImageU8:
    """White Gaussian noise of variance `strength` on studio-range YCbCr in [0, 1]."""
    full = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2YCrCb)
    studio = np.asarray(full, dtype=np.float32) * _STUDIO_GAIN + _STUDIO_OFFSET
    studio += rng.standard_normal(studio.shape, np.float32) * np.float32(np.sqrt(strength))
    return _to_u8(cv2.cvtColor((studio - _STUDIO_OFFSET) / _STUDIO_GAIN, cv2.COLOR_YCrCb2RGB) * np.float32(255))


def blur(image: ImageU8, strength: float, _rng: np.random.Generator) -> ImageU8:
    """Gaussian blur with a kernel of `strength` px (odd) and a standard deviation of a sixth of it."""
    side_px = round(strength)
    return np.asarray(cv2.GaussianBlur(image, (side_px, side_px), strength / 6), dtype=np.uint8)


def pixelation(image: ImageU8, strength: float, _rng: np.random.Generator) -> ImageU8:
    """Size divided by `strength` and brought back, both bilinear; what the reference calls JPEG."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (max(1, int(width // strength)), max(1, int(height // strength))))
    return np.asarray(cv2.resize(small, (width, height)), dtype=np.uint8)


def gamma(image: ImageU8, strength: float, _rng: np.random.Generator) -> ImageU8:
    """Low light: values in [0, 1] to the power of `strength`, above 1. Not from DeeperForensics."""
    levels = np.rint(255 * (np.arange(256) / 255) ** strength).astype(np.uint8)
    return levels[image]


def _to_u8(values: FloatArray) -> ImageU8:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
