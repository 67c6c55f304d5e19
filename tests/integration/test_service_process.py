"""The service as an operator starts it: a process, its environment, its log and its end."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.api_client import upload
from tests.live_service import START_LIMIT_S, clip
from tests.onnx_models import SERVED, write_registry

from dfd.settings import default_models_dir

ROOT = Path(__file__).parents[2]


@contextmanager
def process(tmp_path: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[bytes], int, Path]]:
    """The service as an operator starts it: process, port and the file its stderr goes to."""
    log = tmp_path / "stderr.log"
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as stderr:
        running = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "dfd.asgi:create", "--factory", "--fd", str(listener.fileno())],
            cwd=tmp_path,
            env={**os.environ, "TMPDIR": str(tmp_path / "uploads"), "PYTHONPATH": str(ROOT / "src"), **environment},
            pass_fds=[listener.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
        try:
            yield running, listener.getsockname()[1], log
        finally:
            running.kill()
            running.wait()


@pytest.fixture(params=["real", "mean"])
def models(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder of models: the one that came with DFD, and one with a model that answers the mean of its input."""
    if request.param == "mean":
        write_registry(tmp_path / "models", version=SERVED)
        return tmp_path / "models"
    return default_models_dir()


@pytest.mark.slow
def test_the_process_serves_a_model_logs_json_and_stops_when_told(models: Path, tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    with process(tmp_path, LOG_LEVEL="INFO", MODELS_DIR=str(models)) as (running, port, log):
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_LIMIT_S) as client:
            ready = client.get("/readyz")
            answer = client.post("/predict?fps=2.0", files=upload(clip()), headers={"X-Request-ID": "request-7"})
        running.send_signal(signal.SIGTERM)
        assert running.wait(START_LIMIT_S) in (0, -signal.SIGTERM)
    assert (ready.status_code, answer.status_code) == (200, 200)
    assert answer.json()["model"]["name"] == "deepfake"
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert [line["http.response.status_code"] for line in lines if line.get("http.request.id") == "request-7"] == [200]
    assert not list((tmp_path / "uploads").iterdir())


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"REQUIRE_AUTH": "true", "JWT_SECRET": ""}, "JWT_SECRET"),
        ({"MODELS_DIR": "nowhere"}, "deepfake"),
    ],
    ids=["settings", "model"],
)
def test_a_service_that_is_not_set_up_does_not_start(environment: dict[str, str], said: str, tmp_path: Path) -> None:
    with process(tmp_path, **environment) as (running, _port, log):
        assert running.wait(START_LIMIT_S) == 4
    (line,) = [line for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("dfd cannot start: ")]
    assert said in line
    assert "Traceback" not in log.read_text(encoding="utf-8")
