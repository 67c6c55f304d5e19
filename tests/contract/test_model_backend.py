"""What every adapter of `ModelBackend` must do, and what each does besides."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from tests.fakes import FakeBackend, make_manifest
from tests.model_servers import MEANS
from tests.onnx_models import BIAS, GAIN, save, write_mean_model
from tests.remote_backends import Place, remote
from tests.scripted_server import Script, Scripted, scripted_server

from dfd.backends.answers import PROBABILITY_FLOOR
from dfd.backends.fallback import FallbackBackend
from dfd.backends.micro_batching import MicroBatcher
from dfd.backends.onnx_runtime import OnnxRuntimeBackend
from dfd.errors import BackendUnavailable, ModelCorrupt
from dfd.manifest import Layout, ModelManifest, Output
from dfd.ports import ModelBackend
from dfd.types import FloatArray

MAX_BATCH = 4
CLASSIC = make_manifest(max_batch=MAX_BATCH, input=replace(make_manifest().input, size_px=16))
CHANNELS_FIRST = replace(CLASSIC, input=replace(CLASSIC.input, layout=Layout.NCHW))
PROBABILITY = replace(CLASSIC, output=Output.FAKE_PROBABILITY)
PAIRS = replace(CLASSIC, input=replace(CLASSIC.input, frames=2))
PAIRS_CHANNELS_FIRST = replace(PAIRS, input=replace(PAIRS.input, layout=Layout.NCHW))


@dataclass(frozen=True)
class Adapter:
    """An adapter under test: all answer ``GAIN * mean + BIAS``."""

    manifest: ModelManifest
    build: Callable[[Path], ModelBackend]


def _onnx(manifest: ModelManifest, *, tail: str = "", column: bool = False) -> Adapter:
    def build(folder: Path) -> ModelBackend:
        weights = write_mean_model(folder / "model.onnx", manifest, tail=tail, column=column)
        return OnnxRuntimeBackend(weights, manifest, threads=1)

    return Adapter(manifest, build)


@dataclass(frozen=True)
class Served:
    """An adapter under test that needs a server; what that answers is the same.

    Attributes:
        manifest: of the model.
        server: the fixture.
        protocol: spoken with it.
        name: of the model there.
    """

    manifest: ModelManifest
    server: str
    protocol: str
    name: str | None = None

    def build(self, place: Place) -> ModelBackend:
        return remote(self.protocol, place, self.manifest, name=self.name)


def _batched(folder: Path) -> ModelBackend:
    return MicroBatcher(_onnx(CLASSIC).build(folder), MAX_BATCH)


def _fallen_back(folder: Path) -> ModelBackend:
    away = FakeBackend(error=BackendUnavailable("away"))
    return FallbackBackend(away, _onnx(CLASSIC).build(folder), lambda _: None)


SERVED = {
    **{
        f"{server}-{protocol}-{name}": Served(manifest, server, protocol, name)
        for server, protocol in (
            ("triton", "oip-http"),
            ("triton", "oip-grpc"),
            ("kserve", "tfserving-rest"),
            ("kserve", "oip-http"),
            ("kserve", "oip-grpc"),
        )
        for name, manifest in MEANS.items()
    },
    **{
        f"kserve-{protocol}-plain": Served(CLASSIC, "kserve", protocol, "plain")
        for protocol in ("tfserving-rest", "oip-http", "oip-grpc")
    },
    **{
        f"scripted-{protocol}": Served(CLASSIC, "scripted", protocol)
        for protocol in ("tfserving-rest", "tfserving-grpc", "oip-http", "oip-grpc")
    },
}

ADAPTERS: dict[str, Adapter | Served] = {
    "fake": Adapter(CLASSIC, lambda _: FakeBackend(logit=lambda crop: GAIN * float(crop.mean()) + BIAS)),
    "onnx-logit": _onnx(CLASSIC),
    "onnx-column": _onnx(CLASSIC, column=True),
    "onnx-channels-first": _onnx(CHANNELS_FIRST),
    "onnx-probability": _onnx(PROBABILITY, tail="Sigmoid", column=True),
    "onnx-pairs": _onnx(PAIRS),
    "onnx-pairs-channels-first": _onnx(PAIRS_CHANNELS_FIRST),
    "batched": Adapter(CLASSIC, _batched),
    "fallen-back": Adapter(CLASSIC, _fallen_back),
    **SERVED,
}


@pytest.fixture(scope="module")
def scripted() -> Iterator[Scripted]:
    with scripted_server(Script(CLASSIC)) as server:
        yield server


@pytest.fixture(params=ADAPTERS)
def adapter(request: pytest.FixtureRequest) -> Adapter | Served:
    return ADAPTERS[request.param]


@pytest.fixture
def backend(adapter: Adapter | Served, tmp_path: Path, request: pytest.FixtureRequest) -> ModelBackend:
    if isinstance(adapter, Served):
        return adapter.build(request.getfixturevalue(adapter.server))
    return adapter.build(tmp_path)


def crops(manifest: ModelManifest, count: int, seed: int = 0) -> FloatArray:
    """Crops of one grey each, so that their scores differ."""
    side, channels = manifest.input.size_px, 3 * manifest.input.frames
    shape = (side, side, channels) if manifest.input.layout is Layout.NHWC else (channels, side, side)
    greys = np.random.default_rng(seed).random(count, np.float32)
    return np.broadcast_to(greys.reshape(-1, 1, 1, 1), (count, *shape)).astype(np.float32)


def expected(batch: FloatArray) -> FloatArray:
    mean: FloatArray = batch.reshape(len(batch), -1).mean(axis=1)
    return (GAIN * mean + BIAS).astype(np.float32)


@pytest.mark.parametrize("count", [0, 1, MAX_BATCH, 2 * MAX_BATCH + 1])
def test_answers_one_float32_logit_for_each_crop(adapter: Adapter | Served, backend: ModelBackend, count: int) -> None:
    batch = crops(adapter.manifest, count)
    logits = backend.predict(batch)
    assert logits.shape == (count,)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, expected(batch) if count else [], atol=1e-4)


def test_a_crop_scores_the_same_alone_and_in_company(adapter: Adapter | Served, backend: ModelBackend) -> None:
    batch = crops(adapter.manifest, MAX_BATCH + 1)
    alone = np.concatenate([backend.predict(batch[index : index + 1]) for index in range(len(batch))])
    np.testing.assert_allclose(backend.predict(batch), alone, atol=1e-5)


def test_the_same_batch_gets_the_same_answer(adapter: Adapter | Served, backend: ModelBackend) -> None:
    batch = crops(adapter.manifest, 3)
    np.testing.assert_array_equal(backend.predict(batch), backend.predict(batch))


def test_does_not_change_the_batch(adapter: Adapter | Served, backend: ModelBackend) -> None:
    batch = crops(adapter.manifest, 3)
    before = batch.copy()
    backend.predict(batch)
    np.testing.assert_array_equal(batch, before)


def test_threads_get_their_own_answers(adapter: Adapter | Served, backend: ModelBackend) -> None:
    barrier = threading.Barrier(4)

    def score(seed: int) -> None:
        batch = crops(adapter.manifest, 5, seed)
        barrier.wait()
        for _ in range(5):
            np.testing.assert_allclose(backend.predict(batch), expected(batch), atol=1e-4)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(score, range(4)))


def test_is_ready(backend: ModelBackend) -> None:
    assert backend.ready()
    assert backend.state().answers
    assert backend.state().name == backend.name


def test_refuses_crops_that_the_manifest_does_not_promise(adapter: Adapter | Served, backend: ModelBackend) -> None:
    if isinstance(backend, FakeBackend):
        pytest.skip("a fake takes anything")
    with pytest.raises(ValueError, match="the model takes"):
        backend.predict(crops(adapter.manifest, 2)[:, 1:])


def test_says_who_answered(adapter: Adapter | Served, backend: ModelBackend) -> None:
    batch = crops(adapter.manifest, 3)
    answer = backend.answer(batch)
    np.testing.assert_array_equal(answer.logits, backend.predict(batch))
    assert answer.backend == ("onnx" if isinstance(backend, FallbackBackend) else backend.name)


# --- ONNX Runtime alone -------------------------------------------------------------------------------------------


def test_a_non_contiguous_batch_is_scored_alike(tmp_path: Path) -> None:
    backend = _onnx(CLASSIC).build(tmp_path)
    batch = crops(CLASSIC, 8)
    np.testing.assert_array_equal(backend.predict(batch[::2]), backend.predict(np.ascontiguousarray(batch[::2])))


@pytest.mark.parametrize(
    "batch",
    [np.zeros((1, 16, 16, 1), np.float32), np.zeros((1, 3, 16, 16), np.float32), np.zeros((1, 16, 16, 3), np.uint8)],
    ids=["shape", "layout", "dtype"],
)
def test_refuses_what_the_manifest_does_not_promise(tmp_path: Path, batch: FloatArray) -> None:
    with pytest.raises(ValueError, match=r"takes \(N, 16, 16, 3\) float32"):
        _onnx(CLASSIC).build(tmp_path).predict(batch)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(grey=st.floats(0, 1, width=32))
def test_probabilities_come_back_as_their_logits(tmp_path: Path, grey: float) -> None:
    backend = _onnx(PROBABILITY, tail="Sigmoid").build(tmp_path)
    [logit] = backend.predict(np.full((1, 16, 16, 3), grey, np.float32))
    assert logit == pytest.approx(GAIN * grey + BIAS, abs=1e-4)


def test_certainty_is_clipped_and_stays_finite(tmp_path: Path) -> None:
    backend = _onnx(PROBABILITY, tail="Sigmoid").build(tmp_path)
    limit = np.log((1 - PROBABILITY_FLOOR) / PROBABILITY_FLOOR)
    certain = np.stack([np.full((16, 16, 3), value, np.float32) for value in (-1e3, 1e3)])
    np.testing.assert_allclose(backend.predict(certain), [-limit, limit], rtol=1e-6)


def test_a_probability_out_of_range_is_an_error(tmp_path: Path) -> None:
    backend = _onnx(PROBABILITY).build(tmp_path)  # answers logits where probabilities are promised
    with pytest.raises(BackendUnavailable, match=r"outside \[0, 1\]"):
        backend.predict(np.ones((1, 16, 16, 3), np.float32))
    assert not backend.ready()


def test_an_answer_that_is_not_finite_is_an_error(tmp_path: Path) -> None:
    backend = _onnx(CLASSIC, tail="Log").build(tmp_path)  # the logarithm of black's -4
    with pytest.raises(BackendUnavailable, match=r"model deepfake/1 .* not finite"):
        backend.predict(np.zeros((2, 16, 16, 3), np.float32))
    assert not backend.ready()


def test_an_answer_of_the_wrong_shape_is_an_error(tmp_path: Path) -> None:
    nodes = [helper.make_node("ReduceMean", ["crops"], ["output"], axes=[1, 2], keepdims=0)]
    weights = save(tmp_path / "model.onnx", nodes, [], ["batch", 16, 16, 3], [None, 3])
    backend = OnnxRuntimeBackend(weights, CLASSIC, threads=1)
    with pytest.raises(BackendUnavailable, match=r"shape \(2, 3\) for 2 crops"):
        backend.predict(np.zeros((2, 16, 16, 3), np.float32))
    assert not backend.ready()


@pytest.mark.parametrize(
    ("threads", "count", "pieces"),
    [(1, 9, [5, 4]), (2, 10, [5, 5]), (2, 3, [2, 1]), (2, 20, [5, 5, 5, 5]), (2, 32, [8, 8, 8, 8]), (4, 2, [1, 1])],
)
def test_all_threads_have_the_same_to_do(tmp_path: Path, threads: int, count: int, pieces: list[int]) -> None:
    """The model answers for each crop how many came with it."""
    manifest = replace(CLASSIC, max_batch=32)
    zero = helper.make_tensor("zero", TensorProto.INT64, [1], [0])
    nodes = [
        helper.make_node("Shape", ["crops"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["count"]),
        helper.make_node("Cast", ["count"], ["as_float"], to=TensorProto.FLOAT),
        helper.make_node("Expand", ["as_float", "count"], ["output"]),
    ]
    weights = save(tmp_path / "model.onnx", nodes, [zero], ["batch", 16, 16, 3], [None])
    backend = OnnxRuntimeBackend(weights, manifest, threads, piece_crops=8)
    answers = backend.predict(np.zeros((count, 16, 16, 3), np.float32))
    assert answers.tolist() == [size for size in pieces for _ in range(size)]


def test_a_model_that_fails_is_an_error(tmp_path: Path) -> None:
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [-1, 7])  # 7 does not divide the crop
    nodes = [helper.make_node("Reshape", ["crops", "shape"], ["output"])]
    weights = save(tmp_path / "model.onnx", nodes, [shape], ["batch", 16, 16, 3], [None, 7])
    backend = OnnxRuntimeBackend(weights, CLASSIC, threads=1)
    with pytest.raises(BackendUnavailable, match="model deepfake/1 failed"):
        backend.predict(np.zeros((1, 16, 16, 3), np.float32))


@pytest.mark.parametrize("content", [b"", b"no model", None], ids=["empty", "text", "missing"])
def test_weights_that_cannot_be_loaded_are_corrupt(tmp_path: Path, content: bytes | None) -> None:
    weights = tmp_path / "model.onnx"
    if content is not None:
        weights.write_bytes(content)
    with pytest.raises(ModelCorrupt, match=r"cannot load .*model\.onnx"):
        OnnxRuntimeBackend(weights, CLASSIC)


def test_a_model_of_another_input_size_is_corrupt(tmp_path: Path) -> None:
    weights = write_mean_model(tmp_path / "model.onnx", CLASSIC)
    with pytest.raises(ModelCorrupt, match=r"takes crops of \[16, 16, 3\], but its manifest says \[64, 64, 3\]"):
        OnnxRuntimeBackend(weights, make_manifest())


@pytest.mark.parametrize(
    ("trained", "promised", "shapes"),
    [
        (CLASSIC, PAIRS, (r"\[16, 16, 3\]", r"\[16, 16, 6\]")),
        (PAIRS, CLASSIC, (r"\[16, 16, 6\]", r"\[16, 16, 3\]")),
        (CHANNELS_FIRST, PAIRS_CHANNELS_FIRST, (r"\[3, 16, 16\]", r"\[6, 16, 16\]")),
    ],
    ids=["one-for-pairs", "pairs-for-one", "channels-first"],
)
def test_a_model_of_another_number_of_frames_is_corrupt(
    tmp_path: Path, trained: ModelManifest, promised: ModelManifest, shapes: tuple[str, str]
) -> None:
    weights = write_mean_model(tmp_path / "model.onnx", trained)
    with pytest.raises(ModelCorrupt, match=f"takes crops of {shapes[0]}, but its manifest says {shapes[1]}.*frames"):
        OnnxRuntimeBackend(weights, promised)


def test_a_model_with_a_fixed_batch_is_corrupt(tmp_path: Path) -> None:
    weights = write_mean_model(tmp_path / "model.onnx", CLASSIC, batch=8)
    with pytest.raises(ModelCorrupt, match="batches of 8 only"):
        OnnxRuntimeBackend(weights, CLASSIC)


def test_a_model_with_another_kind_of_input_is_corrupt(tmp_path: Path) -> None:
    weights = save(
        tmp_path / "model.onnx", [helper.make_node("Identity", ["crops"], ["output"])], [], ["batch", 16], [None, 16]
    )
    with pytest.raises(ModelCorrupt, match="one float32 input of rank 4"):
        OnnxRuntimeBackend(weights, CLASSIC)


def test_negative_threads_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="threads"):
        OnnxRuntimeBackend(tmp_path / "model.onnx", CLASSIC, threads=-1)
