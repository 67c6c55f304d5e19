"""What every request gets, whatever answers it: an id, a line in the log, safe headers, and never a bare 500.

Pure ASGI: Starlette's BaseHTTPMiddleware would put itself between a handler and its caller's leaving.
"""

import logging
import re
import time
import uuid
from contextvars import ContextVar

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dfd.api.problems import problem

REQUEST_ID_HEADER = "X-Request-ID"

REQUEST_ID: ContextVar[str | None] = ContextVar("dfd_request_id", default=None)
"""Id of the request being answered; worker threads started for it see it too."""

_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""Ids taken over from callers: nothing that could forge a log line or a header."""

_LOG = logging.getLogger(__name__)


class RequestContext:
    """Gives every request an id, sends it back, and logs one line an answer. The outermost layer."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        scope["state"]["started"] = started = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID_HEADER] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        token = REQUEST_ID.set(request_id)
        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            facts = {
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "duration_ms": round((time.perf_counter() - started) * 1000, 3),
            }
            _LOG.info("request answered", extra=facts)
            REQUEST_ID.reset(token)


class UnexpectedErrors:
    """Turns an error nobody expected into a problem for the caller and a stack trace in the log."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        answering = False

        async def noted_send(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        try:
            await self._app(scope, receive, noted_send)
        except Exception:  # the edge of the service: a bug gets a stack trace in the log, the caller no detail of it
            if scope["type"] != "http" or answering:  # too late for another answer: the server cuts the connection
                raise
            _LOG.exception("unexpected error")
            await problem("internal", scope)(scope, receive, send)


def _request_id(scope: Scope) -> str:
    offered = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
    return offered if _ACCEPTED_ID.fullmatch(offered) else uuid.uuid4().hex
