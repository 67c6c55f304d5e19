"""Which frames of a report are shown, and what is shown of them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.explained import UNFAITHFUL, explainable
from tests.fakes import FakeDetector, make_face_score, make_report
from tests.unit.test_explanation_faces import FACE, explainer, opener, place

from dfd.casefile.moments import NO_FACES, key_frames_of
from dfd.errors import ExplanationUnavailable
from dfd.explanation.key_frames import MOST_MOMENTS, Jpeg, Moments, moments_of, places_that_counted
from dfd.explanation.videos import ExplainedVideos
from dfd.reporting import report_to_dict
from dfd.types import TrackScore


def decoded(jpeg: Jpeg) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(jpeg.content, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert picture is not None
    return np.asarray(picture)


def test_the_leading_face_is_shown_thrice_and_others_once() -> None:
    tracks = tuple(TrackScore(number, 0.0, 9.0, 20, 0.5, 100.0) for number in (3, 1, 2))
    scores = tuple(
        make_face_score(track_id=track, frame_index=n, pts_s=n * 0.5, fake_probability=0.5 + n / 100)
        for n in range(20)
        for track in (3, 1, 2)
    )
    found = places_that_counted(report_to_dict(make_report(tracks=tracks, face_scores=scores)))
    assert [(one.track_id, one.pts_s) for one in found] == [(3, 9.5), (3, 8.5), (3, 7.5), (1, 9.5), (2, 9.5)]


def test_frames_that_spoke_against_it_did_not_count_most() -> None:
    scores = tuple(
        make_face_score(frame_index=n, pts_s=n * 2.0, fake_probability=p) for n, p in enumerate((0.1, 0.9, 0.2, 0.3))
    )
    tracks = (TrackScore(0, 0.0, 6.0, 4, 0.375, 100.0),)
    report = report_to_dict(make_report(tracks=tracks, face_scores=scores))
    assert [one.pts_s for one in places_that_counted(report)] == [2.0]


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0, 60), st.floats(0, 1)), max_size=40))
def test_there_are_few_and_the_first_is_the_most_suspicious_of_the_leading_face(
    samples: list[tuple[int, float, float]],
) -> None:
    report = report_to_dict(make_report())
    report["face_scores"] = [
        {"track_id": track, "pts_s": pts_s, "fake_probability": probability, "box_px": [0, 0, 9, 9]}
        for track, pts_s, probability in samples
    ]
    by_track = {track: [p for other, _, p in samples if other == track] for track, _, _ in samples}
    ranked = sorted(by_track, key=lambda track: -sum(by_track[track]) / len(by_track[track]))
    report["tracks"] = [
        {"track_id": track, "fake_probability": sum(by_track[track]) / len(by_track[track])} for track in ranked
    ]
    found = places_that_counted(report)
    assert len(found) <= MOST_MOMENTS
    assert bool(found) == bool(samples)
    if found:
        assert (found[0].track_id, found[0].fake_probability) == (ranked[0], max(by_track[ranked[0]]))


def test_a_moment_shows_frame_crop_and_evidence() -> None:
    ticks: list[int] = []
    with opener().open(Path("clip.mp4")) as source:
        moments = moments_of(source, explainer(), [place(pts_s=0.5)], lambda: ticks.append(1))
    [moment] = moments.shown
    assert (moments.no_maps, moments.missing, len(ticks)) == (None, 0, 1)
    assert decoded(moment.frame).shape == (moment.frame.height_px, moment.frame.width_px, 3)
    assert (moment.frame.width_px, moment.frame.height_px) == (400, 300)
    assert moment.face.width_px == moment.face.height_px == 300
    assert moment.evidence is not None
    assert (decoded(moment.evidence) != decoded(moment.face)).any()


def test_the_box_is_drawn_around_the_face() -> None:
    with opener().open(Path("clip.mp4")) as source:
        [moment] = moments_of(source, explainer(), [place()], lambda: None).shown
    scale = moment.frame.height_px / 90
    picture = decoded(moment.frame).astype(int)
    left, middle = round(FACE.box.x1_px * scale), round((FACE.box.y1_px + FACE.box.y2_px) / 2 * scale)
    red, green, blue = picture[middle - 20 : middle + 20, left].mean(axis=0)
    assert red > blue + 60
    assert green > blue + 60


def test_a_face_that_is_not_found_again_is_told() -> None:
    elsewhere = explainer(detector=FakeDetector([FACE]))
    with opener().open(Path("clip.mp4")) as source:
        far = place(box=FACE.box.scaled(0.2))
        moments = moments_of(source, elsewhere, [place(), far], lambda: None)
    assert (len(moments.shown), moments.missing) == (1, 1)
    assert "1 of them could not be found again" in key_frames_of(moments, report_to_dict(make_report())).note


def test_why_there_are_no_maps_is_told() -> None:
    with opener().open(Path("clip.mp4")) as source:
        moments = moments_of(source, explainer(explainable(maps=UNFAITHFUL)), [place()], lambda: None)
    assert moments.shown[0].evidence is None
    assert (
        "No heat maps are shown: heat maps did not pass" in key_frames_of(moments, report_to_dict(make_report())).note
    )
    assert key_frames_of(Moments(()), report_to_dict(make_report())) == NO_FACES


def test_pictures_are_of_the_model_that_made_the_report() -> None:
    report = report_to_dict(make_report())
    report["model"]["weights_sha256"] = "00" * 32
    with pytest.raises(ExplanationUnavailable, match="another answers now"):
        ExplainedVideos(opener(), explainer()).moments(Path("clip.mp4"), report)
