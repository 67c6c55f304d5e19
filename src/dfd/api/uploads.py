"""Receiving one file of a multipart form: streamed to disk as it comes, limited, and always removed.

Starlette's form parser spools the whole body, without a limit, before a handler runs, and the handler would then
copy it. Here python-multipart's parser is fed straight from the request, the bytes of the part named ``file`` go to
a file of our own, and everything else is dropped. The name the client gives the file is never looked at.

Form layout: RFC 7578.
"""

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from anyio import CancelScope, fail_after, to_thread
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from dfd.errors import (
    InvalidParameter,
    MalformedUpload,
    UnreadableVideo,
    UnsupportedContentType,
    UploadTimeout,
    UploadTooLarge,
)

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks  # exists for type checkers only

FIELD = "file"

FORM_OVERHEAD_BYTES = 64 * 1024
"""What a body may hold beyond the file: boundaries, headers and fields that are ignored."""

IDLE_LIMIT_S = 30
"""Silence after which an upload is given up, so that a stalled client does not hold a place."""

FLUSH_BYTES = 1024 * 1024
"""The file is written in pieces of this size, each in a worker thread: a slow disk does not stop the event loop."""


class FilePart:
    """Push parser that picks the bytes of the one part named ``file`` out of a multipart body.

    `feed` the body piece by piece, `take` what has been found so far, `finish` at the end.
    """

    def __init__(self, boundary: bytes, max_bytes: int) -> None:
        """Read a form whose parts are separated by `boundary` and whose file has at most `max_bytes`.

        Raises:
            MalformedUpload: no form can have this boundary.
        """
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._part_begins,
            "on_header_field": self._header_name_comes,
            "on_header_value": self._header_value_comes,
            "on_header_end": self._header_ends,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._data_comes,
            "on_end": self._form_ends,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError as error:
            raise MalformedUpload(f"the form's boundary is not valid: {error}") from error
        self._max_bytes = max_bytes
        self._body_bytes = 0
        self._file_bytes = 0
        self._files = 0
        self._pending = bytearray()
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._disposition = b""
        self._in_file = False
        self._complete = False

    @property
    def pending_bytes(self) -> int:
        """How much `take` would return."""
        return len(self._pending)

    def feed(self, chunk: bytes) -> None:
        """Parse the next piece of the body.

        Raises:
            UploadTooLarge: the file, or what surrounds it, is over the limit.
            MalformedUpload: this is no multipart form.
            InvalidParameter: a second part is named ``file``.
        """
        self._body_bytes += len(chunk)
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise MalformedUpload("the body is not the multipart form its header promises") from error
        if self._body_bytes - self._file_bytes > FORM_OVERHEAD_BYTES:
            raise UploadTooLarge(f"the form holds more than {FORM_OVERHEAD_BYTES} bytes beside the file")

    def take(self) -> bytes:
        """Hand over the bytes of the file found since the last call."""
        data = bytes(self._pending)
        self._pending.clear()
        return data

    def finish(self) -> None:
        """Check that the form was whole.

        Raises:
            MalformedUpload: the body broke off.
            InvalidParameter: no part is named ``file``.
            UnreadableVideo: the file is empty.
        """
        if not self._complete:
            raise MalformedUpload("the body broke off before the end of the form")
        if not self._files:
            raise InvalidParameter(f"the form has no part named {FIELD!r}")
        if not self._file_bytes:
            raise UnreadableVideo("the upload is empty")

    def _part_begins(self) -> None:
        self._disposition = b""
        self._in_file = False

    def _header_name_comes(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_value_comes(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_ends(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._in_file = options.get(b"name") == FIELD.encode()
        if self._in_file:
            self._files += 1
            if self._files > 1:
                raise InvalidParameter(f"send one part named {FIELD!r}, not several")

    def _data_comes(self, data: bytes, start: int, end: int) -> None:
        if not self._in_file:
            return
        self._file_bytes += end - start
        if self._file_bytes > self._max_bytes:
            raise too_large(self._max_bytes)
        self._pending += data[start:end]

    def _form_ends(self) -> None:
        self._complete = True


def too_large(max_bytes: int) -> UploadTooLarge:
    """The error for a file over the limit."""
    return UploadTooLarge(f"the upload is larger than {max_bytes / 1024**2:g} MB")


def boundary_of(request: Request, max_bytes: int) -> bytes:
    """Read what the head of the request says of the body, before a byte of it is taken.

    Returns:
        the boundary between the parts of the form.

    Raises:
        UnsupportedContentType: the body is no multipart form.
        MalformedUpload: the form has no boundary.
        UploadTooLarge: the body is announced to be larger than a file of `max_bytes` needs.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        raise UnsupportedContentType(f"send the video as multipart/form-data, in a part named {FIELD!r}")
    boundary = options.get(b"boundary")
    if not boundary:
        raise MalformedUpload("the header Content-Type names no boundary")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes + FORM_OVERHEAD_BYTES:
        raise too_large(max_bytes)
    return boundary


@asynccontextmanager
async def received_file(
    request: Request, max_bytes: int, folder: Path | None = None, idle_limit_s: float = IDLE_LIMIT_S
) -> AsyncIterator[Path]:
    """Receive the form's file into a private folder that is removed on leaving, however one leaves.

    Args:
        request: a request whose body nobody has read yet.
        max_bytes: size limit of the file.
        folder: where the private folder is made; None is the system's place for temporary files.
        idle_limit_s: longest silence of the client.

    Yields:
        the path of the file; its name is the same for every upload.

    Raises:
        RequestError, UnreadableVideo: see `boundary_of` and `FilePart`.
        UploadTimeout: the client fell silent.
        ClientDisconnect: the client went away.
    """
    part = FilePart(boundary_of(request, max_bytes), max_bytes)
    private = Path(tempfile.mkdtemp(prefix="dfd-", dir=folder))
    try:
        path = private / "upload"
        with path.open("wb") as file:
            await _receive(request, part, file, idle_limit_s)
        yield path
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(partial(shutil.rmtree, private, ignore_errors=True))


async def _receive(request: Request, part: FilePart, file: BinaryIO, idle_limit_s: float) -> None:
    chunks = request.stream()
    while True:
        try:
            with fail_after(idle_limit_s):
                chunk = await anext(chunks, None)
        except TimeoutError as error:
            raise UploadTimeout(f"no byte came for {idle_limit_s:g} s") from error
        if chunk is None:
            break
        part.feed(chunk)
        if part.pending_bytes >= FLUSH_BYTES:
            await to_thread.run_sync(file.write, part.take())
    part.finish()
    await to_thread.run_sync(file.write, part.take())
