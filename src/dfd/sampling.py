"""Which moments of a video are looked at, and which frames stand for each of them.

Three steps, all pure:

1. `sampling_times` spreads target times over the video.
2. `choose_frame` picks the frame that stands for a target. It sees nothing but the presentation time and the kind of
   every frame, so the choice is a property of the video and of the targets, never of how a reader gets at the frames.
3. `following_frame` picks the frame that a model which looks at two frames is shown beside the chosen one.

The rule of step 2. Every target owns the cell that reaches half way to its nearest neighbour on either side
(`half_gaps`). Within its cell the target takes, in this order,

1. the nearest key frame at most `KEY_REACH_S` away: a reader can seek to it and decode nothing else;
2. the nearest frame that others are predicted from (key frames included) at most `REFERENCE_REACH_S` away: a reader
   has to decode it anyway, and may leave out all frames that nothing refers to;
3. the nearest frame of any kind, be it outside the cell.

Equally near frames: the earlier one. A frame is taken once, so asking for more times than there are frames gives each
frame once. The price is that samples are not exactly evenly spaced; each keeps its own true time.

The rule of step 3. Of the frames after the chosen one, the nearest to the moment `FOLLOWING_S` after it; of two equally
near the earlier. Up to 45 frames a second this is simply the next frame; at 50 and 60 it is the next but one, so that a
pair shows as much motion as one of a video at 25 and 30. The kind of a frame plays no part.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

KEY_REACH_S = 5.0
"""Farthest a key frame may be from the target it stands for. Encoders put key frames at most about 10 s apart."""

REFERENCE_REACH_S = 0.25
"""Farthest a reference frame may be from the target it stands for: where key frames are rare, stay near the target."""

FOLLOWING_S = 1 / 30
"""Time to the frame that is shown beside a chosen one, where the frame rate allows: most video has 24 to 30 frames."""

_COUNT_SLACK = 1e-6
"""Share of a step by which a duration may miss a multiple of the step and still count as that multiple."""


class FrameKind(IntEnum):
    """How much a frame costs to reach, cheapest first."""

    KEY = 0
    """Decoding can start here; what follows in presentation order does not depend on anything before."""
    REFERENCE = 1
    """Others may be predicted from it."""
    OTHER = 2
    """Nothing is predicted from it."""


@dataclass(frozen=True, slots=True)
class FrameStamp:
    """What the choice may depend on: a frame's presentation time since the first frame, and its kind."""

    pts_s: float
    kind: FrameKind


def sampling_times(duration_s: float, fps: float, max_frames: int) -> tuple[float, ...]:
    """Target times from 0, ``1 / fps`` apart; evenly over the whole duration where that would exceed `max_frames`.

    Args:
        duration_s: length of the video; 0 for a still image.
        fps: targets a second, above 0.
        max_frames: most targets wanted, at least 1.

    Returns:
        ascending times in ``[0, duration_s)``, at least one.

    Raises:
        ValueError: an argument is out of its range.
    """
    if not (math.isfinite(duration_s) and duration_s >= 0):
        raise ValueError(f"duration must be finite and not negative, got {duration_s}")
    if not (math.isfinite(fps) and fps > 0):
        raise ValueError(f"fps must be finite and positive, got {fps}")
    if max_frames < 1:
        raise ValueError(f"max_frames must be at least 1, got {max_frames}")
    wanted = duration_s * fps
    if wanted - _COUNT_SLACK <= max_frames:
        return tuple(k / fps for k in range(max(1, math.ceil(wanted - _COUNT_SLACK))))
    return tuple(k * duration_s / max_frames for k in range(max_frames))


def sampling_step_s(times_s: Sequence[float], fps: float) -> float:
    """Time between two targets of `sampling_times`; ``1 / fps`` where there is only one."""
    return times_s[1] - times_s[0] if len(times_s) > 1 else 1 / fps


def half_gaps(times_s: Sequence[float]) -> tuple[float, ...]:
    """Half the distance from each target to its nearest neighbour; 0 for a lone target, which thus is taken literally.

    Raises:
        ValueError: the times do not ascend strictly.
    """
    gaps = [later - earlier for earlier, later in pairwise(times_s)]
    if any(not gap > 0 for gap in gaps):
        raise ValueError("target times must ascend")
    if not gaps:
        return (0.0,) * len(times_s)
    return tuple(min(pair) / 2 for pair in zip([gaps[0], *gaps], [*gaps, gaps[-1]], strict=True))


def key_reach_s(half_gap_s: float) -> float:
    """How far from a target `choose_frame` looks for a frame that is not simply the nearest."""
    return min(half_gap_s, KEY_REACH_S)


def choose_frame(stamps: Sequence[FrameStamp], target_s: float, half_gap_s: float) -> int:
    """Index of the frame that stands for a target (the rule is in the module's docstring).

    Args:
        stamps: frames by ascending time, at least one. Those within `key_reach_s` of the target and the nearest on
            either side of it are enough.
        target_s: the target time.
        half_gap_s: the target's half gap.
    """
    start = bisect_left(stamps, target_s - key_reach_s(half_gap_s), key=lambda stamp: stamp.pts_s)
    for kind, cap_s in ((FrameKind.KEY, KEY_REACH_S), (FrameKind.REFERENCE, REFERENCE_REACH_S)):
        reach_s = min(half_gap_s, cap_s)
        found = _nearest(_within(stamps, start, kind, target_s, reach_s), stamps, target_s)
        if found is not None:
            return found
    after = bisect_left(stamps, target_s, key=lambda stamp: stamp.pts_s)
    nearest = _nearest((index for index in (after - 1, after) if 0 <= index < len(stamps)), stamps, target_s)
    if nearest is None:
        raise ValueError("there is no frame to choose from")
    return nearest


def choose_frames(stamps: Sequence[FrameStamp], times_s: Sequence[float]) -> list[int]:
    """Indices of the frames that stand for all targets, ascending, each once."""
    pairs = zip(times_s, half_gaps(times_s), strict=True)
    return sorted({choose_frame(stamps, target_s, half_gap_s) for target_s, half_gap_s in pairs})


def following_frame(stamps: Sequence[FrameStamp], index: int) -> int | None:
    """Index of the frame that is shown beside a chosen one (the rule is in the module's docstring).

    Args:
        stamps: frames by ascending time. From the chosen one to the first that is at least `FOLLOWING_S` later is
            enough.
        index: the chosen frame.

    Returns:
        a higher index; None for the last frame.
    """
    moment_s = stamps[index].pts_s + FOLLOWING_S
    after = bisect_left(stamps, moment_s, lo=index + 1, key=lambda stamp: stamp.pts_s)
    return _nearest((near for near in (after - 1, after) if index < near < len(stamps)), stamps, moment_s)


def _within(
    stamps: Sequence[FrameStamp], start: int, kind: FrameKind, target_s: float, reach_s: float
) -> Iterable[int]:
    """Indices of frames at least as cheap as `kind` in ``[target - reach, target + reach)``.

    Half open, so that a frame on the border of two cells belongs to one of them.
    """
    for index in range(start, len(stamps)):
        distance_s = stamps[index].pts_s - target_s
        if distance_s >= reach_s:
            return
        if distance_s >= -reach_s and stamps[index].kind <= kind:
            yield index


def _nearest(indices: Iterable[int], stamps: Sequence[FrameStamp], target_s: float) -> int | None:
    """The index whose frame is nearest; of two equally near ones the earlier."""
    return min(indices, key=lambda index: abs(stamps[index].pts_s - target_s), default=None)
