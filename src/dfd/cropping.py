"""From a detection to the picture the model looks at.

Training and serving both cut with `crop_face`, so that there is no second copy for the two to differ by.
"""

import math

import cv2
import numpy as np

from dfd.manifest import Alignment, InputContract
from dfd.types import LANDMARK_NAMES, BoundingBox, FaceDetection, ImageU8

_RIGHT_EYE = LANDMARK_NAMES.index("right_eye")
_LEFT_EYE = LANDMARK_NAMES.index("left_eye")


def crop_face(
    image: ImageU8, detection: FaceDetection, contract: InputContract, following: ImageU8 | None = None
) -> ImageU8:
    """Cut a square around a face and bring it to the model's input size.

    The square is centred on the box; its side is the box's longer side widened by the contract's margin on both
    sides. With eye alignment it is turned so that the eyes lie level (a detection without landmarks is cut upright).
    Pixels beyond the frame repeat its edge.

    A model that looks at two frames is given the same square of both, cut alike: what differs between the two is what
    happened in between, never how they were cut. Where no frame follows, the crop stands twice.

    Args:
        image: ``(H, W, 3) uint8`` RGB.
        detection: in pixels of `image`.
        contract: size, margin, alignment and number of frames.
        following: the picture after `image`, of its shape; not looked at where the contract takes one frame.

    Returns:
        ``(S, S, 3 * contract.frames) uint8``, S = ``contract.size_px``: RGB of `image`, then RGB of `following`.
    """
    crop = _crop(image, detection, contract)
    if contract.frames == 1:
        return crop
    return np.concatenate([crop, crop if following is None else _crop(following, detection, contract)], axis=2)


def _crop(image: ImageU8, detection: FaceDetection, contract: InputContract) -> ImageU8:
    """The square of one picture, ``(S, S, 3) uint8``."""
    side = max(1, round(detection.box.side_px * (1 + 2 * contract.crop_margin)))
    angle = _eye_angle(detection) if contract.alignment is Alignment.EYES else 0.0
    patch = _cut(image, detection.box.centre_px, side, angle)
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


def _cut(image: ImageU8, centre_px: tuple[float, float], side: int, angle: float) -> ImageU8:
    """A ``(side, side, 3)`` patch around a point at the image's own scale, turned back by `angle`."""
    cosine, sine = math.cos(angle), math.sin(angle)
    middle = (side - 1) / 2
    centre_x, centre_y = centre_px[0] - 0.5, centre_px[1] - 0.5  # box edges to pixel centres
    if angle == 0.0:  # whole pixels: cut without interpolation
        centre_x, centre_y = round(centre_x - middle) + middle, round(centre_y - middle) + middle
    to_image = np.array(
        [
            [cosine, -sine, centre_x - middle * cosine + middle * sine],
            [sine, cosine, centre_y - middle * sine - middle * cosine],
        ]
    )
    patch = cv2.warpAffine(
        image,
        to_image,
        (side, side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(patch, dtype=np.uint8)
