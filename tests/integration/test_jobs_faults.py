"""Jobs while real parts are broken on purpose (``-m faults``): every accepted job still ends, once."""

import resource
import signal
import socket
import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from tests.broker_servers import Broker, redis_server
from tests.cli_process import paint
from tests.integration.test_jobs_processes import SOON_S, Place, job_of, long_clip, submit
from tests.live_service import START_LIMIT_S, picture, until
from tests.postgres_server import postgres_server
from tests.s3_faults import faulty
from tests.s3_server import s3_server

__all__ = ["long_clip"]  # a fixture

AWAY_S = 10.0

pytestmark = [pytest.mark.slow, pytest.mark.faults]


@pytest.fixture
def short_clip(tmp_path: Path) -> Path:
    paint(tmp_path / "short.avi", 150, 255)
    return tmp_path / "short.avi"


def ends(place: Place) -> Counter[str]:
    return Counter(line["job_id"] for line in place.log if line["message"] == "job ended")


def test_a_worker_woken_by_celery_and_killed_is_replaced(redis: Broker, tmp_path: Path, long_clip: Path) -> None:
    place = Place(tmp_path, JOB_QUEUE="celery", BROKER_URL=redis.url)
    with place.service(JOB_WORKERS="0") as (_running, client):
        job_id = submit(client, long_clip, fps=30)
        with place.process("worker") as doomed:
            until(lambda: job_of(client, job_id)["progress"]["done_frames"] > 0, SOON_S)
            doomed.send_signal(signal.SIGKILL)
            doomed.wait(START_LIMIT_S)
        with place.process("worker"):
            until(lambda: job_of(client, job_id)["finished_at"] is not None, SOON_S)
        told = job_of(client, job_id)
    assert (told["state"], told["attempts"]) == ("succeeded", 2)
    assert ends(place) == {job_id: 1}


def test_jobs_finish_while_redis_is_killed_and_comes_back_empty(tmp_path: Path, short_clip: Path) -> None:
    with redis_server() as redis:
        place = Place(tmp_path)
        environment = {"JOB_QUEUE": "celery", "BROKER_URL": redis.url}
        with place.service(JOB_WORKERS="0", **environment) as (_running, client):
            ids = [submit(client, short_clip, force=True) for _ in range(3)]
            redis.kill()
            ids += [submit(client, short_clip, force=True) for _ in range(3)]
            with place.process("worker", "--queue", "celery", **environment):
                until(lambda: all(job_of(client, job_id)["finished_at"] for job_id in ids), SOON_S)
                redis.start()
                ids += [submit(client, short_clip, force=True) for _ in range(3)]
                until(lambda: all(job_of(client, job_id)["finished_at"] for job_id in ids), SOON_S)
            states = {job_of(client, job_id)["state"] for job_id in ids}
    assert states == {"succeeded"}
    assert ends(place) == dict.fromkeys(ids, 1)


def test_jobs_outlive_a_database_that_is_locked(tmp_path: Path, short_clip: Path, long_clip: Path) -> None:
    place = Place(tmp_path)
    with place.service() as (_running, client):
        ids = [submit(client, long_clip, fps=30), submit(client, short_clip)]
        until(lambda: job_of(client, ids[0])["progress"]["done_frames"] > 0, SOON_S)
        with closing(sqlite3.connect(tmp_path / "data" / "jobs.sqlite3", isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            time.sleep(AWAY_S)
            holder.execute("ROLLBACK")
        until(lambda: all(job_of(client, job_id)["finished_at"] for job_id in ids), SOON_S)
        assert [job_of(client, job_id)["state"] for job_id in ids] == ["succeeded", "succeeded"]
    assert ends(place) == dict.fromkeys(ids, 1)


def test_jobs_outlive_a_database_that_is_away(tmp_path: Path, short_clip: Path, long_clip: Path) -> None:
    with postgres_server() as server:
        place = Place(tmp_path, DATABASE_URL=server.new_database())
        with place.service() as (_running, client):
            ids = [submit(client, long_clip, fps=30), submit(client, short_clip)]
            until(lambda: job_of(client, ids[0])["progress"]["done_frames"] > 0, SOON_S)
            server.stop()
            refused = client.post("/v1/jobs", files={"file": short_clip.read_bytes()})
            assert refused.status_code == 503
            time.sleep(AWAY_S)
            server.start()
            until(lambda: all(job_of(client, job_id)["finished_at"] for job_id in ids), SOON_S)
            assert [job_of(client, job_id)["state"] for job_id in ids] == ["succeeded", "succeeded"]
        assert sorted(path.name for path in (tmp_path / "data" / "files").rglob("uploads/*")) == sorted(ids)
    assert ends(place) == dict.fromkeys(ids, 1)


def test_who_leaves_in_the_middle_of_an_upload_leaves_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path)
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    with place.service() as (_running, client):
        request = (
            b"POST /v1/jobs HTTP/1.1\r\nHost: test\r\nContent-Length: 90000000\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", client.base_url.port or 0)) as leaving:
            leaving.sendall(request + head + b"x" * 3_000_000)
            until(lambda: any((tmp_path / "temporary").iterdir()), START_LIMIT_S)
        until(lambda: not any((tmp_path / "temporary").iterdir()), START_LIMIT_S)
        assert client.get("/v1/jobs").json()["jobs"] == []
    assert not list((tmp_path / "data" / "files").rglob("uploads/*"))


def test_an_upload_without_room_is_refused_and_leaves_nothing(tmp_path: Path, short_clip: Path) -> None:
    place = Place(tmp_path)
    with place.service() as (running, client):
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        refused = client.post("/v1/jobs", files={"file": b"x" * 3_000_000})
        assert (refused.status_code, refused.json()["code"]) == (507, "storage_full")
        assert client.get("/v1/jobs").json()["jobs"] == []
        job_id = submit(client, short_clip)
        until(lambda: job_of(client, job_id)["finished_at"] is not None, SOON_S)
        assert not list((tmp_path / "temporary").iterdir())
    assert [path.name for path in (tmp_path / "data" / "files").rglob("uploads/*")] == [job_id]


def test_each_of_five_hundred_jobs_at_once_ends_once_and_the_service_answers_meanwhile(tmp_path: Path) -> None:
    place, content = Place(tmp_path), picture()
    with place.service(JOB_WORKERS="2") as (_running, client):

        def submit_ten(_number: int) -> list[str]:
            response = client.post("/v1/jobs?force=true", files=[("file", content)] * 10)
            assert response.status_code == 202, response.text
            return [job["id"] for job in response.json()["jobs"]]

        with ThreadPoolExecutor(8) as pool:
            ids = [job_id for some in pool.map(submit_ten, range(50)) for job_id in some]
        answers: Counter[int] = Counter()
        waiting = True
        while waiting:
            answers[client.get("/health").status_code] += 1
            time.sleep(0.1)
            waiting = any(client.get("/v1/jobs", params={"state": ["queued", "running"]}).json()["jobs"])
        assert set(answers) == {200}
        assert {job_of(client, job_id)["state"] for job_id in ids} == {"succeeded"}
    assert ends(place) == dict.fromkeys(ids, 1)


def test_jobs_outlive_a_storage_that_fails_and_one_that_is_slow(tmp_path: Path, short_clip: Path) -> None:
    (tmp_path / "buckets" / "videos").mkdir(parents=True)
    with s3_server(tmp_path / "buckets") as s3, faulty(s3.port) as faults:
        place = Place(
            tmp_path,
            STORAGE_URL="s3://videos/dfd",
            STORAGE_ENDPOINT=f"http://127.0.0.1:{faults.port}",
            STORAGE_ACCESS_KEY_ID=str(s3.access.access_key_id),
            STORAGE_SECRET_ACCESS_KEY=str(s3.access.secret_access_key),
        )
        with place.service(JOB_WORKERS="0") as (_running, client):
            faults.delay_s = 1.0
            ids = [submit(client, short_clip, force=True) for _ in range(2)]
            faults.delay_s, faults.failing = 0.0, True
            with place.process("worker"):
                until(lambda: faults.failed > 2, SOON_S)
                faults.failing, faults.delay_s = False, 1.0
                until(lambda: all(job_of(client, job_id)["finished_at"] for job_id in ids), SOON_S)
            assert {job_of(client, job_id)["state"] for job_id in ids} == {"succeeded"}
        assert sorted(path.name for path in (tmp_path / "buckets").rglob("uploads/*")) == sorted(ids)
    assert ends(place) == dict.fromkeys(ids, 1)
