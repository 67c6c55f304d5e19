"""What the up-sampling layers of decoders leave behind, without a decoder.

A face is brought down and up again by random small kernels in the three ways generators use: transposed convolution
(whose uneven overlap gives a chequerboard; Odena et al., "Deconvolution and Checkerboard Artifacts", Distill 2016),
nearest neighbour and convolution, and pixel shuffle (Shi et al., CVPR 2016, arXiv 1609.05158). The real of the pair
loses the same resolution by plain resampling, so that what remains is the pattern and not the blur.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np

from dfd.types import FloatArray, ImageU8
from dfd_train.synthesis.faces import FaceSample, Forged
from dfd_train.synthesis.looks import match_colour, sharpened, sometimes_restyled
from dfd_train.synthesis.pasting import feathered
from dfd_train.synthesis.regions import region_mask, soften

_BILINEAR = np.array([1, 3, 3, 1], np.float32) / 4  # sums to 2: a zero stands between any two pixels
_SMOOTH = np.array([1, 2, 1], np.float32) / 4
_PLAIN = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)


def rerender(sample: FaceSample, partner: FaceSample | None, rng: np.random.Generator) -> Forged:  # noqa: ARG001
    """Make a pair whose fake was "generated" anew, the face alone or the whole picture.

    Args:
        sample: the face.
        partner: not looked at.
        rng: the source of all randomness.
    """
    side = sample.side_px
    target = sometimes_restyled(sample.image, rng)
    levels, plain = int(rng.choice([1, 1, 1, 2])), int(rng.choice(_PLAIN))
    method, region = str(rng.choice(list(UPSAMPLERS))), str(rng.choice(["whole", "oval", "no_forehead"]))
    state, matches, denoises = rng.integers(2**63), rng.random() < 0.7, rng.random() < 0.2
    rendered = rng.uniform(0.7, 1.6) if levels == 1 else rng.uniform(1.2, 2.0)
    inner = round(side * rendered / 2**levels)
    small = np.asarray(cv2.resize(target, (inner, inner), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if matches or region == "whole":
        target = np.asarray(cv2.resize(small, (side, side), interpolation=plain), dtype=np.uint8)
    if denoises:
        small = np.asarray(cv2.bilateralFilter(small, 5, 10, 2), dtype=np.uint8)
    source = _grown(small, side, levels, method, np.random.default_rng(state))
    if region == "whole":
        mask = np.ones((side, side), np.float32)
        return Forged(target, source, mask, "rerender", region)
    mask = soften(region_mask(sample.points, side, region, rng), rng)
    source = match_colour(source, target, mask, 1.0)
    return Forged(target, feathered(source, target, mask), mask, "rerender", region)


def _grown(small: ImageU8, side: int, levels: int, method: str, rng: np.random.Generator) -> ImageU8:
    """Doubled `levels` times, brought to `side`, and sharpened as much as the kernels soften on average."""
    sharpness, strength = rng.uniform(0, 1.2), float(np.exp(rng.uniform(-5.3, -2.8)))
    picture = small.astype(np.float32)
    for _ in range(levels):
        picture = UPSAMPLERS[method](picture, strength, rng)
    values = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    if len(values) != side:
        how = cv2.INTER_AREA if len(values) > side else cv2.INTER_LINEAR
        values = np.asarray(cv2.resize(values, (side, side), interpolation=how), dtype=np.uint8)
    return sharpened(values, sharpness)


def _transposed(picture: FloatArray, strength: float, rng: np.random.Generator) -> FloatArray:
    """Zeros between the pixels, then one 4x4 kernel: each of the four phases gets other weights."""
    kernel = np.outer(_BILINEAR, _BILINEAR) * (1 + rng.normal(0, 2 * strength, (4, 4)))
    height, width = picture.shape[:2]
    spread = np.zeros((2 * height, 2 * width, 3), np.float32)
    spread[::2, ::2] = picture
    return _filtered(spread, kernel * 4 / kernel.sum())


def _nearest(picture: FloatArray, strength: float, rng: np.random.Generator) -> FloatArray:
    """Pixels doubled, then a 3x3 kernel."""
    kernel = np.outer(_SMOOTH, _SMOOTH) + rng.normal(0, strength / 3, (3, 3))
    return _filtered(picture.repeat(2, axis=0).repeat(2, axis=1), kernel / kernel.sum())


def _shuffled(picture: FloatArray, strength: float, rng: np.random.Generator) -> FloatArray:
    """Four 3x3 kernels, one for each phase, put side by side."""
    height, width = picture.shape[:2]
    result = np.empty((2 * height, 2 * width, 3), np.float32)
    ramps = np.array([[1, 3, 0], [0, 3, 1]], np.float32) / 4
    for row in range(2):
        for column in range(2):
            kernel = np.outer(ramps[row], ramps[column]) + rng.normal(0, strength / 3, (3, 3))
            result[row::2, column::2] = _filtered(picture, kernel / kernel.sum())
    return result


def _filtered(picture: FloatArray, kernel: FloatArray) -> FloatArray:
    return np.asarray(cv2.filter2D(picture, -1, kernel.astype(np.float32)), dtype=np.float32)


UPSAMPLERS: Mapping[str, Callable[[FloatArray, float, np.random.Generator], FloatArray]] = MappingProxyType(
    {"transposed": _transposed, "nearest": _nearest, "shuffled": _shuffled}
)
"""Each doubles ``(H, W, 3) float32``, its kernel disturbed by a strength of about 0.005 to 0.06."""
