"""Metrics of one process, as Prometheus has them: base units, and labels of few values.

No label holds anything that a caller chooses: routes are templates, codes and stages come from closed sets, and
versions of models from the registry. docs/observability.md lists every metric.
"""

import platform
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from dfd.job import Job, JobState
from dfd.ports.observing import AnsweredRequest, Observer
from dfd.report import Report
from dfd.scoring import BackendEvent, BackendEventKind

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_REQUEST_BUCKETS_S: Final = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_STAGE_BUCKETS_S: Final = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_JOB_BUCKETS_S: Final = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14_400)
_BACKEND_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_PROBABILITY_BUCKETS: Final = tuple(step / 20 for step in range(1, 21))

_ATTEMPT_BUCKETS: Final = (0, 1, 2, 3, 5, 10)


class Metrics(Observer):
    """Counts what it hears of.

    Attributes:
        registry: of every metric; `dfd.bootstrap.metrics` adds collectors of what is read at a scrape.
    """

    def __init__(self, version: str) -> None:
        """Begin at zero.

        Args:
            version: of DFD.
        """
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        build = Info("dfd_build", "The software that runs.", registry=registry)
        build.info({"version": version, "python": platform.python_version()})
        self._requests = _Requests(registry)
        self._analyses = _Analyses(registry)
        self._jobs = _Jobs(registry)
        self._backends = _Backends(registry)
        self._webhooks = Counter(
            "dfd_webhook_attempts", "Attempts to deliver a webhook.", ["outcome"], registry=registry
        )
        for outcome in ("delivered", "failed", "given_up"):
            self._webhooks.labels(outcome)
        self._switches = Counter(
            "dfd_model_switches", "Times that another version of the model took over.", registry=registry
        )
        self._refusals = Counter(
            "dfd_model_refusals", "Versions that should have taken over and could not.", ["code"], registry=registry
        )

    def register(self, collector: Collector) -> None:
        """Add metrics that are made when they are read."""
        self.registry.register(collector)

    def request_began(self) -> None:
        self._requests.in_progress.inc()

    def request_answered(self, request: AnsweredRequest) -> None:
        self._requests.answered(request)

    def analysis_began(self) -> None:
        self._analyses.in_progress.inc()

    def analysis_ended(self, report: Report) -> None:
        self._analyses.ended(report)

    def analysis_failed(self, kind: str, code: str) -> None:
        self._analyses.in_progress.dec()
        self._analyses.failures.labels(kind, code).inc()

    def job_ended(self, job: Job) -> None:
        self._jobs.ended(job)

    def webhook_answered(self, *, arrived: bool, given_up: bool) -> None:
        outcome = "delivered" if arrived else "given_up" if given_up else "failed"
        self._webhooks.labels(outcome).inc()

    def backend_event(self, event: BackendEvent) -> None:
        self._backends.happened(event)

    def model_switched(self) -> None:
        self._switches.inc()

    def model_refused(self, code: str) -> None:
        self._refusals.labels(code).inc()


class _Requests:
    """Of the HTTP interface."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.in_progress = Gauge("dfd_http_requests_in_progress", "Requests being answered.", registry=registry)
        labels = ["method", "route", "status"]
        self._count = Counter("dfd_http_requests", "Requests answered.", labels, registry=registry)
        self._duration = Histogram(
            "dfd_http_request_duration_seconds",
            "Time from the head of a request to the end of its answer.",
            ["method", "route"],
            buckets=_REQUEST_BUCKETS_S,
            registry=registry,
        )
        self._received = Counter(
            "dfd_http_received_bytes", "Bytes of requests' bodies, uploads above all.", ["route"], registry=registry
        )

    def answered(self, request: AnsweredRequest) -> None:
        method = request.method if request.method in _METHODS else "other"
        route = request.route or "none"
        self.in_progress.dec()
        self._count.labels(method, route, str(request.status)).inc()
        self._duration.labels(method, route).observe(request.duration_s)
        if request.body_bytes:
            self._received.labels(route).inc(request.body_bytes)


class _Analyses:
    """Of analyses, whoever asked for them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        version = ["model", "model_version"]
        self.in_progress = Gauge("dfd_analyses_in_progress", "Analyses that run.", registry=registry)
        self.failures = Counter(
            "dfd_analysis_failures", "Analyses that came to no answer.", ["kind", "code"], registry=registry
        )
        self._count = Counter(
            "dfd_analyses", "Analyses that came to an answer.", [*version, "verdict"], registry=registry
        )
        self._reasons = Counter(
            "dfd_analysis_reasons", "Reasons that reports give.", [*version, "reason"], registry=registry
        )
        self._stages = Histogram(
            "dfd_analysis_stage_duration_seconds",
            "Wall time that an analysis spent in a stage; total is the whole.",
            ["stage"],
            buckets=_STAGE_BUCKETS_S,
            registry=registry,
        )
        self._media = Counter("dfd_analysed_media_seconds", "Length of the media analysed.", registry=registry)
        self._frames = Counter("dfd_sampled_frames", "Frames looked at.", registry=registry)
        self._faces = Counter("dfd_scored_faces", "Faces scored.", version, registry=registry)
        self._videos = Histogram(
            "dfd_video_fake_probability",
            "Probability of fake that a report gives.",
            version,
            buckets=_PROBABILITY_BUCKETS,
            registry=registry,
        )
        self._scores = Histogram(
            "dfd_face_fake_probability",
            "Probability of fake of each face scored.",
            version,
            buckets=_PROBABILITY_BUCKETS,
            registry=registry,
        )

    def ended(self, report: Report) -> None:
        which = (report.model.name, report.model.version)
        self.in_progress.dec()
        self._count.labels(*which, report.verdict.value).inc()
        for reason in report.reasons:
            self._reasons.labels(*which, reason.value).inc()
        for stage, spent_ms in report.timings_ms.items():
            self._stages.labels(stage).observe(spent_ms / 1000)
        self._media.inc(report.video.duration_s)
        self._frames.inc(report.coverage.sampled_frames)
        self._faces.labels(*which).inc(len(report.face_scores))
        if report.fake_probability is not None:
            self._videos.labels(*which).observe(report.fake_probability)
        of_faces = self._scores.labels(*which)
        for score in report.face_scores:
            of_faces.observe(score.fake_probability)


class _Jobs:
    """Of jobs whose end this process wrote."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._ended = Counter("dfd_jobs_ended", "Jobs that ended.", ["state"], registry=registry)
        self._failures = Counter("dfd_job_failures", "Jobs that failed.", ["code"], registry=registry)
        self._wait = self._time(registry, "dfd_job_wait_seconds", "From a job's acceptance to its last attempt.")
        self._work = self._time(registry, "dfd_job_duration_seconds", "From a job's last attempt to its end.")
        self._attempts = Histogram(
            "dfd_job_attempts", "Attempts that a job took.", buckets=_ATTEMPT_BUCKETS, registry=registry
        )
        for state in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED):
            self._ended.labels(state.value)

    @staticmethod
    def _time(registry: CollectorRegistry, name: str, meaning: str) -> Histogram:
        return Histogram(name, meaning, buckets=_JOB_BUCKETS_S, registry=registry)

    def ended(self, job: Job) -> None:
        self._ended.labels(job.state.value).inc()
        if job.state is JobState.FAILED and job.failure is not None:
            self._failures.labels(job.failure.code).inc()
        self._attempts.observe(job.attempts)
        if job.started_at_s is not None and job.finished_at_s is not None:
            self._wait.observe(max(0.0, job.started_at_s - job.created_at_s))
            self._work.observe(max(0.0, job.finished_at_s - job.started_at_s))


class _Backends:
    """Of model servers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._events = Counter(
            "dfd_backend_events",
            "What happened to a model server.",
            ["backend", "event", "cause"],
            registry=registry,
        )
        self._duration = Histogram(
            "dfd_backend_request_duration_seconds",
            "Time of an answered request to a model server, repetitions included.",
            ["backend"],
            buckets=_BACKEND_BUCKETS_S,
            registry=registry,
        )

    def happened(self, event: BackendEvent) -> None:
        self._events.labels(event.backend, event.kind.value, event.cause or "none").inc()
        if event.kind is BackendEventKind.ANSWERED:
            self._duration.labels(event.backend).observe(event.duration_s or 0.0)
