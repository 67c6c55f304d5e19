"""The decoded frames of a sample, at the least cost."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from av.video.frame import VideoFrame

from dfd.sampling import FOLLOWING_S, FrameKind, FrameStamp, following_frame
from dfd.video.convert import Orientation
from dfd.video.packets import PacketKind
from dfd.video.plan import JUMP_S, REORDER_DEPTH, Clock, Planner, Segment, misses_end
from dfd.video.probe import Probe
from dfd.video.reader import StreamDamaged, StreamReader, VideoPacket


@dataclass(slots=True)
class Sampled:
    """A frame that stands for a target.

    Attributes:
        pts_s: presentation time in seconds since the first frame.
        frame: the frame.
        following: the one that follows it; None where it was not asked for or there is none.
        orientation: how to turn `frame`; None where it says that itself.
        following_orientation: how to turn `following`, likewise.
    """

    pts_s: float
    frame: VideoFrame
    following: VideoFrame | None = None
    orientation: Orientation | None = None
    following_orientation: Orientation | None = None


class Fetch(ABC):
    """One sample being read.

    Attributes:
        damaged: whether frames are missing because the file is damaged; known when `frames` has ended.
    """

    damaged: bool = False

    @abstractmethod
    def frames(self) -> Iterator[Sampled]:
        """The frames that stand for the targets, by ascending time, each once. Stops at damage."""


def fetch(reader: StreamReader, probed: Probe, times_s: Sequence[float], *, with_next: bool) -> Fetch:
    """The cheapest way to the frames of a video, `with_next` also to those that follow them."""
    if probed.only_frame is not None:
        return OnlyFrame(probed.only_frame, probed, times_s)
    if probed.kind_of is not None:
        return PlannedFetch(reader, probed, times_s, with_next=with_next)
    return FullDecode(reader, probed, times_s, with_next=with_next)


class OnlyFrame(Fetch):
    """The frame of a video that has no other."""

    def __init__(self, frame: VideoFrame, probed: Probe, times_s: Sequence[float]) -> None:
        self._frame = frame
        self._clock = probed.clock
        self._duration_s = probed.info.duration_s
        self._times_s = times_s

    def frames(self) -> Iterator[Sampled]:
        only = Sampled(0.0, self._frame)
        is_film = self._duration_s > 0
        cut_off = is_film and misses_end(_end_s(only, self._clock), self._times_s, self._duration_s)
        self.damaged = self._frame.is_corrupt or cut_off
        yield only


class FullDecode(Fetch):
    """Decodes everything: for streams whose packets do not tell when their frames are shown. All frames count alike.

    Where packets tell when they are decoded, frames get those times in the order in which they come out.
    """

    def __init__(self, reader: StreamReader, probed: Probe, times_s: Sequence[float], *, with_next: bool) -> None:
        self._reader = reader
        self._with_next = with_next
        self._clock = probed.clock
        self._frame_s = float(1 / probed.info.frame_rate_hz) if probed.info.frame_rate_hz else 0.0
        self._duration_s = probed.info.duration_s
        self._times_s = times_s
        self._decoding_times = probed.decoding_times
        self._due: deque[int] = deque()

    def frames(self) -> Iterator[Sampled]:
        self._reader.rewind()
        targets = iter(self._times_s)
        target_s = next(targets, None)
        before: Sampled | None = None
        given_s = -1.0
        for frame in _joined(self._timed()) if self._with_next else self._timed():
            while target_s is not None and frame.pts_s >= target_s:
                is_nearer = before is not None and target_s - before.pts_s <= frame.pts_s - target_s
                nearest = before if before is not None and is_nearer else frame
                if nearest.pts_s > given_s:
                    given_s = nearest.pts_s
                    yield nearest
                target_s = next(targets, None)
            before = frame
            if target_s is None:
                return
        if before is not None and before.pts_s > given_s:
            yield before
        last_s = None if before is None else _end_s(before, self._clock)
        self.damaged = self.damaged or misses_end(last_s, self._times_s, self._duration_s)

    def _timed(self) -> Iterator[Sampled]:
        """All frames with their times; one that does not come after its predecessor is left out."""
        last_s = -self._frame_s
        for index, frame in enumerate(self._decoded()):
            ticks = self._ticks(frame)
            if index == 0 and self._decoding_times and ticks is not None:
                self._clock = replace(self._clock, origin=ticks)
            pts_s = last_s + self._frame_s if ticks is None else self._clock.seconds(ticks)
            if index == 0 or pts_s > last_s:
                last_s = max(pts_s, 0.0)
                yield Sampled(last_s, frame)

    def _ticks(self, frame: VideoFrame) -> int | None:
        """When a frame that came out is shown; None where nothing tells."""
        if not self._decoding_times:
            return frame.pts
        return self._due.popleft() if self._due else None

    def _decoded(self) -> Iterator[VideoFrame]:
        started = False
        packet: VideoPacket | None
        while True:
            packet = self._reader.next_packet()
            if self._decoding_times and packet is not None and packet.dts is not None:
                self._due.append(packet.dts)
            try:
                for frame in self._reader.decode(packet):
                    started = True
                    self.damaged = self.damaged or frame.is_corrupt
                    yield frame
            except StreamDamaged:
                if started:
                    self.damaged = True
                    return
                if self._due:
                    self._due.popleft()
            if packet is None:
                self.damaged = self.damaged or self._reader.damaged
                return


def _end_s(sampled: Sampled, clock: Clock) -> float:
    """When the frame of a sample ends: the last of an animation may be shown for long."""
    return sampled.pts_s + (sampled.frame.duration or 0) * clock.tick_s


def _joined(frames: Iterable[Sampled]) -> Iterator[Sampled]:
    """All frames of a video, each with the one that follows it."""
    recent: deque[Sampled] = deque()
    for frame in frames:
        recent.append(frame)
        while frame.pts_s - recent[0].pts_s >= FOLLOWING_S:
            yield _first_joined(recent)
    while recent:
        yield _first_joined(recent)


def _first_joined(recent: deque[Sampled]) -> Sampled:
    """Take out the first of some frames, with the one among them that follows it."""
    at = following_frame([FrameStamp(frame.pts_s, FrameKind.OTHER) for frame in recent], 0)
    following = None if at is None else recent[at].frame
    first = recent.popleft()
    return Sampled(first.pts_s, first.frame, following)


class PlannedFetch(Fetch):
    """Decodes only the packets that a wanted frame depends on."""

    def __init__(self, reader: StreamReader, probed: Probe, times_s: Sequence[float], *, with_next: bool) -> None:
        if probed.kind_of is None:
            raise ValueError("a plan needs to know the kind of every packet")
        self._reader = reader
        self._with_next = with_next
        self._clock = probed.clock
        self._kind_of = probed.kind_of
        self._intra_only = reader.stream.codec.intra_only
        self._duration_s = probed.info.duration_s
        self._times_s = times_s
        self._missing: set[int] = set()
        self._lost_samples = False
        self._started = False

    def frames(self) -> Iterator[Sampled]:
        last_s = -1.0
        for sampled in self._attempt(with_next=self._with_next):
            if sampled.pts_s <= last_s:  # damage may bring frames out in another order than their times
                self.damaged = True
                continue
            last_s = sampled.pts_s
            yield sampled
        if self._with_next and self._lost_samples:  # the damage may lie in frames that only the pairs need
            yield from (sampled for sampled in self._attempt(with_next=False) if sampled.pts_s > last_s)

    def _attempt(self, *, with_next: bool) -> Iterator[Sampled]:
        """Plan, then decode up to the first damage."""
        planner = Planner(self._reader, self._kind_of, self._clock)
        segments = planner.plan(self._times_s, with_next=with_next)
        cut_off = self._reader.damaged or planner.misses_end(self._times_s, self._duration_s)
        samples = {ticks: following for segment in segments for ticks, following in segment.samples.items()}
        self._missing = set().union(*(segment.wanted for segment in segments))
        self._started = False
        yield from self._paired(self._intact(segments), samples)
        self._lost_samples = not self._missing.isdisjoint(samples)
        self.damaged = self.damaged or cut_off or bool(self._missing)

    def _paired(self, frames: Iterable[tuple[int, VideoFrame]], samples: Mapping[int, int | None]) -> Iterator[Sampled]:
        """The samples among the decoded frames, each as soon as the one that follows it is there or is passed."""
        waiting: deque[tuple[int | None, Sampled]] = deque()
        for ticks, frame in frames:
            for wanted, sample in waiting:
                if wanted == ticks:
                    sample.following = frame
            if ticks in samples:
                waiting.append((samples[ticks], Sampled(self._clock.seconds(ticks), frame)))
            while waiting and ((wanted := waiting[0][0]) is None or wanted <= ticks):
                yield waiting.popleft()[1]
        for _, sample in waiting:
            yield sample

    def _intact(self, segments: Sequence[Segment]) -> Iterator[tuple[int, VideoFrame]]:
        """The wanted frames with their time stamps, up to the first damage."""
        try:
            yield from self._decode(segments)
        except StreamDamaged:
            self.damaged = True

    def _decode(self, segments: Sequence[Segment]) -> Iterator[tuple[int, VideoFrame]]:
        self._reader.rewind()
        at_s = 0.0
        for segment in segments:
            entry_s = self._clock.seconds(segment.entry)
            if entry_s - at_s > JUMP_S:
                yield from self._drain()
                self._reader.seek(segment.entry)
            packet, broken = self._find(segment.entry)
            if packet is None:
                yield from self._drain()
                packet = self._find_from_start(segment.entry)
                broken = False
            if broken and not self._intra_only:
                yield from self._drain()
            yield from self._feed(packet)
            while packet.pts != segment.last:
                packet = self._next()
                if self._kind(packet) is not FrameKind.OTHER or packet.pts in segment.wanted:
                    yield from self._feed(packet)
            at_s = self._clock.seconds(segment.last)
        yield from self._drain()

    def _find(self, entry: int) -> tuple[VideoPacket | None, bool]:
        """Read up to the packet of a time stamp; None where it has been passed.

        Returns:
            the packet, and whether frames that others may depend on were passed over.
        """
        broken = False
        beyond = 0
        while beyond <= REORDER_DEPTH:
            packet = self._reader.next_packet()
            if packet is None:
                break
            if packet.pts == entry:
                return packet, broken
            beyond += packet.pts is not None and packet.pts > entry
            broken = broken or self._kind(packet) is not FrameKind.OTHER
        return None, True

    def _find_from_start(self, entry: int) -> VideoPacket:
        """The packet of a time stamp, where seeking led past it."""
        self._reader.rewind()
        packet, _ = self._find(entry)
        if packet is None:
            raise StreamDamaged("the packets are not the ones that were there before")
        return packet

    def _next(self) -> VideoPacket:
        packet = self._reader.next_packet()
        if packet is None:
            raise StreamDamaged("the packets end before the ones that were there before")
        return packet

    def _kind(self, packet: VideoPacket) -> PacketKind:
        return self._kind_of(memoryview(packet), packet.is_keyframe)

    def _drain(self) -> Iterator[tuple[int, VideoFrame]]:
        """Get out all frames the decoder holds, and make it ready to start anew."""
        yield from self._feed(None)
        self._reader.flush()

    def _feed(self, packet: VideoPacket | None) -> Iterator[tuple[int, VideoFrame]]:
        """Decode a packet; gives the wanted frames among those that come out."""
        try:
            frames = self._reader.decode(packet)
        except StreamDamaged:
            if self._started:
                raise
            return  # packets before the first frame often lack what they depend on
        for frame in frames:
            self._started = True
            if frame.pts is not None and frame.pts in self._missing:
                self._missing.discard(frame.pts)
                self.damaged = self.damaged or frame.is_corrupt
                yield frame.pts, frame
