"""The file of results: what is kept, how a run goes on after it was cut short, and when it must not."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes import GOOD_QUALITY, make_face_score, make_report

from dfd.errors import ConfigurationError
from dfd.evaluation.conditions import CLEAN, Condition
from dfd.evaluation.results import FILE_NAME, ClipResult, ResultFile
from dfd.evaluation.samples import Sample
from dfd.report import Coverage
from dfd.types import Reason, TrackScore, Verdict

HEADER = {"model": "deepfake", "fps": 2.0}
SAMPLE = Sample("a.mp4", Path("a.mp4"), is_fake=True, dataset="set")
BLUR = Condition("GB", 3)
STAMP = "7-1000"


def result(probability: float | None = 0.75) -> ClipResult:
    return ClipResult.of(
        SAMPLE,
        make_report(fake_probability=probability, reasons=(Reason.TOO_DARK,), verdict=Verdict.INCONCLUSIVE),
        STAMP,
    )


def test_a_frame_counts_by_its_most_suspicious_face() -> None:
    scores = tuple(
        make_face_score(track_id=track, frame_index=frame, fake_probability=probability)
        for track, frame, probability in ((0, 0, 0.2), (1, 0, 0.6), (0, 2, 0.1234567))
    )
    kept = ClipResult.of(SAMPLE, make_report(face_scores=scores))
    assert kept.frame_probabilities == (0.6, 0.123457)


def test_quality_is_the_leading_tracks() -> None:
    tracks = tuple(TrackScore(number, 0.0, 1.0, 2, 0.9, 100.0) for number in (1, 0))
    scores = tuple(
        make_face_score(track_id=track, frame_index=frame, quality=replace(GOOD_QUALITY, face_side_px=side))
        for track, frame, side in ((0, 0, 500.0), (1, 0, 90.0), (1, 1, 100.0))
    )
    assert ClipResult.of(SAMPLE, make_report(tracks=tracks, face_scores=scores)).quality == replace(
        GOOD_QUALITY, face_side_px=95.0
    )


def test_a_video_without_a_face_has_no_score_and_no_quality() -> None:
    coverage = Coverage(sampled_frames=7, face_frames=0, scored_faces=0, sampling_step_s=0.5)
    kept = ClipResult.of(SAMPLE, make_report(fake_probability=None, tracks=(), face_scores=(), coverage=coverage))
    assert (kept.probability, kept.quality, kept.frame_probabilities) == (None, None, ())
    assert (kept.sampled_frames, kept.face_frames) == (7, 0)


def test_squares_in_place_of_faces_are_no_score() -> None:
    coverage = Coverage(sampled_frames=4, face_frames=0, scored_faces=4, sampling_step_s=0.5)
    kept = ClipResult.of(SAMPLE, make_report(reasons=(Reason.NO_FACE_FALLBACK,), coverage=coverage))
    assert (kept.probability, kept.quality, kept.frame_probabilities) == (None, None, ())
    assert (kept.verdict, kept.reasons, kept.sampled_frames) == (Verdict.FAKE, (Reason.NO_FACE_FALLBACK,), 4)


@pytest.mark.parametrize(
    "kept", [result(), result(None), ClipResult(SAMPLE, None, error="unreadable_video", stamp=STAMP)]
)
def test_what_is_read_back_equals_what_was_written(tmp_path: Path, kept: ClipResult) -> None:
    with ResultFile(tmp_path, HEADER, resume=False) as file:
        file.add(kept, BLUR)
        assert file.find(SAMPLE, BLUR, STAMP) is None  # it knows what it found, not what it is told
    with ResultFile(tmp_path, HEADER, resume=True) as file:
        assert file.find(SAMPLE, BLUR, STAMP) == kept
        assert file.find(SAMPLE, CLEAN, STAMP) is None


def test_videos_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    others = [
        replace(SAMPLE, is_fake=False),
        replace(SAMPLE, dataset="other"),
        replace(SAMPLE, name="b/a.mp4", path=Path("b/a.mp4")),
    ]
    with ResultFile(tmp_path, HEADER, resume=False) as file:
        file.add(result(), CLEAN)
    with ResultFile(tmp_path, HEADER, resume=True) as file:
        assert file.find(SAMPLE, CLEAN, STAMP) is not None
        assert [file.find(other, CLEAN, STAMP) for other in others] == [None] * 3


def test_what_was_said_of_another_file_of_that_name_is_not_known(tmp_path: Path) -> None:
    with ResultFile(tmp_path, HEADER, resume=False) as file:
        file.add(result(), CLEAN)
    with ResultFile(tmp_path, HEADER, resume=True) as file:
        assert file.find(SAMPLE, CLEAN, "7-1001") is None
        file.add(replace(result(0.25), stamp="7-1001"), CLEAN)
    with ResultFile(tmp_path, HEADER, resume=True) as file:  # of two, the later counts
        assert file.find(SAMPLE, CLEAN, STAMP) is None
        assert file.find(SAMPLE, CLEAN, "7-1001") == replace(result(0.25), stamp="7-1001")


@pytest.mark.parametrize("stamp", [STAMP, ""])
def test_what_was_said_before_files_were_told_apart_is_not_known(tmp_path: Path, stamp: str) -> None:
    with ResultFile(tmp_path, HEADER, resume=False) as file:
        file.add(result(), CLEAN)
    path = tmp_path / FILE_NAME
    path.write_text(path.read_text(encoding="utf-8").replace(f'"stamp": "{STAMP}", ', ""), encoding="utf-8")
    with ResultFile(tmp_path, HEADER, resume=True) as file:
        assert file.find(SAMPLE, CLEAN, stamp) is None


def test_results_are_not_overwritten(tmp_path: Path) -> None:
    with ResultFile(tmp_path, HEADER, resume=False) as file:
        file.add(result(), CLEAN)
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(ConfigurationError, match="add --resume"):
        ResultFile(tmp_path, HEADER, resume=False)
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    ResultFile(tmp_path, HEADER, resume=False).close()
    with pytest.raises(ConfigurationError, match=f"{tmp_path.name} holds .*fps was 2.0, now it is 4.0.*another folder"):
        ResultFile(tmp_path, {**HEADER, "fps": 4.0}, resume=True)
    with pytest.raises(ConfigurationError, match="detector was None, now it is 'haar'"):
        ResultFile(tmp_path, {**HEADER, "detector": "haar"}, resume=True)


def test_a_line_that_was_cut_short_is_dropped(tmp_path: Path) -> None:
    with ResultFile(tmp_path, HEADER, resume=False) as file:
        file.add(result(), CLEAN)
        file.add(result(), BLUR)
    path = tmp_path / FILE_NAME
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with ResultFile(tmp_path, HEADER, resume=True) as file:
        assert file.find(SAMPLE, CLEAN, STAMP) is not None
        assert file.find(SAMPLE, BLUR, STAMP) is None
        file.add(result(), BLUR)
    assert path.read_bytes() == whole


def test_a_run_cut_short_in_its_first_line_begins_anew(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b'{"model": "dee')
    ResultFile(tmp_path, HEADER, resume=False).close()
    assert json.loads((tmp_path / FILE_NAME).read_text(encoding="utf-8")) == HEADER


def test_resuming_nothing_begins(tmp_path: Path) -> None:
    ResultFile(tmp_path / "new" / "folder", HEADER, resume=True).close()
    assert (tmp_path / "new" / "folder" / FILE_NAME).is_file()


def spoil_line(text: str) -> str:
    return text.replace('"perturbation"', '"x"')


def spoil_json(text: str) -> str:
    return text.replace('{"dataset"', '{{"dataset"')


def spoil_value(text: str) -> str:
    return text.replace('"inconclusive"', '"perhaps"')


@pytest.mark.parametrize("spoil", [spoil_line, spoil_json, spoil_value])
def test_a_damaged_file_is_refused(tmp_path: Path, spoil: Callable[[str], str]) -> None:
    with ResultFile(tmp_path, HEADER, resume=False) as file:
        file.add(result(), CLEAN)
    path = tmp_path / FILE_NAME
    path.write_text(spoil(path.read_text(encoding="utf-8")), encoding="utf-8")
    with (
        pytest.raises(ConfigurationError, match=r"is damaged .* remove it"),
        ResultFile(tmp_path, HEADER, resume=True) as file,
    ):
        file.find(SAMPLE, CLEAN, STAMP)


def test_a_folder_that_cannot_be_made_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot write to"):
        ResultFile(tmp_path / "file" / "folder", HEADER, resume=False)
