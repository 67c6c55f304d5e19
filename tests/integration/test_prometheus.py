"""The rules for Prometheus, judged by Prometheus: on made-up series, and on a service that works."""

import re
import subprocess
from pathlib import Path

import httpx
import pytest
from tests.integration.test_service_process import ROOT, process
from tests.live_service import START_LIMIT_S, clip, until
from tests.onnx_models import SERVED, write_registry
from tests.prometheus_server import CONFIGURATION, api, prometheus_server, tool, values

RUNBOOK = ROOT / "docs" / "runbook.md"

NOT_OF_EVERY_SERVICE = {
    "dfd_model_alias_known",
    "dfd_model_behind",
    "dfd_drift_noise",
    "dfd_drift_psi",
    "dfd_drift_videos",
}
"""Shown only where an alias is followed, and where drift has been counted."""


def test_prometheus_takes_configuration_and_rules() -> None:
    checked = _run(tool("promtool"), "check", "config", "prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_each_alert_fires_where_it_must_and_only_there() -> None:
    tested = _run(tool("promtool"), "test", "rules", "tests/alerts.yml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_each_alert_is_tested_both_ways() -> None:
    alerts = _alerts()
    tests = (CONFIGURATION / "tests" / "alerts.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"- name: (.+)", tests))
    assert {f"{alert} {outcome}" for alert in alerts for outcome in ("fires", "stays silent")} == named


def test_the_runbook_has_a_section_for_each_alert() -> None:
    assert re.findall(r"^## (.+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE) == _alerts()


@pytest.mark.slow
def test_rules_find_data_of_a_service_that_works(tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    write_registry(tmp_path / "models", version=SERVED)
    with (
        process(tmp_path, MODELS_DIR=str(tmp_path / "models")) as (_running, port, _log),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_LIMIT_S) as client,
        prometheus_server(tmp_path, [port]) as prometheus,
    ):
        _load(client, prometheus)
        shown = set(re.findall(r"^# TYPE (\S+)", client.get("/metrics").text, re.MULTILINE))
        rules = [rule for group in api(prometheus, "rules")["groups"] for rule in group["rules"]]
        recorded = {rule["name"] for rule in rules if rule["type"] == "recording"}
        assert {rule["name"]: rule["lastError"] for rule in rules if rule.get("lastError")} == {}
        until(lambda: not [name for name in recorded if not values(prometheus, name)], START_LIMIT_S)
        assert values(prometheus, "dfd:analysis_failures_of_media:ratio_rate5m")[0] > 0
    for rule in rules:
        assert set(rule.get("annotations", {})) == ({"summary", "runbook"} if rule["type"] == "alerting" else set())
        used = set(re.findall(r"\b(?:dfd|process)_\w+", rule["query"]))
        bases = {re.sub(r"_(bucket|sum|count)$", "", name) for name in used}
        assert bases <= shown | NOT_OF_EVERY_SERVICE, rule["name"]


def _alerts() -> list[str]:
    rules = (CONFIGURATION / "rules" / "alerts.yml").read_text(encoding="utf-8")
    return re.findall(r"- alert: (\w+)", rules)


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=CONFIGURATION, check=False, capture_output=True, encoding="utf-8", timeout=START_LIMIT_S
    )


def _load(client: httpx.Client, prometheus: str) -> None:
    """One of each kind of work, twice, with a scrape after each: a rate needs two."""
    for turn in (1, 2):
        good = {"file": ("good.mp4", clip(), "video/mp4")}
        assert client.post("/predict", files=good).status_code == 200
        assert client.post("/predict", files={"file": ("bad.mp4", b"no video", "video/mp4")}).status_code == 422
        assert client.post("/v1/jobs", files=good).status_code in (200, 202)
        _scraped(prometheus, 2.0 * turn)


def _scraped(prometheus: str, requests: float) -> None:
    """Wait until Prometheus has seen so many."""
    query = 'sum(dfd_http_requests_total{route="/predict"})'
    until(lambda: values(prometheus, query) == [requests], START_LIMIT_S)
