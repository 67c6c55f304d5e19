"""The routes: ``POST /predict``, and what tells whether the service lives, is ready and is well."""

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response

import dfd
from dfd.api.admission import AnalysisDesk
from dfd.api.forms import described
from dfd.api.health import LATELY_S, ModelProbe
from dfd.api.limits import within_limits
from dfd.api.problems import documented
from dfd.api.schemas import Alive, Backend, Following, Health, Model, Prediction
from dfd.api.services import Services
from dfd.api.uploads import received_file
from dfd.errors import BackendUnavailable, InputError, Overloaded
from dfd.pipeline import AnalysisOptions
from dfd.report import Report
from dfd.reporting import classic_response

MAX_FPS = 60
"""More samples a second than this show nothing new."""

_FORM = described({"type": "string", "format": "binary", "description": "The video, GIF or picture."})


def services_of(request: Request) -> Services:
    """The services the application was made with."""
    services: Services = request.app.state.services
    return services


def desk_of(request: Request) -> AnalysisDesk:
    """The application's analysis desk."""
    desk: AnalysisDesk = request.app.state.desk
    return desk


def probe_of(request: Request) -> ModelProbe:
    """The application's way of asking the model."""
    probe: ModelProbe = request.app.state.probe
    return probe


def never_stored(response: Response) -> None:
    """Answers about people's faces, and about the moment, have no place in a cache."""
    response.headers["Cache-Control"] = "no-store"


predictions = APIRouter(tags=["analysis"], dependencies=[Depends(never_stored)])
probes = APIRouter(tags=["operation"], dependencies=[Depends(never_stored)])
scrapes = APIRouter(include_in_schema=False)
"""For Prometheus, and not part of what callers are promised."""


@predictions.post(
    "/predict",
    summary="Analyse a video",
    openapi_extra=_FORM,
    dependencies=[Depends(within_limits)],
    responses=documented(
        "malformed_upload",
        "upload_timeout",
        "upload_too_large",
        "media_too_large",
        "unsupported_content_type",
        "unsupported_codec",
        "invalid_parameter",
        "unreadable_video",
        "decode_timed_out",
        "decode_out_of_memory",
        "no_video_stream",
        "internal",
        "overloaded",
        "rate_limited",
        "quota_exceeded",
        "job_store_unavailable",
        "backend_unavailable",
        "storage_full",
    ),
)
async def predict(
    request: Request,
    services: Annotated[Services, Depends(services_of)],
    desk: Annotated[AnalysisDesk, Depends(desk_of)],
    fps: Annotated[
        float | None,
        Query(
            gt=0,
            le=MAX_FPS,
            allow_inf_nan=False,
            description="Frames sampled for each second of video; without it the service's DEFAULT_FPS.",
            examples=[2.0],
        ),
    ] = None,
    operating_point: Annotated[
        str | None,
        Query(
            description="Operating point of the model, by name; without it the service's THRESHOLD or OPERATING_POINT.",
            examples=["low_false_alarm"],
        ),
    ] = None,
) -> Prediction:
    """Find and follow every face in the uploaded video and say how likely it is a fake.

    A video in which nothing can be judged (no face, too dark, too short) is no error: its label is `inconclusive`
    and `reasons` says why. The file is removed before the answer is sent.
    """
    options = chosen(services, fps, operating_point)
    policy = services.policy
    with desk.admission():
        async with received_file(request, policy.max_upload_bytes, policy.upload_dir) as path:
            report = await _analyzed(desk, path, options, request)
    latency_ms = (time.perf_counter() - request.state.started) * 1000
    return Prediction.model_validate(classic_response(report, latency_ms))


def chosen(services: Services, fps: float | None, operating_point: str | None) -> AnalysisOptions:
    """The service's options with the caller's choices over them.

    Raises:
        InvalidParameter: the model has no such operating point.
    """
    options = services.options if fps is None else replace(services.options, fps=fps)
    if operating_point is None:
        return options
    services.model.current.manifest.decision.in_force(None, operating_point)
    return replace(options, threshold=None, operating_point=operating_point)


async def _analyzed(desk: AnalysisDesk, path: Path, options: AnalysisOptions, request: Request) -> Report:
    """Analyse the upload; what an error says of the server's file is said of the upload."""
    try:
        return await desk.analyze(path, options, request)
    except InputError as error:
        raise type(error)(str(error).replace(str(path), "the upload")) from error


@probes.get("/health", summary="How the service is")
async def health(
    services: Annotated[Services, Depends(services_of)],
    desk: Annotated[AnalysisDesk, Depends(desk_of)],
    probe: Annotated[ModelProbe, Depends(probe_of)],
) -> Health:
    """Say which model answers and whether it does; the status is 200 either way, `ok` tells, seconds old at most."""
    manifest = services.model.current.manifest
    follower = services.follower
    state = await probe.state(LATELY_S)
    return Health(
        ok=state.answers,
        backend=Backend.model_validate(asdict(state)),
        tfserving=await probe.tf_serving(LATELY_S),
        version=manifest.version,
        model=Model(name=manifest.name, version=manifest.version, weights_sha256=manifest.weights_sha256),
        following=None if follower is None else Following.model_validate(asdict(follower.state)),
        service_version=dfd.__version__,
        running=desk.running,
        admitted=desk.admitted,
        capacity=desk.capacity,
    )


@probes.get("/livez", summary="Whether the process lives")
async def livez() -> Alive:
    """Answer as long as the process can answer at all."""
    return Alive()


@probes.get(
    "/readyz",
    summary="Whether the service can analyse",
    responses=documented("backend_unavailable", "overloaded", "internal"),
)
async def readyz(request: Request, probe: Annotated[ModelProbe, Depends(probe_of)]) -> Alive:
    """Answer 200 when the model answers, else a 503 problem; likewise once the process was told to stop."""
    if request.app.state.stopping.begun:
        raise Overloaded("the service is stopping", 1)
    if not await probe.ready():
        raise BackendUnavailable("the model does not answer")
    return Alive()


@scrapes.get("/metrics")
async def metrics(request: Request, services: Annotated[Services, Depends(services_of)]) -> Response:
    """The metrics of this process, in a format that the scraper takes."""
    if services.metrics is None:
        raise HTTPException(404)
    body, content_type = await to_thread.run_sync(services.metrics, request.headers.get("accept", ""))
    return Response(body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})
