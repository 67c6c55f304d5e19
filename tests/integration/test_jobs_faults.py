"""Jobs while real parts are broken on purpose (``-m faults``): every accepted job still ends, once."""

import signal
from collections import Counter
from pathlib import Path

import pytest
from tests.broker_servers import Broker, redis_server
from tests.cli_process import paint
from tests.integration.test_jobs_processes import SOON_S, Place, job_of, long_clip, submit
from tests.live_service import START_LIMIT_S, until

__all__ = ["long_clip"]  # a fixture

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
