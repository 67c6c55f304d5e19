"""A real browser, and the real service with the real model.

A browser lives as long as a module: its event loop must not be there while tests of other folders run their own.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.browser.served import Served, Visit, served
from tests.servers import not_installed

SAMPLES = Path(__file__).parents[2] / "samples"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service as it comes."""
    with served(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture(scope="session")
def thorough_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service that looks at every frame, and so takes its time."""
    with served(tmp_path_factory.mktemp("thorough"), DEFAULT_FPS="60", JOB_LEASE_S="3", MAX_UPLOAD_MB="1") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        not_installed("there is no chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def visit(browser: Browser, service: Served) -> Iterator[Visit]:
    """A visit of the service, which must end without a complaint of the browser."""
    with Visit(browser, service) as visiting:
        yield visiting


@pytest.fixture
def thorough_visit(browser: Browser, thorough_service: Served) -> Iterator[Visit]:
    """Likewise, of the service that takes its time."""
    with Visit(browser, thorough_service) as visiting:
        yield visiting


_NUMBERS = count(os.getpid() * 1000)


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[..., Path]:
    """Makes copies of a sample that play alike and are other files, so that no answer to one is known."""

    def copy(sample: str = "real_hopper.mp4", name: str | None = None) -> Path:
        path = tmp_path / (name or f"{next(_NUMBERS)}.mp4")
        shutil.copy(SAMPLES / sample, path)
        with path.open("ab") as file:  # a box that players skip (ISO 14496-12)
            file.write((16).to_bytes(4, "big") + b"free" + next(_NUMBERS).to_bytes(8, "big"))
        return path

    return copy
