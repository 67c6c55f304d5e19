"""What the README tells people to type works, and its links lead somewhere."""

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)")
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
DOCUMENTS += [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "samples/README.md", ROOT / "benchmarks/README.md"]
TIMEOUT_S = 120


def commands(start: str) -> list[str]:
    """Every line of the shell blocks that begins so."""
    shell = [text for language, text in BLOCK.findall(README) if language == "sh"]
    return [line for text in shell for line in text.splitlines() if line.startswith(start)]


def run(line: str) -> subprocess.CompletedProcess[str]:
    """Run one line from the repository's root, with this environment's `dfd`."""
    here = shlex.quote(str(Path(sys.executable).with_name("dfd")))
    line = line.replace(".venv/bin/dfd", here)
    return subprocess.run(
        ["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


@pytest.mark.parametrize("line", [line for line in commands(".venv/bin/dfd") if "serve" not in line])
def test_commands_work(line: str) -> None:
    done = run(line)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr


def test_python_example_works() -> None:
    (example,) = [text for language, text in BLOCK.findall(README) if language == "python"]

    done = subprocess.run(
        [sys.executable, "-c", example], cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )

    assert done.returncode == 0, done.stderr
    assert re.match(r"(fake|real|inconclusive) ", done.stdout)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a service started as the README says, on a free port."""
    log = tmp_path_factory.mktemp("serve") / "log"
    environment = {**os.environ, "PORT": "0", "DATA_DIR": str(log.with_name("data"))}
    (line,) = commands(".venv/bin/dfd serve")
    command = [str(Path(sys.executable).with_name("dfd")), *shlex.split(line)[1:]]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, env=environment) as server,
    ):
        try:
            yield listening_address(server, log)
        finally:
            server.terminate()


def listening_address(server: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until the service says where it listens."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        if found := re.search(r"http://([\d.]+:\d+)", log.read_text(encoding="utf-8", errors="replace")):
            return found[1]
        with suppress(subprocess.TimeoutExpired):
            server.wait(timeout=0.1)
    pytest.fail(f"the service did not start: {log.read_text(encoding='utf-8', errors='replace')}")


@pytest.mark.parametrize("line", commands("curl"))
def test_requests_work(line: str, address: str) -> None:
    done = run(line.replace("curl", "curl --fail --silent --show-error", 1).replace("localhost:8000", address))

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("{")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    links = LINK.findall(document.read_text(encoding="utf-8"))

    assert [link for link in links if not (document.parent / link).exists()] == []


def test_named_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", README + contributing, flags=re.MULTILINE))

    assert named <= targets
    assert {"demo", "test", "check", "serve", "bench", "train"} <= targets
