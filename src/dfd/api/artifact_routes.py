"""The routes of the files of jobs: what there is, and loading it, or a part of it.

A file is sent piece by piece as the caller takes it. Each caller costs the memory of a piece or two, so only so many
may load at the same time.
"""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any, Final

from anyio import CapacityLimiter, fail_after, to_thread
from fastapi import APIRouter, Depends, Header, Path, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from starlette.types import Message, Send

from dfd.api.artifacts import UPLOAD, Artifact
from dfd.api.front import FrontDesk, JobId
from dfd.api.job_schemas import ArtifactEntry, ArtifactList
from dfd.api.problems import documented
from dfd.api.ranges import wanted_part
from dfd.api.routes import never_stored
from dfd.api.services import Services
from dfd.errors import Overloaded

_LOG = logging.getLogger(__name__)

_THREADS: Final = 8

TAKING_LIMIT_S: Final = 60.0
"""A caller who takes nothing for so long holds no place any more."""

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
"""Content-Security-Policy: what a stranger has uploaded does nothing, even if a browser shows it."""

_BINARY: Final = {"*/*": {"schema": {"type": "string", "format": "binary"}}}

_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The file.", "content": _BINARY},
    206: {"description": "The part that `Range` asked for.", "content": _BINARY},
    307: {"description": "The upload lies at the address in `Location`, for a while (`PRESIGNED_DOWNLOADS`)."},
}


class SentFile(StreamingResponse):
    """A stream that is broken off when its caller stops taking it: the server then cuts the connection."""

    limit_s = TAKING_LIMIT_S

    async def stream_response(self, send: Send) -> None:
        """Send it."""

        async def send_in_time(message: Message) -> None:
            with fail_after(self.limit_s):
                await send(message)

        try:
            await super().stream_response(send_in_time)
        except TimeoutError:
            _LOG.warning("a caller stopped taking a file")


class Downloads:
    """The callers who load files now, of whom there may be so many."""

    def __init__(self, services: Services) -> None:
        """Count those of an application that was made of `services`."""
        self.threads = CapacityLimiter(_THREADS)
        self._policy = services.policy
        self._under_way = 0

    @property
    def link_valid_s(self) -> float | None:
        """How long an address of an upload is valid; None where files are sent from here."""
        return self._policy.presigned_expiry_s

    def check_room(self) -> None:
        """Refuse before the head of the answer is sent.

        Raises:
            Overloaded: too many load.
        """
        if self._under_way >= self._policy.max_downloads:
            raise Overloaded("too many files are being loaded, try again later", self._policy.retry_after_s)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count one of them."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def next_of(self, pieces: Iterator[bytes]) -> bytes:
        """The next piece, empty behind the last; waits for the storage."""
        return await to_thread.run_sync(partial(next, pieces, b""), limiter=self.threads)

    async def sent(self, first: bytes, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
        """The body of an answer whose first piece is there."""
        with self.one():
            piece = first
            while piece:
                yield piece
                piece = await self.next_of(pieces)


def downloads_of(request: Request) -> Downloads:
    """The application's downloads."""
    downloads: Downloads = request.app.state.downloads
    return downloads


artifacts = APIRouter(prefix="/v1/jobs/{job_id}/artifacts", tags=["jobs"], dependencies=[Depends(never_stored)])


@artifacts.get(
    "",
    summary="List the files of a job",
    responses=documented(
        "job_not_found", "invalid_parameter", "internal", "job_store_unavailable", "storage_unavailable"
    ),
)
async def list_artifacts(front: FrontDesk, job_id: JobId) -> ArtifactList:
    """Say which files a job has now: its upload while that is kept, and its report once there is one."""
    found = await front.ask(lambda: front.shelf.all_of(job_id))
    return ArtifactList(
        artifacts=[
            ArtifactEntry(
                name=one.name,
                media_type=one.media_type,
                size_bytes=one.size_bytes,
                url=f"/v1/jobs/{job_id}/artifacts/{one.name}",
            )
            for one in found
        ]
    )


@artifacts.get(
    "/{name}",
    summary="Load a file of a job",
    response_class=StreamingResponse,
    responses=_ANSWERS
    | documented(
        "job_not_found",
        "artifact_not_found",
        "report_not_ready",
        "range_not_satisfiable",
        "invalid_parameter",
        "internal",
        "overloaded",
        "job_store_unavailable",
        "storage_unavailable",
    ),
)
async def get_artifact(
    front: FrontDesk,
    downloads: Annotated[Downloads, Depends(downloads_of)],
    job_id: JobId,
    name: Annotated[str, Path(description="Name of the file, as the list has it.", max_length=64)],
    range_header: Annotated[str | None, Header(alias="Range", description="One range of bytes.")] = None,
    if_range: Annotated[str | None, Header(description="`ETag` of the file that `Range` belongs to.")] = None,
) -> Response:
    """Send a file, or one range of its bytes, to be saved under a name of ours."""
    valid_s = downloads.link_valid_s
    if name == UPLOAD and valid_s is not None:
        address = await front.ask(lambda: front.shelf.link(job_id, valid_s))
        if address is not None:
            return RedirectResponse(address, 307, headers={"Cache-Control": "no-store"})
    found = await front.ask(lambda: front.shelf.one(job_id, name))
    part = wanted_part(range_header if if_range in (None, found.tag) else None, found.size_bytes)
    downloads.check_room()
    start, end = part or (0, found.size_bytes)
    pieces = await to_thread.run_sync(found.read, start, end, limiter=downloads.threads)
    first = await downloads.next_of(pieces)  # what is away is told with a status
    return SentFile(
        downloads.sent(first, pieces),
        status_code=200 if part is None else 206,
        headers=_headers(found, part),
        media_type=found.media_type,
    )


def _headers(found: Artifact, part: tuple[int, int] | None) -> dict[str, str]:
    start, end = part or (0, found.size_bytes)
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{found.file_name}"',
        "Content-Length": str(end - start),
        "Content-Security-Policy": _POLICY,
        "ETag": found.tag,
    }
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size_bytes}"
    return headers
