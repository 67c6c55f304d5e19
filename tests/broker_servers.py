"""Real brokers for tests, Redis and RabbitMQ: started on free ports of this machine, thrown away afterwards."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.live_service import until
from tests.servers import START_LIMIT_S, free_port, listens, not_installed

_RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""Debian's starter without its wrapper, which wants to be root and becomes the system's own user."""


@dataclass
class Broker:
    """A server that can be killed and started again.

    Attributes:
        url: its address.
        port: on the loopback address.
        command: that runs it in the foreground.
        environment: of that.
        folder: its data.
    """

    url: str
    port: int
    command: list[str]
    environment: dict[str, str]
    folder: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self._answers, START_LIMIT_S)

    def kill(self) -> None:
        """As a crash: nothing is written down any more."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(START_LIMIT_S)
            self.process = None

    def _answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, (self.folder / "log").read_text()
        return listens(self.port)


@contextmanager
def redis_server() -> Iterator[Broker]:
    """A Redis that keeps nothing: after a restart it is empty."""
    program = shutil.which("redis-server")
    if program is None:
        not_installed("Redis is not installed (Debian: redis-server)")
    port, password = free_port(), secrets.token_hex(8)
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--requirepass", password]
    with _running(f"redis://:{password}@127.0.0.1:{port}/0", port, [program, *options], {}) as broker:
        yield broker


@contextmanager
def rabbitmq_server() -> Iterator[Broker]:
    """A RabbitMQ node with a name, a cookie and a port mapper of its own."""
    mapper = shutil.which("epmd")
    if not _RABBITMQ.exists() or mapper is None:
        not_installed("RabbitMQ is not installed (Debian: rabbitmq-server)")
    port, mapper_port = free_port(), free_port()
    environment = {
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(mapper_port),
        "RABBITMQ_NODENAME": f"dfd-test-{secrets.token_hex(4)}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 -kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_LOGS": "-",
    }
    mapping = subprocess.Popen(
        [mapper, "-address", "127.0.0.1", "-port", str(mapper_port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: listens(mapper_port), START_LIMIT_S)
        with _running(f"amqp://guest:guest@127.0.0.1:{port}//", port, [str(_RABBITMQ)], environment) as broker:
            yield broker
    finally:
        mapping.kill()
        mapping.wait()


@contextmanager
def _running(url: str, port: int, command: list[str], environment: dict[str, str]) -> Iterator[Broker]:
    with tempfile.TemporaryDirectory(prefix="dfd-broker-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        own = {
            "PATH": os.environ["PATH"],
            "HOME": name,  # RabbitMQ keeps its cookie there
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            **environment,
        }
        broker = Broker(url, port, command, own, folder)
        try:
            broker.start()
            yield broker
        finally:
            broker.kill()
