"""Small videos made on the spot. Every frame carries its number, which can be read back from the decoded picture."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from tests.scheduling import scheduled_as_before

from dfd.types import ImageU8

Painter = Callable[[int, tuple[int, int]], ImageU8]
"""From a frame's number and the size (width, height) to an ``(H, W, 3) uint8`` RGB picture."""

NUMBER_BITS = 12
TICKS_PER_S = 90_000
_AUDIO_RATE_HZ = 16_000
_QUIET = {"libx265": {"x265-params": "log-level=none"}}


def paint_number(number: int, size: tuple[int, int]) -> ImageU8:
    """Moving texture, and along the top edge the frame's number in black and white tiles, highest bit first."""
    width, height = size
    image = np.roll(_texture(width, height), (2 * number, 3 * number), axis=(0, 1)).copy()
    edges = np.linspace(0, width, NUMBER_BITS + 1).astype(int)
    for bit in range(NUMBER_BITS):
        image[: height // 4, edges[bit] : edges[bit + 1]] = 255 * (number >> (NUMBER_BITS - 1 - bit) & 1)
    return image


def read_number(image: ImageU8) -> int:
    """The number that `paint_number` wrote, from a picture of any size."""
    height, width = image.shape[:2]
    centres = ((np.arange(NUMBER_BITS) + 0.5) * width / NUMBER_BITS).astype(int)
    row = image[height // 8, centres].mean(axis=1) > 127
    return int("".join("1" if bit else "0" for bit in row), 2)


def paint_flat(red: int, green: int, blue: int) -> Painter:
    """A painter of one colour."""

    def paint(_number: int, size: tuple[int, int]) -> ImageU8:
        return np.full((size[1], size[0], 3), (red, green, blue), dtype=np.uint8)

    return paint


@scheduled_as_before()
def write_video(
    path: Path,
    *,
    frames: int = 30,
    fps: Fraction | int = 30,
    size: tuple[int, int] = (192, 128),
    codec: str = "libx264",
    options: Mapping[str, str] | None = None,
    pixel_format: str | None = None,
    times_s: Sequence[float] | None = None,
    paint: Painter = paint_number,
    rotation_deg: int = 0,
    pixel_aspect: Fraction | None = None,
    colour: tuple[int, int, int, int] | None = None,
    untagged: bool = False,
    audio: bool = False,
    audio_s: float | None = None,
    cover: bool = False,
    container_format: str | None = None,
    container_options: Mapping[str, str] | None = None,
    start_s: float = 0.0,
) -> Path:
    """Write a video; the file name's ending names the container unless `container_format` does.

    Args:
        path: where to.
        frames: number of frames; `times_s` overrides it.
        fps: frame rate.
        size: width and height, even numbers for most codecs.
        codec: FFmpeg's name of the encoder.
        options: encoder options.
        pixel_format: FFmpeg's name; the encoder's first where None.
        times_s: presentation time of every frame, for variable frame rate.
        paint: draws a frame.
        rotation_deg: clockwise rotation that players are told to apply; 0 writes no display matrix.
        pixel_aspect: width of a pixel over its height.
        colour: colour space, range, transfer and primaries as in ITU-T H.273, to tag and to convert with.
        untagged: convert with `colour` without writing it into the file.
        audio: add a silent sound track.
        audio_s: length of the sound track; that of the video where None.
        cover: add a cover picture, as the first stream, that is no film.
        container_format: FFmpeg's name of the container format.
        container_options: options of the container's writer.
        start_s: presentation time of the first frame.

    Returns:
        `path`.
    """
    moments = [float(number / Fraction(fps)) for number in range(frames)] if times_s is None else list(times_s)
    with av.open(str(path), "w", format=container_format, options=dict(container_options or {})) as output:
        cover_stream = _add_cover_stream(output, size) if cover else None
        stream = _add_stream(output, codec, Fraction(fps), size, {**_QUIET.get(codec, {}), **(options or {})})
        stream.pix_fmt = pixel_format or (stream.codec.video_formats or [stream.format])[0].name
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation_deg:
            stream.set_display_rotation(-rotation_deg)
        if colour is not None and not untagged:
            _tag(stream, colour)
        sound = output.add_stream("aac", rate=_AUDIO_RATE_HZ) if audio else None
        if cover_stream is not None:
            _write_cover(output, cover_stream)
        for number, moment in enumerate(moments):
            frame = _frame(paint(number, size), stream.pix_fmt, colour, tagged=not untagged)
            frame.pts = round((moment + start_s) * TICKS_PER_S)
            frame.time_base = Fraction(1, TICKS_PER_S)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
        if sound is not None:
            _write_silence(output, sound, moments[-1] if audio_s is None else audio_s)
    return path


def copy_video(source: Path, path: Path, bitstream_filter: str | None = None) -> Path:
    """Copy a video's packets as they are into a container of another kind; the file name's ending names it."""
    with av.open(str(source)) as given, av.open(str(path), "w") as output:
        film = given.streams.video[0]
        stream = output.add_stream_from_template(film)
        filtering = None if bitstream_filter is None else BitStreamFilterContext(bitstream_filter, film)
        for packet in given.demux(film):
            if not packet.size:
                continue
            for copied in [packet] if filtering is None else filtering.filter(packet):
                copied.stream = stream
                output.mux(copied)
    return path


def write_sound(path: Path, duration_s: float = 1.0) -> Path:
    """Write a file that holds sound only."""
    with av.open(str(path), "w") as output:
        _write_silence(output, output.add_stream("aac", rate=_AUDIO_RATE_HZ), duration_s)
    return path


def write_picture(path: Path, image: ImageU8, codec: str = "png", pixel_format: str = "rgb24") -> Path:
    """Write a still picture."""
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.height, context.width = image.shape[:2]
    context.pix_fmt = pixel_format
    context.time_base = Fraction(1, 25)
    frame = VideoFrame.from_ndarray(image, format="rgba" if image.shape[2] == 4 else "rgb24")
    packets = [*context.encode(frame.reformat(format=pixel_format)), *context.encode(None)]
    path.write_bytes(b"".join(bytes(packet) for packet in packets))
    return path


@cache
def _texture(width: int, height: int) -> ImageU8:
    """Smooth noise: detailed enough that encoders predict it from several frames."""
    coarse = np.random.default_rng(7).integers(40, 216, (height // 8 + 2, width // 8 + 2, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((8, 8, 1), dtype=np.uint8))[:height, :width]


def _add_stream(
    output: OutputContainer, codec: str, fps: Fraction, size: tuple[int, int], options: dict[str, str]
) -> VideoStream:
    stream = output.add_stream(codec, rate=fps, options=options)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height = size
    if codec not in {"gif", "mpeg4", "mpeg2video", "mjpeg"} and output.format.name != "avi":
        stream.codec_context.time_base = Fraction(1, TICKS_PER_S)
    return stream


def _add_cover_stream(output: OutputContainer, size: tuple[int, int]) -> VideoStream:
    stream = output.add_stream("png", rate=1)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height = 4 * size[0], 4 * size[1]
    stream.pix_fmt = "rgb24"
    stream.disposition = Disposition.attached_pic
    return stream


def _write_cover(output: OutputContainer, stream: VideoStream) -> None:
    frame = VideoFrame.from_ndarray(paint_flat(0, 0, 255)(0, (stream.width, stream.height)), format="rgb24")
    frame.pts = 0
    frame.time_base = Fraction(1, 1)
    output.mux(stream.encode(frame))
    output.mux(stream.encode())


def _tag(stream: VideoStream, colour: tuple[int, int, int, int]) -> None:
    context = stream.codec_context
    context.colorspace, context.color_range, context.color_trc, context.color_primaries = colour


def _frame(
    image: ImageU8, pixel_format: str | None, colour: tuple[int, int, int, int] | None, *, tagged: bool
) -> VideoFrame:
    frame = VideoFrame.from_ndarray(image, format="rgb24")
    if pixel_format == "rgb24":
        return frame
    if colour is None:
        return frame.reformat(format=pixel_format)
    space = {5: 5, 6: 5, 1: 1, 9: 9}[colour[0]]
    converted = frame.reformat(format=pixel_format, dst_colorspace=space, dst_color_range=colour[1])
    tags = colour if tagged else (2, 0, 2, 2)
    converted.colorspace, converted.color_range, converted.color_trc, converted.color_primaries = tags
    return converted


def _write_silence(output: OutputContainer, stream: av.AudioStream, duration_s: float) -> None:
    samples = 1024
    for index in range(max(1, round(duration_s * _AUDIO_RATE_HZ / samples))):
        frame = av.AudioFrame(format="fltp", layout="mono", samples=samples)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate = _AUDIO_RATE_HZ
        frame.pts = index * samples
        output.mux(stream.encode(frame))
    output.mux(stream.encode())
