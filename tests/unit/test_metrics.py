"""What is counted, under which labels, and how it is shown."""

import threading
import urllib.request
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.api_client import FakeAnalyzer, client_of, make_services, upload
from tests.fakes import FakeBackend, FakeJobStore, FakeNotifier, make_job, make_manifest, make_report

from dfd.api.app import create_app
from dfd.delivery import Answer, Patience
from dfd.errors import ConfigurationError, InvalidParameter, JobStoreUnavailable, ModelCorrupt, UnreadableVideo
from dfd.job import JobFailure, JobState
from dfd.job_store.sql import SqlJobStore
from dfd.jobs.deliverer import Deliverer
from dfd.jobs.policy import DeliveryPolicy
from dfd.pipeline import AnalysisOptions, Progress
from dfd.ports.observing import AnsweredRequest, JobCensus
from dfd.report import ModelIdentity
from dfd.rollout.follower import AliasFollower, FollowState
from dfd.rollout.live import LiveModel, LoadedModel
from dfd.rollout.observed import ObservedAnalyzer
from dfd.scoring import BackendEvent, BackendEventKind
from dfd.telemetry.exposition import MetricsPort, renderer
from dfd.telemetry.metrics import Metrics
from dfd.telemetry.scraped import CENSUS_S, BreakerCollector, ModelCollector, QueueCollector
from dfd.types import Reason


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def series(metrics: Metrics) -> set[str]:
    """Every series there is, as Prometheus would read it."""
    body, _ = renderer(metrics.registry)("")
    return {
        f"{sample.name}{sorted(sample.labels.items())}"
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1.2.3")


@pytest.mark.anyio
async def test_requests_are_counted_by_route_and_never_by_path(metrics: Metrics) -> None:
    services = replace(make_services(), observer=metrics, metrics=renderer(metrics.registry))
    async with client_of(services) as client:
        sent = await client.post("/predict", files=upload(b"video" * 100))
        await client.get("/v1/jobs/anna-schmidt")
        for name in ("a", "b", "c"):
            await client.request("PROPFIND", f"/{name}.mp4")
        scraped = await client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert sent.status_code == 200
    assert value(metrics, "dfd_http_requests_total", method="POST", route="/predict", status="200") == 1
    assert value(metrics, "dfd_http_requests_total", method="GET", route="/v1/jobs/{job_id}", status="404") == 1
    assert value(metrics, "dfd_http_requests_total", method="other", route="none", status="404") == 3
    received = value(metrics, "dfd_http_received_bytes_total", route="/predict")
    assert received is not None and received == int(sent.request.headers["content-length"])
    assert value(metrics, "dfd_http_requests_in_progress") == 0
    assert scraped.headers["content-type"].startswith("application/openmetrics-text")
    assert scraped.text.endswith("# EOF\n")
    assert "schmidt" not in scraped.text and "a.mp4" not in scraped.text


@pytest.mark.anyio
async def test_a_service_without_metrics_has_no_such_route() -> None:
    async with client_of(make_services()) as client:
        assert (await client.get("/metrics")).status_code == 404


def test_the_route_is_no_part_of_the_promised_interface(metrics: Metrics) -> None:
    app = create_app(replace(make_services(), metrics=renderer(metrics.registry)))
    assert "/metrics" not in app.openapi()["paths"]


def test_an_analysis_is_counted_with_its_verdict_scores_and_stages(metrics: Metrics, tmp_path: Path) -> None:
    report = make_report(reasons=(Reason.TOO_DARK,), timings_ms={"total": 1500.0, "detect": 20.0})
    (tmp_path / "clip").write_bytes(b"video")
    analyzer = FakeAnalyzer(report)
    answer = ObservedAnalyzer(analyzer, metrics).analyze(tmp_path / "clip", AnalysisOptions())
    assert answer is analyzer.answers[0]
    which = {"model": "deepfake", "model_version": "1"}
    assert value(metrics, "dfd_analyses_total", **which, verdict="fake") == 1
    assert value(metrics, "dfd_analysis_reasons_total", **which, reason="too_dark") == 1
    assert value(metrics, "dfd_scored_faces_total", **which) == 4
    assert value(metrics, "dfd_video_fake_probability_bucket", **which, le="0.85") == 0
    assert value(metrics, "dfd_video_fake_probability_bucket", **which, le="0.9") == 1
    assert value(metrics, "dfd_face_fake_probability_count", **which) == 4
    assert value(metrics, "dfd_analysis_stage_duration_seconds_sum", stage="total") == 1.5
    assert value(metrics, "dfd_analysed_media_seconds_total") == 2.0
    assert value(metrics, "dfd_analyses_in_progress") == 0


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (UnreadableVideo("broken"), "media", "unreadable_video"),
        (InvalidParameter("no"), "request", "invalid_parameter"),
        (RuntimeError("a bug"), "service", "internal"),
    ],
)
def test_an_analysis_that_fails_is_counted_by_what_was_at_fault(
    metrics: Metrics, tmp_path: Path, error: Exception, kind: str, code: str
) -> None:
    (tmp_path / "clip").write_bytes(b"video")
    with pytest.raises(type(error)):
        ObservedAnalyzer(FakeAnalyzer(error=error), metrics).analyze(tmp_path / "clip", AnalysisOptions())
    assert value(metrics, "dfd_analysis_failures_total", kind=kind, code=code) == 1
    assert value(metrics, "dfd_analyses_in_progress") == 0


def test_an_analysis_that_is_called_off_is_no_failure_of_the_service(metrics: Metrics, tmp_path: Path) -> None:
    def cancel(_progress: Progress) -> None:
        raise RuntimeError("nobody waits any more")

    (tmp_path / "clip").write_bytes(b"video")
    analyzer = ObservedAnalyzer(FakeAnalyzer(hold=threading.Event()), metrics)
    with pytest.raises(RuntimeError, match="nobody waits"):
        analyzer.analyze(tmp_path / "clip", AnalysisOptions(), cancel)
    assert value(metrics, "dfd_analysis_failures_total", kind="stopped", code="stopped") == 1
    assert value(metrics, "dfd_analysis_failures_total", kind="service", code="internal") is None


def test_every_end_of_a_job_is_told_once(metrics: Metrics, tmp_path: Path) -> None:
    store = SqlJobStore(f"sqlite:///{tmp_path / 'jobs.sqlite3'}", metrics.job_ended)
    store.migrate()
    store.add([make_job("a"), make_job("b"), make_job("c", state=JobState.SUCCEEDED, finished_at_s=100.0)], {"c": "{}"})
    held = store.claim(lambda job: job.claimed("worker", 103.0, 30.0), 103.0)
    assert held is not None
    for _ in range(2):
        store.change("a", lambda job: job.failed(held.claims, 110.0, JobFailure("unreadable_video", "broken")))
        store.change("b", lambda job: job.cancelled(111.0))
    store.change("a", lambda job: job.without_input())
    store.close()
    assert {
        state.value: value(metrics, "dfd_jobs_ended_total", state=state.value)
        for state in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED)
    } == {"succeeded": 1, "failed": 1, "cancelled": 1, "expired": 0}
    assert value(metrics, "dfd_job_failures_total", code="unreadable_video") == 1
    assert value(metrics, "dfd_job_duration_seconds_sum") == 7.0
    assert value(metrics, "dfd_job_wait_seconds_sum") == 3.0
    assert value(metrics, "dfd_job_attempts_bucket", le="0.0") == 2


def test_the_queue_is_asked_at_a_scrape_and_seldom(metrics: Metrics) -> None:
    asked: list[float] = []
    now_s = 0.0

    def census() -> JobCensus:
        asked.append(now_s)
        if now_s >= 2 * CENSUS_S:
            raise JobStoreUnavailable("away")
        return JobCensus(queued=3, running=1, oldest_queued_s=90.0)

    metrics.register(QueueCollector(census, lambda: 100.0 + now_s, lambda: now_s))
    assert not asked
    assert value(metrics, "dfd_jobs", state="queued") == 3
    assert value(metrics, "dfd_jobs", state="running") == 1
    assert value(metrics, "dfd_oldest_queued_job_age_seconds") == 10.0
    assert value(metrics, "dfd_job_table_up") == 1
    assert asked == [0.0]
    now_s = 2 * CENSUS_S
    assert value(metrics, "dfd_job_table_up") == 0
    assert value(metrics, "dfd_jobs", state="queued") is None
    assert asked == [0.0, now_s]


@pytest.mark.parametrize(
    ("wanted", "error", "behind", "known"),
    [
        ("2", None, 0.0, 1.0),
        ("3", "model_corrupt", 1.0, 1.0),
        (None, "registry_unavailable", 0.0, 0.0),
        (None, "model_not_found", 0.0, 0.0),
    ],
)
def test_the_model_in_force_is_shown_and_behind_is_who_knows_of_another(
    metrics: Metrics, wanted: str | None, error: str | None, behind: float, known: float
) -> None:
    state = FollowState("champion", wanted, error)
    metrics.register(ModelCollector(lambda: ModelIdentity("deepfake", "2", "5e"), lambda: state))
    assert value(metrics, "dfd_model_info", model="deepfake", model_version="2", weights_sha256="5e") == 1
    assert value(metrics, "dfd_model_behind") == behind
    assert value(metrics, "dfd_model_alias_known") == known


def test_where_no_alias_is_followed_nothing_is_told_of_one(metrics: Metrics) -> None:
    metrics.register(ModelCollector(lambda: ModelIdentity("deepfake", "2", "5e"), None))
    assert value(metrics, "dfd_model_behind") is None
    assert value(metrics, "dfd_model_alias_known") is None


def test_what_happens_to_a_model_server_is_counted(metrics: Metrics) -> None:
    kinds = BackendEventKind
    for event in (
        BackendEvent(kinds.RETRIED, "oip", "slow", "no answer"),
        BackendEvent(kinds.BREAKER_OPENED, "oip"),
        BackendEvent(kinds.ANSWERED, "oip", duration_s=0.5),
    ):
        metrics.backend_event(event)
    assert value(metrics, "dfd_backend_events_total", backend="oip", event="retried", cause="slow") == 1
    assert value(metrics, "dfd_backend_events_total", backend="oip", event="breaker_opened", cause="none") == 1
    assert value(metrics, "dfd_backend_request_duration_seconds_sum", backend="oip") == 0.5


def test_a_server_that_is_left_alone_is_read_at_each_scrape(metrics: Metrics) -> None:
    now = {"oip": True, "tfserving": False}
    metrics.register(BreakerCollector(lambda: now))
    assert value(metrics, "dfd_backend_breaker_open", backend="oip") == 1
    assert value(metrics, "dfd_backend_breaker_open", backend="tfserving") == 0
    now = {"oip": False}
    assert value(metrics, "dfd_backend_breaker_open", backend="oip") == 0
    assert value(metrics, "dfd_backend_breaker_open", backend="tfserving") is None


def test_webhooks_and_changes_of_the_model_are_counted(metrics: Metrics) -> None:
    for arrived, given_up in ((True, False), (False, False), (False, True)):
        metrics.webhook_answered(arrived=arrived, given_up=given_up)
    metrics.model_switched()
    metrics.model_refused("model_corrupt")
    outcomes = [
        value(metrics, "dfd_webhook_attempts_total", outcome=name) for name in ("delivered", "failed", "given_up")
    ]
    assert outcomes == [1, 1, 1]
    assert value(metrics, "dfd_model_switches_total") == 1
    assert value(metrics, "dfd_model_refusals_total", code="model_corrupt") == 1


@pytest.mark.logs_errors
def test_a_version_that_cannot_take_over_is_counted_and_one_that_does(metrics: Metrics) -> None:
    def load(version: str) -> LoadedModel:
        if version == "2":
            raise ModelCorrupt("its hash is wrong")
        return LoadedModel(FakeAnalyzer(), FakeBackend(), make_manifest(version=version))

    wanted = "2"
    live = LiveModel(load("1"))
    follower = AliasFollower(live, "champion", lambda: wanted, load, 5.0, observer=metrics)
    assert not follower.look()
    wanted = "3"
    assert follower.look()
    assert value(metrics, "dfd_model_refusals_total", code="model_corrupt") == 1
    assert value(metrics, "dfd_model_switches_total") == 1


@pytest.mark.parametrize(
    ("answer", "attempts", "outcome"),
    [(Answer(204), 3, "delivered"), (Answer(500), 3, "failed"), (Answer(500), 1, "given_up")],
)
def test_what_comes_of_a_webhook_is_counted(metrics: Metrics, answer: Answer, attempts: int, outcome: str) -> None:
    store = FakeJobStore()
    job = make_job(state=JobState.CANCELLED, finished_at_s=100.0, callback_url="https://a.example/")
    store.add([job])
    policy = DeliveryPolicy(Patience(max_attempts=attempts))
    notifier = FakeNotifier([answer])
    assert Deliverer(store.deliveries(), notifier, policy, lambda: 101.0, lambda: 0.5, metrics).deliver_one()
    assert value(metrics, "dfd_webhook_attempts_total", outcome=outcome) == 1


def test_nothing_that_callers_choose_makes_a_series(metrics: Metrics, tmp_path: Path) -> None:
    def work(name: str) -> None:
        metrics.request_began()
        metrics.request_answered(AnsweredRequest(name, None, 404, 0.1, 10))
        metrics.analysis_began()
        metrics.analysis_ended(make_report(input_sha256=name))
        metrics.job_ended(make_job(name, state=JobState.CANCELLED, finished_at_s=1.0, external_id=name))
        metrics.backend_event(BackendEvent(BackendEventKind.FAILED, "oip", "slow", name))

    work("anna")
    before = series(metrics)
    work("boris")
    assert series(metrics) == before


def test_process_build_and_help_are_there(metrics: Metrics) -> None:
    body, content_type = renderer(metrics.registry)("text/plain")
    families = {family.name: family for family in text_string_to_metric_families(body.decode())}
    assert content_type.startswith("text/plain")
    assert {"process_resident_memory_bytes", "process_cpu_seconds", "dfd_build_info"} <= set(families)
    assert families["dfd_build_info"].samples[0].labels["version"] == "1.2.3"
    assert all(family.documentation for family in families.values())


def test_a_port_of_its_own_shows_them_and_one_that_is_taken_is_told(metrics: Metrics) -> None:
    def open_port(port: int) -> MetricsPort:
        return MetricsPort(metrics.registry, "127.0.0.1", port)

    with open_port(0) as shown:
        address = f"http://127.0.0.1:{shown.port}/metrics"
        assert b"dfd_build_info" in urllib.request.urlopen(address, timeout=10).read()
        with pytest.raises(ConfigurationError, match="METRICS_PORT"):
            open_port(shown.port)
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)
