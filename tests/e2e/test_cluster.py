"""The commands of docs/cluster.md, as they stand there, against a real PostgreSQL, Redis and S3."""

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyarrow import parquet
from tests.cli_process import TIMEOUT_S, lines
from tests.s3_server import S3Server, s3_server

if TYPE_CHECKING:
    from tests.broker_servers import Broker
    from tests.postgres_server import PostgresServer

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = sorted((ROOT / "samples").glob("*.mp4"))
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "docs/cluster.md").read_text(), flags=re.MULTILINE | re.DOTALL)


class Machine:
    """A folder with the sample clips, and an environment with nothing in it but what is documented."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        here = Path(sys.executable).parent
        self.environment = {"PATH": f"{here}:{os.environ['PATH']}", "PYTHONWARNINGS": "error", **environment}
        (folder / "samples").mkdir(parents=True)
        for clip in SAMPLES:
            shutil.copy(clip, folder / "samples")

    def run(self, line: str) -> str:
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=2 * TIMEOUT_S,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), line
        return done.stdout

    @contextmanager
    def running(self, line: str) -> Iterator[None]:
        with subprocess.Popen(
            shlex.split(line), cwd=self.folder, env=self.environment, stderr=subprocess.DEVNULL
        ) as process:
            try:
                yield
            finally:
                process.terminate()
                assert process.wait(TIMEOUT_S) == 0

    def table(self, name: str) -> list[dict[str, Any]]:
        if name.endswith(".parquet"):
            found: list[dict[str, Any]] = parquet.read_table(self.folder / name).to_pylist()
            return found
        if name.endswith(".jsonl"):
            return [line | {"timings_ms": None, "created_at": None} for line in lines((self.folder / name).read_text())]
        with (self.folder / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3Server]:
    incoming = tmp_path / "buckets" / "videos" / "incoming"
    incoming.mkdir(parents=True)
    for clip in SAMPLES:
        shutil.copy(clip, incoming)
    with s3_server(tmp_path / "buckets") as server:
        yield server


@pytest.fixture
def machine(s3: S3Server, postgres: "PostgresServer", redis: "Broker", tmp_path: Path) -> Machine:
    """Every documented variable, with the value that it has here."""
    meant = {
        "DATABASE_URL": postgres.new_database(),
        "STORAGE_URL": "s3://videos/dfd",
        "STORAGE_ENDPOINT": str(s3.access.endpoint),
        "STORAGE_ACCESS_KEY_ID": str(s3.access.access_key_id),
        "STORAGE_SECRET_ACCESS_KEY": str(s3.access.secret_access_key),
        "JOB_QUEUE": "celery",
        "BROKER_URL": redis.url,
    }
    documented = dict(re.findall(r"^export (\w+)=(\S+)$", BLOCKS[0], flags=re.MULTILINE))
    assert list(documented) == list(meant)
    assert [documented[name] for name in ("STORAGE_URL", "JOB_QUEUE")] == [meant["STORAGE_URL"], meant["JOB_QUEUE"]]
    return Machine(tmp_path / "machine", meant)


@pytest.mark.slow
def test_the_documented_commands_give_the_tables_of_one_machine(machine: Machine, tmp_path: Path) -> None:
    alone = Machine(tmp_path / "alone", {})
    _, [worker], [first, second, third, bucket, listing] = (block.splitlines() for block in BLOCKS)
    assert "files        3\n" in machine.run(first)  # nobody else works yet
    with machine.running(worker):
        for line in (second, third, bucket):
            assert "files        3\n" in machine.run(line)
        assert "samples/fake_swap.mp4" in machine.run(f"{listing} --json")
    for line in (first, second, third):
        alone.run(line)
    for name in ("r.csv", "r.jsonl", "r.parquet"):
        assert machine.table(name) == alone.table(name)
    in_bucket = [
        row | {"path": row["path"].replace("s3://videos/incoming", "samples")} for row in machine.table("bucket.csv")
    ]
    assert in_bucket == alone.table("r.csv")
    assert not (machine.folder / "dfd-data").exists() and not (alone.folder / "dfd-data").exists()
