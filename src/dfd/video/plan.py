"""Which packets have to be decoded for a sample: found by reading packets, before anything is decoded.

The container is read from end to end where targets are close together, and around each target where they are far
apart. Both see every frame near a target, so both choose the same frames.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from dfd.sampling import (
    FOLLOWING_S,
    FrameKind,
    FrameStamp,
    choose_frame,
    following_frame,
    half_gaps,
    key_reach_s,
)
from dfd.video.packets import KindReader
from dfd.video.reader import StreamReader

REORDER_DEPTH = 16
"""Most frames that can precede a frame in decoding order and follow it in presentation order (H.264 and H.265, A)."""

JUMP_S = 4.0
"""Distance from which seeking is tried instead of reading on."""

_MISSING_END_S = 1.0
_MOST_VAIN_JUMPS = 2
_BACK_OFF_S = (0.0, 10.0, 40.0)


@dataclass(frozen=True, slots=True)
class Clock:
    """From a stream's time stamps to seconds since its first frame, and back."""

    origin: int
    tick_s: float

    def seconds(self, ticks: int) -> float:
        return (ticks - self.origin) * self.tick_s

    def ticks(self, seconds: float) -> int:
        return self.origin + round(seconds / self.tick_s)


@dataclass(slots=True)
class Segment:
    """A stretch of packets to decode, and what is wanted of it.

    Attributes:
        entry: time stamp of the packet to start with; nothing before it is needed.
        last: time stamp of the last packet, in decoding order, that is wanted.
        samples: time stamps of the frames that stand for targets, each with that of the frame to follow it, if any.
        wanted: all these time stamps.
    """

    entry: int
    last: int
    samples: dict[int, int | None] = field(default_factory=dict)
    wanted: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Run:
    """Packets read one after the other, from a place where decoding can start.

    Attributes:
        times: time stamps in decoding order.
        keys: positions in `times` of the key frames.
        shown: stamps of the frames that are shown, by ascending time.
        positions: for each of them its position in `times`.
        latest: the highest time stamp so far.
    """

    clock: Clock
    times: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    shown: list[FrameStamp] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    latest: int = -(1 << 63)

    def add(self, ticks: int, kind: FrameKind, *, shown: bool) -> None:
        """Append a packet; of several with one time stamp only the first can be chosen."""
        if kind is FrameKind.KEY:
            self.keys.append(len(self.times))
        self.times.append(ticks)
        self.latest = max(self.latest, ticks)
        if not shown:
            return
        stamp = FrameStamp(self.clock.seconds(ticks), kind)
        at = bisect_right(self.shown, stamp.pts_s, key=lambda other: other.pts_s)
        if at == 0 or self.shown[at - 1].pts_s != stamp.pts_s:
            self.shown.insert(at, stamp)
            self.positions.insert(at, len(self.times) - 1)

    def is_settled_to(self, ticks: int) -> bool:
        """Whether every frame up to a time, and one behind it, has been read."""
        return len(self.times) > REORDER_DEPTH and min(self.times[-REORDER_DEPTH - 1 :]) > ticks

    def entry_of(self, position: int) -> int:
        """Position of the latest packet from which decoding gives the frame at `position` exactly."""
        for key in reversed(self.keys[: bisect_right(self.keys, position)]):
            if self.times[key] <= self.times[position]:
                return key
        return 0


def misses_end(last_frame_s: float | None, times_s: Sequence[float], duration_s: float) -> bool:
    """Whether a video that was read to its end lacks frames for targets near its stated end: it was cut off.

    Args:
        last_frame_s: when its last frame is shown, or ends; None where there was none.
        times_s: ascending target times, at least one.
        duration_s: how long it lasts, as the container says.
    """
    slack_s = max(_MISSING_END_S, 0.05 * duration_s)
    return last_frame_s is None or times_s[-1] - last_frame_s > slack_s


class _CannotJump(Exception):
    """Seeking does not lead to a place where decoding can start: the container has to be read from its beginning."""


class Planner:
    """Finds the segments of a sample."""

    def __init__(self, reader: StreamReader, kind_of: KindReader, clock: Clock) -> None:
        self._reader = reader
        self._kind_of = kind_of
        self._clock = clock
        self._run = Run(clock)
        self._skip = 0
        self._ended = False
        self._vain_jumps = 0

    @property
    def last_frame_s(self) -> float | None:
        """Time of the last frame read; None when there was none."""
        return self._run.shown[-1].pts_s if self._run.shown else None

    def plan(self, times_s: Sequence[float], *, with_next: bool) -> list[Segment]:
        """The segments that hold the frames that stand for the targets, in presentation order.

        Args:
            times_s: ascending target times.
            with_next: want also the frame that follows each of them.
        """
        while True:
            self._reader.rewind()
            self._run, self._skip, self._ended = Run(self._clock), 0, False
            try:
                return self._segments(times_s, with_next=with_next)
            except _CannotJump:
                self._vain_jumps = _MOST_VAIN_JUMPS

    def _segments(self, times_s: Sequence[float], *, with_next: bool) -> list[Segment]:
        segments: list[Segment] = []
        chosen_run, last_position = self._run, -1
        for target_s, half_gap_s in zip(times_s, half_gaps(times_s), strict=True):
            reach_s = key_reach_s(half_gap_s)
            self._read_around(target_s - reach_s, target_s + reach_s)
            run = self._run
            if not run.shown:
                continue
            chosen = choose_frame(run.shown, target_s, half_gap_s)
            positions = [run.positions[chosen]]
            if with_next:
                positions += self._position_after(chosen)
            entry = min(run.entry_of(position) for position in positions)
            if run is not chosen_run or not segments or entry > last_position:
                segments.append(Segment(run.times[entry], run.times[entry]))
                chosen_run, last_position = run, entry
            last_position = max(last_position, *positions)
            ticks = [run.times[position] for position in positions]
            segments[-1].last = run.times[last_position]
            segments[-1].samples[ticks[0]] = ticks[1] if len(ticks) > 1 else None
            segments[-1].wanted.update(ticks)
        return segments

    def _position_after(self, chosen: int) -> list[int]:
        """Where the frame that follows a chosen one was read; empty for the last frame."""
        pts_s = self._run.shown[chosen].pts_s
        self._read_to(pts_s + FOLLOWING_S)
        chosen = bisect_left(self._run.shown, pts_s, key=lambda stamp: stamp.pts_s)
        following = following_frame(self._run.shown, chosen)
        return [] if following is None else [self._run.positions[following]]

    def misses_end(self, times_s: Sequence[float], duration_s: float) -> bool:
        """Whether the video ended so early that targets near its stated end have no frame."""
        return self._ended and misses_end(self.last_frame_s, times_s, duration_s)

    def _read_around(self, start_s: float, end_s: float) -> None:
        latest_s = self._clock.seconds(self._run.latest) if self._run.times else 0.0
        if start_s - latest_s > JUMP_S and self._vain_jumps < _MOST_VAIN_JUMPS:
            self._jump(start_s)
        self._read_to(end_s)

    def _read_to(self, end_s: float) -> None:
        """Read every frame up to a time, and one behind it."""
        end = self._clock.ticks(end_s)
        while not self._ended and not self._run.is_settled_to(end):
            self._read_packet()

    def _read_packet(self) -> None:
        packet = self._reader.next_packet()
        if packet is None:
            self._ended = True
            return
        if packet.pts is None:
            return
        if self._skip:
            self._skip -= 1
            return
        kind = self._kind_of(memoryview(packet), packet.is_keyframe)
        shown = kind is not None and not packet.is_discard and packet.pts >= self._clock.origin
        self._run.add(packet.pts, FrameKind.REFERENCE if kind is None else kind, shown=shown)

    def _jump(self, start_s: float) -> None:
        """Go on reading at the last key frame before a time; from the start where the container cannot seek."""
        for back_s in _BACK_OFF_S:
            if not self._reader.seek(self._clock.ticks(max(start_s - back_s, 0))):
                break
            packet = self._reader.next_packet()
            if packet is None or packet.pts is None:
                continue
            if self._clock.seconds(packet.pts) > start_s:
                continue
            if self._kind_of(memoryview(packet), packet.is_keyframe) is not FrameKind.KEY:
                continue
            self._land(packet.pts, shown=not packet.is_discard and packet.pts >= self._clock.origin)
            return
        raise _CannotJump

    def _land(self, ticks: int, *, shown: bool) -> None:
        if ticks > self._run.latest:
            self._run = Run(self._clock)
            self._run.add(ticks, FrameKind.KEY, shown=shown)
            return
        self._vain_jumps += 1
        known = [key for key in self._run.keys if self._run.times[key] == ticks]
        if not known:
            raise _CannotJump
        self._skip = len(self._run.times) - known[0] - 1
