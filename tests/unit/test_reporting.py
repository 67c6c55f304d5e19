"""The forms of a report; the full one is pinned by ``tests/golden/report.json`` and ``docs/report.schema.json``."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import make_face_score, make_report, make_video_info

from dfd.aggregation import VerdictRule, decide, score_tracks
from dfd.report import Coverage, Report
from dfd.reporting import (
    REPORT_SCHEMA_VERSION,
    classic_response,
    frame_samples,
    report_to_dict,
    total_frames,
    used_step,
)
from dfd.types import BoundingBox, FaceScore, Reason, TrackScore, Verdict

ROOT = Path(__file__).parents[2]
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "report.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

TWO_FACES = make_report(
    reasons=(Reason.DECODE_INCOMPLETE,),
    fake_probability=0.123456789,
    operating_point="balanced",
    face_scores=(
        make_face_score(track_id=0, fake_probability=0.25),
        make_face_score(track_id=1, fake_probability=0.75, box=BoundingBox(-4.0, 1 / 3, 20.0, 30.0)),
        make_face_score(track_id=0, frame_index=1, pts_s=0.5, fake_probability=0.5),
    ),
    video=make_video_info(frame_rate_hz=Fraction(30000, 1001)),
    timings_ms={"total": 12.34567, "detect": 3.0},
)
NOTHING_SEEN = make_report(
    verdict=Verdict.INCONCLUSIVE,
    reasons=(Reason.NO_FACE,),
    fake_probability=None,
    tracks=(),
    face_scores=(),
    coverage=Coverage(sampled_frames=0, face_frames=0, scored_faces=0, sampling_step_s=0.5),
    video=make_video_info(frame_rate_hz=None, frame_count=None, duration_s=0.0),
)


def test_report_matches_the_golden_file() -> None:
    golden = (ROOT / "tests" / "golden" / "report.json").read_text(encoding="utf-8")
    assert json.dumps(report_to_dict(TWO_FACES), indent=2) + "\n" == golden


def test_a_count_that_no_reader_could_hold_is_unknown() -> None:
    counts = [2**53 - 1, 2**53, -(2**63)]
    reports = [report_to_dict(make_report(video=make_video_info(frame_count=count))) for count in counts]
    assert [report["video"]["frame_count"] for report in reports] == [2**53 - 1, None, None]


def test_the_schema_itself_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("report", [make_report(), TWO_FACES, NOTHING_SEEN], ids=["plain", "two_faces", "nothing"])
def test_reports_follow_the_schema(report: Report) -> None:
    VALIDATOR.validate(json.loads(json.dumps(report_to_dict(report), allow_nan=False)))


def test_the_schema_lists_every_verdict_reason_and_version_of_the_code() -> None:
    properties = SCHEMA["properties"]
    assert properties["verdict"]["enum"] == [verdict.value for verdict in Verdict]
    assert properties["reasons"]["items"]["enum"] == [reason.value for reason in Reason]
    assert properties["schema_version"]["const"] == REPORT_SCHEMA_VERSION


def test_the_schema_refuses_what_is_no_report() -> None:
    answer = report_to_dict(make_report())
    assert not VALIDATOR.is_valid({**answer, "verdict": "maybe"})
    assert not VALIDATOR.is_valid({**answer, "extra": 1})
    assert not VALIDATOR.is_valid({**answer, "fake_probability": 1.5})


def test_floats_are_rounded_and_never_negative_zero() -> None:
    answer = report_to_dict(make_report(fake_probability=1 / 3, face_scores=(make_face_score(pts_s=-1e-9),)))
    assert answer["fake_probability"] == 0.333333
    assert json.dumps(answer["face_scores"][0]["pts_s"]) == "0.0"


def test_timings_do_not_depend_on_the_order_in_which_stages_were_met() -> None:
    one = report_to_dict(make_report(timings_ms={"total": 2.0, "open": 1.0}))
    other = report_to_dict(make_report(timings_ms={"open": 1.0, "total": 2.0}))
    assert json.dumps(one) == json.dumps(other)


def test_frame_samples_take_the_most_suspicious_face_of_each_frame() -> None:
    assert frame_samples(TWO_FACES) == [{"t": 0.0, "score": 0.75}, {"t": 0.5, "score": 0.5}]


def test_frame_samples_of_a_video_without_faces_are_empty() -> None:
    assert frame_samples(NOTHING_SEEN) == []


def test_classic_response_holds_every_promised_field() -> None:
    answer = classic_response(TWO_FACES, latency_ms=41.98765)
    assert list(answer) == [
        "score",
        "label",
        "frame_samples",
        "version",
        "latency_ms",
        "meta",
        "reasons",
        "threshold",
        "operating_point",
        "tracks",
        "model",
        "input_sha256",
    ]
    assert answer["score"] == 0.123457
    assert answer["label"] == "fake"
    assert answer["version"] == "1"
    assert answer["latency_ms"] == 41.988
    assert answer["meta"] == {
        "src_fps": 29.97003,
        "total_frames": 90,
        "used_step": 15,
        "face_frames": 4,
        "face_detect_rate": 1.0,
    }
    assert answer["reasons"] == ["decode_incomplete"]
    assert (answer["threshold"], answer["operating_point"]) == (0.5, "balanced")
    assert answer["tracks"] == report_to_dict(TWO_FACES)["tracks"]
    assert answer["model"]["name"] == "deepfake"
    assert answer["input_sha256"] == TWO_FACES.input_sha256


def test_classic_response_without_a_face_guesses_nothing() -> None:
    answer = classic_response(NOTHING_SEEN, latency_ms=1.0)
    assert (answer["score"], answer["label"], answer["frame_samples"]) == (None, "inconclusive", [])
    assert answer["meta"] == {
        "src_fps": None,
        "total_frames": None,
        "used_step": 1,
        "face_frames": 0,
        "face_detect_rate": 0.0,
    }


@pytest.mark.parametrize(
    ("rate_hz", "step_s", "expected"),
    [(Fraction(30), 0.5, 15), (Fraction(30000, 1001), 0.5, 15), (Fraction(1), 0.5, 1), (Fraction(25), 2.0, 50)],
)
def test_used_step_counts_frames_of_the_source(rate_hz: Fraction, step_s: float, expected: int) -> None:
    report = make_report(
        video=make_video_info(frame_rate_hz=rate_hz),
        coverage=Coverage(sampled_frames=4, face_frames=2, scored_faces=2, sampling_step_s=step_s),
    )
    assert used_step(report) == expected


def test_unknown_frame_counts_are_reckoned_from_the_rate() -> None:
    assert total_frames(make_video_info(frame_count=None, duration_s=2.0)) == 60
    assert total_frames(make_video_info(frame_count=None, duration_s=0.0)) == 1
    assert total_frames(make_video_info(frame_count=7)) == 7


scores = st.lists(
    st.builds(
        make_face_score,
        track_id=st.integers(0, 3),
        frame_index=st.integers(0, 9),
        pts_s=st.floats(0, 1e5),
        fake_probability=st.floats(0, 1, width=32),
    ),
    max_size=8,
)


@given(face_scores=scores)
def test_every_report_of_the_pipeline_is_valid_json_of_the_schema(face_scores: list[FaceScore]) -> None:
    tracks: tuple[TrackScore, ...] = score_tracks(face_scores, {}, 3)
    outcome = decide(tracks, {}, VerdictRule(0.5, 0.05, 3))
    report = replace(
        make_report(),
        verdict=outcome.verdict,
        reasons=outcome.reasons,
        fake_probability=outcome.fake_probability,
        tracks=tracks,
        face_scores=tuple(face_scores),
    )
    VALIDATOR.validate(json.loads(json.dumps(report_to_dict(report), allow_nan=False)))
    times = [sample["t"] for sample in frame_samples(report)]
    assert times == sorted(times)
    assert len(times) == len({score.frame_index for score in face_scores})
