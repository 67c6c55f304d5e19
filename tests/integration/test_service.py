"""The service over real sockets: uvicorn, the real decoder and detector, real callers who stall, lie and leave."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.api_client import PATIENCE_S, TOKEN, FakeAnalyzer, assert_problem, make_services, upload
from tests.fakes import FakeBackend, make_manifest
from tests.live_service import SAMPLES, Live, clip, live, picture, until

from dfd.api.problems import KINDS
from dfd.api.services import Services
from dfd.bootstrap.service import build_services
from dfd.pipeline import AnalysisOptions, Progress
from dfd.report import Report
from dfd.rollout.live import VideoAnalyzer
from dfd.settings import load_settings


@pytest.fixture(scope="module")
def real_parts(tmp_path_factory: pytest.TempPathFactory) -> Services:
    """Services with the real decoder and detector, and a model that answers the same for every face."""
    settings = load_settings(max_upload_mb=64, threads=2, data_dir=tmp_path_factory.mktemp("data"))
    return build_services(settings, model=(FakeBackend(), make_manifest()), tf_serving=lambda: None)


@pytest.fixture
def real(real_parts: Services, tmp_path: Path) -> Iterator[Live]:
    policy = make_services(upload_dir=tmp_path, max_upload_bytes=real_parts.policy.max_upload_bytes).policy
    with live(_with(real_parts, policy=policy), tmp_path) as service:
        yield service


def _with(services: Services, **changes: Any) -> Services:
    fields = {name: getattr(services, name) for name in Services.__slots__}
    return Services(**(fields | changes))


def head(body_bytes: int, *more: str) -> bytes:
    """The head of an upload that announces a body."""
    lines = (
        "POST /predict HTTP/1.1",
        "Host: dfd.example",
        "Content-Type: multipart/form-data; boundary=b",
        f"Content-Length: {body_bytes}",
        *more,
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'


def test_a_picture_without_a_face_is_inconclusive(real: Live) -> None:
    with real.client() as client:
        response = client.post("/predict", params={"fps": 2.0}, files=upload(picture()))
    assert response.status_code == 200
    body = response.json()
    assert (body["score"], body["label"]) == (None, "inconclusive")
    assert "no_face" in body["reasons"]
    assert not list(real.uploads.iterdir())


@pytest.mark.skipif(not SAMPLES, reason="samples/ holds no clips")
def test_a_sample_gets_a_verdict_with_every_field(real: Live) -> None:
    with real.client() as client:
        response = client.post("/predict", params={"fps": 2.0}, files=upload(SAMPLES[0].read_bytes()))
    assert response.status_code == 200
    body = response.json()
    assert 0 <= body["score"] <= 1
    assert body["label"] in ("fake", "real", "inconclusive")
    assert body["frame_samples"][0]["t"] == 0
    assert body["meta"]["face_frames"] > 0
    assert 0 < body["meta"]["face_detect_rate"] <= 1
    assert len(body["input_sha256"]) == 64
    assert body["tracks"]
    assert not list(real.uploads.iterdir())


@pytest.mark.parametrize(
    "content",
    [b"\0" * 4096, b"just some text\n" * 50, b"\x00\x00\x00\x18ftypmp42\0\0\0\0mp42isom", b"RIFF", b"GIF89a"],
    ids=["zeros", "text", "half-an-mp4", "half-a-wav", "half-a-gif"],
)
def test_what_is_no_video_is_a_problem_that_names_no_path(real: Live, content: bytes) -> None:
    with real.client() as client:
        response = client.post("/predict", files=upload(content))
    body = assert_problem(response, 422, "unreadable_video")
    assert str(real.uploads) not in response.text
    assert "Traceback" not in body["detail"]
    assert not list(real.uploads.iterdir())


@pytest.mark.slow
@pytest.mark.real_data
def test_no_file_of_the_hard_ones_makes_the_service_fail(real: Live, data_dir: Path) -> None:
    files = sorted(path for path in (data_dir / "robust").glob("*") if path.is_file())
    if not files:
        pytest.skip("the data folder holds no robust clips")
    outcomes = {}
    with real.client() as client:
        for path in files:
            response = client.post("/predict", params={"fps": 1.0}, files=upload(path.read_bytes()))
            body = response.json()
            outcomes[path.name] = body.get("label") or body["code"]
            assert response.status_code < 500, f"{path.name}: {response.text}"
            if response.status_code == 200:
                assert body["label"] != "inconclusive" or body["reasons"], path.name
                assert (body["score"] is None) == (not body["frame_samples"]), path.name
            else:
                assert KINDS[body["code"]].status == response.status_code, path.name
            assert not list(real.uploads.iterdir()), path.name
    assert outcomes["zero_bytes.mp4"] == outcomes["text.mp4"] == outcomes["random_bytes.mp4"] == "unreadable_video"
    assert outcomes["audio_only.m4a"] == "no_video_stream"
    assert outcomes["black.mp4"] == outcomes["noface_testsrc.mp4"] == "inconclusive"


def test_two_uploads_at_once_do_not_block_health(tmp_path: Path) -> None:
    analyzer = FakeAnalyzer(hold=threading.Event())
    _assert_health_answers(analyzer, analyzer.hold, analyzer.started, upload(), tmp_path)


@dataclass
class HeldAnalyzer(VideoAnalyzer):
    """The real analyzer, kept in the middle of its work until it is released."""

    analyzer: VideoAnalyzer
    hold: threading.Event
    started: threading.Semaphore

    def analyze(
        self, path: Path, options: AnalysisOptions, progress: Callable[[Progress], None] | None = None
    ) -> Report:
        def held(step: Progress) -> None:
            if step.done_frames == 1 and not self.hold.is_set():
                self.started.release()
                self.hold.wait(PATIENCE_S)
            if progress is not None:
                progress(step)

        return self.analyzer.analyze(path, options, held)


def test_two_real_analyses_at_once_do_not_block_health(real_parts: Services, tmp_path: Path) -> None:
    real = real_parts.model.current.analyzer
    analyzer = HeldAnalyzer(real, threading.Event(), threading.Semaphore(0))
    _assert_health_answers(analyzer, analyzer.hold, analyzer.started, upload(clip()), tmp_path)


def _assert_health_answers(
    analyzer: VideoAnalyzer,
    hold: threading.Event | None,
    started: threading.Semaphore,
    files: dict[str, tuple[str, bytes, str]],
    folder: Path,
) -> None:
    assert hold is not None
    services = make_services(analyzer, max_concurrency=2, max_waiting=0, upload_dir=folder)
    with live(services, folder) as service, service.client() as client, ThreadPoolExecutor(2) as callers:
        try:
            answers = [callers.submit(client.post, "/predict", files=files) for _ in range(2)]
            for _ in answers:
                assert started.acquire(timeout=PATIENCE_S)
            health = client.get("/health", timeout=PATIENCE_S)
            refused = client.post("/predict", files=files, timeout=PATIENCE_S)
            assert not any(answer.done() for answer in answers)
        finally:
            hold.set()
        assert health.json()["ok"] is True
        assert health.json()["running"] == 2
        assert_problem(refused, 503, "overloaded")
        assert [answer.result().status_code for answer in answers] == [200, 200]
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("announcement", "status"),
    [(head(1 << 40), b"413"), (head(1 << 40, f"Authorization: Bearer {TOKEN}x"), b"401"), (head(10, ""), b"401")],
    ids=["too-large", "wrong-token", "no-token"],
)
def test_a_bad_head_is_refused_before_a_byte_of_the_body_is_sent(
    announcement: bytes, status: bytes, tmp_path: Path
) -> None:
    token = None if status == b"413" else TOKEN
    with live(make_services(upload_dir=tmp_path, bearer_token=token), tmp_path) as service, service.connect() as caller:
        caller.sendall(announcement)
        assert caller.recv(4096).startswith(b"HTTP/1.1 " + status)
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_of_a_caller_who_breaks_off_the_upload(tmp_path: Path) -> None:
    analyzer = FakeAnalyzer()
    with live(make_services(analyzer, upload_dir=tmp_path), tmp_path) as service:
        with service.connect() as caller:
            caller.sendall(head(10_000_000) + PART + b"v" * 1_500_000)
            until(lambda: any(path.is_file() for path in tmp_path.rglob("upload")))
        until(lambda: not list(tmp_path.iterdir()))
        with service.client() as client:
            assert client.get("/health").json()["admitted"] == 0
    assert not analyzer.paths


def test_nothing_is_left_of_a_caller_who_does_not_wait_for_the_answer(tmp_path: Path) -> None:
    analyzer = FakeAnalyzer(hold=threading.Event())  # never released: only the caller's leaving ends it
    body = PART + b"video\r\n--b--\r\n"
    with live(make_services(analyzer, upload_dir=tmp_path), tmp_path) as service:
        with service.connect() as caller:
            caller.sendall(head(len(body)) + body)
            assert analyzer.started.acquire(timeout=PATIENCE_S)
        assert analyzer.ended.acquire(timeout=PATIENCE_S)
        until(lambda: not list(tmp_path.iterdir()))
