"""Receiving the files of a form: streamed to disk as they come, hashed on the way, limited, and always removed."""

import errno
import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

from anyio import CancelScope, fail_after, to_thread
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from dfd.api.forms import FIELD, FORM_OVERHEAD_BYTES, FileParts, too_large
from dfd.errors import MalformedUpload, StorageFull, UnsupportedContentType, UploadTimeout

IDLE_LIMIT_S = 30
"""Silence after which an upload is given up, so that a stalled client does not hold a place."""

FLUSH_BYTES = 1024 * 1024
"""Files are written in pieces of this size, each in a worker thread: a slow disk does not stop the event loop."""


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


_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The disk is full, a quota is used up, or the process may not write so much."""


@dataclass(frozen=True, slots=True)
class Received:
    """A file of a form: where it lies for now, its SHA-256 in lower-case hex, and its size."""

    path: Path
    sha256: str
    size_bytes: int


@asynccontextmanager
async def received_file(
    request: Request, max_bytes: int, folder: Path | None = None, idle_limit_s: float = IDLE_LIMIT_S
) -> AsyncIterator[Path]:
    """Receive the form's one file; see `received_files`.

    Yields:
        the path of the file; its name is the same for every upload.
    """
    async with received_files(request, max_bytes, 1, folder, idle_limit_s) as files:
        yield files[0].path


@asynccontextmanager
async def received_files(
    request: Request,
    max_bytes: int,
    max_files: int,
    folder: Path | None = None,
    idle_limit_s: float = IDLE_LIMIT_S,
) -> AsyncIterator[list[Received]]:
    """Receive the form's files into a private folder that is removed on leaving, however one leaves.

    Args:
        request: a request whose body nobody has read yet.
        max_bytes: size limit of all files together.
        max_files: how many there may be.
        folder: where the private folder is made; None is the system's place for temporary files.
        idle_limit_s: longest silence of the client.

    Yields:
        the files, at least one, in their order in the form.

    Raises:
        RequestError, UnreadableVideo: see `boundary_of` and `FileParts`.
        UploadTimeout: the client fell silent.
        ClientDisconnect: the client went away.
        StorageFull: there is no room for it here.
    """
    parts = FileParts(boundary_of(request, max_bytes), max_bytes, max_files)
    with _no_room_told():
        private = Path(tempfile.mkdtemp(prefix="dfd-", dir=folder))
    try:
        with _Writer(private) as writer:
            await _receive(request, parts, writer, idle_limit_s)
            files = writer.finished()
        yield files
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(partial(shutil.rmtree, private, ignore_errors=True))


class _Writer:
    """Writes the files of one form, and hashes them on the way. Used by one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None
        self._hashes: list[Any] = []
        self._sizes_bytes: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # what could not be written cannot be written now either, and was told
            self._close()

    def write(self, found: Sequence[tuple[int, bytes]]) -> None:
        """Write pieces, which come in the order of the files.

        Raises:
            StorageFull: the disk is full.
        """
        with _no_room_told():
            for number, data in found:
                while len(self._hashes) <= number:
                    self._begin(len(self._hashes))
                if self._file is not None:
                    self._file.write(data)
                self._hashes[number].update(data)
                self._sizes_bytes[number] += len(data)

    def finished(self) -> list[Received]:
        """The files, which are now complete on disk.

        Raises:
            StorageFull: the disk is full: the last bytes are written only now.
        """
        with _no_room_told():
            self._close()
        return [
            Received(self._path(number), hashed.hexdigest(), size_bytes)
            for number, (hashed, size_bytes) in enumerate(zip(self._hashes, self._sizes_bytes, strict=True))
        ]

    def _begin(self, number: int) -> None:
        self._close()
        self._file = self._path(number).open("wb")
        self._hashes.append(hashlib.sha256())
        self._sizes_bytes.append(0)

    def _path(self, number: int) -> Path:
        return self._folder / ("upload" if number == 0 else f"upload-{number}")

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


@contextmanager
def _no_room_told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise StorageFull("there is no room for the upload in the folder for temporary files") from error


async def _receive(request: Request, parts: FileParts, writer: _Writer, idle_limit_s: float) -> None:
    chunks = request.stream()
    while True:
        try:
            with fail_after(idle_limit_s):
                chunk = await anext(chunks, None)
        except TimeoutError as error:
            raise UploadTimeout(f"no byte came for {idle_limit_s:g} s") from error
        if chunk is None:
            break
        parts.feed(chunk)
        if parts.pending_bytes >= FLUSH_BYTES:
            await to_thread.run_sync(writer.write, parts.take())
    parts.finish()
    await to_thread.run_sync(writer.write, parts.take())
