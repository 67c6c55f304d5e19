"""How quickly ``/health`` answers while many jobs are worked on (``python -m benchmarks.health_under_jobs``).

A real ``dfd serve`` takes N small pictures at once as jobs and works on them, while another process than the service's
asks ``/health`` at a fixed rate. A request that comes late because the one before was slow is counted from when it was
due, so that a slow answer cannot hide those that would have waited behind it (Gil Tene's "coordinated omission").
Peak memory is the largest resident size of the service's process that was seen.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import quantiles

import av
import httpx
import numpy as np
from benchmarks.running import beside

ROOT = Path(__file__).resolve().parents[1]
GOAL_P99_MS = 200.0
START_LIMIT_S = 120.0
FILES_OF_ONE_REQUEST = 10


@dataclass(frozen=True)
class HealthFigures:
    """What was seen while the jobs were worked on.

    Attributes:
        jobs: accepted.
        ended_once: jobs of which the service's log tells exactly one end.
        succeeded: jobs that ended well.
        seconds: from the first submission to the last end.
        asked: requests for ``/health``.
        not_ok: of those, answered with another status than 200, or not at all.
        p50_ms: median of their latencies.
        p99_ms: 99th percentile.
        longest_ms: the longest.
        rss_start_mb: resident size before the first job, in 10^6 bytes.
        rss_peak_mb: the largest that was seen.
    """

    jobs: int
    ended_once: int
    succeeded: int
    seconds: float
    asked: int
    not_ok: int
    p50_ms: float
    p99_ms: float
    longest_ms: float
    rss_start_mb: float
    rss_peak_mb: float


@dataclass
class Sampler:
    """Asks for ``/health`` at a fixed rate, and looks at the service's memory.

    Attributes:
        url: of the service.
        pid: of its process.
        every_s: time between two requests.
        latencies_ms: from when each was due to its answer.
        not_ok: requests without a 200.
        rss_peak_mb: largest resident size seen.
    """

    url: str
    pid: int
    every_s: float
    latencies_ms: list[float] = field(default_factory=list)
    not_ok: int = 0
    rss_peak_mb: float = 0.0

    def sampling(self) -> AbstractContextManager[None]:
        """Ask for as long as the block lasts."""
        return beside(self._run)

    def _run(self, over: threading.Event) -> None:
        due_s = time.perf_counter()
        with httpx.Client(base_url=self.url, timeout=30) as client:
            while not over.wait(max(0.0, due_s - time.perf_counter())):
                try:
                    well = client.get("/health").status_code == httpx.codes.OK
                except httpx.TransportError:
                    well = False
                self.latencies_ms.append((time.perf_counter() - due_s) * 1000)
                self.not_ok += not well
                self.rss_peak_mb = max(self.rss_peak_mb, resident_mb(self.pid))
                due_s += self.every_s


def resident_mb(pid: int) -> float:
    """Resident size of a process now, in 10^6 bytes (Linux: ``/proc/PID/statm``)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def percentiles_ms(latencies_ms: Sequence[float]) -> tuple[float, float]:
    """Median and 99th percentile; of a single value, that value."""
    if len(latencies_ms) == 1:
        return latencies_ms[0], latencies_ms[0]
    cuts = quantiles(latencies_ms, n=100, method="inclusive")
    return cuts[49], cuts[98]


def small_picture() -> bytes:
    """A PNG of 160 x 120 px with noise, without a face."""
    image = np.random.default_rng(3).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    codec = av.CodecContext.create("png", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = 160, 120, "rgb24"
    return b"".join(bytes(packet) for packet in codec.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))


@contextmanager
def served(folder: Path, settings: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """A ``dfd serve`` of its own in a folder, which also gets its log.

    Yields:
        its address, and the number of its process.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "DATA_DIR": str(folder / "data")}
    command = [sys.executable, "-m", "dfd.cli", "serve", "--port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env={**environment, **settings}, stdout=log, stderr=log)
    try:
        _wait_for(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    last_s = time.monotonic() + START_LIMIT_S
    while time.monotonic() < last_s and process.poll() is None:
        try:
            if httpx.get(f"{url}/readyz").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit("the service did not start")


def submit_all(client: httpx.Client, media: bytes, count: int) -> list[str]:
    """Hand in a file so many times, several requests at once; the names of the jobs."""

    def some(first: int) -> list[str]:
        files = [("file", media)] * min(FILES_OF_ONE_REQUEST, count - first)
        response = client.post("/v1/jobs", params={"force": True}, files=files)
        response.raise_for_status()
        return [job["id"] for job in response.json()["jobs"]]

    with ThreadPoolExecutor(8) as pool:
        return [job_id for names in pool.map(some, range(0, count, FILES_OF_ONE_REQUEST)) for job_id in names]


def measure(media: bytes, count: int, every_s: float, settings: Mapping[str, str]) -> HealthFigures:
    """Have a file analysed `count` times as jobs, and ask how the service is meanwhile.

    Args:
        media: a small picture or video.
        count: jobs.
        every_s: time between two requests for ``/health``.
        settings: of the service, by the names of its environment variables.
    """
    with tempfile.TemporaryDirectory(prefix="dfd-bench-") as name:
        folder = Path(name)
        with served(folder, settings) as (url, pid), httpx.Client(base_url=url, timeout=300) as client:
            submit_all(client, media, FILES_OF_ONE_REQUEST)  # the first analyses load what later ones have
            _until_all_ended(client)
            start_mb = resident_mb(pid)
            sampler = Sampler(url, pid, every_s)
            begun_s = time.perf_counter()
            with sampler.sampling():
                names = submit_all(client, media, count)
                _until_all_ended(client)
            seconds = time.perf_counter() - begun_s
            states = [client.get(f"/v1/jobs/{job_id}").json()["state"] for job_id in names]
        ends = [line.get("dfd.job_id") for line in _log_lines(folder / "log") if line.get("message") == "job ended"]
    p50_ms, p99_ms = percentiles_ms(sampler.latencies_ms)
    return HealthFigures(
        jobs=len(names),
        ended_once=sum(ends.count(job_id) == 1 for job_id in names),
        succeeded=states.count("succeeded"),
        seconds=seconds,
        asked=len(sampler.latencies_ms),
        not_ok=sampler.not_ok,
        p50_ms=p50_ms,
        p99_ms=p99_ms,
        longest_ms=max(sampler.latencies_ms),
        rss_start_mb=start_mb,
        rss_peak_mb=sampler.rss_peak_mb,
    )


def _until_all_ended(client: httpx.Client) -> None:
    unfinished = httpx.QueryParams({"state": ["queued", "running"], "limit": 1})
    while client.get("/v1/jobs", params=unfinished).json()["jobs"]:
        time.sleep(0.2)


def _log_lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("{")]


def table(figures: HealthFigures) -> str:
    """The figures for people."""
    rows = [
        ("jobs accepted / ended once / succeeded", f"{figures.jobs} / {figures.ended_once} / {figures.succeeded}"),
        ("jobs a second", f"{figures.jobs / figures.seconds:.1f}"),
        ("/health asked / not answered with 200", f"{figures.asked} / {figures.not_ok}"),
        ("/health median, ms", f"{figures.p50_ms:.1f}"),
        (f"/health 99th percentile, ms (goal <= {GOAL_P99_MS:g})", f"{figures.p99_ms:.1f}"),
        ("/health longest, ms", f"{figures.longest_ms:.1f}"),
        ("memory before / peak, MB", f"{figures.rss_start_mb:.0f} / {figures.rss_peak_mb:.0f}"),
    ]
    return "\n".join(f"| {label:46} | {value:>18} |" for label, value in rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=500, help="jobs (default 500)")
    parser.add_argument("--workers", type=int, default=2, help="JOB_WORKERS of the service (default 2)")
    parser.add_argument("--threads", type=int, default=1, help="THREADS of the service (default 1)")
    parser.add_argument("--every-ms", type=float, default=50.0, help="time between two requests (default 50)")
    parser.add_argument("--media", type=Path, help="a file to analyse in place of a small picture")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    options = parser.parse_args(arguments)
    media = options.media.read_bytes() if options.media else small_picture()
    settings = {"JOB_WORKERS": str(options.workers), "THREADS": str(options.threads)}
    figures = measure(media, options.jobs, options.every_ms / 1000, settings)
    print(json.dumps(asdict(figures), indent=2) if options.json else table(figures))


if __name__ == "__main__":
    main()
