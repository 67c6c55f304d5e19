"""Jobs while real parts are broken on purpose (``-m faults``): every accepted job still ends, once."""

import resource
import signal
import socket
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from benchmarks.health_under_jobs import Sampler, resident_mb
from kombu import Connection
from redis import Redis
from tests.broker_servers import Broker, redis_server
from tests.cli_process import paint
from tests.integration.test_jobs_processes import SOON_S, Place, job_of, long_clip, submit
from tests.live_service import START_LIMIT_S, picture, until
from tests.postgres_server import postgres_server
from tests.s3_faults import Faults, faulty
from tests.s3_server import s3_server

__all__ = ["long_clip"]  # a fixture

AWAY_S = 10.0
MOST_GROWTH_MB = 100.0
"""A fifth of a megabyte for each of five hundred jobs: far more than noise, and less than a decoder left behind."""

pytestmark = [pytest.mark.slow, pytest.mark.faults]


@pytest.fixture
def short_clip(tmp_path: Path) -> Path:
    paint(tmp_path / "short.avi", 150, 255)
    return tmp_path / "short.avi"


def ends(place: Place) -> Counter[str]:
    return Counter(line["dfd.job_id"] for line in place.log if line["message"] == "job ended")


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Broker:
    made: Broker = request.getfixturevalue(request.param)
    return made


def test_a_worker_woken_by_celery_and_killed_is_replaced(broker: Broker, tmp_path: Path, long_clip: Path) -> None:
    place = Place(tmp_path, JOB_QUEUE="celery", BROKER_URL=broker.url)
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


def test_calls_reach_a_worker_through_rabbitmq(rabbitmq: Broker, tmp_path: Path, short_clip: Path) -> None:
    def standing() -> tuple[int, int]:
        with Connection(rabbitmq.url) as connection:
            told = connection.default_channel.queue_declare("dfd-jobs", durable=True, auto_delete=False)
            return told.message_count, told.consumer_count

    place = Place(tmp_path, JOB_QUEUE="celery", BROKER_URL=rabbitmq.url)
    with place.service(JOB_WORKERS="0") as (_running, client):
        before, _ = standing()
        ids = [submit(client, short_clip, force=True) for _ in range(3)]
        assert standing() == (before + 3, 0)
        with place.process("worker"):
            until(lambda: all(job_of(client, job_id)["finished_at"] for job_id in ids), SOON_S)
            until(lambda: standing() == (0, 1), SOON_S)
            ids.append(submit(client, short_clip, force=True))
            until(lambda: all(job_of(client, job_id)["finished_at"] for job_id in ids), SOON_S)
            until(lambda: standing() == (0, 1), SOON_S)
    assert ends(place) == dict.fromkeys(ids, 1)


def test_nothing_accepted_is_lost_when_a_service_with_celery_is_killed(
    broker: Broker, tmp_path: Path, short_clip: Path, long_clip: Path
) -> None:
    place = Place(tmp_path, JOB_QUEUE="celery", BROKER_URL=broker.url)
    with place.service() as (running, client):
        ids = [submit(client, long_clip, fps=30)]
        ids += [submit(client, short_clip, force=True, priority=-1) for _ in range(3)]
        until(lambda: job_of(client, ids[0])["progress"]["done_frames"] > 0, SOON_S)
        running.send_signal(signal.SIGKILL)
        running.wait(START_LIMIT_S)
    with place.service() as (_running, client):
        until(lambda: all(job_of(client, job_id)["finished_at"] for job_id in ids), SOON_S)
        assert {job_of(client, job_id)["state"] for job_id in ids} == {"succeeded"}
    assert ends(place) == dict.fromkeys(ids, 1)


def test_jobs_finish_when_redis_is_flushed(redis: Broker, tmp_path: Path, short_clip: Path) -> None:
    place = Place(tmp_path, JOB_QUEUE="celery", BROKER_URL=redis.url)
    with closing(Redis.from_url(redis.url)) as keys, place.service(JOB_WORKERS="0") as (_running, client):
        ids = [submit(client, short_clip, force=True) for _ in range(3)]
        assert keys.dbsize() > 0
        keys.flushall()
        with place.process("worker"):
            until(lambda: all(job_of(client, job_id)["finished_at"] for job_id in ids), SOON_S)
            keys.flushall()
            ids += [submit(client, short_clip, force=True) for _ in range(3)]
            until(lambda: all(job_of(client, job_id)["finished_at"] for job_id in ids), SOON_S)
        assert {job_of(client, job_id)["state"] for job_id in ids} == {"succeeded"}
    assert ends(place) == dict.fromkeys(ids, 1)


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


@pytest.mark.parametrize("full", ["temporary", "storage"])
def test_a_full_disk_refuses_an_upload_and_leaves_nothing(tmp_path: Path, short_clip: Path, full: str) -> None:
    place = Place(tmp_path, STORAGE_URL=str(tmp_path / "storage"))
    (tmp_path / "storage").mkdir()
    with small_disk(tmp_path / full), place.service(JOB_WORKERS="0") as (_running, client):
        refused = client.post("/v1/jobs", files=[("file", b"x" * 1000), ("file", b"y" * 6_000_000)])
        assert (refused.status_code, refused.json()["code"]) == (507, "storage_full")
        assert int(refused.headers["Retry-After"]) > 0
        assert client.get("/v1/jobs").json()["jobs"] == []
        assert not [
            path for name in ("temporary", "storage") for path in (tmp_path / name).rglob("*") if path.is_file()
        ]
        until(lambda: client.post("/v1/jobs", files={"file": short_clip.read_bytes()}).status_code == 202)
        assert len(client.get("/v1/jobs").json()["jobs"]) == len(list((tmp_path / "storage").rglob("uploads/*"))) == 1
        assert not list((tmp_path / "temporary").iterdir())


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of 4 MiB at a folder."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True, timeout=60)


def test_each_of_five_hundred_jobs_at_once_ends_once_and_memory_stays_flat(tmp_path: Path) -> None:
    place, content = Place(tmp_path), picture()
    with place.service(JOB_WORKERS="2") as (running, client):

        def submit_ten(_number: int) -> list[str]:
            response = client.post("/v1/jobs?force=true", files=[("file", content)] * 10)
            assert response.status_code == 202, response.text
            return [job["id"] for job in response.json()["jobs"]]

        def all_ended() -> bool:
            return not client.get("/v1/jobs", params={"state": ["queued", "running"]}).json()["jobs"]

        warming = [job_id for number in range(4) for job_id in submit_ten(number)]
        until(all_ended, SOON_S)
        warm_mb = resident_mb(running.pid)
        sampler = Sampler(str(client.base_url), running.pid, every_s=0.1)
        with sampler.sampling():
            with ThreadPoolExecutor(8) as pool:
                ids = [job_id for some in pool.map(submit_ten, range(50)) for job_id in some]
            until(all_ended, 5 * SOON_S)
        assert len(sampler.latencies_ms) > 1 and sampler.not_ok == 0
        assert {job_of(client, job_id)["state"] for job_id in ids} == {"succeeded"}
        assert sampler.rss_peak_mb - warm_mb < MOST_GROWTH_MB
    assert ends(place) == dict.fromkeys([*warming, *ids], 1)


@contextmanager
def faulty_bucket(folder: Path) -> Iterator[tuple[Place, Faults]]:
    """A place whose files are in a bucket behind a proxy that fails when told to."""
    (folder / "buckets" / "videos").mkdir(parents=True)
    with s3_server(folder / "buckets") as s3, faulty(s3.port) as faults:
        settings = {
            "STORAGE_URL": "s3://videos/dfd",
            "STORAGE_ENDPOINT": f"http://127.0.0.1:{faults.port}",
            "STORAGE_ACCESS_KEY_ID": str(s3.access.access_key_id),
            "STORAGE_SECRET_ACCESS_KEY": str(s3.access.secret_access_key),
        }
        yield Place(folder, **settings), faults


def objects(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "buckets").rglob("*") if path.is_file())


@pytest.mark.parametrize("fault", ["failing", "lost"])
def test_a_storage_that_fails_refuses_an_upload_and_keeps_nothing(tmp_path: Path, short_clip: Path, fault: str) -> None:
    """`lost`: the file is written, and the answer that says so never comes."""
    with faulty_bucket(tmp_path) as (place, faults), place.service(JOB_WORKERS="0") as (running, client):
        faults.failing, faults.lost = fault == "failing", 1000 if fault == "lost" else 0
        refused = client.post("/v1/jobs", files=[("file", short_clip.read_bytes()), ("file", b"x" * 7_000_000)])
        assert (refused.status_code, refused.json()["code"]) == (503, "storage_unavailable")
        assert int(refused.headers["Retry-After"]) > 0
        assert client.get("/v1/jobs").json()["jobs"] == []
        assert objects(tmp_path) == []
        assert not list((tmp_path / "temporary").iterdir())
        assert client.get("/health").status_code == 200
        faults.failing, faults.lost = False, 0
        job_id = submit(client, short_clip)
        assert objects(tmp_path) == [job_id]
        with place.process("worker"):
            until(lambda: job_of(client, job_id)["state"] == "succeeded", SOON_S)
        assert running.poll() is None


def test_jobs_outlive_a_storage_that_fails_and_one_that_is_slow(tmp_path: Path, short_clip: Path) -> None:
    with faulty_bucket(tmp_path) as (place, faults):
        with place.service(JOB_WORKERS="0") as (_running, client):
            faults.delay_s = 1.0
            ids = [submit(client, short_clip, force=True) for _ in range(2)]
            faults.delay_s, faults.failing = 0.0, True
            with place.process("worker"):
                until(lambda: faults.failed > 2, SOON_S)
                faults.failing, faults.delay_s = False, 1.0
                until(lambda: all(job_of(client, job_id)["finished_at"] for job_id in ids), SOON_S)
            assert {job_of(client, job_id)["state"] for job_id in ids} == {"succeeded"}
        assert objects(tmp_path) == sorted(ids)
    assert ends(place) == dict.fromkeys(ids, 1)
