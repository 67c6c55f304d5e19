"""Who asks: found once for each request, before anything of it is read, and asked for by whoever needs to know.

A guarded route has one of two dependencies, which `dfd.api.app.create_app` adds: `Guard`, or `everyone` where no
credential is needed. What a route needs is in `dfd.api.scopes`.
"""

from collections.abc import Callable
from typing import Annotated, Final

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from dfd.access.authenticator import Authenticator
from dfd.access.trail import AuditTrail
from dfd.api.scopes import rule_of
from dfd.audit import Action
from dfd.caller import ANONYMOUS, Caller
from dfd.errors import Forbidden, Unauthorized

_THREADS: Final = 8

_SCHEME = HTTPBearer(
    scheme_name="bearer",
    description="`Authorization: Bearer <API key>`, or a JSON Web Token, or `JWT_SECRET`, the shared secret.",
    auto_error=False,
)

CredentialSource = Callable[[Request], str | None]
"""Finds the credential that a request shows, None where it shows none of its kind.

`create_app` keeps them in ``app.state.credential_sources``; the first that finds one counts. Whatever a browser sends
by itself, as it does cookies, must be taken only from requests that no other site can have made.
"""


def from_header(request: Request) -> str | None:
    """What stands behind ``Authorization: Bearer``."""
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    # Starlette reads headers as Latin-1; back to the text that was sent.
    return credential.strip().encode("latin-1").decode(errors="replace") or None


class FrontDoor:
    """Lets callers in, in threads of its own, and has failures written down."""

    def __init__(self, authenticator: Authenticator, trail: AuditTrail) -> None:
        """Ask `authenticator`, and tell `trail`."""
        self._authenticator = authenticator
        self._trail = trail
        self._threads = CapacityLimiter(_THREADS)

    async def caller_of(self, token: str, request: Request) -> Caller:
        """Who shows this credential.

        Raises:
            Unauthorized: it is not valid.
            JobStoreUnavailable, IdentityUnavailable: it cannot be checked now.
        """
        known = self._authenticator.owner(token)
        if known is not None:  # who needs no database does not wait for one
            return known
        try:
            return await to_thread.run_sync(self._authenticator.caller_of, token, limiter=self._threads)
        except Unauthorized as error:
            await self.refused(Action.SIGN_IN_FAILED, request, reason=str(error))
            raise

    async def refused(self, action: Action, request: Request, caller: Caller | None = None, **facts: str) -> None:
        """Write down that a request was turned away."""
        address = None if request.client is None else request.client.host[:64]

        def write() -> None:
            self._trail.refused(action, address, request.state.request_id, caller, **facts)

        await to_thread.run_sync(write, limiter=self._threads)


class Guard:
    """A FastAPI dependency that lets in only callers who may do what the route does."""

    def __init__(self, door: FrontDoor) -> None:
        """Guard `door`."""
        self._door = door

    async def __call__(
        self, request: Request, _documented: Annotated[HTTPAuthorizationCredentials | None, Security(_SCHEME)]
    ) -> None:
        """Find out who asks, and whether he may.

        Raises:
            Unauthorized: nothing valid is shown.
            Forbidden: the caller lacks the route's scope.
            JobStoreUnavailable, IdentityUnavailable: it cannot be found out now.
        """
        sources: list[CredentialSource] = request.app.state.credential_sources
        token = next(filter(None, (source(request) for source in sources)), None)
        if token is None:
            raise Unauthorized("send the header 'Authorization: Bearer <API key or token>'")
        caller = await self._door.caller_of(token, request)
        name = request.scope["route"].name
        scope = rule_of(name).scope
        if scope not in caller.scopes:
            await self._door.refused(Action.ACCESS_REFUSED, request, caller, route=name, scope=scope)
            raise Forbidden(f"this needs the scope {scope.value!r}", scope.value)
        request.state.caller = caller


async def everyone(request: Request) -> None:
    """A FastAPI dependency that lets everyone in as the same caller."""
    request.state.caller = ANONYMOUS


def present_caller(request: Request) -> Caller:
    """Who asks, of a guarded route."""
    caller: Caller = request.state.caller
    return caller


PresentCaller = Annotated[Caller, Depends(present_caller)]
