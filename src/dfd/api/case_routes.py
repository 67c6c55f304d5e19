"""The routes of reports for people: one analysis, fit to be attached to a case, as a page or as PDF."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import HTMLResponse

from dfd.api.explanation_routes import Desk
from dfd.api.front import FrontDesk, JobId
from dfd.api.problems import documented
from dfd.api.routes import never_stored
from dfd.casefile.forms import CaseForm, Paper
from dfd.casefile.html import POLICY

_ERRORS: Final = (
    "job_not_found",
    "report_not_ready",
    "invalid_parameter",
    "internal",
    "overloaded",
    "job_store_unavailable",
    "storage_unavailable",
    "storage_full",
    "backend_unavailable",
)

_PDF: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The report.",
        "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
    }
}

_NO_SNIFFING: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

case_files = APIRouter(prefix="/v1/jobs/{job_id}", tags=["jobs"], dependencies=[Depends(never_stored)])


@case_files.get(
    "/report.html",
    summary="The report of a job, for people",
    response_class=HTMLResponse,
    responses=documented(*_ERRORS),
)
async def get_report_page(front: FrontDesk, desk: Desk, job_id: JobId) -> Response:
    """The report as a page in one file, without scripts, that loads nothing: verdict, file, provenance, faces, limits.

    While the upload is kept it shows the frames that counted most. Those take the model some seconds the first time.
    """
    page = await desk.case_file(front.desk, job_id, CaseForm.HTML, Paper.A4)
    return HTMLResponse(page, headers={**_NO_SNIFFING, "Content-Security-Policy": POLICY})


@case_files.get(
    "/report.pdf",
    summary="The report of a job, for print",
    response_class=Response,
    responses=_PDF | documented(*_ERRORS),
)
async def get_report_pdf(
    front: FrontDesk,
    desk: Desk,
    job_id: JobId,
    paper: Annotated[Paper, Query(description="Size of the pages.")] = Paper.A4,
) -> Response:
    """The same as PDF, with the JSON report attached to it."""
    content = await desk.case_file(front.desk, job_id, CaseForm.PDF, paper)
    disposition = f'inline; filename="dfd-report-{job_id}.pdf"'
    return Response(content, media_type="application/pdf", headers={**_NO_SNIFFING, "Content-Disposition": disposition})
