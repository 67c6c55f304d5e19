"""The page's scripts and styles: a few files, held in memory, under an address that changes when one of them does."""

import gzip
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response

_FOLDER: Final = Path(__file__).parent / "static"

_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its bytes, the same packed by gzip, its media type and its strong validator, quotes included."""

    content: bytes
    packed: bytes
    media_type: str
    tag: str


class Assets:
    """Files of a folder.

    Attributes:
        version: hash over all of them, a part of each address.
    """

    def __init__(self, folder: Path = _FOLDER, names: Collection[str] | None = None, root: str = "/static") -> None:
        """Read files.

        Args:
            folder: where they lie.
            names: which; None is every file there, and one of no known kind is then an error of who put it there.
            root: path that their addresses begin with.
        """
        self._root = root
        chosen = (path.name for path in folder.iterdir()) if names is None else names
        self._files = {name: _read(folder / name) for name in sorted(chosen)}
        hashed = hashlib.sha256("".join(name + asset.tag for name, asset in self._files.items()).encode())
        self.version = hashed.hexdigest()[:16]

    def url(self, name: str) -> str:
        """Where a file is loaded from.

        Raises:
            KeyError: there is none of this name.
        """
        self._files[name]
        return f"{self._root}/{self.version}/{name}"

    @property
    def modules(self) -> list[str]:
        """Addresses of every script, which a browser may load at once."""
        return [self.url(name) for name in self._files if name.endswith(".js")]

    def answer(self, version: str, name: str, request: Request) -> Response:
        """A file as it is sent. An address of another version is answered too: replicas are replaced one by one.

        Raises:
            HTTPException: there is no such file.
        """
        asset = self._files.get(name)
        if asset is None:
            raise HTTPException(404)
        headers = {
            "Cache-Control": _FOR_EVER if version == self.version else _ASK_AGAIN,
            "ETag": asset.tag,
            "Vary": "Accept-Encoding",
        }
        if request.headers.get("if-none-match") == asset.tag:
            return Response(status_code=304, headers=headers)
        packed = "gzip" in request.headers.get("accept-encoding", "")
        if packed:
            headers["Content-Encoding"] = "gzip"
        return Response(asset.packed if packed else asset.content, headers=headers, media_type=asset.media_type)


assets = APIRouter(include_in_schema=False)


@assets.get("/static/{version}/{name}")
async def get_asset(request: Request, version: str, name: str) -> Response:
    """A script, a style or a picture of the page."""
    known: Assets = request.app.state.pages.assets
    return known.answer(version, name, request)


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return Asset(content, gzip.compress(content, mtime=0), _MEDIA_TYPES[path.suffix], f'"{digest[:32]}"')
