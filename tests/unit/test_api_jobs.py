"""The HTTP interface of jobs, over fakes: what is accepted, told, listed, cancelled, and refused."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import anyio
import pytest
from tests.api_client import PATIENCE_S, TOKEN, assert_problem, client_of, make_services, upload
from tests.fakes import FakeJobStore, make_report
from tests.unit.test_jobs import House, NoNulStore

from dfd.api import events
from dfd.api.app import create_app
from dfd.api.services import Services
from dfd.errors import JobStoreUnavailable, StorageFull, StorageUnavailable, UnreadableVideo
from dfd.job import Job, JobState
from dfd.jobs.policy import JobPolicy

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Api:
    """A client, and the house behind it."""

    house: House
    services: Services

    async def post(self, *contents: bytes, headers: dict[str, str] | None = None, **query: Any) -> Any:
        files = [("file", (f"{number}.mp4", content, "video/mp4")) for number, content in enumerate(contents)]
        async with client_of(self.services) as client:
            return await client.post("/v1/jobs", params=query, files=files, headers=headers)

    async def one(self, content: bytes = b"video", **query: Any) -> str:
        response = await self.post(content, **query)
        assert response.status_code == 202, response.text
        job_id: str = response.json()["jobs"][0]["id"]
        return job_id

    async def call(self, method: str, path: str, **more: Any) -> Any:
        async with client_of(self.services) as client:
            return await client.request(method, path, **more)

    def work(self) -> None:
        assert self.house.worker().run_one(self.house.stop)


@pytest.fixture
def api() -> Iterator[Api]:
    house = House()
    yield Api(house, make_services(house.analyzer, jobs=house.desk, callbacks=house.callbacks))


async def test_a_file_is_accepted_worked_on_and_told_of(api: Api) -> None:
    response = await api.post(b"video", external_id="ticket-7", priority=5, callback_url="https://a.example/x")
    assert response.status_code == 202
    [job] = response.json()["jobs"]
    assert response.headers["location"] == f"/v1/jobs/{job['id']}"
    assert response.headers["cache-control"] == "no-store"
    assert (job["state"], job["external_id"], job["priority"]) == ("queued", "ticket-7", 5)
    told = (await api.call("GET", f"/v1/jobs/{job['id']}")).json()
    assert (told["queue_position"], told["result"], told["created_at"]) == (1, None, "1970-01-01T00:16:40.000Z")
    assert "callback_url" not in told
    api.work()
    told = (await api.call("GET", f"/v1/jobs/{job['id']}")).json()
    assert (told["state"], told["verdict"], told["queue_position"]) == ("succeeded", "fake", None)
    assert told["result"]["verdict"] == "fake"
    report = await api.call("GET", f"/v1/jobs/{job['id']}/report.json")
    assert report.json() == told["result"]
    assert report.headers["content-type"] == "application/json"


async def test_several_files_are_several_jobs_in_order(api: Api) -> None:
    response = await api.post(b"a", b"bb", b"ccc", fps=4.0)
    assert [job["input_bytes"] for job in response.json()["jobs"]] == [1, 2, 3]
    assert "location" not in response.headers
    api.work()
    assert api.house.analyzer.contents == [b"a"]
    assert api.house.analyzer.options[0].fps == 4.0


async def test_the_same_key_gives_the_same_jobs(api: Api) -> None:
    headers = {"Idempotency-Key": "k"}
    first = await api.post(b"video", headers=headers)
    again = await api.post(b"video", headers=headers)
    assert again.status_code == 202
    assert again.json() == first.json()
    assert_problem(await api.post(b"other", headers=headers), 409, "idempotency_conflict")


async def test_a_known_file_is_answered_at_once_unless_forced(api: Api) -> None:
    first = await api.one()
    api.work()
    [second] = (await api.post(b"video")).json()["jobs"]
    assert second["state"] == "queued"  # the fake analyzer's report names another file
    api.house.analyzer.report = make_report(input_sha256=second["input_sha256"])
    api.work()
    [third] = (await api.post(b"video")).json()["jobs"]
    assert (third["state"], third["answered_from"]) == ("succeeded", second["id"])
    assert first != second["id"]
    [forced] = (await api.post(b"video", force=True)).json()["jobs"]
    assert forced["state"] == "queued"


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"fps": 0}, "fps"),
        ({"fps": 61}, "fps"),
        ({"priority": 101}, "priority"),
        ({"external_id": "x" * 257}, "external_id"),
        ({"operating_point": "unknown"}, "operating"),
    ],
)
async def test_a_wish_out_of_range_is_refused_before_the_upload_is_kept(
    api: Api, query: dict[str, Any], parameter: str
) -> None:
    body = assert_problem(await api.post(b"video", **query), 422, "invalid_parameter")
    assert parameter in body["detail"]
    assert api.house.storage.objects == {}


async def test_a_request_without_a_file_is_refused(api: Api) -> None:
    assert_problem(await api.call("POST", "/v1/jobs", files={"other": ("x", b"x")}), 422, "invalid_parameter")
    assert_problem(await api.call("POST", "/v1/jobs", content=b"x"), 415, "unsupported_content_type")
    assert_problem(await api.post(b"x", b""), 422, "unreadable_video")


async def test_too_many_files_are_refused(api: Api) -> None:
    assert_problem(await api.post(*[b"x"] * 17), 422, "invalid_parameter")


async def test_a_full_queue_says_when_to_come_back(api: Api) -> None:
    api.house.policy = JobPolicy(max_queued=1, retry_after_s=9)
    api.services = make_services(jobs=api.house.desk)
    headers = {"Idempotency-Key": "k"}
    first = await api.post(b"video", headers=headers)
    response = await api.post(b"other")
    assert_problem(response, 503, "queue_full")
    assert response.headers["retry-after"] == "9"
    assert (await api.post(b"video", headers=headers)).json() == first.json()


async def test_too_many_uploads_at_once_are_refused(api: Api) -> None:
    app = create_app(make_services(jobs=api.house.desk, max_receiving=1))
    with app.state.jobs.receiving():
        async with client_of(app) as client:
            response = await client.post("/v1/jobs", files=upload())
    assert_problem(response, 503, "overloaded")
    assert response.headers["retry-after"]


@pytest.mark.logs_errors
@pytest.mark.parametrize(
    ("store_error", "storage_error", "status", "code"),
    [
        (JobStoreUnavailable("host db.secret"), None, 503, "job_store_unavailable"),
        (None, StorageUnavailable("host s3.secret"), 503, "storage_unavailable"),
        (None, StorageFull("disk /secret"), 507, "storage_full"),
    ],
)
async def test_parts_that_are_away_are_told_without_their_names(
    api: Api, store_error: Exception | None, storage_error: Exception | None, status: int, code: str
) -> None:
    api.house.store.error, api.house.storage.error = store_error, storage_error
    response = await api.post(b"video")
    assert_problem(response, status, code)
    assert response.headers["retry-after"]
    assert "secret" not in response.text


async def test_lists_are_paged_from_the_newest(api: Api) -> None:
    ids = [await api.one(bytes([number])) for number in range(5)]
    seen, cursor = [], None
    for _ in range(3):
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await api.call("GET", "/v1/jobs", params=query)).json()
        seen += [job["id"] for job in page["jobs"]]
        cursor = page["next_cursor"]
    assert seen == ids[::-1]
    assert cursor is None


async def test_lists_are_narrowed(api: Api) -> None:
    await api.one(b"a", external_id="x")
    await api.one(b"b", external_id="y")
    api.work()
    for query, expected in (
        ({"external_id": "x"}, 1),
        ({"state": "succeeded"}, 1),
        ({"state": ["succeeded", "queued"]}, 2),
        ({"state": "failed"}, 0),
    ):
        page = (await api.call("GET", "/v1/jobs", params=query)).json()
        assert len(page["jobs"]) == expected, query


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 201}, {"cursor": "!"}, {"cursor": "-1"}, {"state": "lost"}])
async def test_a_list_that_cannot_be_is_refused(api: Api, query: dict[str, Any]) -> None:
    assert_problem(await api.call("GET", "/v1/jobs", params=query), 422, "invalid_parameter")


async def test_a_waiting_job_is_cancelled(api: Api) -> None:
    job_id = await api.one()
    response = await api.call("DELETE", f"/v1/jobs/{job_id}")
    assert (response.status_code, response.json()["state"]) == (202, "cancelled")
    assert (await api.call("DELETE", f"/v1/jobs/{job_id}")).status_code == 202
    assert_problem(await api.call("GET", f"/v1/jobs/{job_id}/report.json"), 409, "report_not_ready")


async def test_an_ended_job_is_not_cancelled(api: Api) -> None:
    job_id = await api.one()
    api.work()
    assert_problem(await api.call("DELETE", f"/v1/jobs/{job_id}"), 409, "job_ended")


async def test_an_ended_job_is_forgotten_with_everything_that_is_its_own(api: Api) -> None:
    job_id = await api.one(external_id="clip.mp4")
    path = f"/v1/jobs/{job_id}/forget"
    assert_problem(await api.call("POST", path), 409, "job_conflict")
    api.work()
    assert api.house.storage.objects
    receipt = await api.call("POST", path)
    assert receipt.status_code == 200
    assert receipt.headers["cache-control"] == "no-store"
    told = receipt.json()
    assert (told["id"], told["state"], told["upload_deleted"]) == (job_id, "succeeded", True)
    assert len(told["input_sha256"]) == 64
    assert not api.house.storage.objects
    for gone in ("", "/report.json", "/artifacts", "/deliveries"):
        assert_problem(await api.call("GET", f"/v1/jobs/{job_id}{gone}"), 404, "job_not_found")
    assert_problem(await api.call("POST", path), 404, "job_not_found")


@pytest.mark.logs_errors
async def test_a_job_whose_file_cannot_be_deleted_is_kept_until_it_can(api: Api) -> None:
    job_id = await api.one()
    api.work()
    api.house.storage.error = StorageUnavailable("away")
    assert_problem(await api.call("POST", f"/v1/jobs/{job_id}/forget"), 503, "storage_unavailable")
    assert (await api.call("GET", f"/v1/jobs/{job_id}/report.json")).status_code == 200
    api.house.storage.error = None
    assert (await api.call("POST", f"/v1/jobs/{job_id}/forget")).status_code == 200


async def test_lists_are_narrowed_by_verdict_and_text(api: Api) -> None:
    fake = await api.one(b"one", external_id="Holiday.mp4")
    api.work()
    other = await api.one(b"two", external_id="work.mp4")
    for query, expected in (
        ({"verdict": "fake"}, [fake]),
        ({"verdict": ["real", "inconclusive"]}, []),
        ({"text": "holi"}, [fake]),
        ({"text": ".MP4"}, [other, fake]),
        ({"text": other[:8]}, [other]),
    ):
        page = (await api.call("GET", "/v1/jobs", params=query)).json()
        assert [job["id"] for job in page["jobs"]] == expected, query
    nul = "a\x00b"  # which PostgreSQL takes in no text
    for query in ({"verdict": "maybe"}, {"text": ""}, {"text": "a" * 257}, {"text": nul}, {"external_id": nul}):
        assert_problem(await api.call("GET", "/v1/jobs", params=query), 422, "invalid_parameter")
    submitted = await api.call("POST", "/v1/jobs", files=upload(), params={"external_id": nul})
    assert_problem(submitted, 422, "invalid_parameter")


async def test_a_failed_job_says_why(api: Api) -> None:
    api.house.analyzer.error = UnreadableVideo("no video")
    job_id = await api.one()
    api.work()
    told = (await api.call("GET", f"/v1/jobs/{job_id}")).json()
    assert (told["state"], told["error"]) == ("failed", {"code": "unreadable_video", "message": "no video"})


@pytest.mark.parametrize("path", ["", "/report.json", "/events"])
async def test_a_job_that_never_was_is_not_found(api: Api, path: str) -> None:
    assert_problem(await api.call("GET", f"/v1/jobs/nobody{path}"), 404, "job_not_found")
    assert_problem(await api.call("DELETE", "/v1/jobs/nobody"), 404, "job_not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/jobs/{}"),
        ("DELETE", "/v1/jobs/{}"),
        ("GET", "/v1/jobs/{}/events"),
        ("GET", "/v1/jobs/{}/deliveries"),
        ("POST", "/v1/jobs/{}/forget"),
        ("GET", "/v1/jobs/{}/feedback"),
        ("GET", "/analyses/{}"),
        ("GET", "/analyses/{}/media"),
        ("GET", "/compare?with={}&with=other"),
    ],
)
async def test_an_id_with_nul_is_of_no_job(method: str, path: str) -> None:
    house = House(store=NoNulStore())
    services = make_services(house.analyzer, jobs=house.desk, callbacks=house.callbacks)
    async with client_of(services) as client:
        answer = await client.request(method, path.format("a%00b"))
    assert answer.status_code == 404, answer.text


async def test_jobs_are_behind_the_same_secret(api: Api) -> None:
    services = make_services(jobs=api.house.desk, bearer_token=TOKEN)
    async with client_of(services) as client:
        for method, path in (("POST", ""), ("GET", ""), ("GET", "/x"), ("DELETE", "/x"), ("GET", "/x/events")):
            assert_problem(await client.request(method, f"/v1/jobs{path}"), 401, "unauthorized")
        assert (await client.get("/v1/jobs", headers={"Authorization": f"Bearer {TOKEN}"})).status_code == 200


# --- listening ----------------------------------------------------------------------------------------------------


def told(text: str) -> list[tuple[str, int, dict[str, Any]]]:
    """The events of a stream."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append((fields["event"], int(fields["id"]), json.loads(fields["data"])))
    return found


async def listen(api: Api, job_id: str, last: int | None = None) -> Any:
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    with anyio.fail_after(PATIENCE_S):
        return await api.call("GET", f"/v1/jobs/{job_id}/events", headers=headers)


async def test_an_ended_job_is_told_once_and_not_to_who_knows_it(api: Api) -> None:
    job_id = await api.one()
    api.work()
    response = await listen(api, job_id)
    assert response.headers["content-type"].startswith("text/event-stream")
    [(kind, number, job)] = told(response.text)
    assert (kind, job["state"], job["result"]["verdict"]) == ("result", "succeeded", "fake")
    assert (await listen(api, job_id, number)).status_code == 204
    assert told((await listen(api, job_id, number - 1)).text)[0][1] == number


async def test_events_hold_nothing_that_some_reader_ends_a_line_at(api: Api) -> None:
    name = "a\u0085b\u2028c\u2029d \N{SNOWMAN}\r\n"
    job_id = await api.one(external_id=name)
    api.work()
    response = await listen(api, job_id)
    assert response.text.isascii()
    [(_, _, job)] = told(response.text)
    known = (await api.call("GET", f"/v1/jobs/{job_id}")).json()
    assert (job["external_id"], job) == (name, known)


async def test_progress_is_told_frame_by_frame_and_then_the_result(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK_EVERY_S", 0.001)
    job_id = await api.one()
    store, now_s = api.house.store, api.house.now_s
    get, looks = store.get, list[str]()

    def counted(name: str) -> Job | None:
        looks.append(name)
        return get(name)

    async def seen() -> None:
        """Once the listener has looked again; the first two looks may be the route's own, or have begun before."""
        before = len(looks)
        with anyio.fail_after(PATIENCE_S):
            while len(looks) < before + 3:
                await anyio.sleep(0.001)

    monkeypatch.setattr(store, "get", counted)

    async def work() -> None:
        store.claim(lambda job: job.claimed("w", now_s, 30.0), now_s)
        for done in (1, 2, 3):
            store.change(job_id, lambda job, done=done: job.renewed(1, now_s, 30.0, done, 3))  # type: ignore[misc]
            await seen()
        store.change(job_id, lambda job: job.succeeded(1, now_s, "real", 0.1, "key", frames=10), report="{}")

    async with anyio.create_task_group() as group:
        group.start_soon(work)
        heard = told((await listen(api, job_id)).text)
    numbers = [number for _, number, _ in heard]
    assert numbers == sorted(set(numbers))
    assert [kind for kind, _, _ in heard][-1] == "result"
    assert {job["progress"]["done_frames"] for _, _, job in heard} >= {1, 2, 3}


async def test_who_comes_back_hears_only_what_is_new(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK_EVERY_S", 0.001)
    job_id = await api.one()
    api.house.store.claim(lambda job: job.claimed("w", 1000.0, 30.0), 1000.0)
    api.house.store.change(job_id, lambda job: job.cancelled(1001.0))
    api.house.store.change(job_id, lambda job: job.stopped(1, 1002.0))
    assert [(kind, job["state"]) for kind, _, job in told((await listen(api, job_id, 1)).text)] == [
        ("result", "cancelled")
    ]


async def test_silence_is_filled_with_comments_and_a_stop_ends_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(events, "COMMENT_EVERY_S", 0.01)
    app = create_app(api.services)
    job_id = await api.one()

    async def stop() -> None:
        await anyio.sleep(0.2)
        app.state.jobs.streams.stop()

    async with anyio.create_task_group() as group, client_of(app) as client:
        group.start_soon(stop)
        with anyio.fail_after(PATIENCE_S):
            response = await client.get(f"/v1/jobs/{job_id}/events")
    assert ": still here\n\n" in response.text


async def test_a_table_that_is_away_does_not_end_a_stream(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK_EVERY_S", 0.001)
    job_id = await api.one()

    async def away() -> None:
        await anyio.sleep(0.05)
        api.house.store.error = JobStoreUnavailable("away")
        await anyio.sleep(0.05)
        api.house.store.error = None
        api.house.desk.cancel(job_id)

    async with anyio.create_task_group() as group:
        group.start_soon(away)
        heard = told((await listen(api, job_id)).text)
    assert heard[-1][2]["state"] == "cancelled"


async def test_listeners_are_limited(api: Api) -> None:
    job_id = await api.one()
    api.services = make_services(jobs=api.house.desk, max_streams=0)
    response = await listen(api, job_id)
    assert_problem(response, 503, "overloaded")
    assert isinstance(api.house.store, FakeJobStore)
    assert api.house.job(job_id).state is JobState.QUEUED
