"""The real Nginx with the configuration of deploy/nginx, before a service that really listens."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.architecture.tree import ROOT
from tests.live_service import until
from tests.servers import START_LIMIT_S, free_port, listens, not_installed

CONFIGURATION = ROOT / "deploy" / "nginx"


@dataclass(frozen=True)
class Edge:
    """An Nginx that runs.

    Attributes:
        port: for TLS, on the loopback address.
        plain_port: for HTTP, likewise.
        authority: certificate to trust.
        challenges: folder that answers to ACME lie in.
        access_log, error_log: its logs.
    """

    port: int
    plain_port: int
    authority: Path
    challenges: Path
    access_log: Path
    error_log: Path

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"


def configured(folder: Path, service_port: int, replaced: Mapping[str, str] = MappingProxyType({})) -> Edge:
    """What `edge` starts, not started: its configuration is in ``folder/nginx``."""
    ports = free_port(), free_port()
    shutil.copytree(CONFIGURATION, folder / "nginx")
    subprocess.run(
        [CONFIGURATION / "dev-ca.sh", folder / "certificates", "localhost", "127.0.0.1"],
        check=True,
        capture_output=True,
        timeout=START_LIMIT_S,
    )
    main = folder / "nginx" / "nginx.conf"
    made = Edge(
        *ports, folder / "certificates" / "ca.pem", folder / "acme", folder / "access.log", folder / "error.log"
    )
    places = {
        "/etc/nginx/dfd/": f"{folder}/nginx/dfd/",
        "/etc/nginx/tls/": f"{folder}/certificates/tls/",
        "/var/www/acme": str(made.challenges),
        "/dev/stdout": str(made.access_log),
        "/dev/stderr": str(made.error_log),
        "/run/nginx/": f"{folder}/nginx-run-",
        # Root's workers would become another user, who gets at nothing in pytest's folders.
        "worker_processes auto": ("user root;\n" if os.geteuid() == 0 else "") + "worker_processes 1",
        "listen 8443": f"listen 127.0.0.1:{made.port}",
        "listen 8080": f"listen 127.0.0.1:{made.plain_port}",
        "resolver 127.0.0.11 valid=10s ipv6=off;": "",
        "service:8000": f"127.0.0.1:{service_port}",
        **replaced,
    }
    for path in (main, *(folder / "nginx" / "dfd").iterdir()):
        text = path.read_text(encoding="utf-8")
        for old, new in places.items():
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
    return made


@contextmanager
def edge(folder: Path, service_port: int, replaced: Mapping[str, str] = MappingProxyType({})) -> Iterator[Edge]:
    """Start Nginx before a service of this machine.

    Args:
        folder: empty; for its configuration, certificates and logs.
        service_port: where the service listens.
        replaced: what else stands in its main file, by what comes in its place.
    """
    binary = shutil.which("nginx") or not_installed("no nginx")
    made = configured(folder, service_port, replaced)
    main = folder / "nginx" / "nginx.conf"
    command = [binary, "-p", str(folder), "-c", str(main), "-e", str(made.error_log), "-g", "daemon off;"]
    with subprocess.Popen(command) as running:
        try:
            until(
                lambda: running.poll() is not None or (listens(made.port) and listens(made.plain_port)), START_LIMIT_S
            )
            assert running.poll() is None, made.error_log.read_text(encoding="utf-8")
            yield made
        finally:
            running.terminate()
