"""Laying one face upon another by their landmarks."""

import cv2
import numpy as np
from scipy.spatial import Delaunay

from dfd.types import FloatArray, ImageU8
from dfd_train.landmarks import LEFT_EYE, OVAL, RIGHT_EYE, SKULL, WARP

_TEMPLATE = np.array([[0.34, 0.40], [0.66, 0.40], [0.5, 0.62], [0.5, 0.75]], np.float32)
_NOSE_TIP = 1
_MOUTH_CORNERS = (61, 291)


def similarity(source: FloatArray, target: FloatArray) -> FloatArray:
    """Least-squares turn, scale and shift of one set of points onto another.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 1991; in the
    plane a similarity is one complex factor and one complex shift.

    Args:
        source: ``(N, 2) float32``.
        target: ``(N, 2) float32``.

    Returns:
        ``(2, 3) float32`` matrix from source to target.
    """
    start, goal = _complex(source), _complex(target)
    middle, aim = start.mean(), goal.mean()
    power = float(np.sum(np.abs(start - middle) ** 2))
    factor = np.vdot(start - middle, goal - aim) / max(power, 1e-6)
    shift = aim - factor * middle
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]], dtype=np.float32)


def warp_rigid(image: ImageU8, source: FloatArray, target: FloatArray, side_px: int) -> ImageU8:
    """The picture turned, scaled and shifted so that its skull's points lie on the target's.

    Args:
        image: ``(H, W, 3) uint8``.
        source: ``(468, 2)`` points on it.
        target: ``(468, 2)`` points to lay them on.
        side_px: of the result.
    """
    chosen = list(SKULL)
    matrix = similarity(source[chosen], target[chosen])
    moved = cv2.warpAffine(image, matrix, (side_px, side_px), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.uint8)


def alignment(points: FloatArray, size_px: int) -> FloatArray:
    """Where a face goes so that networks see all faces alike: eyes, nose and mouth at fixed places.

    Args:
        points: ``(468, 2) float32``.
        size_px: side of the aligned picture, which holds the face from hairline to chin.

    Returns:
        ``(2, 3) float32`` matrix from the points' picture to the aligned one.
    """
    anchors = np.stack(
        [
            points[list(RIGHT_EYE)].mean(0),
            points[list(LEFT_EYE)].mean(0),
            points[_NOSE_TIP],
            points[list(_MOUTH_CORNERS)].mean(0),
        ]
    )
    return similarity(anchors, _TEMPLATE * np.float32(size_px))


def warp_face(
    image: ImageU8, source: FloatArray, target: FloatArray, side_px: int, corners: tuple[int, ...] = WARP
) -> ImageU8:
    """The picture bent so that each landmark lies on the target's: affine in each of the target's triangles.

    A ring around the face follows the head as a whole, so that the bend dies out towards the border.

    Args:
        image: ``(H, W, 3) uint8``.
        source: ``(468, 2)`` points on it.
        target: ``(468, 2)`` points to lay them on.
        side_px: of the result.
        corners: numbers of the points that are laid on each other; all else follows.
    """
    chosen = list(corners)
    back = similarity(target[chosen], source[chosen])
    ring = target[list(OVAL)[::3]]
    ring = (ring - ring.mean(axis=0)) * np.float32(1.5) + ring.mean(axis=0)
    goals = np.concatenate([target[chosen], ring])
    starts = np.concatenate([source[chosen], ring @ back[:, :2].T + back[:, 2]])
    triangles = Delaunay(goals).simplices
    field = _piecewise_field(goals[triangles], starts[triangles], back, side_px)
    bent = cv2.remap(image, field[..., 0], field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(bent, dtype=np.uint8)


def _piecewise_field(goals: FloatArray, starts: FloatArray, outside: FloatArray, side_px: int) -> FloatArray:
    """Where each pixel comes from, ``(side_px, side_px, 2) float32``.

    Args:
        goals: ``(T, 3, 2)`` triangles in the result.
        starts: ``(T, 3, 2)`` the same triangles in the source.
        outside: ``(2, 3)`` map from result to source for pixels in no triangle.
        side_px: of the result.
    """
    homogeneous = np.concatenate([goals, np.ones((*goals.shape[:2], 1), goals.dtype)], axis=2).astype(np.float64)
    usable = np.abs(np.linalg.det(homogeneous)) > 0.05  # twice the area in px^2; thinner ones have no pixels
    maps = np.linalg.solve(homogeneous[usable], starts[usable].astype(np.float64)).astype(np.float32)  # (T, 3, 2)
    maps = np.concatenate([outside.T[None], maps])
    labels = np.zeros((side_px, side_px), np.float32)
    for number, corners in enumerate(np.rint(goals[usable]).astype(np.int32), 1):
        cv2.fillConvexPoly(labels, corners, float(number))
    chosen = maps[labels.astype(np.intp)]
    axis = np.arange(side_px, dtype=np.float32)
    return np.asarray(
        chosen[:, :, 0] * axis[None, :, None] + chosen[:, :, 1] * axis[:, None, None] + chosen[:, :, 2],
        dtype=np.float32,
    )


def _complex(points: FloatArray) -> "np.ndarray[tuple[int], np.dtype[np.complex128]]":
    return np.asarray(points[:, 0] + 1j * points[:, 1].astype(np.float64))
