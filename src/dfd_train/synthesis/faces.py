"""What goes into a forger and what comes out."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dfd.types import FloatArray, ImageU8


@dataclass(frozen=True, slots=True)
class FaceSample:
    """One face to forge.

    Attributes:
        image: ``(S, S, 3) uint8`` RGB, an upright face with some context.
        points: ``(468, 2) float32`` FaceMesh points on it, in its pixels.
    """

    image: ImageU8
    points: FloatArray

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[0] != self.image.shape[1] or self.image.shape[2] != 3:
            raise ValueError(f"a face is a square RGB picture, got {self.image.shape}")
        if self.image.dtype != np.uint8:
            raise ValueError(f"a face is uint8, got {self.image.dtype}")
        if self.points.shape != (468, 2):
            raise ValueError(f"FaceMesh gives (468, 2) points, got {self.points.shape}")

    @property
    def side_px(self) -> int:
        return int(self.image.shape[0])


@dataclass(frozen=True, slots=True)
class Forged:
    """A real face and its forgery, alike in everything but the forgery.

    Attributes:
        real: ``(S, S, 3) uint8`` RGB; has gone through the same change of colour and sharpness as what the forgery
            left alone.
        fake: the same, forged.
        mask: ``(S, S) float32`` in [0, 1]; where it is 0, both are the same.
        family: the forger's name in the catalogue.
        region: what was forged, one of `dfd_train.synthesis.regions.REGIONS` or ``whole``.
    """

    real: ImageU8
    fake: ImageU8
    mask: FloatArray
    family: str
    region: str


Redraw = Callable[[ImageU8], ImageU8]
"""A decoder: draws a picture ``(S, S, 3) uint8`` anew; the same picture gives the same answer."""

Forger = Callable[[FaceSample, FaceSample | None, np.random.Generator], Forged]
"""Makes a pair of a face, of a partner where the family needs one, and of chance.

How often and in what order a forger draws depends on what it drew before and never on the pictures: the same state of
the generator then makes the same choices for every frame of a clip.
"""
