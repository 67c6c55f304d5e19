"""From the planes of a decoded frame to RGB at another size: of the whole frame, or of a part of it alone.

Nothing here knows where planes come from or which way is up.
"""

import threading
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from dfd.types import ImageU8

_SCALING = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.BITEXACT
"""Area averaging with exact rounding: faster than bilinear, 56 dB to a reference where plain bilinear reaches 42, and
the same bytes on every processor."""

_HD_HEIGHT_PX = 720
"""Untagged video of at least this height is taken for BT.709, smaller for BT.601, as players do."""

_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
"""From FFmpeg's AVColorSpace (ITU-T H.273, table 4) to the scaler's matrices."""

_MARGIN_PX = 16
"""So much more than asked for is scaled around a part: filters end at edges, and those of chroma reach far."""

_PART_STEP_PX = 32
"""Parts are made this much coarser, so that few sizes occur: the scaler is set up anew for each."""

_FINEST_RATIO = 16
_MOST_TEMPLATES = 16

Sample = type[np.uint8] | type[np.uint16]

Rectangle = tuple[int, int, int, int]
"""Left, top, right, bottom; half open."""


@dataclass(frozen=True, slots=True)
class _Planar:
    """How a format lays out its three planes: type of a sample, and how far chroma is halved."""

    sample: Sample
    halved_x: int
    halved_y: int


_PLANAR: Final = {
    f"{name}{suffix}": _Planar(sample, *halved)
    for suffix, sample in (("", np.uint8), ("10le", np.uint16), ("12le", np.uint16))
    for name, halved in {
        "yuv420p": (1, 1),
        "yuv422p": (1, 0),
        "yuv444p": (0, 0),
        **({} if suffix else {"yuvj420p": (1, 1), "yuvj422p": (1, 0), "yuvj444p": (0, 0)}),
    }.items()
}
"""Formats of nearly all video, which the scaler turns into planes of R, G and B twice as fast as into whole pixels."""


class Scaler:
    """Converts frames of one video. Safe to call from threads, which then take turns."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reformatters: dict[object, VideoReformatter] = {}
        self._templates: dict[tuple[int, int, str], VideoFrame] = {}

    def whole(self, frame: VideoFrame, size_px: tuple[int, int], pixel_format: str = "rgb24") -> np.ndarray:
        """All of a frame.

        Args:
            frame: as the decoder made it.
            size_px: width and height to bring it to.
            pixel_format: FFmpeg's name of what is wanted.

        Returns:
            ``(H, W, C)`` in the order and depth of `pixel_format`.
        """
        with self._lock:
            return self._converted(frame, frame, size_px, pixel_format)

    def part(self, frame: VideoFrame, size_px: tuple[int, int], wanted: Rectangle) -> ImageU8:
        """What ``whole(frame, size_px)`` would hold in a rectangle, bit for bit; only where `has_parts`."""
        planar = _PLANAR[frame.format.name]
        ratio_x, ratio_y = _ratios(frame, size_px)
        left, right = _around(wanted[0], wanted[2], size_px[0], ratio_x, 1 << planar.halved_x)
        top, bottom = _around(wanted[1], wanted[3], size_px[1], ratio_y, 1 << planar.halved_y)
        source = int(left * ratio_x), int(top * ratio_y), int(right * ratio_x), int(bottom * ratio_y)
        with self._lock:
            cut = self._cut(frame, planar, source)
            image = self._converted(cut, frame, (right - left, bottom - top), "rgb24")
        found: ImageU8 = image[wanted[1] - top : wanted[3] - top, wanted[0] - left : wanted[2] - left]
        return found

    def _converted(
        self, frame: VideoFrame, like: VideoFrame, size_px: tuple[int, int], pixel_format: str
    ) -> np.ndarray:
        """All of a frame, with the colours of one that is `like` it."""
        by_plane = pixel_format == "rgb24" and like.format.name in _PLANAR
        coded_as_rgb = like.format.is_rgb or like.format.name == "pal8"
        key = (frame.width, frame.height, size_px, pixel_format)
        if key not in self._reformatters and len(self._reformatters) >= _MOST_TEMPLATES:
            self._reformatters.clear()
        converted = self._reformatters.setdefault(key, VideoReformatter()).reformat(
            frame,
            width=size_px[0],
            height=size_px[1],
            format="gbrp" if by_plane else pixel_format,
            src_colorspace=None if coded_as_rgb else _matrix(like),
            src_color_range=ColorRange.JPEG if coded_as_rgb else _range(like),
            dst_color_range=ColorRange.JPEG,
            interpolation=_SCALING,
            threads=1,
        )
        if not by_plane:
            return converted.to_ndarray()
        green, blue, red = (_samples(converted, index, np.uint8) for index in range(3))
        return np.asarray(cv2.merge([red, green, blue]))

    def _cut(self, frame: VideoFrame, planar: _Planar, source: Rectangle) -> VideoFrame:
        """A copy of a part of a frame, to be used before the next is made."""
        left, top, right, bottom = source
        key = (right - left, bottom - top, frame.format.name)
        if key not in self._templates:
            if len(self._templates) >= _MOST_TEMPLATES:
                self._templates.clear()
            # A new frame would lack what PyAV cannot set: where chroma samples lie
            self._templates[key] = VideoReformatter().reformat(
                frame, key[0], key[1], key[2], interpolation=Interpolation.POINT, threads=1
            )
        template = self._templates[key]
        for index in range(3):
            shift_x, shift_y = (planar.halved_x, planar.halved_y) if index else (0, 0)
            rows = slice(top >> shift_y, bottom >> shift_y)
            columns = slice(left >> shift_x, right >> shift_x)
            _samples(template, index, planar.sample)[:] = _samples(frame, index, planar.sample)[rows, columns]
        return template


def is_planar(frame: VideoFrame) -> bool:
    """Whether a frame is of one of the common formats, which can be converted straight to any size."""
    return frame.format.name in _PLANAR


def has_parts(frame: VideoFrame, size_px: tuple[int, int]) -> bool:
    """Whether parts of a frame at a size are the same bits as those of the whole frame.

    They are where the scaler's steps from pixel to pixel, of luma and chroma, are exact in binary: it then does the
    same sums wherever it begins.
    """
    planar = _PLANAR.get(frame.format.name)
    if planar is None or frame.interlaced_frame:  # fields are scaled apart
        return False
    if frame.width % (1 << planar.halved_x) or frame.height % (1 << planar.halved_y):
        return False
    return all(
        ratio >= 1 and ratio.denominator <= _FINEST_RATIO and not ratio.denominator & (ratio.denominator - 1)
        for ratio in _ratios(frame, size_px)
    )


def _ratios(frame: VideoFrame, size_px: tuple[int, int]) -> tuple[Fraction, Fraction]:
    return Fraction(frame.width, size_px[0]), Fraction(frame.height, size_px[1])


def _around(start: int, end: int, length: int, ratio: Fraction, unit: int) -> tuple[int, int]:
    """A stretch around one that is wanted, whose ends lie on whole samples, those of chroma too.

    Args:
        start: of what is wanted.
        end: behind it.
        length: of the axis.
        ratio: of the source's length to that.
        unit: pixels of the source for one sample of chroma.
    """
    step = _PART_STEP_PX
    while (step * ratio) % unit:
        step *= 2
    first = max(0, start - _MARGIN_PX) // step * step
    last = -(-(end + _MARGIN_PX) // step) * step
    return first, min(last, length)


def _samples(frame: VideoFrame, index: int, sample: Sample) -> npt.NDArray[Any]:
    """A plane as ``(rows, columns)``; it may be written to."""
    plane = frame.planes[index]
    rows = np.frombuffer(memoryview(plane), np.dtype(sample)).reshape(plane.height, -1)
    return (rows if plane.line_size > 0 else rows[::-1])[:, : plane.width]


def _matrix(frame: VideoFrame) -> Colorspace:
    """The frame's colour matrix; guessed by its size where it is not tagged."""
    guess = Colorspace.ITU709 if min(frame.width, frame.height) >= _HD_HEIGHT_PX else Colorspace.ITU601
    return _MATRICES.get(frame.colorspace, guess)


def _range(frame: VideoFrame) -> ColorRange:
    """Full range where tagged, in the tag or in the format's name; limited otherwise."""
    full = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
    return ColorRange.JPEG if full else ColorRange.MPEG
