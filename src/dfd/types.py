"""The values that flow through the pipeline, in the order in which they appear.

Conventions: images are RGB, ``(H, W, 3) uint8``, upright; boxes are ``x1, y1, x2, y2`` half open; points are
``(x, y)``; sizes are ``(width, height)``. Pixel values of a `Frame`, of its detections and of its tracked faces are
pixels of that frame's picture; `Frame.scale` leads back to pixels of the upright source. Label polarity: 1 = fake.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from dfd import pictures
from dfd.pictures import Picture, as_picture

ImageU8 = pictures.ImageU8
"""RGB image, ``(H, W, 3)``, values 0 to 255."""

FloatArray = npt.NDArray[np.float32]

QUALITY_MEASURES = ("log2_face_side_px", "brightness", "log2_sharpness", "flatness")
"""Names of `FaceQuality.measures`, in their order."""

_LEAST_SHARPNESS = 0.01  # added before the logarithm, so that a flat picture has one

LANDMARK_NAMES = ("right_eye", "left_eye", "nose_tip", "mouth_centre", "right_ear", "left_ear")
"""Order of `FaceDetection.landmarks_px`. Right and left are the subject's own."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What the container says of its main video stream.

    Attributes:
        width_px: width of an upright frame (rotation and pixel aspect ratio applied).
        height_px: height of an upright frame.
        rotation_deg: clockwise rotation that was needed to make frames upright: 0, 90, 180 or 270.
        frame_rate_hz: average frame rate; None when the container does not tell (a still image).
        frame_count: number of frames; None when neither told nor counted.
        duration_s: time from the first frame's start to the last frame's end; 0 for a still image.
        codec: FFmpeg's name of the codec, for example ``h264``.
        container: FFmpeg's name of the container format, for example ``mov,mp4,m4a,3gp,3g2,mj2``.
    """

    width_px: int
    height_px: int
    rotation_deg: int
    frame_rate_hz: Fraction | None
    frame_count: int | None
    duration_s: float
    codec: str
    container: str

    def __post_init__(self) -> None:
        if self.width_px <= 0 or self.height_px <= 0:
            raise ValueError(f"a video must have a size, got {self.width_px}x{self.height_px}")
        if self.rotation_deg not in (0, 90, 180, 270):
            raise ValueError(f"rotation must be a multiple of 90 degrees, got {self.rotation_deg}")


@dataclass(frozen=True, slots=True, init=False)
class Frame:
    """One sampled frame.

    Attributes:
        index: ordinal among the sampled frames, from 0.
        pts_s: presentation time in seconds since the first frame.
        picture: what it shows, upright.
        scale: pixels of `picture` for one pixel of the upright source, in (0, 1]; below 1 where the source is larger
            than the working size.
        next_picture: the picture shown right after, as `picture` in size, scale and orientation; None where it was not
            asked for or there is none (see `dfd.ports.VideoSource.sample`).
    """

    index: int
    pts_s: float
    picture: Picture
    scale: float
    next_picture: Picture | None

    def __init__(
        self,
        index: int,
        pts_s: float,
        image: ImageU8 | Picture,
        scale: float = 1.0,
        following: ImageU8 | Picture | None = None,
    ) -> None:
        """Hold a picture, or an ``(H, W, 3) uint8`` image, and the one that follows it.

        Raises:
            ValueError: an image or the scale is not as it must be, or the two pictures differ in size.
        """
        picture = as_picture(image)
        width_px, height_px = picture.size_px
        if isinstance(following, np.ndarray):
            shape = (height_px, width_px, 3)
            if following.shape != shape or following.dtype != np.uint8:
                raise ValueError(f"the following picture is {shape} uint8, got {following.shape} {following.dtype}")
        after = None if following is None else as_picture(following)
        if after is not None and after.size_px != picture.size_px:
            raise ValueError(f"the following picture is {picture.size_px} in size, got {after.size_px}")
        if not 0 < scale <= 1:
            raise ValueError(f"scale must be in (0, 1], got {scale}")
        for name, value in zip(self.__slots__, (index, pts_s, picture, scale, after), strict=True):
            object.__setattr__(self, name, value)

    @property
    def image(self) -> ImageU8:
        """The whole picture, ``(H, W, 3) uint8`` RGB, upright."""
        return self.picture.image

    @property
    def following(self) -> ImageU8 | None:
        """The whole picture that follows, of the same shape; None where there is none."""
        return None if self.next_picture is None else self.next_picture.image


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """An axis-aligned box, half open, in pixels; it may reach over the image's edge."""

    x1_px: float
    y1_px: float
    x2_px: float
    y2_px: float

    def __post_init__(self) -> None:
        if not (self.x2_px > self.x1_px and self.y2_px > self.y1_px):
            raise ValueError(f"a box needs a positive area, got {self}")

    @property
    def width_px(self) -> float:
        return self.x2_px - self.x1_px

    @property
    def height_px(self) -> float:
        return self.y2_px - self.y1_px

    @property
    def area_px2(self) -> float:
        return self.width_px * self.height_px

    @property
    def centre_px(self) -> tuple[float, float]:
        return (self.x1_px + self.x2_px) / 2, (self.y1_px + self.y2_px) / 2

    @property
    def side_px(self) -> float:
        """Length of the longer side."""
        return max(self.width_px, self.height_px)

    def scaled(self, factor: float) -> "BoundingBox":
        """The same box in an image `factor` times as large."""
        return BoundingBox(self.x1_px * factor, self.y1_px * factor, self.x2_px * factor, self.y2_px * factor)

    def iou(self, other: "BoundingBox") -> float:
        """Intersection over union, in [0, 1]."""
        width = min(self.x2_px, other.x2_px) - max(self.x1_px, other.x1_px)
        height = min(self.y2_px, other.y2_px) - max(self.y1_px, other.y1_px)
        if width <= 0 or height <= 0:
            return 0.0
        shared = width * height
        return shared / (self.area_px2 + other.area_px2 - shared)


@dataclass(frozen=True, slots=True)
class FaceDetection:
    """A face found in one frame.

    Attributes:
        box: tight face box.
        score: the detector's confidence in [0, 1].
        landmarks_px: ``(6, 2) float32`` points in the order of `LANDMARK_NAMES`; None from detectors that find none.
    """

    box: BoundingBox
    score: float
    landmarks_px: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.landmarks_px is not None and self.landmarks_px.shape != (len(LANDMARK_NAMES), 2):
            raise ValueError(f"landmarks are (6, 2), got {self.landmarks_px.shape}")


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """A detection with the identity the tracker gave it."""

    track_id: int
    frame_index: int
    pts_s: float
    detection: FaceDetection


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """What limits how far a face's score can be trusted.

    Attributes:
        face_side_px: longer side of the face box, in pixels of the upright source.
        brightness: mean luma of the crop, in [0, 1].
        sharpness: variance of the Laplacian of the crop's luma at a fixed size (see `dfd.quality`).
        flatness: share of the crop's pixels without texture, in [0, 1] (see `dfd.quality`); compression raises it.
            0 where it was not measured.
    """

    face_side_px: float
    brightness: float
    sharpness: float
    flatness: float = 0.0

    @property
    def measures(self) -> tuple[float, ...]:
        """The quality as calibration looks at it, on scales where equal steps mean about the same.

        In the order of `QUALITY_MEASURES`: size and sharpness as base-2 logarithms, since doubling either is one step.
        """
        side, sharpness = max(self.face_side_px, 1.0), self.sharpness + _LEAST_SHARPNESS
        return math.log2(side), self.brightness, math.log2(sharpness), self.flatness


@dataclass(frozen=True, slots=True)
class FaceCrop:
    """The picture of a tracked face as the model wants it, before value scaling.

    Attributes:
        face: whose crop this is.
        image: ``(S, S, 3) uint8`` RGB, S = the model's input size; ``(S, S, 6)`` for a model that looks at two frames,
            RGB of the frame, then of the one that follows it.
        quality: measured on the crop.
    """

    face: TrackedFace
    image: ImageU8
    quality: FaceQuality


@dataclass(frozen=True, slots=True)
class FaceScore:
    """The calibrated answer for one face in one frame.

    Attributes:
        track_id: the face track.
        frame_index: ordinal of the sampled frame.
        pts_s: time of the frame.
        box: the face box in pixels of the upright source.
        fake_probability: calibrated, in [0, 1].
        quality: of the crop that was scored.
        fake_logit: what the model itself said, before calibration; None where it is not known.
    """

    track_id: int
    frame_index: int
    pts_s: float
    box: BoundingBox
    fake_probability: float
    quality: FaceQuality
    fake_logit: float | None = None


@dataclass(frozen=True, slots=True)
class TrackScore:
    """The answer for one face track.

    Attributes:
        track_id: the face track.
        start_s: time of its first scored frame.
        end_s: time of its last scored frame.
        face_count: number of scored faces.
        fake_probability: aggregated over the track, in [0, 1].
        median_face_side_px: typical size of the face, in pixels of the upright source.
    """

    track_id: int
    start_s: float
    end_s: float
    face_count: int
    fake_probability: float
    median_face_side_px: float


class Verdict(StrEnum):
    """The answer for a video."""

    FAKE = "fake"
    REAL = "real"
    INCONCLUSIVE = "inconclusive"


class Reason(StrEnum):
    """Why a verdict is inconclusive, or what weakens it. Machine-readable and stable."""

    NO_FACE = "no_face"
    TOO_FEW_FRAMES = "too_few_frames"
    FACE_TOO_SMALL = "face_too_small"
    TOO_DARK = "too_dark"
    TOO_BLURRY = "too_blurry"
    UNLIKE_TRAINING = "unlike_training"
    NEAR_THRESHOLD = "near_threshold"
    NO_FACE_FALLBACK = "no_face_fallback"
    DECODE_INCOMPLETE = "decode_incomplete"
