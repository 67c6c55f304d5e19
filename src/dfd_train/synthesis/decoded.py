"""Forgeries that go through a decoder: the face drawn anew, reenacted, dubbed, or swapped as deepfakes are.

The decoders are passed in, so that this module needs no neural network; `dfd_train.forge` trains some.
"""

from collections.abc import Mapping

import cv2
import numpy as np

from dfd.types import FloatArray, ImageU8
from dfd_train.synthesis.faces import FaceSample, Forged, Forger, Redraw
from dfd_train.synthesis.lipsync import lipsync, spoken
from dfd_train.synthesis.looks import limit_resolution, match_colour, sharpened, sometimes_restyled
from dfd_train.synthesis.pasting import feathered, poisson
from dfd_train.synthesis.regions import region_mask, soften, wobble
from dfd_train.synthesis.warping import alignment, warp_face


def decoded(redraws: Mapping[str, Redraw]) -> Forger:
    """Family ``decoded``: face or whole picture drawn anew by one of the decoders.

    Args:
        redraws: decoders by name.
    """

    def forge(sample: FaceSample, partner: FaceSample | None, rng: np.random.Generator) -> Forged:  # noqa: ARG001
        target, redraw = _target(sample, rng), _chosen(redraws, rng)
        return _pasted(sample, target, sharpened(redraw(target), rng.uniform(0, 1)), "decoded", rng)

    return forge


def reenacted(redraws: Mapping[str, Redraw]) -> Forger:
    """Family ``reenacted``: another frame of the same person moved into this frame's pose, then drawn anew.

    Without a partner the sample's own face is moved.

    Args:
        redraws: decoders by name.
    """

    def forge(sample: FaceSample, partner: FaceSample | None, rng: np.random.Generator) -> Forged:
        target, redraw = _target(sample, rng), _chosen(redraws, rng)
        pose = spoken(sample.points, rng)
        if partner is None:
            source = warp_face(target, sample.points, pose, sample.side_px)
        else:
            source = warp_face(partner.image, partner.points, sample.points, sample.side_px)
        return _pasted(sample, target, sharpened(redraw(source), rng.uniform(0, 1)), "reenacted", rng)

    return forge


def dubbed(redraws: Mapping[str, Redraw]) -> Forger:
    """Family ``dubbed``: lip-sync whose mouth comes out of one of the decoders.

    Args:
        redraws: decoders by name.
    """

    def forge(sample: FaceSample, partner: FaceSample | None, rng: np.random.Generator) -> Forged:
        redraw = _chosen(redraws, rng)
        return lipsync(sample, partner, rng, redraw)

    return forge


def deepfake(face_redraw: Redraw, size_px: int) -> Forger:
    """Family ``deepfake``: the aligned face drawn as another person by that person's decoder, put back and blended.

    Args:
        face_redraw: draws an aligned face of `size_px` as another person.
        size_px: what it works on (see `dfd_train.synthesis.warping.alignment`).
    """

    def forge(sample: FaceSample, partner: FaceSample | None, rng: np.random.Generator) -> Forged:  # noqa: ARG001
        side, target = sample.side_px, _target(sample, rng)
        region = str(rng.choice(["oval", "no_forehead", "hull"]))
        matrix = alignment(sample.points, size_px)
        face = cv2.warpAffine(target, matrix, (size_px, size_px), borderMode=cv2.BORDER_REPLICATE)
        drawn = face_redraw(np.asarray(face, dtype=np.uint8))
        source, covered = _put_back(drawn, matrix, side)
        mask = wobble(region_mask(sample.points, side, region, rng), rng, 0.02) * covered
        source = match_colour(source, target, mask, float(rng.choice([0.3, 0.8, 1.0, 1.0])))
        source = sharpened(source, float(rng.choice([0.0, 0.0, 0.6])))
        clones, soft = rng.random() < 0.25, soften(mask, rng)
        if clones:
            source = poisson(source, target, soft)
        return Forged(target, feathered(source, target, soft), soft, "deepfake", region)

    return forge


def _put_back(face: ImageU8, matrix: FloatArray, side: int) -> tuple[ImageU8, FloatArray]:
    """An aligned face in its picture again, and where it covers that picture, ``(side, side) float32``."""
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    back = cv2.warpAffine(face, matrix, (side, side), flags=how, borderMode=cv2.BORDER_REPLICATE)
    covered = cv2.warpAffine(np.ones(face.shape[:2], np.float32), matrix, (side, side), flags=how)
    return np.asarray(back, dtype=np.uint8), np.asarray(covered, dtype=np.float32)


def _target(sample: FaceSample, rng: np.random.Generator) -> ImageU8:
    """The picture to be forged, as soft as decoders draw in half the cases, so that softness gives nothing away."""
    softens, share = rng.random() < 0.5, rng.uniform(0.5, 0.9)
    target = sometimes_restyled(sample.image, rng)
    return limit_resolution(target, round(share * sample.side_px)) if softens else target


def _chosen(redraws: Mapping[str, Redraw], rng: np.random.Generator) -> Redraw:
    return redraws[str(rng.choice(sorted(redraws)))]


def _pasted(sample: FaceSample, target: ImageU8, source: ImageU8, family: str, rng: np.random.Generator) -> Forged:
    """The source as the whole picture, or its face blended into the target."""
    side = sample.side_px
    region = str(rng.choice(["whole", "whole", "hull", "oval", "no_forehead"]))
    if region == "whole":
        source = match_colour(source, target, np.ones((side, side), np.float32), 1.0)  # decoders tire of odd colours
        return Forged(target, source, np.ones((side, side), np.float32), family, region)
    mask = soften(wobble(region_mask(sample.points, side, region, rng), rng, 0.02), rng)
    source = match_colour(source, target, mask, float(rng.choice([0.5, 1.0, 1.0])))
    return Forged(target, feathered(source, target, mask), mask, family, region)
