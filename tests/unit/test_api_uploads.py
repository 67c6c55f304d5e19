"""The streaming multipart reader: what arrives on disk, what is refused, and what is left behind."""

import random
import string
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from dfd.api.forms import FORM_OVERHEAD_BYTES, FileParts
from dfd.api.uploads import FLUSH_BYTES, boundary_of, received_file
from dfd.errors import (
    DfdError,
    InvalidParameter,
    MalformedUpload,
    UnreadableVideo,
    UnsupportedContentType,
    UploadTimeout,
    UploadTooLarge,
)

BOUNDARY = b"frontier"
BOUNDARY_CHARACTERS = string.ascii_letters + string.digits + "-_"


def form(*parts: tuple[str, bytes], boundary: bytes = BOUNDARY, end: bytes = b"--\r\n") -> bytes:
    """The body of a form with the given named parts."""
    body = b"".join(
        b'--%s\r\nContent-Disposition: form-data; name="%s"; filename="x.mp4"\r\nContent-Type: video/mp4\r\n\r\n%s\r\n'
        % (boundary, name.encode(), content)
        for name, content in parts
    )
    return body + b"--" + boundary + end


def cut(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    """Cut into pieces of the given sizes, over and over."""
    pieces, start, turn = [], 0, 0
    while start < len(data):
        pieces.append(data[start : start + sizes[turn % len(sizes)]])
        start += len(pieces[-1])
        turn += 1
    return pieces


def read_form(chunks: Sequence[bytes], boundary: bytes = BOUNDARY, max_bytes: int = 1 << 20) -> bytes:
    """Feed a whole form and return the file."""
    part, found = FileParts(boundary, max_bytes), b""
    for chunk in chunks:
        part.feed(chunk)
        found += b"".join(data for _, data in part.take())
    part.finish()
    return found + b"".join(data for _, data in part.take())


def request_with(
    chunks: Sequence[bytes],
    *,
    content_type: str | None = None,
    announced: int | str | None = None,
    leaves: bool = False,
) -> Request:
    """A request whose body comes in the given pieces; a caller who leaves does so instead of the last piece's end."""
    headers = [(b"content-type", (content_type or f"multipart/form-data; boundary={BOUNDARY.decode()}").encode())]
    if announced is not None:
        headers.append((b"content-length", str(announced).encode()))
    messages: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    end: Message = {"type": "http.request", "body": b"", "more_body": False}
    messages.append({"type": "http.disconnect"} if leaves else end)
    coming = iter(messages)

    async def receive() -> Message:
        return next(coming)

    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


@given(
    content=st.binary(min_size=1, max_size=300),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    boundary=st.text(BOUNDARY_CHARACTERS, min_size=1, max_size=70),
)
def test_a_file_arrives_whole_however_the_body_is_cut(content: bytes, sizes: list[int], boundary: str) -> None:
    border = boundary.encode()
    if b"--" + border in content:
        return
    assert read_form(cut(form(("file", content), boundary=border), sizes), border) == content


@given(
    pieces=st.lists(
        st.sampled_from([b"\r", b"\n", b"-", b"--", b"\r\n", b"\r\n--", b"\r\n--fro", b"\r\n--frontie", b"x", b"\0"]),
        min_size=1,
        max_size=40,
    ),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=8),
)
def test_content_that_looks_like_a_boundary_is_kept(pieces: list[bytes], sizes: list[int]) -> None:
    content = b"".join(pieces)
    assert read_form(cut(form(("file", content)), sizes)) == content


@given(excess=st.integers(-20, 20), limit=st.integers(21, 200), sizes=st.lists(st.integers(1, 50), min_size=1))
def test_the_limit_counts_the_bytes_of_the_file_exactly(excess: int, limit: int, sizes: list[int]) -> None:
    content = b"v" * (limit + excess)
    chunks = cut(form(("note", b"n" * 500), ("file", content)), sizes)
    if excess > 0:
        with pytest.raises(UploadTooLarge):
            read_form(chunks, max_bytes=limit)
    else:
        assert read_form(chunks, max_bytes=limit) == content


@given(data=st.binary(max_size=400), sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_arbitrary_bytes_are_refused_with_an_error_of_our_own(data: bytes, sizes: list[int]) -> None:
    with pytest.raises(DfdError):
        read_form(cut(data, sizes))


@given(at=st.floats(0, 1, exclude_max=True), sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_a_body_that_breaks_off_anywhere_is_refused(at: float, sizes: list[int]) -> None:
    body = form(("file", b"some video"), end=b"--")
    with pytest.raises(MalformedUpload):
        read_form(cut(body[: int(at * len(body))], sizes))


def test_other_fields_are_ignored_wherever_they_stand() -> None:
    body = form(("fps", b"7"), ("file", b"video"), ("files", b"no"), ("note", b"x" * 1000))
    assert read_form([body]) == b"video"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (form(("video", b"data")), InvalidParameter),
        (form(("file", b"one"), ("file", b"two")), InvalidParameter),
        (form(("file", b"")), UnreadableVideo),
        (form(), InvalidParameter),
        (b"", MalformedUpload),
        (b"no form at all", MalformedUpload),
        (form(("note", b"n" * (FORM_OVERHEAD_BYTES + 1)), ("file", b"v")), UploadTooLarge),
        (form(("file", b"video"), boundary=b"another"), MalformedUpload),
        (b"--frontier\r\n" + b"h" * 10_000 + b": v\r\n\r\n", MalformedUpload),
    ],
    ids=["no-file", "two-files", "empty-file", "no-parts", "no-body", "text", "fat-field", "boundary", "fat-header"],
)
def test_a_form_that_is_not_one_whole_file_is_refused(body: bytes, error: type[DfdError]) -> None:
    with pytest.raises(error):
        read_form([body])


def test_a_part_without_a_disposition_is_ignored_before_and_after_the_file() -> None:
    nameless = b"--frontier\r\nContent-Type: text/plain\r\n\r\nx\r\n"
    file = form(("file", b"video"), end=b"\r\n").removesuffix(b"--frontier\r\n")
    assert read_form([nameless + file + nameless + b"--frontier--\r\n"]) == b"video"


@pytest.mark.parametrize(
    ("content_type", "error"),
    [
        ("application/json", UnsupportedContentType),
        ("video/mp4", UnsupportedContentType),
        ("multipart/mixed; boundary=x", UnsupportedContentType),
        ("multipart/form-data", MalformedUpload),
    ],
)
def test_the_head_must_announce_a_form(content_type: str, error: type[DfdError]) -> None:
    with pytest.raises(error):
        boundary_of(request_with([], content_type=content_type), 100)


def test_a_boundary_longer_than_any_client_uses_is_refused() -> None:
    with pytest.raises(MalformedUpload):
        FileParts(b"b" * 1000, 100)


@pytest.mark.parametrize("announced", [100, 100 + FORM_OVERHEAD_BYTES, "nonsense", None])
def test_a_body_that_may_fit_is_let_through(announced: int | str | None) -> None:
    assert boundary_of(request_with([], announced=announced), 100) == BOUNDARY


def test_a_body_that_cannot_fit_is_refused_before_it_is_read() -> None:
    with pytest.raises(UploadTooLarge, match="larger than 2 MB"):
        boundary_of(request_with([], announced=(2 << 20) + FORM_OVERHEAD_BYTES + 1), 2 << 20)


@pytest.mark.anyio
async def test_a_large_file_is_written_in_pieces_and_removed(tmp_path: Path) -> None:
    content = random.Random(7).randbytes(3 * FLUSH_BYTES + 123)
    request = request_with(cut(form(("file", content)), [65_536, 1000]))
    async with received_file(request, 1 << 30, tmp_path) as path:
        assert path.read_bytes() == content
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert path.parent.parent == tmp_path
    assert not list(tmp_path.iterdir())


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("chunks", "options", "error"),
    [
        ([form(("file", b"v" * 101))], {}, UploadTooLarge),
        ([form(("file", b"v"))[:-9]], {}, MalformedUpload),
        ([form(("file", b""))], {}, UnreadableVideo),
        ([form(("file", b"v"))[:50]], {"leaves": True}, ClientDisconnect),
    ],
    ids=["too-large", "broken-off", "empty", "caller-left"],
)
async def test_nothing_is_left_of_an_upload_that_failed(
    tmp_path: Path, chunks: list[bytes], options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        async with received_file(request_with(chunks, **options), 100, tmp_path):
            pytest.fail("the upload was taken")
    assert not list(tmp_path.iterdir())


@pytest.mark.anyio
async def test_nothing_is_left_when_the_handler_fails_or_is_cancelled(tmp_path: Path) -> None:
    chunks = [form(("file", b"video"))]
    with pytest.raises(ZeroDivisionError):
        async with received_file(request_with(chunks), 100, tmp_path):
            raise ZeroDivisionError
    with anyio.CancelScope() as scope:
        async with received_file(request_with(chunks), 100, tmp_path) as path:
            assert path.exists()
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert not list(tmp_path.iterdir())


@pytest.mark.anyio
async def test_a_caller_who_falls_silent_is_given_up(tmp_path: Path) -> None:
    request = request_with([])

    async def silence() -> AsyncIterator[bytes]:
        yield form(("file", b"video"))[:60]
        await anyio.sleep(20)  # only a failing test waits so long

    request.stream = silence  # type: ignore[method-assign,assignment]  # a request that never says anything more
    with pytest.raises(UploadTimeout):
        async with received_file(request, 100, tmp_path, idle_limit_s=0.01):
            pytest.fail("the upload was taken")
    assert not list(tmp_path.iterdir())


def test_the_names_of_clients_are_never_used_as_paths() -> None:
    body = form(("file", b"video")).replace(b'filename="x.mp4"', b'filename="../../etc/passwd"')
    assert read_form([body]) == b"video"
    assert not hasattr(FileParts(BOUNDARY, 10), "filename")


# --- several files ------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=4), st.lists(st.integers(1, 40), min_size=1))
def test_several_files_arrive_apart_however_the_body_is_cut(contents: list[bytes], sizes: list[int]) -> None:
    parts = FileParts(BOUNDARY, 1000, max_files=4)
    found = [b""] * len(contents)
    for chunk in cut(form(*(("file", content) for content in contents)), sizes):
        parts.feed(chunk)
        for number, data in parts.take():
            found[number] += data
    parts.finish()
    for number, data in parts.take():
        found[number] += data
    assert found == contents


def test_files_together_have_a_limit_and_so_has_their_number() -> None:
    body = form(("file", b"x" * 60), ("file", b"y" * 60))
    with pytest.raises(UploadTooLarge):
        FileParts(BOUNDARY, 100, max_files=2).feed(body)
    with pytest.raises(InvalidParameter, match="at most 2 parts"):
        FileParts(BOUNDARY, 1000, max_files=2).feed(form(*[("file", b"x")] * 3))


def test_one_empty_file_among_several_is_refused() -> None:
    parts = FileParts(BOUNDARY, 1000, max_files=2)
    parts.feed(form(("file", b"x"), ("file", b"")))
    with pytest.raises(UnreadableVideo):
        parts.finish()
