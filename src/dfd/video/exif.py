"""The EXIF block of a picture: which camera took it, when, and what changed it.

FFmpeg decodes it, PyAV gives it no name, so it is read here from the bytes of the picture's only packet. Only what
tells of camera and editing is read: the block is laid out as TIFF 6.0, its tags are those of EXIF 2.32 (CIPA DC-008).
Offsets are a stranger's: nothing outside the block is looked at, and each directory is read once.
"""

import struct
from collections.abc import Iterator
from typing import Final

_NAMES: Final = {
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0131: "Software",
    0x0132: "DateTime",
    0x013B: "Artist",
    0x8298: "Copyright",
    0x9003: "DateTimeOriginal",
    0x9004: "DateTimeDigitized",
    0x9010: "OffsetTime",
    0x9011: "OffsetTimeOriginal",
    0xA431: "BodySerialNumber",
    0xA433: "LensMake",
    0xA434: "LensModel",
}
_EXIF_DIRECTORY: Final = 0x8769
_GPS_DIRECTORY: Final = 0x8825
_ASCII: Final = 2
_LONG: Final = 4
_MOST_ENTRIES: Final = 512
_LONGEST_VALUE: Final = 1024


def exif_tags(picture: bytes) -> list[tuple[str, str]]:
    """Names and values of the tags above in a JPEG, PNG, WebP or TIFF file; none where there are none."""
    block = _block(picture)
    return [] if block is None else list(_tags(block))


def _block(picture: bytes) -> bytes | None:
    """The TIFF structure inside a picture."""
    if picture[:2] == b"\xff\xd8":
        return _in_jpeg(picture)
    if picture[:8] == b"\x89PNG\r\n\x1a\n":
        return next((data for name, data in _chunks(picture, 8, ">", 4) if name == b"eXIf"), None)
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        found = next((data for name, data in _chunks(picture, 12, "<", 0) if name == b"EXIF"), None)
        return None if found is None else found.removeprefix(b"Exif\0\0")
    return picture if picture[:4] in (b"II*\0", b"MM\0*") else None


def _in_jpeg(picture: bytes) -> bytes | None:
    """Segments up to the scan (ITU-T T.81, B.1.1): two bytes of marker, two of length, which counts itself."""
    at = 2
    while at + 4 <= len(picture) and picture[at] == 0xFF:
        marker, length = picture[at + 1], int.from_bytes(picture[at + 2 : at + 4], "big")
        if marker == 0xDA or length < 2:
            return None
        segment = picture[at + 4 : at + 2 + length]
        if marker == 0xE1 and segment[:6] == b"Exif\0\0":
            return segment[6:]
        at += 2 + length
    return None


def _chunks(picture: bytes, at: int, order: str, trailing: int) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents of the chunks of a PNG (length first, checksum behind) or RIFF (name first, even) file."""
    while at + 8 <= len(picture):
        name, length = picture[at : at + 4], picture[at + 4 : at + 8]
        if order == ">":
            name, length = length, name
        size = struct.unpack(f"{order}I", length)[0]
        yield name, picture[at + 8 : at + 8 + size]
        at += 8 + size + (trailing or size % 2)


def _tags(block: bytes) -> Iterator[tuple[str, str]]:
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return
    main = _number(block, order, 4)
    directories, seen = [main], set[int]()
    while directories:
        at = directories.pop(0)
        if at is None or at in seen:
            continue
        seen.add(at)
        for tag, kind, count, value_at in _entries(block, order, at):
            if tag == _EXIF_DIRECTORY and kind == _LONG and at == main:
                directories.append(_number(block, order, value_at))
            elif tag == _GPS_DIRECTORY:
                yield "GPS", "present"
            elif tag in _NAMES and kind == _ASCII:
                text = _text(block, order, count, value_at)
                if text:
                    yield _NAMES[tag], text


def _entries(block: bytes, order: str, at: int) -> Iterator[tuple[int, int, int, int]]:
    """Tag, type, count and place of the value of every entry of a directory."""
    if at + 2 > len(block):
        return
    (count,) = struct.unpack_from(f"{order}H", block, at)
    for index in range(min(count, _MOST_ENTRIES)):
        entry = at + 2 + 12 * index
        if entry + 12 > len(block):
            return
        tag, kind, length = struct.unpack_from(f"{order}HHI", block, entry)
        yield tag, kind, length, entry + 8


def _text(block: bytes, order: str, count: int, value_at: int) -> str:
    """A value of `count` bytes, in the entry itself where it fits."""
    start = value_at if count <= 4 else _number(block, order, value_at)
    if start is None:
        return ""
    raw = block[start : start + min(count, _LONGEST_VALUE)].split(b"\0", 1)[0]
    return raw.decode("utf-8", errors="replace").strip()


def _number(block: bytes, order: str, at: int) -> int | None:
    """Four bytes as a number; None outside the block."""
    if at + 4 > len(block):
        return None
    found: int = struct.unpack_from(f"{order}I", block, at)[0]
    return found
