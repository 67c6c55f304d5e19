"""Lip-sync: only the mouth or the lower face is made anew, as by Wav2Lip and its kind.

Prajwal et al., "A Lip Sync Expert Is All You Need for Speech to Lip Generation In the Wild", ACM MM 2020
(arXiv 2008.10010): the face is rendered at 96x96 px from other frames of the same person and pasted back.
"""

import cv2
import numpy as np

from dfd.types import FloatArray, ImageU8
from dfd_train.landmarks import CHIN, INNER_LIPS, JAW, LOWER_CHEEKS, NOSE, OUTER_LIPS, OVAL, WARP
from dfd_train.synthesis.faces import FaceSample, Forged, Redraw
from dfd_train.synthesis.looks import limit_resolution, match_colour, sometimes_restyled
from dfd_train.synthesis.pasting import feathered
from dfd_train.synthesis.regions import blurred, wobble
from dfd_train.synthesis.warping import warp_face

_SPEECH = frozenset({*OUTER_LIPS, *INNER_LIPS, *CHIN})
_STILL = tuple(number for number in WARP if number not in _SPEECH)
_RENDERED_FACE_PX = (64, 96, 96, 96, 128, 160, 256)
_LIPSYNC_REGIONS = ("lower_face", "mouth", "lower_box", "face_box")
_REGION_WEIGHTS = (0.4, 0.25, 0.2, 0.15)


def lipsync(
    sample: FaceSample, partner: FaceSample | None, rng: np.random.Generator, redraw: Redraw | None = None
) -> Forged:
    """Give the sample another mouth.

    Args:
        sample: the face.
        partner: the same person in another frame (see `choose_donor`), whose mouth is taken; without one, the sample's
            own mouth is opened, closed or spread.
        rng: the source of all randomness.
        redraw: a decoder through which the new mouth goes; the family is then called ``dubbed``.
    """
    side = sample.side_px
    target = sometimes_restyled(sample.image, rng)
    words = spoken(sample.points, rng)
    keeps_speech, rendered_px = rng.random() < 0.7, int(rng.choice(_RENDERED_FACE_PX))
    if partner is None:
        source = warp_face(target, sample.points, words, side)
    elif keeps_speech:
        source = warp_face(partner.image, partner.points, sample.points, side, _STILL)
    else:
        source = warp_face(partner.image, partner.points, words, side)
    region = str(rng.choice(_LIPSYNC_REGIONS, p=_REGION_WEIGHTS))
    mask = _mask(sample.points, side, region, rng)
    source = match_colour(source, target, mask, float(rng.choice([0.5, 0.9, 1.0, 1.0])))
    if region.endswith("box"):  # the network draws the box anew, only the lower face says something else
        speech = _mask(sample.points, side, "lower_face", rng)
        source = feathered(source, target, blurred(speech, side / 60) * mask)
    source = _rendered(source, sample.points, rendered_px, rng)
    if redraw is not None:
        source = redraw(source)
    family = "lipsync" if redraw is None else "dubbed"
    return Forged(target, feathered(source, target, mask), mask, family, region)


def spoken(points: FloatArray, rng: np.random.Generator) -> FloatArray:
    """The same face saying something else: lips scaled and shifted, the chin following."""
    width, height = rng.uniform(0.85, 1.15), rng.uniform(0.6, 1.7)
    moved = points.copy()
    lips = [*OUTER_LIPS, *INNER_LIPS]
    middle = points[lips].mean(axis=0)
    drop = np.float32((height - 1) * 0.5 * float(np.ptp(points[list(INNER_LIPS), 1]) + 0.02 * np.ptp(points[:, 1])))
    moved[lips] = (points[lips] - middle) * np.array([width, height], np.float32) + middle
    moved[list(CHIN), 1] += drop
    return moved


def _rendered(image: ImageU8, points: FloatArray, face_px: int, rng: np.random.Generator) -> ImageU8:
    """As it comes out of a network whose faces are `face_px` high: no more detail than that, and a bit of blur."""
    blur = rng.uniform(0.0, 1.2)
    height = max(1.0, float(np.ptp(points[list(OVAL), 1])))
    scale = min(1.0, face_px / height)
    image = limit_resolution(image, round(scale * image.shape[0]))
    sigma = blur * image.shape[0] / 224
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.uint8) if sigma > 0.3 else image


def _mask(points: FloatArray, side: int, region: str, rng: np.random.Generator) -> FloatArray:
    """Soft hull of mouth or lower face, or the box that simple tools paste back, ``(side, side) float32``."""
    jitter = rng.normal(0, 0.012 * side, (2, 2))
    grow, sigma = rng.uniform(1.0, 1.6), float(np.exp(rng.uniform(np.log(0.4), np.log(9)))) * side / 224
    height, state = rng.uniform(0.4, 0.6), rng.integers(2**63)
    mask = np.zeros((side, side), np.float32)
    if region in ("lower_box", "face_box"):
        low, high = points.min(axis=0) + jitter[0], points.max(axis=0) + jitter[1]
        top = low[1] if region == "face_box" else high[1] - height * (high[1] - low[1])
        cv2.rectangle(mask, (round(low[0]), round(top)), (round(high[0]), round(high[1])), 1.0, -1)
        return blurred(mask, max(0.4, sigma / 3))
    chosen = list((*JAW, *NOSE) if region == "lower_face" else (*OUTER_LIPS, *CHIN, *LOWER_CHEEKS[-4:]))
    corners = points[chosen]
    middle = corners.mean(axis=0)
    factor = np.float32(grow if region == "mouth" else min(grow, 1.05))
    corners = (corners - middle) * factor + middle + jitter[0]
    cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(corners).astype(np.int32)), 1.0)
    return blurred(wobble(mask, np.random.default_rng(state), 0.015), sigma)
