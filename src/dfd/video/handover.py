"""A decoded frame on its way from one process to another: what it is in a few bytes, its planes in shared memory.

Planes are handed over as the decoder made them; colours are converted where they arrive. The reader trusts nothing: it
works out sizes itself, copies before it looks, and cuts off bits that the format has no use for, on which the scaler
might rely.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from typing import Final, Self

import av
import numpy as np
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from dfd.sandbox.wire import Nonsense
from dfd.video.convert import Orientation

_STRUCT: Final = struct.Struct("<IIBBBBBB24s")
SITINGS: Final = ("unspecified", "left", "center", "topleft", "top", "bottomleft", "bottom")
"""Where the scaler may take chroma samples to lie, as FFmpeg's filter ``setparams`` calls them."""

_NEUTRAL: Final = ("unspecified", "center")
"""These two are the same to the scaler, and what a new frame has."""

_PROBE_SIDES_PX: Final = (24, 28)
_MOST_MARKERS: Final = 8


@dataclass(frozen=True, slots=True)
class Description:
    """What a frame is, apart from its samples.

    Attributes:
        width_px: width as stored.
        height_px: height as stored.
        pixel_format: FFmpeg's name.
        colour_space: FFmpeg's AVColorSpace.
        colour_range: FFmpeg's AVColorRange.
        transfer: FFmpeg's AVColorTransferCharacteristic.
        siting: index into `SITINGS`.
        interlaced: whether it holds two fields.
        orientation: how to turn it.
    """

    width_px: int
    height_px: int
    pixel_format: str
    colour_space: int
    colour_range: int
    transfer: int
    siting: int
    interlaced: bool
    orientation: Orientation

    SIZE = _STRUCT.size

    @classmethod
    def of(cls, frame: VideoFrame, orientation: Orientation) -> Self:
        """Describe a frame that a decoder made."""
        return cls(
            frame.width,
            frame.height,
            frame.format.name,
            int(frame.colorspace),
            int(frame.color_range),
            int(frame.color_trc),
            _siting(frame),
            frame.interlaced_frame,
            orientation,
        )

    def packed(self) -> bytes:
        """For the wire."""
        turned = self.orientation
        flags = turned.transpose | turned.mirror_x << 1 | turned.mirror_y << 2 | self.interlaced << 3
        numbers = (self.colour_space, self.colour_range, self.transfer, self.siting, flags, 0)
        return _STRUCT.pack(self.width_px, self.height_px, *numbers, self.pixel_format.encode("ascii"))

    @classmethod
    def unpacked(cls, body: bytes, max_pixels: int) -> Self:
        """What `packed` made.

        Raises:
            Nonsense: it describes no frame of at most `max_pixels`.
        """
        if len(body) != _STRUCT.size:
            raise Nonsense(f"{len(body)} bytes to describe a frame")
        width_px, height_px, space, colours, transfer, siting, flags, _, name = _STRUCT.unpack(body)
        if not (width_px and height_px and width_px * height_px <= max_pixels):
            raise Nonsense(f"a frame of {width_px}x{height_px} pixels")
        if siting >= len(SITINGS):
            raise Nonsense(f"chroma siting {siting}")
        pixel_format = name.rstrip(b"\0").decode("ascii", errors="replace")
        orientation = Orientation(bool(flags & 1), bool(flags & 2), bool(flags & 4))
        interlaced = bool(flags & 8)
        return cls(width_px, height_px, pixel_format, space, colours, transfer, siting, interlaced, orientation)

    @property
    def size_bytes(self) -> int:
        """Bytes of all planes as they are handed over; raises `Nonsense` where FFmpeg knows no such frame."""
        return sum(plane.size_bytes for plane in _layout(self.width_px, self.height_px, self.pixel_format))

    def write(self, frame: VideoFrame, memory: memoryview) -> None:
        """Put the planes of the frame that this describes into `memory`, one behind the other."""
        room = np.frombuffer(memory, np.uint8)
        at = 0
        layout = _layout(self.width_px, self.height_px, self.pixel_format)
        for plane, room_of in zip(frame.planes, layout, strict=True):
            samples = np.frombuffer(memoryview(plane), np.uint8)
            rows = room[at : at + room_of.size_bytes].reshape(room_of.rows, -1)
            given = samples.reshape(room_of.rows, -1)
            if plane.line_size < 0:
                given = given[::-1]
            columns = min(given.shape[1], rows.shape[1])
            rows[:, :columns] = given[:, :columns]
            at += room_of.size_bytes


class FrameReader:
    """Makes frames again from shared memory. For one thread at a time."""

    def __init__(self) -> None:
        self._markers: dict[tuple[int, int, str, int, bool], _Marker] = {}

    def read(self, described: Description, memory: memoryview) -> VideoFrame:
        """A frame of this process's own with the planes that `Description.write` put into `memory`.

        Raises:
            Nonsense: FFmpeg knows no such frame, or has less memory for it.
        """
        if described.size_bytes > len(memory):
            raise Nonsense(f"{described.size_bytes} bytes of planes in {len(memory)}")
        frame = self._marked(_blank(described.width_px, described.height_px, described.pixel_format), described)
        at = 0
        for plane in frame.planes:
            memoryview(plane)[:] = memory[at : at + plane.buffer_size]
            at += plane.buffer_size
        _cut_off(frame)
        frame.colorspace = described.colour_space
        frame.color_range = described.colour_range
        frame.color_trc = described.transfer
        return frame

    def _marked(self, frame: VideoFrame, described: Description) -> VideoFrame:
        """The same frame, marked with what PyAV can neither tell nor set."""
        siting, interlaced = described.siting, described.interlaced
        if SITINGS[siting] in _NEUTRAL and not interlaced:
            return frame
        key = (described.width_px, described.height_px, described.pixel_format, siting, interlaced)
        if key not in self._markers:
            if len(self._markers) >= _MOST_MARKERS:
                self._markers.clear()
            self._markers[key] = _Marker(frame, SITINGS[siting], interlaced)
        return self._markers[key].mark(frame)


@dataclass(frozen=True, slots=True)
class _Room:
    """What a plane takes in shared memory."""

    rows: int
    size_bytes: int


@lru_cache(maxsize=8)
def _layout(width_px: int, height_px: int, pixel_format: str) -> tuple[_Room, ...]:
    """The planes of a new frame: both processes have the same FFmpeg, so both find the same."""
    frame = _blank(width_px, height_px, pixel_format)
    return tuple(_Room(plane.height, plane.buffer_size) for plane in frame.planes)


def _blank(width_px: int, height_px: int, pixel_format: str) -> VideoFrame:
    try:
        frame = VideoFrame(width_px, height_px, pixel_format)
    except MemoryError:  # FFmpeg's is one of its errors too
        raise
    except (ValueError, av.FFmpegError) as error:
        raise Nonsense(f"a frame of {pixel_format!r}: {error}") from error
    if not frame.planes:
        raise Nonsense(f"a frame of {pixel_format!r}, which has no planes")
    return frame


def within_depth(frame: VideoFrame, orientation: Orientation) -> VideoFrame:
    """The frame as `FrameReader` would give it: itself, unless damage left samples that its format has no bits for."""
    bits = _loose_bits(frame.format.name)
    if bits is None:
        return frame
    mask, order = bits
    if all(int(np.frombuffer(memoryview(plane), np.dtype(order)).max()) <= mask for plane in frame.planes):
        return frame
    described = Description.of(frame, orientation)
    memory = memoryview(bytearray(described.size_bytes))
    described.write(frame, memory)
    return FrameReader().read(described, memory)


def _cut_off(frame: VideoFrame) -> None:
    """Clear the bits above the depth of the format, where samples of 9 to 15 bits lie in the lower bits of 16."""
    bits = _loose_bits(frame.format.name)
    if bits is None:
        return
    mask, order = bits
    for plane in frame.planes:
        samples = np.frombuffer(memoryview(plane), np.dtype(order))
        np.bitwise_and(samples, mask, out=samples)


@cache
def _loose_bits(pixel_format: str) -> tuple[int, str] | None:
    """The mask and the numpy type of samples that do not fill their 16 bits; None where they do."""
    described = VideoFormat(pixel_format, 16, 16)
    depths = {component.bits for component in described.components}
    if (
        len(depths) != 1
        or "msb" in pixel_format
        or len({c.plane for c in described.components}) != len(described.components)
    ):
        return None
    depth = depths.pop()
    if not 8 < depth < 16:
        return None
    return (1 << depth) - 1, ">u2" if described.is_big_endian else "<u2"


class _Marker:
    """A filter that marks frames and leaves their samples alone."""

    def __init__(self, like: VideoFrame, siting: str, interlaced: bool) -> None:
        self._graph = Graph()
        source = self._graph.add_buffer(
            width=like.width, height=like.height, format=like.format, time_base=Fraction(1, 1)
        )
        marks = self._graph.add("setparams", f"chroma_location={siting}:field_mode={'tff' if interlaced else 'prog'}")
        self._graph.link_nodes(source, marks, self._graph.add("buffersink")).configure()

    def mark(self, frame: VideoFrame) -> VideoFrame:
        self._graph.vpush(frame)
        return self._graph.vpull()


def learn_sitings() -> None:
    """Do now what `Description.of` else does when it is first called."""
    for side_px in _PROBE_SIDES_PX:
        _known_sitings(side_px)


def _siting(frame: VideoFrame) -> int:
    """Where the scaler takes the chroma samples of a frame to lie.

    PyAV does not tell, so a small copy, which has the frame's marks, is painted over and converted: each answer gives
    other colours.
    """
    described = frame.format
    if described.chroma_width(64) == 64 and described.chroma_height(64) == 64:
        return 0
    side_px = next(side for side in _PROBE_SIDES_PX if side != frame.width)
    small = VideoReformatter().reformat(
        frame, side_px, side_px, "yuv420p", interpolation=Interpolation.POINT, threads=1
    )
    return _known_sitings(side_px).get(_colours(small), 0)


@cache
def _known_sitings(side_px: int) -> dict[bytes, int]:
    return {
        _colours(_small_marked(side_px, siting, interlaced)): index
        for index, siting in reversed(list(enumerate(SITINGS)))
        for interlaced in (False, True)
    }


def _small_marked(side_px: int, siting: str, interlaced: bool) -> VideoFrame:
    small = VideoFrame(side_px, side_px, "yuv420p")
    return _Marker(small, siting, interlaced).mark(small)


def _colours(small: VideoFrame) -> bytes:
    for plane, pattern in zip(small.planes, _patterns(small.width), strict=True):
        plane.update(pattern[: plane.buffer_size])
    converted = VideoReformatter().reformat(
        small,
        format="rgb24",
        src_colorspace=Colorspace.ITU601,
        src_color_range=ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.BITEXACT,
        threads=1,
    )
    return converted.to_ndarray().tobytes()


@cache
def _patterns(side_px: int) -> tuple[bytes, ...]:
    def noise(seed: int) -> Iterator[int]:
        state = seed
        while True:
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            yield 64 + (state >> 16) % 128

    return tuple(bytes(value for value, _ in zip(noise(seed), range(64 * side_px), strict=False)) for seed in (1, 2, 3))
