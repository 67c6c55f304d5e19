"""What kind of file an upload is, by its first bytes: the name and the type that a client sends are not believed.

Only kinds of video and picture are told apart. Everything else is bytes to a browser, and so never a page or a script.
Signatures: the WHATWG's MIME Sniffing Standard, section 6, and the formats' own specifications.
"""

from dataclasses import dataclass
from typing import Final

HEAD_BYTES: Final = 512
"""So many bytes tell."""


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type (RFC 6838), and how names of such files end, dot included."""

    name: str
    suffix: str


UNKNOWN: Final = MediaType("application/octet-stream", ".bin")

_MP4: Final = MediaType("video/mp4", ".mp4")
_QUICKTIME: Final = MediaType("video/quicktime", ".mov")
_BRANDS: Final = {
    b"qt  ": _QUICKTIME,
    b"3gp4": MediaType("video/3gpp", ".3gp"),
    b"3gp5": MediaType("video/3gpp", ".3gp"),
    b"avif": MediaType("image/avif", ".avif"),
    b"heic": MediaType("image/heic", ".heic"),
    b"mif1": MediaType("image/heif", ".heif"),
}
"""ISO base media files (ISO/IEC 14496-12) by their major brand; any other is MP4."""

_RIFF: Final = {b"AVI ": MediaType("video/x-msvideo", ".avi"), b"WEBP": MediaType("image/webp", ".webp")}

_BEGINNINGS: Final = (
    (b"\x89PNG\r\n\x1a\n", MediaType("image/png", ".png")),
    (b"\xff\xd8\xff", MediaType("image/jpeg", ".jpg")),
    (b"GIF87a", MediaType("image/gif", ".gif")),
    (b"GIF89a", MediaType("image/gif", ".gif")),
    (b"II*\x00", MediaType("image/tiff", ".tiff")),
    (b"MM\x00*", MediaType("image/tiff", ".tiff")),
    (b"BM", MediaType("image/bmp", ".bmp")),
    (b"FLV\x01", MediaType("video/x-flv", ".flv")),
    (b"OggS", MediaType("video/ogg", ".ogv")),
    (b"\x00\x00\x01\xba", MediaType("video/mpeg", ".mpg")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", MediaType("video/x-ms-wmv", ".wmv")),
)

_MATROSKA: Final = b"\x1aE\xdf\xa3"
_TS_PACKET_BYTES: Final = 188


def media_type_of(head: bytes) -> MediaType:
    """The kind of file that begins so.

    Args:
        head: its first `HEAD_BYTES` bytes, or all there are.
    """
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], _MP4)
    if head[4:8] in (b"moov", b"mdat", b"wide"):  # QuickTime files from before there were brands
        return _QUICKTIME
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], UNKNOWN)
    if head[:4] == _MATROSKA:
        is_webm = b"webm" in head[:64]
        return MediaType("video/webm", ".webm") if is_webm else MediaType("video/matroska", ".mkv")
    if head[:1] == b"G" and head[_TS_PACKET_BYTES : _TS_PACKET_BYTES + 1] == b"G":
        return MediaType("video/mp2t", ".ts")
    return next((kind for beginning, kind in _BEGINNINGS if head.startswith(beginning)), UNKNOWN)
