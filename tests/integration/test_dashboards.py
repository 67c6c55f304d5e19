"""Grafana's dashboards: every query of every panel asked of the real Prometheus, on services under a little load."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from deploy.grafana.make_dashboards import DASHBOARDS, FOLDER, text_of
from tests.api_client import upload
from tests.architecture.tree import ROOT
from tests.e2e.test_rollouts import QUICK, make_place, register_copy, start, takes_part
from tests.integration.test_hot_reload import face
from tests.integration.test_jobs_processes import SOON_S, Place
from tests.live_service import START_LIMIT_S, picture, until
from tests.onnx_models import SERVED
from tests.prometheus_server import api, prometheus_server, values
from tests.scripted_server import UNAVAILABLE, Script, scripted_server

from dfd.manifest import ModelManifest

RIGHTLY_EMPTY = {
    "Refused versions": "counted from the first version that cannot take over, and here none is damaged",
}
"""Panels without data where nothing is wrong, by why."""

ROUNDS = 3
"""A rate needs two scrapes of a series, and series begin with what they count first."""


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Prometheus, on a service with a rollout and one with a model server, which have had something to do."""
    folder = tmp_path_factory.mktemp("watched")
    (folder / "rollout").mkdir()
    (folder / "remote").mkdir()
    rollout = make_place(folder / "rollout")
    register_copy(rollout, inverted=False)
    remote = Place(folder / "remote")
    manifest = ModelManifest.read(remote.folder / "models" / "deepfake" / SERVED / "manifest.json")
    script = Script(manifest=manifest, versions={SERVED: "AVAILABLE"})
    with ExitStack() as stack:
        server = stack.enter_context(scripted_server(script))
        own = stack.enter_context(rollout.service())[1]
        other = stack.enter_context(
            remote.service(MODEL_BACKEND="tfserving", TF_SERVING_URL=server.http_url, BACKEND_FALLBACK="true")
        )[1]
        start(rollout, "--share", "0.5", policy=QUICK | {"promotes": False})
        until(lambda: takes_part(own), SOON_S)
        ports = [client.base_url.port or 0 for client in (own, other)]
        prometheus = stack.enter_context(prometheus_server(folder, ports))
        for turn in range(1, ROUNDS + 1):
            _load(own, other, turn)
            if turn == ROUNDS - 1:
                script.refuse.extend([UNAVAILABLE] * 1000)
            _scraped(prometheus, {ports[0]: 5.0 * turn, ports[1]: 4.0 * turn})
        yield prometheus


def test_files_are_what_the_code_writes() -> None:
    assert {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")} == {
        name: text_of(name) for name in DASHBOARDS
    }


def test_dashboards_are_of_one_data_source_that_is_provisioned() -> None:
    provisioned = (ROOT / "deploy" / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text("utf-8")
    named = set(re.findall(r'"uid": "([^"]+)"', "".join(map(text_of, DASHBOARDS))))
    assert named == {"dfd-prometheus", "dfd-service", "dfd-models", "dfd-jobs"}
    assert "uid: dfd-prometheus" in provisioned
    for document in DASHBOARDS.values():
        numbers = [panel["id"] for panel in document["panels"]]
        assert len(set(numbers)) == len(numbers)


@pytest.mark.slow
@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_shows_data(name: str, watched: str) -> None:
    deadline_s = time.monotonic() + START_LIMIT_S
    while (wanting := _wanting(watched, name) - RIGHTLY_EMPTY.keys()) and time.monotonic() < deadline_s:
        time.sleep(1)  # rules are reckoned a moment after the scrape
    assert not wanting


@pytest.mark.slow
def test_the_list_of_processes_and_the_alerts_of_a_dashboard_can_be_asked(watched: str) -> None:
    document = DASHBOARDS["service"]
    asked = document["templating"]["list"][0]["query"]["query"]
    metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)", asked).groups()  # type: ignore[union-attr]
    assert len({series[label] for series in api(watched, "series", **{"match[]": metric})}) == 2
    api(watched, "query", query=document["annotations"]["list"][0]["expr"])


def _panels(name: str) -> list[dict[str, Any]]:
    shown = json.loads(text_of(name))["panels"]
    return [
        {"title": panel["title"], "queries": [target["expr"] for target in panel["targets"]]}
        for panel in shown
        if panel["type"] != "row"
    ]


def _wanting(prometheus: str, name: str) -> set[str]:
    return {
        panel["title"] for panel in _panels(name) if not all(_shows(prometheus, query) for query in panel["queries"])
    }


def _shows(prometheus: str, query: str) -> bool:
    filled = query.replace("$__rate_interval", "2m").replace("$instance", ".*")
    assert "$" not in filled
    return bool(values(prometheus, filled))


def _load(own: httpx.Client, other: httpx.Client, turn: int) -> None:
    """One of each kind of work."""
    for number in range(4):  # among several files, each version of the rollout gets one
        seen = face() + f"{turn} {number}".encode()
        assert own.post("/predict", files=upload(seen, "face.jpg")).status_code == 200
    assert own.post("/predict", files=upload(b"no video")).status_code == 422
    for number in range(4):  # three failures, and a model server is left alone
        seen = picture() + f"{turn} {number}".encode()
        assert other.post("/predict", files=upload(seen, "noise.png")).status_code == 200
    for content in (face() + f"job {turn}".encode(), b"no video" + bytes(turn)):
        accepted = own.post("/v1/jobs", files=upload(content, "file"))
        assert accepted.status_code == 202, accepted.text
        path = f"/v1/jobs/{accepted.json()['jobs'][0]['id']}"
        until(lambda path=path: own.get(path).json()["finished_at"] is not None, SOON_S)  # type: ignore[misc]


def _scraped(prometheus: str, requests: dict[int, float]) -> None:
    """Wait until Prometheus has seen so many requests of each port."""
    query = 'sum by (instance) (dfd_http_requests_total{{route="/predict", instance="127.0.0.1:{}"}})'
    for port, count in requests.items():
        until(lambda port=port, count=count: values(prometheus, query.format(port)) == [count], SOON_S)  # type: ignore[misc]
