"""Jobs through real processes: workers killed in the middle of a video, a service killed and started again."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import httpx
import numpy as np
import pytest
from tests.cli_process import paint
from tests.live_service import START_LIMIT_S, until
from tests.onnx_models import SERVED, write_registry
from tests.s3_server import s3_server

if TYPE_CHECKING:
    from tests.postgres_server import PostgresServer

ROOT = Path(__file__).parents[2]
LEASE_S = 3.0
SOON_S = 120
"""Longest wait for a job to end on a busy machine; only a failing test waits so long."""


class Place:
    """A folder with a model, a database and files, and processes that work there."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        write_registry(folder / "models", version=SERVED)
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "src"),
            "MODELS_DIR": str(folder / "models"),
            "DATA_DIR": str(folder / "data"),
            "TMPDIR": str(folder / "temporary"),
            "NO_FACE_FALLBACK": "true",
            "JOB_LEASE_S": f"{LEASE_S:g}",
            "THREADS": "1",
            **environment,
        }
        (folder / "temporary").mkdir()
        self.started = 0

    @contextmanager
    def process(self, *command: str, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
        self.started += 1
        with (self.folder / f"stderr-{self.started}.log").open("wb") as log:
            running = subprocess.Popen(
                [sys.executable, "-m", "dfd.cli", *command],
                cwd=self.folder,
                env={**self.environment, **environment},
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
            try:
                yield running
            finally:
                running.kill()
                running.wait()

    @contextmanager
    def service(self, **environment: str) -> Iterator[tuple["subprocess.Popen[bytes]", httpx.Client]]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        with (
            self.process("serve", "--port", str(port), **environment) as running,
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
        ):
            until(lambda: running.poll() is None and _answers(client), START_LIMIT_S)
            yield running, client

    @property
    def log(self) -> list[dict[str, Any]]:
        contents = [path.read_bytes() for path in sorted(self.folder.glob("stderr-*.log"))]
        return [json.loads(line) for content in contents for line in _whole_lines(content) if line.startswith(b"{")]


def _whole_lines(content: bytes) -> list[bytes]:
    """Without what follows the last newline, which a process is just writing, or was killed over."""
    return content.split(b"\n")[:-1]


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/livez").status_code == 200
    except httpx.TransportError:
        return False


def submit(client: httpx.Client, path: Path, **query: Any) -> str:
    response = client.post("/v1/jobs", params=query, files={"file": path.read_bytes()})
    assert response.status_code == 202, response.text
    job_id: str = response.json()["jobs"][0]["id"]
    return job_id


def job_of(client: httpx.Client, job_id: str) -> dict[str, Any]:
    told: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
    return told


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return Place(tmp_path)
    server: PostgresServer = request.getfixturevalue("postgres")
    return Place(tmp_path, DATABASE_URL=server.new_database())


@pytest.fixture
def short_clip(tmp_path: Path) -> Path:
    paint(tmp_path / "short.avi", 150, 255)
    return tmp_path / "short.avi"


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip whose analysis takes some seconds even on a fast machine: many large frames, all of them wanted."""
    path = tmp_path_factory.mktemp("long") / "long.avi"
    picture = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (1280, 720))
    for number in range(240):
        writer.write(np.roll(picture, number * 4, axis=1))
    writer.release()
    return path


def test_a_line_that_is_half_written_is_read_once_it_is_whole(tmp_path: Path) -> None:
    place, line = Place(tmp_path), '{"message": "a\u2028b \u00e9"}\n'.encode()
    log = tmp_path / "stderr-1.log"
    for cut in range(len(line)):
        log.write_bytes(line + b"a word that is no record\n" + line[:cut])
        assert place.log == [{"message": "a\u2028b \u00e9"}]
    log.write_bytes(line + line)
    assert len(place.log) == 2
    log.write_bytes(b'{"broken"\n')
    with pytest.raises(json.JSONDecodeError):
        assert place.log


@pytest.mark.slow
def test_the_service_works_on_jobs_and_tells_of_them_live(place: Place, short_clip: Path) -> None:
    with place.service() as (running, client):
        job_id = submit(client, short_clip)
        text = client.get(f"/v1/jobs/{job_id}/events").text
        running.send_signal(signal.SIGTERM)
        assert running.wait(START_LIMIT_S) in (0, -signal.SIGTERM)
    assert "event: result" in text
    assert '"state":"succeeded"' in text
    assert not list((place.folder / "temporary").iterdir())


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_of_a_video_is_replaced_and_the_job_ends_once(
    place: Place, long_clip: Path
) -> None:
    wanted = {"fps": 30}
    with place.service(JOB_WORKERS="0") as (_running, client):
        job_id = submit(client, long_clip, **wanted)
        with place.process("worker") as doomed:
            until(lambda: job_of(client, job_id)["progress"]["done_frames"] > 0, SOON_S)
            assert job_of(client, job_id)["state"] == "running"
            doomed.send_signal(signal.SIGKILL)
            doomed.wait(START_LIMIT_S)
        with place.process("worker"):
            until(lambda: job_of(client, job_id)["finished_at"] is not None, SOON_S)
        told = job_of(client, job_id)
    assert (told["state"], told["attempts"]) == ("succeeded", 2)
    ends = [line for line in place.log if line["message"] == "job ended" and line["dfd.job_id"] == job_id]
    assert len(ends) == 1


@pytest.mark.slow
def test_nothing_accepted_is_lost_when_the_service_is_killed(place: Place, short_clip: Path, long_clip: Path) -> None:
    with place.service() as (running, client):
        ids = [submit(client, long_clip, fps=30)]
        ids += [submit(client, short_clip, force=True, priority=-1) for _ in range(3)]
        until(lambda: job_of(client, ids[0])["progress"]["done_frames"] > 0, SOON_S)
        running.send_signal(signal.SIGKILL)
        running.wait(START_LIMIT_S)
    with place.service() as (_running, client):
        until(lambda: all(job_of(client, job_id)["finished_at"] for job_id in ids), SOON_S)
        assert {job_of(client, job_id)["state"] for job_id in ids} == {"succeeded"}


@pytest.mark.slow
def test_a_worker_told_to_stop_gives_its_job_back_at_once(tmp_path: Path, long_clip: Path) -> None:
    place = Place(tmp_path, JOB_LEASE_S="600", JOB_STOP_GRACE_S="0")
    with ExitStack() as stack:
        _, client = stack.enter_context(place.service(JOB_WORKERS="0"))
        with place.process("worker") as stopped:
            job_id = submit(client, long_clip, fps=30)
            until(lambda: job_of(client, job_id)["progress"]["done_frames"] > 0, SOON_S)
            stopped.send_signal(signal.SIGTERM)
            assert stopped.wait(START_LIMIT_S) == 0
        told = job_of(client, job_id)
        assert (told["state"], told["attempts"]) == ("queued", 0)
        told = client.delete(f"/v1/jobs/{job_id}").json()
        assert told["state"] == "cancelled"
    [[integrity]] = sqlite3.connect(tmp_path / "data" / "jobs.sqlite3").execute("PRAGMA integrity_check").fetchall()
    assert integrity == "ok"


@pytest.mark.slow
def test_listeners_do_not_keep_a_service_from_stopping(tmp_path: Path, short_clip: Path) -> None:
    place = Place(tmp_path)
    with place.service(JOB_WORKERS="0") as (running, client):
        job_id = submit(client, short_clip)
        with client.stream("GET", f"/v1/jobs/{job_id}/events") as response:
            lines = response.iter_lines()
            assert next(line for line in lines if line.startswith("event:")) == "event: progress"
            running.send_signal(signal.SIGTERM)
            assert not [line for line in lines if line.startswith("event: result")]
        assert running.wait(START_LIMIT_S) in (0, -signal.SIGTERM)
    assert not [line for line in place.log if line["log.level"] == "error"]


@pytest.mark.slow
def test_a_job_that_kills_every_worker_is_parked(tmp_path: Path, long_clip: Path) -> None:
    place = Place(tmp_path, JOB_MAX_ATTEMPTS="2")
    with place.service(JOB_WORKERS="0") as (_running, client):
        job_id = submit(client, long_clip, fps=30)
        for attempt in (1, 2):
            with place.process("worker"):
                until(lambda: _is_at(job_of(client, job_id), attempt), SOON_S)  # noqa: B023 - called at once
        until(lambda: job_of(client, job_id)["finished_at"] is not None, SOON_S)
        told = job_of(client, job_id)
    assert (told["state"], told["error"]["code"]) == ("failed", "worker_lost")


def _is_at(told: dict[str, Any], attempt: int) -> bool:
    return bool(told["attempts"] == attempt and told["progress"]["done_frames"] > 0)


@pytest.mark.slow
def test_a_database_and_a_bucket_by_environment_variables_alone(
    postgres: "PostgresServer", tmp_path: Path, short_clip: Path
) -> None:
    (tmp_path / "buckets" / "videos").mkdir(parents=True)
    with s3_server(tmp_path / "buckets") as s3:
        place = Place(
            tmp_path,
            DATABASE_URL=postgres.new_database(),
            STORAGE_URL="s3://videos/dfd",
            STORAGE_ENDPOINT=str(s3.access.endpoint),
            STORAGE_ACCESS_KEY_ID=str(s3.access.access_key_id),
            STORAGE_SECRET_ACCESS_KEY=str(s3.access.secret_access_key),
            ZERO_RETENTION="true",
        )
        with place.service(JOB_WORKERS="0") as (_running, client):
            job_id = submit(client, short_clip)
            assert [path.name for path in (tmp_path / "buckets").rglob("uploads/*")] == [job_id]
            with place.process("worker"):
                until(lambda: job_of(client, job_id)["finished_at"] is not None, SOON_S)
                until(lambda: not list((tmp_path / "buckets").rglob("uploads/*")), SOON_S)
            assert job_of(client, job_id)["state"] == "succeeded"
    assert not (tmp_path / "data").exists()
