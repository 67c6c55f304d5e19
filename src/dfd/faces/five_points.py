"""What detectors trained on WIDER FACE share: five points a face, boxes from hairline to chin, many candidates.

Models are trained on crops cut around BlazeFace's boxes, so what these detectors find is brought to BlazeFace's
measure; otherwise a change of detector would zoom every crop. The constants are fits on 143 faces of training clips
that both CenterFace and BlazeFace found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from dfd.types import BoundingBox, FaceDetection, FloatArray, ImageU8

SIDE: Final = 0.84
"""BlazeFace's side in heights of such a box: the median; half of the faces lie from 0.80 to 0.88."""

DROP: Final = 0.08
"""How much lower BlazeFace's centre lies, in heights of such a box: the median; half lie from 0.06 to 0.10."""

_Point = npt.NDArray[np.float64]

_MOST_OVERLAP: Final = 0.3
_MOST_CANDIDATES: Final = 1000
"""Of the best candidates; suppression compares each with each."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a net proposes, in pixels of what it was shown.

    Attributes:
        boxes: ``(N, 4) float32``, x1, y1, x2, y2.
        points: ``(N, 5, 2) float32``: right eye, left eye, nose tip, right and left corner of the mouth. Right and left
            are the subject's own.
        scores: ``(N,) float32`` in [0, 1].
    """

    boxes: FloatArray
    points: FloatArray
    scores: FloatArray


def fitted(image: ImageU8, longest_px: int, multiple_px: int) -> tuple[FloatArray, float]:
    """Scale an image down to a longest side, and fill up to whole multiples with black.

    Args:
        image: ``(H, W, 3) uint8``.
        longest_px: longest side that remains; smaller images keep their size.
        multiple_px: what both sides are to be multiples of.

    Returns:
        ``(H', W', 3) float32`` from 0 to 255, and the factor it was scaled by.
    """
    height, width = image.shape[:2]
    factor = min(1.0, longest_px / max(height, width))
    if factor < 1:
        size = max(1, round(width * factor)), max(1, round(height * factor))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    filled = [-(-side // multiple_px) * multiple_px for side in image.shape[:2]]
    canvas = np.zeros((*filled, 3), np.float32)
    canvas[: image.shape[0], : image.shape[1]] = image
    return canvas, factor


def detections(candidates: Candidates, factor: float) -> list[FaceDetection]:
    """The faces among candidates, best first, in pixels of the image that was scaled by `factor`."""
    order = np.argsort(-candidates.scores, kind="stable")[:_MOST_CANDIDATES]
    boxes, points, scores = (part[order] for part in (candidates.boxes, candidates.points, candidates.scores))
    return [_detection(boxes[one] / factor, points[one] / factor, float(scores[one])) for one in _separate(boxes)]


def _separate(boxes: FloatArray) -> Sequence[int]:
    """Which of the boxes, best first, overlap no better one."""
    areas = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1)
    kept: list[int] = []
    left = np.arange(len(boxes))
    while left.size:
        best, left = left[0], left[1:]
        kept.append(int(best))
        corners = np.minimum(boxes[best, 2:], boxes[left, 2:]) - np.maximum(boxes[best, :2], boxes[left, :2])
        shared = np.prod(np.clip(corners, 0, None), axis=1)
        left = left[shared <= _MOST_OVERLAP * np.maximum(areas[best] + areas[left] - shared, np.float32(1e-9))]
    return kept


def _detection(box: FloatArray, points: FloatArray, score: float) -> FaceDetection:
    (x1, y1, x2, y2), height = box.tolist(), float(box[3] - box[1])
    half = max(SIDE * height / 2, 1e-3)
    x, y = (x1 + x2) / 2, (y1 + y2) / 2 + DROP * height
    right_eye, left_eye, nose, right_mouth, left_mouth = points.astype(np.float64)
    mouth = (right_mouth + left_mouth) / 2
    right_ear, left_ear = _ears(right_eye, left_eye, nose, mouth)
    landmarks = np.array([right_eye, left_eye, nose, mouth, right_ear, left_ear], np.float32)
    return FaceDetection(BoundingBox(x - half, y - half, x + half, y + half), min(1.0, score), landmarks)


def _ears(right_eye: _Point, left_eye: _Point, nose: _Point, mouth: _Point) -> tuple[_Point, _Point]:
    """Where BlazeFace would see the ears: a linear fit, off by 6 % of the face's side in the median.

    It is in units of the distance from eyes to mouth, along that line and across it. The nose tells how far the face is
    turned, by which one ear comes nearer to the eye.
    """
    between = (right_eye + left_eye) / 2
    down = mouth - between
    unit = max(float(np.hypot(*down)), 1e-6)
    down = down / unit
    across = np.array([down[1], -down[0]])  # towards the subject's left
    eyes, turned = float((left_eye - right_eye) @ across) / unit, float((nose - between) @ across) / unit
    ears = []
    for side in (-1.0, 1.0):
        outwards = 0.544 + 0.441 * eyes - side * 2.098 * turned
        downwards = 0.264 - 0.055 * eyes - side * 0.242 * turned
        ears.append(between + unit * (side * outwards * across + downwards * down))
    return ears[0], ears[1]
