"""The pages: a new analysis, and one analysis."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from dfd.api.front import FrontDesk
from dfd.api.page.analyses import found_analysis
from dfd.api.page.showing import PageRoute, pages_of
from dfd.api.routes import services_of
from dfd.api.services import Services

pages = APIRouter(include_in_schema=False, route_class=PageRoute)

ServicesOf = Annotated[Services, Depends(services_of)]
AnalysisId = Annotated[str, Path(max_length=64)]


@pages.get("/")
async def new_analysis(request: Request) -> Response:
    """Where videos are handed in."""
    return pages_of(request).answer("new.html")


@pages.get("/analyses/{job_id}")
async def one_analysis(request: Request, services: ServicesOf, front: FrontDesk, job_id: AnalysisId) -> Response:
    """Where one analysis is, and its result."""
    manifest = services.model.current.manifest
    found = await front.ask(lambda: found_analysis(job_id, front, manifest))
    return pages_of(request).answer("analysis.html", analysis=found, result=found.result, job=found.job)
