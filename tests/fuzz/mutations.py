"""Ways to spoil a media file. Each takes bytes and a source of chance, and gives other bytes."""

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Rng = np.random.Generator
Mutation = Callable[[bytearray, Rng], bytes]

_EXTREMES = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 1 << 24, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_CONTAINERS = frozenset(b"moov trak mdia minf stbl dinf edts udta mvex moof traf meta".split())
_FOURCCS = (b"avc1", b"hvc1", b"hev1", b"vp08", b"vp09", b"av01", b"mp4v", b"jpeg", b"mjpa", b"png ", b"rle ", b"apcn")
_MORE_FOURCCS = (b"raw ", b"cvid", b"SVQ3", b"dvc ", b"H264", b"XVID", b"MJPG", b"WMV3", b"tscc", b"rpza", b"zzz9")
_CODEC_IDS = tuple(b"V_MPEG4/ISO/AVC V_MPEGH/ISO/HEVC V_VP8 V_VP9 V_AV1 V_FFV1 V_THEORA V_PRORES".split())
_EBML_IDS = (b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67", b"\x15\x49\xa9\x66", b"\x16\x54\xae\x6b", b"\x1f\x43\xb6\x75")
_TS_PACKET = 188


def pick(rng: Rng, count: int) -> int:
    """A number below `count`."""
    return int(rng.integers(count))


def flip_bits(data: bytearray, rng: Rng) -> bytes:
    for _ in range(1 + pick(rng, 32)):
        data[pick(rng, len(data))] ^= 1 << pick(rng, 8)
    return bytes(data)


def flip_bits_in_head(data: bytearray, rng: Rng) -> bytes:
    head = min(len(data), 400)
    for _ in range(1 + pick(rng, 8)):
        data[pick(rng, head)] ^= 1 << pick(rng, 8)
    return bytes(data)


def overwrite(data: bytearray, rng: Rng) -> bytes:
    at, size = pick(rng, len(data)), 1 + pick(rng, 200)
    filler = (bytes(size), b"\xff" * size, rng.bytes(size))[pick(rng, 3)]
    data[at : at + size] = filler[: len(data) - at]
    return bytes(data)


def truncate(data: bytearray, rng: Rng) -> bytes:
    return bytes(data[: 1 + pick(rng, len(data) - 1)])


def cut_out(data: bytearray, rng: Rng) -> bytes:
    at = pick(rng, len(data))
    del data[at : at + 1 + pick(rng, len(data) // 2)]
    return bytes(data) or b"\0"


def insert(data: bytearray, rng: Rng) -> bytes:
    at = pick(rng, len(data))
    data[at:at] = rng.bytes(1 + pick(rng, 300))
    return bytes(data)


def repeat(data: bytearray, rng: Rng) -> bytes:
    at, size = pick(rng, len(data)), 1 + pick(rng, 2000)
    data[at:at] = data[at : at + size] * (1 + pick(rng, 50))
    return bytes(data)


def swap_parts(data: bytearray, rng: Rng) -> bytes:
    first, second = sorted(pick(rng, len(data)) for _ in range(2))
    return bytes(data[second:] + data[first:second] + data[:first])


def size_field(data: bytearray, rng: Rng) -> bytes:
    """An extreme number where a number of 2, 4 or 8 bytes may stand."""
    for _ in range(1 + pick(rng, 3)):
        kind = ("<H", ">H", "<I", ">I", "<Q", ">Q")[pick(rng, 6)]
        width = struct.calcsize(kind)
        value = _EXTREMES[pick(rng, len(_EXTREMES))] & ((1 << 8 * width) - 1)
        at = pick(rng, max(1, len(data) - width))
        data[at : at + width] = struct.pack(kind, value)
    return bytes(data)


def box_surgery(data: bytearray, rng: Rng) -> bytes:
    """Remove, double, move, empty, rename or resize one box of an ISO file, or one chunk of a RIFF or PNG file."""
    parts = _parts(data)
    if not parts:
        return size_field(data, rng)
    part = parts[pick(rng, len(parts))]
    whole = bytes(data[part.start : part.end])
    deed = pick(rng, 7)
    if deed == 0:
        del data[part.start : part.end]
    elif deed == 1:
        data[part.start : part.start] = whole * (1 + pick(rng, 20))
    elif deed == 2:
        other = parts[pick(rng, len(parts))].start
        del data[part.start : part.end]
        data[other:other] = whole
    elif deed == 3:
        data[part.body : part.end] = bytes(part.end - part.body)
    elif deed == 4:
        other_name = parts[pick(rng, len(parts))].name
        data[part.named_at : part.named_at + 4] = other_name
    elif deed == 5:
        data[part.sized_at : part.sized_at + 4] = struct.pack(part.order, _EXTREMES[pick(rng, len(_EXTREMES))])
    else:
        size = part.end - part.body
        for at in range(part.body, part.body + min(size, 1 + pick(rng, 16))):
            data[at] = pick(rng, 256)
    return _with_true_checksums(data) if data[:8] == b"\x89PNG\r\n\x1a\n" else bytes(data) or b"\0"


def ebml_surgery(data: bytearray, rng: Rng) -> bytes:
    """Change the size of a Matroska element, or move it."""
    found = [at for name in _EBML_IDS for at in _positions(data, name)]
    if not found:
        return size_field(data, rng)
    at = found[pick(rng, len(found))]
    deed = pick(rng, 4)
    if deed == 0:
        data[at + 4] = pick(rng, 256)
    elif deed == 1:
        data[at + 4 : at + 12] = b"\x01" + struct.pack(">Q", _EXTREMES[pick(rng, len(_EXTREMES))])[1:]
    elif deed == 2:
        data[at:at] = bytes(data[at : at + 500])
    else:
        data[at : at + 4] = _EBML_IDS[pick(rng, len(_EBML_IDS))]
    return bytes(data)


def swap_codec(data: bytearray, rng: Rng) -> bytes:
    """Name another codec than the one that is inside."""
    names = [*_FOURCCS, *_MORE_FOURCCS, *_CODEC_IDS]
    present = [name for name in names if name in data]
    if not present:
        return flip_bits_in_head(data, rng)
    old = present[pick(rng, len(present))]
    new = names[pick(rng, len(names))]
    fitted = new[: len(old)].ljust(len(old), b"\0")
    return bytes(data).replace(old, fitted, 1 + pick(rng, 2))


def packet_surgery(data: bytearray, rng: Rng) -> bytes:
    """Drop, double and shuffle packets of 188 bytes, and change what they say they are."""
    packets = [bytes(data[at : at + _TS_PACKET]) for at in range(0, len(data), _TS_PACKET)]
    for _ in range(1 + pick(rng, 10)):
        at = pick(rng, len(packets))
        deed = pick(rng, 4)
        if deed == 0 and len(packets) > 1:
            del packets[at]
        elif deed == 1:
            packets[at:at] = [packets[at]] * (1 + pick(rng, 20))
        elif deed == 2:
            other = pick(rng, len(packets))
            packets[at], packets[other] = packets[other], packets[at]
        else:
            changed = bytearray(packets[at])
            changed[pick(rng, min(20, len(changed)))] = pick(rng, 256)
            packets[at] = bytes(changed)
    return b"".join(packets)


ALONE: Mapping[str, Mutation] = {
    "flip_bits": flip_bits,
    "flip_bits_in_head": flip_bits_in_head,
    "overwrite": overwrite,
    "truncate": truncate,
    "cut_out": cut_out,
    "insert": insert,
    "repeat": repeat,
    "swap_parts": swap_parts,
    "size_field": size_field,
    "box_surgery": box_surgery,
    "ebml_surgery": ebml_surgery,
    "swap_codec": swap_codec,
    "packet_surgery": packet_surgery,
}
"""Each spoils one file; `splice` needs two."""


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A file that was spoilt, and how: its number makes the same again."""

    number: int
    how: str
    name: str
    data: bytes


def spoilt(seeds: Mapping[str, bytes], seed: int, number: int) -> Spoilt:
    """The file of a number: a whole one, spoilt in one to three ways."""
    rng = np.random.default_rng((seed, number))
    names = sorted(seeds)
    name = names[pick(rng, len(names))]
    data = seeds[name]
    hows = []
    for _ in range(1 + (pick(rng, 4) == 0) + (pick(rng, 8) == 0)):
        chosen = pick(rng, len(ALONE) + 1)
        if chosen == len(ALONE):
            other = seeds[names[pick(rng, len(names))]]
            data = data[: 1 + pick(rng, len(data))] + other[pick(rng, len(other)) :]
            hows.append("splice")
        else:
            how = sorted(ALONE)[chosen]
            data = ALONE[how](bytearray(data or b"\0"), rng)
            hows.append(how)
    suffix = names[pick(rng, len(names))] if pick(rng, 6) == 0 else name  # a name that lies
    return Spoilt(number, f"{name}: {', '.join(hows)}", suffix, data)


@dataclass(frozen=True, slots=True)
class _Part:
    """A box or a chunk."""

    start: int
    end: int
    body: int
    name: bytes
    named_at: int
    sized_at: int
    order: str


def _parts(data: bytearray) -> list[_Part]:
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return _chunks(data, 8, ">I", named_first=False, extra=12)
    if data[:4] == b"RIFF":
        return _chunks(data, 12, "<I", named_first=True, extra=8)
    if bytes(data[4:8]) in {b"ftyp", b"moov", b"mdat", b"free", b"wide"}:
        return _boxes(data, 0, len(data))
    return []


def _boxes(data: bytearray, start: int, end: int) -> list[_Part]:
    found = []
    while start + 8 <= end:
        (size,) = struct.unpack_from(">I", data, start)
        if size < 8 or start + size > end:
            break
        name = bytes(data[start + 4 : start + 8])
        found.append(_Part(start, start + size, start + 8, name, start + 4, start, ">I"))
        if name in _CONTAINERS:
            found += _boxes(data, start + 8, start + size)
        start += size
    return found


def _chunks(data: bytearray, start: int, order: str, *, named_first: bool, extra: int) -> list[_Part]:
    found = []
    while start + 8 <= len(data):
        sized_at, named_at = (start + 4, start) if named_first else (start, start + 4)
        (size,) = struct.unpack_from(order, data, sized_at)
        end = min(len(data), start + size + extra + (size % 2 if named_first else 0))
        found.append(_Part(start, end, start + 8, bytes(data[named_at : named_at + 4]), named_at, sized_at, order))
        start = end
    return found


def _with_true_checksums(data: bytearray) -> bytes:
    """A PNG whose chunks have right checksums again, so that more than those is looked at."""
    for part in _chunks(data, 8, ">I", named_first=False, extra=12):
        if part.end - 4 >= part.body:
            data[part.end - 4 : part.end] = struct.pack(">I", zlib.crc32(data[part.named_at : part.end - 4]))
    return bytes(data)


def _positions(data: bytearray, name: bytes) -> list[int]:
    found, at = [], data.find(name)
    while at >= 0 and at + 12 <= len(data):
        found.append(at)
        at = data.find(name, at + 1)
    return found
