"""What every request gets, whatever answers it: an id, a line in the log, safe headers, and never a bare 500.

Pure ASGI: Starlette's BaseHTTPMiddleware would put itself between a handler and its caller's leaving.
"""

import asyncio
import logging
import re
import time
import uuid
from dataclasses import asdict
from functools import partial

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dfd.api.problems import problem
from dfd.api.stopping import Stopping
from dfd.correlation import REQUEST_ID, TRACE
from dfd.ports.observing import AnsweredRequest, Observer
from dfd.tracing import Attribute, SpanKind, this_span, trace_of

REQUEST_ID_HEADER = "X-Request-ID"

_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""Ids taken over from callers: nothing that could forge a log line or a header."""

_JOB_ID = re.compile(r"[0-9a-f]{32}")
"""Ids that jobs have; a path may hold anything in their place."""

_SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""What every answer says unless its route says otherwise: a browser shows it as nothing but data, and keeps no copy."""

_UNTRACED = frozenset({"/livez", "/readyz", "/health", "/metrics"})
"""Asked for every few seconds by machines: no trace begins there, unless the caller began one."""

_LOG = logging.getLogger(__name__)


class RequestContext:
    """Gives every request an id and a place in a trace, and logs and tells of one answer each. The outermost layer."""

    def __init__(self, app: ASGIApp, observer: Observer, stopping: Stopping) -> None:
        """Wrap `app`, and tell `observer`; once `stopping` has begun, no connection is kept."""
        self._app = app
        self._observer = observer
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        scope["state"]["started"] = started = time.perf_counter()
        status = body_bytes = 0

        async def counted_receive() -> Message:
            nonlocal body_bytes
            message = await receive()
            if message["type"] == "http.request":
                body_bytes += len(message.get("body", b""))
            return message

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID_HEADER] = request_id
                for name, value in _SAFE_HEADERS.items():
                    headers.setdefault(name, value)
                if self._stopping.begun:
                    headers["Connection"] = "close"  # the next request finds another process
            await send(message)

        given = Headers(scope=scope).get("traceparent")
        id_token = REQUEST_ID.set(request_id)
        trace_token = TRACE.set(trace_of(given, worth_it=scope["path"] not in _UNTRACED))
        self._observer.request_began()
        try:
            with this_span(partial(_name_of, scope), SpanKind.SERVER) as noted:
                await self._app(scope, counted_receive, send_with_headers)
                noted.attributes |= _facts_of(scope, status, request_id)
                noted.error = str(status) if status >= 500 else None
        finally:
            duration_s = time.perf_counter() - started
            self._tell(AnsweredRequest(scope["method"], _route(scope), status, duration_s, body_bytes), scope)
            TRACE.reset(trace_token)
            REQUEST_ID.reset(id_token)

    def _tell(self, request: AnsweredRequest, scope: Scope) -> None:
        self._observer.request_answered(request)
        job_id = str(scope.get("path_params", {}).get("job_id"))
        facts = {**asdict(request), "job_id": job_id if _JOB_ID.fullmatch(job_id) else None}
        _LOG.info("request answered", extra=facts)


class UnexpectedErrors:
    """Turns an error nobody expected into a problem for the caller and a stack trace in the log."""

    def __init__(self, app: ASGIApp, stopping: Stopping) -> None:
        """Wrap `app`; what is broken off once `stopping` has begun is told to come back, and is no bug."""
        self._app = app
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        answering = False

        async def noted_send(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        try:
            await self._app(scope, receive, noted_send)
        except asyncio.CancelledError:  # the server has waited long enough
            if scope["type"] != "http" or answering or not self._stopping.begun:
                raise
            # not as one that was refused: what a thread has begun for it goes on to its end
            answer = problem("unavailable", scope, headers={"Retry-After": "1"})
            await answer(scope, receive, send)
        except Exception:  # the edge of the service: a bug gets a stack trace in the log, the caller no detail of it
            if scope["type"] != "http" or answering:  # too late for another answer: the server cuts the connection
                raise
            _LOG.exception("unexpected error")
            await problem("internal", scope)(scope, receive, send)


def _route(scope: Scope) -> str | None:
    """Template of the path: the path itself may hold whatever its caller put there."""
    return getattr(scope.get("route"), "path", None)


def _name_of(scope: Scope) -> str:
    return f"{scope['method']} {_route(scope) or ''}".strip()


def _facts_of(scope: Scope, status: int, request_id: str) -> dict[str, Attribute]:
    """What a span says of a request, in OpenTelemetry's words; nothing that its caller chose but the method."""
    facts: dict[str, Attribute] = {
        "http.request.method": scope["method"],
        "http.response.status_code": status,
        "dfd.request_id": request_id,
    }
    route = _route(scope)
    return facts if route is None else {**facts, "http.route": route}


def _request_id(scope: Scope) -> str:
    offered = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
    return offered if _ACCEPTED_ID.fullmatch(offered) else uuid.uuid4().hex
