import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import SHA256, make_manifest

from dfd.errors import ModelCorrupt
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


@given(
    contract=st.builds(
        InputContract,
        size_px=st.integers(16, 1024),
        layout=st.sampled_from(Layout),
        value_min=st.floats(-10, 0),
        value_max=st.floats(0.5, 10),
        crop_margin=st.floats(0, 2),
        alignment=st.sampled_from(Alignment),
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
        changed(calibration={"slope": -1.0, "intercept": 0.0}),
        changed(calibration={"slope": 1.0, "intercept": float("nan")}),
        changed(decision={"threshold": 1.0, "inconclusive_margin": 0.05}),
        changed(decision={"threshold": 0.5, "inconclusive_margin": 0.5}),
        changed(decision={"threshold": 0.5}),
    ],
    ids=lambda data: None,
)
def test_what_is_no_manifest_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ModelCorrupt):
        ModelManifest.from_dict(data)


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
