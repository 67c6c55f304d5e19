"""Each line of the verdict rule, then its properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import make_face_score

from dfd.aggregation import Outcome, VerdictRule, by_track, decide, score_tracks
from dfd.types import FaceQuality, FaceScore, Reason, Verdict

RULE = VerdictRule(threshold=0.5, inconclusive_margin=0.05, min_face_frames=3)
SUSPICION = [Verdict.REAL, Verdict.INCONCLUSIVE, Verdict.FAKE]
Weak = dict[int, tuple[Reason, ...]]


def track(track_id: int, *probabilities: float) -> list[FaceScore]:
    return [
        make_face_score(track_id=track_id, frame_index=index, pts_s=index / 2, fake_probability=probability)
        for index, probability in enumerate(probabilities)
    ]


def judge(
    scores: list[FaceScore], weak: Weak | None = None, remarks: tuple[Reason, ...] = (), rule: VerdictRule = RULE
) -> Outcome:
    weak = weak or {}
    return decide(score_tracks(scores, weak, rule.min_face_frames), weak, rule, remarks)


def test_a_track_has_the_mean_of_its_faces_and_spans_their_times() -> None:
    scores = track(7, 0.25, 0.5, 0.75)
    sides = (10.0, 100.0, 30.0)
    scores = [
        make_face_score(
            track_id=score.track_id,
            pts_s=score.pts_s,
            fake_probability=score.fake_probability,
            quality=FaceQuality(face_side_px=side, brightness=0.5, sharpness=1.0),
        )
        for score, side in zip(scores, sides, strict=True)
    ]
    (result,) = score_tracks(scores, {}, 3)
    assert result.fake_probability == pytest.approx(0.5)
    assert (result.track_id, result.face_count, result.start_s, result.end_s) == (7, 3, 0.0, 1.0)
    assert result.median_face_side_px == 30.0


def test_the_leading_track_is_supported_before_it_is_long_before_it_is_suspicious() -> None:
    scores = [
        *track(0, 0.99),
        *track(1, 0.7, 0.7, 0.7),
        *track(2, 0.25, 0.25, 0.25),
        *track(3, 0.875, 0.875, 0.875),
        *track(4, 0.7, 0.7, 0.7),
    ]
    weak = {3: (Reason.TOO_DARK,)}
    assert [found.track_id for found in score_tracks(scores, weak, 3)] == [1, 4, 2, 3, 0]


def test_no_track_is_inconclusive_without_a_probability() -> None:
    assert judge([]) == Outcome(Verdict.INCONCLUSIVE, (Reason.NO_FACE,), None)


def test_too_few_faces_are_inconclusive_and_the_probability_is_still_told() -> None:
    assert judge(track(0, 0.99, 0.99)) == Outcome(Verdict.INCONCLUSIVE, (Reason.TOO_FEW_FRAMES,), 0.99)


@pytest.mark.parametrize("reason", [Reason.FACE_TOO_SMALL, Reason.TOO_DARK, Reason.TOO_BLURRY, Reason.UNLIKE_TRAINING])
def test_a_weak_face_alone_is_inconclusive(reason: Reason) -> None:
    outcome = judge(track(0, 0.875, 0.875, 0.875), {0: (reason,)})
    assert (outcome.verdict, outcome.reasons) == (Verdict.INCONCLUSIVE, (reason,))


def test_everything_the_leading_track_lacks_is_listed() -> None:
    outcome = judge(track(0, 0.51), {0: (Reason.TOO_BLURRY, Reason.FACE_TOO_SMALL)})
    assert outcome.reasons == (
        Reason.TOO_FEW_FRAMES,
        Reason.FACE_TOO_SMALL,
        Reason.TOO_BLURRY,
        Reason.NEAR_THRESHOLD,
    )


@pytest.mark.parametrize(
    ("probability", "verdict"),
    [
        (0.0, Verdict.REAL),
        (0.44, Verdict.REAL),
        (0.46, Verdict.INCONCLUSIVE),
        (0.5, Verdict.INCONCLUSIVE),
        (0.54, Verdict.INCONCLUSIVE),
        (0.56, Verdict.FAKE),
        (1.0, Verdict.FAKE),
    ],
)
def test_the_verdict_depends_on_the_distance_to_the_threshold(probability: float, verdict: Verdict) -> None:
    outcome = judge(track(0, probability, probability, probability))
    assert outcome.verdict is verdict
    assert outcome.reasons == ((Reason.NEAR_THRESHOLD,) if verdict is Verdict.INCONCLUSIVE else ())


def test_without_a_margin_the_threshold_itself_is_fake() -> None:
    rule = VerdictRule(threshold=0.25, inconclusive_margin=0.0, min_face_frames=1)
    assert decide(score_tracks(track(0, 0.25), {}, 1), {}, rule).verdict is Verdict.FAKE
    assert decide(score_tracks(track(0, 0.2499), {}, 1), {}, rule).verdict is Verdict.REAL


def test_few_faces_widen_the_margin() -> None:
    rule = VerdictRule(threshold=0.5, inconclusive_margin=0.03, min_face_frames=3, frame_spread=0.08)
    at = {n: judge(track(0, *[0.5 + 0.0451] * n), rule=rule).verdict for n in (3, 4, 6, 100)}
    # the margins are 0.0551, 0.05, 0.0443 and 0.0310
    assert at == {3: Verdict.INCONCLUSIVE, 4: Verdict.INCONCLUSIVE, 6: Verdict.FAKE, 100: Verdict.FAKE}
    assert judge(track(0, *[0.5 - 0.0451] * 4), rule=rule).reasons == (Reason.NEAR_THRESHOLD,)


def test_a_long_fake_track_decides_though_a_shorter_one_is_more_suspicious_but_unsure() -> None:
    rule = VerdictRule(threshold=0.5, inconclusive_margin=0.05, min_face_frames=3, frame_spread=0.3)
    scores = [*track(0, *[0.65] * 3), *track(1, *[0.64] * 30)]
    assert judge(scores, rule=rule) == Outcome(Verdict.FAKE, (), 0.65)
    assert judge(track(0, *[0.65] * 3), rule=rule).verdict is Verdict.INCONCLUSIVE


def test_a_short_unsure_track_keeps_the_video_from_being_real() -> None:
    rule = VerdictRule(threshold=0.5, inconclusive_margin=0.05, min_face_frames=3, frame_spread=0.3)
    scores = [*track(0, *[0.42] * 100), *track(1, *[0.41] * 3)]
    assert judge(scores, rule=rule) == Outcome(Verdict.INCONCLUSIVE, (Reason.NEAR_THRESHOLD,), 0.42)


def test_few_faces_do_not_make_doubts_smaller() -> None:
    rule = VerdictRule(threshold=0.5, inconclusive_margin=0.05, min_face_frames=3, frame_spread=0.3)
    fragments = [*track(1, 0.6), *track(2, 0.6, 0.6)]
    assert judge([*track(0, *[0.0] * 9), *fragments], rule=rule).verdict is Verdict.INCONCLUSIVE


def test_one_fake_face_among_real_ones_makes_the_video_fake() -> None:
    assert judge([*track(0, 0.125, 0.125, 0.125), *track(1, 0.875, 0.875, 0.875)]) == Outcome(Verdict.FAKE, (), 0.875)


def test_a_weak_second_face_does_not_touch_a_fake_verdict() -> None:
    scores = [*track(0, 0.875, 0.875, 0.875), *track(1, 0.99), *track(2, 0.125, 0.125, 0.125)]
    assert judge(scores, {2: (Reason.TOO_DARK,)}) == Outcome(Verdict.FAKE, (), 0.875)


@pytest.mark.parametrize("probability", [0.0, 0.3, 0.54])
def test_a_weak_second_face_that_does_not_look_fake_does_not_touch_a_real_verdict(probability: float) -> None:
    scores = [*track(0, 0.125, 0.125, 0.125), *track(1, *[probability] * 5), *track(2, probability)]
    assert judge(scores, {1: (Reason.FACE_TOO_SMALL,)}) == Outcome(Verdict.REAL, (), 0.125)


def test_a_weak_second_face_that_looks_fake_throughout_leaves_doubt() -> None:
    scores = [*track(0, 0.125, 0.125, 0.125), *track(1, 0.875, 0.875, 0.875)]
    assert judge(scores, {1: (Reason.FACE_TOO_SMALL,)}) == Outcome(
        Verdict.INCONCLUSIVE, (Reason.FACE_TOO_SMALL,), 0.125
    )


def test_fragments_that_look_fake_add_up_to_doubt() -> None:
    fragments = [*track(1, 0.875), *track(2, 0.875, 0.875)]
    outcome = judge([*track(0, 0.125, 0.125, 0.125), *fragments])
    assert (outcome.verdict, outcome.reasons) == (Verdict.INCONCLUSIVE, (Reason.TOO_FEW_FRAMES,))


def test_a_glimpse_that_looks_fake_is_mentioned_but_does_not_undo_a_real_verdict() -> None:
    outcome = judge([*track(0, 0.125, 0.125, 0.125), *track(1, 0.875, 0.875)])
    assert outcome == Outcome(Verdict.REAL, (Reason.TOO_FEW_FRAMES,), 0.125)


def test_two_supported_real_faces_are_real() -> None:
    assert judge([*track(0, 0.125, 0.125, 0.125), *track(1, 0.25, 0.25, 0.25)]) == Outcome(Verdict.REAL, (), 0.25)


def test_a_supported_face_near_the_threshold_keeps_the_video_from_being_real() -> None:
    outcome = judge([*track(0, 0.125, 0.125, 0.125), *track(1, 0.49, 0.49, 0.49)])
    assert (outcome.verdict, outcome.reasons) == (Verdict.INCONCLUSIVE, (Reason.NEAR_THRESHOLD,))


@pytest.mark.parametrize("probability", [0.125, 0.875])
def test_remarks_are_listed_and_leave_the_verdict_alone(probability: float) -> None:
    scores = track(0, *[probability] * 3)
    outcome = judge(scores, remarks=(Reason.DECODE_INCOMPLETE,))
    assert outcome.verdict is judge(scores).verdict
    assert outcome.reasons == (Reason.DECODE_INCOMPLETE,)


def test_a_damaged_video_without_a_face_says_both() -> None:
    assert judge([], remarks=(Reason.DECODE_INCOMPLETE,)).reasons == (Reason.NO_FACE, Reason.DECODE_INCOMPLETE)


probabilities = st.floats(0, 1, width=32)
face_scores = st.lists(
    st.builds(
        make_face_score,
        track_id=st.integers(0, 4),
        frame_index=st.integers(0, 20),
        pts_s=st.floats(0, 10),
        fake_probability=probabilities,
    ),
    max_size=24,
)
weaknesses = st.dictionaries(
    st.integers(0, 4),
    st.lists(
        st.sampled_from([Reason.FACE_TOO_SMALL, Reason.TOO_DARK, Reason.TOO_BLURRY, Reason.UNLIKE_TRAINING]),
        unique=True,
    ).map(tuple),
)
rules = st.builds(
    VerdictRule,
    threshold=st.floats(0.1, 0.9),
    inconclusive_margin=st.floats(0, 0.3),
    min_face_frames=st.integers(1, 4),
    frame_spread=st.sampled_from([0.0, 0.1, 0.5]),
)


@given(scores=face_scores, weak=weaknesses, data=st.data())
def test_the_order_of_the_faces_does_not_matter(scores: list[FaceScore], weak: Weak, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(scores))
    assert score_tracks(scores, weak, 3) == score_tracks(shuffled, weak, 3)


@given(scores=face_scores.filter(bool), weak=weaknesses, rule=rules, data=st.data())
def test_a_higher_score_never_makes_the_verdict_less_suspicious(
    scores: list[FaceScore], weak: Weak, rule: VerdictRule, data: st.DataObject
) -> None:
    raised = list(scores)
    position = data.draw(st.integers(0, len(scores) - 1))
    higher = data.draw(st.floats(scores[position].fake_probability, 1, width=32))
    raised[position] = make_face_score(
        track_id=scores[position].track_id, pts_s=scores[position].pts_s, fake_probability=higher
    )
    before, after = judge(scores, weak, rule=rule), judge(raised, weak, rule=rule)
    assert SUSPICION.index(after.verdict) >= SUSPICION.index(before.verdict)
    assert before.fake_probability is not None
    assert after.fake_probability is not None
    assert after.fake_probability >= before.fake_probability


@given(scores=face_scores, weak=weaknesses)
def test_tracks_are_bounded_by_their_faces_and_lose_none(scores: list[FaceScore], weak: Weak) -> None:
    tracks = score_tracks(scores, weak, 3)
    members = by_track(scores)
    assert {track.track_id: track.face_count for track in tracks} == {
        track_id: len(faces) for track_id, faces in members.items()
    }
    for found in tracks:
        inside = [face.fake_probability for face in members[found.track_id]]
        assert min(inside) <= found.fake_probability <= max(inside)


@given(scores=face_scores, weak=weaknesses)
def test_only_real_and_fake_verdicts_can_do_without_a_reason(scores: list[FaceScore], weak: Weak) -> None:
    outcome = judge(scores, weak)
    assert outcome.reasons or outcome.verdict is not Verdict.INCONCLUSIVE
    assert (outcome.fake_probability is None) == (not scores)
