"""Telling callers of the end of their jobs, over fakes: what is sent, how often, and what of it is told."""

import json
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.api_client import TOKEN, assert_problem, client_of, make_services
from tests.fakes import make_job
from tests.live_service import until
from tests.unit.test_jobs import QUICK, REQUEST, House, received

from dfd.api.delivery_schemas import JobEnded
from dfd.api.job_schemas import summary_of
from dfd.api.services import Services
from dfd.delivery import Answer, DeliveryState, Patience
from dfd.errors import (
    CallbackRefused,
    DeliveryConflict,
    DeliveryNotFound,
    JobNotFound,
    JobStoreUnavailable,
    UnreadableVideo,
)
from dfd.job import Job, JobFailure, JobState
from dfd.jobs.callbacks import MOST_DELIVERIES
from dfd.jobs.crew import Crew
from dfd.jobs.policy import DeliveryPolicy
from dfd.jobs.telling import event_of, moment
from dfd.queues.embedded import EmbeddedQueue

URL = "https://a.example/hook"
PATIENCE = Patience(max_attempts=3, first_delay_s=10.0)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def house() -> House:
    return House(delivery_policy=DeliveryPolicy(PATIENCE, lease_s=50.0, public_url="https://dfd.example"))


@pytest.fixture
def job(house: House, tmp_path: Path) -> Job:
    """A job whose end somebody wants to hear of."""
    [job] = house.desk.submit([received(tmp_path, b"video")], replace(REQUEST, callback_url=URL, external_id="7"))
    return job


def sent(house: House) -> list[tuple[str, str, bytes]]:
    assert house.notifier is not None
    return house.notifier.sent


def answers(house: House, *given: Answer) -> None:
    assert house.notifier is not None
    house.notifier.answers.extend(given)


# --- the event ----------------------------------------------------------------------------------------------------


def test_success_is_told_once_with_the_job_and_where_its_report_is(house: House, job: Job) -> None:
    assert not house.deliverer.deliver_one()
    house.worker().run_one(house.stop)
    assert house.deliverer.deliver_one()
    assert not house.deliverer.deliver_one()
    [(url, event_id, body)] = sent(house)
    event = json.loads(body)
    assert (url, event_id) == (URL, event["id"])
    assert (event["type"], event["job"]["verdict"], event["job"]["external_id"]) == ("job.succeeded", "fake", "7")
    assert event["report"] == f"https://dfd.example/v1/jobs/{job.job_id}/report.json"
    assert JobEnded.model_validate_json(body).job == summary_of(house.job(job.job_id))
    [delivery] = house.callbacks.of_job(job.job_id)
    assert delivery.state is DeliveryState.DELIVERED


@pytest.mark.parametrize("end", ["failed", "cancelled", "expired"])
def test_every_other_end_is_told_too(house: House, job: Job, end: str) -> None:
    if end == "failed":
        house.analyzer.error = UnreadableVideo("no video")
        house.worker().run_one(house.stop)
    elif end == "cancelled":
        house.desk.cancel(job.job_id)
    else:
        house.store.change(job.job_id, lambda found: replace(found, expires_at_s=house.now_s))
        house.sweeper.sweep()
    assert house.deliverer.deliver_one()
    [(_, _, body)] = sent(house)
    event = JobEnded.model_validate_json(body)
    assert (event.type, event.report) == (f"job.{end}", None)
    assert (event.job.error is not None) == (end == "failed")


def test_a_known_file_and_a_job_begun_anew_are_told_of_too(house: House, job: Job, tmp_path: Path) -> None:
    house.worker().run_one(house.stop)
    again = house.desk.again(job.job_id)
    [known] = house.desk.submit([received(tmp_path, b"video")], replace(REQUEST, callback_url=URL))
    house.worker().run_one(house.stop)
    while house.deliverer.deliver_one():
        pass
    told = {json.loads(body)["job"]["id"] for _, _, body in sent(house)}
    assert told == {job.job_id, again.job_id, known.job_id}
    assert len(sent(house)) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"state": JobState.SUCCEEDED, "verdict": "real", "fake_probability": 0.25, "answered_from": "job-0"},
        {"state": JobState.FAILED, "failure": JobFailure("x", "no \N{SNOWMAN}"), "started_at_s": 1_795_000_000.1239},
        {"state": JobState.EXPIRED, "expires_at_s": 200.0, "external_id": "7"},
    ],
)
def test_the_event_holds_what_the_interface_says_of_the_job_and_no_more(changes: dict[str, Any]) -> None:
    job = make_job(callback_url=URL, finished_at_s=200.5, **changes)
    body = event_of(job, "")
    assert event_of(job.without_input() or job, "") == body
    event = JobEnded.model_validate_json(body)
    assert event.job == summary_of(job)
    assert URL not in body.decode()
    assert (event.report is None) == (job.state is not JobState.SUCCEEDED)


@pytest.mark.parametrize(
    ("at_s", "written"),
    [
        (None, None),
        (100.0, "1970-01-01T00:01:40.000Z"),
        (1_769_860_800.1239, "2026-01-31T12:00:00.124Z"),
        (0.9996, "1970-01-01T00:00:01.000Z"),
        (1e15, "9999-12-31T23:59:59.000Z"),
        (float("inf"), "9999-12-31T23:59:59.000Z"),
        (-1e15, "0001-01-01T00:00:00.000Z"),
        (float("nan"), None),
    ],
)
def test_times_are_written_in_one_form(at_s: float | None, written: str | None) -> None:
    assert moment(at_s) == written


def test_the_documented_event_is_one() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs/api.md").read_text(encoding="utf-8")
    [example] = [
        block for block in re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL) if "evt_" in block
    ]
    documented = JobEnded.model_validate_json(example)
    ended_s = datetime.fromisoformat(documented.created_at).timestamp()
    job = make_job(
        documented.job.id,
        state=JobState.SUCCEEDED,
        external_id="ticket-7",
        callback_url=URL,
        created_at_s=ended_s - 4.25,
        started_at_s=ended_s - 3.25,
        finished_at_s=ended_s,
        attempts=1,
        done_frames=60,
        total_frames=60,
        verdict="fake",
        fake_probability=0.9,
        input_bytes=1_048_576,
    )
    assert json.loads(event_of(job, "https://dfd.example")) == json.loads(example)


# --- trying again -------------------------------------------------------------------------------------------------


def test_a_receiver_that_fails_is_tried_again_with_the_same_event(house: House, job: Job) -> None:
    answers(house, Answer(500), Answer(error="time"))
    house.desk.cancel(job.job_id)
    for pause_s in (5.0, 10.0):  # half of what may be
        assert house.deliverer.deliver_one()
        house.now_s += pause_s - 0.1
        assert not house.deliverer.deliver_one()
        house.now_s += 0.1
    assert house.deliverer.deliver_one()
    assert len(sent(house)) == 3
    assert len(set(sent(house))) == 1
    [delivery] = house.callbacks.of_job(job.job_id)
    assert [(attempt.status, attempt.error) for attempt in delivery.log] == [(500, None), (None, "time"), (204, None)]


def test_a_receiver_that_is_gone_is_left_alone(house: House, job: Job) -> None:
    answers(house, Answer(410))
    house.desk.cancel(job.job_id)
    assert house.deliverer.deliver_one()
    house.now_s += 1e5
    assert not house.deliverer.deliver_one()
    assert house.callbacks.of_job(job.job_id)[0].state is DeliveryState.FAILED


def test_what_was_not_sent_for_too_long_is_given_up_unsent(house: House, job: Job) -> None:
    house.desk.cancel(job.job_id)
    house.now_s += PATIENCE.max_age_s + 1
    assert house.deliverer.deliver_one()
    assert sent(house) == []
    assert house.callbacks.of_job(job.job_id)[0].state is DeliveryState.FAILED


def test_a_sender_that_dies_after_sending_has_the_event_sent_again(house: House, job: Job) -> None:
    house.desk.cancel(job.job_id)
    assert house.notifier is not None

    def away() -> None:
        house.store.error = JobStoreUnavailable("away")

    house.notifier.meanwhile = away
    with pytest.raises(JobStoreUnavailable):
        house.deliverer.deliver_one()
    house.store.error, house.notifier.meanwhile = None, lambda: None
    assert not house.deliverer.deliver_one()
    house.now_s += 50.0
    assert house.deliverer.deliver_one()
    assert len(sent(house)) == 2
    assert len(set(sent(house))) == 1
    [delivery] = house.callbacks.of_job(job.job_id)
    assert [attempt.error for attempt in delivery.log] == ["lost", None]


def test_while_one_sends_no_other_does(house: House, job: Job) -> None:
    house.desk.cancel(job.job_id)
    tried: list[bool] = []
    assert house.notifier is not None
    house.notifier.meanwhile = lambda: tried.append(house.deliverer.deliver_one())
    assert house.deliverer.deliver_one()
    assert tried == [False]
    assert len(sent(house)) == 1


def test_a_crew_delivers_beside_its_work(house: House, job: Job) -> None:
    crew = Crew([house.worker()], house.sweeper, EmbeddedQueue(), QUICK, [house.deliverer] * 2)
    crew.start()
    until(lambda: any(delivery.over for delivery in house.callbacks.of_job(job.job_id)))
    crew.stop()
    assert len(sent(house)) == 1


# --- asking, and asking again -------------------------------------------------------------------------------------


def test_an_event_is_replayed_only_after_it_was_sent(house: House, job: Job) -> None:
    assert house.callbacks.of_job(job.job_id) == []
    with pytest.raises(DeliveryNotFound):
        house.callbacks.replay(job.job_id, 1)
    house.desk.cancel(job.job_id)
    with pytest.raises(DeliveryConflict, match="on its way"):
        house.callbacks.replay(job.job_id, 1)
    house.deliverer.deliver_one()
    with pytest.raises(DeliveryNotFound):
        house.callbacks.replay(job.job_id, 2)
    assert house.callbacks.replay(job.job_id, 1).number == 2
    house.deliverer.deliver_one()
    assert len(set(sent(house))) == 1
    assert [delivery.state.value for delivery in house.callbacks.of_job(job.job_id)] == ["delivered"] * 2


def test_an_event_is_not_replayed_for_ever(house: House, job: Job) -> None:
    house.desk.cancel(job.job_id)
    for _ in range(MOST_DELIVERIES - 1):
        house.deliverer.deliver_one()
        house.callbacks.replay(job.job_id, 1)
    house.deliverer.deliver_one()
    with pytest.raises(DeliveryConflict, match="50 times"):
        house.callbacks.replay(job.job_id, 1)


def test_jobs_that_never_were_have_no_deliveries(house: House) -> None:
    with pytest.raises(JobNotFound):
        house.callbacks.of_job("nobody")
    with pytest.raises(JobNotFound):
        house.callbacks.replay("nobody", 1)


def test_deliveries_are_kept_no_longer_than_their_job(house: House, job: Job) -> None:
    house.policy = replace(QUICK, retention_s=100.0)
    house.desk.cancel(job.job_id)
    house.now_s += 100
    house.sweeper.sweep()
    assert not house.deliverer.deliver_one()
    with pytest.raises(JobNotFound):
        house.callbacks.of_job(job.job_id)


def test_where_nothing_is_sent_no_address_is_taken_and_nothing_replayed(house: House, job: Job) -> None:
    house.notifier = None
    with pytest.raises(CallbackRefused, match="WEBHOOK_SECRET"):
        house.callbacks.check(URL)
    with pytest.raises(CallbackRefused, match="WEBHOOK_SECRET"):
        house.callbacks.replay(job.job_id, 1)
    assert house.callbacks.of_job(job.job_id) == []


# --- over HTTP ----------------------------------------------------------------------------------------------------


def services(house: House) -> Services:
    return make_services(house.analyzer, jobs=house.desk, callbacks=house.callbacks)


@pytest.mark.anyio
async def test_deliveries_are_told_and_replayed_over_http(house: House, job: Job) -> None:
    answers(house, Answer(503), Answer(410))
    path = f"/v1/jobs/{job.job_id}/deliveries"
    async with client_of(services(house)) as client:
        response = await client.get(path)
        assert (response.status_code, response.json()) == (200, {"deliveries": []})
        assert response.headers["cache-control"] == "no-store"
        house.desk.cancel(job.job_id)
        house.deliverer.deliver_one()
        [told] = (await client.get(path)).json()["deliveries"]
        assert (told["id"], told["state"], told["last_status"], told["last_error"]) == (1, "pending", 503, None)
        assert told["next_attempt_at"] == "1970-01-01T00:16:45.000Z"
        assert told["log"] == [{"at": "1970-01-01T00:16:40.000Z", "status": 503, "error": None, "duration_ms": 0.0}]
        assert_problem(await client.post(f"{path}/1/replay"), 409, "delivery_conflict")
        house.now_s += 5.0
        house.deliverer.deliver_one()
        response = await client.post(f"{path}/1/replay")
        assert response.status_code == 202
        again = response.json()
        assert (again["id"], again["state"], again["attempts"]) == (2, "pending", 0)
        assert again["event_id"] == told["event_id"] == json.loads(sent(house)[0][2])["id"]
        assert_problem(await client.post(f"{path}/7/replay"), 404, "delivery_not_found")
        assert_problem(await client.post(f"{path}/x/replay"), 422, "invalid_parameter")
        for method, nobody in (("GET", "deliveries"), ("POST", "deliveries/1/replay")):
            assert_problem(await client.request(method, f"/v1/jobs/nobody/{nobody}"), 404, "job_not_found")


@pytest.mark.anyio
async def test_a_callback_address_is_refused_before_the_upload_is_kept(house: House) -> None:
    async with client_of(services(house)) as client:
        for url in ("ftp://a.example", "http://a.example/", "nonsense"):
            response = await client.post("/v1/jobs", params={"callback_url": url}, files={"file": b"x"})
            assert assert_problem(response, 422, "callback_refused")["detail"].startswith("callback_url: ")
    house.notifier = None
    async with client_of(services(house)) as client:
        response = await client.post("/v1/jobs", params={"callback_url": URL}, files={"file": b"x"})
        assert "WEBHOOK_SECRET" in assert_problem(response, 422, "callback_refused")["detail"]
    assert house.storage.objects == {}


@pytest.mark.anyio
async def test_deliveries_are_behind_the_same_secret(house: House, job: Job) -> None:
    guarded = make_services(jobs=house.desk, callbacks=house.callbacks, bearer_token=TOKEN)
    async with client_of(guarded) as client:
        path = f"/v1/jobs/{job.job_id}/deliveries"
        assert_problem(await client.get(path), 401, "unauthorized")
        assert_problem(await client.post(f"{path}/1/replay"), 401, "unauthorized")
