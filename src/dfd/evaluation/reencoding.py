"""Encoding a video anew, as a phone, a messenger or a platform does, with FFmpeg through PyAV.

Frames are read through the port, upright and at working size, so that every video the product reads can be encoded.
Encoders run in one thread, because their output depends on the number of threads, and x264 keeps to arithmetic that is
alike on every processor: without that it gave one of several files for the same frames (with AVX-512, core 165).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, cast

import av
from av.codec import Codec
from av.codec.codec import UnknownCodecError
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from av.video.stream import VideoStream

from dfd.errors import UnreadableVideo
from dfd.ports import VideoSource
from dfd.sampling import sampling_times
from dfd.types import Frame, ImageU8, VideoInfo

PRESET = "medium"
"""Of x264 and x265; FFmpeg's own default, which the reference encodes with."""

_TICKS_PER_S = 90_000
_FALLBACK_RATE_HZ: Final = Fraction(25)  # of a still image, which has none
_MOST_FRAMES = 10_000_000  # no limit: the port streams
_BT709 = 1  # ITU-T H.273, tables 2 to 4
_OPTIONS = {
    "libx264": {"x264-params": "cpu-independent=1"},
    "libx265": {"x265-params": "pools=1:frame-threads=1:log-level=none"},
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a video is encoded anew.

    Attributes:
        codec: FFmpeg's name of the encoder, ``libx264`` or ``libx265``.
        crf: constant rate factor, 0 to 51; higher is worse.
        short_side_px: the shorter side is brought to this if it is longer; None leaves the size.
        rate_hz: frames a second to repeat or leave out frames for; None leaves them.
    """

    codec: str
    crf: int
    short_side_px: int | None = None
    rate_hz: int | None = None


def has_encoder(name: str) -> bool:
    """Whether this build of FFmpeg has an encoder."""
    try:
        Codec(name, "w")
    except UnknownCodecError:
        return False
    return True


def reencode(source: VideoSource, path: Path, encoding: Encoding, check: Callable[[], None]) -> None:
    """Write all frames of a video to a new file.

    Args:
        source: the opened video.
        path: where to; its ending names the container.
        encoding: how.
        check: called for each frame; what it raises ends the work and comes out of it.

    Raises:
        UnreadableVideo: not one frame can be decoded, or the encoder refuses them.
    """
    rate_hz = source.info.frame_rate_hz or _FALLBACK_RATE_HZ
    try:
        with av.open(str(path), "w") as output:
            stream = cast(
                "VideoStream", output.add_stream(encoding.codec, rate=rate_hz.limit_denominator(_TICKS_PER_S))
            )
            for number, (moment_s, image) in enumerate(_moments(source, encoding)):
                check()
                if not number:
                    _set_up(stream, _size(image, encoding.short_side_px), encoding)
                output.mux(stream.encode(_picture(image, moment_s, stream)))
            output.mux(stream.encode())
    except av.FFmpegError as error:
        raise UnreadableVideo(f"the video cannot be encoded anew with {encoding.codec}: {error}") from error


def at_rate(frames: Iterable[Frame], rate_hz: int) -> Iterator[tuple[float, ImageU8]]:
    """Repeat and leave out frames so that one is shown at each tick of a clock, as FFmpeg's ``fps`` filter does.

    Yields:
        time in seconds and image of each tick.
    """
    shown: ImageU8 | None = None
    tick = 0
    for frame in frames:
        reached = round(frame.pts_s * rate_hz)
        if shown is not None:
            for passed in range(tick, reached):
                yield passed / rate_hz, shown
        tick = reached
        shown = frame.image
    if shown is not None:
        yield tick / rate_hz, shown


def _moments(source: VideoSource, encoding: Encoding) -> Iterator[tuple[float, ImageU8]]:
    frames = source.sample(_every_frame(source.info))
    if encoding.rate_hz is not None:
        return at_rate(frames, encoding.rate_hz)
    return ((frame.pts_s, frame.image) for frame in frames)


def _every_frame(info: VideoInfo) -> tuple[float, ...]:
    """Two targets for each frame: none is passed over where the rate wavers a little, and each is given once."""
    if info.frame_rate_hz is None:
        return (0.0,)
    return sampling_times(info.duration_s, 2 * float(info.frame_rate_hz), _MOST_FRAMES)


def _size(image: ImageU8, short_side_px: int | None) -> tuple[int, int]:
    """Width and height, even as 4:2:0 needs them, never enlarged."""
    height, width = image.shape[:2]
    factor = min(1.0, short_side_px / min(width, height)) if short_side_px else 1.0
    return max(2, 2 * round(width * factor / 2)), max(2, 2 * round(height * factor / 2))


def _set_up(stream: VideoStream, size: tuple[int, int], encoding: Encoding) -> None:
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    stream.options = {"crf": str(encoding.crf), "preset": PRESET, **_OPTIONS.get(encoding.codec, {})}
    context = stream.codec_context
    context.time_base = Fraction(1, _TICKS_PER_S)
    context.thread_count = 1
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = ColorRange.MPEG


def _picture(image: ImageU8, moment_s: float, stream: VideoStream) -> VideoFrame:
    picture = VideoFrame.from_ndarray(image, format="rgb24").reformat(
        width=stream.width,
        height=stream.height,
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        interpolation=Interpolation.AREA,
    )
    picture.pts = round(moment_s * _TICKS_PER_S)
    picture.time_base = Fraction(1, _TICKS_PER_S)
    return picture
