"""Requests under a champion that changes: are any dropped?

``python -m benchmarks.hot_reload [--requests 1000] [--callers 4] [--every 100]`` starts ``dfd serve`` on copies of the
shipped versions 1 and 2, asks it for verdicts on one picture without pause, and moves the alias after every so many
answers. Prints how many failed, which versions answered, and how long an answer took. ``--every`` as large as
``--requests`` changes nothing, for comparison. Goal: of 1,000 requests none fails.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import httpx
import numpy as np

from dfd.aliases import Alias, Note
from dfd.registry.directory import DirectoryRegistry

ROOT = Path(__file__).resolve().parents[1]
START_LIMIT_S = 120


@dataclass
class Calls:
    """What callers were told: how long each answer took, its status and version."""

    client: httpx.Client
    picture: bytes
    count: int
    answers: list[tuple[float, int, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    begun: int = 0

    def ask(self) -> None:
        """Ask until enough was asked."""
        while True:
            with self.lock:
                if self.begun == self.count:
                    return
                self.begun += 1
            begun_s = time.monotonic()
            response = self.client.post("/predict", files={"file": ("face.jpg", self.picture)})
            version = response.json()["version"] if response.status_code == 200 else "-"
            self.answers.append((time.monotonic() - begun_s, response.status_code, version))


@contextmanager
def service(folder: Path) -> Iterator[httpx.Client]:
    """``dfd serve`` that follows the champion."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "MODELS_DIR": str(folder / "models")}
    environment |= {"MODEL_VERSION": "champion", "MODEL_POLL_S": "0.5", "DATA_DIR": str(folder / "data")}
    command = [sys.executable, "-m", "dfd.cli", "serve", "--port", str(port)]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, env=environment, stderr=log) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
                _wait_for(client)
                yield client
        finally:
            process.terminate()


def _wait_for(client: httpx.Client) -> None:
    deadline_s = time.monotonic() + START_LIMIT_S
    while True:
        try:
            client.get("/livez")
        except httpx.TransportError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.1)
        else:
            return


def promote(registry: DirectoryRegistry, version: str) -> None:
    """Make a version the champion."""
    note = Note(time.time(), "benchmark", "to see what it costs")
    registry.store_aliases("deepfake", registry.aliases("deepfake").promoted(version, Alias.CHAMPION, note))


def face() -> bytes:
    """A small picture with a face."""
    capture = cv2.VideoCapture(str(ROOT / "samples" / "real_hopper.mp4"))
    _, frame = capture.read()
    capture.release()
    return bytes(cv2.imencode(".jpg", cv2.resize(frame, None, fx=0.4, fy=0.4))[1])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--callers", type=int, default=4)
    parser.add_argument("--every", type=int, default=100, help="answers between two changes")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shutil.copytree(ROOT / "models", folder / "models")
        registry = DirectoryRegistry(folder / "models")
        promote(registry, "1")
        with service(folder) as client, ThreadPoolExecutor(options.callers) as pool:
            calls = Calls(client, face(), options.requests)
            asking = [pool.submit(calls.ask) for _ in range(options.callers)]
            changes = max(0, options.requests // options.every - 1)
            for turn in range(1, changes + 1):
                while len(calls.answers) < turn * options.every and not all(caller.done() for caller in asking):
                    time.sleep(0.01)
                promote(registry, "12"[turn % 2])
            for caller in asking:
                caller.result()
        _tell(calls, changes)


def _tell(calls: Calls, changes: int) -> None:
    failed = sum(status != 200 for _, status, _ in calls.answers)
    print(f"{len(calls.answers)} requests, {changes} changes, {failed} failed")
    print("versions that answered:", dict(Counter(version for *_, version in calls.answers)))
    median, late, slowest = np.percentile([took * 1000 for took, *_ in calls.answers], [50, 99, 100])
    print(f"an answer: median {median:.0f} ms, 99th percentile {late:.0f} ms, slowest {slowest:.0f} ms")


if __name__ == "__main__":
    main()
