"""From a decoded frame to an upright RGB picture of working size."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from dfd.pictures import ArrayPicture, Picture
from dfd.types import ImageU8
from dfd.video.hdr import TRANSFER_HLG, TRANSFER_PQ, tone_map
from dfd.video.scaling import Rectangle, Scaler, has_parts, is_planar

_UNNAMED_SIDE_DATA = range(28, 32)
"""FFmpeg 8's AVFrameSideDataType from LCEVC to EXIF."""

_WIDEST_PIXEL = 8
_HELD_PIXELS = 4_000_000
"""Frames of more pixels are converted at once: up to ten wait to be looked at, and 4K takes 12 MB each."""

_SMALL_SIDE_PX = 512
"""Smaller pictures are converted at once, too: little can be left out of them."""

_WHOLE_SHARE = 0.5
"""Share of a picture from which making the whole of it is cheaper than making further parts."""

_ALPHA_OR_PALETTE = ("pal8", "rgba", "bgra", "argb", "abgr", "ya8", "ya16", "yuva", "gbra")


@dataclass(frozen=True, slots=True)
class Orientation:
    """How stored pixels become upright ones: transpose first, then mirror.

    Attributes:
        transpose: swap rows and columns.
        mirror_x: then mirror left and right.
        mirror_y: then mirror top and bottom.
    """

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    @classmethod
    def of(cls, frame: VideoFrame) -> "Orientation":
        """The orientation that a frame's display matrix asks for (ISO/IEC 14496-12, 8.3.2), to the nearest right angle.

        The matrix takes a stored point ``(x, y)``, y down, to ``(a x + c y, b x + d y)``.
        """
        # PyAV never frees a frame whose side data was looked at, so this looks at that of a thumbnail
        thumbnail = VideoReformatter().reformat(frame, 16, 16, "gray", interpolation=Interpolation.POINT, threads=1)
        try:
            side_data = thumbnail.side_data.get("DISPLAYMATRIX")
        except ValueError:  # there is some of a kind that PyAV cannot name
            side_data = _without_unnamed_side_data(thumbnail).side_data.get("DISPLAYMATRIX")
        if not isinstance(side_data, SideData):
            return cls()
        a, b, _, c, d = (int(value) for value in np.frombuffer(bytes(side_data), dtype=np.int32, count=5))
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(mirror_x=a < 0, mirror_y=d < 0)
        return cls(transpose=True, mirror_x=c < 0, mirror_y=b < 0)

    @property
    def rotation_deg(self) -> int:
        """The clockwise rotation in it; what is left is a mirror image."""
        if self.transpose:
            return 270 if self.mirror_y else 90
        return 180 if self.mirror_x and self.mirror_y else 0

    def apply(self, image: ImageU8) -> ImageU8:
        """The upright picture, contiguous."""
        if self.transpose:
            image = image.transpose(1, 0, 2)
        if self.mirror_x:
            image = image[:, ::-1]
        if self.mirror_y:
            image = image[::-1]
        return np.ascontiguousarray(image)

    def stored(self, upright: Rectangle, size_px: tuple[int, int]) -> Rectangle:
        """Where a rectangle of the upright picture, which has a size, lies before it is turned."""
        left, top, right, bottom = upright
        if self.mirror_y:
            top, bottom = size_px[1] - bottom, size_px[1] - top
        if self.mirror_x:
            left, right = size_px[0] - right, size_px[0] - left
        return (top, left, bottom, right) if self.transpose else (left, top, right, bottom)


class Orientations:
    """The orientations of a video's frames; those with one rotation have one orientation."""

    def __init__(self) -> None:
        self._known: dict[int, Orientation] = {}

    def of(self, frame: VideoFrame) -> Orientation:
        """The orientation of a frame."""
        if frame.rotation not in self._known:
            self._known[frame.rotation] = Orientation.of(frame)
        return self._known[frame.rotation]


def _without_unnamed_side_data(frame: VideoFrame) -> VideoFrame:
    """The frame without side data of the kinds that PyAV has no names for, such as a photograph's EXIF block."""
    graph = Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1))
    chain = [graph.add("sidedata", f"mode=delete:type={kind}") for kind in _UNNAMED_SIDE_DATA]
    graph.link_nodes(source, *chain, graph.add("buffersink")).configure()
    graph.vpush(frame)
    return graph.vpull()


@dataclass(frozen=True, slots=True)
class Geometry:
    """Sizes of a frame before it is turned upright, with square pixels.

    Attributes:
        width_px: width at full size.
        height_px: height at full size.
        orientation: how to turn it.
    """

    width_px: int
    height_px: int
    orientation: Orientation

    @classmethod
    def of(cls, frame: VideoFrame, pixel_aspect: Fraction | None, orientation: Orientation) -> "Geometry":
        """The geometry of a frame whose pixels are `pixel_aspect` times as wide as high."""
        width_px, height_px = frame.width, frame.height
        if pixel_aspect is not None and Fraction(1, _WIDEST_PIXEL) <= pixel_aspect <= _WIDEST_PIXEL:
            if pixel_aspect > 1:
                width_px = round(width_px * pixel_aspect)
            else:
                height_px = round(height_px / pixel_aspect)
        return cls(width_px, height_px, orientation)

    @property
    def upright_px(self) -> tuple[int, int]:
        """Width and height of the upright frame at full size."""
        if self.orientation.transpose:
            return self.height_px, self.width_px
        return self.width_px, self.height_px


class FrameConverter:
    """Turns frames of a video into pictures whose longer side is at most the working size. For one thread at a time."""

    def __init__(self, working_side_px: int, pixel_aspect: Fraction | None) -> None:
        self._working_side_px = working_side_px
        self._pixel_aspect = pixel_aspect
        self._scaler = Scaler()
        self._orientations = Orientations()

    def picture(self, frame: VideoFrame, orientation: Orientation | None = None) -> tuple[Picture, float]:
        """A picture of a frame, converted as far as it is looked at, and its scale.

        Args:
            frame: as the decoder made it; not to be changed any more.
            orientation: how to turn it; None asks the frame itself.

        Returns:
            the upright picture, which may be looked at by another thread, and its pixels for one pixel of the upright
            source.
        """
        geometry, size_px, scale = self._placed(frame, orientation)
        is_hdr = frame.color_trc in (TRANSFER_PQ, TRANSFER_HLG)
        is_large = frame.width * frame.height > _HELD_PIXELS
        if is_hdr or is_large or max(size_px) <= _SMALL_SIDE_PX or not is_planar(frame):
            return ArrayPicture(geometry.orientation.apply(_rgb(self._scaler, frame, size_px))), scale
        return DecodedPicture(frame, self._scaler, size_px, geometry.orientation), scale

    def convert(self, frame: VideoFrame, orientation: Orientation | None = None) -> tuple[ImageU8, float]:
        """The whole picture at once, ``(H, W, 3) uint8`` RGB, and its scale; see `picture`."""
        picture, scale = self.picture(frame, orientation)
        return picture.image, scale

    def _placed(self, frame: VideoFrame, orientation: Orientation | None) -> tuple[Geometry, tuple[int, int], float]:
        """Geometry, size before it is turned, and scale."""
        geometry = Geometry.of(frame, self._pixel_aspect, orientation or self._orientations.of(frame))
        scale = min(1.0, self._working_side_px / max(geometry.width_px, geometry.height_px))
        return geometry, (max(1, round(geometry.width_px * scale)), max(1, round(geometry.height_px * scale))), scale


class DecodedPicture(Picture):
    """A picture of decoded planes, which are converted to RGB where they are looked at."""

    def __init__(self, frame: VideoFrame, scaler: Scaler, size_px: tuple[int, int], orientation: Orientation) -> None:
        """Hold a frame.

        Args:
            frame: of a format for which `dfd.video.scaling.is_planar`.
            scaler: of its video.
            size_px: width and height of the picture before it is turned.
            orientation: how to turn it.
        """
        self._frame = frame
        self._scaler = scaler
        self._stored_px = size_px
        self._orientation = orientation
        self._has_parts = has_parts(frame, size_px)
        self._image: ImageU8 | None = None
        self._converted_px = 0

    @property
    def size_px(self) -> tuple[int, int]:
        return self._stored_px[::-1] if self._orientation.transpose else self._stored_px

    @property
    def image(self) -> ImageU8:
        if self._image is None:
            self._image = self._orientation.apply(_rgb(self._scaler, self._frame, self._stored_px))
        return self._image

    def part(self, left: int, top: int, right: int, bottom: int) -> ImageU8:
        self._converted_px += (right - left) * (bottom - top)
        is_much = self._converted_px > _WHOLE_SHARE * self._stored_px[0] * self._stored_px[1]
        if self._image is not None or is_much or not self._has_parts:
            return self.image[top:bottom, left:right]
        wanted = self._orientation.stored((left, top, right, bottom), self.size_px)
        return self._orientation.apply(self._scaler.part(self._frame, self._stored_px, wanted))


def _rgb(scaler: Scaler, frame: VideoFrame, size_px: tuple[int, int]) -> ImageU8:
    """All of a frame at a size, before it is turned, ``(H, W, 3) uint8``."""
    if frame.color_trc in (TRANSFER_PQ, TRANSFER_HLG) and not frame.format.is_rgb:
        mapped = tone_map(scaler.whole(frame, size_px, "gbrp16le"), frame.color_trc)
        if mapped is not None:
            return mapped
    if frame.format.name.startswith(_ALPHA_OR_PALETTE):
        return _over_white(scaler.whole(frame, size_px, "rgba"))
    return scaler.whole(frame, size_px)


def _over_white(image: np.ndarray) -> ImageU8:
    """An ``(H, W, 4)`` picture laid on white, as pages show it."""
    alpha = image[..., 3:].astype(np.uint16)
    if alpha.min() == 255:
        return np.ascontiguousarray(image[..., :3])
    return ((image[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
