"""Webhooks through real processes: a service killed between the end of a job and its delivery, and several of them."""

import signal
from pathlib import Path

import pytest
from tests.integration.test_jobs_processes import SOON_S, Place, job_of, place, short_clip, submit
from tests.live_service import START_LIMIT_S, until
from tests.webhook_receiver import receiving

from dfd.client import event_in

__all__ = ["place", "short_clip"]  # fixtures

SECRET = "correct-horse-battery"
SENDING = {
    "WEBHOOK_SECRET": f"a-newer-battery,{SECRET}",
    "WEBHOOK_ALLOW_HTTP": "true",
    "WEBHOOK_ALLOW_PRIVATE": "true",
    "WEBHOOK_FIRST_DELAY_S": "0.1",
    "WEBHOOK_MAX_ATTEMPTS": "100",
    "PUBLIC_URL": "https://dfd.example/",
}

pytestmark = pytest.mark.slow


def test_an_event_outlives_a_service_that_is_killed_before_it_arrives(place: Place, short_clip: Path) -> None:
    with receiving() as broken:
        broken.status = 500
        with place.service(**SENDING) as (running, client):
            job_id = submit(client, short_clip, callback_url=broken.url())
            until(lambda: len(broken.got) > 0, SOON_S)
            assert job_of(client, job_id)["state"] == "succeeded"
            running.send_signal(signal.SIGKILL)
            running.wait(START_LIMIT_S)
        port = broken.port
    with receiving(port) as mended, place.service(**SENDING) as (_running, client):
        until(lambda: len(mended.got) > 0, SOON_S)
        path = f"/v1/jobs/{job_id}/deliveries"
        until(lambda: client.get(path).json()["deliveries"][0]["state"] == "delivered", SOON_S)
        assert client.post(f"{path}/1/replay").status_code == 202
        until(lambda: len(mended.got) > 1, SOON_S)
    events = {event_in(got.body, got.headers, SECRET).id for got in [*broken.got, *mended.got]}
    assert events == {f"evt_{job_id}"}
    event = event_in(mended.got[0].body, mended.got[0].headers, "a-newer-battery")
    assert (event.type, event.job.id, event.job.verdict) == ("job.succeeded", job_id, "fake")
    assert event.report == f"https://dfd.example/v1/jobs/{job_id}/report.json"


def test_a_worker_tells_what_the_service_accepted_and_both_tell_it_once(place: Place, short_clip: Path) -> None:
    with receiving() as receiver, place.service(JOB_WORKERS="0", **SENDING) as (_running, client):
        job_ids = [submit(client, short_clip, callback_url=receiver.url(), force=True) for _ in range(5)]
        with place.process("worker", **SENDING):
            until(lambda: len(receiver.got) >= len(job_ids), SOON_S)
            until(lambda: all(_delivered(client.get(f"/v1/jobs/{job_id}/deliveries").json()) for job_id in job_ids))
    assert sorted(got.event["job"]["id"] for got in receiver.got) == sorted(job_ids)


def _delivered(answer: dict[str, list[dict[str, object]]]) -> bool:
    return [delivery["state"] for delivery in answer["deliveries"]] == ["delivered"]


def test_a_service_without_a_secret_takes_no_callback_address(tmp_path: Path, short_clip: Path) -> None:
    with Place(tmp_path).service() as (_running, client):
        refused = client.post(
            "/v1/jobs", params={"callback_url": "https://a.example/"}, files={"file": short_clip.read_bytes()}
        )
    assert (refused.status_code, refused.json()["code"]) == (422, "callback_refused")
