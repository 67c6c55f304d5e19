"""Real model servers for tests, on free ports of this machine: Triton and KServe, installed by ``make servers``."""

import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
from tests.fakes import make_manifest
from tests.onnx_models import write_mean_model
from tests.servers import free_port, not_installed

from dfd.manifest import Layout, ModelManifest, Output
from dfd.registry.directory import DirectoryRegistry, RegisteredModel

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv-servers" / "bin" / "python"
SERVED = Path(__file__).parent / "served"
START_LIMIT_S = 120
"""Both import much, on a machine that is busy with other tests."""


@dataclass
class ModelServer:
    """A server that answers.

    Attributes:
        http_url: its address.
        grpc_url: its address for gRPC.
        process: that it runs in.
    """

    http_url: str
    grpc_url: str
    process: "subprocess.Popen[bytes]"

    def post(self, path: str) -> None:
        request = urllib.request.Request(self.http_url + path, data=b"{}", method="POST")
        with urllib.request.urlopen(request, timeout=30):
            pass

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


@contextmanager
def _running(
    command: list[str], environment: dict[str, str], ready_url: str, log: Path
) -> "Iterator[subprocess.Popen[bytes]]":
    with (
        log.open("ab") as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True) as process,
    ):
        try:
            deadline_s = time.monotonic() + START_LIMIT_S
            while not answers(ready_url):
                assert process.poll() is None, f"the server ended: {log.read_text(errors='replace')[-2000:]}"
                assert time.monotonic() < deadline_s, (
                    f"the server did not start: {log.read_text(errors='replace')[-2000:]}"
                )
                time.sleep(0.1)
            yield process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            with suppress(ProcessLookupError):  # what Triton runs a model in outlives a Triton that was killed
                os.killpg(process.pid, signal.SIGKILL)


def _python() -> str:
    if not PYTHON.is_file():
        not_installed("no model servers: `make servers` installs them")
    return str(PYTHON)


def _asked(code: str) -> str:
    done = subprocess.run([_python(), "-c", code], capture_output=True, check=True, encoding="utf-8", timeout=60)
    return done.stdout.strip()


def add_triton_model(
    repository: Path, manifest: ModelManifest, weights: Path, *, max_batch: int = 32, delay_s: float = 0.0
) -> None:
    """Put a version of a model into Triton's repository."""
    folder = repository / manifest.name
    (folder / manifest.version).mkdir(parents=True)
    shutil.copy(SERVED / "triton_model.py", folder / manifest.version / "model.py")
    graph = onnx.load(weights).graph
    crop = ", ".join(map(str, manifest.input.tensor_shape))
    (folder / "config.pbtxt").write_text(
        f"""
name: "{manifest.name}"
backend: "python"
max_batch_size: {max_batch}
input [ {{ name: "{graph.input[0].name}" data_type: TYPE_FP32 dims: [ {crop} ] }} ]
output [ {{ name: "{graph.output[0].name}" data_type: TYPE_FP32 dims: [ 1 ] }} ]
instance_group [ {{ kind: KIND_CPU count: 1 }} ]
version_policy {{ all {{ }} }}
parameters [
  {{ key: "weights" value: {{ string_value: "{weights.resolve()}" }} }},
  {{ key: "delay_s" value: {{ string_value: "{delay_s}" }} }}
]
"""
    )


SMALL = make_manifest(max_batch=4, input=replace(make_manifest().input, size_px=16))
PAIRS = replace(SMALL, input=replace(SMALL.input, frames=2))
MEANS: Mapping[str, ModelManifest] = {
    "logit": SMALL,
    "probability": replace(SMALL, output=Output.FAKE_PROBABILITY),
    "channels-first": replace(SMALL, input=replace(SMALL.input, layout=Layout.NCHW)),
    "pairs": PAIRS,
}
"""Manifests of mean models that servers of tests hold, by the name they have there."""

FIRST = "deepfake-first"
"""What version 1 of the shipped model is called there: a server's versions of one name must take crops of one size."""


def shipped() -> dict[str, RegisteredModel]:
    """The shipped models, by the name they have on servers of tests."""
    registry = DirectoryRegistry(ROOT / "models")
    return {"deepfake": registry.load("deepfake", "2"), FIRST: registry.load("deepfake", "1")}


def write_means(folder: Path) -> dict[str, Path]:
    """Write the mean models; their files by name."""
    paths = {}
    for name, manifest in MEANS.items():
        tail = "Sigmoid" if manifest.output is Output.FAKE_PROBABILITY else ""
        paths[name] = write_mean_model(folder / f"{name}.onnx", manifest, tail=tail, column=True)
    return paths


@contextmanager
def triton_with_models(folder: Path) -> Iterator[ModelServer]:
    """Triton with the mean models, three crops at once, and the shipped ones."""
    repository = folder / "repository"
    for name, weights in write_means(folder).items():
        add_triton_model(repository, replace(MEANS[name], name=name), weights, max_batch=3)
    for name, model in shipped().items():
        add_triton_model(repository, replace(model.manifest, name=name), model.weights_path)
    with triton_server(repository, folder) as server:
        yield server


@contextmanager
def kserve_with_models(folder: Path) -> Iterator[ModelServer]:
    """KServe with the mean models, of which one says nothing of itself, and the shipped ones."""
    means = write_means(folder)
    plain = {"plain": means["logit"]}
    with kserve_server(
        means | {name: model.weights_path for name, model in shipped().items()}, folder, plain
    ) as server:
        yield server


@contextmanager
def triton_server(repository: Path, folder: Path, ports: tuple[int, int] | None = None) -> Iterator[ModelServer]:
    """Triton with the models of a repository, which it reads again when told to.

    Args:
        repository: see `add_triton_model`.
        folder: for its backend and its log.
        ports: for HTTP and gRPC; None for free ones.
    """
    site = Path(_asked("import sysconfig; print(sysconfig.get_path('purelib'))"))
    triton = site / "pytriton" / "tritonserver"
    backend = folder / "backends" / "python"
    if not backend.exists():
        shutil.copytree(triton / "backends" / "python", backend)
        stub = backend / "triton_python_backend_stub"
        version = _asked("import sys; print('%d.%d' % sys.version_info[:2])")
        shutil.copy(triton / "python_backend_stubs" / version / stub.name, stub)
    environment = {
        "LD_LIBRARY_PATH": f"{site / 'nvidia_pytriton.libs'}:{_asked('import sys; print(sys.base_prefix)')}/lib",
        # The stub heeds no variable of Python's: it takes the packages of the environment whose Python it finds first.
        "PATH": f"{PYTHON.parent}:{os.environ['PATH']}",
    }
    http_port, grpc_port = ports or (free_port(), free_port())
    command = [
        str(triton / "bin" / "tritonserver"),
        f"--model-repository={repository}",
        f"--backend-directory={folder / 'backends'}",
        "--http-address=127.0.0.1",
        "--grpc-address=127.0.0.1",
        f"--http-port={http_port}",
        f"--grpc-port={grpc_port}",
        "--allow-metrics=false",
        "--model-control-mode=explicit",
        "--load-model=*",
    ]
    url = f"http://127.0.0.1:{http_port}"
    with _running(command, environment, f"{url}/v2/health/ready", folder / "triton.log") as process:
        yield ModelServer(url, f"grpc://127.0.0.1:{grpc_port}", process)


@contextmanager
def kserve_server(
    models: Mapping[str, Path], folder: Path, plain: Mapping[str, Path] | None = None
) -> Iterator[ModelServer]:
    """KServe with ONNX files by the names of their models, by version 1 and version 2 of its protocols.

    Args:
        models: tell their input and output.
        folder: for its log.
        plain: do not.
    """
    http_port, grpc_port = free_port(), free_port()
    command = [_python(), str(SERVED / "kserve_app.py"), "--http_port", str(http_port), "--grpc_port", str(grpc_port)]
    for option, given in (("--model", models), ("--plain", plain or {})):
        for name, weights in given.items():
            command += [option, f"{name}={weights}"]
    url = f"http://127.0.0.1:{http_port}"
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    with _running(command, environment, f"{url}/v2/health/ready", folder / "kserve.log") as process:
        yield ModelServer(url, f"grpc://127.0.0.1:{grpc_port}", process)
