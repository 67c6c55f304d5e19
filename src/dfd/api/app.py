"""Putting the HTTP interface together."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from pydantic.json_schema import models_json_schema

import dfd
from dfd.api import problems
from dfd.api.admission import AnalysisDesk
from dfd.api.artifact_routes import Downloads, artifacts
from dfd.api.auth import FrontDoor, Guard, everyone, from_header
from dfd.api.case_routes import case_files
from dfd.api.delivery_routes import deliveries, events
from dfd.api.docs_pages import documentation
from dfd.api.drift_routes import drift
from dfd.api.explanation_routes import explanations
from dfd.api.explanations import ExplanationDesk
from dfd.api.feedback_routes import feedback
from dfd.api.forgetting_routes import forgetting
from dfd.api.front import FrontHouse
from dfd.api.health import ModelProbe
from dfd.api.job_routes import jobs
from dfd.api.key_routes import keys
from dfd.api.middleware import REQUEST_ID_HEADER, RequestContext, UnexpectedErrors
from dfd.api.model_routes import models
from dfd.api.page.admin import administration
from dfd.api.page.assets import assets
from dfd.api.page.comparing import comparisons
from dfd.api.page.history import past
from dfd.api.page.media import media
from dfd.api.page.rendering import Pages
from dfd.api.page.routes import pages
from dfd.api.page.sign_in import signed_in, signing_in
from dfd.api.routes import predictions, probes, scrapes
from dfd.api.schemas import Problem
from dfd.api.services import Services
from dfd.api.sessions import Sessions
from dfd.api.stopping import Stopping, told_to_reload, told_to_stop
from dfd.errors import BackendUnavailable

_LOG = logging.getLogger(__name__)

_DESCRIPTION = """\
Finds and follows every face in a video and answers *fake*, *real* or *inconclusive*, and why.

Every error is a problem (RFC 9457, `application/problem+json`) with a stable `code`.
"""


class DfdApi(FastAPI):
    """FastAPI, with the schema of the problems that the routes refer to."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        document = super().openapi()
        _, definitions = models_json_schema([(Problem, "serialization")], ref_template="#/components/schemas/{model}")
        document["components"]["schemas"].update(definitions["$defs"])
        return document


def create_app(services: Services) -> FastAPI:
    """Make the application.

    Args:
        services: what it works with; see `dfd.bootstrap.build_services`.
    """
    app = DfdApi(
        title="DFD",
        summary="Deepfake detection on video",
        description=_DESCRIPTION,
        version=dfd.__version__,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=_at_work,
        redirect_slashes=False,
        docs_url=None,  # `pages` shows them
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.services = services
    app.state.desk = AnalysisDesk(services)
    app.state.probe = ModelProbe(services)
    app.state.jobs = FrontHouse(services)
    app.state.downloads = Downloads(services)
    app.state.explanations = ExplanationDesk(services)
    app.state.pages = Pages(services)
    app.state.sessions = Sessions(services.policy.session_secret)
    app.state.stopping = Stopping()
    problems.install(app)
    _add_middleware(app, services)
    of_jobs = (jobs, forgetting, artifacts, deliveries, feedback, explanations, case_files)
    of_page = (pages, past, comparisons, administration, media, signed_in)
    _include_guarded(app, services, (predictions, *of_jobs, models, drift, *of_page))
    app.include_router(probes)
    app.include_router(assets)
    app.include_router(signing_in)
    app.include_router(keys)
    app.include_router(documentation)
    if services.metrics is not None:
        app.include_router(scrapes)
    app.webhooks.include_router(events)
    return app


def _include_guarded(app: FastAPI, services: Services, routers: Sequence[APIRouter]) -> None:
    """Add routes that find out who asks; what each needs is in `dfd.api.scopes`."""
    app.state.credential_sources = [from_header, app.state.sessions.credential_of]
    app.state.door = None
    if services.authenticator is None:
        for router in routers:
            app.include_router(router, dependencies=[Depends(everyone)])
        return
    app.state.door = FrontDoor(services.authenticator, services.trail)
    refusals = problems.documented("unauthorized", "forbidden", "identity_unavailable", "job_store_unavailable")
    for router in routers:
        app.include_router(router, dependencies=[Depends(Guard(app.state.door))], responses=refusals)


def _add_middleware(app: FastAPI, services: Services) -> None:
    """Wrap the routes; what is added last lies outermost."""
    cors_origins = services.policy.cors_origins
    app.add_middleware(UnexpectedErrors, stopping=app.state.stopping)
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=cors_origins,
            allow_credentials="*" not in cors_origins,  # any origin with credentials would open every user's session
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=[
                "Authorization",
                "Idempotency-Key",
                "If-Range",
                "Last-Event-ID",
                "Range",
                "traceparent",
                REQUEST_ID_HEADER,
            ],
            expose_headers=[
                "Content-Disposition",
                "Content-Range",
                "ETag",
                "Location",
                REQUEST_ID_HEADER,
                "Retry-After",
            ],
        )
    app.add_middleware(RequestContext, observer=services.observer, stopping=app.state.stopping)


@asynccontextmanager
async def _at_work(app: FastAPI) -> AsyncIterator[None]:
    """Work on jobs, and follow the model's alias, for as long as the application runs.

    One blank crop is scored before the first request, so that it does not pay for the model's first run.
    """
    services: Services = app.state.services
    try:
        await to_thread.run_sync(_score_blank, services)
    except BackendUnavailable as error:
        _LOG.warning("the model does not answer yet: %s", error)
    stop_streams = app.state.jobs.streams.stop
    stopping: Stopping = app.state.stopping

    def begin_to_stop() -> None:
        stopping.begun = True
        if services.crew is not None:
            services.crew.ask_to_stop()
        stop_streams()

    follower, keeper = services.follower, services.keeper
    if services.crew is not None:
        services.crew.start()
    if follower is not None:
        follower.start()
    if keeper is not None:
        keeper.start()
    try:
        with services.beside, told_to_stop(begin_to_stop), told_to_reload(None if follower is None else follower.nudge):
            yield
    finally:
        stop_streams()
        if keeper is not None:
            await to_thread.run_sync(keeper.stop)
        if follower is not None:
            await to_thread.run_sync(follower.stop)
        if services.crew is not None:
            await to_thread.run_sync(services.crew.stop)


def _score_blank(services: Services) -> None:
    services.model.current.score_blank()
