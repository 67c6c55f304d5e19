"""The parts of the service, from settings."""

from collections.abc import Callable
from functools import partial

from dfd.api.services import ServicePolicy, Services
from dfd.backends.model_server import ModelServer, ServerFault
from dfd.backends.remote import STATUS_TIMEOUT_S
from dfd.bootstrap import Model, analysis_options
from dfd.bootstrap.access import build_authenticator, build_limits, build_trail
from dfd.bootstrap.backends import tf_serving as tf_serving_of
from dfd.bootstrap.jobs import build_job_parts
from dfd.bootstrap.live import build_live
from dfd.bootstrap.metrics import backend_listener, build_metrics, watch
from dfd.bootstrap.tracing import traced
from dfd.ports import FaceDetector, VideoOpener
from dfd.settings import Settings
from dfd.telemetry.exposition import renderer
from dfd.telemetry.metrics import Metrics


def build_services(
    settings: Settings,
    *,
    opener: VideoOpener | None = None,
    detector: FaceDetector | None = None,
    model: Model | None = None,
    tf_serving: Callable[[], object | None] | None = None,
    metrics: Metrics | None = None,
) -> Services:
    """What the HTTP interface is given; raises as `dfd.bootstrap.build_parts` and `build_job_parts` do."""
    shared = settings.shared_by(max(1, settings.job_workers))
    metrics = metrics or build_metrics()
    job_parts = build_job_parts(settings, metrics)
    live = build_live(
        shared,
        opener=opener,
        detector=detector,
        model=model,
        tallier=job_parts.tallier(),
        observer=metrics,
        listener=backend_listener(metrics),
    )
    watch(metrics, live, job_parts)
    keeper = live.keeper(job_parts)
    return Services(
        model=live.model,
        options=analysis_options(settings),
        policy=ServicePolicy(
            max_upload_bytes=settings.max_upload_mb * 1024 * 1024,
            max_concurrency=settings.max_concurrency,
            session_secret=settings.sealing_secret,
            cors_origins=settings.cors_origins,
            presigned_expiry_s=settings.presigned_expiry_s if settings.presigned_downloads else None,
        ),
        tf_serving=tf_serving or partial(_said_by, tf_serving_of(settings)),
        jobs=job_parts.desk(live.model.identity_for, live.origin),
        callbacks=job_parts.callbacks(),
        feedback=job_parts.feedback_desk(),
        monitor=job_parts.monitor(live.registry),
        crew=job_parts.crew(live.model.analyze, settings.job_workers),
        trail=build_trail(job_parts),
        authenticator=build_authenticator(settings, job_parts),
        limits=build_limits(settings, job_parts),
        follower=live.follower,
        keeper=keeper,
        catalogue=live.catalogue(job_parts, keeper),
        observer=metrics,
        signing_keys=job_parts.signing_keys,
        metrics=renderer(metrics.registry) if settings.metrics_port is None else None,
        beside=traced(settings),
    )


def _said_by(server: ModelServer) -> object | None:
    """What a server says of the model; None where it does not answer, or does not have it."""
    try:
        return server.status(STATUS_TIMEOUT_S)
    except ServerFault:
        return None
