"""The Python client against the real application and against answers made up: sync and async do the same."""

import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.api_client import make_services
from tests.unit.test_jobs import House

from dfd.api.app import create_app
from dfd.cli.serving import KEEP_ALIVE_S
from dfd.client import (
    AsyncClient,
    BadAnswer,
    Client,
    ClientError,
    Conflict,
    NotFound,
    NotGenuine,
    NotInTime,
    ProblemError,
    Refused,
    Retries,
    ServiceFailed,
    TryLater,
    Unauthorized,
    Unreachable,
    event_in,
)
from dfd.client.calls import CONNECTIONS
from dfd.client.streams import lines_of
from dfd.delivery import Answer as Receipt
from dfd.delivery import DeliveryState
from dfd.job import JobState
from dfd.signing import signed_headers

pytestmark = pytest.mark.anyio

Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def job_json(state: str = "queued", **changes: Any) -> dict[str, Any]:
    return {
        "id": "j",
        "state": state,
        "external_id": None,
        "priority": 0,
        "created_at": "2026-01-31T12:00:00.000Z",
        "started_at": None,
        "finished_at": None,
        "attempts": 0,
        "cancel_requested": False,
        "progress": {"done_frames": 1, "total_frames": None},
        "error": None,
        "verdict": None,
        "fake_probability": None,
        "input_sha256": "c0" * 32,
        "answered_from": None,
        **changes,
    }


def problem(status: int, code: str = "overloaded", **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "detail": "because", "request_id": "r"}, headers=headers)


class Script:
    """Answers one request after the other, and keeps what was asked and slept."""

    def __init__(self, *answers: httpx.Response | httpx.TransportError) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.bodies: list[bytes] = []
        self.slept: list[float] = []
        self.now_s = 0.0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.bodies.append(request.read())
        answer = self.answers.pop(0)
        if isinstance(answer, httpx.TransportError):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds

    def client(self, **more: Any) -> Client:
        http = httpx.Client(transport=httpx.MockTransport(self), base_url="http://dfd.example")
        return Client(http=http, sleep=self.sleep, clock=lambda: self.now_s, **more)

    def async_client(self, **more: Any) -> AsyncClient:
        async def handle(request: httpx.Request) -> httpx.Response:
            await request.aread()
            return self(request)

        async def sleep(seconds: float) -> None:
            self.sleep(seconds)

        http = httpx.AsyncClient(transport=httpx.MockTransport(handle), base_url="http://dfd.example")
        return AsyncClient(http=http, sleep=sleep, clock=lambda: self.now_s, **more)


Act = Callable[[Client | AsyncClient], Any]


async def both(*answers: httpx.Response | httpx.TransportError, act: Act, **more: Any) -> tuple[Any, Script]:
    """The outcome of an act, an error too; the same for both clients."""
    outcomes, scripts = [], []
    for make in (Script.client, Script.async_client):
        script = Script(*answers)
        try:
            found = act(make(script, **more))
            if isinstance(found, Awaitable):
                found = await found
            elif isinstance(found, AsyncIterator):
                found = [one async for one in found]
            elif isinstance(found, Iterator):
                found = list(found)
        except ClientError as error:
            found = error
        outcomes.append(found)
        scripts.append(script)
    first, second = outcomes
    assert repr(first) == repr(second)
    assert scripts[0].slept == scripts[1].slept
    assert [str(r.url) for r in scripts[0].requests] == [str(r.url) for r in scripts[1].requests]
    return first, scripts[0]


async def test_the_real_application_is_understood(tmp_path: Path) -> None:
    house = House()
    transport = httpx.ASGITransport(create_app(make_services(house.analyzer, jobs=house.desk)))
    (tmp_path / "clip.mp4").write_bytes(b"video")
    async with httpx.AsyncClient(transport=transport, base_url="http://dfd.example") as http:
        client = AsyncClient(http=http)
        assert (await client.predict(tmp_path / "clip.mp4", fps=4.0)).label == "fake"
        one, two = await client.submit(tmp_path / "clip.mp4", b"other", external_id="7", priority=3)
        assert (one.state, one.external_id, one.priority) == (JobState.QUEUED, "7", 3)
        assert house.storage.objects[f"uploads/{two.id}"] == b"other"
        assert (await client.job(two.id)).queue_position == 2
        assert (await client.cancel(two.id)).state is JobState.CANCELLED
        with pytest.raises(Conflict):
            await client.report(one.id)
        house.worker().run_one(house.stop)
        ended = await client.wait(one.id)
        assert (ended.state, ended.verdict) == (JobState.SUCCEEDED, "fake")
        assert await client.report(one.id) == ended.result
        assert [event.kind async for event in client.events(one.id)] == ["result"]
        assert [job.id async for job in client.jobs(page_size=1)] == [two.id, one.id]
        assert [job.id async for job in client.jobs("succeeded", external_id="7")] == [one.id]
        assert [job.id async for job in client.jobs(verdict="fake", text="7")] == [one.id]
        receipt = await client.forget(one.id)
        assert (receipt.id, receipt.input_sha256, receipt.upload_deleted) == (one.id, ended.input_sha256, True)
        assert [job.id async for job in client.jobs()] == [two.id]
        with pytest.raises(NotFound) as refused:
            await client.job("nobody")
        assert (refused.value.status, refused.value.code) == (404, "job_not_found")
        assert refused.value.request_id


async def test_deliveries_are_told_replayed_and_received(tmp_path: Path) -> None:
    house = House()
    assert house.notifier is not None
    house.notifier.answers = [Receipt(500), Receipt(410)]
    services = make_services(house.analyzer, jobs=house.desk, callbacks=house.callbacks)
    transport = httpx.ASGITransport(create_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://dfd.example") as http:
        client = AsyncClient(http=http)
        [job] = await client.submit(b"video", callback_url="https://a.example/")
        assert await client.deliveries(job.id) == []
        house.worker().run_one(house.stop)
        house.deliverer.deliver_one()
        [delivery] = await client.deliveries(job.id)
        assert (delivery.state, delivery.attempts, delivery.log[0].status) == (DeliveryState.PENDING, 1, 500)
        assert delivery.next_attempt_at == datetime.fromtimestamp(house.now_s + 5.0, UTC)
        with pytest.raises(Conflict):
            await client.replay(job.id, 1)
        house.now_s += 5.0
        house.deliverer.deliver_one()
        again = await client.replay(job.id, 1)
        assert (again.id, again.event_id) == (2, delivery.event_id)
        with pytest.raises(NotFound):
            await client.replay(job.id, 7)
        with pytest.raises(Refused) as refused:
            await client.submit(b"video", callback_url="http://a.example/")
        assert refused.value.code == "callback_refused"
    body = house.notifier.sent[0][2]
    event = event_in(body, signed_headers(["secret"], body, 1000.0), "secret", now_s=1000.0)
    assert (event.id, event.type) == (delivery.event_id, "job.succeeded")
    assert (event.job.id, event.job.verdict, event.report) == (job.id, "fake", f"/v1/jobs/{job.id}/report.json")


async def test_a_lost_replay_is_not_repeated() -> None:
    error, script = await both(httpx.ReadError("cut"), act=lambda client: client.replay("j", 1))
    assert isinstance(error, Unreachable)
    assert (script.slept, script.requests[0].url.path) == ([], "/v1/jobs/j/deliveries/1/replay")
    found, _ = await both(httpx.Response(200, json={"deliveries": []}), act=lambda client: client.deliveries("j"))
    assert found == []


def test_what_is_not_genuine_is_no_event() -> None:
    headers = signed_headers(["secret"], b"{}", 1000.0)
    for body, secret, now_s in ((b"[]", "secret", 1000.0), (b"{}", "other", 1000.0), (b"{}", "secret", 2000.0)):
        with pytest.raises(NotGenuine):
            event_in(body, headers, secret, now_s=now_s)
    with pytest.raises(NotGenuine):
        event_in(b"{}", headers, "secret")
    with pytest.raises(BadAnswer):
        event_in(b"{}", headers, "secret", now_s=1000.0)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, Unauthorized), (404, NotFound), (409, Conflict), (422, Refused), (413, Refused), (500, ServiceFailed)],
)
async def test_problems_become_errors_that_are_not_tried_again(status: int, kind: type[ProblemError]) -> None:
    error, script = await both(problem(status, "some_code"), act=lambda client: client.job("j"))
    assert isinstance(error, kind)
    assert (error.code, error.detail, error.request_id) == ("some_code", "because", "r")
    assert script.slept == []


async def test_a_busy_service_is_asked_again_when_it_said(tmp_path: Path) -> None:
    answers = [problem(503, **{"Retry-After": "7"}), problem(429), httpx.Response(202, json={"jobs": [job_json()]})]
    (tmp_path / "clip").write_bytes(b"the-video")
    found, script = await both(*answers, act=lambda client: client.submit(tmp_path / "clip", force=True))
    assert found[0].id == "j"
    assert script.slept == [7.0, 1.0]
    assert all(b"the-video" in body for body in script.bodies)
    assert len({request.headers["idempotency-key"] for request in script.requests}) == 1
    assert str(script.requests[0].url) == "http://dfd.example/v1/jobs?force=true"


async def test_patience_ends() -> None:
    error, script = await both(problem(503), problem(503), act=lambda c: c.job("j"), retries=Retries(2))
    assert type(error) is TryLater
    assert script.slept == [0.5]
    error, script = await both(problem(503, **{"Retry-After": "3600"}), act=lambda client: client.job("j"))
    assert error.retry_after_s == 3600
    assert script.slept == []


async def test_only_what_does_no_harm_is_repeated_after_silence() -> None:
    lost, never = httpx.ReadError("cut"), httpx.ConnectError("refused")
    found, _ = await both(lost, httpx.Response(200, json=job_json()), act=lambda client: client.job("j"))
    assert found.id == "j"
    error, script = await both(lost, act=lambda client: client.predict(b"video"))
    assert isinstance(error, Unreachable)
    assert script.slept == []
    error, script = await both(never, never, act=lambda client: client.predict(b"video"), retries=Retries(2))
    assert isinstance(error, Unreachable)
    assert script.slept == [0.5]


UNREPEATABLE: list[Act] = [
    lambda client: client.predict(b"video"),
    lambda client: client.forget("j"),
    lambda client: client.replay("j", 1),
    lambda client: client.give_feedback("j", "fake"),
]


@pytest.mark.parametrize("act", UNREPEATABLE)
@pytest.mark.parametrize(
    ("status", "code"),
    [(502, "unknown"), (504, "unknown"), (503, "unknown"), (503, "unavailable"), (503, "job_store_unavailable")],
)
async def test_what_may_have_been_done_is_not_done_twice(act: Act, status: int, code: str) -> None:
    answer = problem(status, code, **{"Retry-After": "5"})
    error, script = await both(answer, act=act)
    assert (type(error), error.status, error.code) == (TryLater, status, code)
    assert (script.slept, len(script.requests)) == ([], 1)
    _, script = await both(answer, httpx.Response(200, json=job_json()), act=lambda client: client.job("j"))
    assert script.slept == [5.0]


@pytest.mark.parametrize("act", UNREPEATABLE)
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (503, "overloaded"),
        (503, "queue_full"),
        (503, "identity_unavailable"),
        (429, "rate_limited"),
        (429, "unknown"),
        (507, "storage_full"),
    ],
)
async def test_what_was_refused_before_it_began_is_always_repeated(act: Act, status: int, code: str) -> None:
    error, script = await both(problem(status, code), problem(409, "job_conflict"), act=act)
    assert isinstance(error, Conflict)
    assert script.slept == [0.5]


async def test_other_services_are_recognised() -> None:
    error, _ = await both(httpx.Response(200, text="<html>"), act=lambda client: client.job("j"))
    assert isinstance(error, BadAnswer)
    error, _ = await both(httpx.Response(200, json={"hello": 1}), act=lambda client: client.job("j"))
    assert isinstance(error, BadAnswer)
    error, _ = await both(httpx.Response(404, text="no"), act=lambda client: client.job("j"))
    assert (error.code, error.detail) == ("unknown", "")


async def test_waiting_ends_in_time() -> None:
    running = [httpx.Response(200, json=job_json("running")) for _ in range(9)]
    error, _ = await both(*running, act=lambda client: client.wait("j", timeout_s=1.0))
    assert isinstance(error, NotInTime)
    found, _ = await both(*running[:2], httpx.Response(200, json=job_json("failed")), act=lambda c: c.wait("j"))
    assert found.ended


def stream(*events: tuple[str, int, str]) -> httpx.Response:
    text = "retry: 2000\n\n: still here\n\n"
    text += "".join(f"event: {kind}\nid: {n}\ndata: {json.dumps(job_json(state))}\n\n" for kind, n, state in events)
    return httpx.Response(200, text=text, headers={"content-type": "text/event-stream"})


async def test_a_stream_that_breaks_off_is_taken_up_again() -> None:
    answers: list[httpx.Response | httpx.TransportError] = [
        stream(("progress", 3, "running")),
        httpx.ConnectError("restarting"),
        problem(503, **{"Retry-After": "5"}),
        stream(("result", 8, "succeeded")),
    ]
    heard, script = await both(*answers, act=lambda client: client.events("j"))
    assert [(event.kind, event.id, event.job.state) for event in heard] == [
        ("progress", 3, JobState.RUNNING),
        ("result", 8, JobState.SUCCEEDED),
    ]
    assert [request.headers.get("last-event-id") for request in script.requests] == [None, "3", "3", "3"]
    assert script.slept == [2.0, 0.5, 5.0]
    heard, _ = await both(httpx.Response(204), act=lambda client: client.events("j", 8))
    assert heard == []


ODD_NAME = "a\u0085b\u2028c\u2029d\x0b\x0c\x1c\x1d\x1e \N{SNOWMAN}"


async def test_names_may_hold_what_unicode_ends_lines_at() -> None:
    job = json.dumps(job_json("succeeded", external_id=ODD_NAME), ensure_ascii=False)
    for end in ("\n", "\r\n", "\r"):
        lines = ("event: result", "id: 8", f"data: {job}", "", "")
        answer = httpx.Response(200, text=end.join(lines), headers={"content-type": "text/event-stream"})
        [event], _ = await both(answer, act=lambda client: client.events("j"))
        assert (event.id, event.job.external_id) == (8, ODD_NAME)


@given(st.lists(st.text("ab\r\n\u2028\u0085\x0b")))
def test_lines_end_at_cr_and_lf_alone_however_the_text_is_cut(pieces: list[str]) -> None:
    whole = "".join(pieces)
    assert list(lines_of(iter(pieces))) == whole.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]


def test_both_clients_have_the_same_methods_and_say_what_they_take() -> None:
    public = [name for name in dir(Client) if not name.startswith("_")]
    assert [name for name in dir(AsyncClient) if not name.startswith("_")] == public
    for kind in (Client, AsyncClient):
        assert list(inspect.signature(kind.predict).parameters) == ["self", "media", "fps", "operating_point"]
        assert list(inspect.signature(kind("http://dfd.example").wait).parameters) == ["job_id", "timeout_s"]
        assert all(inspect.getdoc(getattr(kind, name)) for name in public)


def test_a_stream_that_nobody_reads_on_is_closed() -> None:
    closed = []

    class Body(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield stream(("progress", 3, "running")).content

        def close(self) -> None:
            closed.append(True)

    http = httpx.Client(
        transport=httpx.MockTransport(lambda _request: httpx.Response(200, stream=Body())),
        base_url="http://dfd.example",
    )
    with http, closing(Client(http=http).events("j")) as heard:
        assert next(heard).id == 3
        assert not closed
    assert closed


def test_the_secret_is_sent_and_a_foreign_http_client_stays_open() -> None:
    with Client("http://dfd.example", token="secret") as own:
        assert own._http.headers["authorization"] == "Bearer secret"
    assert own._http.is_closed
    script = Script(httpx.Response(200, json=job_json()))
    with script.client() as client:
        client.job("a/b?c")
    assert script.requests[0].url.raw_path == b"/v1/jobs/a%2Fb%3Fc"
    assert not client._http.is_closed


def test_idle_connections_are_given_up_before_the_service_closes_them() -> None:
    assert CONNECTIONS.keepalive_expiry is not None
    assert CONNECTIONS.keepalive_expiry < KEEP_ALIVE_S
