"""Photographs as phones store them (HEIF, ISO/IEC 23008-12): of one picture, or of tiles that make up one."""

import struct
from pathlib import Path
from typing import Final

import av
from tests.synthetic_video import write_video

_MAIN, _GRID, _THUMBNAIL = 1, 90, 91
_TILE_PX: Final = (128, 96)


def write_heic(path: Path, *, columns: int = 1, rows: int = 1, thumbnail: bool = False) -> Path:
    """Write a photograph of 128x96 pixels, or one of so many tiles of that size; perhaps with a thumbnail beside it."""
    tiles = columns * rows
    config, pictures = _pictures(path.parent, tiles)
    items = {_MAIN + number: (b"hvc1", picture, 2) for number, picture in enumerate(pictures)}
    references = b""
    if tiles > 1:
        width, height = columns * _TILE_PX[0], rows * _TILE_PX[1]
        grid = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
        references += _box(b"dimg", struct.pack(f">HH{tiles}H", _GRID, tiles, *items))
        items[_GRID] = (b"grid", grid, 3)
    if thumbnail:
        references += _box(b"thmb", struct.pack(">HHH", _THUMBNAIL, 1, _GRID if tiles > 1 else _MAIN))
        items[_THUMBNAIL] = (b"hvc1", pictures[0], 2)
    head = _box(b"ftyp", b"heic\0\0\0\0mif1heic")
    properties = [config, _size(*_TILE_PX), _size(columns * _TILE_PX[0], rows * _TILE_PX[1])]
    start = len(head) + len(_meta(items, references, properties, 0)) + 8
    data = b"".join(content for _, content, _ in items.values())
    path.write_bytes(head + _meta(items, references, properties, start) + _box(b"mdat", data))
    return path


def _pictures(folder: Path, count: int) -> tuple[bytes, list[bytes]]:
    """The configuration of HEVC pictures as a box, and these."""
    film = write_video(folder / "tiles.mp4", frames=count, size=_TILE_PX, codec="libx265", options={"g": "1"})
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        pictures = [bytes(packet) for packet in container.demux(stream) if packet.size]
        return _box(b"hvcC", stream.codec_context.extradata or b""), pictures


def _meta(items: dict[int, tuple[bytes, bytes, int]], references: bytes, properties: list[bytes], start: int) -> bytes:
    """The box that tells of the items; `start` is where their data begins."""
    main = _GRID if _GRID in items else _MAIN
    places, entries, owners = b"", b"", b""
    for number, (kind, content, size) in items.items():
        places += struct.pack(">HHHII", number, 0, 1, start, len(content))
        start += len(content)
        entries += _full(b"infe", struct.pack(">HH", number, 0) + kind + b"\0", version=2)
        owners += struct.pack(">HB", number, 1) + bytes([size]) if kind == b"grid" else b""
        owners += struct.pack(">HBBB", number, 2, 0x81, size) if kind != b"grid" else b""
    count = struct.pack(">H", len(items))
    return _full(
        b"meta",
        _full(b"hdlr", b"\0\0\0\0pict" + bytes(13))
        + _full(b"pitm", struct.pack(">H", main))
        + _full(b"iloc", b"\x44\0" + count + places)
        + _full(b"iinf", count + entries)
        + (_full(b"iref", references) if references else b"")
        + _box(b"iprp", _box(b"ipco", b"".join(properties)) + _full(b"ipma", b"\0\0" + count + owners)),
    )


def _size(width_px: int, height_px: int) -> bytes:
    return _full(b"ispe", struct.pack(">II", width_px, height_px))


def _full(kind: bytes, body: bytes, version: int = 0) -> bytes:
    return _box(kind, bytes([version, 0, 0, 0]) + body)


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body
