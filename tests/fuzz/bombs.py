"""Small files that claim or become much, each with the statuses that the service may answer."""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.synthetic_video import paint_flat, paint_number, write_picture, write_video

REFUSED = frozenset({413, 415, 422})
ANY = REFUSED | {200}
_SIZE = (96, 64)


@dataclass(frozen=True, slots=True)
class Bomb:
    """A file that is made when it is needed.

    Attributes:
        make: writes it.
        statuses: what may be answered.
        is_long: whether it takes more than some seconds.
    """

    make: Callable[[Path], None]
    statuses: frozenset[int] = ANY
    is_long: bool = False


def png(path: Path, side_px: tuple[int, int], depth: int, colour: int, row_bytes: int) -> None:
    """A picture of one colour: deflate makes it a thousand times smaller."""
    packer = zlib.compressobj(9)
    row = bytes(1 + row_bytes)
    body = b"".join(packer.compress(row * min(64, side_px[1] - at)) for at in range(0, side_px[1], 64)) + packer.flush()
    header = struct.pack(">IIBBBBB", *side_px, depth, colour, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b""))


def png_with_text(path: Path) -> None:
    """200 MB of text in a compressed comment."""
    packer = zlib.compressobj(9)
    text = b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
    write_picture(path, paint_number(1, _SIZE))
    data = path.read_bytes()
    path.write_bytes(data[:33] + _chunk(b"zTXt", b"Comment\0\0" + text) + data[33:])


def png_header_alone(path: Path) -> None:
    write_picture(path, paint_number(1, _SIZE))
    data = bytearray(path.read_bytes())
    data[8:33] = _chunk(b"IHDR", struct.pack(">IIBBBBB", 16_384, 16_384, 8, 2, 0, 0, 0))
    path.write_bytes(data)


def jpeg(path: Path, side_px: int) -> None:
    """The header of a JPEG says another size."""
    write_picture(path, paint_number(1, _SIZE), "mjpeg", "yuvj420p")
    data = bytearray(path.read_bytes())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", side_px, side_px)
    path.write_bytes(data)


def webp(path: Path) -> None:
    write_picture(path, paint_number(1, _SIZE), "libwebp", "yuv420p")
    data = bytearray(path.read_bytes())
    at = data.index(b"VP8 ") + 8 + 6
    data[at : at + 4] = struct.pack("<HH", 16_383, 16_383)
    path.write_bytes(data)


def gif(path: Path, frames: int, delay: int, side_px: tuple[int, int] = (1, 1)) -> None:
    """So many frames of one pixel; `delay` in hundredths of a second."""
    head = b"GIF89a" + struct.pack("<HHBBB", *side_px, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    control = b"\x21\xf9\x04\x00" + struct.pack("<H", delay) + b"\0\0"
    image = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    path.write_bytes(head + (control + image) * frames + b";")


def large_header(path: Path, side_px: int) -> None:
    """An MP4 whose sample description and track header name another size than the stream does."""
    write_video(path, frames=10, size=_SIZE)
    data = bytearray(path.read_bytes())
    at = data.index(b"avc1") + 28
    data[at : at + 4] = struct.pack(">HH", side_px & 0xFFFF, side_px & 0xFFFF)
    path.write_bytes(data)


def long_header(path: Path, hours: int) -> None:
    """An MP4 of ten frames that claims to last for so many hours."""
    write_video(path, frames=10, size=_SIZE)
    data = bytearray(path.read_bytes())
    for name, scale_at in ((b"mvhd", 16), (b"mdhd", 16)):
        at = data.index(name) + scale_at
        (scale,) = struct.unpack_from(">I", data, at)
        struct.pack_into(">I", data, at + 4, min(0xFFFFFFFF, hours * 3600 * scale))
    path.write_bytes(data)


def sparse(path: Path, hours: float) -> None:
    """A few frames over so many hours."""
    write_video(path, times_s=[number * hours * 360 for number in range(11)], size=_SIZE)


def growing(path: Path) -> None:
    """A stream whose pictures become 4096x2304 in the middle."""
    small, large = path.with_suffix(".a.ts"), path.with_suffix(".b.ts")
    write_video(small, frames=25, size=_SIZE, fps=25)
    write_video(large, frames=3, size=(4096, 2304), fps=25, start_s=1.0, paint=paint_flat(9, 9, 9))
    path.write_bytes(small.read_bytes() + large.read_bytes())


def never_ending(path: Path, repeats: int) -> None:
    """A broadcast that begins again and again, with the same time stamps."""
    once = path.with_suffix(".once.ts")
    write_video(once, frames=25, size=_SIZE, codec="mpeg2video", fps=25)
    path.write_bytes(once.read_bytes() * repeats)


def many_tracks(path: Path) -> None:
    """An MP4 with a thousand copies of its track."""
    write_video(path, frames=3, size=_SIZE)
    data = bytearray(path.read_bytes())
    moov = data.index(b"moov") - 4
    track = data.index(b"trak") - 4
    (size,) = struct.unpack_from(">I", data, track)
    copy = bytes(data[track : track + size])
    data[track:track] = copy * 1000
    (moov_size,) = struct.unpack_from(">I", data, moov)
    struct.pack_into(">I", data, moov, moov_size + 1000 * size)
    path.write_bytes(data)


def nested(path: Path) -> None:
    """Boxes in boxes, ten thousand deep."""
    body = b""
    for _ in range(10_000):
        body = struct.pack(">I4s", 8 + len(body), b"moov") + body
    path.write_bytes(struct.pack(">I4s", 16, b"ftyp") + b"isom\0\0\2\0" + body)


BOMBS: dict[str, Bomb] = {
    "16k_by_16k.png": Bomb(partial(png, side_px=(16_384, 16_384), depth=1, colour=0, row_bytes=2048), REFUSED),
    "16k_by_16k_in_the_header.png": Bomb(png_header_alone, REFUSED),
    "as_large_as_may_be.png": Bomb(
        partial(png, side_px=(6144, 6144), depth=16, colour=6, row_bytes=6144 * 8), frozenset({200}), is_long=True
    ),
    "thin.png": Bomb(partial(png, side_px=(1, 1_000_000), depth=8, colour=0, row_bytes=1)),
    "text.png": Bomb(png_with_text),
    "16k_by_16k.jpg": Bomb(partial(jpeg, side_px=16_384), REFUSED),
    "64k_by_64k.jpg": Bomb(partial(jpeg, side_px=65_500), REFUSED),
    "6k_by_6k_of_nothing.jpg": Bomb(partial(jpeg, side_px=6000)),
    "16k_by_16k.webp": Bomb(webp, REFUSED),
    "64k_by_64k.gif": Bomb(partial(gif, frames=2, delay=10, side_px=(65_535, 65_535)), REFUSED),
    "16k_by_16k_in_the_header.mp4": Bomb(partial(large_header, side_px=16_384)),
    "100_hours_in_the_header.mp4": Bomb(partial(long_header, hours=100)),
    "5_hours_in_the_header.mp4": Bomb(partial(long_header, hours=5)),
    "100_hours.mkv": Bomb(partial(sparse, hours=100), REFUSED),
    "5_hours.mkv": Bomb(partial(sparse, hours=5), frozenset({200})),
    "growing.ts": Bomb(growing),
    "never_ending.ts": Bomb(partial(never_ending, repeats=400)),
    "many_tracks.mp4": Bomb(many_tracks),
    "nested.mp4": Bomb(nested, REFUSED),
    "20_thousand_frames.gif": Bomb(partial(gif, frames=20_000, delay=2), frozenset({200})),
    "million_frames.gif": Bomb(partial(gif, frames=1_000_000, delay=2), ANY, is_long=True),
    "million_slow_frames.gif": Bomb(partial(gif, frames=1_000_000, delay=100), REFUSED, is_long=True),
}


def endless_body(boundary: str) -> Iterator[bytes]:
    """An upload that never ends."""
    yield f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="x.ts"\r\n\r\n'.encode()
    while True:
        yield b"\x47" + bytes(65_535)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
