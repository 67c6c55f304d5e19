"""``dfd doctor`` and ``dfd serve``, as processes."""

import http.server
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cli_process import TIMEOUT_S, Cli, lines
from tests.fakes import make_manifest
from tests.onnx_models import SERVED, write_registry


class _ModelServer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/v1/models/deepfake" else 404)
        self.end_headers()
        self.wfile.write(b'{"model_version_status": [{"version": "1", "state": "AVAILABLE"}]}')

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Keep quiet."""


@pytest.fixture
def model_server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _ModelServer) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://user:hidden@127.0.0.1:{server.server_port}"
        server.shutdown()


def test_doctor_finds_a_working_installation(cli: Cli, model_server: str) -> None:
    done = cli.run("doctor", "--json", TF_SERVING_URL=model_server, THREADS="1")
    assert (done.returncode, done.stderr) == (0, "")
    [found] = lines(done.stdout)
    assert found["ok"] is True
    assert found["packages"]["onnxruntime"]
    assert (found["cpus"] >= 1, found["threads"]) == (True, 1)
    assert found["temporary_folder"]["free_bytes"] > 0
    assert found["model"]["ok"] and len(found["model"]["weights_sha256"]) == 64
    assert found["backends"]["onnx_runtime"]["ok"] is True
    assert found["backends"]["tf_serving"]["status"]["model_version_status"][0]["state"] == "AVAILABLE"
    assert {name: part["ok"] for name, part in found["detectors"].items()} == {
        "blazeface": True,
        "centerface": True,
        "haar": True,
    }
    assert "hidden" not in done.stdout


def test_doctor_tries_a_model_that_looks_at_two_frames(cli: Cli, tmp_path: Path) -> None:
    write_registry(tmp_path, version=SERVED, input=replace(make_manifest().input, frames=2))
    [found] = lines(cli.run("doctor", "--json", MODELS_DIR=str(tmp_path), THREADS="1").stdout)
    assert found["model"]["ok"] is True


def test_doctor_says_what_is_missing(cli: Cli, tmp_path: Path) -> None:
    done = cli.run("doctor", MODELS_DIR=str(tmp_path), TF_SERVING_URL="http://127.0.0.1:9")
    assert (done.returncode, done.stderr) == (4, "")
    assert "it holds no models" in done.stdout
    assert "model server http://127.0.0.1:9 does not answer" in done.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_serve_answers_and_stops_on_an_interrupt(cli: Cli) -> None:
    port = _free_port()
    with cli.start("serve", "--port", str(port)) as process:
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=5) as answer:
                    assert answer.status == 200
                break
            except urllib.error.URLError:
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err


def test_serve_does_not_start_on_a_port_in_use(cli: Cli) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = cli.run("serve", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 4
    assert "address already in use" in done.stderr
