"""What a video is, found from its container, its first packets and its first frame."""

from dataclasses import dataclass
from fractions import Fraction

from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from dfd.errors import UnreadableVideo
from dfd.types import VideoInfo
from dfd.video.convert import Geometry
from dfd.video.limits import MediaLimits
from dfd.video.packets import KindReader, kind_reader
from dfd.video.plan import Clock
from dfd.video.reader import PICTURE_FORMATS, StreamDamaged, StreamReader, VideoPacket

_HEAD_PACKETS = 48
_MOST_PACKETS_TO_FIRST_FRAME = 2000
_MOST_BYTES_TO_COUNT = 64 * 1024 * 1024
_HIGHEST_RATE_HZ = 1000


@dataclass(frozen=True, slots=True)
class Probe:
    """What is known of an opened video.

    Attributes:
        info: for the user.
        clock: its time stamps.
        pixel_aspect: width of a stored pixel over its height.
        kind_of: reads the kind of a packet's frame; None where every frame has to be decoded to be known.
        only_frame: the frame, where there is just one.
    """

    info: VideoInfo
    clock: Clock
    pixel_aspect: Fraction | None
    kind_of: KindReader | None
    only_frame: VideoFrame | None


@dataclass(slots=True)
class _Head:
    """The beginning of a stream."""

    first: VideoFrame
    packets: int
    ended: bool
    has_times: bool


def probe(reader: StreamReader, limits: MediaLimits) -> Probe:
    """Look at a freshly opened video.

    Raises:
        UnreadableVideo: not one frame can be decoded.
        MediaTooLarge: it lasts too long.
    """
    stream = reader.stream
    duration_s = _stated_duration_s(reader)
    if duration_s is not None:
        limits.check_duration(reader.name, duration_s)
    head = _read_head(reader)
    limits.check_size(reader.name, head.first.width, head.first.height)
    tick_s = float(stream.time_base or Fraction(1, 1000))
    clock = Clock(head.first.pts if head.first.pts is not None else 0, tick_s)
    single = head.ended and head.packets == 1
    rate = None if single and _is_picture(reader) else _stated_rate(stream)
    count = 1 if single else (stream.frames or None)
    if single and _is_picture(reader):
        duration_s = 0.0
    elif duration_s is None or (count is None and reader.container.size <= _MOST_BYTES_TO_COUNT):
        count, counted_s = _count(reader, clock, rate)
        duration_s = counted_s if duration_s is None else duration_s
        limits.check_duration(reader.name, duration_s)
    geometry = Geometry.of(head.first, stream.sample_aspect_ratio)
    width_px, height_px = geometry.upright_px
    context = stream.codec_context
    info = VideoInfo(
        width_px=width_px,
        height_px=height_px,
        rotation_deg=geometry.orientation.rotation_deg,
        frame_rate_hz=rate,
        frame_count=count,
        duration_s=duration_s,
        codec=stream.codec.canonical_name,
        container=reader.container.format.name,
    )
    kind_of = kind_reader(
        info.codec, intra_only=stream.codec.intra_only, field_order=context.field_order, extradata=context.extradata
    )
    usable = kind_of if head.has_times and head.first.pts is not None else None
    return Probe(info, clock, stream.sample_aspect_ratio, usable, head.first if single else None)


def _read_head(reader: StreamReader) -> _Head:
    """Read the first packets and decode up to the first frame."""
    first: VideoFrame | None = None
    packets = 0
    has_times = True
    while packets < (_HEAD_PACKETS if first is not None else _MOST_PACKETS_TO_FIRST_FRAME):
        packet = reader.next_packet()
        if packet is not None:
            packets += 1
            has_times = has_times and packet.pts is not None
        if first is None:
            first = _first_of(reader, packet)
        if packet is None:
            break
    if first is None:
        raise UnreadableVideo(f"{reader.name}: not one frame of it can be decoded; it is damaged or cut off")
    return _Head(first, packets, ended=packets < _HEAD_PACKETS, has_times=has_times)


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
    stream = reader.stream
    if stream.duration is not None and stream.duration > 0 and stream.time_base:
        return float(stream.duration * stream.time_base)
    duration = reader.container.duration
    return duration / 1e6 if duration is not None and duration > 0 else None


def _stated_rate(stream: VideoStream) -> Fraction | None:
    """The average frame rate, where it can be true."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate is not None and 0 < rate <= _HIGHEST_RATE_HZ:
            return Fraction(rate)
    return None


def _count(reader: StreamReader, clock: Clock, rate: Fraction | None) -> tuple[int, float]:
    """Number of frames and duration in seconds, by reading all packets without decoding them."""
    reader.rewind()
    count, start, end = 0, clock.origin, clock.origin
    while (packet := reader.next_packet()) is not None:
        count += 1
        if packet.pts is not None:
            end = max(end, packet.pts + (packet.duration or 0))
    frame_s = float(1 / rate) if rate else 0.0
    return count, max((end - start) * clock.tick_s, count * frame_s if end == start else 0.0, frame_s)
