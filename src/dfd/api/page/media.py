"""The upload of an analysis for the page's player: in ranges, always from here, never an address in the storage.

The page's policy lets a browser load from here alone, so a link to the storage would not play. A browser that pauses
keeps its connection and takes nothing, so an open range is answered with a piece: no place is held for who watches.
"""

from typing import Annotated, Final

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Response

from dfd.api.artifact_routes import Downloads, SentFile, downloads_of
from dfd.api.artifacts import UPLOAD
from dfd.api.front import FrontDesk, JobId
from dfd.api.ranges import wanted_part

PIECE_BYTES: Final = 4 * 1024 * 1024

_SAFE: Final = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
}

media = APIRouter(include_in_schema=False)


@media.get("/analyses/{job_id}/media")
async def get_media(
    front: FrontDesk,
    downloads: Annotated[Downloads, Depends(downloads_of)],
    job_id: JobId,
    range_header: Annotated[str | None, Header(alias="Range")] = None,
) -> Response:
    """Send the upload, or a part of it, as what it is; the errors are those of the artifacts' route."""
    found = await front.ask(lambda: front.shelf.one(job_id, UPLOAD))
    part = wanted_part(range_header, found.size_bytes)
    if part is not None:
        part = (part[0], min(part[1], part[0] + PIECE_BYTES))
    downloads.check_room()
    start, end = part or (0, found.size_bytes)
    pieces = await to_thread.run_sync(found.read, start, end, limiter=downloads.threads)
    first = await downloads.next_of(pieces)  # what is away is told with a status
    headers = {**_SAFE, "Content-Length": str(end - start), "ETag": found.tag}
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size_bytes}"
    return SentFile(
        downloads.sent(first, pieces),
        status_code=200 if part is None else 206,
        headers=headers,
        media_type=found.media_type,
    )
