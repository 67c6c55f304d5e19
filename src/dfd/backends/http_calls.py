"""HTTP to a model server: kept connections, bounded answers, faults in the words of `ServerFault`.

Connections are made directly, never through a proxy of the environment, and no redirect is followed.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import orjson
import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as HttpTimeout

from dfd.backends.model_server import Fault, ServerFault
from dfd.tracing import SpanKind, outgoing, span

_MAX_ANSWER_BYTES: Final = 16 << 20
"""Larger than any answer about a batch of crops, small enough to be kept in memory."""

_CHUNK_BYTES: Final = 1 << 16
_KEPT_CONNECTIONS: Final = 64
"""No more are opened than threads ask at the same time; one over the limit would be closed after its request."""

_TOLD_CHARACTERS: Final = 300

_CANNOT_NOW: Final = frozenset({502, 503})
"""Statuses of a server, or of the proxy before it, that a moment later may be gone."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back, whole.

    Attributes:
        status: HTTP status.
        headers: by name in lower case.
        body: at most 16 MiB.
        where: the server in words.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    where: str

    def json(self) -> dict[str, Any]:
        """The JSON object in the body.

        Raises:
            ServerFault: it is none, or holds numbers that are none, which JSON has no words for.
        """
        try:
            parsed = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise ServerFault(
                Fault.GARBAGE, f"{self.where} answered what is no JSON, or not finite: {self._told()}"
            ) from error
        if not isinstance(parsed, dict):
            raise ServerFault(Fault.GARBAGE, f"{self.where} answered JSON that is no object: {self._told()}")
        return parsed

    def fault(self, task: str) -> ServerFault:
        """What a status other than 200 means, where the protocol knows no better."""
        told = f"{self.where} answered {self.status} to {task}: {self._told()}"
        if self.status in _CANNOT_NOW:
            return ServerFault(Fault.AWAY, told, again=True)
        if self.status == 404:
            return ServerFault(Fault.UNKNOWN_MODEL, told)
        if self.status == 413:
            return ServerFault(Fault.TOO_LARGE, told)
        return ServerFault(Fault.FAILED, told)

    @property
    def text(self) -> str:
        """The body as text, for looking for words."""
        return self.body.decode("utf-8", "replace")

    def _told(self) -> str:
        words = " ".join(self.text.split())
        return words[:_TOLD_CHARACTERS] or "(nothing)"


class HttpCalls:
    """Sends requests below one address. Safe to use from several threads."""

    def __init__(self, base_url: str) -> None:
        """Prepare; nothing is sent yet.

        Args:
            base_url: ``http`` or ``https`` address; a user and password in it are sent as Basic authentication.
        """
        parts = urlsplit(base_url)
        self._base = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
        self._host = parts.netloc.rpartition("@")[2]
        self.where = f"model server {self._base}"
        headers: dict[str, str] = {}
        if parts.username is not None:
            credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers = urllib3.make_headers(basic_auth=credentials)
        self._headers = headers
        self._pool = urllib3.PoolManager(maxsize=_KEPT_CONNECTIONS, retries=False)

    def send(
        self,
        method: str,
        path: str,
        timeout_s: float,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        """Send one request and read the whole answer, whatever its status.

        Args:
            method: ``GET`` or ``POST``.
            path: begins with a slash, quoted.
            timeout_s: longest wait for the head of the answer, and until its last byte has begun to come.
            body: of the request.
            headers: of the request.

        Raises:
            ServerFault: there was no answer, none in time, or one that was too long.
        """
        with span(method, SpanKind.CLIENT) as noted:
            noted.attributes |= {"http.request.method": method, "server.address": self._host, "url.path": path}
            answer = self._send(method, path, timeout_s, body, {**(headers or {}), **outgoing()})
            noted.attributes["http.response.status_code"] = answer.status
            noted.error = str(answer.status) if answer.status >= 400 else None
        return answer

    def _send(
        self, method: str, path: str, timeout_s: float, body: bytes | None, headers: Mapping[str, str]
    ) -> HttpAnswer:
        deadline_s = time.monotonic() + timeout_s
        try:
            response = self._pool.request(
                method,
                self._base + path,
                body=body,
                headers={**self._headers, **headers},
                timeout=urllib3.Timeout(total=timeout_s),
                redirect=False,
                preload_content=False,
            )
            try:
                content = self._read(response, deadline_s, timeout_s)
            except BaseException:
                response.close()  # what is left of the answer must not be met by the next request
                raise
            response.release_conn()
        except (HTTPError, OSError, ValueError) as error:  # refused, broken off, not HTTP, no such address
            # To urllib3 a refused connection is a time-out too.
            if isinstance(error, HttpTimeout) and not isinstance(error, NewConnectionError):
                raise self._slow(timeout_s) from error
            raise ServerFault(Fault.AWAY, f"{self.where} does not answer: {_reason(error)}", again=True) from error
        found = {name.lower(): value for name, value in response.headers.items()}
        return HttpAnswer(response.status, found, content, self.where)

    def close(self) -> None:
        """Close idle connections."""
        self._pool.clear()

    def _read(self, response: urllib3.BaseHTTPResponse, deadline_s: float, timeout_s: float) -> bytes:
        content = bytearray()
        for chunk in response.stream(_CHUNK_BYTES):
            content += chunk
            if len(content) > _MAX_ANSWER_BYTES:
                raise ServerFault(Fault.GARBAGE, f"{self.where} answered more than {_MAX_ANSWER_BYTES} bytes")
            if time.monotonic() > deadline_s:
                raise self._slow(timeout_s)
        return bytes(content)

    def _slow(self, timeout_s: float) -> ServerFault:
        return ServerFault(Fault.SLOW, f"{self.where} did not answer within {timeout_s:.3g} s (REQUEST_TIMEOUT)")


def _reason(error: Exception) -> str:
    """The innermost reason, without addresses of objects."""
    inner = error
    while isinstance(inner.__cause__, Exception):
        inner = inner.__cause__
    return str(inner) or type(inner).__name__
