"""The sign-in of a browser: a cookie that holds the credential it was begun with, sealed, for a while.

A browser sends cookies by itself, so that of a request which another site may have made counts for nothing. The
credential in it is checked at each request like that of any header: once it is revoked, so are its sessions. Any
process that has the secret can open the cookie, so there is no table, and a restart signs nobody out.

Sealed means encrypted, then authenticated (Bellare and Namprempre 2000), both by HMAC-SHA256: the key stream is that of
its counter mode (NIST SP 800-108, section 4.1) over a nonce of 16 random bytes. A cipher would need a library that the
service can do without.
"""

import hashlib
import hmac
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NoBase64
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response

LIFETIME_S: Final = 12 * 3600

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_NONCE_BYTES, _TIME_BYTES, _TAG_BYTES = 16, 8, 32
_LONGEST: Final = 4096
_PLAIN: Final = "dfd-session"
_SECURE: Final = "__Host-dfd-session"  # which browsers take from encrypted connections alone


class Sessions:
    """Seals credentials into cookies and opens them. Safe to use from several threads."""

    def __init__(self, secret: str | None, clock: Callable[[], float] = time.time) -> None:
        """Seal with keys of `secret`, the same in all processes; None draws one, and sessions end with the process.

        Args:
            secret: of some length.
            clock: seconds since the epoch.
        """
        given = secrets.token_bytes(32) if secret is None else secret.encode()
        self._stream_key, self._tag_key = (
            hmac.digest(given, label, hashlib.sha256) for label in (b"dfd session: stream", b"dfd session: tag")
        )
        self._clock = clock

    def sealed(self, credential: str) -> str:
        """The value of a cookie."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        head = nonce + int(self._clock() + LIFETIME_S).to_bytes(_TIME_BYTES, "big")
        body = head + self._mixed(nonce, credential.encode())
        return urlsafe_b64encode(body + self._tag(body)).decode().rstrip("=")

    def opened(self, value: str) -> str | None:
        """The credential in a cookie; None where the cookie is over, or is not of these keys."""
        if len(value) > _LONGEST or not value.isascii():
            return None
        try:
            sealed = urlsafe_b64decode(value + "=" * (-len(value) % 4))
        except (NoBase64, ValueError):
            return None
        body, tag = sealed[:-_TAG_BYTES], sealed[-_TAG_BYTES:]
        if len(body) < _NONCE_BYTES + _TIME_BYTES or not hmac.compare_digest(tag, self._tag(body)):
            return None
        nonce, rest = body[:_NONCE_BYTES], body[_NONCE_BYTES:]
        if int.from_bytes(rest[:_TIME_BYTES], "big") <= self._clock():
            return None
        return self._mixed(nonce, rest[_TIME_BYTES:]).decode()

    def credential_of(self, request: Request) -> str | None:
        """The credential in a request's cookie; None where there is none, or another site may have made the request."""
        value = request.cookies.get(_SECURE) or request.cookies.get(_PLAIN)
        return self.opened(value) if value and made_here(request) else None

    def begin(self, request: Request, response: Response, credential: str) -> None:
        """Sign a browser in."""
        encrypted = request.url.scheme == "https"
        response.set_cookie(
            _SECURE if encrypted else _PLAIN,
            self.sealed(credential),
            max_age=LIFETIME_S,
            path="/",
            secure=encrypted,
            httponly=True,
            samesite="strict",
        )

    def end(self, request: Request, response: Response) -> None:
        """Sign a browser out."""
        for name in request.cookies.keys() & {_PLAIN, _SECURE}:
            response.delete_cookie(name, path="/", secure=name == _SECURE, httponly=True, samesite="strict")

    def _tag(self, body: bytes) -> bytes:
        return hmac.digest(self._tag_key, body, hashlib.sha256)

    def _mixed(self, nonce: bytes, text: bytes) -> bytes:
        """Encrypted, or decrypted, which is the same."""
        blocks = range(-(-len(text) // 32))
        stream = b"".join(hmac.digest(self._stream_key, nonce + n.to_bytes(4, "big"), hashlib.sha256) for n in blocks)
        return bytes(one ^ other for one, other in zip(text, stream, strict=False))


def made_here(request: Request) -> bool:
    """Whether a page of this service, or its user, made a request, so far as the browser says.

    ``Sec-Fetch-Site`` tells (W3C, Fetch Metadata); browsers without it send ``Origin`` with everything that changes
    something. What is only looked at may lack both: the cookie's ``SameSite=Strict`` keeps other sites from it.
    """
    site = request.headers.get("sec-fetch-site")
    harmless = request.method in _SAFE_METHODS
    if site is not None:
        return site == "same-origin" or (site == "none" and harmless)
    origin = request.headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc == request.headers.get("host")
    return harmless
