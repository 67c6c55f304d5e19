"""Signing in with a credential of the interface, and out."""

from typing import Final
from urllib.parse import parse_qs

from anyio import sleep
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from dfd.api.auth import FrontDoor, everyone
from dfd.api.limits import within_limits
from dfd.api.page.showing import PageRoute, failure_page, pages_of
from dfd.api.sessions import Sessions, made_here
from dfd.errors import Unauthorized

_LONGEST_FORM: Final = 16 * 1024
_PAUSE_S: Final = 0.5
"""How long a wrong credential waits for its answer: guessing takes its time."""

signing_in = APIRouter(include_in_schema=False, route_class=PageRoute)
"""Open to everyone."""

signed_in = APIRouter(include_in_schema=False)
"""To be guarded."""


async def holds(request: Request, credential: str) -> bool:
    """Whether a credential is good: the one place where the page asks.

    Raises:
        JobStoreUnavailable, IdentityUnavailable: it cannot be checked now.
    """
    door = door_of(request)
    if door is None:
        return True
    try:
        await door.caller_of(credential, request)
    except Unauthorized:
        return False
    return True


def door_of(request: Request) -> FrontDoor | None:
    """What callers are let in by; None where everyone is."""
    door: FrontDoor | None = request.app.state.door
    return door


@signing_in.get("/sign-in")
async def ask_to_sign_in(request: Request, next: str = "/") -> Response:  # noqa: A002 - the name in the address
    """Where the credential is asked for."""
    if door_of(request) is None:
        return RedirectResponse(local(next), 303)
    return pages_of(request).answer("sign_in.html", next=local(next), wrong=False)


@signing_in.post("/sign-in", dependencies=[Depends(everyone), Depends(within_limits)])
async def sign_in(request: Request) -> Response:
    """Check the credential and begin a session."""
    if not made_here(request):
        return failure_page(request, "cross_site", 403)
    form = await _form(request)
    credential, target = form.get("credential", "").strip(), local(form.get("next", "/"))
    if not credential or not await holds(request, credential):
        await sleep(_PAUSE_S)
        return pages_of(request).answer("sign_in.html", 401, next=target, wrong=True)
    answer = RedirectResponse(target, 303, headers={"Cache-Control": "no-store"})
    _sessions(request).begin(request, answer, credential)
    return answer


@signing_in.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session."""
    if not made_here(request):
        return failure_page(request, "cross_site", 403)
    answer = RedirectResponse("/sign-in", 303, headers={"Cache-Control": "no-store"})
    _sessions(request).end(request, answer)
    return answer


@signed_in.get("/session")
async def session() -> Response:
    """Whether there is one: a browser keeps the cookie to itself when a link of another site leads here."""
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


def local(target: str) -> str:
    """An address of this service; whatever else it may be becomes the first page."""
    leads_away = not target.startswith("/") or target.startswith("//") or "\\" in target
    return "/" if leads_away or not target.isprintable() else target


def _sessions(request: Request) -> Sessions:
    sessions: Sessions = request.app.state.sessions
    return sessions


async def _form(request: Request) -> dict[str, str]:
    """The fields of a short form; of a long one nothing."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LONGEST_FORM:
            return {}
    fields = parse_qs(body.decode(errors="replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}
