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


SHELL = [text for language, text in BLOCK.findall(README) if language == "sh"]
TALKS = [block for block in SHELL if "localhost:8000" in block]
PYTHON = [text for language, text in BLOCK.findall(README) if language == "python"]


def commands(*blocks: str) -> list[str]:
    """Every line that runs DFD, but for the service itself."""
    lines = [line for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith((".venv/bin/dfd", "curl")) and "dfd serve" not in line]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to leave things in, with the sample clips."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "samples").symlink_to(ROOT / "samples")
    return folder


def run(command: list[str], place: Path) -> str:
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def run_line(line: str, place: Path, address: str = "") -> str:
    """Run one line with this environment's `dfd`, and with curl speaking to the service at `address`."""
    line = line.replace(".venv/bin/dfd", shlex.quote(str(Path(sys.executable).with_name("dfd"))))
    line = line.replace("curl", "curl --fail --silent --show-error", 1).replace("localhost:8000", address)
    return run(["bash", "-c", line], place)


@pytest.mark.parametrize("line", commands(*(block for block in SHELL if block not in TALKS)))
def test_commands_work(line: str, place: Path) -> None:
    assert run_line(line, place).strip()


def test_the_library_works(place: Path) -> None:
    [example] = [text for text in PYTHON if "localhost:8000" not in text]
    assert re.match(r"(fake|real|inconclusive) ", run([sys.executable, "-c", example], place))


@pytest.fixture(scope="module")
def address(place: Path) -> Iterator[str]:
    """Address of a service started as the README says, on a free port."""
    log = place / "log"
    [line] = [line for block in SHELL for line in block.splitlines() if "dfd serve" in line]
    command = [str(Path(sys.executable).with_name("dfd")), *shlex.split(line)[1:]]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=place, stdout=output, stderr=output, env={**os.environ, "PORT": "0"}) as server,
    ):
        try:
            yield listening_address(server, log)
        finally:
            server.terminate()


def listening_address(server: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until the service says where it listens."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        if found := re.search(r"listening on ([\d.]+) port (\d+)", log.read_text(encoding="utf-8", errors="replace")):
            return f"{found[1]}:{found[2]}"
        with suppress(subprocess.TimeoutExpired):
            server.wait(timeout=0.1)
    pytest.fail(f"the service did not start: {log.read_text(encoding='utf-8', errors='replace')}")


@pytest.mark.parametrize("block", TALKS)
def test_requests_work(block: str, address: str, place: Path) -> None:
    for line in commands(block):
        said = run_line(line, place, address)
        assert said.startswith("{") if line.startswith("curl") else said.strip()


def test_the_client_works(address: str, place: Path) -> None:
    [example] = [text for text in PYTHON if "localhost:8000" in text]
    said = run([sys.executable, "-c", example.replace("localhost:8000", address)], place)
    assert re.match(r"(fake|real|inconclusive) ", said)


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
