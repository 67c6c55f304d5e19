"""What reads content credentials in a child (`dfd.sandbox`): one file, one answer.

The child can open no file and no connection, so nothing can be fetched; the library is told so too: neither manifests
that lie elsewhere nor certificate revocation are asked for.
"""

import io
import json
import os
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, BinaryIO, Final

import c2pa

from dfd.credentials import ContentCredentials, CredentialState
from dfd.provenance.answers import credentials_of, credentials_of_error
from dfd.sandbox.wire import Channel

_LARGEST_STORE_CHARS: Final = 32 << 20
_HEAD_BYTES: Final = 32

_STILLS: Final = {b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif", b"avif": "image/avif"}
_HEADS: Final = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\0\0\0\x0cJXL ", "image/jxl"),
)


class Kind(IntEnum):
    """Messages between the two sides, apart from those of `dfd.sandbox.nursery.Kind`."""

    READ = 16  # to the child: certificates of trusted authorities in PEM, or nothing
    FOUND = 17


def serve(channel: Channel, fds: Sequence[int]) -> None:
    """Read the file behind the one descriptor, and tell what was found."""
    anchors = channel.receive().body.decode()
    with os.fdopen(os.dup(fds[0]), "rb") as file:
        found = read_credentials(file, anchors)
    channel.send(Kind.FOUND, json.dumps(found.to_dict(), ensure_ascii=False).encode())


def read_credentials(file: BinaryIO, anchors: str) -> ContentCredentials:
    """The content credentials of a file.

    Args:
        file: seekable.
        anchors: certificates of trusted authorities, in PEM; empty where there are none.
    """
    file.seek(0)
    kind = media_type_of(file.read(_HEAD_BYTES))
    file.seek(0)
    if kind is None:
        return ContentCredentials(CredentialState.UNREADABLE, "the library does not read this kind of file")
    try:
        context = c2pa.Context.from_dict(settings_of(anchors))
        with c2pa.Reader(kind, file, context=context) as reader:
            text = reader.json()
    except c2pa.C2paError as error:
        return credentials_of_error(str(error))
    if len(text) > _LARGEST_STORE_CHARS:
        return ContentCredentials(CredentialState.UNREADABLE, "they are too long")
    store = json.loads(text)
    return credentials_of(store if isinstance(store, dict) else {})


def settings_of(anchors: str) -> Mapping[str, Any]:
    """Settings of the library: nothing is fetched."""
    verify = {"verify_after_reading": True, "verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False}
    return {"verify": verify, "trust": {"trust_anchors": anchors}} if anchors else {"verify": verify}


def media_type_of(head: bytes) -> str | None:
    """The media type by a file's first bytes, as the library names it; its name may say anything."""
    if head[4:8] == b"ftyp":
        return _STILLS.get(head[8:12], "video/mp4")
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"AVI ": "video/avi"}.get(head[8:12])
    return next((name for start, name in _HEADS if head.startswith(start)), None)


def _prepare() -> None:
    """Make now what a child may not make: the library reads a file by way of functions of Python's.

    `ctypes` builds those in executable memory, which the filter of system calls refuses to a child. A page of it that
    was in use before stays there for the next ones.
    """
    read_credentials(io.BytesIO(b"\xff\xd8\xff\xd9"), "")


_prepare()
