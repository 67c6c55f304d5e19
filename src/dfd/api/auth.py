"""Bearer authentication with one shared secret."""

import hmac
from typing import Annotated

from fastapi import Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from dfd.errors import Unauthorized

_SCHEME = HTTPBearer(
    scheme_name="bearer", description="`Authorization: Bearer <JWT_SECRET>`, the shared secret.", auto_error=False
)


class BearerAuth:
    """A FastAPI dependency that lets only callers with the secret through."""

    def __init__(self, token: str) -> None:
        """Guard with `token`, which must not be empty."""
        if not token:
            raise ValueError("an empty bearer token protects nothing")
        self._expected = token.encode()

    async def __call__(self, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_SCHEME)]) -> None:
        """Compare in constant time, so that the time of the answer tells nothing about the secret.

        Raises:
            Unauthorized: no bearer token, or the wrong one.
        """
        if credentials is None:
            raise Unauthorized("send the header 'Authorization: Bearer <token>'")
        # Starlette reads headers as Latin-1; back to the bytes that were sent.
        if not hmac.compare_digest(credentials.credentials.encode("latin-1"), self._expected):
            raise Unauthorized("the bearer token is not the right one")
