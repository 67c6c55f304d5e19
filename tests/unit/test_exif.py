"""EXIF blocks: read from every kind of picture, and nothing a stranger writes breaks the reading."""

import struct
from collections.abc import Callable, Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dfd.video.exif import exif_tags


def tiff(order: str, *entries: tuple[int, bytes], exif: tuple[tuple[int, bytes], ...] = ()) -> bytes:
    """A block with text entries in its main directory, and in the one of EXIF."""
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    both = [*entries, *([(0x8769, b"")] if exif else [])]
    main_size = 2 + 12 * len(both) + 4
    exif_at = 8 + main_size
    data_at = exif_at + (2 + 12 * len(exif) + 4 if exif else 0)
    data = b""

    def entry(tag: int, value: bytes) -> bytes:
        nonlocal data
        if tag == 0x8769:
            return struct.pack(f"{order}HHII", tag, 4, 1, exif_at)
        value += b"\0"
        if len(value) <= 4:
            return struct.pack(f"{order}HHI", tag, 2, len(value)) + value.ljust(4, b"\0")
        packed = struct.pack(f"{order}HHII", tag, 2, len(value), data_at + len(data))
        data += value
        return packed

    def directory(entries: Iterable[tuple[int, bytes]]) -> bytes:
        listed = [entry(tag, value) for tag, value in entries]
        return struct.pack(f"{order}H", len(listed)) + b"".join(listed) + bytes(4)

    return header + directory(both) + (directory(exif) if exif else b"") + data


BLOCK = tiff("<", (0x010F, b"ACME"), (0x0131, b"Ed"), exif=((0x9003, b"2026:01:30 18:02:11"),))
SEEN = [("Make", "ACME"), ("Software", "Ed"), ("DateTimeOriginal", "2026:01:30 18:02:11")]


def jpeg(block: bytes) -> bytes:
    body = b"Exif\0\0" + block
    return b"\xff\xd8\xff\xe0\x00\x04ab\xff\xe1" + struct.pack(">H", len(body) + 2) + body + b"\xff\xda\x00\x02"


def png(block: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + b"crc!"

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"x" * 13) + chunk(b"eXIf", block)


def webp(block: bytes) -> bytes:
    odd = b"VP8X" + struct.pack("<I", 3) + b"abc\0"
    return b"RIFF\0\0\0\0WEBP" + odd + b"EXIF" + struct.pack("<I", len(block)) + block


@pytest.mark.parametrize("file", [jpeg, png, webp, bytes], ids=["jpeg", "png", "webp", "tiff"])
@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
def test_camera_software_and_dates_are_read(file: Callable[[bytes], bytes], order: str) -> None:
    block = tiff(order, (0x010F, b"ACME"), (0x0131, b"Ed"), exif=((0x9003, b"2026:01:30 18:02:11"),))
    assert exif_tags(file(block)) == SEEN


def test_a_place_is_told_without_saying_which() -> None:
    block = b"II*\0" + struct.pack("<IH", 8, 1) + struct.pack("<HHII", 0x8825, 4, 1, 26) + bytes(40)
    assert exif_tags(block) == [("GPS", "present")]


def test_a_directory_that_leads_to_itself_is_read_once() -> None:
    block = b"II*\0" + struct.pack("<IH", 8, 1) + struct.pack("<HHII", 0x8769, 4, 1, 8) + bytes(4)
    assert exif_tags(block) == []


@given(st.data())
@example(data=None)
def test_no_bytes_break_the_reading(data: st.DataObject | None) -> None:
    """Any bytes, and a well-formed picture with some bytes changed or cut off."""
    if data is None:
        assert exif_tags(b"") == []
        return
    kinds: list[Callable[[bytes], bytes]] = [jpeg, png, webp, bytes]
    make = data.draw(st.sampled_from(kinds))
    picture = bytearray(make(data.draw(st.binary(max_size=200).map(lambda tail: BLOCK + tail))))
    for at in data.draw(st.lists(st.integers(0, len(picture) - 1), max_size=8)):
        picture[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(picture)))
    for name, value in exif_tags(bytes(picture[:cut])):
        assert name
        assert len(value) <= 1024
