"""``POST /predict``: its answer, its errors, its turn-taking, and what it leaves behind."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message
from tests.api_client import PATIENCE_S, FakeAnalyzer, assert_problem, client_of, make_services, upload
from tests.fakes import SHA256, FakeBackend, make_manifest, make_report, make_video_info

from dfd import errors
from dfd.api.app import create_app
from dfd.api.forms import FORM_OVERHEAD_BYTES
from dfd.judgement import Decision, OperatingPoint
from dfd.manifest import Layout
from dfd.report import Coverage
from dfd.types import FloatArray, Reason, Verdict

pytestmark = pytest.mark.anyio

FILE_PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
FORM_TYPE = {"Content-Type": "multipart/form-data; boundary=b"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_the_answer_holds_every_promised_field(tmp_path: Path) -> None:
    analyzer = FakeAnalyzer()
    async with client_of(make_services(analyzer, upload_dir=tmp_path)) as client:
        response = await client.post("/predict", params={"fps": "4.5"}, files=upload(b"the video"))
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert body.pop("latency_ms") >= 0
    assert body == {
        "score": 0.9,
        "label": "fake",
        "frame_samples": [
            {"t": 0.0, "score": 0.8},
            {"t": 0.5, "score": 0.9},
            {"t": 1.0, "score": 0.95},
            {"t": 1.5, "score": 0.95},
        ],
        "version": "1",
        "meta": {"src_fps": 30.0, "total_frames": 60, "used_step": 15, "face_frames": 4, "face_detect_rate": 1.0},
        "reasons": [],
        "threshold": 0.5,
        "operating_point": None,
        "tracks": [
            {
                "track_id": 0,
                "start_s": 0.0,
                "end_s": 1.5,
                "face_count": 4,
                "fake_probability": 0.9,
                "median_face_side_px": 120.0,
            }
        ],
        "model": {"name": "deepfake", "version": "1", "weights_sha256": SHA256, "backends": ["onnx"]},
        "input_sha256": "c0" * 32,
    }
    assert analyzer.contents == [b"the video"]
    assert analyzer.options[0].fps == 4.5
    assert not list(tmp_path.iterdir())


async def test_nothing_scored_is_an_answer_with_null_and_a_reason() -> None:
    report = make_report(
        verdict=Verdict.INCONCLUSIVE,
        reasons=(Reason.NO_FACE,),
        fake_probability=None,
        tracks=(),
        face_scores=(),
        coverage=Coverage(sampled_frames=4, face_frames=0, scored_faces=0, sampling_step_s=0.5),
        video=make_video_info(frame_rate_hz=None, frame_count=None, duration_s=0.0),
    )
    async with client_of(make_services(FakeAnalyzer(report))) as client:
        response = await client.post("/predict", files=upload())
    assert response.status_code == 200
    body = response.json()
    assert (body["score"], body["label"], body["reasons"]) == (None, "inconclusive", ["no_face"])
    assert body["frame_samples"] == body["tracks"] == []
    assert body["meta"]["src_fps"] is body["meta"]["total_frames"] is None


async def test_without_fps_the_service_default_holds() -> None:
    analyzer = FakeAnalyzer()
    services = make_services(analyzer)
    async with client_of(services) as client:
        await client.post("/predict", files=upload())
    assert analyzer.options == [services.options]


@pytest.mark.parametrize("fps", ["0", "-1", "60.01", "nan", "inf", "-inf", "fast", "", "1e400"])
async def test_fps_out_of_range_is_an_invalid_parameter(fps: str) -> None:
    analyzer = FakeAnalyzer()
    async with client_of(make_services(analyzer)) as client:
        response = await client.post("/predict", params={"fps": fps}, files=upload())
    body = assert_problem(response, 422, "invalid_parameter")
    assert [error["parameter"] for error in body["errors"]] == ["fps"]
    assert not analyzer.paths


POINTS = {"low_false_alarm": OperatingPoint(0.9, 0.0, 0.2, real_count=120, fake_count=130)}


async def test_an_operating_point_goes_to_the_analysis_and_wins_over_the_services_threshold() -> None:
    analyzer = FakeAnalyzer(make_report(threshold=0.9, operating_point="low_false_alarm"))
    services = make_services(analyzer, manifest=make_manifest(decision=Decision(0.5, 0.1, operating_points=POINTS)))
    services = replace(services, options=replace(services.options, threshold=0.3))
    async with client_of(services) as client:
        await client.post("/predict", files=upload())
        response = await client.post("/predict", params={"operating_point": "low_false_alarm"}, files=upload())
    plain, asked = analyzer.options
    assert (plain.threshold, plain.operating_point) == (0.3, None)
    assert (asked.threshold, asked.operating_point) == (None, "low_false_alarm")
    assert (response.json()["threshold"], response.json()["operating_point"]) == (0.9, "low_false_alarm")


@pytest.mark.parametrize(("points", "known"), [(POINTS, "low_false_alarm"), ({}, "none")])
@pytest.mark.parametrize("name", ["strict", "", "LOW_FALSE_ALARM"])
async def test_an_unknown_operating_point_is_an_invalid_parameter(
    name: str, points: dict[str, OperatingPoint], known: str
) -> None:
    analyzer = FakeAnalyzer()
    manifest = make_manifest(decision=Decision(0.5, 0.1, operating_points=points))
    async with client_of(make_services(analyzer, manifest=manifest)) as client:
        response = await client.post("/predict", params={"operating_point": name}, files=upload())
    body = assert_problem(response, 422, "invalid_parameter")
    assert body["detail"] == f"the model has no operating point {name!r}; it has: {known}"
    assert not analyzer.paths


@pytest.mark.parametrize("fps", ["0.001", "60", "2.5"])
async def test_fps_in_range_is_taken(fps: str) -> None:
    analyzer = FakeAnalyzer()
    async with client_of(make_services(analyzer)) as client:
        assert (await client.post("/predict", params={"fps": fps}, files=upload())).status_code == 200
    assert analyzer.options[0].fps == float(fps)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.UnreadableVideo("it is text"), 422),
        (errors.NoVideoStream("only sound"), 422),
        (errors.UnsupportedCodec("codec xyz"), 415),
        (errors.MediaTooLarge("a day long"), 413),
        (errors.InvalidParameter("that cannot be"), 422),
    ],
    ids=lambda value: getattr(value, "code", ""),
)
async def test_what_is_wrong_with_the_media_is_told(error: errors.DfdError, status: int, tmp_path: Path) -> None:
    async with client_of(make_services(FakeAnalyzer(error=error), upload_dir=tmp_path)) as client:
        response = await client.post("/predict", files=upload())
    assert assert_problem(response, status, error.code)["detail"] == str(error)
    assert not list(tmp_path.iterdir())


@pytest.mark.logs_errors
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.BackendUnavailable("http://secret-host:8501 is silent"), 503, "backend_unavailable"),
        (errors.ModelCorrupt("/secret-host/model.onnx is damaged"), 503, "model_corrupt"),
        (errors.ConfigurationError("secret-host is not set"), 500, "configuration"),
        (RuntimeError("secret-host"), 500, "internal"),
        (KeyError("secret-host"), 500, "internal"),
    ],
    ids=["backend", "corrupt", "configuration", "runtime", "key"],
)
async def test_faults_of_the_service_are_logged_and_not_shown(
    error: Exception, status: int, code: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with client_of(make_services(FakeAnalyzer(error=error), upload_dir=tmp_path)) as client:
        response = await client.post("/predict", files=upload(), headers={"Origin": "https://elsewhere.example"})
    assert_problem(response, status, code)
    assert "secret-host" not in response.text
    assert "secret-host" in caplog.text
    assert response.headers["access-control-allow-origin"] == "*"
    assert not list(tmp_path.iterdir())


async def test_the_servers_path_of_an_upload_is_not_shown(tmp_path: Path) -> None:
    analyzer = FakeAnalyzer(error=lambda path: errors.UnreadableVideo(f"{path}: not a video"))
    async with client_of(make_services(analyzer, upload_dir=tmp_path)) as client:
        response = await client.post("/predict", files=upload())
    assert assert_problem(response, 422, "unreadable_video")["detail"] == "the upload: not a video"


async def test_the_clients_file_name_is_no_path(tmp_path: Path) -> None:
    inside = tmp_path / "uploads"
    inside.mkdir()
    analyzer = FakeAnalyzer()
    async with client_of(make_services(analyzer, upload_dir=inside)) as client:
        response = await client.post("/predict", files=upload(name="../escaped.mp4"))
    assert response.status_code == 200
    assert inside in analyzer.paths[0].parents
    assert "escaped" not in str(analyzer.paths[0])
    assert [path.name for path in tmp_path.rglob("*")] == ["uploads"]


@pytest.mark.parametrize(
    ("request_parts", "status", "code"),
    [
        ({"files": {"video": ("a.mp4", b"data")}}, 422, "invalid_parameter"),
        ({"files": [("file", ("a", b"1")), ("file", ("b", b"2"))]}, 422, "invalid_parameter"),
        ({"files": {"file": ("a.mp4", b"")}}, 422, "unreadable_video"),
        ({"json": {"file": "a.mp4"}}, 415, "unsupported_content_type"),
        ({"content": b"raw video", "headers": {"Content-Type": "video/mp4"}}, 415, "unsupported_content_type"),
        ({}, 415, "unsupported_content_type"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "malformed_upload"),
        ({"content": FILE_PART + b"half", "headers": FORM_TYPE}, 400, "malformed_upload"),
        ({"content": b"no form", "headers": FORM_TYPE}, 400, "malformed_upload"),
        ({"files": {"file": ("a.mp4", b"v" * 1001)}}, 413, "upload_too_large"),
        ({"content": b"v" * (1001 + FORM_OVERHEAD_BYTES), "headers": FORM_TYPE}, 413, "upload_too_large"),
    ],
    ids=["no-file", "two", "empty", "json", "raw", "nothing", "boundary", "broken-off", "text", "large", "announced"],
)  # fmt: skip
async def test_a_bad_upload_is_a_problem_and_leaves_nothing(
    request_parts: dict[str, Any], status: int, code: str, tmp_path: Path
) -> None:
    analyzer = FakeAnalyzer()
    async with client_of(make_services(analyzer, upload_dir=tmp_path, max_upload_bytes=1000)) as client:
        response = await client.post("/predict", **request_parts)
    assert_problem(response, status, code)
    assert not analyzer.paths
    assert not list(tmp_path.iterdir())


async def test_a_streamed_upload_without_length_is_counted(tmp_path: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield FILE_PART
        while True:
            yield b"v" * 100

    async with client_of(make_services(upload_dir=tmp_path, max_upload_bytes=1000)) as client:
        response = await client.post("/predict", content=endless(), headers=FORM_TYPE)
    assert_problem(response, 413, "upload_too_large")
    assert not list(tmp_path.iterdir())


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what must come to be."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


async def test_analyses_take_turns_and_no_more_than_the_queue_wait(tmp_path: Path) -> None:
    hold = threading.Event()
    analyzer = FakeAnalyzer(hold=hold)
    app = create_app(make_services(analyzer, max_concurrency=2, max_waiting=1, retry_after_s=7, upload_dir=tmp_path))
    async with client_of(app) as client:
        running = [asyncio.create_task(client.post("/predict", files=upload())) for _ in range(3)]
        try:
            await until(lambda: len(list(tmp_path.rglob("upload"))) == 3 and len(analyzer.paths) == 2)
            health = (await client.get("/health")).json()
            async with asyncio.timeout(PATIENCE_S):
                refused = await client.post("/predict", files=upload())
        finally:
            hold.set()
        answers = await asyncio.gather(*running)
        assert (health["running"], health["admitted"], health["capacity"]) == (2, 3, 3)
        assert_problem(refused, 503, "overloaded")
        assert refused.headers["retry-after"] == "7"
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        after = (await client.get("/health")).json()
        assert (after["running"], after["admitted"]) == (0, 0)
        assert (await client.post("/predict", files=upload())).status_code == 200
    assert not list(tmp_path.iterdir())


async def test_those_refused_are_refused_before_their_body_is_read() -> None:
    hold = threading.Event()
    analyzer = FakeAnalyzer(hold=hold)
    asked = False

    async def body() -> AsyncIterator[bytes]:
        nonlocal asked
        asked = True
        yield b"x"

    async with client_of(make_services(analyzer, max_concurrency=1, max_waiting=0)) as client:
        running = asyncio.create_task(client.post("/predict", files=upload()))
        try:
            await until(lambda: len(analyzer.paths) == 1)
            async with asyncio.timeout(PATIENCE_S):
                refused = await client.post("/predict", content=body(), headers=FORM_TYPE)
        finally:
            hold.set()
        assert_problem(refused, 503, "overloaded")
        assert not asked
        assert (await running).status_code == 200


class _LeavingCaller:
    """Speaks ASGI: sends one whole upload, then goes away when told to."""

    def __init__(self) -> None:
        body = FILE_PART + b"video\r\n--b--\r\n"
        self._messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        self.leave = asyncio.Event()
        self.statuses: list[int] = []

    async def receive(self) -> Message:
        if self._messages:
            return self._messages.pop()
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.statuses.append(message["status"])


def _scope() -> dict[str, Any]:
    headers = [(b"content-type", FORM_TYPE["Content-Type"].encode())]
    return {
        "type": "http", "method": "POST", "path": "/predict", "raw_path": b"/predict", "query_string": b"",
        "root_path": "", "scheme": "http", "http_version": "1.1", "headers": headers, "server": ("dfd.example", 80),
    }  # fmt: skip


async def test_a_caller_who_leaves_ends_the_analysis(tmp_path: Path) -> None:
    analyzer = FakeAnalyzer(hold=threading.Event())  # it would never end by itself
    app = create_app(make_services(analyzer, upload_dir=tmp_path))
    caller = _LeavingCaller()
    async with asyncio.timeout(PATIENCE_S):
        answer = asyncio.create_task(app(_scope(), caller.receive, caller.send))
        await until(lambda: len(analyzer.paths) == 1)
        caller.leave.set()
        await answer
    assert analyzer.ended.acquire(blocking=False)
    assert caller.statuses == [499]
    assert not list(tmp_path.iterdir())


async def test_a_caller_who_leaves_the_queue_is_not_analysed(tmp_path: Path) -> None:
    hold = threading.Event()
    analyzer = FakeAnalyzer(hold=hold)
    app = create_app(make_services(analyzer, upload_dir=tmp_path, max_concurrency=1))
    first, second = _LeavingCaller(), _LeavingCaller()
    async with asyncio.timeout(PATIENCE_S):
        answering = asyncio.create_task(app(_scope(), first.receive, first.send))
        await until(lambda: len(analyzer.paths) == 1)
        waiting = asyncio.create_task(app(_scope(), second.receive, second.send))
        await until(lambda: len(list(tmp_path.rglob("upload"))) == 2)
        second.leave.set()
        await waiting
        hold.set()
        await answering
    assert (first.statuses, second.statuses) == ([200], [499])
    assert len(analyzer.paths) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("layout", Layout)
async def test_the_model_is_warmed_up_before_the_first_request(layout: Layout, frames: int) -> None:
    shapes: list[tuple[int, ...]] = []

    def seen(crop: FloatArray) -> float:
        shapes.append(crop.shape)
        return 0.0

    manifest = make_manifest(input=replace(make_manifest().input, layout=layout, frames=frames))
    app = create_app(make_services(backend=FakeBackend(logit=seen), manifest=manifest))
    async with app.router.lifespan_context(app):
        assert shapes == [(64, 64, 3 * frames) if layout is Layout.NHWC else (3 * frames, 64, 64)]


async def test_a_silent_model_does_not_keep_the_service_from_starting(caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(make_services(backend=FakeBackend(error=errors.BackendUnavailable("silent"))))
    async with app.router.lifespan_context(app):
        assert "does not answer yet: silent" in caplog.text
