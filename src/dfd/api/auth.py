"""Bearer authentication with one shared secret."""

import hmac
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from dfd.api.sessions import Sessions
from dfd.errors import Unauthorized

_SCHEME = HTTPBearer(
    scheme_name="bearer", description="`Authorization: Bearer <JWT_SECRET>`, the shared secret.", auto_error=False
)


class BearerAuth:
    """A FastAPI dependency that lets only callers with the secret through, in a header or in the page's cookie."""

    def __init__(self, token: str, sessions: Sessions | None = None) -> None:
        """Guard with `token`, which must not be empty, and let in whoever has signed in on the page with it."""
        if not token:
            raise ValueError("an empty bearer token protects nothing")
        self._expected = token.encode()
        self._sessions = sessions

    async def __call__(
        self, request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_SCHEME)]
    ) -> None:
        """Let a caller in.

        Raises:
            Unauthorized: no bearer token, or the wrong one.
        """
        if credentials is None:
            signed_in = None if self._sessions is None else self._sessions.credential_of(request)
            if signed_in is None or not self.holds(signed_in):
                raise Unauthorized("send the header 'Authorization: Bearer <token>'")
        # Starlette reads headers as Latin-1; back to the bytes that were sent.
        elif not self._is(credentials.credentials.encode("latin-1")):
            raise Unauthorized("the bearer token is not the right one")

    def holds(self, credential: str) -> bool:
        """Whether this is the secret."""
        return self._is(credential.encode(errors="replace"))

    def _is(self, shown: bytes) -> bool:
        """Compare in constant time, so that the time of the answer tells nothing about the secret."""
        return hmac.compare_digest(shown, self._expected)
