"""A real container engine for tests: Docker's, with a store of its own that is thrown away, and a Debian to build on.

No registry is asked: the base is made of Debian's packages, in place of the Dockerfile's own.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.live_service import until
from tests.servers import START_LIMIT_S, not_installed

BASE = "dfd-test-base:1"
IMAGE = "dfd:test"

_BUILD_LIMIT_S = 480
_PACKAGES = "python3,python3-venv,ca-certificates,passwd,libstdc++6"  # as Python's own image has them
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class Engine:
    """An engine that runs.

    Attributes:
        client: Docker's command line, one that has BuildKit in it.
        host: the engine's address.
    """

    client: str
    host: str

    def docker(self, *arguments: str, limit_s: float = START_LIMIT_S) -> str:
        """What a command that works says; where it does not work, the test fails with its last words."""
        done = subprocess.run(
            [self.client, *arguments],
            env={**os.environ, "DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "1"},
            check=False,
            capture_output=True,
            encoding="utf-8",
            timeout=limit_s,
        )
        assert done.returncode == 0, f"docker {arguments[0]}: {done.stdout[-1000:]}{done.stderr[-3000:]}"
        return done.stdout.strip()

    def build(self, source: Path, scratch: Path) -> None:
        """Build the image from `source`, on a Debian of today."""
        self._import_base(scratch)
        configuration = scratch / "pip.conf"
        lines = ["[global]", "timeout = 180"]
        lines += [f"index-url = {os.environ['PIP_INDEX_URL']}"] if "PIP_INDEX_URL" in os.environ else []
        secrets = ["--secret", f"id=pip.conf,src={configuration}"]
        if _AUTHORITIES.exists():  # networks with an authority of their own
            lines += ["cert = /run/secrets/ca.pem"]
            secrets += ["--secret", f"id=ca.pem,src={_AUTHORITIES}"]
        configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
        options = ["--progress=plain", "--network=host", "--build-arg", f"BASE_IMAGE={BASE}", "--tag", IMAGE]
        self.docker("build", *options, *secrets, str(source), limit_s=_BUILD_LIMIT_S)

    def _import_base(self, scratch: Path) -> None:
        bootstrap = shutil.which("mmdebstrap") or not_installed("no mmdebstrap, which makes a Debian to build on")
        tree = scratch / "base.tar"
        options = ["--quiet", "--variant=essential", f"--include={_PACKAGES}", "--dpkgopt=force-unsafe-io"]
        subprocess.run(
            [bootstrap, *options, "bookworm", str(tree)], check=True, capture_output=True, timeout=_BUILD_LIMIT_S
        )
        self.docker("import", str(tree), BASE)
        tree.unlink()

    def size_bytes(self, image: str) -> int:
        return int(self.docker("image", "inspect", "--format", "{{.Size}}", image))


@contextmanager
def engine() -> Iterator[Engine]:
    """Start an engine, or skip the test with the reason why it does not start here."""
    daemon = shutil.which("dockerd") or not_installed("no dockerd: the package docker.io brings it")
    client = _client_with_buildkit() or not_installed("no docker with BuildKit: the package docker.io brings it")
    if os.geteuid() != 0:
        pytest.skip("a container engine has to be started by root")
    with tempfile.TemporaryDirectory(prefix="dfd-engine-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        host = f"unix://{folder / 'socket'}"
        # Containers are reached through Docker's own proxy, so that no rule of this machine's firewall is touched.
        command = [daemon, "--iptables=false", "--ip6tables=false", "--bridge=none", "--host", host]
        command += [f"--data-root={folder / 'data'}", f"--exec-root={folder / 'exec'}", f"--pidfile={folder / 'pid'}"]
        with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as running:
            try:
                until(lambda: running.poll() is not None or _answers(client, host), START_LIMIT_S)
                if running.poll() is not None:
                    last = (folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()[-1:]
                    pytest.skip(f"the container engine does not start here: {last}")
                yield Engine(client, host)
            finally:
                running.terminate()
                running.wait(START_LIMIT_S)


def _client_with_buildkit() -> str | None:
    for client in dict.fromkeys([shutil.which("docker"), "/usr/bin/docker"]):
        if client is not None and Path(client).exists():
            environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
            known = subprocess.run(
                [client, "build", "--help"], env=environment, check=False, capture_output=True, encoding="utf-8"
            )
            if "--secret" in known.stdout:
                return client
    return None


def _answers(client: str, host: str) -> bool:
    asked = subprocess.run([client, "--host", host, "info"], check=False, capture_output=True, timeout=START_LIMIT_S)
    return asked.returncode == 0 and b"Server Version" in asked.stdout
