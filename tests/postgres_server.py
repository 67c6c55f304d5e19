"""A real PostgreSQL for tests: started on a free port of this machine, thrown away afterwards."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from tests.live_service import until
from tests.servers import START_LIMIT_S, free_port, not_installed


def binaries() -> Path | None:
    """The folder of the newest PostgreSQL server: on the path, or where Debian puts it."""
    found = shutil.which("postgres")
    if found is not None:
        return Path(found).parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    return max((path.parent for path in versions), key=lambda folder: float(folder.parent.name), default=None)


def _unprivileged() -> dict[str, Any]:
    """The server refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@dataclass
class PostgresServer:
    """A server that can be stopped and started again.

    Attributes:
        programs: folder of its programs.
        folder: its data.
        port: on the loopback address.
        password: of the user ``dfd``.
    """

    programs: Path
    folder: Path
    port: int
    password: str
    process: "subprocess.Popen[bytes] | None" = None
    databases: int = 0

    def start(self) -> None:
        options = ["-h", "127.0.0.1", "-p", str(self.port), "-c", "fsync=off", "-c", "unix_socket_directories="]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.folder / "data", *options],
                stdout=log,
                stderr=log,
                cwd="/",
                **_unprivileged(),
            )
        until(self._answers, START_LIMIT_S)

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(2)  # SIGINT: a fast shutdown, which waits for no client
            self.process.wait(START_LIMIT_S)
            self.process = None

    def new_database(self) -> str:
        """The address of an empty database."""
        self.databases += 1
        name = f"test_{self.databases}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self._url(name)

    def _url(self, database: str) -> str:
        return f"postgresql://dfd:{self.password}@127.0.0.1:{self.port}/{database}"

    def _answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, (self.folder / "log").read_text()
        try:
            psycopg.connect(self._url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server of its own; the test is skipped where PostgreSQL is not installed, and fails there in CI."""
    programs = binaries()
    if programs is None:
        not_installed("PostgreSQL is not installed (Debian: postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="dfd-postgres-"))
    as_user = _unprivileged()
    if as_user:
        os.chown(folder, as_user["user"], as_user["group"])
    password = secrets.token_hex(8)
    secret = folder / "password"
    secret.write_text(password)
    if as_user:
        os.chown(secret, as_user["user"], as_user["group"])
    try:
        made = subprocess.run(
            [
                str(programs / "initdb"),
                f"--pgdata={folder / 'data'}",
                "--username=dfd",
                "--auth=scram-sha-256",
                f"--pwfile={secret}",
                "--no-sync",
            ],
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
            **as_user,
        )
        assert made.returncode == 0, made.stderr
        server = PostgresServer(programs, folder, free_port(), password)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
