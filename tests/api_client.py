"""What the tests of the HTTP interface share: a fake analyzer, services around it, and a client."""

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from tests.access_fakes import FakeAuditLog
from tests.fakes import FakeBackend, FakeJobStore, FakeNotifier, FakeQueue, FakeStorage, make_manifest, make_report
from tests.feedback_fakes import FakeFeedbackStore, FakeTallyStore, known_manifest

from dfd.access.authenticator import Authenticator
from dfd.access.trail import AuditTrail
from dfd.api.app import create_app
from dfd.api.services import ServicePolicy, Services
from dfd.jobs.callbacks import CallbackDesk
from dfd.jobs.crew import Crew
from dfd.jobs.desk import JobDesk
from dfd.jobs.feedback import FeedbackDesk
from dfd.jobs.policy import JobPolicy
from dfd.manifest import ModelManifest
from dfd.monitoring.monitor import ModelMonitor
from dfd.pipeline import AnalysisOptions, Progress
from dfd.ports import ModelBackend
from dfd.ports.access import KeyStore, TokenVerifier
from dfd.report import Origin, Report
from dfd.rollout.live import LiveModel, LoadedModel, VideoAnalyzer

TOKEN = "correct horse battery".replace(" ", "-")

PATIENCE_S = 20
"""Longest wait for something that must happen; only a failing test waits so long."""


@dataclass
class FakeAnalyzer(VideoAnalyzer):
    """Answers at once, or when told to, and remembers what it was given.

    Attributes:
        report: the answer, but for the options, which are those that were given.
        error: raised instead, or made from the path.
        hold: keeps every analysis running, frame after frame, until it is set.
        started: released once for each analysis that began.
        ended: released once for each analysis that came to an end, whichever.
    """

    report: Report = field(default_factory=make_report)
    error: Exception | Callable[[Path], Exception] | None = None
    hold: threading.Event | None = None
    started: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    ended: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    paths: list[Path] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    options: list[AnalysisOptions] = field(default_factory=list)
    answers: list[Report] = field(default_factory=list)

    def analyze(
        self, path: Path, options: AnalysisOptions, progress: Callable[[Progress], None] | None = None
    ) -> Report:
        self.paths.append(path)
        self.contents.append(path.read_bytes())
        self.options.append(options)
        self.started.release()
        try:
            while self.hold is not None and not self.hold.wait(0.01):
                if progress is not None:
                    progress(Progress(1, 2))
            if self.error is not None:
                raise self.error(path) if callable(self.error) else self.error
            said = self.report.provenance
            settings = {**said.settings, **asdict(options)}
            self.answers.append(replace(self.report, provenance=replace(said, settings=settings)))
            return self.answers[-1]
        finally:
            self.ended.release()


def make_services(
    analyzer: VideoAnalyzer | None = None,
    *,
    backend: ModelBackend | None = None,
    manifest: ModelManifest | None = None,
    tf_serving: Callable[[], object | None] = lambda: None,
    jobs: JobDesk | None = None,
    callbacks: CallbackDesk | None = None,
    feedback: FeedbackDesk | None = None,
    monitor: ModelMonitor | None = None,
    crew: Crew | None = None,
    bearer_token: str | None = None,
    keys: KeyStore | None = None,
    tokens: TokenVerifier | None = None,
    trail: AuditTrail | None = None,
    **policy: Any,
) -> Services:
    """Services around an analyzer, with the given policy; jobs wait in memory, and nobody works on them.

    They ask for a credential where there is a token, keys or tokens to know one by.
    """
    authenticator = None
    if bearer_token is not None or keys is not None or tokens is not None:
        authenticator = Authenticator(lambda: 100.0, bearer=bearer_token, keys=keys, tokens=tokens)
    model = make_report().model
    store = FakeJobStore()
    in_memory = JobDesk(
        store,
        FakeStorage(),
        FakeQueue(),
        lambda _sha256: model,
        Origin("1", {"face_detector": "blazeface"}),
        JobPolicy(),
        lambda: 100.0,
    )
    return Services(
        model=LiveModel(LoadedModel(analyzer or FakeAnalyzer(), backend or FakeBackend(), manifest or make_manifest())),
        options=AnalysisOptions(),
        policy=ServicePolicy(**policy),
        tf_serving=tf_serving,
        jobs=jobs or in_memory,
        callbacks=callbacks or CallbackDesk(store.deliveries(), jobs or in_memory, FakeNotifier(), lambda: 100.0),
        feedback=feedback or FeedbackDesk(FakeFeedbackStore(store), jobs or in_memory, lambda: 100.0, keep_sha256=True),
        monitor=monitor
        or ModelMonitor(
            known_manifest(manifest or make_manifest()), FakeFeedbackStore(store), FakeTallyStore(), lambda: 100.0
        ),
        trail=trail or AuditTrail(FakeAuditLog(), lambda: 100.0),
        authenticator=authenticator,
        crew=crew,
    )


def client_of(app: FastAPI | Services) -> httpx.AsyncClient:
    """A client of an application in this process; unexpected errors come as the answer a real caller would see."""
    if isinstance(app, Services):
        app = create_app(app)
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://dfd.example"
    )


def upload(content: bytes = b"video", name: str = "clip.mp4") -> dict[str, tuple[str, bytes, str]]:
    """The ``files`` argument of httpx for one upload."""
    return {"file": (name, content, "video/mp4")}


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem in a response, after checking that it is one."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    body: dict[str, Any] = response.json()
    assert body["code"] == code
    assert body["status"] == status
    assert body["type"] == f"urn:dfd:problem:{code}"
    assert body["request_id"] == response.headers["x-request-id"]
    assert body["title"]
    assert body["detail"]
    return body
