"""From a detection to the picture the model looks at.

Training and serving both cut with `crop_face`, so that there is no second copy for the two to differ by.
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

from dfd.manifest import Alignment, InputContract
from dfd.pictures import Picture, as_picture
from dfd.types import LANDMARK_NAMES, BoundingBox, FaceDetection, FloatArray, ImageU8

_RIGHT_EYE = LANDMARK_NAMES.index("right_eye")
_LEFT_EYE = LANDMARK_NAMES.index("left_eye")


_INTERPOLATED_PX = 2  # a patch may need this much more of the picture than its corners enclose


def crop_face(
    image: ImageU8 | Picture,
    detection: FaceDetection,
    contract: InputContract,
    following: ImageU8 | Picture | None = None,
) -> ImageU8:
    """Cut a square around a face and bring it to the model's input size.

    The square is centred on the box; its side is the box's longer side widened by the contract's margin on both
    sides. With eye alignment it is turned so that the eyes lie level (a detection without landmarks is cut upright).
    Pixels beyond the frame repeat its edge.

    A model that looks at two frames is given the same square of both, cut alike: what differs between the two is what
    happened in between, never how they were cut. Where no frame follows, the crop stands twice.

    Args:
        image: ``(H, W, 3) uint8`` RGB, or a picture, of which no more than the square is then asked for.
        detection: in pixels of `image`.
        contract: size, margin, alignment and number of frames.
        following: the picture after `image`, of its size; not looked at where the contract takes one frame.

    Returns:
        ``(S, S, 3 * contract.frames) uint8``, S = ``contract.size_px``: RGB of `image`, then RGB of `following`.
    """
    crop = _crop(as_picture(image), detection, contract)
    if contract.frames == 1:
        return crop
    after = crop if following is None else _crop(as_picture(following), detection, contract)
    return np.concatenate([crop, after], axis=2)


def landmarks_in_crop(detection: FaceDetection, contract: InputContract) -> FloatArray | None:
    """Where the points of a face lie in the picture that `crop_face` cuts of it.

    Returns:
        ``(6, 2) float32`` in pixels of the crop, in the order of `dfd.types.LANDMARK_NAMES`; pixel (0, 0) reaches from
        0 to 1. Points may lie outside. None for a detection without landmarks.
    """
    if detection.landmarks_px is None:
        return None
    side, angle = _square(detection, contract)
    to_image = _to_image(detection.box.centre_px, side, angle)
    there = detection.landmarks_px.astype(np.float64) - 0.5 - to_image[:, 2]
    in_patch = there @ to_image[:, :2] + 0.5  # the inverse of a turn is its transpose
    return np.asarray(in_patch * (contract.size_px / side), dtype=np.float32)


def crop_to_image(detection: FaceDetection, contract: InputContract) -> npt.NDArray[np.float64]:
    """Where the picture that `crop_face` cuts lies in the image it is cut of.

    Returns:
        ``(2, 3)``: from pixel centres of the crop, ``(x, y, 1)``, to those of the image.
    """
    side, angle = _square(detection, contract)
    scale = side / contract.size_px
    to_patch = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2], [0, 0, 1]])
    return np.asarray(_to_image(detection.box.centre_px, side, angle) @ to_patch, np.float64)


def _square(detection: FaceDetection, contract: InputContract) -> tuple[int, float]:
    """Side in pixels of the square that is cut, and the angle by which it is turned."""
    side = max(1, round(detection.box.side_px * (1 + 2 * contract.crop_margin)))
    return side, _eye_angle(detection) if contract.alignment is Alignment.EYES else 0.0


def _crop(picture: Picture, detection: FaceDetection, contract: InputContract) -> ImageU8:
    """The square of one picture, ``(S, S, 3) uint8``."""
    side, angle = _square(detection, contract)
    patch = _cut(picture, detection.box.centre_px, side, angle)
    size = (contract.size_px, contract.size_px)
    return np.asarray(
        cv2.resize(patch, size, interpolation=cv2.INTER_AREA if side > contract.size_px else cv2.INTER_LINEAR),
        dtype=np.uint8,
    )


def centre_square(image: ImageU8, contract: InputContract) -> FaceDetection:
    """A stand-in for a face: its crop is the largest centred square, as the first version cut when it saw no face.

    Its score is 0, since nothing was detected.
    """
    height, width = image.shape[:2]
    half = min(height, width) / (1 + 2 * contract.crop_margin) / 2
    box = BoundingBox(width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half)
    return FaceDetection(box=box, score=0.0)


def _eye_angle(detection: FaceDetection) -> float:
    """Angle in radians by which the line from the right to the left eye is turned clockwise from level."""
    if detection.landmarks_px is None:
        return 0.0
    right, left = detection.landmarks_px[_RIGHT_EYE], detection.landmarks_px[_LEFT_EYE]
    return math.atan2(float(left[1] - right[1]), float(left[0] - right[0]))


def _to_image(centre_px: tuple[float, float], side: int, angle: float) -> npt.NDArray[np.float64]:
    """``(2, 3)``: from pixel centres of a patch around a point, turned back by `angle`, to those of the image."""
    cosine, sine = math.cos(angle), math.sin(angle)
    middle = (side - 1) / 2
    centre_x, centre_y = centre_px[0] - 0.5, centre_px[1] - 0.5  # box edges to pixel centres
    if angle == 0.0:  # whole pixels: cut without interpolation
        centre_x, centre_y = round(centre_x - middle) + middle, round(centre_y - middle) + middle
    return np.array(
        [
            [cosine, -sine, centre_x - middle * cosine + middle * sine],
            [sine, cosine, centre_y - middle * sine - middle * cosine],
        ]
    )


def _cut(picture: Picture, centre_px: tuple[float, float], side: int, angle: float) -> ImageU8:
    """A ``(side, side, 3)`` patch around a point at the picture's own scale, turned back by `angle`."""
    to_image = _to_image(centre_px, side, angle)
    left, top, right, bottom = _bounds(to_image, side, picture.size_px)
    to_image[:, 2] -= left, top
    patch = cv2.warpAffine(
        picture.part(left, top, right, bottom),
        to_image,
        (side, side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(patch, dtype=np.uint8)


def _bounds(to_image: npt.NDArray[np.float64], side: int, size_px: tuple[int, int]) -> tuple[int, int, int, int]:
    """The part of a picture that a patch shows: left, top, right and bottom, half open.

    A patch beyond an edge shows that edge, so there is always at least one row and one column.
    """
    corners = np.array([[0, 0, 1], [side - 1, 0, 1], [0, side - 1, 1], [side - 1, side - 1, 1]]) @ to_image.T
    first = np.floor(corners.min(axis=0)).astype(int) - _INTERPOLATED_PX
    last = np.ceil(corners.max(axis=0)).astype(int) + _INTERPOLATED_PX
    left, top = np.clip(first, 0, np.array(size_px) - 1).tolist()
    right, bottom = (np.clip(last, 0, np.array(size_px) - 1) + 1).tolist()
    return left, top, right, bottom
