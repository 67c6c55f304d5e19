"""Rules of the house that no linter here knows."""

import ast
import re
from pathlib import Path

import pytest
from tests.architecture.tree import PACKAGES, ROOT, modules, name, nodes

MAX_LINES = 330
ENVIRONMENT = {"environ", "environb", "getenv", "putenv", "unsetenv"}
READS_ENVIRONMENT = {"src/dfd/__init__.py"}  # it turns telemetry off; settings are read by pydantic
# A path under one of these names a machine, not this project.
MACHINE_PATH = re.compile(r"(?:^|[\s\"'=:(])(?:/(?:data|home|mnt|opt|root|tmp|Users|var|work)/|[A-Z]:\\)")

SERVING = [pytest.param(path, id=name(path)) for path in modules("dfd")]
ALL = [pytest.param(path, id=name(path)) for package in PACKAGES for path in modules(package)]


@pytest.mark.parametrize("path", SERVING)
def test_only_settings_read_the_environment(path: Path) -> None:
    found = [
        node.lineno
        for node in nodes(path)
        if (isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT)
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and ENVIRONMENT & {a.name for a in node.names})
    ]

    assert not found or name(path) in READS_ENVIRONMENT, f"{name(path)} reads the environment in lines {found}"


@pytest.mark.parametrize("path", ALL)
def test_nothing_is_printed(path: Path) -> None:
    found = [
        node.lineno
        for node in nodes(path)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]

    assert not found, f"{name(path)} prints in lines {found}"


@pytest.mark.parametrize("path", ALL)
def test_no_string_names_a_path_of_one_machine(path: Path) -> None:
    found = [
        node.lineno
        for node in nodes(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and MACHINE_PATH.search(node.value)
    ]

    assert not found, f"{name(path)} names a machine's path in lines {found}"


@pytest.mark.parametrize("path", ALL)
def test_files_stay_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_say_that_they_are_typed(package: str) -> None:
    assert (ROOT / "src" / package / "py.typed").is_file()


def test_machine_paths_are_recognised() -> None:
    assert MACHINE_PATH.search("weights in /home/someone/model.onnx")
    assert MACHINE_PATH.search("C:\\models")
    assert not MACHINE_PATH.search("https://example.org/data/set")
    assert not MACHINE_PATH.search("POST /predict")
