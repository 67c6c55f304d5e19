"""Spoilt files through the real interface, decoder, detector and model, and what they leave behind."""

import gc
import os
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tests.api_client import client_of
from tests.fuzz.bombs import ANY, endless_body
from tests.nurseries import forked, nurseries

from dfd.api.services import ServicePolicy
from dfd.bootstrap.service import build_services
from dfd.settings import load_settings

DECODE_TIMEOUT_S = 30.0
PREDICT = "/predict"


@dataclass(frozen=True, slots=True)
class Sent:
    """One file, what came of it, and how many seconds that took."""

    name: str
    status: int
    code: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Left:
    """What a process holds: descriptors, processes, temporary files, and its memory in MB."""

    descriptors: int
    children: int
    grandchildren: int
    files: int
    memory_mb: float
    children_memory_mb: float

    @property
    def things(self) -> tuple[int, int, int]:
        """What must be the same again: descriptors, children of children, files."""
        return self.descriptors, self.grandchildren, self.files


@dataclass(slots=True)
class Service:
    """The service in this process, with a client."""

    client: httpx.AsyncClient
    uploads: Path
    sent: list[Sent] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    async def send(self, name: str, file_name: str, data: bytes, statuses: frozenset[int] = ANY) -> Sent:
        """Have a file analysed, and note what is wrong with the answer."""
        started_s = time.monotonic()
        response = await self.client.post(PREDICT, files={"file": (file_name, data)}, timeout=None)
        return self._noted(name, response, time.monotonic() - started_s, statuses)

    async def send_without_end(self) -> Sent:
        """Send a body that never ends."""
        boundary = "never"

        async def body() -> AsyncIterator[bytes]:
            for piece in endless_body(boundary):
                yield piece

        started_s = time.monotonic()
        kind = f"multipart/form-data; boundary={boundary}"
        response = await self.client.post(PREDICT, content=body(), headers={"content-type": kind}, timeout=None)
        return self._noted("endless upload", response, time.monotonic() - started_s, frozenset({413}))

    def _noted(self, name: str, response: httpx.Response, seconds: float, statuses: frozenset[int]) -> Sent:
        body = response.json()
        code = "ok" if response.status_code == 200 else body["code"]
        sent = Sent(name, response.status_code, code, seconds)
        self.sent.append(sent)
        if response.status_code not in statuses:
            self.wrong.append(f"{name}: {response.status_code} {code}")
        if response.status_code == 200 and body["label"] not in {"fake", "real", "inconclusive"}:
            self.wrong.append(f"{name}: {body}")
        return sent

    def left(self) -> Left:
        """What this process holds now, besides what it needs."""
        gc.collect()
        children = nurseries()
        return Left(
            descriptors=sum(1 for _ in Path("/proc/self/fd").iterdir()),
            children=len(children),
            grandchildren=len(forked()),
            files=sum(1 for _ in self.uploads.rglob("*")),
            memory_mb=_memory_mb("self"),
            children_memory_mb=sum(_memory_mb(child) for child in children),
        )


@asynccontextmanager
async def service(folder: Path, threads: int = 1, max_upload_mb: int = 64) -> AsyncIterator[Service]:
    """The service as it is shipped, but for a shorter time to decode, and fewer samples of a second."""
    uploads = folder / "uploads"
    uploads.mkdir()
    settings = load_settings(
        data_dir=folder / "data",
        threads=threads,
        max_upload_mb=max_upload_mb,
        decode_timeout_s=DECODE_TIMEOUT_S,
        max_frames=16,
    )
    services = build_services(settings, tf_serving=lambda: None)
    policy = ServicePolicy(max_upload_bytes=max_upload_mb << 20, upload_dir=uploads)
    fields = {name: getattr(services, name) for name in type(services).__slots__}
    async with client_of(type(services)(**(fields | {"policy": policy}))) as client:
        yield Service(client, uploads)


def summary(sent: Iterable[Sent]) -> str:
    """Figures for people."""
    listed = list(sent)
    if not listed:
        return "nothing was sent"
    seconds = sorted(one.seconds for one in listed)
    slowest = sorted(listed, key=lambda one: -one.seconds)[:5]
    outcomes = Counter(f"{one.status} {one.code}" for one in listed)
    lines = [
        f"{len(listed)} files, {sum(seconds):.0f} s",
        "answers: " + ", ".join(f"{name} {count}" for name, count in outcomes.most_common()),
        f"seconds: median {statistics.median(seconds):.3f}, 99 % {seconds[int(0.99 * (len(seconds) - 1))]:.3f}",
        "slowest: " + "; ".join(f"{one.name} {one.seconds:.1f}" for one in slowest),
    ]
    return "\n".join(lines)


def _memory_mb(of: int | str) -> float:
    pages = Path(f"/proc/{of}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6
