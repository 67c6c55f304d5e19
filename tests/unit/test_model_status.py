"""Asking a model server for a model's state: whatever goes wrong there, the answer is None."""

import http.server
import threading
from collections.abc import Iterator

import pytest

from dfd.backends.tf_serving import model_status

ANSWERS = {
    "/v1/models/serving": (200, b'{"model_version_status": [{"state": "AVAILABLE"}]}'),
    "/prefix/v1/models/kserve": (200, b'{"name": "kserve", "ready": true}'),
    "/v1/models/list": (200, b"[]"),
    "/v1/models/page": (200, b"<html>"),
    "/v1/models/moved": (302, b"{}"),
}


class _Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = ANSWERS.get(self.path, (404, b'{"error": "not found"}'))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Keep quiet."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Server) as running:
        threading.Thread(target=running.serve_forever).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_tensorflow_servings_answer_is_passed_on(server: str) -> None:
    assert model_status(server, "serving", 5) == {"model_version_status": [{"state": "AVAILABLE"}]}


def test_kserves_answer_below_a_prefix_is_passed_on(server: str) -> None:
    assert model_status(f"{server}/prefix/", "kserve", 5) == {"name": "kserve", "ready": True}


@pytest.mark.parametrize("name", ["unknown", "list", "page", "moved"])
def test_any_other_answer_is_none(server: str, name: str) -> None:
    assert model_status(server, name, 5) is None


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "https://127.0.0.1:9", "http://127.0.0.1:port", "http://"])
def test_no_answer_is_none(url: str) -> None:
    assert model_status(url, "serving", 5) is None


def test_another_protocol_is_none(server: str) -> None:
    assert model_status(server.replace("http:", "https:"), "serving", 5) is None
