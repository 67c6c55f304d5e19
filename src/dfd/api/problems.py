"""Errors as RFC 9457 problem details: one table from error code to HTTP status, one shape for every failure.

A problem never shows a stack trace, a file name of the server or the operator's configuration: what a caller may
read is the message of an input or request error, and for everything else the fixed sentence of the table.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from dfd.api.schemas import ParameterError, Problem
from dfd.errors import DfdError, Forbidden, Overloaded, RangeNotSatisfiable, Unauthorized, Unavailable

_LOG = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

CLIENT_CLOSED_REQUEST = 499
"""Nginx's status for a caller who went away before the answer; only logs ever see it."""


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """What every problem of one code has in common.

    Attributes:
        status: HTTP status.
        title: short summary, the same for every occurrence.
        detail: shown instead of the error's own message where that is meant for the operator.
    """

    status: int
    title: str
    detail: str | None = None


_MODEL_DETAIL = "The model cannot answer now; the operator's log says why."

_AWAY_DETAIL = "It may be back in a moment; the operator's log says what is away."

AWAY_RETRY_AFTER_S = 5
"""When to come back after a part of the service was away."""

KINDS: Mapping[str, ProblemKind] = {
    "unreadable_media": ProblemKind(422, "The media cannot be analysed"),
    "media_not_found": ProblemKind(422, "The media cannot be found"),
    "not_a_file": ProblemKind(422, "The media is not a file"),
    "unreadable_video": ProblemKind(422, "The file is no readable video"),
    "decode_timed_out": ProblemKind(422, "The video takes too long to decode"),
    "decode_out_of_memory": ProblemKind(422, "The video takes too much memory to decode"),
    "no_video_stream": ProblemKind(422, "The file holds no video"),
    "unsupported_codec": ProblemKind(415, "The video's codec is not supported"),
    "media_too_large": ProblemKind(413, "The video is too large or too long"),
    "unreadable_report": ProblemKind(422, "The report cannot be read"),
    "unreadable_backup": ProblemKind(422, "The backup cannot be read"),
    "bad_request": ProblemKind(400, "The request is not valid"),
    "invalid_parameter": ProblemKind(422, "A parameter is not valid"),
    "upload_too_large": ProblemKind(413, "The upload is too large"),
    "upload_timeout": ProblemKind(408, "The upload stopped coming"),
    "malformed_upload": ProblemKind(400, "The upload is not a complete multipart form"),
    "unsupported_content_type": ProblemKind(415, "The upload is not a multipart form"),
    "restore_refused": ProblemKind(409, "The service is not empty"),
    "unauthorized": ProblemKind(401, "A valid credential is needed"),
    "forbidden": ProblemKind(403, "The credential does not allow this"),
    "key_not_found": ProblemKind(404, "No such API key"),
    "callback_refused": ProblemKind(422, "The callback address is refused"),
    "job_not_found": ProblemKind(404, "No such job"),
    "version_not_found": ProblemKind(404, "No such model or version"),
    "artifact_not_found": ProblemKind(404, "The job has no such file"),
    "range_not_satisfiable": ProblemKind(416, "The file has no such bytes"),
    "delivery_not_found": ProblemKind(404, "No such delivery"),
    "face_not_found": ProblemKind(404, "No such face"),
    "explanation_unavailable": ProblemKind(409, "The answer is not explained"),
    "job_conflict": ProblemKind(409, "The job is in no state for this"),
    "job_ended": ProblemKind(409, "The job has ended"),
    "delivery_conflict": ProblemKind(409, "The event cannot be sent again now"),
    "report_not_ready": ProblemKind(409, "The job has no report"),
    "idempotency_conflict": ProblemKind(409, "The idempotency key was used for something else"),
    "configuration": ProblemKind(500, "The service is not set up", "The operator's log says what is wrong."),
    "model": ProblemKind(503, "The model does not answer", _MODEL_DETAIL),
    "model_not_found": ProblemKind(503, "The model is missing", _MODEL_DETAIL),
    "model_corrupt": ProblemKind(503, "The model is damaged", _MODEL_DETAIL),
    "model_conflict": ProblemKind(503, "The model is changing", _MODEL_DETAIL),
    "recalibration_refused": ProblemKind(503, "The model was not fitted again", _MODEL_DETAIL),
    "backend_unavailable": ProblemKind(503, "The model does not answer", _MODEL_DETAIL),
    "unavailable": ProblemKind(503, "A part of the service is away", _AWAY_DETAIL),
    "job_store_unavailable": ProblemKind(503, "The table of jobs does not answer", _AWAY_DETAIL),
    "identity_unavailable": ProblemKind(503, "Tokens cannot be checked now", _AWAY_DETAIL),
    "registry_unavailable": ProblemKind(503, "The registry of models does not answer", _AWAY_DETAIL),
    "storage_unavailable": ProblemKind(503, "The storage of files does not answer", _AWAY_DETAIL),
    "storage_full": ProblemKind(507, "There is no room for the upload", "The service has no room for it now."),
    "overloaded": ProblemKind(503, "The service is busy"),
    "queue_full": ProblemKind(503, "Too many jobs wait"),
    "rate_limited": ProblemKind(429, "Too many requests"),
    "quota_exceeded": ProblemKind(429, "The quota of the day is used up"),
    "internal": ProblemKind(500, "Something went wrong here", "The error was logged under this request's id."),
    "not_found": ProblemKind(404, "No such resource"),
    "method_not_allowed": ProblemKind(405, "The resource does not know this method"),
}
"""HTTP status of every code in `dfd.errors`, and of the codes that only HTTP has."""


def problem(
    code: str,
    scope: Scope,
    *,
    detail: str | None = None,
    errors: Sequence[ParameterError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Build the response for one code of `KINDS`.

    Args:
        code: a key of `KINDS`.
        scope: the request's ASGI scope; its request id becomes part of the problem.
        detail: what happened this time; the kind's own sentence wins where it has one.
        errors: the parameters at fault.
        headers: added to the response.
    """
    kind = KINDS[code]
    request_id = scope.get("state", {}).get("request_id", "")
    body = Problem(
        type=f"urn:dfd:problem:{code}",
        title=kind.title,
        status=kind.status,
        detail=kind.detail or detail or f"{kind.title}.",
        code=code,
        instance=f"urn:dfd:request:{request_id}",
        request_id=request_id,
        errors=errors,
    )
    return JSONResponse(
        body.model_dump(exclude_none=True),
        status_code=kind.status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        media_type=MEDIA_TYPE,
    )


def documented(*codes: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries for the statuses of some codes."""
    by_status: dict[int | str, list[str]] = {}
    for code in codes:
        by_status.setdefault(KINDS[code].status, []).append(code)
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": " or ".join(f"`{code}`" for code in names), "content": content}
        for status, names in by_status.items()
    }


def install(app: FastAPI) -> None:
    """Make every error that reaches the application a problem."""

    @app.exception_handler(DfdError)
    async def _dfd_error(request: Request, error: DfdError) -> Response:
        return problem_of(error, request.scope)

    @app.exception_handler(RequestValidationError)
    async def _validation_error(request: Request, error: RequestValidationError) -> Response:
        errors = [
            ParameterError(parameter=".".join(map(str, entry["loc"][1:])), message=entry["msg"])
            for entry in error.errors()
        ]
        detail = "; ".join(f"{entry.parameter}: {entry.message}" for entry in errors)
        return problem("invalid_parameter", request.scope, detail=detail, errors=errors)

    @app.exception_handler(HTTPException)
    async def _http_error(request: Request, error: HTTPException) -> Response:
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
        return problem(code, request.scope, headers=error.headers)

    @app.exception_handler(ClientDisconnect)
    async def _client_left(_request: Request, _error: ClientDisconnect) -> Response:
        return Response(status_code=CLIENT_CLOSED_REQUEST)


def problem_of(error: DfdError, scope: Scope) -> JSONResponse:
    """The problem for an error of DFD's own tree; what is hidden from the caller is logged for the operator."""
    code = error.code if error.code in KINDS else DfdError.code
    if KINDS[code].detail is not None:
        _LOG.error("%s: %s", code, error, exc_info=error)
    headers: dict[str, str] = {}
    if isinstance(error, Overloaded):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(AWAY_RETRY_AFTER_S)
    if isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.size_bytes}"
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = 'Bearer realm="dfd"'
    if isinstance(error, Forbidden):
        headers["WWW-Authenticate"] = f'Bearer realm="dfd", error="insufficient_scope", scope="{error.scope}"'
    return problem(code, scope, detail=str(error), headers=headers)
