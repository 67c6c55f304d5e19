"""What operators see of a process that works: its log, in which nobody is named, and its metrics."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.api_client import PATIENCE_S, TOKEN
from tests.integration.test_service_process import ROOT, process
from tests.live_service import START_LIMIT_S, clip
from tests.onnx_models import SERVED, write_registry
from tests.unit.test_signatures import KEY, pem

from dfd.signatures.reports import Standing, check_report, read_report

PRIVATE = ("anna-schmidt", "ticket-of-anna", "anna.example", TOKEN, "key-of-anna", "anna-wrong-token")
"""What callers send and no log may hold."""

TRACE_ID = "ab" * 16


def ended(client: httpx.Client, job_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
        if job["state"] not in ("queued", "running"):
            return job
        time.sleep(0.05)
    raise AssertionError("the job does not end")


@pytest.mark.slow
def test_a_process_tells_of_its_work_and_of_nobody(tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    write_registry(tmp_path / "models", version=SERVED)
    settings = {"MODELS_DIR": str(tmp_path / "models"), "REQUIRE_AUTH": "true", "JWT_SECRET": TOKEN}
    settings |= {"WEBHOOK_SECRET": "a-secret-for-anna.example", "LOG_LEVEL": "DEBUG"}
    (tmp_path / "key.pem").write_bytes(pem(KEY.private))
    settings |= {"REPORT_SIGNING_KEY": "key.pem"}
    with process(tmp_path, **settings) as (running, port, log):
        headers = {"Authorization": f"Bearer {TOKEN}", "traceparent": f"00-{TRACE_ID}-{'cd' * 8}-01"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_LIMIT_S, headers=headers) as client:
            _ask(client)
            scraped = client.get("/metrics").text
        running.send_signal(signal.SIGTERM)
        assert running.wait(START_LIMIT_S) in (0, -signal.SIGTERM)
    text = log.read_text(encoding="utf-8")
    assert not [word for word in PRIVATE if word in text]
    _check_lines([json.loads(line) for line in text.splitlines()])
    _check_metrics(scraped)


def _ask(client: httpx.Client) -> None:
    """One of everything, with names in every place that takes one."""
    client.get("/readyz")
    named = {"file": ("anna-schmidt.mp4", clip(), "video/mp4")}
    assert client.post("/predict", files=named).status_code == 200
    broken = {"file": ("anna-schmidt.mp4", b"no video", "video/mp4")}
    assert client.post("/predict", files=broken).status_code == 422
    wishes = {"external_id": "ticket-of-anna", "callback_url": "https://anna.example/hook?token=anna"}
    key = {"Idempotency-Key": "key-of-anna"}
    (job,) = client.post("/v1/jobs", files=named, params=wishes, headers=key).json()["jobs"]
    assert ended(client, job["id"])["state"] == "succeeded"
    report = read_report(client.get(f"/v1/jobs/{job['id']}/report.json").text)
    assert check_report(report, [KEY.public]).standing is Standing.GENUINE
    assert client.get("/v1/signing-keys").json() == {"keys": [KEY.public.jwk]}
    (job,) = client.post("/v1/jobs", files=broken, params=wishes).json()["jobs"]
    assert ended(client, job["id"])["state"] == "failed"
    assert client.get("/v1/jobs/anna-schmidt").status_code == 404
    assert client.get("/anna-schmidt/report.json").status_code == 404
    assert client.get("/v1/jobs", headers={"Authorization": "Bearer anna-wrong-token"}).status_code == 401


def _check_lines(lines: list[dict[str, Any]]) -> None:
    assert all({"@timestamp", "log.level", "message", "ecs.version", "service.name"} <= set(line) for line in lines)
    answered = [line for line in lines if line["message"] == "request answered"]
    assert {line["trace.id"] for line in answered} == {TRACE_ID}
    assert all({"http.request.id", "event.duration", "http.response.status_code"} <= set(line) for line in answered)
    by_workers = [line for line in lines if line["log.logger"] == "dfd.jobs.worker"]
    assert [line["message"] for line in by_workers] == ["job begun", "job ended"] * 2
    assert {line["trace.id"] for line in by_workers} == {TRACE_ID}
    assert len({line["dfd.job_id"] for line in by_workers}) == 2


def _check_metrics(scraped: str) -> None:
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(scraped)
        for sample in family.samples
    }
    assert samples["dfd_http_requests_total", "/predict", "200", "POST"] == 1
    assert samples["dfd_analysis_failures_total", "media", "unreadable_video"] == 2
    assert samples["dfd_jobs_ended_total", "succeeded"] == 1
    assert samples["dfd_jobs_ended_total", "failed"] == 1
    assert samples["dfd_jobs", "queued"] == 0
    assert samples["dfd_job_table_up",] == 1
    assert samples["dfd_analysis_stage_duration_seconds_count", "total"] == 2
    assert not [word for word in PRIVATE if word in scraped]
    promtool = shutil.which("promtool")
    if promtool is not None:  # where Prometheus is installed, it has the last word on names and units
        checked = subprocess.run(
            [promtool, "check", "metrics"], check=False, input=scraped, capture_output=True, text=True, timeout=60
        )
        assert (checked.returncode, checked.stderr) == (0, "")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def shown_at(port: int, running: "subprocess.Popen[bytes]") -> str:
    """The metrics of a process, once it is there."""
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline and running.poll() is None:
        with suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S).text
        time.sleep(0.1)
    raise AssertionError("the process shows no metrics")


@pytest.mark.slow
def test_with_a_port_of_their_own_metrics_are_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    write_registry(tmp_path / "models", version=SERVED)
    own = free_port()
    with process(tmp_path, MODELS_DIR=str(tmp_path / "models"), METRICS_PORT=str(own)) as (running, port, _log):
        assert "dfd_build_info" in shown_at(own, running)
        assert httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=START_LIMIT_S).status_code == 404


@pytest.mark.slow
def test_a_worker_shows_its_metrics_and_leaves_when_told(tmp_path: Path) -> None:
    write_registry(tmp_path / "models", version=SERVED)
    own = free_port()
    environment = {"MODELS_DIR": str(tmp_path / "models"), "METRICS_PORT": str(own), "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "dfd.cli", "worker", "--workers", "1"]
    with (tmp_path / "stderr.log").open("wb") as stderr:
        running = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, **environment}, stderr=stderr)
    try:
        shown = shown_at(own, running)
        running.send_signal(signal.SIGTERM)
        assert running.wait(START_LIMIT_S) == 0
    finally:
        running.kill()
        running.wait()
    assert "dfd_job_table_up 1.0" in shown
    assert "dfd_model_info" in shown
