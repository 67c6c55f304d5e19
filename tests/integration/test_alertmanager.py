"""Alerts on their way: from Prometheus through Alertmanager to somebody's webhook."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.architecture.tree import ROOT
from tests.live_service import until
from tests.prometheus_server import answers, prometheus_server, tool
from tests.servers import START_LIMIT_S, free_port
from tests.webhook_receiver import Receiver, receiving

CONFIGURATION = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"


def test_alertmanager_takes_the_configuration(tmp_path: Path) -> None:
    checked = subprocess.run(
        [tool("amtool"), "check-config", _configured(tmp_path, "http://127.0.0.1:9/")],
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=START_LIMIT_S,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "2 receivers" in checked.stdout


@pytest.mark.parametrize(("severity", "told"), [("page", "pages"), ("ticket", "tickets")])
def test_each_severity_has_its_receiver(severity: str, told: str, tmp_path: Path) -> None:
    configuration = _configured(tmp_path, "http://127.0.0.1:9/")
    command = [tool("amtool"), "config", "routes", "test", f"--config.file={configuration}", f"severity={severity}"]
    routed = subprocess.run(command, check=True, capture_output=True, encoding="utf-8", timeout=START_LIMIT_S)
    assert routed.stdout.split() == [told]


@pytest.mark.slow
def test_somebody_is_told_of_a_process_that_does_not_answer(tmp_path: Path) -> None:
    with receiving() as webhook, _alertmanager(tmp_path, webhook) as address:
        alerting = f'alerting: {{alertmanagers: [{{static_configs: [{{targets: ["{address}"]}}]}}]}}\n\nscrape_configs:'
        impatient = {"for: 2m": "for: 0s", "scrape_configs:": alerting}
        with prometheus_server(tmp_path, [free_port()], impatient):
            until(lambda: bool(webhook.got), START_LIMIT_S)
        told = webhook.got[0].event
    assert (told["receiver"], told["status"]) == ("pages", "firing")
    (alert,) = told["alerts"]
    assert (alert["labels"]["alertname"], alert["labels"]["severity"]) == ("DfdDown", "page")
    assert alert["annotations"]["runbook"] == "docs/runbook.md#dfddown"


def _configured(folder: Path, url: str) -> Path:
    """The configuration with an address in place of its file, which Debian's Alertmanager (0.25) has yet to learn."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    named = "url_file: /run/secrets/alert_webhook_url"
    assert text.count(named) == 2
    path = folder / "alertmanager.yml"
    path.write_text(text.replace(named, f"url: {url}").replace("group_wait: 10s", "group_wait: 1s"), encoding="utf-8")
    return path


@contextmanager
def _alertmanager(folder: Path, webhook: Receiver) -> Iterator[str]:
    address = f"127.0.0.1:{free_port()}"
    command = [tool("prometheus-alertmanager"), f"--config.file={_configured(folder, webhook.url())}"]
    command += [f"--web.listen-address={address}", "--cluster.listen-address=", f"--storage.path={folder / 'alerts'}"]
    with (folder / "alertmanager.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as running:
        try:
            until(lambda: answers(f"http://{address}"), START_LIMIT_S)
            yield address
        finally:
            running.kill()
