"""What takes logs to Elasticsearch, held to the lines that are really written.

There is no Elasticsearch to ask: what its template would make of each field is reckoned here by its documentation.
"""

import json
import logging
import re
import signal
import ssl
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from tests.api_client import TOKEN
from tests.architecture.tree import ROOT
from tests.integration.test_compose import configuration
from tests.integration.test_observed_process import _ask as ask_for_one_of_everything
from tests.integration.test_service_process import process
from tests.live_service import START_LIMIT_S, clip
from tests.nginx_server import edge
from tests.onnx_models import SERVED, write_registry
from tests.unit.test_signatures import KEY, pem

from dfd.errors import BackendUnavailable
from dfd.scoring import BackendEvent, BackendEventKind
from dfd.telemetry.logs import EcsFormatter, log_backend_event

ELASTIC = ROOT / "deploy" / "elastic"
TEMPLATE = json.loads((ELASTIC / "index-template.json").read_text(encoding="utf-8"))

TEXT = {"keyword", "constant_keyword", "match_only_text", "wildcard"}


def mapped(properties: dict[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Every field of a mapping, its name with dots in it, and its type."""
    for name, field in properties.items():
        if "properties" in field:
            yield from mapped(field["properties"], f"{before}{name}.")
        else:
            yield f"{before}{name}", field["type"]


FIELDS = dict(mapped(TEMPLATE["template"]["mappings"]["properties"]))


def misfits(line: dict[str, Any]) -> list[str]:
    """Fields that the template has not foreseen, or foreseen as something else."""
    found = []
    for name, value in line.items():
        kind = FIELDS.get(name)
        if kind is None and (not name.startswith("dfd.") or isinstance(value, dict | list)):
            found.append(f"{name}: in no mapping")
        elif kind in TEXT and not isinstance(value, str):
            found.append(f"{name}: {value!r} is no text")
        elif kind == "long" and (not isinstance(value, int) or isinstance(value, bool)):
            found.append(f"{name}: {value!r} is no whole number")
        elif kind == "float" and not isinstance(value, int | float):
            found.append(f"{name}: {value!r} is no number")
        elif kind == "date" and datetime.fromisoformat(value).tzinfo is None:
            found.append(f"{name}: {value!r} has no zone")
        # With the dots made objects, a name must not be both an object and a value.
        found += [f"{name}: {parent} is a value" for parent in _parents(name) if parent in FIELDS or parent in line]
    return found


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


@pytest.mark.slow
def test_lines_of_a_process_and_of_nginx_fit_the_template(tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    (tmp_path / "edge").mkdir()
    write_registry(tmp_path / "models", version=SERVED)
    (tmp_path / "key.pem").write_bytes(pem(KEY.private))
    settings = {"MODELS_DIR": str(tmp_path / "models"), "REQUIRE_AUTH": "true", "JWT_SECRET": TOKEN}
    settings |= {"WEBHOOK_SECRET": "a-secret-for-anna.example", "LOG_LEVEL": "DEBUG", "REPORT_SIGNING_KEY": "key.pem"}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with process(tmp_path, **settings) as (running, port, log), edge(tmp_path / "edge", port) as before:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_LIMIT_S, headers=headers) as client:
            ask_for_one_of_everything(client)
        trust = ssl.create_default_context(cafile=str(before.authority))
        with httpx.Client(base_url=before.url, verify=trust, timeout=START_LIMIT_S) as client:
            client.post("/predict", files={"file": clip()})
        running.send_signal(signal.SIGTERM)
        running.wait(START_LIMIT_S)
        text = log.read_text(encoding="utf-8") + before.access_log.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    assert {line["service.name"] for line in lines} == {"dfd", "dfd-edge"}
    assert [misfit for line in lines for misfit in misfits(line)] == []


def test_lines_of_errors_webhooks_and_model_servers_fit_the_template(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for kind in BackendEventKind:
            log_backend_event(BackendEvent(kind, "oip", cause="away", duration_s=0.25, detail="nobody listens"))
    sent = {"job_id": "ab" * 16, "delivery": 1, "attempt": 2, "state": "pending", "status": 503, "error": "slow"}
    told = [{"msg": "webhook sent", **sent}]
    told += [
        {"msg": "unexpected error", "exc_info": (type(error), error, None)}
        for error in (BackendUnavailable("away"), ValueError("no"))
    ]
    records = [*caplog.records, *(logging.makeLogRecord({"name": "dfd.jobs", **one}) for one in told)]
    lines = [json.loads(EcsFormatter().format(record)) for record in records]
    assert [line["error.type"] for line in lines[-2:]] == ["BackendUnavailable", "ValueError"]
    assert [misfit for line in lines for misfit in misfits(line)] == []


@pytest.mark.parametrize(
    "line",
    [
        {"http.response.status_code": "200"},
        {"message": 1},
        {"@timestamp": "2026-01-01T00:00:00"},
        {"other": "x"},
        {"log": "x"},
    ],
    ids=lambda line: next(iter(line)),
)
def test_what_does_not_fit_is_noticed(line: dict[str, Any]) -> None:
    assert misfits(line)


def test_every_documented_field_is_in_the_template() -> None:
    document = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8").partition("## Logs")[2]
    rows = re.findall(r"^\| (`.+?`) \|", document, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert len(documented) > 20
    assert documented <= FIELDS.keys()


def test_the_parts_of_the_pipeline_fit_together() -> None:
    filebeat = yaml.safe_load((ELASTIC / "filebeat.yml").read_text(encoding="utf-8"))
    logstash = (ELASTIC / "logstash.conf").read_text(encoding="utf-8")
    setup = (ELASTIC / "setup.sh").read_text(encoding="utf-8")
    services = configuration("observability")["services"]
    (host,) = filebeat["output.logstash"]["hosts"]
    name, port = host.split(":")
    assert name in services
    assert f"port => {port}" in logstash
    kept = {name for name in FIELDS if name.split(".")[0] in ("agent", "container", "host", "input")}
    assert not kept  # what Filebeat drops of its own is nothing of ours
    stream = "-".join(re.findall(r'data_stream_(?:type|dataset|namespace) => "(\w+)"', logstash))
    assert stream == "logs-dfd-default"
    assert TEMPLATE["index_patterns"] == ["logs-dfd-*"]
    assert TEMPLATE["template"]["settings"]["index.lifecycle.name"] == "dfd-logs"
    assert "_ilm/policy/dfd-logs" in setup
    assert 'user => "dfd_logstash"' in logstash
    assert "_security/user/dfd_logstash" in setup
    read = set(re.findall(r"/run/secrets/(\w+)", setup + " ".join(map(str, services["logstash"]["command"]))))
    mounted = {secret["source"] for part in ("elastic-setup", "logstash") for secret in services[part]["secrets"]}
    assert read == mounted
    json.loads((ELASTIC / "lifecycle.json").read_text(encoding="utf-8"))
