"""The edge: the real Nginx with TLS before the real service."""

import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from tests.integration.test_service_process import process
from tests.live_service import START_LIMIT_S, clip, until
from tests.nginx_server import CONFIGURATION, Edge, configured, edge
from tests.onnx_models import SERVED, write_registry

from dfd.settings import Settings

HSTS = "max-age=63072000; includeSubDomains"
UPLOAD_LIMIT = 3 << 20
PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Site:
    """The edge and the service behind it."""

    edge: Edge
    service_port: int

    def client(self, **options: Any) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self.edge.authority))
        return httpx.Client(base_url=self.edge.url, verify=context, timeout=START_LIMIT_S, **{"http2": True, **options})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "uploads").mkdir()
    write_registry(folder / "models", version=SERVED)
    settings = {"MODELS_DIR": str(folder / "models"), "MAX_UPLOAD_MB": "2", "DATA_DIR": str(folder / "data")}
    smaller = {"client_max_body_size 520m": f"client_max_body_size {UPLOAD_LIMIT}"}
    with (
        process(folder, **settings) as (_running, port, _log),
        edge(folder, port, smaller) as before,
    ):
        made = Site(before, port)
        until(lambda: _ready(made), START_LIMIT_S)
        yield made


def _ready(site: Site) -> bool:
    with site.client() as client:
        return client.get("/readyz").status_code == 200


def test_an_upload_comes_to_its_verdict_over_http_2(site: Site) -> None:
    with site.client() as client:
        answer = client.post("/predict", files={"file": clip()}, headers={"X-Request-ID": "edge-7"})
    assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
    assert answer.json()["label"] in ("fake", "real", "inconclusive")
    assert answer.headers["strict-transport-security"] == HSTS
    assert answer.headers["x-request-id"] == "edge-7"
    assert "server" not in answer.headers or "/" not in answer.headers["server"]
    until(lambda: bool(_logged(site, "edge-7")))
    (line,) = _logged(site, "edge-7")
    assert (line["http.response.status_code"], line["tls.version"]) == (200, "TLSv1.3")


def test_a_request_without_an_id_or_with_a_forged_one_gets_one_at_the_edge(site: Site) -> None:
    with site.client() as client:
        for headers in ({}, {"X-Request-ID": 'x" y'}):
            given = client.get("/livez", headers=headers).headers["x-request-id"]
            assert len(given) == 32
            until(lambda given=given: bool(_logged(site, given)))  # type: ignore[misc]


def test_a_job_is_told_live(site: Site) -> None:
    """Events come through one by one: the first is here while the job has yet to be worked on."""
    with site.client() as client:
        accepted = client.post("/v1/jobs", files={"file": clip()}, params={"force": "true"})
        assert accepted.status_code == 202, accepted.text
        path = f"/v1/jobs/{accepted.json()['jobs'][0]['id']}/events"
        with client.stream("GET", path) as events:
            assert events.headers["content-type"].startswith("text/event-stream")
            heard = "".join(events.iter_text())
    assert heard.startswith("retry: 2000\n\n")
    assert "event: result" in heard


def test_nginx_holds_back_neither_uploads_nor_events(tmp_path: Path) -> None:
    """Before a server that says what it got: bytes reach it, and its own the caller, while the rest is to come."""
    with HesitantServer() as server, edge(tmp_path, server.port) as before:
        with _connected(before) as upload:
            upload.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf.")
            until(lambda: server.got.endswith(b"half."), START_LIMIT_S)
            upload.sendall(b"other")
            until(lambda: server.got.endswith(b"half.other"), START_LIMIT_S)
        server.got = b""
        with _connected(before) as listener:
            listener.sendall(b"GET /v1/jobs/0123/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            heard = b""
            while b"data: 1" not in heard:  # the second is sent when the first was heard
                heard += listener.recv(4096)
            assert b"data: 2" not in heard
            server.go_on.set()
            while b"data: 2" not in heard:
                heard += listener.recv(4096)
        assert b"X-Forwarded-For: 127.0.0.1\r\n" in server.got
        assert b"X-Forwarded-Proto: https\r\n" in server.got


def test_what_is_too_large_is_refused_by_whoever_sees_it_first(site: Site) -> None:
    with site.client(http2=False) as client:
        by_service = client.post("/predict", files={"file": bytes(2_200_000)})
        by_edge = client.post("/predict", files={"file": bytes(UPLOAD_LIMIT + 1)})
    for answer in (by_service, by_edge):
        assert (answer.status_code, answer.headers["content-type"]) == (413, PROBLEM)
        assert answer.json()["code"] == "upload_too_large"
        assert answer.json()["request_id"]
        assert answer.headers["strict-transport-security"] == HSTS
    assert by_service.json()["type"] == by_edge.json()["type"]


def test_metrics_stay_inside(site: Site) -> None:
    assert httpx.get(f"http://127.0.0.1:{site.service_port}/metrics").status_code == 200
    with site.client() as client:
        for path in ("/metrics", "/metrics?name=x", "/%6detrics", "//metrics", "/./metrics", "/v1/../metrics"):
            refused = client.get(site.edge.url + path)  # whole: httpx takes //metrics alone for a host
            assert refused.status_code == 404, path
            assert "dfd_" not in refused.text
        assert client.get("/metrics").json()["code"] == "not_found"


def test_old_tls_is_refused_and_new_tls_is_taken(site: Site) -> None:
    assert "TLSv1.2" in _handshake(site, "-tls1_2")
    assert "TLSv1.3" in _handshake(site, "-tls1_3")
    for old in ("-tls1_1", "-tls1"):
        assert "alert protocol version" in _handshake(site, old, "-cipher", "ALL:@SECLEVEL=0")


def test_plain_http_leads_to_tls_but_for_acme(site: Site) -> None:
    plain = f"http://localhost:{site.edge.plain_port}"
    moved = httpx.post(f"{plain}/predict?fps=1", content=b"x")
    assert (moved.status_code, moved.headers["location"]) == (308, "https://localhost/predict?fps=1")
    answers = site.edge.challenges / ".well-known" / "acme-challenge"
    answers.mkdir(parents=True)
    (answers / "token").write_text("token.key", encoding="ascii")
    assert httpx.get(f"{plain}/.well-known/acme-challenge/token").text == "token.key"
    assert httpx.get(f"{plain}/.well-known/acme-challenge/other").status_code == 404


def test_who_asks_too_often_is_told_when_to_come_back(tmp_path: Path, site: Site) -> None:
    with edge(tmp_path, site.service_port) as fresh:  # with counters of its own
        context = ssl.create_default_context(cafile=str(fresh.authority))
        with httpx.Client(base_url=fresh.url, verify=context, http2=True, timeout=START_LIMIT_S) as client:
            answers = [client.post("/v1/jobs", content=b"") for _ in range(40)]
            refused = [answer for answer in answers if answer.status_code == 429]
            # 30 at once and one a second: the rest of 40, unless this machine took ten seconds over them.
            assert refused
            assert len(answers) - len(refused) >= 31
            assert refused[0].json()["code"] == "rate_limited"
            assert refused[0].headers["content-type"] == PROBLEM
            assert int(refused[0].headers["retry-after"]) > 0
            assert refused[0].headers["strict-transport-security"] == HSTS
            assert client.get("/livez").status_code == 200  # questions are not counted with work


def test_a_service_that_is_away_is_a_problem_with_a_time_to_come_back(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with edge(tmp_path, port) as alone:
        context = ssl.create_default_context(cafile=str(alone.authority))
        with httpx.Client(base_url=alone.url, verify=context, timeout=START_LIMIT_S) as client:
            answer = client.get("/v1/jobs")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


def test_the_access_log_has_no_path_and_no_caller(site: Site) -> None:
    with site.client() as client:
        client.get("/v1/jobs/secret-path?secret=query")
    until(lambda: len(_lines(site)) > 0)
    text = site.edge.access_log.read_text(encoding="utf-8")
    assert "secret" not in text
    assert "127.0.0.1" not in text


def test_a_linter_finds_nothing(tmp_path: Path) -> None:
    configured(tmp_path, 1)  # with the files that the main one includes
    gixy = Path(sys.executable).parent / "gixy"
    command = [str(gixy), "--format", "json", str(tmp_path / "nginx" / "nginx.conf")]
    found = subprocess.run(command, check=False, capture_output=True, encoding="utf-8", timeout=START_LIMIT_S)
    assert (found.returncode, json.loads(found.stdout), found.stderr) == (0, [], "")


def test_limits_are_those_of_the_service() -> None:
    """What the service takes by default, Nginx lets through, with room for the form around it."""
    megabytes = Settings.model_fields["max_upload_mb"].default
    text = (CONFIGURATION / "nginx.conf").read_text(encoding="utf-8")
    assert f"client_max_body_size {megabytes + 8}m;" in text
    assert "rate=60r/m" in text
    compose = (CONFIGURATION.parents[1] / "docker-compose.yml").read_text(encoding="utf-8")
    assert "REQUESTS_PER_MINUTE: ${REQUESTS_PER_MINUTE:-60}" in compose


def _lines(site: Site) -> list[dict[str, Any]]:
    if not site.edge.access_log.exists():
        return []
    return [json.loads(line) for line in site.edge.access_log.read_text(encoding="utf-8").splitlines()]


def _logged(site: Site, request_id: str) -> list[dict[str, Any]]:
    return [line for line in _lines(site) if line["http.request.id"] == request_id]


def _handshake(site: Site, *options: str) -> str:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{site.edge.port}", *options]
    done = subprocess.run(command, check=False, input="", capture_output=True, encoding="utf-8", timeout=START_LIMIT_S)
    return done.stdout + done.stderr


@contextmanager
def _connected(before: Edge) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=str(before.authority))
    with (
        socket.create_connection(("127.0.0.1", before.port), timeout=START_LIMIT_S) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        yield secured


class HesitantServer:
    """Takes two connections one by one, remembers what it got, and answers a request for events in two steps."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.got = b""
        self.go_on = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        self._listener.close()
        self._thread.join(START_LIMIT_S)

    def _serve(self) -> None:
        for _ in range(2):
            connection, _address = self._listener.accept()
            with connection:
                while b"\r\n\r\n" not in self.got:
                    self.got += connection.recv(4096)
                if self.got.startswith(b"GET"):
                    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
                    connection.sendall(head + b"data: 1\n\n")
                    self.go_on.wait(START_LIMIT_S)
                    connection.sendall(b"data: 2\n\n")
                else:
                    while more := connection.recv(4096):
                        self.got += more
