"""The real Prometheus with the configuration of deploy/prometheus, on services of this machine."""

import json
import math
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
from tests.architecture.tree import ROOT
from tests.live_service import until
from tests.servers import START_LIMIT_S, free_port, not_installed

CONFIGURATION = ROOT / "deploy" / "prometheus"


def tool(name: str) -> str:
    """Where a program is."""
    found = shutil.which(name)
    return found or not_installed(f"no {name}: the package prometheus or prometheus-alertmanager brings it")


@contextmanager
def prometheus_server(
    folder: Path, scraped_ports: Sequence[int], replaced: Mapping[str, str] = MappingProxyType({})
) -> Iterator[str]:
    """Prometheus with the configuration that ships, for some services, fifteen times as eager; its address.

    Args:
        folder: for its configuration, its log and its data.
        scraped_ports: of the services, on the loopback address.
        replaced: what else stands in its configuration and its rules, by what comes in its place.
    """
    binary = tool("prometheus")
    shutil.copytree(CONFIGURATION, folder / "prometheus")
    configuration = folder / "prometheus" / "prometheus.yml"
    eager = configuration.read_text(encoding="utf-8").replace("15s", "1s").replace("10s", "1s")
    for old, new in replaced.items():
        eager = eager.replace(old, new)
        for rules in (folder / "prometheus" / "rules").glob("*.yml"):
            text = rules.read_text(encoding="utf-8")
            rules.write_text(text.replace(old, new), encoding="utf-8")
    configuration.write_text(eager, encoding="utf-8")
    targets = [{"targets": [f"127.0.0.1:{port}" for port in scraped_ports]}]
    (folder / "prometheus" / "targets" / "dfd.yml").write_text(json.dumps(targets), encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    command = [binary, f"--config.file={configuration}", f"--web.listen-address={address}"]
    command += [f"--storage.tsdb.path={folder / 'series'}"]
    with (folder / "prometheus.log").open("wb") as log, subprocess.Popen(command, stderr=log, stdout=log) as running:
        try:
            until(lambda: answers(f"http://{address}"), START_LIMIT_S)
            yield f"http://{address}"
        finally:
            running.kill()


def answers(url: str) -> bool:
    """Whether Prometheus or Alertmanager is ready."""
    try:
        return httpx.get(f"{url}/-/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def api(url: str, path: str, **parameters: str) -> Any:
    """What Prometheus says at an address of its interface."""
    answer = httpx.get(f"{url}/api/v1/{path}", params=parameters, timeout=START_LIMIT_S)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def values(url: str, query: str) -> list[float]:
    """Of the series that there are; not a number is none."""
    found = [float(series["value"][1]) for series in api(url, "query", query=query)["result"]]
    return [value for value in found if not math.isnan(value)]
