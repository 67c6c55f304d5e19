"""The pipeline over fakes: what goes in which stage, what comes out, and what is left behind when it breaks."""

import hashlib
import json
import math
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes import (
    SHA256,
    FakeBackend,
    FakeDetector,
    FakeVideoOpener,
    image_number,
    make_detection,
    make_manifest,
    make_video_info,
    numbered_image,
)

from dfd.errors import BackendUnavailable, InvalidParameter, NoVideoStream, UnreadableVideo
from dfd.judgement import OperatingPoint, QualityTerm, ReferenceQuality
from dfd.manifest import Calibration, Decision, ModelManifest
from dfd.pipeline import FALLBACK_TRACK_ID, AnalysisOptions, Analyzer, Progress
from dfd.ports import FaceDetector, ModelBackend, VideoOpener
from dfd.reliability import Reliability, ReliabilityBin
from dfd.report import Report
from dfd.reporting import report_to_dict
from dfd.types import BoundingBox, FaceDetection, FloatArray, ImageU8, Reason, Verdict

LONG = make_video_info(duration_s=60.0, frame_count=1800)
TWO_FACES = (make_detection(x1_px=2, side_px=20, score=0.9), make_detection(x1_px=40, side_px=20, score=0.8))
STRICT = Decision(
    0.5, 0.05, operating_points={"strict": OperatingPoint(0.95, 0.0, 0.1, real_count=120, fake_count=130)}
)
TRUSTING = AnalysisOptions(quality=replace(AnalysisOptions().quality, min_face_side_px=1.0))


class Boom(Exception):
    pass


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"not read by the fake opener, but hashed")
    return path


def analyzer(
    opener: VideoOpener | None = None,
    detector: FaceDetector | None = None,
    backend: ModelBackend | None = None,
    manifest: ModelManifest | None = None,
) -> Analyzer:
    return Analyzer(
        opener or FakeVideoOpener(), detector or FakeDetector(), backend or FakeBackend(), manifest or make_manifest()
    )


def number_in_crop(crop: FloatArray) -> int:
    """What `numbered_image` wrote into the frame this model input was cut from."""
    return round(float(crop[crop.shape[0] // 2, crop.shape[1] // 2, 2]) * 255)


def without_timings(report: Report) -> str:
    return json.dumps(report_to_dict(replace(report, timings_ms={"total": 0.0}, created_at_s=0.0)))


def test_a_clear_video_gets_its_verdict_and_says_what_it_rests_on(clip: Path) -> None:
    report = analyzer(backend=FakeBackend(logit=2.0)).analyze(clip, TRUSTING)
    assert report.verdict is Verdict.FAKE
    assert report.reasons == ()
    assert report.fake_probability == pytest.approx(1 / (1 + math.exp(-2.0)))
    assert report.threshold == 0.5
    assert [track.face_count for track in report.tracks] == [6]
    assert report.coverage.sampled_frames == report.coverage.face_frames == report.coverage.scored_faces == 6
    assert report.coverage.sampling_step_s == 0.5
    assert report.coverage.decode_complete
    assert report.video == make_video_info()
    assert (report.model.name, report.model.version, report.model.weights_sha256) == ("deepfake", "1", SHA256)
    assert report.input_sha256 == hashlib.sha256(clip.read_bytes()).hexdigest()


@pytest.mark.parametrize("reads_ahead", [True, False])
def test_one_thread_is_enough_and_gives_the_same_report(clip: Path, reads_ahead: bool) -> None:
    painters = set()

    def paint(index: int, time_s: float) -> ImageU8:
        painters.add(threading.current_thread())
        return numbered_image(index)

    parts = (FakeVideoOpener(paint=paint), FakeDetector(), FakeBackend(), make_manifest())
    report = Analyzer(*parts, reads_ahead=reads_ahead).analyze(clip, TRUSTING)
    assert (threading.current_thread() in painters) is not reads_ahead
    assert without_timings(report) == without_timings(analyzer().analyze(clip, TRUSTING))


def test_finding_faces_in_a_thread_of_its_own_gives_the_same_report(clip: Path) -> None:
    finders = set()

    class Watched(FakeDetector):
        def detect(self, image: ImageU8) -> list[FaceDetection]:
            finders.add(threading.current_thread())
            return super().detect(image)

    parts = (FakeVideoOpener(), Watched(), FakeBackend(), make_manifest())
    report = Analyzer(*parts, finds_ahead=True).analyze(clip, TRUSTING)

    assert threading.current_thread() not in finders
    assert len(finders) == 1
    assert without_timings(report) == without_timings(analyzer().analyze(clip, TRUSTING))


def test_a_low_logit_is_real(clip: Path) -> None:
    assert analyzer(backend=FakeBackend(logit=-2.0)).analyze(clip, TRUSTING).verdict is Verdict.REAL


def test_each_score_belongs_to_its_own_frame(clip: Path) -> None:
    backend = FakeBackend(logit=lambda crop: number_in_crop(crop) / 10)
    report = analyzer(backend=backend, manifest=make_manifest(max_batch=4)).analyze(clip, TRUSTING)
    assert [score.frame_index for score in report.face_scores] == [0, 1, 2, 3, 4, 5]
    assert [score.pts_s for score in report.face_scores] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
    for score in report.face_scores:
        assert score.fake_probability == pytest.approx(1 / (1 + math.exp(-score.frame_index / 10)))


def test_every_face_is_scored_and_the_most_suspicious_track_leads(clip: Path) -> None:
    def paint(index: int, time_s: float) -> ImageU8:
        image = numbered_image(0)
        image[:, 32:, 2] = 200  # the right-hand face
        return image

    backend = FakeBackend(logit=lambda crop: 3.0 if number_in_crop(crop) == 200 else -3.0)
    report = analyzer(FakeVideoOpener(paint=paint), FakeDetector(TWO_FACES), backend).analyze(clip, TRUSTING)
    assert report.verdict is Verdict.FAKE
    assert [track.face_count for track in report.tracks] == [6, 6]
    assert [track.fake_probability > 0.5 for track in report.tracks] == [True, False]
    suspicious = [score for score in report.face_scores if score.track_id == report.tracks[0].track_id]
    assert {score.box.x1_px for score in suspicious} == {40.0}
    assert (report.coverage.face_frames, report.coverage.scored_faces) == (6, 12)


def test_boxes_and_sizes_are_in_pixels_of_the_source(clip: Path) -> None:
    report = analyzer(FakeVideoOpener(scale=0.25)).analyze(clip, AnalysisOptions())
    score = report.face_scores[0]
    assert score.box == BoundingBox(64.0, 32.0, 192.0, 160.0)
    assert score.quality.face_side_px == 128.0
    assert report.tracks[0].median_face_side_px == 128.0


def test_the_calibration_of_the_manifest_is_applied(clip: Path) -> None:
    manifest = make_manifest(calibration=Calibration(slope=2.0, intercept=-1.0))
    report = analyzer(backend=FakeBackend(logit=0.5), manifest=manifest).analyze(clip, TRUSTING)
    assert report.fake_probability == pytest.approx(0.5)
    assert report.reasons == (Reason.NEAR_THRESHOLD,)


def test_each_face_is_calibrated_by_its_own_quality(clip: Path) -> None:
    terms = {"log2_face_side_px": QualityTerm(mean=5.0, spread=1.0, to_intercept=1.0)}
    opener = FakeVideoOpener(make_video_info(width_px=256, height_px=256))
    faces = (make_detection(0, 0, 64), make_detection(128, 0, 32))
    report = analyzer(
        opener, FakeDetector(faces), FakeBackend(logit=0.5), make_manifest(calibration=Calibration(quality=terms))
    ).analyze(clip, TRUSTING)
    found = {score.quality.face_side_px: score.fake_probability for score in report.face_scores}
    assert found == {64: pytest.approx(1 / (1 + math.exp(-1.5))), 32: pytest.approx(1 / (1 + math.exp(-0.5)))}


def test_a_track_unlike_the_training_faces_is_inconclusive(clip: Path) -> None:
    reference = ReferenceQuality(("brightness",), (0.9,), ((1e6,),), limit=9.0)
    report = analyzer(manifest=make_manifest(reference_quality=reference)).analyze(clip, TRUSTING)
    assert (report.verdict, report.reasons) == (Verdict.INCONCLUSIVE, (Reason.UNLIKE_TRAINING,))
    assert report.fake_probability is not None


def test_the_fewer_the_faces_the_wider_the_margin(clip: Path) -> None:
    manifest = make_manifest(decision=Decision(0.5, 0.05, frame_spread=0.5))  # 0.21 for six faces, 0.05 for many
    short = analyzer(backend=FakeBackend(logit=0.7), manifest=manifest).analyze(clip, TRUSTING)
    long = analyzer(FakeVideoOpener(LONG), backend=FakeBackend(logit=0.7), manifest=manifest).analyze(clip, TRUSTING)
    assert (short.verdict, short.reasons) == (Verdict.INCONCLUSIVE, (Reason.NEAR_THRESHOLD,))
    assert long.verdict is Verdict.FAKE


def test_the_threshold_can_be_chosen(clip: Path) -> None:
    report = analyzer(backend=FakeBackend(logit=2.0)).analyze(clip, replace(TRUSTING, threshold=0.95))
    assert (report.verdict, report.threshold, report.operating_point) == (Verdict.REAL, 0.95, None)


def test_an_operating_point_gives_its_threshold_and_the_report_names_it(clip: Path) -> None:
    analyse = analyzer(backend=FakeBackend(logit=2.0), manifest=make_manifest(decision=STRICT))
    assert analyse.analyze(clip, TRUSTING).operating_point is None
    report = analyse.analyze(clip, replace(TRUSTING, operating_point="strict"))
    assert (report.verdict, report.threshold, report.operating_point) == (Verdict.REAL, 0.95, "strict")
    report = analyse.analyze(clip, replace(TRUSTING, operating_point="strict", threshold=0.5))
    assert (report.verdict, report.threshold, report.operating_point) == (Verdict.FAKE, 0.5, None)


def test_an_unknown_operating_point_is_told_before_the_video_is_opened(clip: Path) -> None:
    opener = FakeVideoOpener()
    with pytest.raises(InvalidParameter, match="it has: strict"):
        analyzer(opener, manifest=make_manifest(decision=STRICT)).analyze(
            clip, replace(TRUSTING, operating_point="loose")
        )
    assert not opener.opened


@pytest.mark.parametrize(
    ("max_batch", "sizes"),
    [(1, [1] * 12), (5, [5, 5, 2]), (12, [12]), (1000, [12])],
)
def test_crops_are_scored_in_batches_of_the_model(clip: Path, max_batch: int, sizes: list[int]) -> None:
    backend = FakeBackend()
    manifest = make_manifest(max_batch=max_batch)
    analyzer(detector=FakeDetector(TWO_FACES), backend=backend, manifest=manifest).analyze(clip, TRUSTING)
    assert backend.batch_sizes == sizes


def test_no_batch_is_larger_than_a_cpu_gains_from(clip: Path) -> None:
    backend = FakeBackend()
    analyzer(FakeVideoOpener(LONG), backend=backend, manifest=make_manifest(max_batch=1000)).analyze(clip, TRUSTING)
    assert backend.batch_sizes == [32, 32, 32, 24]


def test_the_same_file_and_model_give_the_same_bytes_apart_from_timings(clip: Path) -> None:
    backend = FakeBackend(logit=lambda crop: math.sin(number_in_crop(crop)))
    analyse = analyzer(FakeVideoOpener(LONG), FakeDetector(TWO_FACES), backend)
    first = without_timings(analyse.analyze(clip, TRUSTING))
    with ThreadPoolExecutor(max_workers=2) as pool:
        others = list(pool.map(lambda _: without_timings(analyse.analyze(clip, TRUSTING)), range(2)))
    assert others == [first, first]


def test_the_size_of_a_batch_does_not_change_the_report(clip: Path) -> None:
    backend = FakeBackend(logit=lambda crop: math.sin(number_in_crop(crop)))
    reports = {
        without_timings(
            analyzer(detector=FakeDetector(TWO_FACES), backend=backend, manifest=make_manifest(max_batch=size)).analyze(
                clip, TRUSTING
            )
        )
        for size in (1, 7, 32)
    }
    assert len(reports) == 1


def test_progress_counts_every_sampled_frame(clip: Path) -> None:
    seen: list[Progress] = []
    analyzer().analyze(clip, TRUSTING, seen.append)
    assert seen == [Progress(done, 6) for done in range(1, 7)]


def test_progress_ends_complete_when_the_video_ends_early(clip: Path) -> None:
    seen: list[Progress] = []
    analyzer(FakeVideoOpener(break_after=4)).analyze(clip, TRUSTING, seen.append)
    assert seen[-2:] == [Progress(4, 6), Progress(4, 4)]


def test_damage_is_mentioned_and_enough_evidence_still_decides(clip: Path) -> None:
    report = analyzer(FakeVideoOpener(break_after=4)).analyze(clip, TRUSTING)
    assert (report.verdict, report.reasons) == (Verdict.FAKE, (Reason.DECODE_INCOMPLETE,))
    assert not report.coverage.decode_complete
    assert report.coverage.sampled_frames == 4


def test_damage_that_leaves_too_little_is_inconclusive(clip: Path) -> None:
    report = analyzer(FakeVideoOpener(break_after=1)).analyze(clip, TRUSTING)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.reasons == (Reason.TOO_FEW_FRAMES, Reason.DECODE_INCOMPLETE)


def test_a_video_without_a_face_is_inconclusive_and_asks_no_model(clip: Path) -> None:
    backend = FakeBackend()
    report = analyzer(detector=FakeDetector(()), backend=backend).analyze(clip, TRUSTING)
    assert (report.verdict, report.reasons, report.fake_probability) == (
        Verdict.INCONCLUSIVE,
        (Reason.NO_FACE,),
        None,
    )
    assert (report.tracks, report.face_scores) == ((), ())
    assert report.coverage.face_detect_rate == 0.0
    assert backend.batch_sizes == []


def test_one_face_in_one_frame_works(clip: Path) -> None:
    def second_frame_only(image: ImageU8) -> list[FaceDetection]:
        return [make_detection()] if image_number(image) == 1 else []

    report = analyzer(detector=FakeDetector(second_frame_only)).analyze(clip, TRUSTING)
    assert (report.verdict, report.reasons) == (Verdict.INCONCLUSIVE, (Reason.TOO_FEW_FRAMES,))
    assert report.fake_probability is not None
    assert report.coverage.face_detect_rate == pytest.approx(1 / 6)


def test_a_small_face_is_inconclusive(clip: Path) -> None:
    limits = replace(AnalysisOptions().quality, min_face_side_px=33.0)
    report = analyzer().analyze(clip, AnalysisOptions(quality=limits))
    assert (report.verdict, report.reasons) == (Verdict.INCONCLUSIVE, (Reason.FACE_TOO_SMALL,))


def test_the_fallback_scores_the_centre_squares_and_says_so(clip: Path) -> None:
    backend = FakeBackend(logit=lambda crop: 2.0)
    options = replace(TRUSTING, no_face_fallback=True)
    report = analyzer(detector=FakeDetector(()), backend=backend).analyze(clip, options)
    assert (report.verdict, report.reasons) == (Verdict.FAKE, (Reason.NO_FACE_FALLBACK,))
    assert [(track.track_id, track.face_count) for track in report.tracks] == [(FALLBACK_TRACK_ID, 6)]
    assert report.face_scores[0].box.centre_px == (32.0, 24.0)
    assert (report.coverage.face_frames, report.coverage.scored_faces) == (0, 0)
    assert report.coverage.face_detect_rate == 0.0


def test_of_squares_nothing_is_said_that_was_counted_of_faces(clip: Path) -> None:
    counted = Reliability((ReliabilityBin(0.0, 1.0, 10, 10, 0.5, 0.4, 0.6),), "some clips")
    manifest, options = make_manifest(reliability=counted), replace(TRUSTING, no_face_fallback=True)
    squares, faces = (
        analyzer(detector=found, manifest=manifest).analyze(clip, options) for found in (FakeDetector(()), None)
    )
    assert (squares.method.like_it is None, faces.method.like_it is None) == (True, False)


@pytest.mark.parametrize("first_face", [0, 5, 100])
def test_the_fallback_is_forgotten_as_soon_as_there_is_a_face(clip: Path, first_face: int) -> None:
    def late(image: ImageU8) -> list[FaceDetection]:
        return [make_detection()] if image_number(image) >= first_face else []

    opener, detector = FakeVideoOpener(LONG), FakeDetector(late)
    plain = analyzer(opener, detector).analyze(clip, TRUSTING)
    with_fallback = analyzer(opener, detector).analyze(clip, replace(TRUSTING, no_face_fallback=True))
    assert with_fallback.coverage.face_frames == 120 - first_face
    assert without_timings(replace(with_fallback, provenance=plain.provenance)) == without_timings(plain)


def test_the_fallback_of_a_long_video_waits_for_no_more_than_a_batch(clip: Path) -> None:
    backend = FakeBackend()
    options = replace(TRUSTING, no_face_fallback=True)
    analyzer(FakeVideoOpener(LONG), FakeDetector(()), backend).analyze(clip, options)
    assert backend.batch_sizes == [32, 32, 32, 24]


def test_decoding_goes_on_while_a_frame_is_searched(clip: Path) -> None:
    further = threading.Event()

    def paint(index: int, time_s: float) -> ImageU8:
        if index == 2:
            further.set()
        return numbered_image(index)

    def wait_for_the_decoder(image: ImageU8) -> list[FaceDetection]:
        assert further.wait(timeout=30), "decoding stood still during detection"
        return [make_detection()]

    analyzer(FakeVideoOpener(paint=paint), FakeDetector(wait_for_the_decoder)).analyze(clip, TRUSTING)


def test_only_a_few_frames_live_at_a_time(clip: Path) -> None:
    images: list[weakref.ref[ImageU8]] = []
    most = 0

    def paint(index: int, time_s: float) -> ImageU8:
        image = numbered_image(index)
        images.append(weakref.ref(image))
        return image

    def count(progress: Progress) -> None:
        nonlocal most
        most = max(most, sum(image() is not None for image in list(images)))

    analyzer(FakeVideoOpener(LONG, paint=paint), FakeDetector(TWO_FACES)).analyze(clip, TRUSTING, count)
    assert len(images) == 120
    assert 1 <= most <= 6


def test_an_error_on_opening_comes_out_unchanged(clip: Path) -> None:
    error = NoVideoStream("only sound")
    with pytest.raises(NoVideoStream) as raised:
        analyzer(FakeVideoOpener(open_error=error)).analyze(clip, TRUSTING)
    assert raised.value is error


def test_a_file_that_vanished_after_opening_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UnreadableVideo):
        analyzer().analyze(tmp_path / "gone.mp4", TRUSTING)


def fail(value: object) -> list[FaceDetection]:
    raise Boom


@pytest.mark.parametrize(
    ("parts", "progress", "error"),
    [
        (lambda opener: analyzer(opener, detector=FakeDetector(error=Boom())), None, Boom),
        (
            lambda opener: analyzer(opener, backend=FakeBackend(error=BackendUnavailable("silent"))),
            None,
            BackendUnavailable,
        ),
        (analyzer, fail, Boom),
    ],
    ids=["detector", "backend", "cancelled"],
)
def test_a_failure_closes_the_file_and_leaves_no_thread(
    clip: Path,
    parts: Callable[[VideoOpener], Analyzer],
    progress: Callable[[Progress], None] | None,
    error: type[Exception],
) -> None:
    before = threading.active_count()
    opener = FakeVideoOpener(LONG)
    with pytest.raises(error):
        parts(opener).analyze(clip, TRUSTING, progress)
    assert opener.opened[0].closed
    assert threading.active_count() == before


@pytest.mark.parametrize("fail_after", [0, 3])
def test_a_failure_of_the_decoder_comes_out_unchanged(clip: Path, fail_after: int) -> None:
    before = threading.active_count()
    error = UnreadableVideo("no frame could be decoded")
    opener = FakeVideoOpener(fail_after=fail_after, error=error)
    with pytest.raises(UnreadableVideo) as raised:
        analyzer(opener).analyze(clip, TRUSTING)
    assert raised.value is error
    assert opener.opened[0].closed
    assert threading.active_count() == before


def test_cancelling_stops_the_decoder_soon(clip: Path) -> None:
    def cancel(progress: Progress) -> None:
        raise KeyboardInterrupt

    opener = FakeVideoOpener(LONG)
    with pytest.raises(KeyboardInterrupt):
        analyzer(opener).analyze(clip, TRUSTING, cancel)
    assert opener.opened[0].served < 10


def test_success_closes_the_file_and_leaves_no_thread(clip: Path) -> None:
    before = threading.active_count()
    opener = FakeVideoOpener()
    analyzer(opener).analyze(clip, TRUSTING)
    assert opener.opened[0].closed
    assert threading.active_count() == before


def test_timings_name_the_stages(clip: Path) -> None:
    report = analyzer().analyze(clip, TRUSTING)
    assert set(report.timings_ms) == {
        "open",
        "decode_wait",
        "detect",
        "crop",
        "score",
        "hash_wait",
        "aggregate",
        "total",
    }
    assert all(value >= 0 for value in report.timings_ms.values())


@pytest.mark.parametrize(
    "bad",
    [
        {"fps": 0.0},
        {"fps": -1.0},
        {"fps": math.nan},
        {"fps": math.inf},
        {"fps": 120.5},
        {"max_frames": 0},
        {"threshold": 0.0},
        {"threshold": 1.0},
        {"threshold": math.nan},
        {"min_face_frames": 0},
    ],
    ids=str,
)
def test_options_out_of_range_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(InvalidParameter, match=next(iter(bad))):
        replace(AnalysisOptions(), **bad)  # type: ignore[arg-type]  # the values are wrong on purpose
