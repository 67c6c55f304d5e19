"""The service as a process that tests may stop and start again, and visits of it that remember what went wrong."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect
from tests.servers import START_LIMIT_S, free_port

ROOT = Path(__file__).parents[2]

PATIENCE_S = 120
"""Longest wait for something that must happen: a busy machine is no failure."""

OUTAGE = (
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_SOCKET_NOT_CONNECTED",
    "ERR_EMPTY_RESPONSE",
    "ERR_CONTENT_LENGTH_MISMATCH",
    "ERR_INCOMPLETE_CHUNKED_ENCODING",
)
"""What Chromium says of a request to a service that is ended, by how far it has come: not connected, connected and
not sent (reset at once, or found to be so when it is sent), sent, and half answered (with a length, or in pieces)."""

expect.set_options(timeout=PATIENCE_S * 1000)

WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => {
  violations.push(`${event.violatedDirective} ${event.blockedURI}`);
});
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (!entry.hadRecentInput) shifts.push(...entry.sources.map(({ node }) => node?.outerHTML?.slice(0, 90) ?? "?"));
  }
}).observe({ type: "layout-shift", buffered: true });
"""


class Served:
    """A service on a port of its own, which it keeps when it is started again.

    Attributes:
        url: its address.
        folder: where it keeps everything.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "uploads").mkdir()
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "TMPDIR": str(folder / "uploads"),
            "DATA_DIR": str(folder / "data"),
            "LOG_LEVEL": "WARNING",
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "uvicorn", "dfd.asgi:create", "--factory", "--port", str(self.port)],
                cwd=self.folder,
                env=self._environment,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        deadline = time.monotonic() + START_LIMIT_S
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "log").read_text(encoding="utf-8")
            assert time.monotonic() < deadline, "the service does not answer"
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60)

    def submit(self, path: Path, name: str = "", **params: Any) -> str:
        """Hand in a file past the page; the id of its job."""
        with self.client() as client, path.open("rb") as file:
            answer = client.post(
                "/v1/jobs", params={"external_id": name or path.name, **params}, files={"file": ("media", file)}
            )
            assert answer.status_code == 202, answer.text
            job_id: str = answer.json()["jobs"][0]["id"]
            return job_id

    def ended(self, job_id: str) -> dict[str, Any]:
        """A job, once it has ended."""
        deadline = time.monotonic() + PATIENCE_S
        with self.client() as client:
            while True:
                job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
                if job["finished_at"]:
                    return job
                assert time.monotonic() < deadline, "the job does not end"
                time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


@contextmanager
def served(folder: Path, **environment: str) -> Iterator[Served]:
    """A service that runs for as long as the block lasts."""
    running = Served(folder, environment)
    running.start()
    try:
        yield running
    finally:
        running.kill()


class Visit:
    """A browser's context at a service. At its end nothing may have been complained of that was not announced.

    Attributes:
        page: the first page.
        expected: parts of complaints that the test brings about itself, from when they are said here.
    """

    def __init__(self, browser: Browser, service: Served, **context: Any) -> None:
        self.service = service
        self.expected: list[str] = []
        self._complaints: list[str] = []
        self._elsewhere: list[str] = []
        options = {"viewport": {"width": 1200, "height": 900}, "base_url": service.url, **context}
        self.context: BrowserContext = browser.new_context(**options)
        self.context.set_default_timeout(PATIENCE_S * 1000)
        self.context.add_init_script(WATCH)
        self.page = self.open()

    def open(self) -> Page:
        """Another page of the same visitor."""
        page = self.context.new_page()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self._complained(str(error)))
        page.on("request", self._asked)
        return page

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        violations = [found for page in self.context.pages for found in page.evaluate("window.violations ?? []")]
        self.context.close()
        if exc is None:
            assert not self._complaints, self._complaints
            assert not violations, violations
            assert not self._elsewhere, self._elsewhere

    def upload(self, *paths: Path) -> None:
        """Choose files on the first page."""
        self.page.goto("/")
        self.page.set_input_files("#files", list(paths))

    def upload_and_wait(self, path: Path) -> str:
        """Choose a file and wait for its verdict; the id of its job."""
        self.upload(path)
        self.page.wait_for_selector(".verdict")
        return self.page.url.rpartition("/")[2]

    def until(self, expression: str, page: Page | None = None) -> None:
        """Wait for what must come to be; Playwright's own way is refused by the page's policy, as it should be."""
        deadline = time.monotonic() + PATIENCE_S
        while not (page or self.page).evaluate(expression):
            assert time.monotonic() < deadline, f"it did not come to be: {expression}"
            time.sleep(0.02)

    def time_s(self) -> float:
        """Where the player is."""
        at: float = self.page.evaluate("document.querySelector('#player').currentTime")
        return at

    def kill_service(self) -> None:
        """End the service, and take what the browser says of that."""
        self.expected += OUTAGE
        self.service.kill()

    def allow(self, address: str) -> None:
        """Take requests to another address for what the test is about."""
        self._elsewhere = [url for url in self._elsewhere if not url.startswith(address)]

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._complained(message.text)

    def _complained(self, of: str) -> None:
        if not any(part in of for part in self.expected):
            self._complaints.append(of)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.service.url, "blob:", "data:")):
            self._elsewhere.append(request.url)
