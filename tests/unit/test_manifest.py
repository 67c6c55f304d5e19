import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import SHA256, make_manifest

from dfd.errors import InvalidParameter, ModelCorrupt
from dfd.judgement import CalibrationMethod, OperatingPoint, QualityTerm, ReferenceQuality
from dfd.manifest import (
    MANIFEST_SCHEMA,
    Alignment,
    Calibration,
    Decision,
    InputContract,
    Layout,
    ModelManifest,
    Output,
)

ROOT = Path(__file__).parents[2]
POINTS = {
    "balanced": OperatingPoint(0.47, 0.2, 0.7, real_count=250, fake_count=300),
    "low_false_alarm": OperatingPoint(0.8, 0.008, 0.3, real_count=250, fake_count=300),
}
REFERENCE = ReferenceQuality(
    measures=("log2_face_side_px", "flatness"),
    mean=(7.0, 0.4),
    inverse_covariance=((2.0, 0.5), (0.5, 40.0)),
    limit=12.5,
)
KNOTTED = Calibration(method=CalibrationMethod.ISOTONIC, knots=((-1.5, 0.1), (0.0, 0.1), (2.0, 0.9)))
BENT = Calibration(0.4, -0.2, quality={"brightness": QualityTerm(0.4, 0.1, 0.2, -0.1)})


def changed(**changes: Any) -> dict[str, Any]:
    """The JSON form of a valid manifest, with top-level fields replaced; None takes one away."""
    data = {**make_manifest().to_dict(), **changes}
    return {name: value for name, value in data.items() if value is not None}


def test_a_manifest_survives_the_file(tmp_path: Path) -> None:
    manifest = make_manifest(
        output=Output.FAKE_PROBABILITY, metrics={"auc": 0.9}, reference={"seed": 7}, calibration=Calibration(2.0, -0.5)
    )
    path = tmp_path / "manifest.json"
    manifest.write(path)
    assert ModelManifest.read(path) == manifest


def test_the_file_is_plain_sorted_json_that_names_its_schema(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    make_manifest().write(path)
    text = path.read_text(encoding="utf-8")
    data = json.loads(text)
    assert data["schema"] == MANIFEST_SCHEMA
    assert data["input"]["layout"] == "NHWC"
    assert data["output"] == "fake_logit"
    assert list(data) == sorted(data)
    assert text.endswith("}\n")


def numbers(*values: float) -> dict[str, Any]:
    """The JSON form of a reference quality of two measures, with this matrix."""
    a, b, c, d = values
    return {"measures": ["brightness", "flatness"], "mean": [0, 0], "inverse_covariance": [[a, b], [c, d]], "limit": 9}


@pytest.mark.parametrize(
    "later",
    [
        {"calibration": KNOTTED},
        {"calibration": BENT},
        {"calibration": Calibration(0.5, method=CalibrationMethod.TEMPERATURE)},
        {"decision": Decision(0.5, 0.1, frame_spread=0.15, operating_points=POINTS)},
        {"reference_quality": REFERENCE},
    ],
    ids=lambda later: next(iter(later)),
)
def test_what_later_manifests_hold_survives_the_file(tmp_path: Path, later: dict[str, Any]) -> None:
    manifest = make_manifest(**later)
    manifest.write(tmp_path / "manifest.json")
    assert ModelManifest.read(tmp_path / "manifest.json") == manifest


@given(
    slope=st.floats(0.01, 100),
    intercept=st.floats(-20, 20),
    quality=st.dictionaries(
        st.sampled_from(["log2_face_side_px", "brightness", "log2_sharpness", "flatness"]),
        st.builds(QualityTerm, st.floats(-10, 10), st.floats(1e-3, 10), st.floats(-2, 2), st.floats(-1, 1)),
    ),
    points=st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True),
        st.builds(
            OperatingPoint,
            st.floats(1e-6, 1 - 1e-6),
            st.floats(0, 1),
            st.floats(0, 1),
            real_count=st.integers(1, 10**6),
            fake_count=st.integers(1, 10**6),
        ),
    ),
    spread=st.floats(0, 0.5),
)
def test_every_calibration_and_decision_survives_json(
    slope: float, intercept: float, quality: dict[str, QualityTerm], points: dict[str, OperatingPoint], spread: float
) -> None:
    manifest = make_manifest(
        calibration=Calibration(slope, intercept, quality=quality),
        decision=Decision(0.5, 0.1, frame_spread=spread, operating_points=points),
    )
    assert ModelManifest.from_dict(json.loads(json.dumps(manifest.to_dict()))) == manifest


def test_the_first_manifest_reads_as_it_always_did_and_is_written_as_it_was() -> None:
    path = ROOT / "models" / "deepfake" / "1" / "manifest.json"
    manifest = ModelManifest.read(path)
    assert manifest.calibration == Calibration(slope=0.267474, intercept=-0.310527)
    assert manifest.decision == Decision(threshold=0.5, inconclusive_margin=0.1)
    assert manifest.reference_quality is None
    assert json.loads(json.dumps(manifest.to_dict())) == json.loads(path.read_text(encoding="utf-8"))


def test_a_number_wins_over_a_name_and_a_name_over_the_models_own_threshold() -> None:
    decision = Decision(0.5, 0.1, operating_points=POINTS)
    assert decision.in_force(None, None) == (0.5, None)
    assert decision.in_force(None, "low_false_alarm") == (0.8, "low_false_alarm")
    assert decision.in_force(0.3, "low_false_alarm") == (0.3, None)


@pytest.mark.parametrize(("points", "known"), [(POINTS, "balanced, low_false_alarm"), ({}, "none")])
def test_an_unknown_operating_point_is_told_with_those_there_are(points: dict[str, OperatingPoint], known: str) -> None:
    with pytest.raises(InvalidParameter, match=f"no operating point 'strict'; it has: {known}$"):
        Decision(0.5, 0.1, operating_points=points).in_force(None, "strict")


@given(
    contract=st.builds(
        InputContract,
        size_px=st.integers(16, 1024),
        layout=st.sampled_from(Layout),
        value_min=st.floats(-10, 0),
        value_max=st.floats(0.5, 10),
        crop_margin=st.floats(0, 2),
        alignment=st.sampled_from(Alignment),
        frames=st.sampled_from((1, 2)),
    ),
    decision=st.builds(Decision, threshold=st.floats(0.01, 0.99), inconclusive_margin=st.floats(0, 0.49)),
    output=st.sampled_from(Output),
    max_batch=st.integers(1, 512),
)
def test_every_manifest_survives_json(
    contract: InputContract, decision: Decision, output: Output, max_batch: int
) -> None:
    manifest = make_manifest(input=contract, decision=decision, output=output, max_batch=max_batch)
    assert ModelManifest.from_dict(json.loads(json.dumps(manifest.to_dict()))) == manifest


def test_the_weights_hash_is_that_of_the_weights_file() -> None:
    manifest = make_manifest(files={"other": "00" * 32, "model.onnx": SHA256})
    assert manifest.weights_sha256 == SHA256


@pytest.mark.parametrize(
    "data",
    [
        changed(schema=None),
        changed(schema=MANIFEST_SCHEMA + 1),
        changed(name=None),
        changed(input=None),
        changed(unknown=1),
        changed(output="probability_of_real"),
        changed(weights_file="missing.onnx"),
        changed(max_batch=0),
        changed(input={**changed()["input"], "layout": "CHWN"}),
        changed(input={**changed()["input"], "size_px": 8}),
        changed(input={**changed()["input"], "crop_margin": 3}),
        changed(input={**changed()["input"], "value_max": 0.0}),
        changed(input={**changed()["input"], "frames": 0}),
        changed(input={**changed()["input"], "frames": 3}),
        changed(calibration={"slope": -1.0, "intercept": 0.0}),
        changed(calibration={"slope": 1.0, "intercept": float("nan")}),
        changed(decision={"threshold": 1.0, "inconclusive_margin": 0.05}),
        changed(decision={"threshold": 0.5, "inconclusive_margin": 0.5}),
        changed(decision={"threshold": 0.5}),
        changed(calibration={"method": "beta"}),
        changed(calibration={"method": "isotonic"}),
        changed(calibration={"method": "isotonic", "knots": [[0, 0.5], [0, 0.6]]}),
        changed(calibration={"method": "isotonic", "knots": [[0, 0.5], [1, 0.4]]}),
        changed(calibration={"method": "isotonic", "knots": [[0, 0.5], [1, 1.1]]}),
        changed(calibration={"method": "isotonic", "knots": [[0, 0.5, 1]]}),
        changed(calibration={"method": "isotonic", "knots": [[float("inf"), 0.5]]}),
        changed(calibration={"method": "isotonic", "knots": [[0, 0.5]], "slope": 2.0}),
        changed(calibration={"method": "temperature", "slope": 2.0, "intercept": 0.1}),
        changed(calibration={"slope": 2.0, "intercept": 0.1, "knots": [[0, 0.5]]}),
        changed(calibration={"quality": {"beauty": {"mean": 0, "spread": 1}}}),
        changed(calibration={"quality": {"brightness": {"mean": 0, "spread": 0}}}),
        changed(calibration={"quality": {"brightness": {"mean": 0, "spread": 1, "to_log_slope": 5}}}),
        changed(calibration={"quality": {"brightness": {"mean": 0, "spread": 1, "to_intercept": float("nan")}}}),
        changed(calibration={"quality": ["brightness"]}),
        changed(decision={"threshold": 0.5, "inconclusive_margin": 0.1, "frame_spread": -0.1}),
        changed(decision={"threshold": 0.5, "inconclusive_margin": 0.1, "operating_points": {"strict": 0.9}}),
        changed(
            decision={
                "threshold": 0.5,
                "inconclusive_margin": 0.1,
                "operating_points": {"strict": asdict(POINTS["balanced"]) | {"threshold": 1.0}},
            }
        ),
        changed(
            decision={
                "threshold": 0.5,
                "inconclusive_margin": 0.1,
                "operating_points": {"strict": asdict(POINTS["balanced"]) | {"detection_rate": 1.2}},
            }
        ),
        changed(
            decision={
                "threshold": 0.5,
                "inconclusive_margin": 0.1,
                "operating_points": {"strict": asdict(POINTS["balanced"]) | {"real_count": 0}},
            }
        ),
        changed(reference_quality={}),
        changed(reference_quality=numbers(1, 0, 0.5, 1)),  # not symmetric
        changed(reference_quality=numbers(1, 2, 2, 1)),  # not positive definite
        changed(reference_quality=numbers(1, 0, 0, 1) | {"limit": 0}),
        changed(reference_quality=numbers(1, 0, 0, 1) | {"mean": [0]}),
        changed(reference_quality=numbers(1, 0, 0, float("nan"))),
        changed(reference_quality=numbers(1, 0, 0, 1) | {"measures": ["brightness", "brightness"]}),
        changed(reference_quality=numbers(1, 0, 0, 1) | {"measures": ["brightness", "beauty"]}),
    ],
    ids=lambda data: None,
)
def test_what_is_no_manifest_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ModelCorrupt):
        ModelManifest.from_dict(data)


def test_a_manifest_that_does_not_say_so_is_of_a_model_of_one_frame() -> None:
    data = make_manifest().to_dict()
    assert "frames" not in data["input"]
    assert ModelManifest.from_dict(data).input.frames == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe\x00", b"null"])
def test_a_file_that_is_no_json_object_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(content)
    with pytest.raises(ModelCorrupt, match=r"manifest\.json"):
        ModelManifest.read(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelCorrupt, match="cannot read"):
        ModelManifest.read(tmp_path / "manifest.json")


def test_reading_does_not_change_what_was_given() -> None:
    data = make_manifest().to_dict()
    before = json.dumps(data, sort_keys=True)
    ModelManifest.from_dict(data)
    assert json.dumps(data, sort_keys=True) == before
