"""Changes of colour and sharpness that set the pasted face apart from the picture it is pasted in."""

import cv2
import numpy as np

from dfd.types import FloatArray, ImageU8


def restyle(image: ImageU8, rng: np.random.Generator) -> ImageU8:
    """Change colour, light and sharpness a little: step 4 of self-blending.

    RGB shift of up to 20 (in 30 %), hue, saturation and value, brightness and contrast of up to 10 %; then exactly one
    of down-scaling and back, or sharpening by 0.2 to 0.5.

    Args:
        image: ``(S, S, 3) uint8`` RGB.
        rng: the source of all randomness.
    """
    shift = rng.uniform(-20, 20, 3) * (rng.random() < 0.3)
    hue, saturation, value = rng.uniform(-6, 6), rng.uniform(0.7, 1.3), rng.uniform(0.8, 1.2)
    contrast, grey = 1 + rng.uniform(-0.1, 0.1), 127.5 * (1 + rng.uniform(-0.1, 0.1))
    levels = np.arange(256, dtype=np.float32)
    hsv = np.asarray(cv2.cvtColor(_mapped(image, levels[:, None] + shift), cv2.COLOR_RGB2HSV), dtype=np.uint8)
    hsv = _mapped(hsv, np.stack([(np.rint(levels + hue)) % 180, levels * saturation, levels * value], axis=1))
    picture = np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), dtype=np.uint8)
    return resharpen(_mapped(picture, np.repeat((levels[:, None] - 127.5) * contrast + grey, 3, axis=1)), rng)


def sometimes_restyled(image: ImageU8, rng: np.random.Generator) -> ImageU8:
    """Restyled in half the cases: for targets, so that a change alone gives nothing away."""
    restyles, state = rng.random() < 0.5, rng.integers(2**63)
    return restyle(image, np.random.default_rng(state)) if restyles else image


def resharpen(image: ImageU8, rng: np.random.Generator) -> ImageU8:
    """Lose resolution by 1.15 to 2.6 (the paper's 2 and 4 are meant for larger pictures), or sharpen."""
    loses, factor, alpha = rng.random() < 0.5, float(np.exp(rng.uniform(0.14, 0.95))), rng.uniform(0.2, 0.5)
    return limit_resolution(image, round(image.shape[0] / factor)) if loses else sharpened(image, 2 * alpha)


def sharpened(image: ImageU8, amount: float) -> ImageU8:
    """Unsharp mask over about 0.7 % of the side; an amount of 1 doubles the finest detail."""
    soft = cv2.GaussianBlur(image, (0, 0), max(0.6, 1.5 * image.shape[0] / 224))
    return np.asarray(cv2.addWeighted(image, 1 + amount, soft, -amount, 0), dtype=np.uint8)


def limit_resolution(image: ImageU8, inner_px: int) -> ImageU8:
    """Scale down to `inner_px` and back; the picture as it is if that is no smaller."""
    side = image.shape[0]
    if inner_px >= side:
        return image
    small = cv2.resize(image, (max(8, inner_px),) * 2, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def match_colour(image: ImageU8, reference: ImageU8, mask: FloatArray, strength: float) -> ImageU8:
    """Give a picture the mean and spread of another's colours under a mask.

    Reinhard et al., "Color Transfer between Images", IEEE CG&A 2001, in CIE Lab.

    Args:
        image: ``(S, S, 3) uint8`` RGB, to be changed.
        reference: of the same shape.
        mask: ``(S, S) float32``; statistics are taken where it is over one half.
        strength: 0 leaves the picture, 1 matches in full.
    """
    inside = (mask > 0.5).astype(np.uint8)
    if strength <= 0 or not inside.any():
        return image
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    mean, spread = cv2.meanStdDev(lab, mask=inside)
    wanted_mean, wanted_spread = cv2.meanStdDev(cv2.cvtColor(reference, cv2.COLOR_RGB2LAB), mask=inside)
    gain = np.clip(wanted_spread / np.maximum(spread, 1e-3), 0.4, 2.5)
    levels = np.arange(256, dtype=np.float32)[:, None]
    matched = (levels - mean.T) * gain.T + wanted_mean.T
    lab = _mapped(np.asarray(lab, dtype=np.uint8), levels + strength * (matched - levels))
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), dtype=np.uint8)


def relit(image: ImageU8, reference: ImageU8, sigma_px: float) -> ImageU8:
    """One picture's detail in another's light: what is finer than a blur of the first, on a blur of the second.

    Args:
        image: ``(S, S, 3) uint8`` RGB.
        reference: of the same shape.
        sigma_px: of the Gaussian blur.
    """
    return np.asarray(np.clip(image + _light(reference, sigma_px) - _light(image, sigma_px), 0, 255), dtype=np.uint8)


def _light(image: ImageU8, sigma_px: float) -> "np.ndarray[tuple[int, int, int], np.dtype[np.int16]]":
    """A wide blur, made at a quarter of the size."""
    side = image.shape[0]
    small = cv2.resize(image, (side // 4, side // 4), interpolation=cv2.INTER_AREA)
    soft = cv2.resize(cv2.GaussianBlur(small, (0, 0), max(0.5, sigma_px / 4)), (side, side))
    return np.asarray(soft, dtype=np.int16)


def _mapped(image: ImageU8, table: "np.ndarray[tuple[int, int], np.dtype[np.floating]]") -> ImageU8:
    """Each channel's values looked up in its column of ``(256, 3)``, rounded and clipped."""
    values = np.clip(np.rint(table), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, values[None]), dtype=np.uint8)
