"""The page of whoever runs the service: the queue, the model that answers, its rollout, and drift."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from dfd.api.admission import AnalysisDesk
from dfd.api.drift_schemas import DriftOfMeasure
from dfd.api.front import Front, FrontDesk
from dfd.api.health import LATELY_S, ModelProbe
from dfd.api.model_schemas import ModelDetail, told_of
from dfd.api.page.showing import PageRoute, pages_of
from dfd.api.page.words import DRIFT_LEVELS, MEASURES
from dfd.api.routes import desk_of, probe_of, services_of
from dfd.api.services import Services
from dfd.caller import Scope
from dfd.job import Job, JobState
from dfd.ports import JobFilter
from dfd.ports.observing import JobCensus

_LATEST: Final = 8

administration = APIRouter(include_in_schema=False, route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bin of a histogram: its share of the videos of the week and of those of training, in [0, 1]."""

    lately: float
    reference: float | None


@dataclass(frozen=True, slots=True)
class Overview:
    """What the page says beside how the backend is.

    Attributes:
        census: of the jobs of all tenants.
        failed: the latest of the caller's tenant; None for a caller who may not see jobs.
        models: what is known of each.
    """

    census: JobCensus
    failed: Sequence[Job] | None
    models: Sequence[ModelDetail]


@administration.get("/admin")
async def overview(
    request: Request,
    services: Annotated[Services, Depends(services_of)],
    front: FrontDesk,
    desk: Annotated[AnalysisDesk, Depends(desk_of)],
    probe: Annotated[ModelProbe, Depends(probe_of)],
) -> Response:
    """How the service is doing."""

    def looked_up() -> Overview:
        views = services.catalogue.models() if services.catalogue else []
        return Overview(front.desk.census(), _failed_lately(front), told_of(views, services.monitor).models)

    found = await front.ask(looked_up)
    identity = services.model.current.identity
    return pages_of(request).answer(
        "admin.html",
        overview=found,
        identity=identity,
        backend=await probe.state(LATELY_S),
        running=desk.running,
        following=services.follower.state if services.follower else None,
        measures=MEASURES,
        levels=DRIFT_LEVELS,
        bars_of=bars_of,
        highest=highest,
    )


def bars_of(measure: DriftOfMeasure) -> list[Bar]:
    """The bins of a measure as shares."""
    lately = _shares(measure.counts)
    if measure.reference is None:
        return [Bar(one, None) for one in lately]
    return [Bar(one, other) for one, other in zip(lately, _shares(measure.reference.all), strict=True)]


def highest(bars: Sequence[Bar]) -> float:
    """The largest share of any bin, never 0."""
    return max([0.01, *(bar.lately for bar in bars), *(bar.reference or 0.0 for bar in bars)])


def _failed_lately(front: Front) -> Sequence[Job] | None:
    if Scope.JOBS_READ not in front.caller.scopes:  # the page itself asks for models:read alone
        return None
    failed, _ = front.desk.page(JobFilter(states=frozenset({JobState.FAILED})), _LATEST)
    return failed


def _shares(counts: Sequence[Any]) -> list[float]:
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]
