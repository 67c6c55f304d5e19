"""Whether a model answers here what it answered where it was made."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.fakes import FakeBackend, make_manifest
from tests.onnx_models import write_mean_model

from dfd.backends.onnx_runtime import OnnxRuntimeBackend
from dfd.errors import BackendUnavailable, ModelCorrupt
from dfd.manifest import Layout, ModelManifest, Parity
from dfd.registry.parity import COUNT, WAVES, check_parity, probes, recorded
from dfd.types import FloatArray


def brightness(crop: FloatArray) -> float:
    return float(crop.mean()) * 8


@pytest.mark.parametrize("layout", list(Layout))
@pytest.mark.parametrize("frames", [1, 2])
def test_probes_are_fed_as_the_manifest_says(layout: Layout, frames: int) -> None:
    contract = replace(make_manifest().input, layout=layout, frames=frames, value_min=-1.0)
    drawn = probes(contract)
    assert drawn.shape == (COUNT, *contract.tensor_shape)
    assert -1 <= drawn.min() < -0.5
    assert 0.5 < drawn.max() <= 1
    np.testing.assert_array_equal(drawn, probes(contract))
    assert len(np.unique(drawn.reshape(COUNT, -1), axis=0)) == COUNT


def test_a_second_frame_is_not_the_first() -> None:
    drawn = probes(replace(make_manifest().input, frames=2))
    assert np.abs(drawn[..., :3] - drawn[..., 3:]).max() > 0.01


def test_what_was_recorded_holds_and_a_changed_answer_does_not() -> None:
    backend = FakeBackend(logit=brightness)
    manifest = make_manifest(parity=recorded(backend, make_manifest().input))
    assert check_parity(backend, manifest) < 1e-5
    assert check_parity(FakeBackend(logit=lambda crop: brightness(crop) + 5e-4), manifest) < 1e-3
    with pytest.raises(ModelCorrupt, match=r"differ by up to 0\.002\d*, 0\.001 is allowed"):
        check_parity(FakeBackend(logit=lambda crop: brightness(crop) + 2e-3), manifest)


def test_a_model_fed_in_another_range_is_found_out(tmp_path: Path) -> None:
    manifest = make_manifest()
    backend = OnnxRuntimeBackend(write_mean_model(tmp_path / "model.onnx", manifest), manifest, 1)
    noted = replace(manifest, parity=recorded(backend, manifest.input))
    wrong = replace(noted, input=replace(manifest.input, value_max=255.0))
    with pytest.raises(ModelCorrupt, match="logits differ"):
        check_parity(backend, wrong)


def test_answers_that_are_all_alike_prove_nothing() -> None:
    with pytest.raises(ModelCorrupt, match="the same answer"):
        recorded(FakeBackend(logit=1.0), make_manifest().input)
    with pytest.raises(ModelCorrupt, match="the same answer"):
        check_parity(FakeBackend(logit=1.0), make_manifest(parity=Parity(WAVES, (1.0,) * COUNT, 1e-3)))


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (make_manifest(), "no `parity`"),
        (make_manifest(parity=Parity("waves-9", (0.0,) * COUNT, 1e-3)), "waves-9"),
        (make_manifest(parity=Parity(WAVES, (0.0, 1.0), 1e-3)), "2 pictures"),
    ],
)
def test_a_manifest_that_says_nothing_of_these_probes_is_refused(manifest: ModelManifest, said: str) -> None:
    with pytest.raises(ModelCorrupt, match=said):
        check_parity(FakeBackend(logit=brightness), manifest)


def test_a_model_that_does_not_answer_is_refused() -> None:
    manifest = make_manifest(parity=recorded(FakeBackend(logit=brightness), make_manifest().input))
    with pytest.raises(ModelCorrupt, match="does not answer: it is away"):
        check_parity(FakeBackend(error=BackendUnavailable("it is away")), manifest)


@pytest.mark.parametrize(
    ("logits", "tolerance"), [((float("nan"),), 1e-3), ((0.0,), 0.0), ((0.0,), 1.0), ((float("inf"),), 1e-3)]
)
def test_parity_must_make_sense(logits: tuple[float, ...], tolerance: float) -> None:
    with pytest.raises(ValueError, match=r"finite|tolerance"):
        Parity(WAVES, logits, tolerance)
