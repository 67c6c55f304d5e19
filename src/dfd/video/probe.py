"""What a video is, found from its container, its first packets and its first frame."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from dfd.errors import UnreadableVideo
from dfd.media import MediaFacts
from dfd.types import VideoInfo
from dfd.video.convert import Geometry, Orientation
from dfd.video.facts import facts_of
from dfd.video.limits import MediaLimits
from dfd.video.packets import KindReader, kind_reader
from dfd.video.plan import Clock
from dfd.video.reader import PICTURE_FORMATS, StreamDamaged, StreamReader, VideoPacket

_HEAD_PACKETS = 48
_MOST_PACKETS_TO_FIRST_FRAME = 2000
_MOST_BYTES_TO_COUNT = 64 * 1024 * 1024
_HIGHEST_RATE_HZ = 1000
_FAR_AHEAD_S = 1e8
_DECODING_TIMES = frozenset({"avi", "asf", "mxf"})
"""Containers that may hold only when a frame is decoded."""

_GUESSED_WRONG = frozenset({"h264", "hevc", "vvc"})
"""Codecs for which FFmpeg cannot work out from that when a frame is shown, and tells the time of decoding instead."""

_DURATION_TAG = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Probe:
    """What is known of an opened video.

    Attributes:
        info: for the user.
        facts: what else the file says of itself.
        clock: its time stamps.
        pixel_aspect: width of a stored pixel over its height.
        kind_of: reads the kind of a packet's frame; None where every frame has to be decoded to be known.
        decoding_times: whether time stamps tell when frames are decoded, and only their order when they are shown.
        only_frame: the frame, where there is just one.
    """

    info: VideoInfo
    facts: MediaFacts
    clock: Clock
    pixel_aspect: Fraction | None
    kind_of: KindReader | None
    decoding_times: bool
    only_frame: VideoFrame | None


@dataclass(slots=True)
class _Head:
    """The beginning of a stream."""

    first: VideoFrame
    is_single: bool
    is_still: bool
    has_times: bool
    decoding_times: bool
    picture: bytes | None


def probe(reader: StreamReader, limits: MediaLimits) -> Probe:
    """Look at a freshly opened video.

    Raises:
        UnreadableVideo: not one frame can be decoded.
        MediaTooLarge: it lasts too long.
    """
    duration_s = _stated_duration_s(reader)
    if duration_s is not None:
        limits.check_duration(reader.name, duration_s)
    head = _read_head(reader)
    limits.check_size(reader.name, head.first.width, head.first.height)
    found = _stated(reader, head, duration_s)
    if head.is_still:
        return found
    info = found.info
    if duration_s is None or (info.frame_count is None and reader.container.size <= _MOST_BYTES_TO_COUNT):
        info = _counted(reader, found)
    elif "mov" in info.container:
        info = replace(info, duration_s=max(duration_s, _end_s(reader, found.clock)))
    limits.check_duration(reader.name, info.duration_s)
    return replace(found, info=info)


def _stated(reader: StreamReader, head: _Head, duration_s: float | None) -> Probe:
    """What the container and the first frame say."""
    stream = reader.stream
    kind_of = kind_reader(
        stream.codec.canonical_name,
        intra_only=stream.codec.intra_only,
        field_order=stream.codec_context.field_order,
        extradata=stream.codec_context.extradata,
    )
    geometry = Geometry.of(head.first, stream.sample_aspect_ratio, Orientation.of(head.first))
    return Probe(
        info=VideoInfo(
            width_px=geometry.upright_px[0],
            height_px=geometry.upright_px[1],
            rotation_deg=geometry.orientation.rotation_deg,
            frame_rate_hz=None if head.is_still else _stated_rate(stream),
            frame_count=1 if head.is_single else (stream.frames or None),
            duration_s=0.0 if head.is_still else duration_s or 0.0,
            codec=stream.codec.canonical_name,
            container=reader.container.format.name,
        ),
        facts=facts_of(reader, head.first.format.name, head.picture),
        clock=Clock(head.first.pts or 0, float(stream.time_base or Fraction(1, 1000))),
        pixel_aspect=stream.sample_aspect_ratio,
        kind_of=kind_of if head.has_times and head.first.pts is not None else None,
        decoding_times=head.decoding_times,
        only_frame=head.first if head.is_single else None,
    )


def _counted(reader: StreamReader, found: Probe) -> VideoInfo:
    """The information with frame count and duration, got by reading all packets without decoding them."""
    reader.rewind()
    count, end = 0, found.clock.origin
    while (packet := reader.next_packet()) is not None:
        count += 1
        if packet.pts is not None:
            end = max(end, packet.pts + (packet.duration or 0))
    rate = found.info.frame_rate_hz
    duration_s = max(found.info.duration_s, found.clock.seconds(end)) or (float(count / rate) if rate else 0.0)
    return replace(found.info, frame_count=count, duration_s=duration_s)


def _end_s(reader: StreamReader, clock: Clock) -> float:
    """When the last frame ends, read from the last packets; 0 where that fails or takes too much reading.

    An MP4 file states the sum of its decoding steps, which at a variable rate can be seconds short.
    """
    if not reader.seek(clock.ticks(_FAR_AHEAD_S)):
        return 0.0
    end, left_bytes = clock.origin, _MOST_BYTES_TO_COUNT
    while left_bytes > 0 and (packet := reader.next_packet()) is not None:
        left_bytes -= packet.size
        if packet.pts is not None:
            end = max(end, packet.pts + (packet.duration or 0))
    return 0.0 if reader.damaged or left_bytes <= 0 else clock.seconds(end)


def _read_head(reader: StreamReader) -> _Head:
    """Read the first packets and decode up to the first frame."""
    first: VideoFrame | None = None
    packets = 0
    times: list[int | None] = []
    picture: bytes | None = None
    while packets < (_HEAD_PACKETS if first is not None else _MOST_PACKETS_TO_FIRST_FRAME):
        packet = reader.next_packet()
        if packet is not None:
            packets += 1
            times.append(packet.pts)
            if packets == 1 and _is_picture(reader):
                picture = bytes(packet)
        if first is None:
            first = _first_of(reader, packet)
        if packet is None:
            break
    if first is None:
        raise UnreadableVideo(f"{reader.name}: not one frame of it can be decoded; it is damaged or cut off")
    # what may follow a JPEG's picture, such as a map of its brightness, is no further frame
    is_single = packets == 1 or reader.container.format.name == "jpeg_pipe"
    decoding_times = _are_of_decoding(reader, times)
    return _Head(
        first,
        is_single=is_single,
        is_still=is_single and _is_picture(reader),
        has_times=None not in times and not decoding_times,
        decoding_times=decoding_times,
        picture=picture,
    )


def _are_of_decoding(reader: StreamReader, times: Sequence[int | None]) -> bool:
    """Whether time stamps of the first packets tell when these are decoded: they ascend, yet frames are reordered."""
    if reader.container.format.name not in _DECODING_TIMES or not reader.stream.codec_context.has_b_frames:
        return False
    known = [ticks for ticks in times if ticks is not None]
    return reader.stream.codec.canonical_name in _GUESSED_WRONG and all(a < b for a, b in pairwise(known))


def _first_of(reader: StreamReader, packet: VideoPacket | None) -> VideoFrame | None:
    """The first frame that a packet brings out; packets that cannot be decoded bring none."""
    try:
        return next(iter(reader.decode(packet)), None)
    except StreamDamaged:
        return None


def _is_picture(reader: StreamReader) -> bool:
    return any(name in PICTURE_FORMATS.split(",") for name in reader.container.format.name.split(","))


def _stated_duration_s(reader: StreamReader) -> float | None:
    """Duration as the stream, else the container says; None where neither does."""
    stream, container = reader.stream, reader.container
    stated_s = float((stream.duration or 0) * (stream.time_base or 0))
    tagged_s = _tagged_duration_s(stream)
    # FFmpeg gives a short stream in Matroska the duration of its longest companion
    of_stream = (tagged_s, stated_s) if "matroska" in container.format.name else (stated_s, tagged_s)
    return next((found_s for found_s in (*of_stream, (container.duration or 0) / 1e6) if found_s > 0), None)


def _tagged_duration_s(stream: VideoStream) -> float:
    """Duration as Matroska tags it for a stream alone; 0 where there is no such tag."""
    tag = _DURATION_TAG.fullmatch(stream.metadata.get("DURATION", ""))
    if tag is None:
        return 0.0
    hours, minutes, seconds = tag.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _stated_rate(stream: VideoStream) -> Fraction | None:
    """The average frame rate, where it can be true."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate is not None and 0 < rate <= _HIGHEST_RATE_HZ:
            return Fraction(rate)
    return None
