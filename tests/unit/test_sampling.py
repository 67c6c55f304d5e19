import itertools
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfd.sampling import (
    FOLLOWING_S,
    KEY_REACH_S,
    REFERENCE_REACH_S,
    FrameKind,
    FrameStamp,
    choose_frame,
    choose_frames,
    following_frame,
    half_gaps,
    key_reach_s,
    sampling_step_s,
    sampling_times,
)

KEY, REFERENCE, OTHER = FrameKind.KEY, FrameKind.REFERENCE, FrameKind.OTHER

durations = st.floats(0, 10_000)
rates = st.floats(0.01, 200)
counts = st.integers(1, 300)
stamps = st.dictionaries(st.integers(0, 5_000), st.sampled_from(FrameKind), min_size=1, max_size=60).map(
    lambda frames: [FrameStamp(number / 100, frames[number]) for number in sorted(frames)]
)
crowded = st.sets(st.integers(0, 120), min_size=1, max_size=60).flatmap(
    lambda numbers: st.lists(st.sampled_from(FrameKind), min_size=len(numbers), max_size=len(numbers)).map(
        lambda kinds: [FrameStamp(number / 241, kind) for number, kind in zip(sorted(numbers), kinds, strict=True)]
    )
)
"""Up to 241 frames a second, with gaps; a rate at which no two frames are equally near."""
targets = st.lists(st.integers(0, 5_500), min_size=1, max_size=12, unique=True).map(
    lambda numbers: [number / 100 for number in sorted(numbers)]
)


def frames(kinds: str, step_s: float = 0.1) -> list[FrameStamp]:
    """Stamps from letters: k, r and o for the kinds, ``step_s`` apart."""
    named = {"k": KEY, "r": REFERENCE, "o": OTHER}
    return [FrameStamp(index * step_s, named[letter]) for index, letter in enumerate(kinds)]


@given(durations, rates, counts)
def test_times_ascend_within_the_video(duration_s: float, fps: float, max_frames: int) -> None:
    times_s = sampling_times(duration_s, fps, max_frames)

    assert times_s[0] == 0
    assert 1 <= len(times_s) <= max_frames
    assert all(earlier < later for earlier, later in itertools.pairwise(times_s))
    assert times_s[-1] < duration_s or len(times_s) == 1


@given(durations, rates, counts)
def test_times_are_a_step_apart(duration_s: float, fps: float, max_frames: int) -> None:
    times_s = sampling_times(duration_s, fps, max_frames)
    step_s = sampling_step_s(times_s, fps)

    assert step_s >= 1 / fps * (1 - 1e-6)
    assert all(math.isclose(index * step_s, time_s, abs_tol=1e-6) for index, time_s in enumerate(times_s))


def test_two_a_second() -> None:
    assert sampling_times(2.0, 2.0, 256) == (0.0, 0.5, 1.0, 1.5)
    assert sampling_times(2.1, 2.0, 256) == (0.0, 0.5, 1.0, 1.5, 2.0)


def test_long_videos_are_covered_to_their_end() -> None:
    times_s = sampling_times(1000.0, 2.0, 4)

    assert times_s == (0.0, 250.0, 500.0, 750.0)
    assert sampling_step_s(times_s, 2.0) == 250.0


def test_a_still_image_has_one_time() -> None:
    assert sampling_times(0.0, 2.0, 256) == (0.0,)
    assert sampling_step_s((0.0,), 2.0) == 0.5


@pytest.mark.parametrize(
    ("duration_s", "fps", "max_frames"),
    [(-1.0, 2.0, 1), (math.nan, 2.0, 1), (math.inf, 2.0, 1), (1.0, 0.0, 1), (1.0, math.nan, 1), (1.0, 2.0, 0)],
)
def test_refuses_nonsense(duration_s: float, fps: float, max_frames: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        sampling_times(duration_s, fps, max_frames)


def test_half_gaps_reach_to_the_nearest_neighbour() -> None:
    assert half_gaps([0.0, 1.0, 4.0]) == (0.5, 0.5, 1.5)
    assert half_gaps([3.0]) == (0.0,)
    assert half_gaps([]) == ()


@pytest.mark.parametrize("times_s", [[1.0, 0.5], [1.0, 1.0], [0.0, math.nan]])
def test_half_gaps_want_ascending_times(times_s: Sequence[float]) -> None:
    with pytest.raises(ValueError, match="ascend"):
        half_gaps(times_s)


def test_a_key_frame_in_reach_comes_first() -> None:
    assert choose_frame(frames("rrrrrk"), 0.2, half_gap_s=0.4) == 5


def test_a_reference_comes_before_a_nearer_frame_that_nothing_needs() -> None:
    assert choose_frame(frames("rooro"), 0.2, half_gap_s=0.25) == 3


def test_the_nearest_frame_stands_in_where_no_other_is_in_reach() -> None:
    assert choose_frame(frames("kooooo"), 0.4, half_gap_s=0.25) == 4
    assert choose_frame(frames("kooooo"), 9.0, half_gap_s=0.25) == 5


def test_of_two_equally_near_frames_the_earlier_stands() -> None:
    assert choose_frame([FrameStamp(0.0, OTHER), FrameStamp(1.0, OTHER)], 0.5, half_gap_s=0.0) == 0


def test_a_lone_target_is_taken_literally() -> None:
    assert choose_frames(frames("koooo"), [0.3]) == [3]


def test_reaches_are_capped() -> None:
    assert key_reach_s(60.0) == KEY_REACH_S
    assert choose_frame([FrameStamp(0.0, KEY), FrameStamp(6.0, OTHER)], 5.5, half_gap_s=60.0) == 1
    far = FrameStamp(6.0 + REFERENCE_REACH_S * 1.1, REFERENCE)
    assert choose_frame([FrameStamp(0.0, KEY), FrameStamp(6.0, OTHER), far], 6.0, half_gap_s=60.0) == 1


def test_refuses_to_choose_from_nothing() -> None:
    with pytest.raises(ValueError, match="no frame"):
        choose_frame([], 0.0, half_gap_s=1.0)


@given(stamps, targets)
def test_each_frame_is_chosen_once_and_in_order(shown: list[FrameStamp], times_s: list[float]) -> None:
    chosen = choose_frames(shown, times_s)

    assert chosen == sorted(set(chosen))
    assert 1 <= len(chosen) <= len(times_s)


@given(stamps, targets)
def test_no_cheaper_frame_of_the_cell_is_passed_over(shown: list[FrameStamp], times_s: list[float]) -> None:
    for target_s, half_gap_s in zip(times_s, half_gaps(times_s), strict=True):
        stamp = shown[choose_frame(shown, target_s, half_gap_s)]
        reach_s = min(half_gap_s, REFERENCE_REACH_S)
        cell = [other for other in shown if -reach_s <= other.pts_s - target_s < reach_s]
        assert stamp.kind <= min((max(other.kind, REFERENCE) for other in cell), default=OTHER)


@given(stamps, targets)
def test_frames_out_of_reach_do_not_matter(shown: list[FrameStamp], times_s: list[float]) -> None:
    """What makes it right to look at a part of the video around each target only."""
    for target_s, half_gap_s in zip(times_s, half_gaps(times_s), strict=True):
        reach_s = key_reach_s(half_gap_s)
        before = [stamp for stamp in shown if stamp.pts_s < target_s - reach_s][-1:]
        after = [stamp for stamp in shown if stamp.pts_s >= target_s + reach_s][:1]
        near = [stamp for stamp in shown if target_s - reach_s <= stamp.pts_s < target_s + reach_s]
        part = before + near + after
        whole_choice = shown[choose_frame(shown, target_s, half_gap_s)]
        assert part[choose_frame(part, target_s, half_gap_s)] == whole_choice


@given(st.integers(1, 50), st.sampled_from(FrameKind))
def test_asking_for_more_times_than_frames_gives_each_frame_once(count: int, kind: FrameKind) -> None:
    shown = [FrameStamp(index / 25, kind) for index in range(count)]

    assert choose_frames(shown, [index / 100 for index in range(4 * count)]) == list(range(count))


STEPS = {1: 1, 12: 1, 23.976: 1, 25: 1, 29.97: 1, 30: 1, 40: 1, 48: 2, 50: 2, 59.94: 2, 60: 2, 90: 3, 120: 4, 240: 8}
"""How many frames later the following one comes, by frames a second."""


@pytest.mark.parametrize(("rate_hz", "frames_later"), STEPS.items())
def test_pairs_show_alike_amounts_of_motion_at_all_usual_rates(rate_hz: float, frames_later: int) -> None:
    shown = frames("k" + 19 * "o", 1 / rate_hz)
    rounded = [FrameStamp(round(stamp.pts_s, 3), stamp.kind) for stamp in shown]  # as Matroska writes times

    assert [following_frame(shown, index) for index in range(10)] == [index + frames_later for index in range(10)]
    assert [following_frame(rounded, index) for index in range(10)] == [index + frames_later for index in range(10)]


def test_where_the_video_ends_sooner_its_last_frame_follows() -> None:
    shown = frames("kooo", 1 / 120)

    assert [following_frame(shown, index) for index in range(4)] == [3, 3, 3, None]


def test_of_two_equally_near_frames_the_earlier_follows() -> None:
    assert following_frame([FrameStamp(-FOLLOWING_S, KEY), FrameStamp(-0.25, OTHER), FrameStamp(0.25, OTHER)], 0) == 1


@given(crowded)
def test_a_frame_of_any_kind_may_follow(shown: list[FrameStamp]) -> None:
    others = [FrameStamp(stamp.pts_s, OTHER) for stamp in shown]

    for index in range(len(shown)):
        assert following_frame(shown, index) == following_frame(others, index)


@given(crowded)
def test_a_later_frame_follows_and_none_the_last(shown: list[FrameStamp]) -> None:
    follows = [following_frame(shown, index) for index in range(len(shown))]

    assert follows.pop() is None
    for index, after in enumerate(follows):
        assert after is not None
        assert after > index
        late = [shown[other].pts_s - shown[index].pts_s - FOLLOWING_S for other in range(index + 1, len(shown))]
        assert abs(late[after - index - 1]) == min(map(abs, late))


@given(crowded)
def test_pairs_never_overtake_each_other(shown: list[FrameStamp]) -> None:
    """What makes it right to give out pairs in the order of their first frames as soon as each is whole."""
    follows = [following_frame(shown, index) for index in range(len(shown) - 1)]

    assert all(
        earlier is not None and later is not None and earlier <= later for earlier, later in itertools.pairwise(follows)
    )


@given(crowded)
def test_frames_behind_the_first_late_enough_do_not_matter(shown: list[FrameStamp]) -> None:
    """What makes it right to read no further."""
    for index, stamp in enumerate(shown):
        needed = index + 1
        while needed < len(shown) and shown[needed - 1].pts_s < stamp.pts_s + FOLLOWING_S:
            needed += 1
        assert following_frame(shown[index:needed], 0) == (
            None if (after := following_frame(shown, index)) is None else after - index
        )
