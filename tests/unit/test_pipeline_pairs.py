"""The pipeline with a model that looks at two frames, over fakes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.fakes import (
    FakeBackend,
    FakeDetector,
    FakeVideoOpener,
    make_detection,
    make_manifest,
    numbered_image,
)

from dfd.manifest import Layout, ModelManifest
from dfd.pipeline import AnalysisOptions, Analyzer
from dfd.report import Report
from dfd.types import FaceDetection, FloatArray, ImageU8, Reason

ONE = make_manifest()
PAIRS = make_manifest(input=replace(ONE.input, frames=2))
OPTIONS = AnalysisOptions(quality=replace(AnalysisOptions().quality, min_face_side_px=1.0))
STEP = 100
"""What the following picture's number is higher by."""


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"not read by the fake opener, but hashed")
    return path


def following(index: int, time_s: float) -> ImageU8 | None:
    """The picture after each frame but the last."""
    return numbered_image(index + STEP) if index < 5 else None


def analyse(
    clip: Path,
    manifest: ModelManifest = PAIRS,
    *,
    paint_next: Callable[[int, float], ImageU8 | None] = following,
    faces: Sequence[FaceDetection] = (make_detection(),),
    options: AnalysisOptions = OPTIONS,
) -> tuple[Report, list[FloatArray]]:
    """The report, and what the model was fed, face by face."""
    fed: list[FloatArray] = []

    def note(crop: FloatArray) -> float:
        fed.append(crop)
        return 2.0

    opener = FakeVideoOpener(paint_next=paint_next)
    report = Analyzer(opener, FakeDetector(faces), FakeBackend(note), manifest).analyze(clip, options)
    return report, fed


def numbers(crop: FloatArray) -> tuple[int, int]:
    """The numbers of both pictures of a pair, ``(S, S, 6)`` in [0, 1]; each is flat, as is a pair's blue channel."""
    first, second = np.unique(np.rint(crop[..., 2] * 255)), np.unique(np.rint(crop[..., 5] * 255))
    (first_number,), (second_number,) = first.tolist(), second.tolist()
    return int(first_number), int(second_number)


def test_each_face_comes_with_its_own_of_the_following_frame(clip: Path) -> None:
    report, fed = analyse(clip)

    assert [numbers(crop) for crop in fed] == [(0, 100), (1, 101), (2, 102), (3, 103), (4, 104), (5, 5)]
    assert report.fake_probability == pytest.approx(1 / (1 + math.exp(-2.0)))


def test_several_faces_are_cut_from_both_pictures(clip: Path) -> None:
    def halves(index: int, time_s: float) -> ImageU8:
        image = numbered_image(index + STEP)
        image[:, 32:, 2] += 50
        return image

    faces = (make_detection(x1_px=2, side_px=20, score=0.9), make_detection(x1_px=40, side_px=20, score=0.8))
    _, fed = analyse(clip, paint_next=halves, faces=faces)

    assert [numbers(crop) for crop in fed[:4]] == [(0, 100), (0, 150), (1, 101), (1, 151)]


def test_channels_first_holds_the_same(clip: Path) -> None:
    _, fed = analyse(clip)
    _, turned = analyse(clip, replace(PAIRS, input=replace(PAIRS.input, layout=Layout.NCHW)))

    assert np.array_equal(np.stack(turned).transpose(0, 2, 3, 1), np.stack(fed))


def test_a_model_of_one_frame_never_asks_for_the_next(clip: Path) -> None:
    asked: list[int] = []

    def note(index: int, time_s: float) -> ImageU8:
        asked.append(index)
        return numbered_image(index)

    _, fed = analyse(clip, ONE, paint_next=note)

    assert asked == []
    assert {crop.shape for crop in fed} == {(64, 64, 3)}


def test_centre_squares_come_in_pairs_too(clip: Path) -> None:
    report, fed = analyse(clip, faces=(), options=replace(OPTIONS, no_face_fallback=True))

    assert report.reasons == (Reason.NO_FACE_FALLBACK,)
    assert [numbers(crop) for crop in fed] == [(0, 100), (1, 101), (2, 102), (3, 103), (4, 104), (5, 5)]


def test_quality_is_that_of_the_frame_itself(clip: Path) -> None:
    dark, _ = analyse(clip, paint_next=lambda index, time_s: np.zeros((48, 64, 3), np.uint8))
    single, _ = analyse(clip, ONE)

    assert [score.quality for score in dark.face_scores] == [score.quality for score in single.face_scores]
    assert dark.face_scores[0].quality.brightness > 0.3
