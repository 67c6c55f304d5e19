"""A service that really listens, for tests over sockets."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import httpx
import numpy as np
import uvicorn
from tests.api_client import PATIENCE_S

from dfd.api.app import create_app
from dfd.api.services import Services

SAMPLES = sorted((Path(__file__).parents[1] / "samples").glob("*.mp4"))
START_LIMIT_S = 60


@dataclass(frozen=True)
class Live:
    """A service that listens.

    Attributes:
        url: its address.
        port: on this machine.
        uploads: the folder uploads are kept in.
    """

    url: str
    port: int
    uploads: Path

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=300)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)


def until(condition: Callable[[], bool], limit_s: float = PATIENCE_S) -> None:
    """Wait for what must come to be."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.01)


@contextmanager
def live(services: Services, uploads: Path) -> Iterator[Live]:
    """Serve in a thread of this process."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = uvicorn.Config(create_app(services), log_config=None, access_log=False, timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        until(lambda: server.started, START_LIMIT_S)
        yield Live(f"http://127.0.0.1:{port}", port, uploads)
    finally:
        server.should_exit = True
        thread.join(START_LIMIT_S)
        listener.close()


def picture() -> bytes:
    """A PNG without a face."""
    image = np.random.default_rng(3).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    written, data = cv2.imencode(".png", image)
    assert written
    return bytes(data)


def clip() -> bytes:
    """A sample with a face, or a picture where there are no samples."""
    return SAMPLES[0].read_bytes() if SAMPLES else picture()
