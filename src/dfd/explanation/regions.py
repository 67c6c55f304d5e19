"""The parts of a face, drawn from the detector's six points.

The unit of length is *u*: the distance between the eyes, or the distance from between the eyes to the mouth where that
is longer, as it is on a head that is turned aside. *Across* is the line from the right to the left eye, *down* is at a
right angle to it, towards the mouth. Every pixel of a crop belongs to one region, the first of

========== ============================================================================================
eyes       an ellipse of 0.40 u by 0.30 u (half axes, across by down) around each eye, raised by 0.05 u: brows included
mouth      an ellipse of 0.50 u by 0.32 u around the centre of the mouth
nose       an ellipse of 0.30 u by 0.45 u around the point 0.2 u above the tip of the nose
border     the ring around the outline of the face, from 0.82 to 1.12 of its size: where a pasted face ends
skin       what is left inside the outline
background what is left
========== ============================================================================================

The outline is an ellipse around the point 0.35 of the way from between the eyes to the mouth. Down it reaches 1.4 times
the distance from between the eyes to the mouth, at least 1.2 u; across it is half as wide as the ears are apart, kept
between 0.80 u and 1.25 u. The numbers are proportions of an adult face; they are not fitted to anything.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from dfd.types import LANDMARK_NAMES, FloatArray

Mask = npt.NDArray[np.bool_]

_BORDER: Final = (0.82, 1.12)
_LEAST_UNIT_PX: Final = 1.0  # points that fall together still give regions


class Region(StrEnum):
    """A part of the crop of a face, in the order in which pixels are given away."""

    EYES = "eyes"
    MOUTH = "mouth"
    NOSE = "nose"
    BORDER = "border"
    SKIN = "skin"
    BACKGROUND = "background"


def regions_of(landmarks_px: FloatArray, size_px: int) -> Mapping[Region, Mask]:
    """Which pixels belong to which region (see the module's docstring).

    Args:
        landmarks_px: ``(6, 2)`` in pixels of the crop (`dfd.cropping.landmarks_in_crop`), finite.
        size_px: side of the crop, S.

    Returns:
        ``(S, S) bool`` for every region, some of them perhaps empty; each pixel is True in exactly one.
    """
    point = {name: landmarks_px[index].astype(np.float64) for index, name in enumerate(LANDMARK_NAMES)}
    between = (point["right_eye"] + point["left_eye"]) / 2
    face = _Frame(point["left_eye"] - point["right_eye"], point["mouth_centre"] - between, size_px)
    raised = 0.05 * face.unit * face.down
    outline = face.outline(between, point["mouth_centre"], point["right_ear"], point["left_ear"])
    wanted = {
        Region.EYES: (face.ellipse(point["right_eye"] - raised, 0.40, 0.30) <= 1)
        | (face.ellipse(point["left_eye"] - raised, 0.40, 0.30) <= 1),
        Region.MOUTH: face.ellipse(point["mouth_centre"], 0.50, 0.32) <= 1,
        Region.NOSE: face.ellipse(point["nose_tip"] - 0.2 * face.unit * face.down, 0.30, 0.45) <= 1,
        Region.BORDER: (outline >= _BORDER[0]) & (outline <= _BORDER[1]),
        Region.SKIN: outline < _BORDER[0],
        Region.BACKGROUND: np.ones((size_px, size_px), np.bool_),
    }
    free = np.ones((size_px, size_px), np.bool_)
    given: dict[Region, Mask] = {}
    for region in Region:
        given[region] = wanted[region] & free
        free &= ~given[region]
    return given


class _Frame:
    """The axes of a face and its unit of length."""

    def __init__(self, eyes: npt.NDArray[np.float64], to_mouth: npt.NDArray[np.float64], size_px: int) -> None:
        """Lay the axes: `eyes` from the right to the left eye, `to_mouth` from between them, in pixels."""
        apart, self._fall = float(np.hypot(*eyes)), float(np.hypot(*to_mouth))
        self.unit = max(apart, self._fall, _LEAST_UNIT_PX)
        self.across = eyes / apart if apart > 0 else np.array([1.0, 0.0])
        normal = np.array([-self.across[1], self.across[0]])
        self.down = normal if float(normal @ to_mouth) >= 0 else -normal
        middle = np.arange(size_px) + 0.5
        self._x, self._y = np.meshgrid(middle, middle)

    def ellipse(self, centre: npt.NDArray[np.float64], across: float, down: float) -> npt.NDArray[np.float64]:
        """How far each pixel is from a centre, in half axes of so many units: 1 on the ellipse."""
        x, y = self._x - centre[0], self._y - centre[1]
        along, fall = x * self.across[0] + y * self.across[1], x * self.down[0] + y * self.down[1]
        return np.asarray(np.hypot(along / (across * self.unit), fall / (down * self.unit)))

    def outline(
        self,
        between: npt.NDArray[np.float64],
        mouth: npt.NDArray[np.float64],
        right_ear: npt.NDArray[np.float64],
        left_ear: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.float64]:
        """`ellipse` of the outline of the face."""
        half_width = abs(float((left_ear - right_ear) @ self.across)) / 2 / self.unit
        half_height = max(1.2, 1.4 * self._fall / self.unit)
        return self.ellipse(between + 0.35 * (mouth - between), float(np.clip(half_width, 0.80, 1.25)), half_height)
