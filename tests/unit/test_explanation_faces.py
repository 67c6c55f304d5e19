"""Finding faces again, explaining them, drawing them, and refusing what was not measured."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.explained import LANDMARKS, UNFAITHFUL, explainable, make_record, texture
from tests.fakes import (
    FakeBackend,
    FakeDetector,
    FakeVideoOpener,
    make_detection,
    make_face_score,
    make_manifest,
    make_report,
    make_video_info,
)

from dfd.cropping import crop_face, landmarks_in_crop
from dfd.errors import ExplanationUnavailable, FaceNotFound, ModelCorrupt
from dfd.explanation import drawing
from dfd.explanation.explaining import FACES_PER_TRACK, MOST_TRACKS, ExplainedFace, Explainer
from dfd.explanation.faces import FacePlace, find_face, place_at, places_of, spread
from dfd.explanation.regions import Region
from dfd.explanation.shapley import REGION_CALLS
from dfd.explanation.videos import ExplainedVideos, Form
from dfd.faithfulness import Faithfulness, Figure
from dfd.manifest import Alignment, ModelManifest
from dfd.pipeline import AnalysisOptions, Analyzer
from dfd.reporting import report_to_dict
from dfd.types import BoundingBox, FaceDetection, FloatArray, ImageU8, TrackScore

SIDE = 64
CONTRACT = replace(make_manifest().input, crop_margin=0.0)
FACE = make_detection(16, 8, SIDE, landmarks_px=LANDMARKS + np.array([16, 8], np.float32))
PATH = Path("clip.mp4")


def scene(index: int, time_s: float) -> ImageU8:
    """A frame of noise, 120x90."""
    return np.tile(texture(), (2, 2, 1))[:90, :120]


def opener() -> FakeVideoOpener:
    return FakeVideoOpener(make_video_info(width_px=120, height_px=90), paint=scene)


def place(track_id: int = 0, pts_s: float = 0.0, probability: float = 0.9, box: BoundingBox = FACE.box) -> FacePlace:
    return FacePlace(track_id, pts_s, box, probability)


def contrast_of_mouth(crop: FloatArray) -> float:
    return 8.0 * float(((crop[40:48, 26:38] - 0.5) ** 2).mean())


def manifest_of(manifest: ModelManifest | None = None) -> ModelManifest:
    return replace(manifest or explainable(), input=CONTRACT)


def explainer(manifest: ModelManifest | None = None, detector: FakeDetector | None = None) -> Explainer:
    return Explainer(detector or FakeDetector([FACE]), FakeBackend(contrast_of_mouth), manifest_of(manifest))


# --- where points lie in a crop -----------------------------------------------------------------------------------


@given(st.floats(-0.6, 0.6), st.floats(30, 60), st.floats(60, 90), st.floats(50, 70))
@settings(max_examples=30, deadline=None)
def test_a_point_of_the_frame_is_found_in_the_crop(angle: float, side: float, x: float, y: float) -> None:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (turn @ ((LANDMARKS - 32) / 64 * side).T).T + np.array([x, y])
    face = make_detection(x - side / 2, y - side / 2, side, landmarks_px=points.astype(np.float32))
    contract = replace(CONTRACT, alignment=Alignment.EYES, crop_margin=0.2, size_px=96)
    rows, columns = np.indices((120, 150)) + 0.5
    spot = 255 * np.exp(-((columns - points[3][0]) ** 2 + (rows - points[3][1]) ** 2) / 8)
    image = np.repeat(np.round(spot).astype(np.uint8)[..., None], 3, axis=2)
    crop = crop_face(image, face, contract)[..., 0].astype(np.float64)
    rows, columns = np.indices(crop.shape) + 0.5
    middle = np.array([(columns * crop).sum(), (rows * crop).sum()]) / crop.sum()
    inside = landmarks_in_crop(face, contract)
    assert inside is not None
    assert np.abs(inside[3] - middle).max() < 1.0
    assert inside[0][1] == pytest.approx(inside[1][1], abs=1e-2)


def test_a_face_without_landmarks_has_none_in_its_crop() -> None:
    assert landmarks_in_crop(make_detection(), CONTRACT) is None


# --- which face is meant ------------------------------------------------------------------------------------------

PLACES = [place(0, 0.0, 0.4), place(1, 0.0, 0.7), place(0, 0.5, 0.9), place(0, 1.0, 0.9)]


def test_the_nearest_sampled_face_of_the_track_is_meant() -> None:
    assert place_at(PLACES, 0, 0.6, 0.5) is PLACES[2]
    assert place_at(PLACES, 1, 0.4, 0.5) is PLACES[1]
    assert place_at(PLACES, 0, 0.25, 0.5) is PLACES[0]  # of equally near ones the earlier


def test_without_a_time_the_most_suspicious_face_is_meant() -> None:
    assert place_at(PLACES, None, None, 0.5) is PLACES[2]
    assert place_at(PLACES, 1, None, 0.5) is PLACES[1]


@pytest.mark.parametrize(
    ("places", "track", "time_s", "words"),
    [
        ([], None, None, "no face was found"),
        (PLACES, 7, None, "no face track 7; there are 0, 1"),
        (PLACES, 1, 0.6, "nearest is at 0 s"),
        (PLACES, None, 9.0, "nearest is at 1 s"),
    ],
)
def test_a_face_that_is_not_there_is_told(
    places: list[FacePlace], track: int | None, time_s: float | None, words: str
) -> None:
    with pytest.raises(FaceNotFound, match=words):
        place_at(places, track, time_s, 0.5)


@given(st.integers(1, 60), st.integers(1, 8))
def test_faces_of_a_track_are_spread_over_it(count: int, most: int) -> None:
    places = [place(pts_s=float(number)) for number in range(count)]
    chosen = spread(places, most)
    times = [one.pts_s for one in chosen]
    assert len(chosen) == min(count, most)
    assert times == sorted(set(times))
    assert abs(np.mean(times) - (count - 1) / 2) <= 0.51


def test_the_places_of_a_report_are_those_of_its_scores() -> None:
    report = make_report()
    assert places_of(report_to_dict(report)) == [FacePlace.of(score) for score in report.face_scores]


# --- finding it again ---------------------------------------------------------------------------------------------


def test_the_crop_is_the_one_that_was_scored() -> None:
    with opener().open(PATH) as source:
        found = find_face(source, FakeDetector([FACE]), place(), CONTRACT)
    assert np.array_equal(found.crop, crop_face(scene(0, 0.0), FACE, CONTRACT))
    assert found.landmarks_px is not None
    assert np.allclose(found.landmarks_px, LANDMARKS, atol=0.01)


def test_of_several_faces_the_one_in_the_box_is_found() -> None:
    other = make_detection(80, 50, 20, score=0.99)
    with opener().open(PATH) as source:
        assert find_face(source, FakeDetector([other, FACE]), place(), CONTRACT).detection == FACE


def test_a_face_elsewhere_is_not_taken_for_it() -> None:
    with opener().open(PATH) as source, pytest.raises(FaceNotFound, match="not found again"):
        find_face(source, FakeDetector([make_detection(80, 50, 20)]), place(), CONTRACT)


def test_where_no_face_is_found_the_box_stands_for_it() -> None:
    with opener().open(PATH) as source:
        found = find_face(source, FakeDetector([]), place(), CONTRACT)
    assert found.detection == FaceDetection(FACE.box, 0.0)
    assert found.landmarks_px is None


# --- explaining ---------------------------------------------------------------------------------------------------


def test_a_face_is_explained_by_what_the_model_looks_at() -> None:
    with opener().open(PATH) as source:
        face = explainer().explained(source, place())
    assert face.heat[40:48, 26:38].mean() > 0.4
    assert np.abs(face.heat[:20]).mean() < 0.2


def test_the_regions_of_a_track_are_the_mean_of_some_faces() -> None:
    backend = FakeBackend(contrast_of_mouth)
    one = Explainer(FakeDetector([FACE]), backend, manifest_of())
    with opener().open(PATH) as source:
        found = one.track_regions(source, [place(pts_s=float(number)) for number in range(10)])
    assert sum(backend.batch_sizes) == REGION_CALLS * FACES_PER_TRACK
    assert [entry.region for entry in found] == list(Region)
    assert max(found, key=lambda entry: entry.evidence_logit).region == Region.MOUTH
    assert sum(entry.area_share for entry in found) == pytest.approx(1.0)


def test_without_landmarks_there_are_no_regions() -> None:
    with opener().open(PATH) as source, pytest.raises(ExplanationUnavailable, match="landmarks"):
        explainer(detector=FakeDetector([make_detection(16, 8, SIDE)])).track_regions(source, [place()])


BARE = make_manifest()


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (BARE, "deepfake/1 were not measured"),
        (explainable(weights_sha256="0" * 64), "other weights"),
        (explainable(method="other"), "another method, other"),
        (explainable(maps=UNFAITHFUL, regions=UNFAITHFUL), "did not pass"),
    ],
)
def test_what_was_not_measured_to_be_faithful_is_not_shown(manifest: ModelManifest, words: str) -> None:
    one = explainer(manifest)
    with opener().open(PATH) as source:
        with pytest.raises(ExplanationUnavailable, match=words):
            one.explained(source, place())
        with pytest.raises(ExplanationUnavailable, match=words):
            one.track_regions(source, [place()])


def test_maps_and_regions_are_refused_each_on_its_own() -> None:
    explainer(explainable(maps=UNFAITHFUL)).check_regions()
    with pytest.raises(ExplanationUnavailable, match="heat maps did not pass"):
        explainer(explainable(maps=UNFAITHFUL)).check_maps()
    explainer(explainable(regions=UNFAITHFUL)).check_maps()
    with pytest.raises(ExplanationUnavailable, match="evidence by region did not pass"):
        explainer(explainable(regions=UNFAITHFUL)).check_regions()


# --- what the manifest says ---------------------------------------------------------------------------------------


def test_the_record_survives_the_manifest(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    explainable().write(path)
    assert ModelManifest.read(path) == explainable()
    assert "explanation" not in BARE.to_dict()


def test_a_record_cannot_pass_by_its_word() -> None:
    data = explainable(maps=UNFAITHFUL).to_dict()
    assert data["explanation"]["passed"] == {"maps": False, "regions": True}
    data["explanation"]["passed"]["maps"] = True
    with pytest.raises(ModelCorrupt, match="figures of the explanation"):
        ModelManifest.from_dict(data)


@pytest.mark.parametrize("beyond", [{}, {"centre": (Figure(0, 0, 0), Figure(0, 0, 0))}])
def test_faithfulness_is_judged_beside_chance(beyond: dict[str, tuple[Figure, Figure]]) -> None:
    with pytest.raises(ValueError, match="random order"):
        Faithfulness(Figure(0, 0, 0), Figure(0, 0, 0), beyond, {"last_layer": Figure(0, 0, 0)})


def test_every_failure_is_named() -> None:
    assert len(UNFAITHFUL.failures) == 2
    assert "deletion" in UNFAITHFUL.failures[0]
    assert "last_layer" in UNFAITHFUL.failures[1]
    assert make_record(BARE).passed == {"maps": True, "regions": True}


# --- pictures -----------------------------------------------------------------------------------------------------


def decoded(content: bytes) -> ImageU8:
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    return np.asarray(picture)


@pytest.mark.parametrize(("value", "colour"), [(1.0, drawing.FAKE_RGB), (-1.0, drawing.REAL_RGB)])
def test_evidence_has_the_colour_of_what_it_speaks_for(value: float, colour: tuple[int, int, int]) -> None:
    grey = np.full((8, 8, 3), 128, np.uint8)
    heat = np.zeros((8, 8), np.float32)
    heat[:4] = value
    drawn = drawing.overlaid(grey, heat).astype(int)
    assert np.array_equal(drawn[4:], grey[4:])
    assert (np.abs(drawn[0, 0] - colour) < np.abs(grey[0, 0].astype(int) - colour) + 1).all()


def test_the_forms_of_a_map() -> None:
    heat = np.linspace(-1, 1, SIDE**2, dtype=np.float32).reshape(SIDE, SIDE)
    face = ExplainedFace(place(), texture(), heat, (4 * SIDE, 2 * SIDE), np.array([[1.0, 0, SIDE], [0, 1, 5]]))
    sheet, overlay, layer = (
        decoded(content) for content in (face.sheet_png(100), face.overlay_png(100), face.layer_png(100))
    )
    assert sheet.shape[0] == 100
    assert sheet.shape[1] > 200
    assert np.array_equal(sheet[:, 100:200], overlay)
    assert layer.shape == (100, 100, 4)
    assert layer[50, 50, 3] < 10 < layer[0, 0, 3]


def test_a_map_for_the_whole_frame_lies_where_the_face_is() -> None:
    heat = np.ones((SIDE, SIDE), np.float32)
    to_frame = np.array([[0.5, 0, SIDE], [0, 0.5, 5]])  # half as large, to the right and a little down
    face = ExplainedFace(place(), texture(), heat, (4 * SIDE, 2 * SIDE), to_frame)
    layer = decoded(face.frame_layer_png(4 * SIDE))
    assert layer.shape == (2 * SIDE, 4 * SIDE, 4)
    rows, columns = np.nonzero(layer[..., 3] > 100)
    assert (columns.min(), rows.min()) == pytest.approx((SIDE, 5), abs=1)
    assert (columns.max(), rows.max()) == pytest.approx((1.5 * SIDE, 5 + SIDE / 2), abs=1)
    assert not layer[:, : SIDE - 2, 3].any()
    assert decoded(face.frame_layer_png(2 * SIDE)).shape == (SIDE, 2 * SIDE, 4)
    assert decoded(face.frame_layer_png(9 * SIDE)).shape == layer.shape  # never larger than the frame


def test_a_thumbnail_shows_the_face_and_what_is_around_it() -> None:
    with opener().open(PATH) as source:
        picture = decoded(explainer(BARE).thumbnail_jpeg(source, place(), 80))
    assert picture.shape == (80, 80, 3)
    assert picture.std() > 10


# --- from a file and its report -----------------------------------------------------------------------------------


def test_pictures_are_made_from_a_file_and_its_report() -> None:
    report = report_to_dict(make_report(face_scores=(make_face_score(box=FACE.box),)))
    videos = ExplainedVideos(opener(), explainer())
    meant = videos.place(report, 0, 0.1)
    made = {form: videos.heat_map_png(PATH, report, meant, form, 64) for form in Form}
    assert len({decoded(picture).shape for picture in made.values()}) == len(Form)
    assert decoded(videos.face_jpeg(PATH, meant, 48)).shape == (48, 48, 3)
    assert len(videos.track_regions(PATH, report, 0)) == len(Region)
    with pytest.raises(FaceNotFound):
        videos.track_regions(PATH, report, 3)


def test_a_report_of_another_model_is_not_explained() -> None:
    report = report_to_dict(make_report(model=replace(make_report().model, weights_sha256="0" * 64)))
    videos = ExplainedVideos(opener(), explainer())
    with pytest.raises(ExplanationUnavailable, match="another answers now"):
        videos.heat_map_png(PATH, report, place())
    with pytest.raises(ExplanationUnavailable, match="another answers now"):
        videos.track_regions(PATH, report, 0)


# --- within an analysis -------------------------------------------------------------------------------------------


def analyzed(manifest: ModelManifest, detector: FakeDetector | None = None, explain: bool = False) -> dict[str, Any]:
    analyzer = Analyzer(
        opener(), detector or FakeDetector([FACE]), FakeBackend(contrast_of_mouth), manifest_of(manifest)
    )
    return report_to_dict(analyzer.analyze(Path(__file__), AnalysisOptions(explain=explain)))


def test_an_analysis_explains_when_it_is_asked_to() -> None:
    told = analyzed(explainable(), explain=True)
    assert told["explanation"] == {"unavailable": None}
    (track,) = told["tracks"]
    assert [one["region"] for one in track["regions"]] == [region.value for region in Region]
    assert "explain" in told["timings_ms"]


def test_an_analysis_says_why_it_does_not_explain() -> None:
    told = analyzed(BARE, explain=True)
    assert "not measured" in told["explanation"]["unavailable"]
    assert told["tracks"][0]["regions"] is None
    unasked = analyzed(explainable())
    assert "explanation" not in unasked
    assert "regions" not in unasked["tracks"][0]


def test_an_explanation_changes_no_answer() -> None:
    asked, unasked = analyzed(explainable(), explain=True), analyzed(explainable())
    for name in ("verdict", "fake_probability", "face_scores", "coverage"):
        assert asked[name] == unasked[name]


def test_of_a_crowd_only_so_many_tracks_are_explained() -> None:
    tracks = [TrackScore(number, 0.0, 0.0, 1, 0.9, 64.0) for number in range(MOST_TRACKS + 2)]
    scores = [make_face_score(track_id=number, box=FACE.box) for number in range(MOST_TRACKS + 2)]
    ticks: list[int] = []
    with opener().open(PATH) as source:
        found = explainer().track_explanation(source, tracks, scores, lambda: ticks.append(1))
    assert list(found.regions) == list(range(MOST_TRACKS))
    assert len(ticks) == MOST_TRACKS
