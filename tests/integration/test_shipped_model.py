"""The models in the box: whole, fed as their contracts say, and alive on real faces."""

from pathlib import Path

import av
import numpy as np
import pytest

from dfd.backends.onnx_runtime import OnnxRuntimeBackend
from dfd.cropping import crop_face
from dfd.faces.blazeface import BlazeFaceDetector
from dfd.manifest import Layout, ModelManifest, Output
from dfd.preprocessing import to_model_input
from dfd.registry.directory import DirectoryRegistry, RegisteredModel
from dfd.settings import load_settings
from dfd.types import FloatArray

ROOT = Path(__file__).parents[2]


VERSIONS = DirectoryRegistry(ROOT / "models").versions("deepfake")


@pytest.fixture(scope="module", params=VERSIONS)
def model(request: pytest.FixtureRequest) -> RegisteredModel:
    """Loading verifies every hash."""
    return DirectoryRegistry(ROOT / "models").load("deepfake", request.param)


@pytest.fixture(scope="module")
def batch(model: RegisteredModel) -> FloatArray:
    return sample_crops(model.manifest)


def sample_crops(manifest: ModelManifest) -> FloatArray:
    """Three faces of each sample clip, each with the frame after it where the model looks at two."""
    detector = BlazeFaceDetector()
    crops = []
    for path in sorted((ROOT / "samples").glob("*.mp4")):
        with av.open(str(path)) as container:
            frames = [
                np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
                for index, frame in enumerate(container.decode(video=0))
                if index % 50 < 2
            ]
        for image, following in zip(frames[::2], frames[1::2], strict=True):
            crops.append(crop_face(image, detector.detect(image)[0], manifest.input, following))
    return to_model_input(crops, manifest.input)


def test_the_first_keeps_the_classic_contract() -> None:
    manifest = DirectoryRegistry(ROOT / "models").load("deepfake", "1").manifest
    contract = manifest.input
    assert (contract.size_px, contract.frames, contract.layout) == (64, 1, Layout.NHWC)
    assert (contract.value_min, contract.value_max) == (0.0, 1.0)
    assert manifest.output is Output.FAKE_LOGIT


@pytest.mark.parametrize("call_threads", [1, 2])
def test_it_scores_alike_however_a_batch_is_divided(
    model: RegisteredModel, batch: FloatArray, call_threads: int
) -> None:
    """Nine faces, far within the four decimal places that backends must agree in."""
    expected = OnnxRuntimeBackend(model.weights_path, model.manifest, 1, piece_crops=len(batch)).predict(batch)
    for piece_crops in (1, 2, 4, 8):
        backend = OnnxRuntimeBackend(
            model.weights_path, model.manifest, 2, call_threads=call_threads, piece_crops=piece_crops
        )
        np.testing.assert_allclose(backend.predict(batch), expected, rtol=0, atol=1e-5)


def test_it_is_fed_as_its_contract_says(model: RegisteredModel, batch: FloatArray) -> None:
    contract = model.manifest.input
    assert batch.shape[1:] == (contract.size_px, contract.size_px, 3 * contract.frames)
    assert contract.value_min <= batch.min() < batch.max() <= contract.value_max


def test_the_one_that_answers_by_default_is_the_one_that_ranks_unseen_sources_best() -> None:
    registry = DirectoryRegistry(ROOT / "models")
    by_version = {
        version: registry.load("deepfake", version).manifest.metrics["cross_validation"]["video"]["auc"]["value"]
        for version in VERSIONS
    }
    assert load_settings().model_version == max(by_version, key=by_version.__getitem__)


def test_it_tells_faces_apart(model: RegisteredModel, batch: FloatArray) -> None:
    logits = OnnxRuntimeBackend(model.weights_path, model.manifest).predict(batch)
    assert np.ptp(logits) > 0.1


def test_values_scaled_twice_are_not_what_it_was_trained_on(model: RegisteredModel, batch: FloatArray) -> None:
    """EfficientNet packages often scale inside: fed [0, 1] they then see black. This one must not."""
    backend = OnnxRuntimeBackend(model.weights_path, model.manifest)
    spread, spread_dimmed = np.ptp(backend.predict(batch)), np.ptp(backend.predict(batch / np.float32(255)))
    assert spread > 2 * spread_dimmed


def test_batches_do_not_change_answers(model: RegisteredModel, batch: FloatArray) -> None:
    backend = OnnxRuntimeBackend(model.weights_path, model.manifest)
    alone = np.concatenate([backend.predict(batch[index : index + 1]) for index in range(len(batch))])
    assert backend.predict(batch) == pytest.approx(alone, abs=1e-4)


def test_its_figures_are_stated(model: RegisteredModel) -> None:
    card = (model.weights_path.parent / "MODEL_CARD.md").read_text(encoding="utf-8")
    figures = ModelManifest.read(model.weights_path.parent / "manifest.json").metrics
    for part in ("cross_validation", "test"):
        estimate = figures[part]["video"]["auc"]
        assert 0 <= estimate["low"] <= estimate["value"] <= estimate["high"] <= 1
        assert f"{estimate['value']:.3f}" in card
