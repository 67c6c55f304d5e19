"""The process that reads content credentials: a file on its standard input, JSON on its standard output, and an end.

It is started by `dfd.provenance.reader` with an empty environment. Before it loads the library it gives up what it will
not need: it can write no file, start nothing large, and use only so much memory and processor time. It asks the network
for nothing: neither manifests that lie elsewhere nor certificate revocation.
"""

import json
import resource
import sys
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Final

from dfd.credentials import ContentCredentials, CredentialState
from dfd.provenance.answers import credentials_of, credentials_of_error

_MEMORY_BYTES: Final = 2 << 30
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


def main(arguments: Sequence[str]) -> None:
    """Read the file on standard input and answer.

    Args:
        arguments: seconds of processor time, and the descriptor of a file with trusted authorities in PEM, or -1.
    """
    seconds, anchors_at = int(arguments[0]), int(arguments[1])
    anchors = _all_of(anchors_at)
    for kind, most in (
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))
    found = read_credentials(sys.stdin.buffer, anchors)
    sys.stdout.write(json.dumps(found.to_dict()))
    sys.stdout.flush()


def read_credentials(file: BinaryIO, anchors: str) -> ContentCredentials:
    """The content credentials of a file.

    Args:
        file: seekable, at its beginning.
        anchors: certificates of trusted authorities, in PEM; empty where there are none.
    """
    import c2pa  # noqa: PLC0415 - after the limits, and an extra that most do without

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


def _all_of(descriptor: int) -> str:
    if descriptor < 0:
        return ""
    with open(descriptor, encoding="utf-8") as file:
        return file.read()
