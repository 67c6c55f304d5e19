"""The whole pipeline on real decoding and real face detection; only the model is a fake."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from samples.make_samples import astronaut, hopper
from tests.fakes import FakeBackend, make_manifest
from tests.synthetic_video import write_video

from dfd.errors import UnreadableVideo
from dfd.faces.blazeface import BlazeFaceDetector
from dfd.manifest import ModelManifest
from dfd.pipeline import AnalysisOptions, Analyzer, Progress
from dfd.ports import ModelBackend
from dfd.report import Report
from dfd.reporting import report_to_dict
from dfd.types import BoundingBox, FloatArray, ImageU8, Reason, Verdict
from dfd.video.limits import MediaLimits
from dfd.video.pyav import PyAvOpener

RATE_HZ = 10
SECONDS = 3
DETECTOR = BlazeFaceDetector(threads=1)
OPTIONS = AnalysisOptions()
LIMITS = MediaLimits(max_pixels=10_000_000, max_duration_s=60.0)


@pytest.fixture(scope="module")
def collins() -> ImageU8:
    """Eileen Collins, 512 x 512; her face fills 172 to 277 by 74 to 179."""
    return astronaut()


@pytest.fixture(scope="module")
def grace_hopper() -> ImageU8:
    """Grace Hopper, brought to 512 px of height."""
    image = hopper()
    return np.asarray(cv2.resize(image, (round(image.shape[1] * 512 / image.shape[0]), 512)), np.uint8)


def encode(path: Path, images: Sequence[ImageU8]) -> Path:
    height, width = images[0].shape[:2]
    return write_video(
        path,
        frames=len(images),
        fps=RATE_HZ,
        size=(width, height),
        options={"crf": "18", "preset": "ultrafast"},
        pixel_format="yuv420p",
        paint=lambda number, _size: images[number],
    )


def window(time_s: float) -> tuple[int, int]:
    """Left and top of a window that moves over a picture."""
    return round(20 + 30 * time_s), round(10 + 10 * time_s)


def panning(image: ImageU8) -> list[ImageU8]:
    """A window of 320 x 240 over the picture; the face moves 87 px to the left and 29 px up."""
    corners = [window(step / RATE_HZ) for step in range(RATE_HZ * SECONDS)]
    return [image[top : top + 240, left : left + 320] for left, top in corners]


def side_by_side(left: ImageU8, right: ImageU8) -> list[ImageU8]:
    """Two people who sway towards each other and apart; the one to the right is tinted blue."""
    tinted = (right * np.array([0.4, 0.7, 1.0])).astype(np.uint8)
    frames = []
    for step in range(RATE_HZ * SECONDS):
        shift = round(20 * math.sin(2 * math.pi * step / (RATE_HZ * SECONDS)))
        canvas = np.full((320, 720, 3), 90, np.uint8)
        canvas[:, 30 + shift : 350 + shift] = left[:320, 60:380]
        canvas[:, 380 - shift : 700 - shift] = tinted[:320, 20:340]
        frames.append(canvas)
    return frames


def blue(crop: FloatArray) -> float:
    """A logit: 3 for a face tinted blue, else -3."""
    return 3.0 if float(crop[..., 2].mean()) > float(crop[..., 0].mean()) else -3.0


def analyse(
    path: Path, options: AnalysisOptions = OPTIONS, backend: ModelBackend | None = None, side_px: int = 1280
) -> Report:
    opener = PyAvOpener(LIMITS, working_side_px=side_px, threads=1)
    manifest: ModelManifest = make_manifest(max_batch=5)
    return Analyzer(opener, DETECTOR, backend or FakeBackend(logit=blue), manifest).analyze(path, options)


def without_timings(report: Report) -> str:
    return json.dumps(report_to_dict(replace(report, timings_ms={"total": 0.0}, created_at_s=0.0)), allow_nan=False)


@pytest.fixture(scope="module")
def one_face(tmp_path_factory: pytest.TempPathFactory, collins: ImageU8) -> Path:
    return encode(tmp_path_factory.mktemp("clips") / "one.mp4", panning(collins))


@pytest.fixture(scope="module")
def two_faces(tmp_path_factory: pytest.TempPathFactory, collins: ImageU8, grace_hopper: ImageU8) -> Path:
    return encode(tmp_path_factory.mktemp("clips") / "two.mp4", side_by_side(collins, grace_hopper))


def test_a_moving_face_is_one_track_and_its_boxes_follow_it(one_face: Path) -> None:
    report = analyse(one_face)
    assert (report.verdict, report.reasons) == (Verdict.REAL, ())
    assert [track.face_count for track in report.tracks] == [6]
    assert report.coverage.face_detect_rate == 1.0
    assert (report.video.width_px, report.video.height_px) == (320, 240)
    assert report.input_sha256 == hashlib.sha256(one_face.read_bytes()).hexdigest()
    for score in report.face_scores:
        left, top = window(score.pts_s)
        assert score.box.iou(BoundingBox(172 - left, 74 - top, 277 - left, 179 - top)) > 0.7


def test_boxes_are_of_the_source_when_the_decoder_scales_down(one_face: Path) -> None:
    full, small = analyse(one_face), analyse(one_face, side_px=160)
    assert len(full.face_scores) == len(small.face_scores)
    for score, other in zip(full.face_scores, small.face_scores, strict=True):
        assert score.box.iou(other.box) > 0.7


def test_each_of_two_faces_has_its_own_track_and_the_fake_one_decides(two_faces: Path) -> None:
    report = analyse(two_faces)
    assert (report.verdict, report.reasons) == (Verdict.FAKE, ())
    assert [track.face_count for track in report.tracks] == [6, 6]
    assert report.tracks[0].fake_probability > 0.9
    assert report.tracks[1].fake_probability < 0.1
    for score in report.face_scores:
        on_the_right = score.box.centre_px[0] > 360
        assert on_the_right == (score.track_id == report.tracks[0].track_id)
        assert on_the_right == (score.fake_probability > 0.5)


def test_the_same_file_gives_the_same_bytes(two_faces: Path) -> None:
    backend = FakeBackend(logit=lambda crop: float(crop.std() * 10 - 2))
    assert without_timings(analyse(two_faces, backend=backend)) == without_timings(analyse(two_faces, backend=backend))


def test_a_video_without_a_face(tmp_path: Path, collins: ImageU8) -> None:
    path = encode(tmp_path / "none.mp4", [collins[260:500, :320]] * RATE_HZ * 2)
    report = analyse(path)
    assert (report.verdict, report.reasons, report.fake_probability) == (
        Verdict.INCONCLUSIVE,
        (Reason.NO_FACE,),
        None,
    )
    fallback = analyse(path, AnalysisOptions(no_face_fallback=True))
    assert Reason.NO_FACE_FALLBACK in fallback.reasons
    assert fallback.fake_probability is not None
    assert fallback.coverage.face_frames == 0


def test_a_dark_face_is_not_judged(tmp_path: Path, collins: ImageU8) -> None:
    dim = (collins * 0.06).astype(np.uint8)
    dim_report = analyse(encode(tmp_path / "dark.mp4", panning(dim)))
    assert dim_report.verdict is Verdict.INCONCLUSIVE
    assert {Reason.TOO_DARK, Reason.NO_FACE} & set(dim_report.reasons)


def test_a_text_file_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("no video at all")
    with pytest.raises(UnreadableVideo):
        analyse(path)


def test_a_cancelled_analysis_leaves_the_file_free(one_face: Path, tmp_path: Path) -> None:
    path = tmp_path / "copy.mp4"
    path.write_bytes(one_face.read_bytes())

    def cancel(progress: Progress) -> None:
        raise KeyboardInterrupt

    opener = PyAvOpener(LIMITS, threads=1)
    with pytest.raises(KeyboardInterrupt):
        Analyzer(opener, DETECTOR, FakeBackend(), make_manifest()).analyze(path, AnalysisOptions(), cancel)
    held = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink() and link.resolve() == path]
    assert held == []


@pytest.mark.real_data
def test_a_real_clip_gives_one_person_one_track(data_dir: Path) -> None:
    report = analyse(data_dir / "clips" / "faces" / "real" / "real_0020.mp4")
    assert len(report.tracks) == 1
    assert report.coverage.face_detect_rate == 1.0
