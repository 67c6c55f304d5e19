"""Reading a multipart form as it comes: the files in it, and nothing else.

Starlette's form parser spools the whole body, without a limit, before a handler runs, and the handler would then
copy it. Here python-multipart's parser is fed straight from the request, the bytes of the parts named ``file`` are
handed on, and everything else is dropped. The name the client gives a file is never looked at.

Form layout: RFC 7578.
"""

from typing import TYPE_CHECKING, Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from dfd.errors import InvalidParameter, MalformedUpload, UnreadableVideo, UploadTooLarge

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks  # exists for type checkers only

FIELD = "file"

FORM_OVERHEAD_BYTES = 64 * 1024
"""What a body may hold beyond the files: boundaries, headers and fields that are ignored."""


def described(file: dict[str, Any]) -> dict[str, Any]:
    """A form with the part ``file``, as OpenAPI describes it.

    Args:
        file: JSON schema of the part.
    """
    schema = {"type": "object", "required": [FIELD], "properties": {FIELD: file}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


class FileParts:
    """Push parser that picks the bytes of the parts named ``file`` out of a multipart body.

    `feed` the body piece by piece, `take` what has been found so far, `finish` at the end.
    """

    def __init__(self, boundary: bytes, max_bytes: int, max_files: int = 1) -> None:
        """Read a form whose parts are separated by `boundary`.

        Args:
            boundary: as the head of the request says.
            max_bytes: of all files together.
            max_files: how many there may be.

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
        self._max_files = max_files
        self._body_bytes = 0
        self._file_bytes = 0
        self._sizes_bytes: list[int] = []  # of each file so far
        self._pending: list[tuple[int, bytes]] = []  # number of the file, and some of its bytes
        self._pending_bytes = 0
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._disposition = b""
        self._in_file = False
        self._complete = False

    @property
    def pending_bytes(self) -> int:
        """How much `take` would return."""
        return self._pending_bytes

    def feed(self, chunk: bytes) -> None:
        """Parse the next piece of the body.

        Raises:
            UploadTooLarge: the file, or what surrounds it, is over the limit.
            MalformedUpload: this is no multipart form.
            InvalidParameter: more parts are named ``file`` than may be.
        """
        self._body_bytes += len(chunk)
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise MalformedUpload("the body is not the multipart form its header promises") from error
        if self._body_bytes - self._file_bytes > FORM_OVERHEAD_BYTES:
            raise UploadTooLarge(f"the form holds more than {FORM_OVERHEAD_BYTES} bytes beside the file")

    def take(self) -> list[tuple[int, bytes]]:
        """Hand over the bytes of the files found since the last call, each with the number of its file, from 0."""
        found, self._pending, self._pending_bytes = self._pending, [], 0
        return found

    def finish(self) -> None:
        """Check that the form was whole.

        Raises:
            MalformedUpload: the body broke off.
            InvalidParameter: no part is named ``file``.
            UnreadableVideo: a file is empty.
        """
        if not self._complete:
            raise MalformedUpload("the body broke off before the end of the form")
        if not self._sizes_bytes:
            raise InvalidParameter(f"the form has no part named {FIELD!r}")
        if not all(self._sizes_bytes):
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
            self._sizes_bytes.append(0)
            if len(self._sizes_bytes) > self._max_files:
                most = "one part" if self._max_files == 1 else f"at most {self._max_files} parts"
                raise InvalidParameter(f"send {most} named {FIELD!r}, not more")

    def _data_comes(self, data: bytes, start: int, end: int) -> None:
        if not self._in_file:
            return
        self._file_bytes += end - start
        if self._file_bytes > self._max_bytes:
            raise too_large(self._max_bytes)
        self._sizes_bytes[-1] += end - start
        self._pending.append((len(self._sizes_bytes) - 1, data[start:end]))
        self._pending_bytes += end - start

    def _form_ends(self) -> None:
        self._complete = True


def too_large(max_bytes: int) -> UploadTooLarge:
    """The error for a file over the limit."""
    return UploadTooLarge(f"the upload is larger than {max_bytes / 1024**2:g} MB")
