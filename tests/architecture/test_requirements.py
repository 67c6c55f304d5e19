"""The pinned requirements are what the Makefile, the container and a reader rely on."""

import re
import tomllib
from pathlib import Path

import pytest
from tests.architecture.tree import ROOT

PINNED = sorted((ROOT / "requirements").glob("*.txt"))
PIN = re.compile(r"^([a-z0-9][a-z0-9-]*)(?:\[[a-z,]+\])?==(\S+)( ; [^\\]+)? \\$")
TRAINING_FRAMEWORKS = {"imbalanced-learn", "keras", "scikit-learn", "tensorflow", "tensorflow-cpu", "tf2onnx", "torch"}


def pins(path: Path) -> dict[str, set[str]]:
    """Versions by package; more than one where they depend on the Python version."""
    found: dict[str, set[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := PIN.match(line):
            found.setdefault(match[1], set()).add(match[2])
    return found


@pytest.mark.parametrize("path", PINNED, ids=lambda path: path.name)
def test_every_requirement_is_pinned_with_hashes_and_names_no_index(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()

    for number, line in enumerate(lines):
        if line.lstrip().startswith("#"):
            continue
        if line.startswith(" "):
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), line
        else:
            assert PIN.match(line), line
            assert lines[number + 1].startswith("    --hash=sha256:"), line
    assert "://" not in "\n".join(lines)


def test_serving_installs_no_training_framework() -> None:
    assert not TRAINING_FRAMEWORKS & pins(ROOT / "requirements" / "serve.txt").keys()


@pytest.mark.parametrize("name", ["container", "dev", "train"])
def test_container_development_and_training_use_what_serving_uses(name: str) -> None:
    serving = pins(ROOT / "requirements" / "serve.txt")
    other = pins(ROOT / "requirements" / f"{name}.txt")

    assert {package: other.get(package) for package in serving} == serving


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[^A-Za-z0-9-]", dependency)[0] for dependency in project["dependencies"]}

    assert wanted <= pins(ROOT / "requirements" / "serve.txt").keys()
