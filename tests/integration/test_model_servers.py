"""Real model servers: the shipped models score the same wherever they run, and servers come, go and change."""

import contextlib
import shutil
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from tests.api_client import client_of
from tests.contract.test_model_backend import crops, expected
from tests.fakes import FakeDetector, FakeVideoOpener
from tests.integration.test_shipped_model import sample_crops
from tests.model_servers import (
    FIRST,
    MEANS,
    SMALL,
    ModelServer,
    add_triton_model,
    shipped,
    triton_server,
    write_means,
)
from tests.remote_backends import remote
from tests.scripted_server import Script, Scripted, scripted_server
from tests.servers import free_port

from dfd.backends.onnx_runtime import OnnxRuntimeBackend
from dfd.backends.remote import Retry
from dfd.bootstrap import build_analyzer, build_model
from dfd.bootstrap.service import build_services
from dfd.errors import BackendUnavailable, ConfigurationError
from dfd.pipeline import AnalysisOptions
from dfd.registry.directory import RegisteredModel
from dfd.settings import Settings, load_settings
from dfd.types import FloatArray

SAMPLE = Path(__file__).parents[2] / "samples" / "real_hopper.mp4"


@dataclass(frozen=True)
class OnFaces:
    """A shipped model: its name on the servers, real faces, and what the embedded backend says of them."""

    name: str
    model: RegisteredModel
    faces: FloatArray
    logits: FloatArray


@pytest.fixture(scope="module", params=["deepfake", FIRST])
def served(request: pytest.FixtureRequest) -> OnFaces:
    model = shipped()[request.param]
    faces = sample_crops(model.manifest)
    return OnFaces(request.param, model, faces, OnnxRuntimeBackend(model.weights_path, model.manifest).predict(faces))


@pytest.fixture(scope="module")
def tf_serving(served: OnFaces) -> Iterator[Scripted]:
    """TensorFlow Serving's messages before ONNX Runtime, as its own binary cannot be had."""
    model = served.model
    embedded = OnnxRuntimeBackend(model.weights_path, model.manifest)
    script = Script(
        replace(model.manifest, name=served.name),
        versions={model.manifest.version: "AVAILABLE"},
        score=lambda batch: embedded.predict(np.array(batch))[:, None],
    )
    with scripted_server(script) as server:
        yield server


@pytest.mark.parametrize(
    ("server", "protocol"),
    [
        ("triton", "oip-http"),
        ("triton", "oip-grpc"),
        ("kserve", "tfserving-rest"),
        ("kserve", "oip-http"),
        ("kserve", "oip-grpc"),
        ("tf_serving", "tfserving-rest"),
        ("tf_serving", "tfserving-grpc"),
    ],
)
def test_real_faces_score_the_same_wherever_the_model_runs(
    served: OnFaces, server: str, protocol: str, request: pytest.FixtureRequest
) -> None:
    manifest = served.model.manifest
    place = request.getfixturevalue(server)
    there = remote(protocol, place, manifest, name=served.name, version=manifest.version)
    assert np.ptp(served.logits) > 0.5  # faces of several people: no constant answer
    np.testing.assert_allclose(there.predict(served.faces), served.logits, atol=1e-4)


@pytest.mark.parametrize("served", ["deepfake"], indirect=True)
def test_batches_too_large_for_the_servers_messages_are_cut(served: OnFaces, kserve: ModelServer) -> None:
    """KServe takes gRPC messages of 8 MB: 13 crops of version 2."""
    faces = np.repeat(served.faces, 3, axis=0)[:20]
    there = remote("oip-grpc", kserve, served.model.manifest).predict(faces)
    np.testing.assert_allclose(there, np.repeat(served.logits, 3)[:20], atol=1e-4)


# --- servers that come, go and change -----------------------------------------------------------------------------


@contextlib.contextmanager
def own_triton(
    folder: Path, *, versions: str = "1", delay_s: float = 0.0, ports: tuple[int, int]
) -> Iterator[ModelServer]:
    """A Triton to break, with the mean model under the name of its manifest."""
    repository = folder / "repository"
    if not repository.exists():
        weights = write_means(folder)["logit"]
        for version in versions:
            add_triton_model(repository, replace(SMALL, version=version), weights, max_batch=4, delay_s=delay_s)
    with triton_server(repository, folder, ports) as server:
        yield server


@pytest.mark.faults
@pytest.mark.parametrize("protocol", ["oip-http", "oip-grpc"])
def test_a_server_restarted_in_the_middle_of_a_batch(tmp_path: Path, protocol: str) -> None:
    ports = (free_port(), free_port())
    batch = crops(SMALL, 12)
    patient = Retry(max_attempts=12, first_wait_s=0.05)
    with own_triton(tmp_path, delay_s=0.4, ports=ports) as server, ThreadPoolExecutor(1) as pool:
        hasty, lasting = (remote(protocol, server, SMALL, retry=retry) for retry in (Retry(max_attempts=1), patient))
        np.testing.assert_allclose(hasty.predict(batch), expected(batch), atol=1e-4)
        killer = threading.Timer(0.6, server.kill)
        killer.start()
        with pytest.raises(BackendUnavailable, match=r"model server \S+ does not answer"):
            hasty.predict(batch)
        killer.join()
        waiting = pool.submit(lasting.predict, batch)
        with own_triton(tmp_path, ports=ports):
            np.testing.assert_allclose(waiting.result(120), expected(batch), atol=1e-4)
            np.testing.assert_allclose(hasty.predict(batch), expected(batch), atol=1e-4)


@pytest.mark.faults
@pytest.mark.parametrize("protocol", ["oip-http", "oip-grpc"])
def test_a_version_deleted_while_in_use(tmp_path: Path, protocol: str) -> None:
    batch = crops(SMALL, 5)
    with own_triton(tmp_path, versions="123", ports=(free_port(), free_port())) as server:
        backend = remote(protocol, server, replace(SMALL, version="2"), version="2")
        np.testing.assert_allclose(backend.predict(batch), expected(batch), atol=1e-4)
        with pytest.raises(BackendUnavailable, match=r"answers with version 3 .* that of version 2: .*MODEL_VERSION"):
            remote(protocol, server, replace(SMALL, version="2")).predict(batch)
        shutil.rmtree(tmp_path / "repository" / SMALL.name / "2")
        server.post(f"/v2/repository/models/{SMALL.name}/load")
        with pytest.raises(BackendUnavailable, match=r"has no version 2 of .*; it has|version 2 is not at ready state"):
            backend.predict(batch)
        state = backend.state()
        assert (state.ready, state.server) == (False, {"name": "deepfake", "ready": False})


@pytest.mark.parametrize(
    ("server", "protocol"), [("triton", "oip-http"), ("kserve", "oip-grpc"), ("kserve", "oip-http")]
)
def test_a_model_of_other_crops_is_refused(server: str, protocol: str, request: pytest.FixtureRequest) -> None:
    backend = remote(protocol, request.getfixturevalue(server), MEANS["pairs"], name="logit")
    with pytest.raises(BackendUnavailable, match=r"takes crops of \[16, 16, 3\].* says \[16, 16, 6\]"):
        backend.predict(crops(MEANS["pairs"], 1))


# --- by settings --------------------------------------------------------------------------------------------------


def settings_for(backend: str, url: str, **others: object) -> Settings:
    name = "oip_url" if backend == "oip" else "tf_serving_url"
    return load_settings(model_backend=backend, request_timeout=120.0, **{name: url}, **others)


@pytest.mark.parametrize(
    ("backend", "server", "url"),
    [("oip", "triton", "http_url"), ("oip", "triton", "grpc_url"), ("tfserving", "kserve", "http_url")],
)
def test_settings_alone_move_the_model_to_a_server(
    backend: str, server: str, url: str, request: pytest.FixtureRequest
) -> None:
    place = getattr(request.getfixturevalue(server), url)
    options = AnalysisOptions(fps=1)
    here = build_analyzer(load_settings()).analyze(SAMPLE, options)
    there = build_analyzer(settings_for(backend, place)).analyze(SAMPLE, options)
    assert (here.model.backends, there.model.backends) == (("onnx",), (backend,))
    assert there.verdict is here.verdict
    assert there.reasons == here.reasons
    assert len(here.face_scores) == len(there.face_scores) > 3
    for one, other in zip(here.face_scores, there.face_scores, strict=True):
        assert one.fake_probability == pytest.approx(other.fake_probability, abs=1e-4)


def test_a_server_that_is_away_is_stood_in_for_only_where_that_is_allowed() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    options = AnalysisOptions(fps=0.5)
    with pytest.raises(BackendUnavailable, match=f"model server {url} does not answer"):
        build_analyzer(settings_for("oip", url)).analyze(SAMPLE, options)
    report = build_analyzer(settings_for("oip", url, backend_fallback=True)).analyze(SAMPLE, options)
    assert report.model.backends == ("onnx",)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize(
    ("backend", "server", "url"),
    [("oip", "triton", "http_url"), ("oip", "triton", "grpc_url"), ("tfserving", "kserve", "http_url")],
)
async def test_health_passes_on_what_the_server_says(
    backend: str, server: str, url: str, anyio_backend: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    place = getattr(request.getfixturevalue(server), url)
    settings = settings_for(backend, place, data_dir=tmp_path)
    async with client_of(build_services(settings, opener=FakeVideoOpener(), detector=FakeDetector())) as client:
        health, ready = [await client.get(path) for path in ("/health", "/readyz")]
    assert (health.status_code, ready.status_code) == (200, 200)
    said = {"name": "deepfake", "ready": True}
    assert health.json()["ok"] is True
    assert health.json()["tfserving"] == (said if backend == "tfserving" else None)
    assert health.json()["backend"] == {
        "name": backend,
        "ready": True,
        "server": said,
        "reason": None,
        "breaker": "closed",
        "fallback": None,
    }


@pytest.mark.logs_errors
@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("scheme", ["http", "grpc"])
@pytest.mark.parametrize("fallback", [False, True])
async def test_health_says_why_when_the_server_is_away(
    scheme: str, fallback: bool, anyio_backend: str, tmp_path: Path
) -> None:
    url = f"{scheme}://127.0.0.1:{free_port()}"
    settings = settings_for("tfserving", url, backend_fallback=fallback, data_dir=tmp_path)
    async with client_of(build_services(settings, opener=FakeVideoOpener(), detector=FakeDetector())) as client:
        health = (await client.get("/health")).json()
        ready = await client.get("/readyz")
    assert (health["ok"], health["tfserving"], ready.status_code == 200) == (fallback, None, fallback)
    assert f"model server {url} does not answer" in health["backend"]["reason"]
    assert health["backend"]["fallback"] == ("onnx" if fallback else None)


def test_grpc_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dfd.backends.open_inference_grpc", None)
    with pytest.raises(ConfigurationError, match=r"grpc:// needs pip install 'dfd\[grpc\]'"):
        build_model(load_settings(model_backend="oip", oip_url="grpc://127.0.0.1:9"))
